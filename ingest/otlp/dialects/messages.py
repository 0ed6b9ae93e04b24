"""Chat messages in any of the shapes in use, as one.

Read: OTel parts, OpenAI chat and Responses items, Anthropic blocks, Gemini contents, Bedrock Converse,
LangChain (plain and serialised), Vercel AI SDK, and plain strings. Anything unknown is kept as a part of
kind ``other`` and ignored; nothing here raises.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from detectors.record import ToolCall
from ingest.otlp.dialects import partial_json
from ingest.otlp.dialects.media import Media, media_of

TEXT, REASONING, TOOL_CALL, TOOL_RESULT, MEDIA, OTHER = (
    "text", "reasoning", "tool_call", "tool_result", "media", "other",
)  # fmt: skip

_ROLES = {
    "human": "user", "ai": "assistant", "model": "assistant", "developer": "system", "function": "tool",
    "humanmessage": "user", "aimessage": "assistant", "systemmessage": "system", "toolmessage": "tool",
    "functionmessage": "tool", "humanmessagechunk": "user", "aimessagechunk": "assistant",
    "ipython": "tool", "bot": "assistant", "chatbot": "assistant",
}  # fmt: skip
_TEXT_TYPES = frozenset(("text", "input_text", "output_text", "refusal", "plain_text"))
_REASONING_TYPES = frozenset(
    ("reasoning", "thinking", "redacted_thinking", "thought", "reasoning_content", "summary_text")
)
_CALL_TYPES = frozenset(
    ("tool_call", "tool_use", "function_call", "function", "server_tool_use", "server_tool_call",
     "custom_tool_call")
)  # fmt: skip
_RESULT_TYPES = frozenset(
    ("tool_call_response", "tool_result", "function_call_output", "function_response", "tool_response",
     "server_tool_call_response", "custom_tool_call_output")
)  # fmt: skip
_MEDIA_TYPES = {
    "image": "image", "image_url": "image", "input_image": "image", "image_generation_call": "image",
    "audio": "audio", "input_audio": "audio", "output_audio": "audio", "audio_url": "audio",
    "video": "video", "video_url": "video", "document": "document", "input_file": "document",
    "blob": "", "uri": "", "file": "", "media": "", "file_data": "", "inline_data": "",
}  # fmt: skip
_ITEM_ROLES = {
    "function_call": "assistant", "custom_tool_call": "assistant", "reasoning": "assistant",
    "image_generation_call": "assistant", "function_call_output": "tool", "custom_tool_call_output": "tool",
}  # fmt: skip
_MAX_NESTING = 8
"""Lists inside lists that are followed; LangChain batches use two."""


@dataclass(slots=True)
class Part:
    """One piece of a message. ``text`` of media is its URL where it has one, ``media`` what else is known."""

    kind: str
    text: str | None = None
    call: ToolCall | None = None
    modality: str | None = None
    media: Media | None = None


@dataclass(slots=True)
class Message:
    """One message; ``role`` is ``system``, ``user``, ``assistant``, ``tool`` or what the sender wrote."""

    role: str
    parts: list[Part] = field(default_factory=list)
    finish_reason: str | None = None

    def text(self, joiner: str = "") -> str | None:
        """Its text: adjacent pieces joined by ``joiner``, pieces with something between by a line break."""
        out: list[str] = []
        apart = False
        for part in self.parts:
            if part.kind != TEXT:
                apart = True
            elif part.text:
                if out:
                    out.append("\n" if apart else joiner)
                out.append(part.text)
                apart = False
        return "".join(out) or None

    def has(self, kind: str) -> bool:
        """Whether a part is of this kind."""
        return any(p.kind == kind for p in self.parts)


def load_json(text: str) -> tuple[Any, bool]:
    """Parsed JSON of an object or array and whether it was cut off; other text comes back as it is."""
    if text[:1] not in "[{" and text.lstrip()[:1] not in ("[", "{"):
        return text, False
    try:
        return partial_json.load(text)
    except ValueError:
        return text, False


def to_text(value: Any) -> str | None:
    """A text, or the JSON of a structure; ``None`` for nothing."""
    if isinstance(value, str):
        return value or None
    if value is None or value in ([], {}):
        return None
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        return None


def read_messages(value: Any, role: str = "user") -> tuple[list[Message], bool]:
    """Messages in ``value`` (JSON text or a structure) and whether its JSON was cut off.

    ``role`` is that of text without one: ``user`` in a request, ``assistant`` in a response.
    """
    cut = False
    if isinstance(value, str):
        value, cut = load_json(value)
    out: list[Message] = []
    _collect(value, role, out, 0)
    return out, cut


def _collect(value: Any, role: str, out: list[Message], depth: int) -> None:
    if isinstance(value, list):
        if depth < _MAX_NESTING:
            for item in value:
                _collect(item, role, out, depth + 1)
    elif isinstance(value, str):
        if value:
            parsed = load_json(value)[0] if depth and value[:1] == "{" else value
            if isinstance(parsed, dict) and ("role" in parsed or "parts" in parsed):
                out.append(read_message(parsed, role))
            else:
                out.append(Message(role, [Part(TEXT, value)]))
    elif isinstance(value, dict):
        out.append(read_message(value, role))


def read_message(raw: Mapping[str, Any], default_role: str) -> Message:
    """One message from a mapping of any known shape."""
    raw, role = _unwrap(raw)
    kind = raw.get("type")
    if role is None:
        named = raw.get("role")
        if not isinstance(named, str) or not named:
            named = _ITEM_ROLES.get(kind) if isinstance(kind, str) else None
            if named is None and isinstance(kind, str) and kind.lower() in _ROLES | _PLAIN_ROLES:
                named = kind
        role = named or default_role
    role = _ROLES.get(role.lower(), role.lower())
    parts: list[Part] = []
    if isinstance(kind, str) and kind in _ITEM_ROLES:
        parts.extend(read_parts(raw))
    else:
        reasoning = raw.get("reasoning_content") or raw.get("reasoning")
        if isinstance(reasoning, str):
            parts.append(Part(REASONING, reasoning))
        if isinstance(raw.get("parts"), list | str):
            parts.extend(read_parts(raw["parts"]))
        parts.extend(read_parts(raw.get("content", raw.get("contents", raw.get("text")))))
        if isinstance(raw.get("refusal"), str):
            parts.extend(read_parts(raw["refusal"]))
        if isinstance(raw.get("audio"), dict):  # OpenAI's spoken answer, with its text
            spoken = media_of("audio", name=raw["audio"].get("id"), content=raw["audio"].get("data"))
            parts.append(Part(MEDIA, modality="audio", media=spoken))
            parts.extend(read_parts(raw["audio"].get("transcript")))
        parts.extend(_read_calls(raw))
    if role == "tool":
        parts = [Part(TOOL_RESULT, p.text) if p.kind in (TEXT, OTHER) else p for p in parts]
    reason = raw.get("finish_reason") or raw.get("stop_reason") or raw.get("finishReason")
    return Message(role, _dedupe_calls(parts), reason if isinstance(reason, str) else None)


_PLAIN_ROLES: dict[str, str] = dict.fromkeys(("system", "user", "assistant", "tool"), "")


def _unwrap(raw: Mapping[str, Any]) -> tuple[Mapping[str, Any], str | None]:
    """The message inside LangChain's and choice envelopes, with the role the envelope tells."""
    kwargs, path, data, message = raw.get("kwargs"), raw.get("id"), raw.get("data"), raw.get("message")
    if isinstance(kwargs, dict) and isinstance(path, list) and path:
        return kwargs, str(path[-1])
    if isinstance(data, dict) and isinstance(raw.get("type"), str):
        return data, str(raw["type"])
    if isinstance(message, dict):
        inner, role = _unwrap(message)
        outer = {k: v for k, v in raw.items() if k != "message" and v is not None}
        merged = {**outer, **{k: v for k, v in inner.items() if v is not None}}
        return merged, role
    return raw, None


