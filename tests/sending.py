"""Invented applications on the real OpenTelemetry SDK, whose spans lie wherever a test wants them in time.

They emit the GenAI conventions (spans, agent runs, and content in log records) in three languages. Ids and
texts follow from a seed, so two runs make the same spans. Nothing that was made is lost: what the gateway
did not acknowledge is sent again, as an exporter with a queue would.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Span, Tracer, set_span_in_context

NS_PER_S = 1_000_000_000
BATCH = 64
"""Records of one request."""
ADDRESS_EVERY = 10
GIVE_UP_S = 180.0
DETAILS = "gen_ai.client.inference.operation.details"
JUDGED, HELPFUL = "gen_ai.evaluation.result", "helpful"
"""An evaluator's event, and what it judges."""


@dataclass(frozen=True, slots=True)
class _Phrases:
    """What is said in one language: ``opening`` begins an answer, ``refusal`` one that refuses."""

    opening: str
    refusal: str
    questions: tuple[str, ...]
    answers: tuple[str, ...]


_TEXTS = {
    "en": _Phrases(
        "Thank you for asking, I am glad to look that up.",
        "I'm sorry, but I can't help with that request.",
        (
            "Where does the night ferry to the northern islands leave from?",
            "How late can I change my cabin?",
            "May I take my bicycle on board?",
            "What time do the shops on the upper deck close?",
        ),
        (
            "The ferry leaves from the eastern pier every evening.",
            "Cabins can be changed until one hour before.",
            "Bicycles travel on the lower deck without charge.",
            "The harbour office is open until nine o'clock.",
            "The crossing takes about six hours when the sea is calm.",
            "Please keep your ticket until you arrive.",
        ),
    ),
    "es": _Phrases(
        "Gracias por su pregunta, lo consulto con gusto.",
        "Lo siento, pero no puedo ayudar con esa petición.",
        (
            "¿Desde dónde sale el barco nocturno hacia las islas del norte?",
            "¿Hasta cuándo puedo cambiar mi camarote?",
            "¿Puedo subir a bordo con mi bicicleta?",
            "¿A qué hora cierran las tiendas de la cubierta superior?",
        ),
        (
            "El barco sale cada noche desde el muelle del este.",
            "Los camarotes se cambian hasta una hora antes.",
            "Las bicicletas viajan sin coste en la cubierta inferior.",
            "La oficina del puerto abre hasta las nueve.",
            "La travesía dura unas seis horas cuando el mar está tranquilo.",
            "Conserve su billete hasta la llegada.",
        ),
    ),
    "de": _Phrases(
        "Vielen Dank für Ihre Frage, ich sehe gerne nach.",
        "Es tut mir leid, dabei kann ich leider nicht helfen.",
        (
            "Wo legt die Nachtfähre zu den nördlichen Inseln ab?",
            "Bis wann kann ich meine Kabine noch wechseln?",
            "Darf ich mein Fahrrad mit an Bord nehmen?",
            "Wann schließen die Läden auf dem oberen Deck?",
        ),
        (
            "Die Fähre legt jeden Abend am östlichen Kai ab.",
            "Kabinen lassen sich bis eine Stunde vorher wechseln.",
            "Fahrräder reisen ohne Aufpreis auf dem unteren Deck mit.",
            "Das Hafenbüro ist bis neun Uhr geöffnet.",
            "Die Überfahrt dauert bei ruhiger See etwa sechs Stunden.",
            "Bitte bewahren Sie Ihre Karte bis zur Ankunft auf.",
        ),
    ),
}

LANGUAGES = tuple(_TEXTS)


@dataclass(frozen=True, slots=True)
class Call:
    """One model call as it was made: what must be found about it in the end."""

    service: str
    trace_id: str
    span_id: str
    end_ns: int
    language: str
    refused: bool


class _Ids(IdGenerator):
    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def generate_span_id(self) -> int:
        return self._rng.randrange(1, 1 << 64)

    def generate_trace_id(self) -> int:
        return self._rng.randrange(1, 1 << 128)


