"""Receivers of alerts as settings: what each kind needs, what it may have, and what is wrong with one."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from urllib.parse import urlsplit

from infra.errors import Misconfigured
from infra.sections import about

DIGEST = ("digest", "digest_hour", "digest_empty")
"""Keys of receivers that people read and that nothing wakes."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_C_NUMBER = re.compile(r"0x[0-9a-f]{1,8}|0[0-7]{0,11}|[1-9][0-9]{0,9}")
_METADATA = frozenset({"metadata.google.internal", "metadata", "fd00:ec2::254", "100.100.100.200"})
WEB, MAIL = ("http", "https"), ("smtp", "smtps")


@dataclass(frozen=True, slots=True)
class Kind:
    """Keys of a kind of receiver. Of each group in ``needs`` exactly one alternative must be given.

    ``may`` are keys that are allowed beside them; ``schemes`` are those of its address.
    """

    needs: tuple[tuple[str, ...], ...] = ()
    may: tuple[str, ...] = ()
    schemes: tuple[str, ...] = WEB


KINDS: Mapping[str, Kind] = {
    "terminal": Kind(may=("examples", *DIGEST)),
    "webhook": Kind(needs=(("url", "url_file"),), may=("secret_file", "ca_file", "examples", *DIGEST)),
    "slack": Kind(
        needs=(("token_file", "url_file"),),
        may=("channel", "url", "signing_secret_file", "ca_file", "examples", *DIGEST),
    ),
    "pagerduty": Kind(needs=(("token_file",),), may=("url", "webhook_secret_file", "ca_file", "examples")),
    "alertmanager": Kind(needs=(("url",),), may=("token_file", "resend_s", "honour_silences", "ca_file")),
    "email": Kind(
        needs=(("url",), ("sender",), ("to",)),
        may=("user", "password_file", "starttls", "ca_file", "examples", *DIGEST),
        schemes=MAIL,
    ),
    "otlp": Kind(needs=(("url",),), may=("token_file", "ca_file")),
    "template": Kind(
        needs=(("url", "url_file"), ("template", "template_file")),
        may=(
            *("method", "path", "headers", "values", "reference"),
            *("token_file", "user", "password_file", "ca_file", "examples"),
        ),
    ),
    "apprise": Kind(needs=(("urls_env", "urls_file"),), may=("examples", *DIGEST)),
}
"""Every kind of receiver."""


