"""One judge at work: look for interactions of the sample, ask, and send what it said as judgements.

A judgement takes the way of feedback: a ``gen_ai.evaluation.result`` record, redacted by the gateway's own
code path, on the partition of the judged trace. Its name is ``<judge>@<version>`` and its label says ``good``
or ``bad`` by the rubric. It is sent again until Kafka has it; its id makes that one judgement.

Three things end a round: nobody is left, a limit is reached, or the API wants to be left alone. Nothing that
goes wrong becomes a score: what got no verdict in three tries, or what our own code failed on so often, is
counted and given up.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from detectors.scorers.prices import Price
from infra.clock import NS_PER_S
from infra.fault import Fault
from infra.judges import JudgeSettings
from ingest.errors import Unavailable
from ingest.interaction import Evaluation
from ingest.judge.endpoint import ANSWERED, LATER, NOT_US, Called, Endpoint
from ingest.judge.exchange import FORM, NoVerdict, Verdict, Wanted, read_answer, request_body
from ingest.judge.journal import Chosen, Journal, PendingScore
from ingest.judge.rubric import Rubric
from ingest.judge.stored import Stored
from ingest.otlp.assembly.assemble import Judgement
from ingest.requests.evaluation import JUDGE, Sent

logger = logging.getLogger(__name__)

HOUR_NS = 3600 * NS_PER_S
OVERLAP_NS = 600 * NS_PER_S
"""Every look goes back this far behind the last one: text may come later than its span."""
SETTLED_NS = 2 * NS_PER_S
"""What came just now is left alone: the rest of it may be under way."""

OF_THE_WHOLE = (Unavailable, sqlite3.Error, MemoryError)
"""What no single interaction is to blame for."""

FIRST_REST_S, LONGEST_REST_S, REFUSED_REST_S = 1.0, 300.0, 60.0
"""The API is left alone after a failure, twice as long after the next, up to this; so long if it refuses."""

BYTES_PER_TOKEN = 3
"""Fewer bytes than a token of most texts has: what a call may cost is rather over- than under-estimated."""

Deliver = Callable[[Sent], Awaitable[None]]
"""Sends a judgement; raises `ingest.errors.Unavailable` if it is not acknowledged."""
Count = Callable[[str], None]
"""Counts an outcome by its word."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a judge is made of. ``price`` is that of its model."""

    name: str
    settings: JudgeSettings
    rubric: Rubric
    price: Price

    @property
    def version(self) -> str:
        """``name@`` and 8 hexadecimal digits over model, rubric and the words around it."""
        s = self.settings
        more = (s.model, FORM, f"{s.temperature:g}", str(s.most_chars))
        return f"{self.name}@{self.rubric.digest(*more)}"

    @property
    def wanted(self) -> Wanted:
        """How it is asked."""
        s = self.settings
        return Wanted(s.model, s.answer_tokens, s.tokens_key, s.temperature, s.json_mode, s.most_chars)


