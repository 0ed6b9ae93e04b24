"""Traffic for the bench of ingest: requests like recorded ones with texts of their own, and a client."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ingest.otlp.assembly.assemble import assemble_batch
from ingest.otlp.views import parse_traces, span_views

RECORDINGS = Path(__file__).parent / "recordings"
EMAIL_EVERY = 20
"""One question in so many holds an e-mail address: redaction has something to do, as in real traffic."""

_SAID = """
the a harbour ship light keeps of and to is that was for on are with as his they be at one have this from or
had by hot word but what some we can out other were all there when up use your how said an each she which do
their time if will way about many then them write would like so these her long make thing see him two has look
more day could go come did number sound no most people my over know water than call first who may down side
been now find any new work part take get place made live where after back
"""
WORDS = tuple(_SAID.split())


@dataclass(frozen=True, slots=True)
class Payload:
    """One recorded request of one call, from which many are made with texts of so many characters."""

    name: str
    file: str
    question: int
    answer: int


PAYLOADS = (
    Payload("OpenInference, short chat of 3.1 KB", "openinference-chat.bin", 100, 193),
    Payload("OTel GenAI, short chat of 1.6 KB", "otel-chat.bin", 150, 213),
    Payload("OTel GenAI, prompt of 34 KB", "otel-long.bin", 34_747, 98),
)


def words(length: int, rng: random.Random) -> str:
    """An invented text of exactly so many characters."""
    said = ""
    while len(said) < length:
        said += " ".join(rng.choices(WORDS, k=max(8, length // 8))) + ". "
    return said[:length]


class _Template:
    """The one call of a recorded request, to be told again with other texts and ids."""

    def __init__(self, payload: Payload) -> None:
        self.request = parse_traces((RECORDINGS / payload.file).read_bytes())
        (call,) = assemble_batch(span_views(self.request)).interactions
        self.span = Span()
        self.span.CopyFrom(self.request.resource_spans[0].scope_spans[0].spans[0])
        del self.request.resource_spans[0].scope_spans[0].spans[:]
        said = ((call.input_text, payload.question), (call.output_text, payload.answer))
        self._texts = [(_forms(text or ""), length) for text, length in said]
        self._response_id = call.response_id or ""

    def call(self, number: int, at_ns: int, rng: random.Random) -> Span:
        """A call that ended at ``at_ns``, with ids, a trace and texts of its own."""
        span = Span()
        span.CopyFrom(self.span)
        span.trace_id, span.span_id = rng.randbytes(16), rng.randbytes(8)
        took_ns = max(span.end_time_unix_nano - span.start_time_unix_nano, 1)
        span.start_time_unix_nano, span.end_time_unix_nano = at_ns - took_ns, at_ns
        new = [(forms, _said(length, number, rng)) for forms, length in self._texts]
        new.append(([self._response_id], f"{self._response_id[:-12]}{rng.randbytes(6).hex()}"))
        for pair in span.attributes:
            value = pair.value.string_value
            for forms, text in new:
                for form in forms:
                    value = value.replace(form, text)
            if value:
                pair.value.string_value = value
        return span


def _forms(text: str) -> list[str]:
    """A text as it stands by itself and in JSON."""
    return list(dict.fromkeys([json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], text]))


def bodies(payload: Payload, spans: int, count: int, seed: int) -> list[bytes]:
    """``count`` request bodies of ``spans`` calls each."""
    rng = random.Random(seed)
    template = _Template(payload)
    at_ns = time.time_ns()
    out = []
    for number in range(count):
        request = ExportTraceServiceRequest()
        request.CopyFrom(template.request)
        group = request.resource_spans[0].scope_spans[0]
        group.spans.extend(template.call(number * spans + i, at_ns, rng) for i in range(spans))
        out.append(request.SerializeToString())
    return out


def _said(length: int, number: int, rng: random.Random) -> str:
    said = words(length, rng)
    if number % EMAIL_EVERY == 0:
        said = f"I am visitor{number}@harbour-books.org. {said}"[:length]
    return said


@dataclass(slots=True)
class Sent:
    """What became of requests: how many were taken and refused, and how long those took that were taken."""

    taken: int = 0
    refused: int = 0
    seconds: list[float] = field(default_factory=list)

    def quantile_ms(self, q: float) -> float:
        """Quantile of the time to the answer, milliseconds."""
        ordered = sorted(self.seconds)
        return ordered[min(int(q * len(ordered)), len(ordered) - 1)] * 1000 if ordered else float("nan")


async def send(
    port: int, requests: Sequence[bytes], connections: int, for_s: float, per_s: float | None = None
) -> Sent:
    """Send for so long over so many connections, as fast as answers come or ``per_s`` requests a second.

    Every body is sent once; it ends early when there are no more.
    """
    sent = Sent()
    began = time.perf_counter()
    left = iter(enumerate(requests))

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for number, body in left:
                due = began + number / per_s if per_s else 0.0
                now = time.perf_counter()
                if now < due:
                    await asyncio.sleep(due - now)
                started = due if per_s else time.perf_counter()  # waiting for a connection counts too
                if started - began > for_s:
                    return
                status = await _post(reader, writer, body)
                if status == 200:
                    sent.taken += 1
                    sent.seconds.append(time.perf_counter() - started)
                elif status == 503:
                    sent.refused += 1
                    await asyncio.sleep(1.0)
                else:
                    raise RuntimeError(f"the gateway answered {status}")
        finally:
            writer.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    return sent


async def _post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> int:
    """Status of the answer."""
    writer.write(
        b"POST /v1/traces HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/x-protobuf\r\n"
        b"content-length: %d\r\n\r\n" % len(body)
    )
    writer.write(body)
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.partition(b":")[2])
        for line in head.split(b"\r\n")
        if line[:15].lower() == b"content-length:"
    )
    await reader.readexactly(length)
    return int(head.split(b" ", 2)[1])