@dataclass(frozen=True, slots=True)
class ReceiverSettings:
    """Where alerts go. Without any, they are printed by the alerts service."""

    name: str = field(metadata=about("name that routes refer to"))
    kind: str = field(default="webhook", metadata=about("the channel", one_of=tuple(KINDS)))
    url: str = field(
        default="",
        metadata=about(
            "address: of a webhook, an Alertmanager, an OTLP/HTTP receiver, a mail server "
            "(`smtp://host:587`, `smtps://host:465`); of Slack's and PagerDuty's API if not theirs"
        ),
    )
    url_file: str = field(
        default="",
        metadata=about("file with the address, where it is a secret: Slack's incoming webhook, a webhook"),
    )
    urls_env: str = field(
        default="",
        metadata=about(
            "variable of the environment with apprise addresses, which hold secrets, a blank between"
        ),
    )
    urls_file: str = field(default="", metadata=about("file with apprise addresses, one a line, instead"))
    secret_file: str = field(default="", metadata=about("file with the secret that signs a webhook's bodies"))
    token_file: str = field(
        default="",
        metadata=about(
            "file with Slack's bot token, PagerDuty's routing key, or a bearer token for others over HTTP"
        ),
    )
    webhook_secret_file: str = field(
        default="",
        metadata=about(
            "file with the secret of a PagerDuty webhook (V3): whoever acknowledges there does so here; "
            "empty: off"
        ),
    )
    signing_secret_file: str = field(
        default="",
        metadata=about(
            "file with the signing secret of the Slack app: messages then have a button that acknowledges; "
            "empty: off"
        ),
    )
    channel: str = field(default="", metadata=about("Slack channel a bot token posts to, best its id"))
    sender: str = field(default="", metadata=about("address e-mail comes from"))
    to: tuple[str, ...] = field(default=(), metadata=about("addresses e-mail goes to"))
    user: str = field(default="", metadata=about("account at the mail server"))
    password_file: str = field(default="", metadata=about("file with its password"))
    starttls: bool = field(
        default=True,
        metadata=about("whether `smtp://` goes on over TLS (STARTTLS); without, no account may be given"),
    )
    ca_file: str = field(
        default="",
        metadata=about("certificates (PEM) of who signed the server's; empty: the usual authorities"),
    )
    resend_s: float = field(
        default=60.0,
        metadata=about(
            "seconds after which an Alertmanager hears again of what still fires; it forgets after four",
            within=(1, 3600),
        ),
    )
    honour_silences: bool = field(
        default=False,
        metadata=about(
            "whether what is silenced in an Alertmanager is silenced at every receiver: incidents whose "
            "alerts a silence made there matches"
        ),
    )
    template: str = field(
        default="",
        metadata=about("template that comes with Lightship: `teams`, `opsgenie`, `jira`, `servicenow`"),
    )
    template_file: str = field(default="", metadata=about("file with a template of your own, instead"))
    method: str = field(
        default="POST", metadata=about("how a template's message is sent", one_of=("POST", "PUT", "PATCH"))
    )
    path: str = field(default="", metadata=about("template of what stands behind the address"))
    headers: tuple[str, ...] = field(
        default=(), metadata=about("headers `Name: value` beside it; `$token` is what `token_file` holds")
    )
    values: tuple[str, ...] = field(
        default=(), metadata=about("`name=value`: what a template names as `values.name`")
    )
    reference: str = field(
        default="",
        metadata=about("where in the answer stands what later messages know as `reference`: `key`, `a.b`"),
    )
    fallback: str = field(
        default="",
        metadata=about("receiver that gets a page at once which this one refused for good, or never took"),
    )
    examples: bool = field(default=False, metadata=about("whether messages hold redacted examples"))
    digest: str = field(
        default="never",
        metadata=about(
            "how often it gets one message about tickets and what was silenced, whatever its routes say of "
            "severities",
            one_of=("never", "daily", "weekly"),
        ),
    )
    digest_hour: int = field(
        default=8, metadata=about("hour (UTC) at which days, or weeks (Mondays), end for it", within=(0, 23))
    )
    digest_empty: bool = field(
        default=False, metadata=about("whether it gets a line, too, when there is nothing to tell")
    )


def check_receiver(receiver: ReceiverSettings, where: str, names: Sequence[str]) -> None:
    """Whether a receiver has a name of its own and the keys of its kind; ``names`` are those of all.

    Raises
    ------
    Misconfigured
        Naming the key and the remedy. An address is not repeated: it may be a secret.
    """
    if not receiver.name or names.count(receiver.name) > 1:
        raise Misconfigured(f"{where}.name = {receiver.name!r} must be there and differ from the others'")
    kind, given = KINDS[receiver.kind], _given(receiver)
    known = {"name", "kind", "fallback", *kind.may, *(key for group in kind.needs for key in group)}
    for key in sorted(given - known):
        raise Misconfigured(f"{where}.{key} is nothing {_a(receiver.kind)} receiver knows: remove it")
    for group in kind.needs:
        there = [key for key in group if key in given]
        if len(there) > 1:
            raise Misconfigured(f"{where} of {receiver.name!r} has {' and '.join(there)}: give one of them")
        if not there and "url" not in group:
            raise Misconfigured(
                f"{where} of {receiver.name!r} needs {' or '.join(group)} ({_a(receiver.kind)} receiver)"
            )
        if not there:
            _check_address(receiver, where, kind)
    if receiver.url:
        _check_address(receiver, where, kind)
    if receiver.fallback and receiver.fallback not in set(names) - {receiver.name}:
        others = ", ".join(name for name in names if name != receiver.name) or "none is configured"
        raise Misconfigured(
            f"{where}.fallback = {receiver.fallback!r} must be the name of another receiver: {others}"
        )
    if receiver.kind == "slack":
        _check_slack(receiver, where)
    if receiver.kind == "email":
        _check_mail(receiver, where)
    if receiver.kind == "template":
        _check_template(receiver, where)
    if receiver.urls_env and not _VARIABLE.fullmatch(receiver.urls_env):
        raise Misconfigured(
            f"{where}.urls_env of {receiver.name!r} must be the name of a variable, such as ALERT_URLS: "
            "addresses hold secrets and do not belong into the settings"
        )


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeo" else f"a {kind}"


