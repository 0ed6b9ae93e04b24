"""Sequence numbers of exporters: what is missing and what was given up, in any order and with repeats."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingest.agents.relay import sources as relay_sources
from ingest.agents.relay.sources import Reported, Sources


def say(sources: Sources, sequence: int, dropped: int = 0, name: bytes = b"a", topic: str = "t") -> Reported:
    headers = {
        "lightship-exporter": name,
        "lightship-sequence": b"%d" % sequence,
        "lightship-dropped": b"%d" % dropped,
    }
    told = sources.saw(topic, headers)
    assert told is not None
    return told


@given(st.permutations(range(30)), st.lists(st.integers(0, 29), max_size=20), st.data())
def test_whatever_order_they_come_in_only_what_never_came_is_missing(
    order: list[int], again: list[int], data: st.DataObject
) -> None:
    lost = set(data.draw(st.lists(st.integers(1, 28), max_size=10)))
    sources = Sources()
    came = [0, *(n for n in order if n not in lost and n)]
    came += [n for n in again if n not in lost]
    assert sum(say(sources, n).missing for n in came) == len(lost)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30))
def test_drops_are_the_largest_number_told(dropped: list[int]) -> None:
    sources = Sources()
    assert sum(say(sources, n, d).dropped for n, d in enumerate(dropped)) == max(dropped)


def test_of_one_that_was_there_before_only_what_is_new_is_told() -> None:
    sources = Sources()
    assert say(sources, 500, 40) == Reported(0, 0)
    assert say(sources, 502, 47) == Reported(1, 7)


def test_exporters_and_topics_are_told_apart() -> None:
    sources = Sources()
    for topic in ("t", "u"):
        for name in (b"a", b"b"):
            assert say(sources, 0, 3, name, topic) == Reported(0, 3)


def test_a_message_of_others_says_nothing() -> None:
    sources = Sources()
    good = {"lightship-exporter": b"a", "lightship-sequence": b"1", "lightship-dropped": b"0"}
    assert sources.saw("t", good) is not None
    for broken in (
        {},
        {"lightship-exporter": b""},
        {"lightship-exporter": b"x" * 65},
        {"lightship-sequence": b"-1"},
        {"lightship-sequence": b"9" * 40},
        {"lightship-dropped": b"many"},
    ):
        assert sources.saw("t", {**(good if broken else {}), **broken}) is None


def test_memory_is_bounded() -> None:
    sources = Sources()
    for n in range(relay_sources.MAX_SOURCES + 10):
        say(sources, 0, name=b"%d" % n)
    assert len(sources._known) == relay_sources.MAX_SOURCES
    say(sources, 10**17, name=b"far")
    told = say(sources, 0, name=b"new")
    assert told == Reported(0, 0)
    assert say(sources, 10**6, name=b"new").missing == 10**6 - 1
    assert max(len(s.open) for s in sources._known.values()) <= relay_sources.MAX_OPEN
