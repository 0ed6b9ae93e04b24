from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.observation import (
    ABSENT,
    LATEST_MINUTE,
    MAX_CELL,
    MAX_VALUE_LENGTH,
    MAX_VALUES,
    OTHER,
    Column,
    Control,
    Mark,
    Observation,
    ServiceKey,
    SourcePosition,
    WrongFormat,
    column_of,
    decode,
    encode,
    slice_text,
)

GOLDEN = Path(__file__).parent.parent / "fixtures"
NAMES = st.text(max_size=20)
KEYS = st.builds(ServiceKey, NAMES, NAMES, NAMES, NAMES)
SOURCES = st.builds(SourcePosition, NAMES, st.integers(0, 255), st.integers(0, 2**62))


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    n = draw(st.integers(0, 6))
    start = draw(st.integers(0, LATEST_MINUTE - 500))

    def column(values: list[str], most: int) -> st.SearchStrategy[Column]:
        cells = st.lists(st.sampled_from((ABSENT, most)) | st.integers(ABSENT, most), min_size=n, max_size=n)
        return st.builds(Column, st.just(tuple(values)), cells.map(tuple))

    named = st.lists(NAMES, max_size=4, unique=True)
    dimensions = named.flatmap(lambda values: column(values, len(values) - 1))
    columns = named.flatmap(lambda values: column(values, len(values) - 1 if values else MAX_CELL))
    scores = draw(st.dictionaries(NAMES, columns, max_size=4))
    edges = st.sampled_from((0, 1, 2**63 - 1, 2**63, 2**64 - 1)) | st.integers(0, 2**64 - 1)
    hashes = st.lists(edges, min_size=n, max_size=n).map(tuple)
    return Observation(
        key=draw(KEYS),
        source=draw(SOURCES),
        unit=draw(st.sampled_from(["interaction", "trace"])),
        minutes=tuple(start + m for m in draw(st.lists(st.integers(0, 500), min_size=n, max_size=n))),
        dimensions=draw(st.dictionaries(NAMES, dimensions, max_size=3)),
        scores=scores,
        generations={name: draw(st.integers(1, 9)) for name in scores},
        users=draw(hashes),
        conversations=draw(hashes),
        settings_version=draw(st.integers(0, 2**31)),
        at_ms=draw(
            st.one_of(st.just(()), st.lists(st.integers(0, 59_999), min_size=n, max_size=n).map(tuple))
        ),
        traces=draw(hashes),
        prompts=draw(hashes),
    )


MARKS = st.builds(
    Mark, NAMES, NAMES, NAMES, st.integers(0, 255), st.integers(0, 2**62), st.integers(0, 2**62),
    st.booleans(), st.booleans(),
)  # fmt: skip
CONTROLS = st.builds(
    Control, KEYS, NAMES, st.integers(0, 2**40), st.dictionaries(NAMES, st.integers(0, 99), max_size=3)
)


@given(st.one_of(observations(), MARKS, CONTROLS))
def test_what_is_written_is_read_back(message: Observation | Mark | Control) -> None:
    data = encode(message)
    assert decode(data) == message
    assert encode(decode(data)) == data


@given(st.binary(max_size=200))
def test_foreign_bytes_are_refused_and_never_misread(data: bytes) -> None:
    try:
        message = decode(data)
    except WrongFormat:
        return
    assert decode(encode(message)) == message


@given(KEYS)
def test_a_service_key_survives_its_text(key: ServiceKey) -> None:
    assert ServiceKey.parse(key.text()) == key


@given(st.lists(st.one_of(st.none(), st.text(max_size=100)), max_size=80))
def test_columns_are_bounded_and_keep_what_fits(values: list[str | None]) -> None:
    column = column_of(values)
    assert len(column.values) <= MAX_VALUES + 1
    for value, at in zip(values, column.rows, strict=True):
        if value is None:
            assert at == ABSENT
        else:
            assert column.values[at] in (value[:MAX_VALUE_LENGTH], OTHER)


def test_slices_of_any_value_stay_apart() -> None:
    assert slice_text() == "all"
    assert slice_text(release="1,language=es") != slice_text(release="1", language="es")
    assert slice_text(language="es") == "language=es"


def golden() -> Observation:
    """A message as the first release wrote it."""
    return Observation(
        key=ServiceKey("default", "live", "production", "help/desk"),
        source=SourcePosition("otlp_spans", 2, 41),
        unit="interaction",
        minutes=(29_000_000, 29_000_001),
        dimensions={"language": Column(("es", "en"), (0, 1))},
        scores={"refusal": Column((), (1, 0)), "finish_reason": Column(("stop",), (0, ABSENT))},
        generations={"refusal": 1, "finish_reason": 1},
        users=(7, 0),
        conversations=(9, 9),
        settings_version=3,
    )


def test_the_first_release_can_be_read() -> None:
    data = (GOLDEN / "observation.v1.bin").read_bytes()
    assert decode(data) == golden()


def test_what_this_version_writes_stays_what_it_is() -> None:
    now = replace(golden(), at_ms=(0, 59_999), traces=(2**64 - 1, 0), prompts=(5, 0))
    data = (GOLDEN / "observation.v2.bin").read_bytes()
    assert decode(data) == now
    assert encode(now) == data


def test_rows_must_agree() -> None:
    with pytest.raises(WrongFormat, match="refusal"):
        Observation(
            golden().key, golden().source, "interaction", (1, 2), {}, {"refusal": Column((), (1,))}, {}
        )
    with pytest.raises(WrongFormat, match="2 rows"):
        replace(golden(), users=(1,))