def _given(receiver: ReceiverSettings) -> set[str]:
    """Keys whose values are not the defaults."""
    return {
        f.name for f in fields(receiver) if f.default is MISSING or getattr(receiver, f.name) != f.default
    }


def _check_address(receiver: ReceiverSettings, where: str, kind: Kind) -> None:
    if not has_scheme(receiver.url, kind.schemes):
        path = "/path" if kind.schemes == WEB else ":port"
        forms = " or ".join(f"{scheme}://host{path}" for scheme in kind.schemes)
        missing = "" if receiver.url else ": it is missing"
        raise Misconfigured(f"{where}.url of {receiver.name!r} must be {forms}{missing}")


def _check_slack(receiver: ReceiverSettings, where: str) -> None:
    if receiver.token_file and not receiver.channel:
        raise Misconfigured(
            f"{where}.channel of {receiver.name!r} is missing: a bot token posts to a channel"
        )
    for key in ("channel", "url"):
        if receiver.url_file and getattr(receiver, key):
            raise Misconfigured(f"{where}.{key} of {receiver.name!r} is for a bot token: remove it")


def _check_mail(receiver: ReceiverSettings, where: str) -> None:
    for key, addresses in (("sender", (receiver.sender,)), ("to", receiver.to)):
        for address in addresses:
            local, _, domain = address.rpartition("@")
            if not (local and domain) or any(c in " ,;<>\"'" or not c.isprintable() for c in address):
                raise Misconfigured(f"{where}.{key} = {address!r} must be an address such as ops@example.org")
    if bool(receiver.user) != bool(receiver.password_file):
        there, other = ("user", "password_file") if receiver.user else ("password_file", "user")
        raise Misconfigured(f"{where}.{there} is set and {where}.{other} is not: give both or neither")
    if receiver.user and not receiver.starttls and receiver.url.startswith("smtp:"):
        raise Misconfigured(
            f"{where}.starttls = false would send the password in clear: use TLS, or no account"
        )


def _check_template(receiver: ReceiverSettings, where: str) -> None:
    for value in receiver.values:
        if not re.fullmatch(r"[A-Za-z_]\w*=.*", value):
            raise Misconfigured(f"{where}.values = {value!r} must be of the form name=value")
    if bool(receiver.user) != bool(receiver.password_file):
        there, other = ("user", "password_file") if receiver.user else ("password_file", "user")
        raise Misconfigured(f"{where}.{there} is set and {where}.{other} is not: give both or neither")


def is_link_local(url: str) -> bool:
    """Whether an address is one of the network link (``169.254.0.0/16``, ``fe80::/10``), or a name for it.

    There clouds tell machines their credentials. Other names, which may lead there, are not looked up.
    """
    host = (urlsplit(url).hostname or "").rstrip(".")
    if host in _METADATA:
        return True
    try:
        address = ipaddress.ip_address(_number(host))
    except ValueError:
        return False
    inner = getattr(address, "ipv4_mapped", None) or address
    return inner.is_link_local or str(inner) in _METADATA


def _number(host: str) -> str | int:
    """A host as the number it is in C's forms (``2852039166``, ``0xa9fea9fe``, ``0251.0376.169.254``)."""
    parts = host.split(".")
    if not 1 <= len(parts) <= 4 or not all(_C_NUMBER.fullmatch(part) for part in parts):
        return host.partition("%")[0]
    *first, last = (int(p, 16 if p[1:2] == "x" else 8 if p[:1] == "0" else 10) for p in parts)
    bits = 8 * (4 - len(first))
    if last >> bits or any(n > 255 for n in first):
        return host
    return sum(n << (24 - 8 * at) for at, n in enumerate(first)) | last


def has_scheme(url: str, schemes: Sequence[str]) -> bool:
    """Whether an address is one of a host, with one of these schemes."""
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, brackets that do not match
        return False
