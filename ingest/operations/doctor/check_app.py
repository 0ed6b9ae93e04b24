"""Whether an application and its environment are as ``lightship env`` would have them. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.onramp.application_env import Application
from ingest.operations.doctor.line import FAIL, OK, WARN, Line

NEEDED = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_TRACES_EXPORTER")
"""Without these nothing arrives; the others cost content or completeness."""

UNSET_IS_FINE = frozenset(
    (
        "OTEL_TRACES_EXPORTER",  # otlp is the standard's default
        "OTEL_LOGS_EXPORTER",
        "OTEL_METRICS_EXPORTER",
        "TRACELOOP_TRACE_CONTENT",
        "OPENINFERENCE_HIDE_INPUTS",
        "OPENINFERENCE_HIDE_OUTPUTS",
    )
)
SECRET = frozenset(
    (
        "LANGFUSE_SECRET_KEY",
        "MANAGEMENT_OPENTELEMETRY_TRACING_EXPORT_OTLP_HEADERS_AUTHORIZATION",
        "MANAGEMENT_OTLP_TRACING_HEADERS_AUTHORIZATION",
        "OTEL_EXPORTER_OTLP_HEADERS",
        "PHOENIX_CLIENT_HEADERS",
        "TRACELOOP_HEADERS",
    )
)
OFF = "OTEL_SDK_DISABLED"


@dataclass(frozen=True, slots=True)
class App:
    """Which application to look at; without a runtime the one that is found in the folder."""

    folder: Path
    runtime: str = ""


def check_app(environ: Mapping[str, str], needed: Application) -> list[Line]:
    """A line for each variable that differs, and for each client that nothing records."""
    lines = []
    if environ.get(OFF, "").lower() == "true":
        lines.append(Line(f"app {OFF}", FAIL, "the SDK is switched off", f"unset {OFF}"))
    for name, value in needed.variables.items():
        have = environ.get(name)
        if have == value or (have is None and name in UNSET_IS_FINE | needed.idle):
            continue
        shown = "is not set" if have is None else "differs" if name in SECRET else f"is {have!r}"
        state = FAIL if name in NEEDED else WARN
        lines.append(Line(f"app {name}", state, shown, f"export {name}={shlex.quote(value)}"))
    lines += [Line("app instrumentation", WARN, *_two(line)) for line in needed.missing]
    return lines or [
        Line("app", OK, f"the environment is what lightship env sets ({needed.seen or 'any app'})")
    ]


def _two(line: str) -> tuple[str, str]:
    """``openai is not instrumented: pip install …`` as what is so and what helps."""
    says, _, remedy = line.partition(": ")
    return says, remedy
