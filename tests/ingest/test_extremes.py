"""Every field of what workers read and keep, with numbers of any size and texts of any kind."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.closed_ticks import BEGINNING, Entry, Report, SharedRow, decode, encode
from detectors.finding import SEVERAL
from detectors.observation import Control, ServiceKey, SourcePosition
from ingest.agents.fleet.shard import FleetShard
from ingest.event_time import MAX_NS
from ingest.interaction import ContextSpan
from ingest.repository.context_span import step_of_context
from ingest.repository.tables import TRACES
from ingest.stage_settings import ContextScope, ScorerOff, StageSettings
from ingest.units.trace_unit import END, apply_stored, rootless_unit, stored_by, to_row, trace_unit
from tests.at_length import examples
from tests.detectors.traffic import SPECS, START, config
from tests.ingest.test_bad_numbers import fits

EDGES = [e + d for e in (0, START, 2**20, 2**31, 2**32, 2**53, 2**63) for d in (-1, 0, 1)]
NUMBERS = st.sampled_from([n for n in EDGES if n < 2**64] + [2**64 - 1, -(2**63), -(2**31)])
NAMES = st.sampled_from(["", "a", "b/%2F", "*", "\x00\u202e", "x" * 300, "language=es", "request_model=m-1"])
REFUSALS = config(specs={"refusal": SPECS["refusal"]})
ROWS = st.lists(st.tuples(NUMBERS | st.integers(0, 3), NUMBERS | st.integers(0, 9)), max_size=3).flatmap(
    lambda cells: st.builds(
        SharedRow,
        NAMES,
        NAMES,
        NUMBERS,
        st.sampled_from(["interaction", "trace", "other"]),
        st.sampled_from(["refusal", "unheard_of"]),
        NAMES,
        st.just(tuple(cell for cell, _ in cells)),
        st.just(tuple(count for _, count in cells)),
    )
)
ENTRIES = st.builds(
    Entry,
    NUMBERS,
    NUMBERS | st.just(BEGINNING),
    NAMES,
    st.sampled_from(["live", "replay-1", ""]),
    NUMBERS | st.integers(START, START + 9),
    st.lists(ROWS, max_size=3).map(tuple),
)
REPORTS = st.builds(Report, st.integers(0, 2) | NUMBERS, st.lists(ENTRIES, max_size=3).map(tuple))
BODIES = st.dictionaries(
    NAMES | st.sampled_from(["pages", "tickets"]), NUMBERS | st.floats() | NAMES, max_size=3
)
CONTROLS = st.builds(
    Control,
    st.builds(ServiceKey, NAMES, NAMES, NAMES, NAMES | st.just(SEVERAL)),
    st.sampled_from(["accept", "budget", "release", "adopt", "unheard of"]),
    NUMBERS,
    BODIES,
)


@settings(max_examples=examples(40), deadline=None)
@given(st.lists(REPORTS | CONTROLS, max_size=8), st.integers(0, 8))
def test_whatever_a_shard_reports_the_fleet_shard_goes_on_from_a_snapshot_as_without(
    messages: list[Report | Control], cut: int
) -> None:
    whole = FleetShard(REFUSALS, 1, "1")
    parts = FleetShard(REFUSALS, 1, "1")
    for offset, message in enumerate(messages):
        if isinstance(message, Report):
            assert decode(encode(message)) == message
        if offset == cut:
            data = parts.pack()
            parts = FleetShard.unpack(data, REFUSALS, 1, "1")
            assert parts.pack() == data
        whole.apply(offset, message)
        parts.apply(offset, message)
        for finding, _ in whole.findings:
            finding.to_json()
    assert parts.pack() == whole.pack()


SPAN_NUMBERS = st.sampled_from([n for n in EDGES if 0 <= n < 2**64] + [2**64 - 1])


@given(
    SPAN_NUMBERS,
    SPAN_NUMBERS,
    SPAN_NUMBERS.filter(lambda n: n <= MAX_NS),
    st.integers(0, 3),
    NAMES,
    st.booleans(),
)
def test_the_row_of_a_run_fits_and_a_later_run_takes_it_as_it_is(
    begin_ns: int, end_ns: int, clock_ns: int, offset: int, name: str, rooted: bool
) -> None:
    source = SourcePosition("otlp_spans", 0, offset)
    span = ContextSpan("ab" * 16, "1" * 16, begin_ns, end_ns, "agent", name, agent_name=name or None)
    steps = [step_of_context(span, source)]
    made = [
        trace_unit(span, source, clock_ns, True, steps)
        if rooted
        else rootless_unit(("default", "live"), source, clock_ns, steps, END, clock_ns)
        for _ in range(2)
    ]
    for unit in made:
        assert unit is not None
        unit.scores = {"steps": 1.0}
    first, again = made
    assert first is not None
    assert again is not None
    row = to_row(first)
    assert all(fits(t, v) for (_, t), v in zip(TRACES.columns, row, strict=True))
    again.scores = {}
    apply_stored(again, row)
    assert to_row(again) == row
    assert stored_by(row) == (first.root.span_id, source)


VALUES = st.one_of(
    st.none(),
    st.binary(max_size=20),
    st.builds(
        lambda v, on: json.dumps({"v": v, "on": on}).encode(), NUMBERS | st.just(1), st.booleans() | NUMBERS
    ),
    st.sampled_from([b"[" * 5000, b"1e999", b"null", b'{"v":1}', b'{"v":1,"on":true}']),
)
KEYS = st.one_of(
    st.none(),
    st.binary(max_size=40),
    st.builds(ContextScope, st.text(), st.text(), st.text(), st.text()).map(ContextScope.key),
    st.builds(ScorerOff, st.text(), st.text()).map(ScorerOff.key),
)


@given(st.lists(st.tuples(NUMBERS, KEYS, VALUES), max_size=6))
def test_no_message_of_the_settings_stops_who_reads_them(
    records: list[tuple[int, bytes | None, bytes | None]],
) -> None:
    found, known = StageSettings(), 0
    for offset, key, value in records:
        found = found.after(offset, key, value)
        assert found.version >= known
        known = found.version
    found.off({"s": "1"})


@given(st.text(), st.text())
def test_a_scorer_that_is_switched_off_is_read_as_it_was_written(scorer: str, version: str) -> None:
    off = ScorerOff(scorer, version)
    output = off.to_output()
    assert StageSettings().after(0, output.key, output.value).off({scorer: version}) == {scorer}
