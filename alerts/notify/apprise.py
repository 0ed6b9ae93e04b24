"""Services that apprise speaks to (github.com/caronc/apprise): the brief as title and plain text.

Their addresses hold tokens wherever each service wants them, the host included, so none is ever told: what is
told is the name of the service, and which of the addresses it is. Apprise logs parts of addresses and whole
answers; none of it leaves its logger. What it gives back is whether a service took a message, not why not:
whatever was not taken is tried again. The status of an answer, where apprise notes one, is told with it.

Every address is tried on a thread of its own, one attempt at a time, because apprise bounds its waits by
single reads and not as a whole. An attempt that takes longer than `SEND_S` is left alone; if it succeeds
after all, the next one finds that out and sends nothing.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType, PersistentStoreMode
from apprise.common import OverflowMode
from apprise.manager_plugins import NotificationManager
from apprise.plugins import NotifyBase, url_to_dict
from apprise.result import AppriseResult

from alerts.briefs.brief import Brief
from alerts.briefs.render import cut_to, label, render_text
from alerts.digests.digest import text_of
from alerts.notify.protocol import RETRY, SENT, Delivery, DigestDelivery, Message, Outcome
from infra.errors import Misconfigured

SEND_S = 20.0
"""Seconds a message is waited for; apprise itself waits four for a connection and four for every read."""
MAX_TITLE = 200
"""Characters of a title, where a service does not allow fewer."""
MAX_TOOK = 1_000
"""Messages an address is remembered to have taken, while others of the receiver have not."""
LOCAL = frozenset({"blink1", "dbus", "glib", "gnome", "macosx", "syslog", "windows"})
"""Apprise's plugins that run a program of this machine, or show or write something on it."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30})://")
_BETWEEN = re.compile(r"\s+|,(?=[A-Za-z][A-Za-z0-9+.-]{0,30}://)")
_MENTION = re.compile(r"(?<!\w)@(?=\S)|<(?=[@!#]|at\b)")
_STATUS = re.compile(r"\berror=([1-5]\d\d)\b")
_CHATTY = ("urllib3", "oauthlib", "requests_oauthlib", "paho", "slixmpp")
"""Loggers of what apprise sends with: they tell paths and headers."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent: a line, and paragraphs of plain text. ``kind`` is how grave it looks where that shows."""

    title: str
    text: str
    kind: NotifyType

    def within(self, room: int) -> str:
        """As many whole lines as ``room`` characters hold beside the title: no link is cut in two."""
        lines = self.text.splitlines(keepends=True)
        while len(lines) > 1 and sum(map(len, lines)) + len(self.title) + 3 > room:
            lines.pop()
        text = "".join(lines).rstrip()
        return text if len(text) == len(self.text.rstrip()) else f"{text}\n…"


def letter_of(delivery: Message) -> Letter:
    """A message as a letter. Names from records call nobody in it: ``@all`` is text."""
    if isinstance(delivery, Delivery):
        brief = delivery.brief
        title, text, kind = f"[{label(brief)}] {brief.headline}", render_text(brief), _kind(brief)
    else:
        title, text, kind = delivery.digest.headline, text_of(delivery.digest), NotifyType.INFO
    body = text.partition("\n")[2].lstrip("\n")  # its first line is the title
    return Letter(cut_to(_inert(" ".join(title.split())), MAX_TITLE), _inert(body), kind)


def _kind(brief: Brief) -> NotifyType:
    if brief.kind == "resolved":
        return NotifyType.SUCCESS
    return {"page": NotifyType.FAILURE, "ticket": NotifyType.WARNING}.get(brief.severity, NotifyType.INFO)


def _inert(text: str) -> str:
    """Text in which nothing begins a mention: a space of no width stands in it."""
    return _MENTION.sub("\\g<0>\u200b", text)


@dataclass(frozen=True, slots=True)
class _Answer:
    took: bool
    status: int | None = None


class _Address:
    """One service. A message that it took is not sent to it again, as long as this process lives."""

    def __init__(self, name: str, service: NotifyBase, asset: AppriseAsset) -> None:
        self.name = name
        self._service = service
        self._apprise = Apprise(service, asset=asset)
        self._took: dict[str, _Answer] = {}
        self._key = ""
        self._last: Future[_Answer] | None = None

    def attempt(self, key: str, letter: Letter) -> Future[_Answer] | None:
        """The answer to a message, sent now unless it was; ``None`` while another one is under way."""
        if self._last is not None and not self._last.done():
            return self._last if self._key == key else None
        self._key, self._last = key, Future()
        if key in self._took:
            self._last.set_result(self._took[key])
        else:
            threading.Thread(target=self._send, args=(self._last, key, letter), daemon=True).start()
        return self._last

    def _send(self, answer: Future[_Answer], key: str, letter: Letter) -> None:
        try:
            with self._apprise.notify(
                letter.within(self._service.body_maxlen),
                letter.title,
                notify_type=letter.kind,
                body_format=NotifyFormat.TEXT,
            ) as result:
                said = _Answer(bool(result), _status(result))
        except Exception as error:  # noqa: BLE001 - whoever waits for the answer gets it
            answer.set_exception(error)
            return
        if said.took:
            self._took[key] = said
            if len(self._took) > MAX_TOOK:
                del self._took[next(iter(self._took))]
        answer.set_result(said)