def _read_calls(raw: Mapping[str, Any]) -> Iterable[Part]:
    extra = raw.get("additional_kwargs")
    for source in (raw, extra if isinstance(extra, dict) else {}):
        calls = source.get("tool_calls") or source.get("toolCalls")
        if isinstance(calls, str):
            calls = load_json(calls)[0]
        found = False
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict):
                found = True
                yield Part(TOOL_CALL, call=read_call(call))
        if not found and isinstance(source.get("function_call"), dict):
            found = True
            yield Part(TOOL_CALL, call=read_call(source["function_call"]))
        if found:
            return


def _dedupe_calls(parts: list[Part]) -> list[Part]:
    """Without a second copy of a call (Anthropic and LangChain messages carry them in two places)."""
    seen: set[str] = set()
    out: list[Part] = []
    for part in parts:
        if part.call is not None and part.call.id:
            if part.call.id in seen:
                continue
            seen.add(part.call.id)
        out.append(part)
    return out


def read_parts(value: Any) -> list[Part]:
    """Parts in a content value: text, one block, or a list of them."""
    if isinstance(value, str):
        if value[:2] in ("[{", "[ ") or (value[:1] == "[" and value.rstrip()[-1:] == "]"):
            parsed = load_json(value)[0]
            if isinstance(parsed, list) and parsed and all(_is_block(p) for p in parsed):
                return [p for block in parsed for p in read_parts(block)]
        return [Part(TEXT, value)] if value else []
    if isinstance(value, list):
        return [p for item in value if not isinstance(item, list) for p in read_parts(item)]
    if isinstance(value, dict):
        return [_read_block(value)]
    return []


