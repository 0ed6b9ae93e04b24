"""E-mail: the brief as plain text, over SMTP with TLS.

``smtp://`` goes on over TLS (STARTTLS) unless it is told not to, ``smtps://`` begins with it; in both the
server's certificate must be signed by who is trusted. A message has the same ``Message-ID`` however often it
is tried, so mailboxes that know it show it once. All messages about an incident refer to one id, so readers
show them together. A server that takes it for some of the recipients has taken it.
"""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import urlsplit

from alerts.briefs.brief import Brief
from alerts.briefs.render import cut_to, label, render_text
from alerts.digests.digest import text_of
from alerts.notify.http_post import authority
from alerts.notify.protocol import GAVE_UP, RETRY, SENT, Delivery, DigestDelivery, Message, Outcome
from infra.connection_trouble import in_words
from infra.errors import Misconfigured
from infra.receiver_reach import mail_in_words
from infra.receivers import MAIL, has_scheme

SUBMISSION, SUBMISSION_TLS = 587, 465
"""Ports of RFC 6409 and RFC 8314."""
TIMEOUT_S = 10.0
MAX_SUBJECT = 200
"""Characters; a line of a header may have 998 bytes (RFC 5322, 2.1.1)."""


class Server:
    """A mail server: its address, and the account there."""

    def __init__(
        self,
        url: str,
        user: str = "",
        password: str = "",
        *,
        starttls: bool = True,
        ca_file: str = "",
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        if not has_scheme(url, MAIL):
            raise Misconfigured("receiver url must be smtp://host:port or smtps://host:port")
        parts = urlsplit(url)
        self.url, self.host = url, parts.hostname or ""
        self._whole = parts.scheme == "smtps"
        self._port = parts.port or (SUBMISSION_TLS if self._whole else SUBMISSION)
        self._starttls = starttls and not self._whole
        self._account = (user, password)
        self._context = authority(ca_file) if ca_file else ssl.create_default_context()
        self._timeout_s = timeout_s

    def connect(self) -> smtplib.SMTP:
        """A connection that is protected and signed in.

        Raises
        ------
        smtplib.SMTPException, OSError
            If it cannot be made, protected or signed in.
        """
        if self._whole:
            session: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self._port, timeout=self._timeout_s, context=self._context
            )
        else:
            session = smtplib.SMTP(self.host, self._port, timeout=self._timeout_s)
        try:
            if self._starttls:
                session.starttls(context=self._context)
            if self._account[0]:
                session.login(*self._account)
        except BaseException:
            session.close()
            raise
        return session


def render(delivery: Message, sender: str, to: Sequence[str]) -> EmailMessage:
    """The message. Headers are one line each: what would begin another is no visible character."""
    domain = sender.rpartition("@")[2]
    message = EmailMessage()
    message["From"], message["To"] = sender, ", ".join(to)
    if isinstance(delivery, Delivery):
        subject, at, text = _subject(delivery.brief), _date(delivery.brief), render_text(delivery.brief)
        message["References"] = message["In-Reply-To"] = f"<{delivery.incident_id}@{domain}>"
    else:
        digest = delivery.digest
        subject, at, text = digest.headline, digest.period.end, text_of(digest)
    message["Subject"] = cut_to(subject, MAX_SUBJECT)
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{delivery.dedup_key}.{delivery.kind}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody answers it by machine
    message.set_content(text, charset="utf-8", cte="quoted-printable")
    return message


def _subject(brief: Brief) -> str:
    return " ".join(f"[{label(brief)}] {brief.headline}".split())


def _date(brief: Brief) -> datetime:
    return brief.at.replace(microsecond=0)


class MailNotifier:
    """A channel to some mailboxes; every message has a connection of its own."""

    def __init__(self, server: Server, sender: str, to: Sequence[str]) -> None:
        self._server = server
        self._sender = sender
        self._to = tuple(to)

    def send(self, delivery: Delivery) -> Outcome:
        """Hand it to the server once."""
        return self._send(delivery)

    def send_digest(self, delivery: DigestDelivery) -> Outcome:
        """Hand a digest to the server once."""
        return self._send(delivery)

    def _send(self, delivery: Message) -> Outcome:
        message = render(delivery, self._sender, self._to)
        host = self._server.host
        try:
            session = self._server.connect()
            try:
                refused = session.send_message(message, self._sender, self._to)
            finally:
                with contextlib.suppress(smtplib.SMTPException, OSError):
                    session.quit()
                session.close()
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            return _answered(host, min(codes, default=0))  # one that may be taken later decides
        except smtplib.SMTPResponseException as error:
            return replace(_answered(host, error.smtp_code), reason=mail_in_words(error, self._server.url))
        except smtplib.SMTPException as error:
            return Outcome(RETRY, mail_in_words(error, self._server.url))
        except TimeoutError:
            return Outcome(RETRY, f"{host}: time-out: if the port begins with TLS (465), write smtps://")
        except OSError as error:
            return Outcome(RETRY, in_words(error, self._server.url) or f"{host}: {type(error).__name__}")
        said = f"{host} refused {len(refused)} of {len(self._to)} recipients" if refused else ""
        return Outcome(SENT, said, 250)

    def close(self) -> None:
        """Nothing is kept open."""


def _answered(host: str, code: int) -> Outcome:
    """What a refusal means: from 500 on it is for good (RFC 5321, 4.2.1). Its text may repeat an account."""
    return Outcome(GAVE_UP if code >= 500 else RETRY, f"{host}: {code}", code if 0 < code < 1000 else None)
