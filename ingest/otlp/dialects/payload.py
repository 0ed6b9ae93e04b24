"""Whole request and response bodies, as some dialects copy them into one attribute.

The bodies are those of the providers' own APIs: OpenAI (chat, responses, completions, embeddings, images,
audio), Anthropic, Gemini, and what frameworks wrap around them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import re2

from ingest.otlp.dialects.media import MOST_PARTS, Media, Sound, media_of, sound_of
from ingest.otlp.dialects.messages import Message, load_json, read_messages, read_parts, to_text
from ingest.otlp.dialects.partial import Partial
from ingest.otlp.dialects.values import definitions, first, mapping, text, texts, whole

PARAMETERS = (
    "temperature", "top_p", "top_k", "max_tokens", "max_output_tokens", "max_completion_tokens", "seed", "n",
    "stop", "frequency_penalty", "presence_penalty", "stream", "reasoning_effort", "size", "quality",
    "dimensions", "encoding_format", "service_tier", "response_format",
)  # fmt: skip
"""Request parameters that are kept; names are the provider's."""

_OBJECT = re2.compile(r"^<[^<>]{1,200} at 0x[0-9a-f]+>$")
"""How Python writes an object (a stream, a binary answer) that someone took for text."""


@dataclass(slots=True)
class Request:
    """What a request body says."""

    messages: list[Message] | None = None
    system: tuple[str, ...] | None = None
    texts: tuple[str, ...] | None = None
    model: str | None = None
    tools: tuple[Any, ...] | None = None
    truncated: bool = False


@dataclass(slots=True)
class Response:
    """What a response body says. ``one_answer``: its messages are items of one answer."""

    messages: list[Message] | None = None
    images: tuple[str, ...] | None = None
    media: tuple[Media, ...] | None = None
    revised_prompts: tuple[str, ...] | None = None
    sound: Sound | None = None
    id: str | None = None
    model: str | None = None
    finish_reasons: tuple[str, ...] | None = None
    one_answer: bool = False
    truncated: bool = False


def parameters(value: Any) -> dict[str, Any] | None:
    """The known request parameters in a mapping or its JSON."""
    found = mapping(value)
    return {k: found[k] for k in PARAMETERS if found.get(k) is not None} or None


def read_request(value: Any) -> Request:
    """A request body, its JSON, a list of messages, or a plain prompt."""
    cut = False
    if isinstance(value, str):
        value, cut = load_json(value)
    if not isinstance(value, dict):
        messages, _ = read_messages(value, "user")
        return Request(messages or None, truncated=cut)
    body: Mapping[str, Any] = value
    if not any(k in body for k in _INPUTS) and isinstance(body.get("body"), dict):
        body = body["body"]
    source = first(body, *_INPUTS)
    flat = texts(source) if isinstance(source, list) and all(isinstance(s, str) for s in source) else None
    messages, _ = read_messages(source, "user") if source is not None else ([], False)
    if source is None and ("role" in body or "content" in body or "parts" in body):
        messages, _ = read_messages(body, "user")
    system = first(body, *_SYSTEM) or first(mapping(body.get("config")), *_SYSTEM)
    return Request(
        messages=messages or None,
        system=_system(system),
        texts=flat or ((source,) if isinstance(source, str) else None),
        model=text(body.get("model")),
        tools=definitions(body.get("tools")),
        truncated=cut,
    )


_SYSTEM = ("system", "instructions", "system_instruction", "systemInstruction", "preamble")
"""Where a request names its instructions; Gemini's keep them in ``config``."""
_INPUTS = ("messages", "contents", "input", "prompt", "prompts", "inputs", "input_text", "inputText")


def _system(value: Any) -> tuple[str, ...] | None:
    if isinstance(value, dict) and "parts" in value:
        value = value["parts"]
    found = [p.text for p in read_parts(value) if p.text]
    return tuple(found) or None


def read_response(value: Any) -> Response:
    """A response body, its JSON, a message, a list of messages, or a plain answer."""
    cut = False
    if isinstance(value, str):
        if _OBJECT.search(value):
            return Response()
        value, cut = load_json(value)
    if not isinstance(value, dict) or _is_item(value):
        messages, _ = read_messages(value, "assistant")
        items = [value] if isinstance(value, dict) else value if isinstance(value, list) else []
        return Response(messages or None, one_answer=any(map(_is_item, items)), truncated=cut)
    out = Response(
        id=text(first(value, "id", "response_id", "responseId")),
        model=text(first(value, "model", "model_version", "modelVersion")),
        truncated=cut,
        one_answer=value.get("object") == "response",
        sound=sound_of(value),
    )
    _read_answers(out, value)
    return out


def _is_item(value: Any) -> bool:
    """Whether this is an item of an answer of the Responses API and not an answer."""
    return isinstance(value, dict) and (
        value.get("type") in ("function_call", "custom_tool_call", "reasoning", "image_generation_call")
        or (value.get("type") == "message" and isinstance(value.get("status"), str))
    )


