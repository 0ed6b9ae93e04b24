"""What the exporter is told through the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MIB = 1 << 20
DEFAULT_BOOTSTRAP = "127.0.0.1:9092"
SPANS_TOPIC, LOGS_TOPIC = "otlp_spans_in", "otlp_logs_in"

_BROKER = re.compile(r"([\w.-]+|\[[0-9A-Fa-f:]+\])(?::(\d{1,5}))?")
_FILES = {
    "LIGHTSHIP_KAFKA_CA_FILE": "ssl_cafile",
    "LIGHTSHIP_KAFKA_CERT_FILE": "ssl_certfile",
    "LIGHTSHIP_KAFKA_KEY_FILE": "ssl_keyfile",
}
"""Variables, the same as Lightship's own, and the setting of kafka-python each is."""
DEFAULT_MECHANISM = "SCRAM-SHA-512"


@dataclass(frozen=True)
class ExporterSettings:
    """Where to send and how much may wait.

    ``memory_bytes`` bounds the encoded batches that Kafka has not acknowledged; ``message_bytes`` a single
    message; ``timeout_s`` how long a flush or shutdown waits. ``security`` goes to kafka-python as it is.
    """

    bootstrap: str = DEFAULT_BOOTSTRAP
    ingest_key: str = field(default="", repr=False)
    memory_bytes: int = 64 * MIB
    message_bytes: int = 8 * MIB
    timeout_s: float = 30.0
    security: Mapping[str, str] = field(default_factory=dict, repr=False)


def from_environment(environ: Mapping[str, str] = os.environ) -> ExporterSettings:
    """Settings of the environment.

    Raises
    ------
    ValueError
        If an address is none, a number is none or not positive, or the password file cannot be read; the
        message names the variable. It is raised when the application starts, before anything is exported.
    """
    bootstrap = environ.get("LIGHTSHIP_KAFKA") or DEFAULT_BOOTSTRAP
    addresses(bootstrap)
    return ExporterSettings(
        bootstrap=bootstrap,
        ingest_key=environ.get("LIGHTSHIP_INGEST_KEY", ""),
        memory_bytes=round(_positive(environ, "LIGHTSHIP_EXPORTER_MEMORY_MIB", 64) * MIB),
        message_bytes=round(_positive(environ, "LIGHTSHIP_EXPORTER_MESSAGE_MIB", 8) * MIB),
        timeout_s=_positive(environ, "LIGHTSHIP_EXPORTER_TIMEOUT_S", 30),
        security=_security(environ),
    )


def addresses(bootstrap: str) -> list[tuple[str, int]]:
    """Hosts and ports of bootstrap addresses; without a port Kafka's own.

    Raises
    ------
    ValueError
        If one is none.
    """
    out = []
    for word in bootstrap.split(","):
        found = _BROKER.fullmatch(word.strip())
        if found is None:
            raise ValueError(f"LIGHTSHIP_KAFKA = {bootstrap!r} is not host:port,...")
        out.append((found[1].strip("[]"), int(found[2] or 9092)))
    return out


def _security(environ: Mapping[str, str]) -> dict[str, str]:
    """TLS and account, as kafka-python names them."""
    tls, user = environ.get("LIGHTSHIP_KAFKA_TLS", "").lower() == "true", environ.get("LIGHTSHIP_KAFKA_USER")
    if not tls and not user:
        return {}
    out = {"security_protocol": ("SASL_" if user else "") + ("SSL" if tls else "PLAINTEXT")}
    if tls:
        out |= {name: environ[variable] for variable, name in _FILES.items() if environ.get(variable)}
    if user:
        out["sasl_mechanism"] = environ.get("LIGHTSHIP_KAFKA_MECHANISM") or DEFAULT_MECHANISM
        out["sasl_plain_username"] = user
        out["sasl_plain_password"] = _content("LIGHTSHIP_KAFKA_PASSWORD_FILE", environ)
    return out


def _content(variable: str, environ: Mapping[str, str]) -> str:
    try:
        return Path(environ.get(variable, "")).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(f"{variable} = {environ.get(variable, '')!r}: {error.strerror}") from error


def _positive(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} = {text!r} is not a positive number")
    return value
