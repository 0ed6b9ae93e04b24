from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.embedded.byte_range import Unsatisfiable, parse_range

SIZES = st.integers(0, 50)
NUMBERS = st.integers(0, 60)


@given(size=SIZES, first=NUMBERS, last=NUMBERS)
def test_a_closed_range_selects_the_bytes_a_slice_does(size: int, first: int, last: int) -> None:
    content = bytes(range(size))
    wanted = content[first : last + 1]
    if last < first:
        assert parse_range(f"bytes={first}-{last}", size) is None
    elif not wanted:
        with pytest.raises(Unsatisfiable):
            parse_range(f"bytes={first}-{last}", size)
    else:
        found = parse_range(f"bytes={first}-{last}", size)
        assert found is not None
        assert content[found[0] : found[1] + 1] == wanted


@given(size=SIZES, first=NUMBERS)
def test_an_open_range_goes_to_the_end(size: int, first: int) -> None:
    if first >= size:
        with pytest.raises(Unsatisfiable):
            parse_range(f"bytes={first}-", size)
    else:
        assert parse_range(f"bytes={first}-", size) == (first, size - 1)


@given(size=SIZES, length=NUMBERS)
def test_a_suffix_is_the_last_bytes(size: int, length: int) -> None:
    content = bytes(range(size))
    wanted = content[-length:] if length else b""
    if not wanted:
        with pytest.raises(Unsatisfiable):
            parse_range(f"bytes=-{length}", size)
    else:
        found = parse_range(f"bytes=-{length}", size)
        assert found is not None
        assert content[found[0] : found[1] + 1] == wanted


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=1-2,4-5",
        "bytes=1--2",
        "items=1-2",
        "bytes=+1-2",
        "bytes=²-3",
    ],
)
def test_a_header_that_is_not_understood_is_ignored(header: str | None) -> None:
    assert parse_range(header, 10) is None


def test_a_number_of_any_length_does_no_harm() -> None:
    assert parse_range(f"bytes=0-{'9' * 5000}", 10) is None


@given(st.text(max_size=30), SIZES)
def test_any_text_gives_a_range_within_the_content_or_none(text: str, size: int) -> None:
    try:
        found = parse_range(text, size)
    except Unsatisfiable:
        return
    if found is not None:
        assert 0 <= found[0] <= found[1] < size
