"""Scores of an operator's own, from the settings to findings, in process; the example is that of the page."""

from __future__ import annotations

import importlib.metadata
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alerts.briefs import words
from alerts.briefs.known_scores import learn_custom_scores
from detectors.finding import ALL, Finding
from detectors.grid import FlagGrid, LogGrid
from detectors.observation import decode
from detectors.record import Record
from detectors.scorers import SPECS, registry
from detectors.scorers.custom.declared import GROUP
from detectors.scorers.each import EachRecord
from detectors.scorers.protocol import ScoreSpec
from infra.errors import Misconfigured
from infra.kafka import OBSERVATIONS
from infra.settings import Settings, load
from ingest.agents.detect.run_config import RunConfig, engine
from ingest.agents.detect.shard import Shard
from ingest.agents.score.enabled_scorers import chosen
from ingest.agents.score.setup import scoring
from ingest.agents.score.stage import ScoreStage
from ingest.custom_scores import custom_scorers, specs_of, with_plug_ins
from ingest.operations.files.score import score_files
from ingest.operations.scorers import examine, show
from ingest.repository.stage_store import MemoryStore
from ingest.settings_check import check
from tests.ingest.raw import HASH_KEY, PARTITIONS, raw
from tests.ingest.telemetry import START_NS, chat, span, traces

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scorers.md"
DAY_S = 86_400
BATCH = 60


def read(folder: Path, text: str) -> Settings:
    file = folder / "lightship.toml"
    file.write_text(text, encoding="utf-8")
    settings = load(file, {})
    return replace(settings, kafka=replace(settings.kafka, partitions=PARTITIONS))


