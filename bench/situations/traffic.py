"""Calls of an assistant in three languages, and what can go wrong with them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from infra.clock import NS_PER_S

MODEL = "gpt-4o"
"""A model with a list price."""
USERS = 20_000
"""So many that nobody makes more calls an hour than count."""
REFUSED, FAILED = 0.01, 0.004
LATENCY_S = 1.2

_TEXTS: dict[str, tuple[str, Sequence[str], Sequence[str]]] = {
    "en": (
        "I'm sorry, but I can't help with that request.",
        ("Where do I find the opening hours of the library?", "How do I renew a book I have borrowed?"),
        (
            "The library is open from nine until seven on weekdays.",
            "Borrowed books can be renewed twice, online or at the desk.",
            "Please bring your card when you collect a reservation.",
        ),
    ),
    "de": (
        "Es tut mir leid, dabei kann ich leider nicht helfen.",
        ("Wo finde ich die Öffnungszeiten der Bücherei?", "Wie verlängere ich ein ausgeliehenes Buch?"),
        (
            "Die Bücherei ist an Werktagen von neun bis neunzehn Uhr geöffnet.",
            "Ausgeliehene Bücher lassen sich zweimal verlängern.",
            "Bitte bringen Sie Ihren Ausweis mit, wenn Sie etwas abholen.",
        ),
    ),
    "es": (
        "Lo siento, pero no puedo ayudar con esa petición.",
        ("¿Dónde encuentro el horario de la biblioteca?", "¿Cómo renuevo un libro prestado?"),
        (
            "La biblioteca abre de nueve a siete los días laborables.",
            "Los libros prestados se pueden renovar dos veces.",
            "Traiga su tarjeta cuando recoja una reserva.",
        ),
    ),
}
_WEIGHTS = {"en": 60, "de": 25, "es": 15}
LANGUAGES = tuple(_WEIGHTS)


@dataclass(slots=True)
class Odds:
    """What calls are like: probabilities and factors. ``refused_in`` is by language, for those it names."""

    refused: float = REFUSED
    refused_in: tuple[str, float] = ("", 0.0)
    failed: float = FAILED
    slower: float = 1.0
    dearer: float = 1.0
    leaks: bool = False


USUAL = Odds()
FACTORS = ((1.0, 1.0), (5.0, 1.0), (1.0, 20.0))
"""Factors of time and price that situations have."""
Place = tuple[str, str]
"""A service and its environment."""
Cause = Callable[[float], Odds | None]
"""What calls are like so many seconds after the cause began; ``None``: there are none."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What happens to a service; ``once`` is a single call. ``goal_s`` is how soon it is to be told."""

    name: str
    title: str
    cause: Cause
    goal_s: float | None = None
    once: bool = False
    is_quiet: bool = False


def _creep(after_s: float) -> Odds:
    return Odds(refused=REFUSED + 0.3 * min(after_s / 3600, 1.0))


SITUATIONS = (
    Situation("leak", "a key in an answer", lambda _: Odds(leaks=True), goal_s=5.0, once=True),
    Situation("refusals", "refusals 1 → 60 %", lambda _: Odds(refused=0.6), goal_s=120.0),
    Situation("one-language", "refusals 1 → 60 %, in Spanish alone", lambda _: Odds(refused_in=("es", 0.6))),
    Situation("errors", "errors 0.4 → 30 %", lambda _: Odds(failed=0.3), goal_s=120.0),
    Situation("latency", "latency × 5", lambda _: Odds(slower=5.0), goal_s=300.0),
    Situation(
        "spend", "a rule on spending, calls 20 times as dear", lambda _: Odds(dearer=20.0), goal_s=630.0
    ),
    Situation("dark", "traffic stops", lambda _: None, goal_s=300.0),
    Situation("creep", "refusals 1 → 31 % within an hour", _creep),
    Situation("control", "nothing happens", lambda _: USUAL, is_quiet=True),
)


@dataclass(frozen=True, slots=True)
class Call:
    """What is drawn of one call; the rest of it is as good as any."""

    language: str
    refused: bool
    failed: bool
    slower: float = 1.0
    dearer: float = 1.0
    leaks: bool = False


def call_of(odds: Odds, rng: random.Random) -> Call:
    """A call as likely as that."""
    language = rng.choices(tuple(_WEIGHTS), tuple(_WEIGHTS.values()))[0]
    named, share = odds.refused_in
    refused = rng.random() < (share if language == named else odds.refused)
    failed = rng.random() < odds.failed
    return Call(language, refused and not failed, failed, odds.slower, odds.dearer, odds.leaks)


def span_of(call: Call, end_ns: int, rng: random.Random) -> Span:
    """One call that ended at ``end_ns``."""
    refusal, questions, answers = _TEXTS[call.language]
    answer = refusal if call.refused else " ".join(rng.sample(answers, rng.randint(1, len(answers))))
    if call.leaks:
        key = "AKIA" + "".join(rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=16))
        answer = f"Use the key {key} for that."
    took_s = LATENCY_S * call.slower * rng.lognormvariate(0.0, 0.4)
    span = Span(
        trace_id=rng.randbytes(16),
        span_id=rng.randbytes(8),
        name=f"chat {MODEL}",
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=end_ns - int(took_s * NS_PER_S),
        end_time_unix_nano=end_ns,
    )
    texts = {"input": ("user", rng.choice(questions))}
    if not call.failed:
        texts["output"] = ("assistant", answer)
    for side, (role, text) in texts.items():
        message = {"role": role, "parts": [{"type": "text", "content": text}]}
        _set(span, f"gen_ai.{side}.messages", AnyValue(string_value=json.dumps([message])))
    for name, value in (
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "openai"),
        ("gen_ai.request.model", MODEL),
        ("gen_ai.response.model", MODEL),
        ("gen_ai.conversation.id", rng.randbytes(8).hex()),
        ("user.id", f"user-{rng.randrange(USERS)}"),
    ):
        _set(span, name, AnyValue(string_value=value))
    tokens = {"input": 40.0, "output": len(answer) / 4}
    for side, n in tokens.items():
        _set(span, f"gen_ai.usage.{side}_tokens", AnyValue(int_value=round(n * call.dearer)))
    if call.failed:
        _set(span, "error.type", AnyValue(string_value="rate_limit_exceeded"))
        span.status.code = span.status.STATUS_CODE_ERROR
    else:
        reasons = ArrayValue(values=[AnyValue(string_value="stop")])
        _set(span, "gen_ai.response.finish_reasons", AnyValue(array_value=reasons))
    return span


def request_of(spans: Sequence[tuple[Place, Span]]) -> bytes:
    """One request with the calls of services."""
    request = ExportTraceServiceRequest()
    by_place: dict[Place, list[Span]] = {}
    for place, span in spans:
        by_place.setdefault(place, []).append(span)
    for (service, environment), its in by_place.items():
        group = request.resource_spans.add()
        for name, value in (("service.name", service), ("deployment.environment.name", environment)):
            group.resource.attributes.add(key=name).value.string_value = value
        group.scope_spans.add().spans.extend(its)
    return request.SerializeToString()


def _set(span: Span, name: str, value: AnyValue) -> None:
    span.attributes.add(key=name).value.CopyFrom(value)
