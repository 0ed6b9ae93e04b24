"""Why Kafka does not let us in, in words: asked on a connection of our own, since clients only time out.

The first address decides: brokers of one cluster are set up alike. Messages: Kafka protocol guide.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct

from kafka.net.sasl import get_sasl_mechanism

from infra.kafka_access import connection, tls_context
from infra.settings import KafkaSettings

TIMEOUT_S = 3.0
DEFAULT_PORT = 9092

_METADATA, _SASL_HANDSHAKE, _API_VERSIONS, _SASL_AUTHENTICATE = 3, 17, 18, 36
_UNSUPPORTED_MECHANISM, _ILLEGAL_SASL_STATE = 33, 34


class _HungUpError(Exception):
    """The other side closed the connection, or does not speak Kafka."""


def refusal(settings: KafkaSettings) -> str | None:
    """What is wrong with TLS, certificate or account, and which setting to change; ``None`` if nothing is.

    Raises
    ------
    Misconfigured
        If a file that the settings name cannot be used.
    """
    context = tls_context(settings)
    first = settings.bootstrap.split(",")[0]
    host, _, port = first.rpartition(":") if first.rpartition(":")[2].isdigit() else (first, "", "")
    where = f"Kafka at {first}"
    try:
        plain = socket.create_connection((host.strip("[]"), int(port or DEFAULT_PORT)), TIMEOUT_S)
    except OSError:
        return None  # nobody there: that is said by whoever tried
    with contextlib.closing(plain):
        try:
            if context is None:
                return _let_in(plain, settings, where)
            with context.wrap_socket(plain, server_hostname=host.strip("[]")) as wrapped:
                return _let_in(wrapped, settings, where)
        except ssl.SSLCertVerificationError as error:
            return (
                f"the certificate of {where} is not trusted ({error.verify_message}): set kafka.ca_file to "
                "the authority that signed it, and name brokers in kafka.bootstrap as it does"
            )
        except ssl.SSLError as error:
            return f"{where} does not speak TLS there ({error.reason}): correct the port, or kafka.tls"
        except OSError:
            return None


def _let_in(sock: socket.socket, settings: KafkaSettings, where: str) -> str | None:
    """Say hello, and who we are."""
    try:
        _ask(sock, _API_VERSIONS, 0, b"")
    except TimeoutError:
        return None  # slow is not closed
    except (OSError, _HungUpError) as error:
        if isinstance(error, ssl.SSLError) and "CERTIFICATE" not in str(error.reason):
            raise
        if not settings.tls:
            return f"{where} does not answer without TLS: set kafka.tls = true, or take its other port"
        if settings.cert_file:
            return f"{where} does not take the certificate in kafka.cert_file {settings.cert_file}"
        return f"{where} wants a certificate of ours: set kafka.cert_file and kafka.key_file"
    return _account(sock, settings, where) if settings.user else _wants_account(sock, where)


def _wants_account(sock: socket.socket, where: str) -> str | None:
    """Ask for something, which a listener with accounts hangs up on until we have logged in."""
    try:
        _ask(sock, _METADATA, 1, struct.pack(">i", 0))
    except _HungUpError:
        return f"{where} wants an account: set kafka.user and kafka.password_file"
    except OSError:
        return None
    return None


def _account(sock: socket.socket, settings: KafkaSettings, where: str) -> str | None:
    """Log in."""
    name = settings.mechanism.encode()
    refused = (
        f"{where} refuses user {settings.user!r} or the password: correct kafka.user, kafka.password_file or "
        f"kafka.mechanism (now {settings.mechanism})"
    )
    login = get_sasl_mechanism(settings.mechanism)(**connection(settings))
    try:
        code = _code(_ask(sock, _SASL_HANDSHAKE, 1, struct.pack(f">h{len(name)}s", len(name), name)))
        if code == _UNSUPPORTED_MECHANISM:
            return f"{where} does not take {settings.mechanism}: set kafka.mechanism to one that it takes"
        if code == _ILLEGAL_SASL_STATE:
            return f"{where} asks for no account: leave kafka.user empty, or take its other port"
        while not login.is_done():
            token = login.auth_bytes()
            answer = _ask(sock, _SASL_AUTHENTICATE, 0, struct.pack(f">i{len(token)}s", len(token), token))
            if _code(answer):
                return refused
            login.receive(_token(answer))
    except TimeoutError:
        return None
    except ValueError:  # the broker cannot prove that it knows the password
        return refused
    except _HungUpError:
        return f"{where} hangs up when it is told who we are: leave kafka.user empty, or take its other port"
    return None


def _ask(sock: socket.socket, key: int, version: int, body: bytes) -> bytes:
    """Send a request without a client id (header version 1); the answer behind its header."""
    request = struct.pack(">hhih", key, version, 1, -1) + body
    sock.sendall(struct.pack(">i", len(request)) + request)
    size, correlation = struct.unpack(">ii", _exactly(sock, 8))
    if correlation != 1 or not 4 <= size <= 1 << 20:
        raise _HungUpError
    return _exactly(sock, size - 4)


def _code(answer: bytes) -> int:
    if len(answer) < 2:
        raise _HungUpError
    return int(struct.unpack_from(">h", answer)[0])


def _token(answer: bytes) -> bytes:
    """Bytes of a SaslAuthenticate answer without an error: behind the code and an absent message."""
    if len(answer) < 8:
        raise _HungUpError
    (length,) = struct.unpack_from(">i", answer, 4)
    return answer[8 : 8 + max(length, 0)]


def _exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        chunk = sock.recv(count - len(data))
        if not chunk:
            raise _HungUpError
        data += chunk
    return data
