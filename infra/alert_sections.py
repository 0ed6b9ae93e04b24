"""Settings of the alerts service, and of where the processes' own numbers go."""

from __future__ import annotations

from dataclasses import dataclass, field

from infra.sections import TCP, about


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """The alerts service and where others find it."""

    host: str = field(default="127.0.0.1", metadata=about("address of its API"))
    port: int = field(default=4320, metadata=about("port of its API", within=TCP))
    allowed_hosts: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "names beside loopback and `host` under which its API is reached (`Host`), or `*`; empty with "
            "`host` `0.0.0.0`: any"
        ),
    )
    runbook_url: str = field(
        default="",
        metadata=about(
            "where the team keeps runbooks: messages link to the runbook's name behind it "
            "(`https://wiki.example.org/runbooks` and `refusal`)"
        ),
    )
    public_url: str = field(
        default="",
        metadata=about(
            "address under which people reach `/act/` of its API, such as `https://ops.example.org/l`: "
            "messages then hold links that acknowledge and silence; empty: none"
        ),
    )
    reopen_minutes: int = field(
        default=240,
        metadata=about(
            "minutes after its end in which the same change reopens an incident", within=(0, 10_080)
        ),
    )
    remind_minutes: int = field(
        default=30,
        metadata=about(
            "minutes after which a page that nobody has taken is told once more; 0: never", within=(0, 10_080)
        ),
    )
    undo_minutes: float = field(
        default=5.0,
        metadata=about(
            "minutes within which an act of a person can be undone; what an accept or a false alarm asks of "
            "detection is sent when they are over",
            within=(0, 60),
        ),
    )
    heartbeat_url_file: str = field(
        default="",
        metadata=about(
            "file with an address that is called (POST) as long as people would be paged, for a dead-man's "
            "switch; empty: none"
        ),
    )
    heartbeat_s: float = field(
        default=60.0, metadata=about("seconds between two such calls", within=(1, 3600))
    )


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """Where the processes' own numbers are pushed to, beside `/metrics`."""

    otlp_endpoint: str = field(
        default="", metadata=about("`http://host:4318` of an OTLP collector for metrics; empty: none")
    )
    every_s: float = field(default=60.0, metadata=about("seconds between two pushes", within=(1, 3600)))
    metrics_key_file: str = field(
        default="",
        metadata=about(
            "file with a key: with it (`Authorization: Bearer`) `/metrics` of the gateway and the alerts "
            "service names tenants; without, and on every other process, their numbers are added up"
        ),
    )
