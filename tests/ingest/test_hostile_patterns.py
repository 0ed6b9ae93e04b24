"""Patterns of an operator's own: an engine of linear time, bounded, and refused in words where it cannot."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from detectors.record import Record
from detectors.scorers.protocol import Scorer
from infra.errors import Misconfigured
from ingest.agents.score.enabled_scorers import chosen
from ingest.custom_scores import custom_scorers
from tests.ingest.test_own_scores import read

CATASTROPHIC = (
    r"(a+)+$",
    r"(a|aa)+$",
    r"(a|a)*b",
    r"(.*a){12}b",
    r"^(([a-z])+.)+[A-Z]([a-z])+$",
    r"(\w+\s?)+!",
)


@pytest.mark.parametrize(
    "regex",
    [r"(a)\\1", r"(?=a)b", r"(?<=a)b", r"(?!a)b", r"(?>a+)b", r"a++b", r"(?P<x>a)(?P=x)", r"(?i", r"[z-a]",
     r"(?:a{1000}){1000}", r"(((a{100}){100}){100}){100}", r"\\C{9999}"],
)  # fmt: skip
def test_what_no_linear_engine_can_do_is_refused_by_name(tmp_path: Path, regex: str) -> None:
    with pytest.raises(Misconfigured, match=r"\[scorers\.own\.mine\]"):
        chosen(read(tmp_path, f'[scorers.own.mine]\nregex = "{regex}"\n'))


@pytest.mark.parametrize("regex", CATASTROPHIC)
def test_patterns_that_ruin_others_take_linear_time(tmp_path: Path, regex: str) -> None:
    (scorer,) = custom_scorers(read(tmp_path, f"[scorers.own.mine]\nregex = '{regex}'\n"))
    short, long = (min(_took(scorer, Record(output="a" * n)) for _ in range(9)) for n in (50_000, 200_000))
    assert long <= 16 * short


def _took(scorer: Scorer, record: Record) -> float:
    started = time.thread_time()  # not the wall's: others use the machine as well
    scorer.score([record])
    return time.thread_time() - started
