"""Why a connection failed, in plain words with the remedy. Of an address only host and port are named."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443, "smtp": 587, "smtps": 465}
PLAIN = {"https": "http", "smtps": "smtp"}
SECURE = {plain: secure for secure, plain in PLAIN.items()}
_EXPIRED, _NOT_YET, _OTHER_NAME = {10}, {9}, {62, 64}
_UNKNOWN_AUTHORITY = {2, 18, 19, 20, 21, 24, 27}
"""Codes of ``X509_verify_cert_error_string``, openssl/x509_vfy.h."""
_NO_TLS = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST"}
_CLOSED = (ConnectionResetError, BrokenPipeError, ConnectionAbortedError)

MEANINGS = {
    301: "it redirects: give the final address",
    302: "it redirects: give the final address",
    307: "it redirects: give the final address",
    308: "it redirects: give the final address",
    400: "it cannot take such a message: is this the address of such a service?",
    401: "it refused the login: correct the token, key or password",
    403: "it refused the login: correct the token or what it may do",
    404: "there is no such address: was the webhook deleted?",
    405: "this address takes no posts: correct it",
    407: "a proxy asks for a login: give the receiver's own address",
    410: "the address is gone: the webhook was deleted, make a new one",
    413: "the message is too large for it",
    429: "it asks us to slow down",
}
"""What a status of HTTP means at a receiver, with the remedy."""


def meaning(status: int) -> str:
    """What an answer's status means, with the remedy; empty where that is not known."""
    if status >= 500:
        return "it has a fault of its own"
    return MEANINGS.get(status, "")


def place_of(url: str) -> tuple[str, int]:
    """Host and port of an address."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)


def in_words(error: BaseException, url: str) -> str:
    """Why a connection to an address failed, and what helps; empty where the error says nothing known."""
    scheme, (host, port) = urlsplit(url).scheme, place_of(url)
    for one in _causes(error):
        if isinstance(one, ssl.SSLCertVerificationError):
            return f"{host}: {_certificate(one)}"
        if isinstance(one, ssl.SSLError):
            return f"{host}: {_tls(one, scheme, port)}"
        if isinstance(one, socket.gaierror):
            return f"{host}: no such host: correct the name, or this machine's DNS"
        if isinstance(one, ConnectionRefusedError):
            return (
                f"{host}: it refused the connection: nothing listens at port {port}; start it or correct it"
            )
        if isinstance(one, _CLOSED):
            return f"{host}: {_closed(scheme)}"
        if isinstance(one, OSError) and one.strerror and not isinstance(one, TimeoutError):
            return f"{host}: {one.strerror.lower()}: is the network there?"
    return ""


def closed_in_words(url: str) -> str:
    """What it means that a server closed the connection without an answer."""
    return f"{place_of(url)[0]}: {_closed(urlsplit(url).scheme)}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it came from, the deepest first."""
    chain: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in chain:
        chain.append(one)
        one = one.__cause__ or one.__context__
    return reversed(chain)


def _certificate(error: ssl.SSLCertVerificationError) -> str:
    code = error.verify_code
    if code in _EXPIRED:
        return "its certificate has expired: renew it there"
    if code in _NOT_YET:
        return "its certificate is not valid yet: compare the clocks"
    if code in _OTHER_NAME:
        return "its certificate is for another name: address it by a name that stands in the certificate"
    if code in _UNKNOWN_AUTHORITY:
        return "its certificate is signed by nobody trusted here: name that authority with ca_file"
    return f"its certificate is not accepted: {error.verify_message}"


def _tls(error: ssl.SSLError, scheme: str, port: int) -> str:
    reason = error.reason or ""
    if reason in _NO_TLS:
        other = f" write {PLAIN[scheme]}://, or" if scheme in PLAIN else ""
        return f"port {port} speaks no TLS:{other} correct the port"
    if "CERTIFICATE_REQUIRED" in reason:
        return "it asks for a client certificate, which a receiver cannot have"
    if reason.startswith("TLSV1_ALERT") or "PROTOCOL" in reason:
        return f"it agrees on no version of TLS with us ({reason}): 1.2 and 1.3 are spoken"
    return f"TLS failed ({reason or type(error).__name__}): does port {port} speak TLS?"


def _closed(scheme: str) -> str:
    other = f": if it speaks TLS, write {SECURE[scheme]}://" if scheme in SECURE else ""
    return f"it closed the connection without an answer{other}"
