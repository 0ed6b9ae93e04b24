"""An external judge against an API that fails in every way: what counts, what is asked again."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from detectors.scorers.prices import Price, shipped
from infra.clock import NS_PER_S
from infra.errors import Misconfigured
from infra.judges import JudgeSettings
from infra.settings import Settings, load, show
from ingest.errors import Unavailable
from ingest.gateway.grouping import Grouper
from ingest.gateway.intake import Intake, Origin
from ingest.gateway.metrics import Metrics
from ingest.gateway.producer import MemoryProducer
from ingest.judge.__main__ import work
from ingest.judge.endpoint import Endpoint
from ingest.judge.exchange import NoVerdict, Texts, Wanted, read_answer, request_body
from ingest.judge.journal import Chosen, Journal
from ingest.judge.judge import HOUR_NS, Bench, Judge
from ingest.judge.rubric import read_rubric, rubric_of
from ingest.judge.setup import benches, price_of
from ingest.judge.stored import Stored
from ingest.otlp.redactors import Redactors
from ingest.requests.evaluation import EXPLANATION, LABEL, NAME, UID, VALUE, Sent, to_request
from tests.loopback import Answer, Loopback, Request, cut, drip, refused, says

RUBRIC = read_rubric("", "judge.fit.rubric_file")
WANTED = Wanted("m", 100, "max_tokens", 0.0, json_mode=True, most_chars=400)
START_NS = 1_790_000_000 * NS_PER_S
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100}
PRICE = Price("m", 0, 1.0, 10.0, 1.0)
CALL_USD = 0.002


def completion(content: object, finish: str = "stop") -> dict[str, Any]:
    return {"choices": [{"message": {"content": content}, "finish_reason": finish}], "usage": USAGE}


def verdict(**said: object) -> bytes:
    return json.dumps(completion(json.dumps({"id": "n1", "score": 4, **said}))).encode()


def replies(api: Loopback, **said: object) -> Answer:
    """The answer of a model that keeps to the form, but for what is said."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        content = json.dumps({"id": question(api.got[-1])["id"], "score": 4, "reason": "it serves"} | said)
        says(200, completion(content))(handler)

    return answer


def question(request: Request) -> dict[str, Any]:
    """The object that a judge was sent."""
    found: dict[str, Any] = json.loads(request.json()["messages"][1]["content"])
    return found


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"<html>", "not_json"),
        (b"[]", "no_choice"),
        (b'{"choices": []}', "no_choice"),
        (json.dumps(completion(None)).encode(), "no_choice"),
        (json.dumps(completion('{"id": "n1", "score": 4}', "length")).encode(), "cut_off"),
        (json.dumps(completion('Sure! {"id": "n1", "score": 4}')).encode(), "not_the_form"),
        (json.dumps(completion('{"id": "n1", "score": 1, "score": 5}')).encode(), "not_the_form"),
        (json.dumps(completion('{"id": "n1", "score": NaN}')).encode(), "not_the_form"),
        (json.dumps(completion("[" * 100_000)).encode(), "not_the_form"),
        (verdict(more=1), "not_the_form"),
        (verdict(score="4"), "not_the_form"),
        (verdict(score=True), "not_the_form"),
        (verdict(reason="x" * 3000), "not_the_form"),
        (verdict(id="of another question"), "other_question"),
        (verdict(score=6), "out_of_range"),
        (verdict(score=4.5), "out_of_range"),
        (verdict(score=10**400), "out_of_range"),
    ],
)
def test_what_is_not_the_form_is_no_score(answer: bytes, kind: str) -> None:
    with pytest.raises(NoVerdict) as error:
        read_answer(answer, RUBRIC, "n1")
    assert error.value.kind == kind


@given(
    st.text()
    | st.dictionaries(
        st.sampled_from(["id", "score", "reason"]), st.integers() | st.floats() | st.just("n1")
    ).map(json.dumps)
)
def test_whatever_is_said_is_a_score_of_the_scale_or_none(content: str) -> None:
    try:
        found = read_answer(json.dumps(completion(content)).encode(), RUBRIC, "n1")
    except NoVerdict:
        return
    assert found.score in {1.0, 2.0, 3.0, 4.0, 5.0}
    assert (found.input_tokens, found.output_tokens) == (1000, 100)


@given(st.text(), st.text(min_size=1), st.none() | st.text())
def test_a_judged_text_stays_a_string_of_the_question(request: str, answer: str, system: str | None) -> None:
    body = json.loads(request_body(RUBRIC, WANTED, Texts(system, request, answer), "n1"))
    roles = [m["role"] for m in body["messages"]]
    assert roles == ["system", "user"]
    assert set(body) == {"model", "messages", "max_tokens", "temperature", "response_format"}
    data = json.loads(body["messages"][1]["content"])
    assert set(data) == {"id", "instructions", "request", "answer"}
    assert data["id"] == "n1"
    for name, text in (("instructions", system), ("request", request), ("answer", answer)):
        assert data[name] == text if text is None or len(text) <= 400 else len(data[name]) <= 400


