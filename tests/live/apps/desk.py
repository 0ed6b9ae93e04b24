"""A small application with one instrumentation, named by the argument: a chat, a stream, tools, an error.

It runs in an environment of its own, so it imports nothing of ours. Where it sends is in the environment, as
an application's owner would set it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

SYSTEM = "You are the desk clerk of Fogpoint Harbour. Be brief."
CHAT = "Hello, I am Mara Quill (mara.quill@example.org). When is the lamp lit?"
STREAM = "Bonjour, quand le phare est-il allumé ?"
TOOLS = "What is the weather in Halifax?"
ERROR = "Too many of these?"
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": PARAMETERS}}
MODEL = "gpt-4o-mini"

App = tuple[Callable[..., Any], Callable[[], Any]]
"""What asks the model, and what sends everything that was seen."""


def instrumented(module: str) -> App:
    """The OpenAI client under an instrumentation, with OpenTelemetry's SDK set up from the environment."""
    made = import_module("opentelemetry.sdk.trace").TracerProvider()
    exporter = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter").OTLPSpanExporter()
    made.add_span_processor(import_module("opentelemetry.sdk.trace.export").BatchSpanProcessor(exporter))
    import_module(module).OpenAIInstrumentor().instrument(tracer_provider=made)
    client = import_module("openai").OpenAI(max_retries=0)
    return client.chat.completions.create, made.force_flush


def langfuse(module: str) -> App:
    """Langfuse's own client, which posts to the gateway by base URL."""
    client = import_module(f"{module}.openai").OpenAI(max_retries=0)
    return client.chat.completions.create, import_module(module).get_client().flush


def litellm(module: str) -> App:
    """LiteLLM with its callback ``otel``; it reports from a thread after the answer."""
    lite: Any = import_module(module)
    lite.callbacks = ["otel"]

    def create(model: str, **asked: Any) -> Any:
        return lite.completion(model=f"openai/{model}", num_retries=0, max_retries=0, **asked)

    def flush() -> None:
        time.sleep(1)
        import_module("opentelemetry.trace").get_tracer_provider().force_flush()

    return create, flush


def main(module: str) -> None:
    """Ask four times and send what was seen."""
    create, flush = {"langfuse": langfuse, "litellm": litellm}.get(module, instrumented)(module)

    def ask(question: str, **more: Any) -> Any:
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
        return create(model=MODEL, messages=messages, **more)

    ask(CHAT)
    for _ in ask(STREAM, stream=True, stream_options={"include_usage": True}):
        pass
    ask(TOOLS, tools=[TOOL])
    try:
        ask(ERROR)
    except Exception as error:
        if "RateLimit" not in type(error).__name__:
            raise
    flush()


if __name__ == "__main__":
    main(sys.argv[1])