def _status(result: AppriseResult) -> int | None:
    """The last status of an answer that apprise noted about what was not taken."""
    found = [_STATUS.search(entry.message) for entry in result.logs()]
    codes = [int(match[1]) for match in found if match]
    return codes[-1] if codes else None


class AppriseNotifier:
    """A channel to services by their apprise addresses; sent is what all of them took.

    ``key`` is the setting the addresses come from, for what is said about them.

    Raises
    ------
    Misconfigured
        Naming the address by its number, and the remedy; of an address only its scheme is repeated.
    """

    def __init__(self, urls: Sequence[str], key: str, send_s: float = SEND_S) -> None:
        logging.getLogger("apprise").propagate = False  # what it logs holds parts of addresses
        for name in _CHATTY:
            logging.getLogger(name).setLevel(logging.WARNING)
        self._send_s = send_s
        asset = _asset()
        self._addresses = [
            _address(url, f"address {n}", f"receiver {key}, address {n}", asset)
            for n, url in enumerate(urls, 1)
        ]

    def send(self, delivery: Delivery) -> Outcome:
        """Try once to have it taken by all who have not taken it."""
        return self._send(delivery)

    def send_digest(self, delivery: DigestDelivery) -> Outcome:
        """The same with a digest."""
        return self._send(delivery)

    def _send(self, delivery: Message) -> Outcome:
        letter = letter_of(delivery)
        tried = [(a, a.attempt(delivery.dedup_key, letter)) for a in self._addresses]
        wait([answer for _, answer in tried if answer is not None], self._send_s)
        missing: list[str] = []
        status: int | None = None
        for address, answer in tried:
            if answer is None:
                missing.append(f"{address.name}: the attempt before has not ended")
            elif not answer.done():
                missing.append(f"{address.name}: no answer in {self._send_s:g} s")
            elif not (said := answer.result()).took:
                missing.append(f"{address.name}: not taken, {said.status or 'apprise does not say why'}")
                status = status or said.status
        return Outcome(RETRY, "; ".join(missing), status) if missing else Outcome(SENT)

    def close(self) -> None:
        """Nothing is kept open."""


def _asset() -> AppriseAsset:
    """Apprise without what it does of its own accord: storing, redirects, images, threads of its own."""
    return AppriseAsset(
        app_id="Lightship",
        app_desc="Lightship",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        storage_mode=PersistentStoreMode.MEMORY,
        pgp_autogen=False,
        pem_autogen=False,
        http_redirects=False,
        allow_templates=False,
        async_mode=False,
        service_timeout=0,
    )


def _address(url: str, number: str, where: str, asset: AppriseAsset) -> _Address:
    """An address, whatever it asks apprise for: one message and one attempt are ours to keep to."""
    given = _SCHEME.match(url)
    if given is None:
        raise Misconfigured(f"{where} is none: it must be as apprise has them, such as ntfys://host/topic")
    parsed = url_to_dict(url, secure_logging=True)  # type: ignore[no-untyped-call]
    if parsed is None:
        raise Misconfigured(f"{where}: apprise knows no such scheme as {given[1]}://, or not this form of it")
    plugin = NotificationManager()[parsed["schema"]]  # type: ignore[no-untyped-call]
    if plugin.category != "native" or plugin.__module__.split(".")[2] in LOCAL:
        raise Misconfigured(
            f"{where}: {given[1]}:// does something on this machine, where nobody would read it: remove it; "
            "addresses of services elsewhere are taken"
        )
    service = Apprise.instantiate(parsed, asset=asset) if plugin.enabled else None
    if service is None:
        lacks = "" if plugin.enabled else f": {plugin.requirements['details'] or 'it lacks a package'}"
        raise Misconfigured(f"{where}: apprise cannot use this {given[1]}:// address{lacks}")
    service.overflow_mode = OverflowMode.TRUNCATE
    service.retry, service.optional, service.interpret_emojis = 0, False, False
    return _Address(f"{number} ({plugin.service_name})", service, asset)


def addresses_in(text: str) -> list[str]:
    """The addresses in a variable or file: between them are blanks, ends of lines, or commas."""
    return [part for part in _BETWEEN.split(text) if part]
