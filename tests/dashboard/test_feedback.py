"""Judging an example: through the gateway's own door, as it is served."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
import uvicorn
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from dashboard.access.viewer import Viewer
from dashboard.queries.store import Scope
from dashboard.shared.actions import Answer
from dashboard.views.incident import feedback
from detectors.scorers import SPECS
from detectors.scorers.rightness import evaluated_score
from infra.embedded.ports import spare
from infra.gateway_section import INGEST_KEY
from infra.settings import GatewaySettings, Settings
from ingest.gateway.ingest_keys import IngestKeys
from ingest.gateway.key_file import Key, KeyFile, hash_of
from ingest.otlp.views import log_views
from tests.ingest.gateway.running import running
from tests.ingest.telemetry import TRACE

SPAN = f"{1:016x}"
ADA = Viewer("default", "responder", "ada@example.org")
SCOPE = Scope("default", "demo-1")
KEY = "a-key-of-the-shop"


def said(
    home: Path,
    who: Viewer,
    keys: IngestKeys | None = None,
    environ: Mapping[str, str] = MappingProxyType({}),
    names: tuple[str, str] = (feedback.NAME, feedback.NAME),
) -> tuple[list[Answer], list[bytes]]:
    """Answers to two judgements of one output, and what the gateway wrote."""

    async def inside() -> tuple[list[Answer], list[bytes]]:
        async with running(home, keys=keys) as gateway:
            port = spare()
            config = uvicorn.Config(
                gateway.gateway,
                host="127.0.0.1",
                port=port,
                log_config=None,
                lifespan="off",
            )
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve())
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
            settings = Settings(home=home, gateway=GatewaySettings(port=port))

            def judge(right: bool, name: str) -> Answer:
                return feedback.judge(
                    settings,
                    who,
                    SCOPE,
                    f"{TRACE}:{SPAN}",
                    right=right,
                    why="it may help",
                    name=name,
                    environ=environ,
                )

            two = zip((False, True), names, strict=True)
            answers = [await asyncio.to_thread(judge, right, name) for right, name in two]
            server.should_exit = True
            await serving
            return answers, [m.value for m in gateway.producer.sent if m.topic == "otlp_logs"]

    return asyncio.run(inside())


def test_a_judgement_reaches_the_log_and_the_second_corrects_the_first(tmp_path: Path) -> None:
    answers, sent = said(tmp_path, ADA)
    assert answers == [Answer(True)] * 2
    views = [view for value in sent for view in log_views(ExportLogsServiceRequest.FromString(value))]
    assert len(views) == 2
    assert {(v.trace_id, v.span_id) for v in views} == {(TRACE, SPAN)}
    assert len({v.attributes["log.record.uid"] for v in views}) == 1  # so the later one stands
    assert all(b"it may help" in value for value in sent)
    assert b"ada@example.org" not in b"".join(sent)  # the name is a pseudonym where it is stored


def test_what_is_said_of_a_score_stands_beside_what_is_said_of_the_output(tmp_path: Path) -> None:
    of_score = feedback.of_score("refusal")
    assert of_score is not None
    assert evaluated_score(of_score) == "refusal"
    answers, sent = said(tmp_path, ADA, names=(feedback.NAME, of_score))
    assert answers == [Answer(True)] * 2
    views = [view for value in sent for view in log_views(ExportLogsServiceRequest.FromString(value))]
    named = {v.attributes["gen_ai.evaluation.name"]: v.attributes["log.record.uid"] for v in views}
    assert set(named) == {feedback.NAME, "right:refusal"}
    assert len(set(named.values())) == 2  # neither corrects the other


def test_only_a_score_that_says_something_of_an_output_can_be_right_of_it() -> None:
    told = {name for name in SPECS if feedback.of_score(name)}
    assert {"refusal", "secrets", "injection", "toxicity"} <= told
    assert not told & {"latency_s", "output_length", "language", "tool_loop", "no_such_score"}
    assert feedback.of_score("no_such_score") is None


@pytest.mark.parametrize(
    ("who", "why"),
    [
        (Viewer("default", "analyst", "Ada"), "the role analyst may not act"),
        (Viewer("other", "responder", "Ada"), "ingest key is of tenant default"),
    ],
)
def test_it_is_for_who_may_act_and_for_the_tenant_of_the_key_alone(
    tmp_path: Path, who: Viewer, why: str
) -> None:
    answers, sent = said(tmp_path, who)
    assert all(not a.done and why in a.reason for a in answers)
    assert sent == []


@pytest.fixture
def shop() -> Callable[[], IngestKeys]:
    key = Key(hash=hash_of(KEY.encode()), tenant="shop", name="dashboard")
    return lambda: IngestKeys(KeyFile((key,)))


def test_with_keys_the_tenant_is_that_of_the_key(tmp_path: Path, shop: Callable[[], IngestKeys]) -> None:
    answers, _ = said(tmp_path, Viewer("shop", "responder", "Ada"), shop(), {INGEST_KEY: KEY})
    assert [a.done for a in answers] == [True, True]
    answers, sent = said(tmp_path, ADA, shop(), {INGEST_KEY: KEY})
    assert all("ingest key is of tenant shop" in a.reason for a in answers)
    answers, sent = said(tmp_path, ADA, shop())
    assert all(f"set {INGEST_KEY}" in a.reason for a in answers)
    assert sent == []


def test_a_gateway_that_is_gone_is_an_answer_in_words(tmp_path: Path) -> None:
    gone = Settings(home=tmp_path, gateway=GatewaySettings(port=spare()))
    answer = feedback.judge(gone, ADA, SCOPE, f"{TRACE}:{SPAN}", right=True, why="")
    assert answer == Answer(False, "the gateway does not answer (ConnectError)")