@pytest.mark.parametrize(
    ("table", "says_"),
    [
        ({}, "question"),
        ({"question": "q", "low": 1, "high": 5, "good_from": 1}, "good_from"),
        ({"question": "q", "low": 0, "high": 1, "good_from": 1, "scale": 1}, "'scale'"),
        ({"question": "q", "low": 0, "high": "1", "good_from": 1}, "high must be a number"),
        (
            {"question": "q", "low": 0, "high": 1, "good_from": 1, "level": [{"score": 2, "says": "x"}]},
            "levels",
        ),
    ],
)
def test_a_rubric_that_cannot_be_used_is_refused(table: dict[str, Any], says_: str) -> None:
    with pytest.raises(Misconfigured, match=says_):
        rubric_of(table, "judge.fit.rubric_file: r.toml")


def test_settings_say_what_is_wrong_and_keep_secrets(tmp_path: Path) -> None:
    file = tmp_path / "lightship.toml"
    file.write_text('[judge.fit]\nurl = "https://host/secret/v1"\nmodel = "gpt-4o-mini"\nkey_file = "k"\n')
    settings = load(file, {})
    assert settings.judge["fit"].key_file == str(tmp_path / "k")
    assert show(settings)["judge"]["fit"]["url"] == "https://host/***"
    (bench,) = benches(settings)
    assert bench.version.startswith("fit@")
    assert bench.price == shipped().of("gpt-4o-mini")
    with pytest.raises(Misconfigured, match="cannot be read"):
        Endpoint(bench.settings, "judge.fit")
    other = replace(bench, rubric=replace(bench.rubric, question="Is it kind?"))
    another = replace(bench, settings=replace(bench.settings, model="gpt-4o"))
    assert len({bench.version, other.version, another.version}) == 3
    with pytest.raises(Misconfigured, match="not known what 'own-model' costs"):
        price_of("fit", replace(bench.settings, model="own-model"), shipped())
    assert price_of("fit", replace(bench.settings, input_usd=0.1), shipped()).input == 0.1
    with pytest.raises(Misconfigured, match="no judge is configured"):
        benches(Settings())
    for line, told in (("[judge.A]", "cannot name a judge"), ("[judge.a]", "url must be")):
        file.write_text(f'{line}\nurl = "ftp://h"\nmodel = "m"\n')
        with pytest.raises(Misconfigured, match=told):
            load(file, {})


class InMemory(Stored):
    """Interactions that a test keeps, instead of the store's; each came when it began."""

    def __init__(self, texts: dict[str, Texts]) -> None:
        self.kept = texts
        self.judged: set[str] = set()
        self.chosen = [
            Chosen(f"v/{n:032x}:{n:016x}", f"{n:032x}", f"{n:016x}", START_NS + n * NS_PER_S, (n * 7919) % 64)
            for n in range(1, len(texts) + 1)
        ]

    def sample(
        self, version: str, percent: float, services: Sequence[str], span_ns: tuple[int, int], start_ns: int
    ) -> list[Chosen]:
        del version, percent, services
        return [c for c in self.chosen if span_ns[0] <= c.start_ns < span_ns[1] and c.start_ns >= start_ns]

    def texts(self, chosen: Chosen) -> Texts | None:
        return self.kept.get(chosen.trace_id)

    def is_evaluated(self, chosen: Chosen) -> bool:
        return chosen.uid in self.judged


