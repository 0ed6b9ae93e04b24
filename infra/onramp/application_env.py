"""The variables that an application needs to send its telemetry here, and what it lacks to be instrumented.

Sources: the OpenTelemetry environment variable specification (exporter, batch and attribute limits), and for
what each runtime and instrumentation reads ``infra/onramp/catalogue.toml``.

No time-out is among them: the specification counts milliseconds (Java, Go, Node.js, .NET), Python seconds, so
that a value for one loses every span of another. Requests are small, and the default is ten seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from infra.embedded.addresses import gateway_address
from infra.onramp.advice import Advice, advise
from infra.onramp.catalogue import catalogue, matching
from infra.onramp.found import Found
from infra.settings import Settings

ATTRIBUTES = 1024
BATCH = 64
TIMEOUTS = (
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
    "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT",
)
SHORTEST_MS = 1000
"""A shorter time-out of a runtime that counts milliseconds was meant in seconds."""

ANY = Found("python")
"""An application of which nothing is known."""


@dataclass(frozen=True, slots=True)
class Application:
    """Variables to set, by name, and lines for the one who starts it.

    ``seen``: what was looked at; ``missing``: what loses calls, each as ``what is so: what helps``;
    ``notes``: what else to know; ``idle``: variables of vendors whose libraries nothing points to.
    """

    variables: Mapping[str, str]
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    seen: str = ""
    idle: frozenset[str] = frozenset()

    @property
    def lines(self) -> tuple[str, ...]:
        """All that is to be said of it, in order."""
        return (*filter(None, [self.seen]), *self.missing, *self.notes)


def application(
    settings: Settings,
    ingest_key: str = "",
    found: Found = ANY,
    environ: Mapping[str, str] | None = None,
    *,
    keep: bool = False,
) -> Application:
    """What an application needs, as it was found, in an environment.

    ``ingest_key`` goes into a header; values of that variable are percent-encoded (OpenTelemetry protocol
    exporter specification). Content is captured on spans: Lightship redacts before anything is stored.
    ``keep`` leaves alone what the environment sets already.
    """
    environ = {} if environ is None else environ
    advice = advise(found)
    endpoint = gateway_address(settings)
    header = f"authorization=Bearer%20{quote(ingest_key, safe='')}" if ingest_key else ""
    variables = _exporter(endpoint, header) | dict(advice.content) | _spring(found, endpoint, ingest_key)
    variables |= _vendors({"endpoint": endpoint, "headers": header, "key": ingest_key})
    variables |= _added(advice.start, environ)
    if keep:
        variables = {name: value for name, value in variables.items() if name not in environ}
    missing = (*_short_timeouts(found, environ), *advice.missing)
    notes = (*advice.notes, *_environment_notes(found, environ))
    return Application(variables, missing, notes, _seen(found, advice), _idle(found, environ))


def _exporter(endpoint: str, header: str) -> dict[str, str]:
    """Where to send, how, and how much at once; prompts are long, so many attributes and few spans."""
    return ({"OTEL_EXPORTER_OTLP_HEADERS": header} if header else {}) | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_ATTRIBUTE_COUNT_LIMIT": str(ATTRIBUTES),
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": str(ATTRIBUTES),
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": str(BATCH),
        "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": str(BATCH),
    }


def _spring(found: Found, endpoint: str, key: str) -> dict[str, str]:
    """Spring Boot's properties as variables: its tracing does not read those of OpenTelemetry.

    Boot 4 and Boot 3 name the address differently; each ignores the other's.
    """
    if found.runtime != "spring":
        return {}
    traces = f"{endpoint}/v1/traces"
    return {
        "MANAGEMENT_OPENTELEMETRY_TRACING_EXPORT_OTLP_ENDPOINT": traces,
        "MANAGEMENT_OTLP_TRACING_ENDPOINT": traces,
        "MANAGEMENT_TRACING_SAMPLING_PROBABILITY": "1.0",
        "SPRING_AI_CHAT_OBSERVATIONS_LOGPROMPT": "true",
        "SPRING_AI_CHAT_OBSERVATIONS_LOGCOMPLETION": "true",
        **(
            {
                "MANAGEMENT_OPENTELEMETRY_TRACING_EXPORT_OTLP_HEADERS_AUTHORIZATION": f"Bearer {key}",
                "MANAGEMENT_OTLP_TRACING_HEADERS_AUTHORIZATION": f"Bearer {key}",
            }
            if key
            else {}
        ),
    }


def _vendors(places: Mapping[str, str]) -> dict[str, str]:
    """Where libraries of other vendors send to, whatever keys are set; empty values are left out."""
    pairs = (
        (name, value.format_map(places)) for one in catalogue().vendors for name, value in one.set.items()
    )
    return {name: value for name, value in pairs if value}


def _added(start: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Options added to those that are set; none that are there already."""
    out = {}
    for name, value in start.items():
        have = environ.get(name, "")
        if value not in have:
            out[name] = f"{have} {value}".strip()
    return out


def _idle(found: Found, environ: Mapping[str, str]) -> frozenset[str]:
    return frozenset(
        name
        for one in catalogue().vendors
        if not matching(one.packages, found.packages)
        and not any(name.startswith(one.prefixes) for name in environ)
        for name in one.set
    )


def _short_timeouts(found: Found, environ: Mapping[str, str]) -> list[str]:
    title = catalogue().runtimes[found.runtime].title
    return [
        f"{name}={environ[name]} is {environ[name]} ms in {title}, too short for any request: unset {name}"
        for name in TIMEOUTS
        if name in environ and _too_short(found, environ[name])
    ]


def _environment_notes(found: Found, environ: Mapping[str, str]) -> list[str]:
    notes = []
    if not (
        environ.get("OTEL_SERVICE_NAME") or "service.name=" in environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    ):
        notes.append("OTEL_SERVICE_NAME is not set: name the service, unless its code does")
    if found.beside:
        others = ", ".join(f"--runtime {one}" for one in found.beside)
        notes.append(f"there is more in this directory: {others}")
    return notes


def _too_short(found: Found, value: str) -> bool:
    """Whether a time-out is one of seconds in a runtime that counts milliseconds."""
    if catalogue().runtimes[found.runtime].like == "python":
        return False
    try:
        return 0 < float(value) < SHORTEST_MS
    except ValueError:
        return False


def _seen(found: Found, advice: Advice) -> str:
    """What was looked at, and the clients that were found there."""
    if not found.where:
        return ""
    return f"{found.where}: {', '.join(advice.clients) or 'no model client that is known'}"
