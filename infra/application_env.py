"""The standard OpenTelemetry variables that an application needs, and what it lacks to be instrumented.

Sources: the OpenTelemetry environment variable specification (exporter, batch and attribute limits) and the
GenAI instrumentations' own switches for message content (`infra.instrumentation`).
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from infra.embedded.reach import gateway_address
from infra.instrumentation import (
    FAMILIES,
    IN_CODE,
    JS_FAMILIES,
    JS_IN_CODE,
    Has,
    content_variables,
    javascript_packages,
    missing_javascript,
    missing_python,
    python_has,
    traced_in_code,
)
from infra.settings import Settings

INGEST_KEY = "LIGHTSHIP_INGEST_KEY"
"""Variable with the key a gateway asks for that listens beyond loopback."""
TIMEOUT_S = 30
ATTRIBUTES = 1024
BATCH = 64


@dataclass(frozen=True, slots=True)
class Application:
    """Variables to set, by name, and lines for the one who starts it.

    ``missing``: what is not instrumented and which package would do it; ``notes``: what else to know.
    """

    variables: Mapping[str, str]
    missing: tuple[str, ...]
    notes: tuple[str, ...]


def application(
    settings: Settings, ingest_key: str = "", folder: Path | None = None, has: Has = python_has
) -> Application:
    """What the application in ``folder`` needs: one of JavaScript if there is a ``package.json``.

    ``has`` tells which Python modules are there. ``ingest_key`` goes into a header; values of that variable
    are percent-encoded (OpenTelemetry protocol exporter specification). JavaScript reads the time-out as
    milliseconds, as the specification says, Python as seconds. Content is captured on spans: Lightship
    redacts before anything is stored.
    """
    packages = javascript_packages(folder) if folder is not None else None
    if packages is None:
        content, missing = content_variables(FAMILIES, has), missing_python(has)
        notes = traced_in_code(IN_CODE, has)
    else:
        has = packages.__contains__
        content, missing = content_variables(JS_FAMILIES, has), missing_javascript(packages)
        notes = ["package.json is here: for Node.js, whose time-outs are in milliseconds"]
        notes += traced_in_code(JS_IN_CODE, has)
    endpoint = gateway_address(settings)
    header = f"authorization=Bearer%20{quote(ingest_key, safe='')}" if ingest_key else ""
    variables = _exporter(endpoint, header, TIMEOUT_S if packages is None else TIMEOUT_S * 1000) | content
    if has("traceloop.sdk") or has("@traceloop/node-server-sdk"):
        variables["TRACELOOP_BASE_URL"] = endpoint
        if header:
            variables["TRACELOOP_HEADERS"] = header
    if has("langfuse") or has("@langfuse/otel"):
        notes.append(f"langfuse sends to Langfuse; to send here instead: export LANGFUSE_BASE_URL={endpoint}")
    return Application(variables, tuple(missing), tuple(notes))


def _exporter(endpoint: str, header: str, timeout: int) -> dict[str, str]:
    """Where to send, how, and how much at once; prompts are long, so many attributes and few spans."""
    return ({"OTEL_EXPORTER_OTLP_HEADERS": header} if header else {}) | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_EXPORTER_OTLP_TIMEOUT": str(timeout),
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_ATTRIBUTE_COUNT_LIMIT": str(ATTRIBUTES),
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": str(ATTRIBUTES),
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": str(BATCH),
        "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": str(BATCH),
    }


def as_shell(variables: Mapping[str, str]) -> str:
    """``export`` lines for a POSIX shell."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())