@pytest.fixture
def example(tmp_path: Path) -> Settings:
    """The settings and the function that the page shows."""
    blocks = re.findall(r"```(toml|python)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (_, tables), (_, function) = blocks[:2]
    (tmp_path / "my_scores.py").write_text(function, encoding="utf-8")
    return with_plug_ins(read(tmp_path, tables))


def stream(days: int) -> Iterator[Any]:
    """Requests of interactions in order; on the last day answers name a rival ten times as often."""
    draw = np.random.default_rng([4, 7])
    at_s = np.sort(draw.uniform(0, days * DAY_S, 240 * days))
    for first in range(0, len(at_s), BATCH):
        spans = []
        for n, second in enumerate(at_s[first : first + BATCH], first):
            rate = 0.3 if second > (days - 1) * DAY_S else 0.03
            answer = "Try Brightline." if draw.random() < rate else "It is 24 pounds."
            spans.append(span(chat("What is it?", answer), trace=f"{n + 1:032x}", start_s=second))
        yield traces(*spans)


def test_the_pages_example_is_measured_watched_and_found(example: Settings) -> None:
    check(example)
    assert set(specs_of(example)) - set(SPECS) == {"names_rival", "shouting"}
    measured = scoring(example)
    e = engine(example)
    shard = Shard(e.config, e.partitions, e.lateness_ns, e.limits)
    log_offset = 0
    for offset, request in enumerate(stream(15)):
        stage = ScoreStage(MemoryStore(), measured, example, HASH_KEY)
        for output in stage.process([raw("otlp_spans", 0, offset, request, lineage="import-own")]):
            if output.topic == OBSERVATIONS.name and output.partition in (None, 0):
                shard.apply(log_offset, decode(output.value))
                log_offset += 1
    more = {"lightship-lineage-end": b"1"}
    stage = ScoreStage(MemoryStore(), measured, example, HASH_KEY)
    for partition in range(PARTITIONS):
        end = raw("otlp_spans", partition, 10**6, b"", records=0, lineage="import-own", more=more)
        for output in stage.process([end]):
            if output.topic == OBSERVATIONS.name and output.partition in (None, 0):
                shard.apply(log_offset, decode(output.value))
                log_offset += 1
    about: list[Finding] = [f for f, _ in shard.findings if f.score == "names_rival" and f.slice == ALL]
    assert {f.severity for f in about} == {"page"}
    assert about[0].direction == "rise"
    assert about[0].onset is not None
    onset_s = START_NS / 1e9 + 14 * DAY_S
    assert abs(about[0].onset.timestamp() - onset_s) < 6 * 3600


def test_files_are_scored_by_them(example: Settings, tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    file.write_text(
        json.dumps({"prompt": "Who?", "output": "BRIGHTLINE is"})
        + "\n"
        + json.dumps({"output": "12"})
        + "\n",
        encoding="utf-8",
    )
    loud, number = score_files([file], timing=False, say=lambda _: None, scorers=chosen(example).records)
    assert loud["scores"]["names_rival"] == 1
    assert loud["scores"]["shouting"] == pytest.approx(10 / 12)
    assert (number["scores"]["names_rival"], "shouting" in number["scores"]) == (0, False)
    assert loud["scorers"]["shouting"] == custom_scorers(example)[1].version


def test_what_was_declared_is_kept_with_what_ran(example: Settings) -> None:
    run = RunConfig.of(example)
    again = run.settings()
    assert specs_of(again) == specs_of(example)
    assert engine(again).config.specs["names_rival"].severity == "page"
    assert "Brightline" not in run.body
    assert run.other_scores() == []
    assert run.own_hash() == run.config_hash
    assert (
        RunConfig.of(Settings()).digest
        == RunConfig.of(replace(Settings(), home=Path("x"))).digest
        != run.digest
    )
    assert '"own"' not in RunConfig.of(Settings()).body


def test_alerts_know_their_titles(example: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_KNOWN", registry._KNOWN)  # the same mapping, put back as it was
    before = dict(registry._KNOWN)
    try:
        learn_custom_scores(example)
        spec = words.spec_of("names_rival")
        assert spec is not None
        assert (spec.harmful, words.title("shouting")) == (1, "Shouting")
        assert SPECS["refusal"].title == "Refusals"
    finally:
        registry._KNOWN.clear()
        registry._KNOWN.update(before)


def test_one_can_be_switched_off_and_have_a_severity(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        '[scorers]\noff = ["mine"]\n[score.mine]\nseverity = "page"\n[scorers.own.mine]\nregex = "x"\n',
    )
    check(settings)
    assert "mine" not in chosen(settings).versions()
    assert engine(settings).config.specs["mine"].severity == "page"
    assert "refusal" in chosen(settings).versions()


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("", "needs one of regex, keywords, json_schema and python, got none"),
        ('regex = "a"\nkeywords = ["b"]', "got regex and keywords"),
        ('regex = "("', "RE2 cannot read"),
        ('json_schema = "no.json"', "cannot read"),
        ('json_schema = "bad.json"', "'pattern' is not read"),
        ('python = "no.py:f"', "cannot read"),
        ('python = "mine.py:absent"', "has no function 'absent'"),
        ('python = "mine.py"', "must be FILE.py:FUNCTION"),
        ('python = "broken.py:f"', "cannot be run: ZeroDivisionError"),
        ('python = "mine.py:raises"', "raises TypeError: .* on prompt"),
        ('python = "mine.py:half"', "is a flag"),
        ('python = "mine.py:counts"', "other scores for the same record"),
        ('regex = "a"\nusual = 0.1\nkind = "positive"', "usual is a rate"),
        ('regex = "a"\nkind = "colour"', "kind"),
        ('regex = "a"\npattern = "b"', "unknown key"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, table: str, says: str) -> None:
    (tmp_path / "bad.json").write_text('{"pattern": "bad"}')
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "mine.py").write_text(
        "import itertools\nn = itertools.count()\n"
        "def raises(record):\n    return len(record.output) > 3\n"
        "def half(record):\n    return 0.5\n"
        "def counts(record):\n    return float(next(n) % 2)\n"
    )
    with pytest.raises(Misconfigured, match=says):
        chosen(read(tmp_path, f"[scorers.own.mine]\n{table}\n"))


def test_the_check_tells_faults_and_exits_for_them(tmp_path: Path, example: Settings) -> None:
    report = examine(example)
    assert report["ok"]
    assert "names_rival (flag, page)" in show(report)
    (tmp_path / "mine.py").write_text("def f(record):\n    return 2.0\n")
    wrong = examine(read(tmp_path, '[scorers.own.mine]\npython = "mine:f"\n'))
    assert not wrong["ok"]
    assert "a flag, 0 or 1" in show(wrong)
    assert "no scores of your own" in show(examine(Settings()))


DEPTH = ScoreSpec("depth_m", "Depth", "positive", LogGrid(0.1, 1e3), value_unit="m")
PLUG_IN = EachRecord("marina", "7", (DEPTH,), lambda r: {"depth_m": 2.5} if r.output else {})


def installed(monkeypatch: pytest.MonkeyPatch, *found: Any) -> None:
    class Point:
        def __init__(self, name: str, value: Any) -> None:
            self.name, self.value, self._found = name, "marina_scores:SCORER", value

        def load(self) -> Any:
            if isinstance(self._found, Exception):
                raise self._found
            return self._found

    points = [Point(f"p{n}", value) for n, value in enumerate(found)]
    real = importlib.metadata.entry_points
    monkeypatch.setattr(
        importlib.metadata, "entry_points", lambda **k: points if k.get("group") == GROUP else real(**k)
    )


@pytest.mark.parametrize("given", [PLUG_IN, lambda: PLUG_IN])
def test_a_plug_in_is_a_table_like_any_other(monkeypatch: pytest.MonkeyPatch, given: Any) -> None:
    installed(monkeypatch, given)
    settings = with_plug_ins(Settings())
    assert specs_of(settings)["depth_m"] == DEPTH
    assert chosen(settings).versions()["marina"] == "7"
    assert specs_of(RunConfig.of(settings).settings())["depth_m"] == DEPTH
    (scores,) = scoring(settings).records([Record(output="x")])
    assert scores["depth_m"] == 2.5
    assert with_plug_ins(settings) == settings


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ((ImportError("no marina"),), "cannot be loaded: ImportError: no marina"),
        ((object(),), "is no scorer"),
        ((lambda: 1 // 0,), "cannot be made: ZeroDivisionError"),
        ((PLUG_IN, PLUG_IN), "declared twice"),
        ((replace(PLUG_IN, name="refusal"),), "built-in scorer"),
        ((replace(PLUG_IN, specs=(ScoreSpec("refusal", "R", "flag", FlagGrid()),)),), "built-in score"),
        ((replace(PLUG_IN, specs=(replace(DEPTH, unit="trace"),)),), "of interactions"),
    ],
)
def test_a_plug_in_that_cannot_be_used_says_why(
    monkeypatch: pytest.MonkeyPatch, given: tuple[Any, ...], says: str
) -> None:
    installed(monkeypatch, *given)
    with pytest.raises(Misconfigured, match=says):
        with_plug_ins(Settings())


def test_documents_and_prices_of_ones_own(tmp_path: Path) -> None:
    told = "The keeper lit the lamp an hour before dusk and wrote the height of the water into the book."
    (tmp_path / "tale.txt").write_text(told)
    (tmp_path / "prices.toml").write_text(
        'version = 9\nprice = [{ model = "ours", since = "2025-01-01", input = 1, output = 2 }]\n'
    )
    settings = read(
        tmp_path,
        '[scorers.memorised]\ndocuments = ["tale.txt"]\n[scorers.cost]\nprices_file = "prices.toml"\n',
    )
    found = chosen(settings)
    scores = {name: value for s in found.records for name, value in s.score([Record(output=told)])[0].items()}
    assert scores["recited"] == 1
    for text, says in (
        ('[scorers.memorised]\ndocuments = ["no.txt"]', "cannot read"),
        ('[scorers.memorised]\ndocuments = ["prices.toml"]', "recited|no row"),
    ):
        (tmp_path / "prices.toml").write_text("one two\n")
        with pytest.raises(Misconfigured, match=says):
            chosen(read(tmp_path, text))