class _Kept(SpanProcessor):
    """Keeps finished spans."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


class App:
    """One service. ``logged``: prompts and answers stand in log records instead of on the spans, and an
    evaluator judges every answer a second later.

    Its calls have every combination of user and conversation. ``environment`` may be ``None``.
    One of ``addresses`` stands at the end of every `ADDRESS_EVERY`-th question.
    """

    def __init__(
        self,
        service: str,
        seed: int,
        *,
        logged: bool = False,
        addresses: Sequence[str] = (),
        environment: str | None = "test",
    ) -> None:
        self.service = service
        self.calls: list[Call] = []
        self._rng = random.Random(f"{service}/{seed}")
        self._logged = logged
        self._addresses = addresses
        where = {} if environment is None else {"deployment.environment.name": environment}
        self._resource = Resource({"service.name": service, "service.version": "3.2", **where})
        self._provider = TracerProvider(
            resource=self._resource, id_generator=_Ids(self._rng), shutdown_on_exit=False
        )
        self._kept = _Kept()
        self._provider.add_span_processor(self._kept)
        self._tracer: Tracer = self._provider.get_tracer("harbour.app", "1.0")
        self._logs: list[ReadableLogRecord] = []

    def chat(self, at_ns: int, language: str, *, refused: bool = False, parent: Any = None) -> int:
        """A model call that starts at ``at_ns``; when it ended."""
        rng = self._rng
        said = _TEXTS[language]
        opening = said.refusal if refused else said.opening
        answer = " ".join([opening, *rng.sample(said.answers, rng.randint(2, 4))])
        question = rng.choice(said.questions)
        if self._addresses and len(self.calls) % ADDRESS_EVERY == 0:
            question += f" {self._addresses[len(self.calls) // ADDRESS_EVERY % len(self._addresses)]}"
        end_ns = at_ns + round(NS_PER_S * rng.uniform(0.4, 1.6))
        content = {
            "gen_ai.input.messages": _messages("user", question),
            "gen_ai.output.messages": _messages("assistant", answer),
        }
        span = self._tracer.start_span(
            "chat harbour-large",
            context=parent,
            start_time=at_ns,
            attributes={
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "harbour-large",
                "gen_ai.response.model": "harbour-large-1",
                "gen_ai.response.finish_reasons": ["stop"],
                "gen_ai.usage.input_tokens": len(question) // 4,
                "gen_ai.usage.output_tokens": len(answer) // 4,
                **self._caller(),
                **({} if self._logged else content),
            },
        )
        span.end(end_ns)
        context = span.get_span_context()
        trace_id, span_id = f"{context.trace_id:032x}", f"{context.span_id:016x}"
        self.calls.append(Call(self.service, trace_id, span_id, end_ns, language, refused))
        if self._logged:
            self._log(span, end_ns, DETAILS, {"gen_ai.operation.name": "chat", **content})
            self._log(
                span,
                end_ns + NS_PER_S,
                JUDGED,
                {
                    "gen_ai.evaluation.name": HELPFUL,
                    "gen_ai.evaluation.score.value": len(answer) % 5 / 4,
                },
            )
        return end_ns

    def _caller(self) -> dict[str, str]:
        """Who asks: in turn a user in a conversation, only one of the two, or nobody known."""
        conversation = {"gen_ai.conversation.id": f"conversation-{self._rng.randrange(10**6)}"}
        user = {"user.id": f"user-{self._rng.randrange(300)}"}
        return (conversation | user, user, conversation, {})[len(self.calls) % 4]

    def run(self, at_ns: int, language: str, *, refused: bool = False) -> int:
        """An agent's run: a call, a tool, and another call; when it ended."""
        root = self._tracer.start_span(
            "invoke_agent pilot",
            start_time=at_ns,
            attributes={"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "pilot"},
        )
        inside = set_span_in_context(root)
        now_ns = self.chat(at_ns, language, parent=inside)
        tool = self._tracer.start_span(
            "execute_tool timetable",
            context=inside,
            start_time=now_ns,
            attributes={
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "timetable",
                "gen_ai.tool.call.arguments": json.dumps({"pier": self._rng.randrange(1, 9)}),
            },
        )
        tool.end(now_ns + NS_PER_S // 10)
        end_ns = self.chat(now_ns + NS_PER_S // 10, language, refused=refused, parent=inside)
        root.end(end_ns)
        return end_ns

    def take(self) -> tuple[list[ReadableLogRecord], list[ReadableSpan]]:
        """What was made since the last call, in order of time."""
        spans, self._kept.spans = self._kept.spans, []
        logs, self._logs = self._logs, []
        return logs, sorted(spans, key=lambda s: s.end_time or 0)

    def _log(self, span: Span, at_ns: int, event: str, attributes: dict[str, str | float]) -> None:
        record = LogRecord(
            timestamp=at_ns,
            observed_timestamp=at_ns,
            context=set_span_in_context(span),
            event_name=event,
            attributes=attributes,
        )
        scope = InstrumentationScope("harbour.app", "1.0")
        self._logs.append(ReadableLogRecord(record, self._resource, scope))


class Delivery:
    """Sends to a gateway until it has acknowledged everything, in order.

    ``refused`` counts requests that were not acknowledged, ``spans`` and ``logs`` what was.
    """

    def __init__(self, gateway: str, lineage: str, headers: Mapping[str, str] | None = None) -> None:
        headers = {"lightship-lineage": lineage, **(headers or {})}
        self.refused = self.spans = self.logs = 0
        self._gateway = gateway
        self._span_exporter = OTLPSpanExporter(
            f"{gateway}/v1/traces", headers=headers, timeout=8, compression=Compression.Gzip
        )
        self._log_exporter = OTLPLogExporter(
            f"{gateway}/v1/logs", headers=headers, timeout=8, compression=Compression.Gzip
        )

    def deliver(self, *apps: App) -> None:
        """Send what the apps made, in order of time over all of them; returns when all is acknowledged."""
        taken = [app.take() for app in apps]
        logs = [record for records, _ in taken for record in records]
        spans = sorted((s for _, made in taken for s in made), key=lambda s: s.end_time or 0)
        for first in range(0, len(logs), BATCH):
            self._until(partial(self._export_logs, logs[first : first + BATCH]))
        for first in range(0, len(spans), BATCH):
            self._until(partial(self._export_spans, spans[first : first + BATCH]))
        self.logs += len(logs)
        self.spans += len(spans)

    def _export_spans(self, spans: Sequence[ReadableSpan]) -> bool:
        return self._span_exporter.export(spans) is SpanExportResult.SUCCESS

    def _export_logs(self, logs: Sequence[ReadableLogRecord]) -> bool:
        return self._log_exporter.export(logs) is LogRecordExportResult.SUCCESS

    def _until(self, export: Callable[[], bool]) -> None:
        deadline = time.monotonic() + GIVE_UP_S
        while not export():
            self.refused += 1
            assert time.monotonic() < deadline, f"{self._gateway} took nothing for {GIVE_UP_S:g} s"
            time.sleep(0.2)

    def close(self) -> None:
        """Close connections."""
        self._span_exporter.shutdown()  # type: ignore[no-untyped-call]
        self._log_exporter.shutdown()  # type: ignore[no-untyped-call]


def _messages(role: str, text: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}], ensure_ascii=False)
