"""Traffic beside the journey: hostile texts of a mebibyte, and calls of every identity and modality.

Each sender has a lineage of its own. What is not acknowledged is sent again with the same ids, so every call
that was acknowledged must be stored once, and no other than those that were made.
"""

from __future__ import annotations

import itertools
import random
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from infra.clock import NS_PER_S
from tests.ingest.telemetry import START_NS, chat, messages, span, traces
from tests.running import Running

MIB = 1 << 20
TIMEOUT_S = 30.0
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers after which an exporter sends again."""
END_NS = START_NS + 3600 * NS_PER_S

HOSTILE: Mapping[str, Callable[[random.Random], str]] = {
    "card-like digits": lambda r: f"{r.randrange(10**15):015d} ",
    "digits without an end": lambda r: str(r.randrange(10)),
    "addresses without an end": lambda r: f"{r.choice('abc')}.{r.choice('xyz')}@",
    "host names without an end": lambda r: f"{r.choice('abc')}.",
    "account numbers": lambda r: f"DE{r.randrange(10**20):020d}\t",
    "keys": lambda r: f"sk-{r.randrange(16**24):024x}=",
    "blanks": lambda _: " \u00a0\u200b",
    "brackets": lambda _: '[{"a":',
    "phone numbers": lambda r: f"+{r.randrange(10**11)} (",
}
"""One piece of a text that is expensive to look through, by kind."""


class SideTraffic(threading.Thread, ABC):
    """Sends one call after another until it is told to stop."""

    kind = "side"
    every_s = (0.1, 0.5)

    def __init__(self, lightship: Running, seed: int) -> None:
        super().__init__(name=self.kind, daemon=True)
        self.lineage = f"evaluation-{self.kind}-{seed}"
        self.did: Counter[str] = Counter()
        self.logs = 0
        self._rng = random.Random(f"{self.kind}/{seed}")
        self._lightship = lightship
        self._enough = threading.Event()
        self._acknowledged: set[str] = set()
        self._made: set[str] = set()

    @abstractmethod
    def requests(self) -> Iterator[tuple[str, ExportTraceServiceRequest]]:
        """Without an end: what to count a call as, and a request of one call."""

    def run(self) -> None:
        """Until `stop`."""
        headers = {"lightship-lineage": self.lineage, "content-type": "application/x-protobuf"}
        with httpx.Client(base_url=self._lightship.gateway, headers=headers, timeout=TIMEOUT_S) as client:
            for what, request in self.requests():
                if self._enough.wait(self._rng.uniform(*self.every_s)):
                    return
                self._until_answered(client, what, request)

    def _until_answered(self, client: httpx.Client, what: str, request: ExportTraceServiceRequest) -> None:
        trace_id = request.resource_spans[0].scope_spans[0].spans[0].trace_id.hex()
        body = request.SerializeToString()
        self._made.add(trace_id)
        while True:
            try:
                answer = client.post("/v1/traces", content=body)
            except httpx.HTTPError:
                answer = None
            if answer is not None and answer.status_code not in AGAIN:
                break
            if self._enough.wait(0.3):
                return
        if answer.is_success:
            taken = ExportTraceServiceResponse.FromString(answer.content)
            if not taken.partial_success.rejected_spans:
                self._acknowledged.add(trace_id)
                self.did[what] += 1
                return
        self.did[f"{what}, refused"] += 1

    def stop(self) -> None:
        """No more calls, and the end of the lineage."""
        self._enough.set()
        self.join()
        self._lightship.end(self.lineage, END_NS)

    def settle(self, patience_s: float) -> None:
        """Wait until all is handled: a request whose answer nobody waited for may come after the end."""
        self._lightship.settle(self.lineage, patience_s, END_NS)

    @property
    def spans(self) -> int:
        """How many calls are stored by now; one whose answer nobody waited for may still arrive."""
        return len(self._stored())

    def is_stored_once(self) -> None:
        """Whatever was acknowledged is stored, nothing twice, nothing that was not made."""
        lost = self._acknowledged - self._stored()
        assert not lost, f"{self.kind}: {len(lost)} of {len(self._acknowledged)} acknowledged are not stored"

    def _stored(self) -> set[str]:
        """Traces of the calls that are stored."""
        sql = "SELECT trace_id, count() FROM interactions FINAL WHERE lineage = %(lineage)s GROUP BY trace_id"
        rows = {str(trace): int(count) for trace, count in self._lightship.rows(sql, lineage=self.lineage)}
        assert set(rows) <= self._made
        assert set(rows.values()) <= {1}
        return set(rows)

    def ids(self) -> tuple[str, int]:
        """A trace and a span."""
        return f"{self._rng.randrange(1, 1 << 128):032x}", self._rng.randrange(1, 1 << 63)


class HostileTexts(SideTraffic):
    """Prompts of a mebibyte that are expensive to redact."""

    kind = "hostile"
    every_s = (4.0, 10.0)

    def requests(self) -> Iterator[tuple[str, ExportTraceServiceRequest]]:
        """Each kind in turn, in an order of its own."""
        resource = {"service.name": "hostile", "deployment.environment.name": "prod"}
        while True:
            for kind in self._rng.sample(sorted(HOSTILE), len(HOSTILE)):
                piece = HOSTILE[kind]
                pieces = [piece(self._rng) for _ in range(4096)]
                text = ("".join(pieces) * (MIB // 4096))[:MIB]
                trace, number = self.ids()
                yield kind, traces(span(chat(text), trace=trace, span_id=number), resource=resource)


USERS: Sequence[Mapping[str, Any]] = ({}, {"user.id": "u{}"}, {"enduser.id": "someone-{}"})
CONVERSATIONS: Sequence[Mapping[str, Any]] = (
    {},
    {"gen_ai.conversation.id": "c{}"},
    {"session.id": "s{}"},
)
ENVIRONMENTS: Sequence[Mapping[str, Any]] = (
    {},
    {"deployment.environment.name": "prod"},
    {"deployment.environment.name": "a/b%2F\u00e9"},
)
MODALITIES: Mapping[str, Mapping[str, Any]] = {
    "text": chat(),
    "image": {
        **chat(),
        "gen_ai.output.type": "image",
        "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"uri","modality":"image",'
        '"mime_type":"image/png","uri":"https://pictures.example/1.png"}]}]',
    },
    "speech": {
        **chat(),
        "gen_ai.output.type": "speech",
        "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"uri","modality":"audio",'
        '"mime_type":"audio/wav","uri":"https://sounds.example/1.wav"}]}]',
    },
    "embedding": {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "text-embedding-3",
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.input.messages": messages(("user", "What is a lightship?")),
    },
}


class EveryIdentity(SideTraffic):
    """Calls with and without user, conversation and environment, in every modality."""

    kind = "identities"

    def requests(self) -> Iterator[tuple[str, ExportTraceServiceRequest]]:
        """Every combination, again and again, each time in another order."""
        every = list(itertools.product(USERS, CONVERSATIONS, ENVIRONMENTS, sorted(MODALITIES)))
        at_s = 0.0
        while True:
            for user, conversation, environment, modality in self._rng.sample(every, len(every)):
                who = {
                    key: str(value).format(self._rng.randrange(500))
                    for key, value in {**user, **conversation}.items()
                }
                trace, number = self.ids()
                at_s += 2.0
                call = span({**MODALITIES[modality], **who}, trace=trace, span_id=number, start_s=at_s)
                resource = {"service.name": f"caller-{modality}", **environment}
                yield f"calls of {modality}", traces(call, resource=resource)