def _read_answers(out: Response, body: Mapping[str, Any]) -> None:
    choices = first(body, "choices", "candidates")
    if isinstance(choices, list):
        out.messages = [m for c in choices for m in read_messages(_candidate(c), "assistant")[0]] or None
        reasons = [first(c, "finish_reason", "finishReason") for c in choices if isinstance(c, dict)]
        out.finish_reasons = tuple(str(r) for r in reasons if r) or None
        return
    if isinstance(body.get("generations"), list):  # LangChain
        out.messages = read_messages(body["generations"], "assistant")[0] or None
        return
    if isinstance(body.get("data"), list):  # OpenAI images; embeddings have no text
        links = [d.get("url") for d in body["data"] if isinstance(d, dict)]
        out.images = tuple(u for u in links if isinstance(u, str) and u) or None
        drawn = [d.get("b64_json") for d in body["data"] if isinstance(d, dict) and d.get("b64_json")]
        out.media = tuple(media_of("image", content=d) for d in drawn[:MOST_PARTS]) or None
        revised = [d.get("revised_prompt") for d in body["data"] if isinstance(d, dict)]
        out.revised_prompts = tuple(r for r in revised if isinstance(r, str) and r) or None
        out.messages = read_messages([r for r in revised if r], "assistant")[0] or None
        return
    for key in ("output", "message", "content", "text", "completion", "response", "messages"):
        found = body.get(key)
        if found in (None, "", [], {}):
            continue
        source = body if key == "content" and ("role" in body or "type" in body) else found
        if key == "content" and isinstance(found, dict) and "parts" in found:  # Gemini
            source = found
        elif key == "content" and source is found:
            source = {"role": "assistant", "content": found}
        if isinstance(found, dict) and isinstance(found.get("message"), dict):  # Bedrock Converse
            source = found["message"]
        out.messages = read_messages(source, "assistant")[0] or None
        reason = text(first(body, "stop_reason", "finish_reason", "stopReason"))
        out.finish_reasons = (reason,) if reason else None
        return
    if body.get("tool_calls") or body.get("function_call") or body.get("role"):
        out.messages = read_messages(body, "assistant")[0] or None
        return
    if not out.id and not out.model and not any(k in body for k in ("usage", "object", "role")):
        plain = to_text(body)  # a structured answer: the object itself is the text
        out.messages = (
            read_messages({"role": "assistant", "content": plain}, "assistant")[0] if plain else None
        )


def take_media(p: Partial, response: Response) -> None:
    """What an answer says of pictures and recordings, where nothing else did."""
    p.revised_prompts = p.revised_prompts or response.revised_prompts
    p.media_out = p.media_out or response.media
    if response.sound is not None:
        if p.audio_duration_s is None:
            p.audio_duration_s = response.sound.duration_s
        if p.no_speech_probability is None:
            p.no_speech_probability = response.sound.no_speech


def _candidate(choice: Any) -> Any:
    """Gemini's candidates hold the message under ``content``, OpenAI's completions under ``text``."""
    if isinstance(choice, dict) and "message" not in choice:
        content = choice.get("content")
        if isinstance(content, dict):
            return {**content, "finish_reason": first(choice, "finish_reason", "finishReason")}
    return choice


def token_counts(value: Any) -> dict[str, int | None]:
    """``input``, ``output``, ``cached``, ``reasoning`` tokens from a provider's usage object.

    Anthropic counts cached input apart, Langfuse counts every part apart (``input_cached_tokens`` beside
    ``input``); the sum is what the conventions ask for.
    """
    usage = mapping(value)
    prompt = whole(first(usage, "prompt_tokens", "promptTokens", "prompt_token_count", "promptTokenCount",
                         "inputTokens"))  # fmt: skip
    cached = None
    if prompt is None:
        prompt = whole(first(usage, "input_tokens", "input"))
        written = whole(first(usage, "cache_creation_input_tokens", "input_cache_creation"))
        read = whole(first(usage, "cache_read_input_tokens", "input_cache_read"))
        if prompt is not None and (written is not None or read is not None):
            prompt += (written or 0) + (read or 0)
        cached = read
    details_in = mapping(first(usage, "prompt_tokens_details", "input_tokens_details", "input_details"))
    details_out = mapping(first(usage, "completion_tokens_details", "output_tokens_details"))
    if cached is None:
        cached = whole(first(details_in, "cached_tokens", "cache_read"))
        if cached is None:
            cached = whole(first(usage, "input_cached_tokens", "cached_tokens", "input_cache_read",
                                 "cached_content_token_count", "cachedContentTokenCount"))  # fmt: skip
    output = whole(
        first(usage, "completion_tokens", "completionTokens", "output_tokens", "outputTokens", "output",
              "candidates_token_count", "candidatesTokenCount")
    )  # fmt: skip
    if "input" in usage and "input_tokens" not in usage:
        prompt, output = _with_parts(usage, prompt, output)
    return {
        "input": prompt,
        "output": output,
        "cached": cached,
        "reasoning": whole(
            first({**usage, **details_out}, "reasoning_tokens", "output_reasoning_tokens", "output_reasoning",
                  "thoughts_token_count", "thoughtsTokenCount", "thinking_tokens")
        ),
    }  # fmt: skip


def _with_parts(
    usage: Mapping[str, Any], prompt: int | None, output: int | None
) -> tuple[int | None, int | None]:
    """Input and output with the parts that stand beside them, if only so they come to the total."""
    total = whole(usage.get("total"))
    parts_in = sum(whole(v) or 0 for k, v in usage.items() if k.startswith("input_") and "cache_" not in k)
    parts_out = sum(whole(v) or 0 for k, v in usage.items() if k.startswith("output_"))
    if total is None or prompt is None or output is None:
        return prompt, output
    if prompt + output != total == prompt + parts_in + output + parts_out:
        return prompt + parts_in, output + parts_out
    return prompt, output
