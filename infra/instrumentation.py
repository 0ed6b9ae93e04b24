"""What instruments a model client, and what of it an application has: tables, and a look at its packages.

A *family* is a set of instrumentations that obey the same switches. Names and switches are those of the
packages' own documentation; `docs/connect.md` has a section for each.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

MAX_PACKAGE_JSON = 4 << 20

Has = Callable[[str], bool]
"""Whether a Python module, or a package of JavaScript, is there."""


@dataclass(frozen=True, slots=True)
class Family:
    """Instrumentations told apart by their ``modules``; ``variables`` make them capture content."""

    name: str
    modules: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)


CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"

GENAI = Family(
    "OpenTelemetry GenAI",
    ("opentelemetry.util.genai",),
    {CAPTURE: "SPAN_ONLY", "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental"},
)
GENAI_BEFORE = Family(
    "OpenTelemetry GenAI before util-genai, OpenLIT",
    (
        "opentelemetry.instrumentation.openai_v2",
        "opentelemetry.instrumentation.google_genai",
        "opentelemetry.instrumentation.vertexai",
        "openlit",
    ),
    {CAPTURE: "true"},
)
"""They know ``true`` only; GenAI since util-genai takes ``true`` for no content."""
TRACELOOP = Family(
    "Traceloop",
    (
        "traceloop.sdk",
        "opentelemetry.instrumentation.openai",
        "opentelemetry.instrumentation.anthropic",
        "opentelemetry.instrumentation.langchain",
        "opentelemetry.instrumentation.llamaindex",
        "opentelemetry.instrumentation.bedrock",
    ),
    {"TRACELOOP_TRACE_CONTENT": "true"},
)
OPENINFERENCE = Family(
    "OpenInference",
    ("openinference.instrumentation",),
    {"OPENINFERENCE_HIDE_INPUTS": "false", "OPENINFERENCE_HIDE_OUTPUTS": "false"},
)
FAMILIES = (GENAI_BEFORE, GENAI, TRACELOOP, OPENINFERENCE)
"""Where two set the same variable, the later one counts."""

JS_FAMILIES = (
    Family("OpenTelemetry GenAI", ("@opentelemetry/instrumentation-openai",), {CAPTURE: "true"}),
    Family("Traceloop", ("@traceloop/node-server-sdk",), {"TRACELOOP_TRACE_CONTENT": "true"}),
    Family("OpenInference", ("@arizeai/openinference-core",), OPENINFERENCE.variables),
)

_EVERYTHING = ("openlit", "traceloop.sdk")

CLIENTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "openai": (
        ("opentelemetry-instrumentation-genai-openai", "opentelemetry.instrumentation.genai.openai"),
        ("openinference-instrumentation-openai", "openinference.instrumentation.openai"),
        ("opentelemetry-instrumentation-openai-v2", "opentelemetry.instrumentation.openai_v2"),
        ("opentelemetry-instrumentation-openai", "opentelemetry.instrumentation.openai"),
    ),
    "anthropic": (
        ("openinference-instrumentation-anthropic", "openinference.instrumentation.anthropic"),
        ("opentelemetry-instrumentation-genai-anthropic", "opentelemetry.instrumentation.genai.anthropic"),
        ("opentelemetry-instrumentation-anthropic", "opentelemetry.instrumentation.anthropic"),
    ),
    "google.genai": (
        ("opentelemetry-instrumentation-google-genai", "opentelemetry.instrumentation.google_genai"),
        ("openinference-instrumentation-google-genai", "openinference.instrumentation.google_genai"),
    ),
    "langchain": (
        ("openinference-instrumentation-langchain", "openinference.instrumentation.langchain"),
        ("opentelemetry-instrumentation-genai-langchain", "opentelemetry.instrumentation.genai.langchain"),
        ("opentelemetry-instrumentation-langchain", "opentelemetry.instrumentation.langchain"),
    ),
    "llama_index": (
        ("openinference-instrumentation-llama-index", "openinference.instrumentation.llama_index"),
        ("opentelemetry-instrumentation-llamaindex", "opentelemetry.instrumentation.llamaindex"),
    ),
    "mistralai": (
        ("openinference-instrumentation-mistralai", "openinference.instrumentation.mistralai"),
        ("opentelemetry-instrumentation-mistralai", "opentelemetry.instrumentation.mistralai"),
    ),
    "groq": (
        ("openinference-instrumentation-groq", "openinference.instrumentation.groq"),
        ("opentelemetry-instrumentation-groq", "opentelemetry.instrumentation.groq"),
    ),
}
"""Model clients by module; the packages that instrument each, the first recommended, and their modules."""

JS_CLIENTS: Mapping[str, tuple[str, ...]] = {
    "openai": (
        "@arizeai/openinference-instrumentation-openai",
        "@opentelemetry/instrumentation-openai",
        "@traceloop/node-server-sdk",
    ),
    "@anthropic-ai/sdk": (
        "@arizeai/openinference-instrumentation-anthropic",
        "@traceloop/node-server-sdk",
    ),
    "langchain": ("@arizeai/openinference-instrumentation-langchain", "@traceloop/node-server-sdk"),
}
"""The same for JavaScript."""

IN_CODE: Mapping[str, str] = {
    "litellm": 'litellm traces itself when told to: litellm.callbacks = ["otel"]',
    "pydantic_ai": "pydantic_ai traces itself when told to: Agent.instrument_all()",
}
JS_IN_CODE: Mapping[str, str] = {
    "ai": "ai traces itself when told to: registerTelemetry(new OpenTelemetry()) of @ai-sdk/otel, "
    "before version 7 experimental_telemetry: { isEnabled: true } in each call",
}
"""Libraries that bring their own instrumentation, and the line of code that switches it on."""


def python_has(module: str) -> bool:
    """Whether a module is installed beside this command."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ModuleNotFoundError, ValueError):
        return False


def javascript_packages(folder: Path) -> frozenset[str] | None:
    """Packages that the folder's ``package.json`` asks for; ``None`` if there is none that can be read."""
    try:
        with (folder / "package.json").open("rb") as file:
            found = json.loads(file.read(MAX_PACKAGE_JSON))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    sections = (found.get(name) for name in ("dependencies", "devDependencies"))
    return frozenset(str(name) for section in sections if isinstance(section, dict) for name in section)


def content_variables(families: Sequence[Family], has: Has) -> dict[str, str]:
    """Switches of the families that are there; of all, if none is: what is installed later works, too."""
    there = [f for f in families if any(map(has, f.modules))] or families
    return {name: value for family in there for name, value in family.variables.items()}


def missing_python(has: Has = python_has) -> list[str]:
    """A line for each model client that is there without an instrumentation."""
    everything = any(map(has, _EVERYTHING))
    return [
        f"{client} is not instrumented: pip install {packages[0][0]}"
        for client, packages in CLIENTS.items()
        if has(client) and not everything and not any(has(module) for _, module in packages)
    ]


def missing_javascript(packages: frozenset[str]) -> list[str]:
    """The same for what a ``package.json`` asks for."""
    return [
        f"{client} is not instrumented: npm install {instrumentations[0]}"
        for client, instrumentations in JS_CLIENTS.items()
        if client in packages and not packages & set(instrumentations)
    ]


def traced_in_code(lines: Mapping[str, str], has: Has) -> list[str]:
    """Which libraries are there that trace themselves when told to, of `IN_CODE` or `JS_IN_CODE`."""
    return [line for name, line in lines.items() if has(name)]
