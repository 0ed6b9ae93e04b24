"""What is missing in the telemetry of each service, as lines of the doctor's report. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from infra.missing_instrumentation import ServiceFacts, UnseenCalls, missing_instrumentation, why_unseen
from ingest.operations.doctor.line import OK, WARN, Line


def check_service(f: ServiceFacts) -> list[Line]:
    """Everything that is missing in what this service sends."""
    name = _name(f.tenant, f.service)
    lines = [Line(name, WARN, lack.says, lack.remedy) for lack in missing_instrumentation(f)]
    return lines or [Line(name, OK, f"its last {f.n} calls are complete ({f.dialect})")]


def _name(tenant: str, service: str) -> str:
    return f"service {service}" if tenant == "default" else f"service {tenant}/{service}"


def check_services(
    services: Sequence[ServiceFacts], unjoined: dict[str, int], silent: Sequence[UnseenCalls] = ()
) -> list[Line]:
    """All services; ``unjoined`` is content in log records, by service, that no span ever came for.

    ``silent`` are those that send and of which no call is seen.
    """
    quiet = [Line(_name(s.tenant, s.service), WARN, x.says, x.remedy) for s in silent for x in why_unseen(s)]
    if not services and not unjoined:
        remedy = 'eval "$(lightship env)" in the shell that starts the application'
        return [Line("services", WARN, "no live interaction was stored in the last 7 days", remedy), *quiet]
    lines = [line for f in services for line in check_service(f)]
    for service, n in sorted(unjoined.items()):
        says = f"content_without_span: {n} log records hold content of calls whose span never came"
        remedy = "export traces as well: OTEL_TRACES_EXPORTER=otlp, to the same endpoint"
        lines.append(Line(f"service {service}", WARN, says, remedy))
    return lines + quiet
