"""How the configured Kafka is reached: addresses, TLS, and who we are; the same for every library.

kafka-python and aiokafka name these arguments alike; what Faust wants is made of them by
``ingest.agents.app``.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from infra import topic_creation
from infra.errors import Misconfigured
from infra.settings import KafkaSettings


def connection(settings: KafkaSettings) -> dict[str, Any]:
    """Arguments of a kafka-python or aiokafka client that decide where and how it connects.

    Whoever asks gets clients that look up existing topics only (`topic_creation`).

    Raises
    ------
    Misconfigured
        If a file that the settings name cannot be used.
    """
    topic_creation.forbid()
    arguments: dict[str, Any] = {"bootstrap_servers": settings.bootstrap.split(",")}
    context = tls_context(settings)
    if settings.user:
        arguments |= {
            "security_protocol": "SASL_SSL" if context else "SASL_PLAINTEXT",
            "sasl_mechanism": settings.mechanism,
            "sasl_plain_username": settings.user,
            "sasl_plain_password": _password(settings),
        }
    elif context:
        arguments["security_protocol"] = "SSL"
    if context:
        arguments["ssl_context"] = context
    return arguments


def tls_context(settings: KafkaSettings) -> ssl.SSLContext | None:
    """What TLS is spoken with; ``None``: none is.

    Raises
    ------
    Misconfigured
        If a file of certificates or the key cannot be used.
    """
    if not settings.tls:
        return None
    context = trusting(settings.ca_file, "kafka.ca_file")
    if settings.cert_file:
        try:
            context.load_cert_chain(settings.cert_file, settings.key_file, password=_no_password)
        except (OSError, ValueError) as error:
            raise Misconfigured(
                f"kafka.cert_file {settings.cert_file} and kafka.key_file {settings.key_file} are no "
                f"certificate (PEM) with its key: {_words(error)}"
            ) from None
    return context


def trusting(ca_file: str, setting: str) -> ssl.SSLContext:
    """A client's context that trusts the authorities in ``ca_file``, or those of the system if it is empty.

    Raises
    ------
    Misconfigured
        If the file, which ``setting`` names, cannot be used.
    """
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:
        raise Misconfigured(
            f"{setting} {ca_file} is no file of certificates (PEM): {_words(error)}"
        ) from None


def _no_password() -> str:
    """Asked for the password of a key: OpenSSL would ask the terminal."""
    raise ValueError("the key has a password: give one without")


def _password(settings: KafkaSettings) -> str:
    try:
        return Path(settings.password_file).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise Misconfigured(
            f"cannot read kafka.password_file {settings.password_file}: {_words(error)}"
        ) from None


def _words(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
