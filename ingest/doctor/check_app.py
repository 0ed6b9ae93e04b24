"""Whether the environment of a shell or application is what ``lightship env`` would set. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from ingest.doctor.line import FAIL, OK, WARN, Line

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
SECRET = frozenset(("OTEL_EXPORTER_OTLP_HEADERS",))
OFF = "OTEL_SDK_DISABLED"


def check_app(
    environ: Mapping[str, str], wanted: Mapping[str, str], missing: Sequence[str] = ()
) -> list[Line]:
    """A line for each variable that differs; ``missing`` are model clients without instrumentation."""
    lines = []
    if environ.get(OFF, "").lower() == "true":
        lines.append(Line(f"app {OFF}", FAIL, "the SDK is switched off", f"unset {OFF}"))
    for name, value in wanted.items():
        have = environ.get(name)
        if have == value or (have is None and name in UNSET_IS_FINE):
            continue
        shown = "is not set" if have is None else "differs" if name in SECRET else f"is {have!r}"
        state = FAIL if name in NEEDED else WARN
        lines.append(Line(f"app {name}", state, shown, f"export {name}={shlex.quote(value)}"))
    lines += [Line("app instrumentation", WARN, *_two(line)) for line in missing]
    return lines or [Line("app", OK, "the environment is what lightship env sets")]


def _two(line: str) -> tuple[str, str]:
    """``openai is not instrumented: pip install …`` as what is so and what helps."""
    says, _, remedy = line.partition(": ")
    return says, remedy