@dataclass
class World:
    """A judge over a loopback API, whose judgements go through the gateway's code path into memory."""

    home: Path
    api: Loopback
    stored: InMemory
    producer: MemoryProducer = field(default_factory=MemoryProducer)
    now_ns: int = START_NS + 60 * NS_PER_S
    counted: Counter[str] = field(default_factory=Counter)
    settings: dict[str, Any] = field(default_factory=dict)
    undeliverable: set[str] = field(default_factory=set)

    def round(self) -> str:
        """A whole life of the process: opened, one round, closed."""
        return asyncio.run(self._round())

    async def _round(self) -> str:
        key = self.home / "key"
        key.write_text("sk-secret\n")
        given = {"key_file": str(key), "timeout_s": 1.0, "usd_per_day": 100.0, **self.settings}
        bench = Bench("fit", JudgeSettings(self.api.url + "/v1", "m", **given), RUBRIC, PRICE)
        journal, endpoint = Journal(self.home / "judge.sqlite3"), Endpoint(bench.settings, "judge.fit")
        counters = Metrics()
        redactors = Redactors(self.home)
        intake = Intake(
            self.producer, Grouper(self.producer, counters, linger_s=0.0), redactors, counters,
            partitions=2, now_ns=lambda: self.now_ns,
        )  # fmt: skip

        async def deliver(sent: Sent) -> None:
            if sent.judgement.trace_id in self.undeliverable:
                raise OverflowError
            await intake.accept(to_request([sent], self.now_ns), Origin("default"))

        judge = Judge(
            bench, self.stored, journal, endpoint, deliver,
            partial(redactors.of("default").outer_text, EXPLANATION),
            lambda: self.now_ns, self._count, lambda: None,
            chance=lambda: 1.0,
        )  # fmt: skip
        try:
            return await judge.round()
        finally:
            await endpoint.close()
            await intake.close()
            self.rest_s = (judge.rest_until_ns - self.now_ns) / NS_PER_S
            self.states, self.spent = journal.counts(), journal.usage(self.now_ns - 24 * HOUR_NS)
            journal.close()

    def _count(self, what: str) -> None:
        self.counted[what] += 1

    def records(self) -> list[dict[str, Any]]:
        """Attributes of what Kafka has, with the span it names."""
        out = []
        for sent in self.producer.sent:
            request = ExportLogsServiceRequest.FromString(sent.value)
            for resource in request.resource_logs:
                for scope in resource.scope_logs:
                    for r in scope.log_records:
                        values = {a.key: a.value.string_value or a.value.double_value for a in r.attributes}
                        out.append({**values, "span": r.span_id.hex(), "door": scope.scope.name})
        return out


@contextmanager
def world(tmp_path: Path, n: int, **settings: Any) -> Iterator[World]:
    texts = {f"{k:032x}": Texts("be kind", f"question {k}", f"answer {k}") for k in range(1, n + 1)}
    with Loopback(says(500)) as api:
        api.answer = replies(api)
        yield World(tmp_path, api, InMemory(texts), settings=settings)


def test_every_choice_is_judged_once_whatever_the_api_does(tmp_path: Path) -> None:
    with world(tmp_path, 6) as w:
        w.api.answers = [
            replies(w.api, score=2), replies(w.api, score=99), says(200, completion("I'd say 5")),
            says(400), drip,
        ]  # fmt: skip
        assert w.round() == "done"
        assert w.states == {"sent": 6}
        assert len(w.api.got) == 10  # six verdicts and four that do not count, tried again after the others
        assert w.counted == Counter(
            chosen=6, called=10, judged=6, out_of_range=1, not_the_form=1, status_400=1, too_large=1
        )
        assert w.api.got[0].path == "/v1/chat/completions"
        assert w.api.got[0].headers["authorization"] == "Bearer sk-secret"
        said = w.records()
        assert Counter(r[VALUE] for r in said) == Counter({4.0: 5, 2.0: 1})
        assert Counter(r[LABEL] for r in said) == Counter(good=5, bad=1)
        assert {r["door"] for r in said} == {"judge"}
        assert {r[NAME] for r in said} == {
            Bench("fit", JudgeSettings("http://h", "m"), RUBRIC, PRICE).version
        }
        assert {(r["span"], r[UID]) for r in said} == {(c.span_id, c.uid) for c in w.stored.chosen}
        # eight were answered and billed, 400 was not, of the endless one nobody knows: it stays
        assert w.spent[0] == 10
        assert 8 * CALL_USD < w.spent[1] < 9 * CALL_USD + 0.01

        assert w.round() == "done"  # a restart judges nothing twice
        assert len(w.api.got) == 10
        w.stored.chosen.append(replace(w.stored.chosen[0], uid="v/x", span_id="f" * 16))
        w.stored.judged.add("v/x")  # nor what another home judged
        assert w.round() == "done"
        assert len(w.api.got) == 10


def test_nothing_is_invented_by_a_judge_that_never_keeps_to_the_form(tmp_path: Path) -> None:
    with world(tmp_path, 2) as w:
        w.api.answer = says(200, completion('{"score": 5}'))
        assert w.round() == "done"
        assert (w.states, w.records()) == ({"failed": 2}, [])
        assert w.counted["given_up"] == 2
        assert len(w.api.got) == 6


@pytest.mark.parametrize(
    ("answer", "why", "rest_s"),
    [
        (says(429, retry_after="40"), "status_429", 40.0),
        (says(503), "status_503", 1.0),
        (says(401), "status_401", 60.0),
        (cut, "no_connection", 1.0),
    ],
)
def test_an_api_that_does_not_answer_is_left_alone(
    tmp_path: Path, answer: Answer, why: str, rest_s: float
) -> None:
    with world(tmp_path, 2) as w:
        w.api.answers = [answer]
        assert w.round() == "rest"
        assert w.counted == Counter(chosen=2, called=1) + Counter([why])
        assert w.rest_s == pytest.approx(rest_s)
        assert w.round() == "done"
        assert w.states == {"sent": 2}
        w.api.url = refused()
        w.stored.chosen.append(replace(w.stored.chosen[0], uid="v/y"))
        assert w.round() == "rest"
        assert w.states == {"sent": 2, "waiting": 1}


