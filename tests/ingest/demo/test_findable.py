"""The planted incidents against the shipped engine, without servers: large enough, and quiet days quiet.

Scores are taken from the simulated models directly; the real path is tested with servers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from detectors.budgets.budget import Budget, service_budget
from detectors.finding import Finding
from detectors.grid import FlagGrid, LogGrid
from detectors.observation import ABSENT, Column, Observation, ServiceKey, SourcePosition, column_of
from detectors.record import Record
from detectors.scorers.asr_hallucination import ASR_HALLUCINATION
from detectors.scorers.protocol import ScoreSpec
from detectors.scorers.repetition import REPETITION
from detectors.scorers.sound_and_pictures import SOUND_AND_PICTURES
from detectors.watch.watcher import ServiceWatcher
from detectors.watch_config import WatchConfig
from infra.clock import to_ns
from infra.settings import Settings
from ingest.demo.chance import Chance
from ingest.demo.code_texts import developer_question
from ingest.demo.media_texts import transcript
from ingest.demo.model import RateLimited, Reply, copilot_reply, support_reply
from ingest.demo.phrases import LANGUAGES, table
from ingest.demo.report import FoundIncident, judge
from ingest.demo.schedule import CALLS, COPILOT, SUPPORT, Arrival, Schedule, build
from ingest.demo.support_texts import customer_message

ANCHOR = 1_795_514_821_000_000_000
SPECS = {
    spec.name: spec
    for spec in (
        ScoreSpec("refusal", "Refusals", "flag", FlagGrid(), harmful=1, severity="page"),
        ScoreSpec("secrets", "Secrets", "flag", FlagGrid(), harmful=1, severity="page"),
        ScoreSpec("output_length", "Length", "positive", LogGrid(1, 1e5)),
        ScoreSpec("tool_loop", "Loops", "flag", FlagGrid(), unit="trace", harmful=1, severity="page"),
        ScoreSpec("tool_calls", "Tool calls", "positive", LogGrid(1, 1e4), unit="trace", harmful=1),
        *ASR_HALLUCINATION.specs,
        *REPETITION.specs,
        *(s for s in SOUND_AND_PICTURES.specs if s.name in ("words_per_second", "audio_duration_s")),
    )
}
HEARD = (ASR_HALLUCINATION, REPETITION, SOUND_AND_PICTURES)
REFUSALS = {c.split("{")[0] for language in LANGUAGES for c in table(language)["refusal"]["core"]}

Row = tuple[str, str, int, Mapping[str, str], Mapping[str, float]]
"""Service, unit, time, dimensions and scores."""


def _output(reply: Reply) -> dict[str, float]:
    text = reply.text or ""
    if not text:
        return {"secrets": 0}
    return {
        "refusal": any(core in text for core in REFUSALS),
        "secrets": "```bash\nexport " in text,
        "output_length": len(text),
    }


def _conversation(arrival: Arrival, schedule: Schedule, chance: Chance) -> Iterator[Row]:
    conditions = schedule.conditions_at(arrival.at_ns)
    message = customer_message(arrival.language, chance.stream("message", arrival.label))
    messages: list[dict[str, Any]] = [{"role": "user", "content": message}]
    dimensions = {"language": arrival.language, "prompt_version": arrival.prompt_version}
    calls: list[str] = []
    while True:
        try:
            reply = support_reply(messages, arrival.conversation, conditions, chance)
        except RateLimited:
            break
        yield SUPPORT, "interaction", arrival.at_ns, dimensions, _output(reply)
        if reply.finish != "tool":
            break
        calls.append(f"{reply.tool} {reply.arguments}")
        messages += [{"role": "assistant"}, {"role": "tool", "content": ""}]
    loops = any(calls.count(call) >= 3 for call in calls)
    yield SUPPORT, "trace", arrival.at_ns, dimensions, {"tool_calls": len(calls), "tool_loop": loops}


def _question(arrival: Arrival, schedule: Schedule, chance: Chance, leak: bool) -> Iterator[Row]:
    question = developer_question(chance.stream("message", arrival.label))
    conditions = schedule.conditions_at(arrival.at_ns)
    try:
        reply = copilot_reply("", question, arrival.user, conditions, chance, leak=leak)
    except RateLimited:
        return
    yield arrival.service, "interaction", arrival.at_ns, {"language": "en"}, _output(reply)


def _heard(arrival: Arrival, schedule: Schedule, chance: Chance) -> Row:
    heard = transcript(arrival.conversation, arrival.language, schedule.conditions_at(arrival.at_ns), chance)
    record = Record(output=heard.text, operation="transcription", audio_duration_s=heard.duration_s)
    scores = {name: float(v) for s in HEARD for name, v in s.score([record])[0].items() if name in SPECS}
    return CALLS, "interaction", arrival.at_ns, {"release": arrival.release}, scores


def _rows(schedule: Schedule) -> Iterator[list[Row]]:
    chance = Chance(schedule.seed)
    first_leak = {p.onset_ns for p in schedule.planted if p.name == "secret-leak"}
    for _, _, arrivals in schedule.slices():
        rows: list[Row] = []
        for arrival in arrivals:
            if arrival.service == SUPPORT:
                rows += _conversation(arrival, schedule, chance)
            elif arrival.service == CALLS:
                rows.append(_heard(arrival, schedule, chance))
            elif arrival.service == COPILOT:
                rows += _question(arrival, schedule, chance, arrival.at_ns in first_leak)
        yield rows


def _observation(key: ServiceKey, offset: int, unit: str, rows: list[Row]) -> Observation:
    names = ("language", "prompt_version", "release")
    dimensions = {d: column_of([r[3].get(d) for r in rows]) for d in names}
    scores = {}
    for name, spec in SPECS.items():
        if spec.unit == unit and spec.grid is not None:
            values = [r[4].get(name) for r in rows]
            cells = [ABSENT if v is None else spec.grid.cell(float(v)) for v in values]
            scores[name] = Column((), tuple(cells))
    if unit == "interaction":
        scores["error"] = Column((), (0,) * len(rows))  # says that they are calls, for traffic itself
    minutes = tuple(r[2] // 60_000_000_000 for r in rows)
    source = SourcePosition("otlp_spans", 0, offset)
    return Observation(key, source, unit, minutes, dimensions, scores, dict.fromkeys(scores, 1))


def _findings(schedule: Schedule) -> list[Finding]:
    """Everything the shipped engine states about the schedule."""
    shipped = Settings()
    detection, budget = shipped.detection, shipped.budget
    config = WatchConfig(
        specs=SPECS,
        tick_s=detection.tick_s,
        learn=int(detection.learn_days * 86_400 / detection.tick_s),
        max_values=detection.max_values,
        pages=service_budget(Budget.parse(f"{budget.pages_per_month}/month"), budget.max_services),
        tickets=service_budget(Budget.parse(f"{budget.tickets_per_week}/week"), budget.max_services),
        config_hash=shipped.config_hash(),
    )
    watchers: dict[str, ServiceWatcher] = {}
    found: list[Finding] = []
    for offset, rows in enumerate(_rows(schedule)):
        groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in rows:
            groups[row[0], row[1]].append(row)
        for (service, unit), mine in groups.items():
            key = ServiceKey("default", "demo-test", "demo", service)
            watcher = watchers.setdefault(service, ServiceWatcher(key, config, 0))
            watcher.observe(_observation(key, offset, unit, mine), offset)
            found += watcher.peek(offset)
            last_tick = config.tick_of(mine[-1][2])
            found += watcher.advance(last_tick, offset).findings
            found += watcher.pass_time(mine[-1][2] // 60_000_000_000, offset)
    for watcher in watchers.values():
        found += watcher.advance(None, 10**9).findings
    return found


def _as_incident(finding: Finding) -> FoundIncident:
    onset, low, high = (
        None if t is None else to_ns(t) for t in (finding.onset, finding.onset_low, finding.onset_high)
    )
    where = finding.slices[0].slice if finding.slices else finding.slice
    made_ns = to_ns(finding.made_at)
    return FoundIncident(finding.finding_id, finding.service, finding.score, where, onset, low, high, made_ns)


def test_every_planted_incident_is_found_with_its_slice_and_onset() -> None:
    schedule = build(ANCHOR)
    findings = _findings(schedule)
    verdicts = judge(schedule.planted, map(_as_incident, findings), schedule.tick_ns)
    right = {v.planted.name for v in verdicts if v.planted}
    assert right == {p.name for p in schedule.planted}
    for verdict in verdicts:
        if verdict.planted and verdict.found.found_ns:
            assert verdict.found.found_ns - verdict.planted.onset_ns < 5 * 3600 * 10**9
        if not verdict.planted:  # the same cause seen again in a slice
            assert verdict.found.score in {s for p in schedule.planted for s in p.scores}
            assert "slice" in verdict.why, verdict


@pytest.mark.long
def test_quiet_days_raise_nothing() -> None:
    assert _findings(build(ANCHOR, seed=20, incidents=False)) == []
