"""Slack: through an app's bot token, or through an incoming webhook.

With a bot token (``chat.postMessage``, ``chat.update``; scope ``chat:write``) an incident is one message that
says how it stands, and a thread below it that says what happened. The message is updated before the thread is
answered: to update it again changes nothing, while a second answer would stand there twice. Answers in a
thread reach nobody by themselves, so those that ask for somebody are shown in the channel too. Through an
incoming webhook every message is a new one.

Whatever comes from records is escaped, and Slack is told to form no links, mentions or channel names of its
own accord (``verbatim``, ``parse``, ``link_names``). The only links are ours.
"""

from __future__ import annotations

import re
from typing import Any

from alerts.briefs.brief import Act, Brief
from alerts.briefs.render import cut_to, label, parts, to_bytes
from alerts.digests.digest import Digest, text_of
from alerts.errors import Unavailable
from alerts.inbound.acknowledgements import BUTTON
from alerts.links import signed
from alerts.notify.http_post import HttpPost, json_object
from alerts.notify.protocol import GAVE_UP, RETRY, SENT, Delivery, DigestDelivery, Outcome
from alerts.notify.references import References

API = "https://slack.com/api"
MAX_SECTION = 3_000
"""Characters of a section's text, docs.slack.dev/reference/block-kit/blocks/section-block."""
MAX_BLOCKS = 50
"""Blocks of a message, docs.slack.dev/reference/block-kit/blocks."""
MAX_TOTAL = 12_000
"""Characters of all texts: near 13,000 Slack answers ``msg_blocks_too_long`` (slackapi/bolt-js#2509)."""
MAX_FALLBACK = 1_000
"""Characters of what a lock screen shows; Slack itself advises at most 4,000."""