def test_limits_hold_through_restarts(tmp_path: Path) -> None:
    with world(tmp_path, 30, calls_per_hour=5) as w:
        assert [w.round(), w.round()] == ["limit", "limit"]
        assert len(w.api.got) == 5
        w.now_ns += HOUR_NS + NS_PER_S
        w.settings["usd_per_day"] = 9 * CALL_USD  # five are spent, and the next could cost the most it may
        assert w.round() == "limit"
        spent = w.spent[1]
        assert 0 < spent <= 9 * CALL_USD
        w.now_ns += 7 * HOUR_NS  # too late for the others
        w.settings["usd_per_day"] = 100.0
        assert w.round() == "done"
        assert set(w.states) == {"sent", "missed"}
        order = [question(r)["request"] for r in w.api.got[:5]]
        by_draw = sorted(w.stored.chosen, key=lambda c: c.draw)
        assert order == [f"question {int(c.trace_id, 16)}" for c in by_draw[:5]]


def test_what_kafka_did_not_take_is_sent_again_and_not_asked_again(tmp_path: Path) -> None:
    with world(tmp_path, 1) as w:
        w.api.answer = replies(w.api, reason="It mails ada.lovelace@example.org")
        w.producer.down = True
        with pytest.raises(Unavailable):
            w.round()
        assert (w.states, len(w.api.got)) == ({"said": 1}, 1)
        assert b"lovelace" not in b"".join(f.read_bytes() for f in tmp_path.glob("judge.sqlite3*"))
        w.producer.down = False
        assert w.round() == "done"
        assert (w.states, len(w.api.got)) == ({"sent": 1}, 1)
        (first,) = w.records()
        assert first[EXPLANATION].startswith("It mails [email:")
        with sqlite3.connect(tmp_path / "judge.sqlite3") as journal:  # acknowledged, and then killed
            journal.execute("UPDATE chosen SET state = 'said', reason = ?", (first[EXPLANATION],))
        journal.close()
        w.now_ns += NS_PER_S
        w.round()
        assert w.records() == [first, first]


@pytest.mark.parametrize("where", ["texts", "deliver"])
def test_one_interaction_that_fails_is_given_up_and_the_others_are_judged(tmp_path: Path, where: str) -> None:
    """Whatever our own code raises on one: it ends neither the round nor the process."""
    with world(tmp_path, 3) as w:
        sick = w.stored.chosen[0]
        if where == "texts":
            w.stored.kept[sick.trace_id] = Texts(None, None, b"no text")  # type: ignore[arg-type]
        else:
            w.undeliverable.add(sick.trace_id)
        for _ in range(4):
            assert w.round() == "done"
        assert w.states == {"sent": 2, "failed": 1}
        assert (w.counted["defect"], w.counted["given_up"]) == (3, 1)


def test_one_row_that_no_journal_takes_keeps_no_other_from_being_chosen(tmp_path: Path) -> None:
    with world(tmp_path, 3) as w:
        w.stored.chosen.insert(0, Chosen("v/\ud800", "\ud800", "", START_NS, 1))
        w.stored.chosen.append(Chosen("v/far", "f" * 32, "f" * 16, START_NS, 2**70))
        assert w.round() == "done"
        assert w.states == {"sent": 3}
        assert w.counted["defect"] == 2


def test_a_judge_whose_rounds_fail_keeps_no_other_from_its_work() -> None:
    rounds: Counter[str] = Counter()
    stop, waiting_for = asyncio.Event(), dict[str, str]()

    class Fails:
        rest_until_ns = 0

        def __init__(self, name: str) -> None:
            self.bench = Bench(name, JudgeSettings("http://h", "m", every_s=0.01), RUBRIC, PRICE)

        def now_ns(self) -> int:
            return 1

        async def round(self, _: asyncio.Event) -> str:
            name = self.bench.name
            rounds[name] += 1
            if name == "sick":
                raise KeyError("a text of a user")
            if rounds["sick"] and rounds[name] > 3:
                stop.set()
            return "done"

    async def both() -> None:
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            for name in ("sick", "well"):
                tasks.create_task(work(cast("Judge", Fails(name)), stop, waiting_for))

    asyncio.run(both())
    assert rounds["well"] > 3
    assert "KeyError" in waiting_for["sick"]
    assert "user" not in waiting_for["sick"]
    assert "well" not in waiting_for
