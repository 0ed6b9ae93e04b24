"""The standard OpenTelemetry variables that an application needs, and what it lacks to be instrumented.

Sources: the OpenTelemetry environment variable specification (exporter, batch and attribute limits) and the
GenAI instrumentations' own switches for message content.
"""

from __future__ import annotations

import importlib.util
import shlex
from collections.abc import Callable, Mapping
from urllib.parse import quote

from infra.embedded.reach import gateway_address
from infra.settings import Settings

CLIENTS = {
    "openai": ("opentelemetry-instrumentation-genai-openai", "opentelemetry.instrumentation.genai.openai"),
    "anthropic": ("openinference-instrumentation-anthropic", "openinference.instrumentation.anthropic"),
}
"""Model clients, the package that instruments each, and its module."""


INGEST_KEY = "LIGHTSHIP_INGEST_KEY"
"""Variable with the key a gateway asks for that listens beyond loopback."""


def application_env(settings: Settings, ingest_key: str = "") -> dict[str, str]:
    """Variables by name. Content is captured on spans: Lightship redacts before anything is stored.

    ``ingest_key`` goes into a header; values of that variable are percent-encoded (OpenTelemetry protocol
    exporter specification).
    """
    header = (
        {"OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{quote(ingest_key, safe='')}"}
        if ingest_key
        else {}
    )
    return header | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": gateway_address(settings),
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "30",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "1024",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "64",
        "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "64",
        "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
        "TRACELOOP_TRACE_CONTENT": "true",
        "OPENINFERENCE_HIDE_INPUTS": "false",
        "OPENINFERENCE_HIDE_OUTPUTS": "false",
    }


def as_shell(variables: Mapping[str, str]) -> str:
    """``export`` lines for a POSIX shell."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())


def missing_instrumentation(installed: Callable[[str], bool] | None = None) -> list[str]:
    """A line for each model client that is installed here without its instrumentation."""
    has = installed or _installed
    return [
        f"{client} is not instrumented: pip install {package}"
        for client, (package, module) in CLIENTS.items()
        if has(client) and not has(module)
    ]


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