def _is_block(value: Any) -> bool:
    """Whether a list item is a content block and not data that happens to be JSON."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("type"), str)
        and (
            value["type"] in _TEXT_TYPES
            or value["type"] in _MEDIA_TYPES
            or value["type"].replace("-", "_") in _CALL_TYPES | _RESULT_TYPES | _REASONING_TYPES
        )
    )


def _read_block(block: Mapping[str, Any]) -> Part:
    kind = block.get("type")
    kind = kind.lower().replace("-", "_") if isinstance(kind, str) else ""
    if kind in _TEXT_TYPES:
        return Part(TEXT, _text_of(block))
    if kind in _REASONING_TYPES:
        return Part(REASONING, _first_text(block, "content", "text", "thinking", "reasoning", "summary"))
    if kind in _CALL_TYPES:
        return Part(TOOL_CALL, call=read_call(block))
    if kind in _RESULT_TYPES or kind.endswith("_tool_result"):
        return Part(TOOL_RESULT, _result_text(block))
    if kind in _MEDIA_TYPES:
        return _read_media(block, _MEDIA_TYPES[kind])
    return _read_untyped(block)


def _read_untyped(block: Mapping[str, Any]) -> Part:
    """Gemini and Bedrock name the kind by the key."""
    for key in ("function_call", "functionCall", "toolUse"):
        if isinstance(block.get(key), dict):
            return Part(TOOL_CALL, call=read_call(block[key]))
    for key in ("function_response", "functionResponse", "toolResult"):
        if isinstance(block.get(key), dict):
            return Part(TOOL_RESULT, _result_text(block[key]))
    for key, modality in (
        ("inline_data", ""), ("inlineData", ""), ("file_data", ""), ("fileData", ""), ("image", "image"),
        ("image_url", "image"), ("video", "video"), ("document", "document"),
    ):  # fmt: skip
        if isinstance(block.get(key), dict):
            return _read_media(block[key], modality)
    if isinstance(block.get("text"), str):
        return Part(REASONING if block.get("thought") is True else TEXT, block["text"] or None)
    return Part(OTHER)


def _text_of(block: Mapping[str, Any]) -> str | None:
    """Text of a text block; OpenLIT puts a provider's own blocks into one of them."""
    content = block.get("content")
    if isinstance(content, list) and content and all(_is_block(c) for c in content):
        return "\n".join(p.text for p in read_parts(content) if p.kind == TEXT and p.text) or None
    return _first_text(block, "content", "text", "refusal")


def _first_text(block: Mapping[str, Any], *keys: str) -> str | None:
    for key in keys:
        if block.get(key):
            return to_text(block[key])
    return None


def _result_text(block: Mapping[str, Any]) -> str | None:
    """Text of a tool's result; blocks of text inside it are joined."""
    for key in ("response", "result", "output", "content"):
        value = block.get(key)
        if isinstance(value, list):
            texts = [p.text for p in read_parts(value) if p.kind == TEXT and p.text]
            if texts:
                return "\n".join(texts)
        if value not in (None, "", [], {}):
            return to_text(value)
    return None


def _read_media(block: Mapping[str, Any], modality: str) -> Part:
    named = block.get("modality")
    mime = (
        block.get("mime_type") or block.get("mimeType") or block.get("media_type") or block.get("mediaType")
    )
    if isinstance(named, str) and named:
        modality = named.lower()
    elif not modality and isinstance(mime, str) and "/" in mime:
        head = mime.split("/", 1)[0].lower()
        modality = head if head in ("image", "audio", "video") else "document"
    url = block.get("uri") or block.get("url") or block.get("image_url")
    if isinstance(url, dict):
        url = url.get("url")
    is_link = isinstance(url, str) and url[:5].lower() != "data:"
    modality = modality or "document"
    inner = block.get("source") or block.get("input_audio") or block.get("inline_data")
    held = inner if isinstance(inner, dict) else block
    media = media_of(
        modality,
        mime or held.get("media_type") or held.get("mime_type"),
        url or held.get("url"),
        held.get("data") or held.get("content"),
        block.get("file_id") or block.get("filename"),
    )
    return Part(MEDIA, url if is_link else None, modality=modality, media=media)


def read_call(raw: Mapping[str, Any]) -> ToolCall:
    """A tool call; arguments are parsed where they are JSON."""
    inner = raw.get("function")
    body: Mapping[str, Any] = {**raw, **inner} if isinstance(inner, dict) else raw
    name = body.get("name") or body.get("toolName") or body.get("tool_name")
    if name is None and isinstance(inner, str):
        name = inner
    arguments: Any = None
    for key in ("arguments", "args", "input", "parameters"):
        if body.get(key) is not None:
            arguments = body[key]
            break
    nested = raw.get("server_tool_call")
    if arguments is None and isinstance(nested, dict):
        arguments = nested
    if isinstance(arguments, str):
        arguments = load_json(arguments)[0]
    call_id = next(
        (body[k] for k in ("call_id", "id", "toolCallId", "tool_call_id", "toolUseId") if body.get(k)), None
    )
    return ToolCall(
        name if isinstance(name, str) else None, arguments, call_id if isinstance(call_id, str) else None
    )


def structure_or_text(value: Any) -> Any:
    """A structure from its JSON text, or the value as it is."""
    return load_json(value)[0] if isinstance(value, str) else value
