"""The two applications: a support assistant that is a tool-using agent, and a code copilot.

They use the clients of OpenAI and Anthropic as anybody would and know nothing of schedules or incidents.
What they tell the provider of who asks (``thread``, ``account``) is theirs; their telemetry names a user or a
conversation only where one is given: "" for none.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import anthropic
import openai
from openai.types.chat import (
    ChatCompletion,
    ChatCompletionFunctionToolParam,
    ChatCompletionMessage,
    ChatCompletionMessageFunctionToolCall,
    ChatCompletionMessageFunctionToolCallParam,
    ChatCompletionMessageParam,
)
from openinference.instrumentation import using_attributes
from opentelemetry import baggage, context
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer

from ingest.demo.chance import Chance
from ingest.demo.phrases import table
from ingest.demo.support_tools import TOOLS, parameters, run_tool

SUPPORT_MODEL = "gpt-5.4-mini"
COPILOT_MODEL = "claude-sonnet-5-5"
MAX_STEPS = 10
"""Model calls after which the support assistant gives up."""

_APOLOGY = "Our assistant is busy. A colleague will answer you by e-mail."
_KEY = "loopback"  # the loopback provider accepts any key
_DEFINITIONS: list[ChatCompletionFunctionToolParam] = [
    {"type": "function", "function": {"name": name, "description": text, "parameters": parameters(name)}}
    for name, text in TOOLS.items()
]


class SupportAssistant:
    """Answers customers with the help of `TOOLS`; one agent run a message."""

    name = "support-assistant"

    def __init__(self, url: str, tracer: Tracer, chance: Chance) -> None:
        self._client = openai.OpenAI(api_key=_KEY, base_url=f"{url}/v1", max_retries=0, timeout=30.0)
        self._tracer = tracer
        self._chance = chance

    def answer(
        self, message: str, *, thread: str, conversation: str, user: str, prompt_version: str, stream: bool
    ) -> str:
        """The assistant's last word to the customer; ``stream`` reads the model's answers from streams."""
        run = {
            "gen_ai.agent.name": self.name,
            "gen_ai.conversation.id": conversation,
            "gen_ai.prompt.name": self.name,
            "gen_ai.prompt.version": prompt_version,
            "user.id": user,
        }
        attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "openai"}
        attributes["gen_ai.request.model"] = SUPPORT_MODEL
        with (
            _baggage({key: value for key, value in run.items() if value}),
            self._tracer.start_as_current_span(
                f"invoke_agent {self.name}", kind=SpanKind.INTERNAL, attributes=attributes
            ) as span,
        ):
            return self._run(span, message, thread, prompt_version, stream=stream)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _run(self, span: Span, message: str, thread: str, prompt_version: str, *, stream: bool) -> str:
        messages: list[ChatCompletionMessageParam] = [
            {"role": "system", "content": table("prompts")["support"][prompt_version].strip()},
            {"role": "user", "content": message},
        ]
        for _ in range(MAX_STEPS):
            try:
                reply = self._ask(messages, thread, stream=stream)
            except openai.APIError as error:
                span.set_status(StatusCode.ERROR, type(error).__name__)
                span.set_attribute("error.type", type(error).__name__)
                return _APOLOGY
            if not reply.tool_calls:
                return reply.content or ""
            calls = [call for call in reply.tool_calls if call.type == "function"]
            messages.append({"role": "assistant", "tool_calls": [_as_param(call) for call in calls]})
            for call in calls:
                result = self._tool(call.id, call.function.name, call.function.arguments)
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
        return _APOLOGY

    def _ask(
        self, messages: list[ChatCompletionMessageParam], thread: str, *, stream: bool
    ) -> ChatCompletionMessage:
        request: dict[str, Any] = {
            "model": SUPPORT_MODEL,
            "messages": messages,
            "tools": _DEFINITIONS,
            "max_completion_tokens": 600,
            "prompt_cache_key": thread,
        }
        if stream:
            request["stream_options"] = {"include_usage": True}
            with self._client.chat.completions.stream(**request) as events:
                try:
                    return events.get_final_completion().choices[0].message
                except openai.LengthFinishReasonError as cut:
                    return cut.completion.choices[0].message
        completion: ChatCompletion = self._client.chat.completions.create(**request)
        return completion.choices[0].message

    def _tool(self, call_id: str, name: str, arguments: str) -> str:
        attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": call_id,
            "gen_ai.tool.call.arguments": arguments,
        }
        with self._tracer.start_as_current_span(f"execute_tool {name}", attributes=attributes) as span:
            result = json.dumps(run_tool(name, json.loads(arguments), self._chance), ensure_ascii=False)
            span.set_attribute("gen_ai.tool.call.result", result)
            return result


class CodeCopilot:
    """Answers developers' questions, one model call each."""

    name = "code-copilot"

    def __init__(self, url: str) -> None:
        # the client's own span has no content and would double the one of the instrumentation
        self._client = anthropic.Anthropic(
            api_key=_KEY, base_url=url, max_retries=0, timeout=30.0, open_telemetry=False
        )

    def answer(
        self, question: str, *, account: str, session: str, user: str, prompt_version: str, stream: bool
    ) -> str:
        """The copilot's answer, read from a stream or in one piece."""
        system = table("prompts")["copilot"][prompt_version].strip()
        with using_attributes(session_id=session, user_id=user, prompt_template_version=prompt_version):
            try:
                return self._ask(system, question, account, stream=stream)
            except anthropic.APIError:
                return ""

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ask(self, system: str, question: str, account: str, *, stream: bool) -> str:
        request: dict[str, Any] = {
            "model": COPILOT_MODEL,
            "max_tokens": 2048,
            "system": system,
            "messages": [{"role": "user", "content": question}],
            "metadata": {"user_id": account},
        }
        if stream:
            with self._client.messages.stream(**request) as events:
                return "".join(events.text_stream)
        message = self._client.messages.create(**request)
        return "".join(block.text for block in message.content if block.type == "text")


def _as_param(call: ChatCompletionMessageFunctionToolCall) -> ChatCompletionMessageFunctionToolCallParam:
    name, arguments = call.function.name, call.function.arguments
    return {"id": call.id, "type": "function", "function": {"name": name, "arguments": arguments}}


@contextlib.contextmanager
def _baggage(values: Mapping[str, str]) -> Iterator[None]:
    inner = context.get_current()
    for key, value in values.items():
        inner = baggage.set_baggage(key, value, inner)
    token = context.attach(inner)
    try:
        yield
    finally:
        context.detach(token)
