"""Drives the apps through a schedule, in lockstep slices of event time, into a gateway."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from infra.clock import NS_PER_S
from infra.kafka import HEADER_EVENT_TIME, HEADER_LINEAGE, HEADER_LINEAGE_END
from ingest.demo.chance import Chance
from ingest.demo.clock import is_model_call, simulated_latency
from ingest.demo.code_texts import developer_question
from ingest.demo.delivery import Delivered, EventTimeExporter, EventTimes, happening
from ingest.demo.instrument import instrumented
from ingest.demo.loopback import Loopback
from ingest.demo.media_texts import picture_prompt
from ingest.demo.provider import Provider
from ingest.demo.schedule import (
    CALLS,
    CALLS_RELEASES,
    COPILOT,
    STUDIO,
    SUPPORT,
    Arrival,
    Planted,
    Schedule,
)
from ingest.demo.support_texts import customer_message
from ingest.errors import Unavailable

if TYPE_CHECKING:
    from ingest.demo.apps import CodeCopilot, SupportAssistant
    from ingest.demo.media_apps import BannerStudio, CallNotes

STREAM_SHARES = {SUPPORT: 0.25, COPILOT: 0.4}
"""Share of the requests whose answers are streamed."""
_SCOPE = "openinference.instrumentation.openai"
"""Whose spans those of recordings and pictures are made like."""
END_MARK_NS = 180 * NS_PER_S
"""How far past the end the final clock mark lies: more than the lateness, so that every tick closes."""
_MARK_TRIES, _MARK_PAUSE_S = 120, 1.0
_RETRYABLE = (429, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. ``requests`` are those of people; ``eta_s`` is ``None`` before there is a rate."""

    requests: int
    requests_total: int
    interactions: int
    event_ns: int
    elapsed_s: float
    eta_s: float | None


@dataclass(slots=True)
class Traffic:
    """What a run sent: model calls by (service, language), each with its end in event time."""

    lineage: str
    spans: int = 0
    ends_ns: dict[tuple[str, str], list[int]] = field(default_factory=dict)

    @property
    def interactions(self) -> int:
        """Number of model calls."""
        return sum(map(len, self.ends_ns.values()))

    def touched(self, planted: Planted, low_ns: int, high_ns: int) -> int:
        """Model calls that a planted incident could touch with ``low_ns <= end < high_ns``."""
        dimension, _, value = planted.slice.partition("=")
        return sum(
            low_ns <= end_ns < high_ns
            for (service, language), ends_ns in self.ends_ns.items()
            if service == planted.service and (dimension != "language" or language == value)
            for end_ns in ends_ns
        )


def run(
    schedule: Schedule,
    gateway_url: str,
    lineage: str,
    *,
    headers: Mapping[str, str] | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    quiet_slice_s: int = 1200,
) -> Traffic:
    """Send the whole schedule and return when the gateway has acknowledged all of it.

    ``gateway_url`` is the root, such as ``http://127.0.0.1:4318``; ``lineage`` starts with ``demo-``;
    ``headers`` are added to each request (an ingest key, for example); ``quiet_slice_s`` is the length of a
    slice before the event day.

    Raises
    ------
    Unavailable
        If the gateway takes nothing for five minutes, or the loopback provider does not start.
    """
    from ingest.demo.apps import CodeCopilot, SupportAssistant
    from ingest.demo.media_apps import BannerStudio, CallNotes

    sent = {**(headers or {}), HEADER_LINEAGE: lineage}
    chance = Chance(schedule.seed)
    inner = OTLPSpanExporter(
        f"{gateway_url}/v1/traces", headers=sent, timeout=30, compression=Compression.Gzip
    )
    exporter = EventTimeExporter(inner, simulated_latency(chance))
    provider = Provider(schedule.seed)
    traffic = Traffic(lineage)
    started_s, requests = time.monotonic(), 0
    with contextlib.ExitStack() as stack:
        stack.callback(exporter.shutdown)
        loopback = stack.enter_context(Loopback(provider))
        processors = [EventTimes(exporter), SimpleSpanProcessor(exporter)]
        telemetry = stack.enter_context(instrumented(processors))
        tracer = telemetry[SUPPORT].get_tracer(SUPPORT)
        assistant = stack.enter_context(closing(SupportAssistant(loopback.url, tracer, chance)))
        copilot = stack.enter_context(closing(CodeCopilot(loopback.url)))
        releases = {release: telemetry[release].get_tracer(_SCOPE) for release in CALLS_RELEASES}
        notes = stack.enter_context(closing(CallNotes(loopback.url, releases)))
        studio_tracer = telemetry[STUDIO].get_tracer(_SCOPE)
        studio = stack.enter_context(closing(BannerStudio(loopback.url, studio_tracer)))
        apps = _Apps(assistant, copilot, notes, studio)
        for low_ns, high_ns, arrivals in schedule.slices(quiet_slice_s):
            provider.conditions = schedule.conditions_at(low_ns)
            for arrival in arrivals:
                _serve(arrival, apps, chance)
            _count(traffic, exporter.deliver(), arrivals)
            requests += len(arrivals)
            elapsed_s = time.monotonic() - started_s
            progress(_progress(requests, len(schedule.arrivals), traffic, high_ns, elapsed_s))
        exporter.wait()
    _end(gateway_url, sent, schedule.end_ns + END_MARK_NS)
    return traffic


