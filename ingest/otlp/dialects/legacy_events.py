"""GenAI content as one event per message (conventions 1.28 to 1.36, and the span events before).

Log records ``gen_ai.{system,user,assistant,tool}.message`` and ``gen_ai.choice`` with the message in the
body; the same as span events; ``gen_ai.content.prompt`` / ``.completion`` (up to 1.27); and a JSON array
of them in the span attribute ``events``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ingest.otlp.dialects.messages import Message, load_json, read_message, read_messages
from ingest.otlp.dialects.partial import Partial
from ingest.otlp.dialects.values import structure, text, whole
from ingest.otlp.views import LogView, SpanView

NAME = "otel-genai-legacy-events"
FROM_LOGS = "log:per-message events"
FROM_SPAN_EVENTS = "span events"
CHOICE = "gen_ai.choice"
ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
    CHOICE: "assistant",
}
CONTENT_EVENTS = frozenset((*ROLES, "gen_ai.content.prompt", "gen_ai.content.completion"))
_RANK = {"system": 0, "user": 1, "assistant": 2, "tool": 3}


def read_logs(logs: Sequence[LogView]) -> Partial:
    """The content in all per-message records of one span, in any order and with duplicates."""
    events = sorted(
        ((log.time_ns, log.event, _body(log.body, log.attributes)) for log in logs),
        key=lambda e: (
            e[0],
            _RANK.get(ROLES.get(e[1], ""), 9),
            json.dumps(e[2], sort_keys=True, default=str),
        ),
    )
    partial = _read([(name, body) for _, name, body in events])
    partial.content_from = FROM_LOGS
    return partial


def read_span(span: SpanView) -> Partial | None:
    """The content in a span's events, or ``None`` if it has none."""
    named = [(e.name, _body(None, e.attributes)) for e in span.events if e.name in CONTENT_EVENTS]
    if not named and isinstance(span.attributes.get("events"), str):
        found = structure(span.attributes["events"])
        named = [
            (str(e.get("event.name")), e) for e in found or () if isinstance(e, dict) and "event.name" in e
        ]
    if not named:
        return None
    partial = _read(named)
    partial.content_from = FROM_SPAN_EVENTS
    return partial if partial.has_content() else None


def _body(body: Any, attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """The message of an event: its body, or what the attributes hold of it."""
    if isinstance(body, str) and body:
        loaded = load_json(body)[0]
        return loaded if isinstance(loaded, dict) else {"content": body}
    if isinstance(body, dict):
        return body
    wrapped = attributes.get("gen_ai.event.content")
    if isinstance(wrapped, str):
        loaded = load_json(wrapped)[0]
        return loaded if isinstance(loaded, dict) else {"content": wrapped}
    kept = {k: v for k, v in attributes.items() if not k.startswith(("gen_ai.system", "event."))}
    return _unpacked(kept)


def _unpacked(body: dict[str, Any]) -> dict[str, Any]:
    """A message out of span attributes, which hold lists of blocks as JSON (Strands)."""
    for key in ("content", "message"):
        value = body.get(key)
        loaded = load_json(value)[0] if isinstance(value, str) else value
        blocks = isinstance(loaded, list) and loaded and all(isinstance(b, dict) for b in loaded)
        if blocks or (key == "message" and isinstance(loaded, dict)):
            body[key] = loaded
    if isinstance(body.get("message"), str | list):
        body["content"] = body.pop("message")
    return body


def _read(events: Sequence[tuple[str, Mapping[str, Any]]]) -> Partial:
    messages_in: list[Message] = []
    choices: list[tuple[int, Message]] = []
    seen: set[str] = set()
    for name, body in events:
        if name == "gen_ai.content.prompt":
            messages_in.extend(read_messages(body.get("gen_ai.prompt"), "user")[0])
        elif name == "gen_ai.content.completion":
            found = read_messages(body.get("gen_ai.completion"), "assistant")[0]
            choices.extend((len(choices) + i, m) for i, m in enumerate(found))
        elif name == CHOICE:
            key = json.dumps(body, sort_keys=True, default=str)
            if key not in seen:  # the same choice sent twice is one choice
                seen.add(key)
                choices.append((whole(body.get("index")) or 0, _message(body, "assistant")))
        elif name in ROLES:
            messages_in.append(_message(body, ROLES[name]))
    choices.sort(key=lambda c: c[0])
    reasons = tuple(m.finish_reason for _, m in choices if m.finish_reason)
    return Partial(
        NAME,
        messages_in=messages_in or None,
        messages_out=[m for _, m in choices] or None,
        finish_reasons_raw=reasons or None,
        choices=len(choices) or None,
    )


def _message(body: Mapping[str, Any], role: str) -> Message:
    """A message whose role is that of the event unless its own says otherwise."""
    message = read_message({k: v for k, v in body.items() if k != "index"}, role)
    if role != "assistant" and not text(body.get("role")):
        message.role = role
    return message
