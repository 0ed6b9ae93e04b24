"""Whether a receiver could be reached now: name, port, TLS and login of mail. No message is sent."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from infra.connection_trouble import PORTS, SECURE, in_words, place_of
from infra.receivers import MAIL, WEB, ReceiverSettings, has_scheme

USUAL = {"slack": "https://slack.com/api", "pagerduty": "https://events.pagerduty.com/v2/enqueue"}
"""Addresses of kinds that need none."""
CONNECT_S = 3.0


def address_of(receiver: ReceiverSettings) -> str:
    """The address a receiver posts to; empty where it has none or it cannot be read."""
    if receiver.url_file:
        try:
            return Path(receiver.url_file).expanduser().read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return ""
    return receiver.url or USUAL.get(receiver.kind, "")


def trouble_of(receiver: ReceiverSettings, connect_s: float = CONNECT_S) -> str:
    """Why a receiver cannot be reached, in words with the remedy; empty if it can, or has no address."""
    url = address_of(receiver)
    if not has_scheme(url, (*WEB, *MAIL)):
        return ""
    host, port = place_of(url)
    try:
        with socket.create_connection((host, port), timeout=connect_s) as plain:
            if urlsplit(url).scheme in ("https", "smtps"):
                _context(receiver.ca_file).wrap_socket(plain, server_hostname=host).close()
        if urlsplit(url).scheme == "http" and speaks_tls(host, port, connect_s):
            return f"{host}: port {port} speaks TLS: write https:// instead of http://"
        if urlsplit(url).scheme in MAIL:
            return _mail_trouble(receiver, url, connect_s)
    except TimeoutError:
        return f"{host}: no answer at port {port} within {connect_s:g} s: a firewall, or another address"
    except OSError as error:
        return in_words(error, url) or f"{host}: {type(error).__name__}"
    return ""


def speaks_tls(host: str, port: int, connect_s: float = CONNECT_S) -> bool:
    """Whether a port speaks TLS, whatever its certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, port), timeout=connect_s) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            return True
    except OSError:
        return False


def _context(ca_file: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file or None)


def _mail_trouble(receiver: ReceiverSettings, url: str, connect_s: float) -> str:
    """What is wrong with a mail server: its greeting, STARTTLS, or the login."""
    scheme, (host, port) = urlsplit(url).scheme, place_of(url)
    if scheme == "smtp" and speaks_tls(host, port, connect_s):
        return f"{host}: port {port} begins with TLS: write {SECURE[scheme]}://, or port {PORTS['smtp']}"
    context = _context(receiver.ca_file)
    try:
        if scheme == "smtps":
            session: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=connect_s, context=context)
        else:
            session = smtplib.SMTP(host, port, timeout=connect_s)
        with contextlib.closing(session):
            if scheme == "smtp" and receiver.starttls:
                session.starttls(context=context)
            if receiver.user:
                password = Path(receiver.password_file).expanduser().read_text(encoding="ascii").strip()
                session.login(receiver.user, password)
    except smtplib.SMTPException as error:
        return mail_in_words(error, url)
    return ""


def mail_in_words(error: smtplib.SMTPException, url: str) -> str:
    """What went wrong with a mail server, with the remedy; what it wrote may repeat an account."""
    host = place_of(url)[0]
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return f"{host} offers none of what is asked for: {error}"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"{host}: {error.smtp_code}, it refused the login: correct user and password_file"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{host}: {error.smtp_code}"
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return f"{host}: it closed the connection: if the port begins with TLS (465), write smtps://"
    return in_words(error, url) or f"{host}: {type(error).__name__}"
