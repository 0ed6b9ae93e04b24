"""Whether a model called a tool wrongly: one nobody offered, or with arguments that do not fit.

Arguments do not fit if they are no JSON, or if the tool's schema says otherwise (`schema_fit` tells what of
a schema is read). Definitions are those of OpenAI (both APIs), Anthropic, Gemini and OpenTelemetry. Tools
that a provider runs itself (web search, code) are offered without a schema and fit.

Left out for calls without tool calls, and where the telemetry does not carry the tools on offer: whether a
name is wrong cannot be said there. Some 5 us a call of a tool.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from detectors.grid import FlagGrid
from detectors.record import Record, ToolCall
from detectors.scorers.each import EachRecord
from detectors.scorers.protocol import Scores, ScoreSpec
from detectors.scorers.schema_fit import Fitting

_SCHEMAS = ("parameters", "input_schema", "inputSchema", "parametersJsonSchema", "args_schema")


def offered(definitions: Sequence[Any]) -> dict[str, Any]:
    """Schema of each tool by its name; ``None`` for one without."""
    return {name: schema for definition in definitions for name, schema in _tools(definition)}


def _tools(definition: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(definition, Mapping):
        return
    for several in ("functionDeclarations", "function_declarations"):
        if isinstance(definition.get(several), list):
            for one in definition[several]:
                yield from _tools(one)
            return
    inner = definition.get("function", definition.get("toolSpec"))
    if isinstance(inner, Mapping):
        definition = inner
    name = definition.get("name")
    if not isinstance(name, str) or not name:
        name = definition.get("type")  # {"type": "web_search"}
    if isinstance(name, str) and name:
        schema = next((definition[key] for key in _SCHEMAS if definition.get(key) is not None), None)
        if isinstance(schema, Mapping) and isinstance(schema.get("json"), Mapping):  # Bedrock
            schema = schema["json"]
        yield name, schema


def is_wrong(call: ToolCall, tools: Mapping[str, Any], fitting: Fitting | None = None) -> bool:
    """Whether ``call`` is of no tool in ``tools``, or its arguments do not fit.

    Calls with one ``fitting`` share what it looks at.
    """
    if call.name is None or call.name not in tools:
        return True
    schema = tools[call.name]
    if schema is None:
        return False
    arguments = {} if call.arguments is None or call.arguments == "" else call.arguments
    return not isinstance(arguments, Mapping) or not (fitting or Fitting()).fits(arguments, schema)


def _score(record: Record) -> Scores:
    if not record.tool_calls or not record.tools:
        return {}
    tools = offered(record.tools)
    if not tools:
        return {}
    fitting = Fitting()
    return {"tool_call_invalid": float(any(is_wrong(call, tools, fitting) for call in record.tool_calls))}


TOOL_CALLS = EachRecord(
    name="tool_call_validity",
    version="1",
    specs=(
        ScoreSpec(
            "tool_call_invalid", "Wrong tool calls", "flag", FlagGrid(), harmful=1, severity="page", usual=0.1
        ),
    ),
    score_one=_score,
)
