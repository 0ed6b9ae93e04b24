"""Settings of the gateway: where it listens, what it takes at most, and what redaction may cost."""

from __future__ import annotations

from dataclasses import dataclass, field

from infra.sections import TCP, about

INGEST_KEY = "LIGHTSHIP_INGEST_KEY"
"""Variable with the key a gateway asks for that listens beyond loopback."""


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """The receiver. Beyond loopback it asks for ingest keys (`lightship keys create`)."""

    host: str = field(default="127.0.0.1", metadata=about("address to listen on"))
    port: int = field(default=4318, metadata=about("port of OTLP/HTTP", within=TCP))
    grpc_port: int = field(default=4317, metadata=about("port of OTLP/gRPC; 0: none", within=TCP))
    max_body_mib: int = field(
        default=64, metadata=about("largest request after decompression, MiB", within=(1, 1024))
    )
    linger_ms: float = field(
        default=5.0, metadata=about("milliseconds spans are collected into one message", within=(0, 1000))
    )
    max_in_flight_mib: int = field(
        default=256,
        metadata=about("MiB of requests taken and not yet answered; beyond, 503", within=(1, 65_536)),
    )
    disk_reserve_mib: int = field(
        default=0,
        metadata=about(
            "MiB kept free on the disk of the embedded servers: with less nothing is accepted (503); "
            "0: a tenth of the disk, at most 512",
            within=(0, 1 << 20),
        ),
    )
    max_connections: int = field(
        default=1000,
        metadata=about("open connections of HTTP, and of gRPC; beyond, 503", within=(1, 100_000)),
    )
    header_timeout_s: float = field(
        default=10.0, metadata=about("seconds for the head of a request to arrive", within=(0.1, 300))
    )
    body_timeout_s: float = field(
        default=30.0, metadata=about("seconds for the body of a request to arrive", within=(0.1, 3600))
    )
    redaction_processes: int = field(
        default=0,
        metadata=about(
            "processes that redact requests over 64 KiB (JSON: 16), and slow ones; "
            "0: one a processor, at most 4",
            within=(0, 64),
        ),
    )
    redaction_text_ms: float = field(
        default=300.0,
        metadata=about(
            "milliseconds (estimated) to redact a text of 1 MiB; of a costlier one its hash is stored",
            within=(1, 60_000),
        ),
    )
    redaction_text_mib: int = field(
        default=8,
        metadata=about(
            "longest text that is redacted, Mi characters; of a longer one hash and length", within=(1, 64)
        ),
    )
    redaction_request_ms: float = field(
        default=8000.0,
        metadata=about(
            "milliseconds (estimated) to redact a request; records beyond are refused",
            within=(10, 600_000),
        ),
    )
    allowed_origins: tuple[str, ...] = field(
        default=(),
        metadata=about("origins of web pages that may send (CORS), `https://host`, or `*`; empty: none"),
    )
    allowed_hosts: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "names beside loopback and `host` under which it is reached (`Host`), or `*`; empty with `host` "
            "`0.0.0.0`: any"
        ),
    )