@dataclass(slots=True)
class Judge:
    """Works through its sample. ``redact`` is for reasons, ``now_ns`` the clock; ``chance`` spreads waits.

    ``problem`` tells why nothing can be delivered now: nobody is asked then, the answer could get lost.
    """

    bench: Bench
    stored: Stored
    journal: Journal
    endpoint: Endpoint
    deliver: Deliver
    redact: Callable[[str], str]
    now_ns: Callable[[], int]
    count: Count = lambda _: None
    problem: Callable[[], str | None] = lambda: None
    chance: Callable[[], float] = random.random
    rest_until_ns: int = 0
    trouble: str | None = None
    _failures: int = field(default=0)

    async def round(self, stop: asyncio.Event | None = None) -> str:
        """Look and ask until something ends it; a word for what: ``done``, ``limit``, ``rest`` or ``stop``.

        Raises
        ------
        Unavailable
            If the store or Kafka does not answer: nothing is lost, the next round goes on.
        """
        await self._send_again()
        await self._look()
        while not (stop and stop.is_set()):
            if self.now_ns() < self.rest_until_ns:
                return "rest"
            chosen = self.journal.next()
            if chosen is None:
                return "done"
            try:
                has_room = await self._turn(chosen)
            except OF_THE_WHOLE:
                raise
            except Exception as error:  # noqa: BLE001 - the others are to be judged
                has_room = True
                self._defect(chosen.uid, error)
            if not has_room:
                return "limit"
        return "stop"

    async def _look(self) -> None:
        """Take what is new in the store, and give up what is too old."""
        now_ns, s = self.now_ns(), self.bench.settings
        oldest_ns = now_ns - round(s.reach_hours * HOUR_NS)
        for _ in range(self.journal.miss(oldest_ns)):
            self.count("missed")
        until_ns = now_ns - SETTLED_NS
        from_ns = max(self.journal.looked_until_ns() - OVERLAP_NS, oldest_ns)
        found = await asyncio.to_thread(
            self.stored.sample,
            self.bench.version,
            s.percent,
            s.services,
            (from_ns, max(until_ns, from_ns)),
            oldest_ns,
        )
        try:
            new = self.journal.choose(found, until_ns)
        except OF_THE_WHOLE:
            raise
        except Exception:  # noqa: BLE001 - which of them it is shows when each is chosen alone
            new = sum(self._choose_alone(one, until_ns) for one in found)
        for _ in range(new):
            self.count("chosen")

    def _choose_alone(self, one: Chosen, until_ns: int) -> int:
        try:
            return self.journal.choose([one], until_ns)
        except OF_THE_WHOLE:
            raise
        except Exception as error:  # noqa: BLE001 - it is left out
            self.count("defect")
            logger.error("judge %s: one is not chosen: %s", self.bench.name, Fault.of(error))
            return 0

    async def _send_again(self) -> None:
        for said in self.journal.unsent():
            try:
                await self._send(said)
            except OF_THE_WHOLE:
                raise
            except Exception as error:  # noqa: BLE001 - those behind it are to be sent
                self._defect(said.chosen.uid, error)

    def _defect(self, uid: str, error: Exception) -> None:
        """Our own code failed on one: it is tried again a few times, then given up."""
        self.count("defect")
        logger.error("judge %s: a defect: %s", self.bench.name, Fault.of(error))
        if self.journal.tried(uid):
            self.count("given_up")

    async def _turn(self, chosen: Chosen) -> bool:
        """Judge one; whether there was room for it within the limits."""
        if problem := self.problem():
            raise Unavailable(problem)
        texts = await asyncio.to_thread(self.stored.texts, chosen)
        if texts is None or await asyncio.to_thread(self.stored.is_evaluated, chosen):
            self.journal.gone(chosen.uid)
            return True
        number = secrets.token_hex(8)
        body = request_body(self.bench.rubric, self.bench.wanted, texts, number)
        most_usd = self._usd(len(body) // BYTES_PER_TOKEN + 1, self.bench.settings.answer_tokens)
        if not self.is_within_limits(most_usd):
            return False
        call = self.journal.calling(self.now_ns(), most_usd)
        self.count("called")
        called = await self.endpoint.call(body)
        if called.unpaid:
            self.journal.paid(call, 0.0)
        if called.outcome != ANSWERED:
            self._not_answered(chosen, called)
            return True
        try:
            verdict = read_answer(called.body, self.bench.rubric, number)
        except NoVerdict as error:
            self._pay(call, error)
            self._no_verdict(chosen, error.kind)
            return True
        self._pay(call, verdict)
        await self._verdict(chosen, verdict)
        return True

    def is_within_limits(self, most_usd: float) -> bool:
        """Whether a call that costs so much at most fits into the limits of the last hour and day."""
        now_ns, s = self.now_ns(), self.bench.settings
        calls, _ = self.journal.usage(now_ns - HOUR_NS)
        _, usd = self.journal.usage(now_ns - 24 * HOUR_NS)
        return calls < s.calls_per_hour and usd + most_usd <= s.usd_per_day

    def _usd(self, input_tokens: int, output_tokens: int) -> float:
        return self.bench.price.cost_usd(input_tokens, output_tokens, 0)

    def _pay(self, call: int, answer: Verdict | NoVerdict) -> None:
        """What was written down for a call becomes what it did cost, if the API says that."""
        if answer.input_tokens is not None and answer.output_tokens is not None:
            self.journal.paid(call, self._usd(answer.input_tokens, answer.output_tokens))

    async def _verdict(self, chosen: Chosen, verdict: Verdict) -> None:
        self._failures, self.trouble = 0, None
        reason = None if verdict.reason is None else self.redact(verdict.reason)
        said = PendingScore(chosen, verdict.score, reason, self.now_ns())
        self.journal.say(said)
        self.count("judged")
        await self._send(said)

    def _no_verdict(self, chosen: Chosen, kind: str) -> None:
        """The API works, and what it said does not count."""
        self._failures, self.trouble = 0, None
        self.count(kind)
        if self.journal.tried(chosen.uid):
            self.count("given_up")

    def _not_answered(self, chosen: Chosen, called: Called) -> None:
        self.count(called.why)
        if called.outcome in (LATER, NOT_US):
            self._failures += 1
            self.trouble = f"{self.endpoint.host}: {called.why}"
            rest_s = min(FIRST_REST_S * 2.0 ** min(self._failures - 1, 16), LONGEST_REST_S)
            rest_s *= 0.5 + self.chance() / 2
            least_s = REFUSED_REST_S if called.outcome == NOT_US else called.wait_s or 0.0
            self.rest_until_ns = self.now_ns() + round(max(rest_s, least_s) * NS_PER_S)
            if self._failures == 1:
                logger.warning("judge %s: %s", self.bench.name, self.trouble)
            return
        if self.journal.tried(chosen.uid):
            self.count("given_up")

    async def _send(self, said: PendingScore) -> None:
        """Send a verdict on; it stays to be sent until Kafka has it."""
        await self.deliver(sent_of(self.bench, said))
        self.journal.sent(said.chosen.uid)


def sent_of(bench: Bench, said: PendingScore) -> Sent:
    """The judgement of a verdict."""
    c = said.chosen
    evaluation = Evaluation(
        name=bench.version,
        score=said.score,
        label=bench.rubric.label(said.score),
        explanation=said.reason,
        source=JUDGE,
    )
    return Sent(Judgement(evaluation, c.trace_id, c.span_id, None), id=c.uid, time_ns=said.said_ns)