@dataclass(frozen=True, slots=True)
class _Apps:
    assistant: SupportAssistant
    copilot: CodeCopilot
    notes: CallNotes
    studio: BannerStudio


def _serve(arrival: Arrival, apps: _Apps, chance: Chance) -> None:
    """One request of a person, at its time."""
    rng = chance.stream("message", arrival.label)
    stream = chance.happens(STREAM_SHARES.get(arrival.service, 0.0), "stream", arrival.label)
    user = arrival.user if arrival.names_user else ""
    conversation = arrival.conversation if arrival.names_conversation else ""
    with happening(arrival.at_ns, arrival.label):
        if arrival.service == CALLS:
            apps.notes.write_down(
                arrival.conversation,
                arrival.language,
                release=arrival.release,
                session=conversation,
                user=user,
            )
        elif arrival.service == STUDIO:
            prompt, n = picture_prompt(rng), rng.choice((1, 1, 2, 4))
            apps.studio.draw(prompt, n, account=arrival.user, session=conversation, user=user)
        elif arrival.service == SUPPORT:
            message = customer_message(arrival.language, rng)
            apps.assistant.answer(
                message,
                thread=arrival.conversation,
                conversation=conversation,
                user=user,
                prompt_version=arrival.prompt_version,
                stream=stream,
            )
        else:
            apps.copilot.answer(
                developer_question(rng),
                prompt_version=arrival.prompt_version,
                stream=stream,
                account=arrival.user,
                session=conversation,
                user=user,
            )


def _count(traffic: Traffic, delivered: Sequence[Delivered], arrivals: Sequence[Arrival]) -> None:
    languages = {arrival.label: arrival.language for arrival in arrivals}
    traffic.spans += len(delivered)
    for label, span in delivered:
        if is_model_call(span):
            service = str(span.resource.attributes["service.name"])
            ends_ns = traffic.ends_ns.setdefault((service, languages.get(label, "")), [])
            ends_ns.append(span.end_time or 0)


def _progress(requests: int, total: int, traffic: Traffic, event_ns: int, elapsed_s: float) -> Progress:
    eta_s = elapsed_s * (total - requests) / requests if requests else None
    return Progress(requests, total, traffic.interactions, event_ns, elapsed_s, eta_s)


def _end(gateway_url: str, headers: Mapping[str, str], at_ns: int) -> None:
    """Tell the gateway that the lineage has come to ``at_ns`` and ends there."""
    mark = {**headers, HEADER_EVENT_TIME: str(at_ns), HEADER_LINEAGE_END: "1"}
    mark["content-type"] = "application/x-protobuf"
    answer = "nothing"
    for _ in range(_MARK_TRIES):
        try:
            response = httpx.post(f"{gateway_url}/v1/traces", content=b"", headers=mark, timeout=30.0)
        except httpx.TransportError as error:
            answer = type(error).__name__
        else:
            if response.is_success:
                return
            answer = f"{response.status_code} {response.text[:200]}"
            if response.status_code not in _RETRYABLE:
                break
        time.sleep(_MARK_PAUSE_S)
    raise Unavailable(f"{gateway_url}/v1/traces took no end of lineage {mark[HEADER_LINEAGE]}: {answer}")
