"""Any service with a JSON API, through a template of the body: method, address, headers and body are given.

Templates are Jinja's, in its immutable sandbox: they read what a message holds and can neither import, call
nor change anything. What they print is JSON: ``{{ brief.headline }}`` becomes a string with its quotes, so no
text of a record can end it, and what comes out must be JSON before anything is sent. A template that prints
nothing says nothing of such a message.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from alerts.briefs.render import label, render_text
from alerts.errors import Unavailable
from alerts.notify.http_post import HttpPost, json_object
from alerts.notify.protocol import GAVE_UP, RETRY, SENT, Delivery, Outcome
from alerts.notify.references import References
from alerts.notify.webhook import IDEMPOTENCY, MAX_BODY, body_of
from infra.errors import Misconfigured

FOLDER = Path(__file__).parent / "templates"
MAX_TEMPLATE = 64 * 1024
"""Bytes of a template."""
TOKEN = "$token"  # noqa: S105 - it stands for the content of token_file
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_REFERENCE = re.compile(r"[A-Za-z0-9._:-]{1,100}")
_SECRET = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})


class _Ready(str):
    """JSON that is printed as it is."""

    __slots__ = ()


def _json(value: Any) -> str:
    """A value as JSON; what a template says is JSON already stays as it is."""
    if isinstance(value, Undefined):
        str(value)  # raises, naming what there is not
    return str(value) if isinstance(value, _Ready) else json.dumps(value, ensure_ascii=False, allow_nan=False)


def _part(value: Any) -> str:
    """A value as part of an address."""
    return quote(str(value), safe="")


def _compiled(text: str, where: str, printed: Callable[[Any], str]) -> Template:
    environment = ImmutableSandboxedEnvironment(
        finalize=printed, undefined=StrictUndefined, autoescape=False, keep_trailing_newline=False
    )  # no HTML is made; values are escaped by what prints them
    environment.filters["json"] = _Ready
    try:
        return environment.from_string(text)
    except TemplateError as error:
        line = f", line {error.lineno}" if isinstance(error, TemplateSyntaxError) else ""
        raise Misconfigured(f"receiver {where}{line} is no template: {error}") from error


def _printed(template: Template, given: Mapping[str, Any]) -> str:
    """What a template prints, which is stopped when it prints too much."""
    pieces, size = [], 0
    for piece in template.generate(given):
        pieces.append(piece)
        size += len(piece)
        if size > MAX_BODY:
            raise ValueError(f"the template prints more than {MAX_BODY} characters")
    return "".join(pieces).strip()


@cache
def shipped() -> tuple[str, ...]:
    """Names of the templates that come with Lightship."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.j2")))


def read_template(name: str, file: str) -> str:
    """The text of a template that comes with Lightship, or stands in a file.

    Raises
    ------
    Misconfigured
        If there is no such one, or it is too large.
    """
    if name and name not in shipped():
        raise Misconfigured(
            f"receiver template {name!r} is none of {', '.join(shipped())}: use template_file"
        )
    path = FOLDER / f"{name}.j2" if name else Path(file).expanduser()
    try:
        text = path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"receiver template_file {file} cannot be read: {error.strerror}") from error
    if len(text) > MAX_TEMPLATE:
        raise Misconfigured(f"receiver template_file {file} has more than {MAX_TEMPLATE} bytes")
    return text.decode(errors="replace")


def headers_of(lines: Sequence[str], token: str = "", user: str = "", password: str = "") -> dict[str, str]:
    """Headers of the lines ``Name: value``, with the token where ``$token`` stands, else as ``Bearer``.

    ``user`` and ``password`` become ``Basic``.

    Raises
    ------
    Misconfigured
        If a line is no header, or holds a secret itself.
    """
    found: dict[str, str] = {}
    for line in lines:
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not (colon and _NAME.fullmatch(name) and value.isascii() and value.isprintable()):
            raise Misconfigured("receiver headers must be lines such as `X-Priority: high`, in ASCII")
        if name.lower() in _SECRET and TOKEN not in value:
            raise Misconfigured(
                f"receiver headers: {name} is a secret: put it into token_file and write {TOKEN}"
            )
        if TOKEN in value and not token:
            raise Misconfigured(f"receiver headers: {name} has {TOKEN}, which token_file must give")
        found[name.lower()] = value.replace(TOKEN, token)
    if user:
        found["authorization"] = f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"
    elif token and not any(TOKEN in line for line in lines):
        found["authorization"] = f"Bearer {token}"
    return found


class TemplateNotifier:
    """A channel whose messages a template makes.

    Parameters
    ----------
    body, path
        Templates of the JSON that is sent, and of what stands behind the address.
    values
        What else the templates may name, as ``values``.
    reference
        Where in the answer to the first message about an incident stands what later ones know as
        ``reference``, such as ``key`` or ``result.sys_id``.

    Raises
    ------
    Misconfigured
        If one is no template.
    """

    def __init__(
        self,
        door: HttpPost,
        body: str,
        references: References,
        *,
        path: str = "",
        values: Mapping[str, str] | None = None,
        reference: str = "",
    ) -> None:
        self._door, self._references = door, references
        self._body, self._path = _compiled(body, "template", _json), _compiled(path, "path", _part)
        self._values, self._reference = dict(values or {}), reference

    def rendered(self, delivery: Delivery, reference: str = "") -> tuple[str, bytes]:
        """What stands behind the address, and the body; an empty one says nothing.

        Raises
        ------
        ValueError
            If a template fails on the message, or prints what is no JSON or too large.
        """
        given: dict[str, Any] = {
            **json.loads(body_of(delivery)),
            "label": label(delivery.brief),
            "text": render_text(delivery.brief),
            "reference": reference,
            "values": self._values,
        }
        try:
            path, text = _printed(self._path, given), _printed(self._body, given)
        except (TemplateError, TypeError, ArithmeticError, LookupError, AttributeError) as error:
            raise ValueError(f"the template fails: {error}") from error
        if not text:
            return path, b""
        try:
            body = json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":")).encode()
        except (ValueError, RecursionError) as error:
            raise ValueError(f"what the template prints is no JSON: {error}") from error
        return path, body

    def send(self, delivery: Delivery) -> Outcome:
        """Send once."""
        try:
            known = self._references.of(delivery.incident_id)
        except Unavailable as error:
            return Outcome(RETRY, f"what it is called there is not known now: {error}")
        try:
            path, body = self.rendered(delivery, known)
        except ValueError as error:
            return Outcome(GAVE_UP, str(error))
        if not body:
            return Outcome(SENT, f"the template says nothing of {delivery.kind}")
        outcome, answer = self._door.exchange(body, {IDEMPOTENCY: delivery.dedup_key}, path=path)
        if outcome.outcome != SENT or not self._reference or known:
            return outcome
        found: Any = json_object(answer)
        for name in self._reference.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        if not isinstance(found, str) or not _REFERENCE.fullmatch(found):
            return outcome
        self._references.set(delivery.incident_id, found)
        return Outcome(SENT, outcome.reason, outcome.code, reference=found)

    def close(self) -> None:
        """Close connections."""
        self._door.close()