LOUD = frozenset({"raised", "reopened", "reminder", "escalated"})
"""Kinds of messages that ask for somebody, though the incident is known."""
_PLAIN = {"parse": "none", "link_names": False, "unfurl_links": False, "unfurl_media": False}
"""Of its own accord Slack makes nothing of a text."""
_LEFT_OUT = ("Reproduce", "Trust", "Examples")
"""Parts that are left out first of what is too long."""
_TRY_AGAIN = frozenset(
    {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
)
_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"})
"""The first message cannot be changed or answered any more."""
_ERROR = re.compile(r"[a-z_]{1,60}")
_REFERENCE = re.compile(r"([A-Z0-9]{1,40}) (\d{1,20}\.\d{1,20})")


def escape(text: str) -> str:
    """Text that mrkdwn shows as it is: no links, mentions or dates (docs.slack.dev/messaging/formatting)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def render(brief: Brief, *, buttons: bool = False) -> dict[str, Any]:
    """The message: fallback text and blocks, within Slack's limits.

    ``buttons``: it is acknowledged by a button, whose press is answered (`alerts.inbound`).
    """
    blocks = _blocks(brief, (), buttons=buttons)
    for k in range(1, len(_LEFT_OUT) + 1):
        if _size(blocks) > MAX_TOTAL:
            blocks = _blocks(brief, _LEFT_OUT[:k], buttons=buttons)
    while _size(blocks) > MAX_TOTAL:  # a headline of 120 characters is left at least
        blocks.pop()
    return {
        "text": cut_to(escape(f"{label(brief)} · {brief.headline}"), MAX_FALLBACK),
        "blocks": blocks[:MAX_BLOCKS],
        **_PLAIN,
    }


def render_digest(digest: Digest) -> dict[str, Any]:
    """A digest as a message of its own, a section a heading, cut where Slack would refuse it."""
    blocks = [_section("*", digest.headline, "*"), _section("", digest.period.name, "")]
    blocks += [_section("", part, "") for part in text_of(digest).split("\n\n")[1:]]
    while _size(blocks) > MAX_TOTAL:
        blocks.pop()
    return {"text": cut_to(escape(digest.headline), MAX_FALLBACK), "blocks": blocks[:MAX_BLOCKS], **_PLAIN}


def _blocks(brief: Brief, without: tuple[str, ...], *, buttons: bool) -> list[dict[str, Any]]:
    blocks = [_section(f"{escape(label(brief))}\n*", brief.headline, "*")]
    if brief.do.dashboard:
        blocks.append(_section(f"<{escape(brief.do.dashboard)}|Open the incident>", "", ""))
    if brief.do.runbook_url:
        runbook = f"<{escape(brief.do.runbook_url)}|Runbook: {escape(brief.do.runbook)}>"
        blocks.append(_section(runbook, "", ""))
    pressed = [act for act in brief.do.acts if buttons and act.name == signed.NAMES[signed.ACKNOWLEDGE]]
    blocks += [_button(act) for act in pressed]
    if linked := [act for act in brief.do.acts if act not in pressed]:
        acts = " · ".join(f"<{escape(act.url)}|{escape(act.name)}>" for act in linked)
        blocks.append(_section(acts, "", ""))
    blocks += [
        _section(f"*{name}*\n", "\n".join(lines), "") for name, lines in parts(brief) if name not in without
    ]
    return blocks


def _button(act: Act) -> dict[str, Any]:
    """A button that does what a link would; its value is the token of the link."""
    name = {"type": "plain_text", "text": act.name}
    value = act.url.rpartition("/")[2]
    button = {"type": "button", "style": "primary", "text": name, "action_id": BUTTON, "value": value}
    return {"type": "actions", "elements": [button]}


def _section(before: str, text: str, after: str) -> dict[str, Any]:
    """A section; ``text`` is escaped and cut so that no character of it is cut in two."""
    room = MAX_SECTION - len(before) - len(after)
    shown = escape(text)
    if len(shown) > room:
        kept = text[: room - 1]
        while len(escape(kept)) > room - 1:
            kept = kept[: len(kept) - max(1, (len(escape(kept)) - room) // 5)]
        shown = f"{escape(kept)}…"
    words = {"type": "mrkdwn", "text": f"{before}{shown}{after}", "verbatim": True}
    return {"type": "section", "text": words}


def _size(blocks: list[dict[str, Any]]) -> int:
    return sum(len(block["text"]["text"]) for block in blocks if "text" in block)


class SlackWebhook:
    """An incoming webhook: every message is a new one."""

    def __init__(self, door: HttpPost, *, buttons: bool = False) -> None:
        self._door = door
        self._buttons = buttons

    def send(self, delivery: Delivery) -> Outcome:
        """Post once."""
        return self._door.post(to_bytes(render(delivery.brief, buttons=self._buttons)))

    def send_digest(self, delivery: DigestDelivery) -> Outcome:
        """Post a digest."""
        return self._door.post(to_bytes(render_digest(delivery.digest)))

    def close(self) -> None:
        """Close connections."""
        self._door.close()


class SlackApp:
    """A bot that posts to ``channel``. ``door`` is the address of the Web API, with its token."""

    def __init__(
        self, door: HttpPost, channel: str, references: References, *, buttons: bool = False
    ) -> None:
        self._door = door
        self._buttons = buttons
        self._channel = channel
        self._references = references

    def send(self, delivery: Delivery) -> Outcome:
        """Post, or update the first message and answer it."""
        try:
            known = _REFERENCE.fullmatch(self._references.of(delivery.incident_id))
        except Unavailable as error:
            return Outcome(RETRY, f"which message it belongs to is not known now: {error}")
        message = render(delivery.brief, buttons=self._buttons)
        if known is None:
            return self._first(delivery, message)
        channel, ts = known.groups()
        updated, _ = self._call("chat.update", {**message, "channel": channel, "ts": ts})
        if updated.outcome == RETRY:
            return updated
        loud = delivery.kind in LOUD
        answer = {**message, "channel": channel, "thread_ts": ts, "reply_broadcast": loud}
        answered, said = self._call("chat.postMessage", answer)
        if answered.outcome == GAVE_UP and said in _GONE:
            return self._first(delivery, message)
        return self._refer(delivery, answered, channel, ts)

    def send_digest(self, delivery: DigestDelivery) -> Outcome:
        """Post a digest, which no later message refers to."""
        message = {**render_digest(delivery.digest), "channel": self._channel}
        return self._call("chat.postMessage", message)[0]

    def _first(self, delivery: Delivery, message: dict[str, Any]) -> Outcome:
        door, answer = self._door.exchange(
            to_bytes({**message, "channel": self._channel}), path="/chat.postMessage"
        )
        outcome, _ = _judge(door, answer)
        data = json_object(answer)
        return self._refer(delivery, outcome, str(data.get("channel")), str(data.get("ts")))

    def _refer(self, delivery: Delivery, outcome: Outcome, channel: str, ts: str) -> Outcome:
        """The outcome with where the first message stands; one that Slack does not name is not updated."""
        reference = f"{channel} {ts}"
        if outcome.outcome != SENT or not _REFERENCE.fullmatch(reference):
            return outcome
        self._references.set(delivery.incident_id, reference)
        return Outcome(SENT, outcome.reason, outcome.code, reference=reference)

    def _call(self, method: str, arguments: dict[str, Any]) -> tuple[Outcome, str]:
        return _judge(*self._door.exchange(to_bytes(arguments), path=f"/{method}"))

    def close(self) -> None:
        """Close connections."""
        self._door.close()


def _judge(outcome: Outcome, answer: bytes) -> tuple[Outcome, str]:
    """What became of a call, and Slack's word for what went wrong: it says so with status 200."""
    data = json_object(answer)
    if outcome.outcome != SENT or data.get("ok") is True:
        return outcome, ""
    given = data.get("error")
    said = given if isinstance(given, str) and _ERROR.fullmatch(given) else "an answer that is not Slack's"
    verdict = GAVE_UP if "ok" in data and said not in _TRY_AGAIN else RETRY
    return Outcome(verdict, f"Slack: {said}", outcome.code), said
