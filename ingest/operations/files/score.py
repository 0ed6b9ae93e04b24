"""``lightship score``: lines of files to scored lines, as the stream scores them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from detectors.scorers.lines import random_redactor, score_lines
from detectors.scorers.protocol import Scorer
from detectors.scorers.registry import SCORERS, Tally
from infra.settings import load
from ingest.agents.score.enabled_scorers import chosen
from ingest.interaction import redaction_side
from ingest.operations.importing.files import read_rows
from ingest.settings_check import checked


def score_command(
    paths: Sequence[Path], config: Path | None, *, timing: bool, say: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    """`score_files` by the scorers of the settings.

    Raises
    ------
    BadRecord
        If a file cannot be read.
    Misconfigured
        If the settings cannot work.
    """
    scorers = chosen(checked(load(config))).records
    yield from score_files(paths, timing=timing, say=say, scorers=scorers)


def score_files(
    paths: Sequence[Path], *, timing: bool, say: Callable[[str], None], scorers: Sequence[Scorer] = SCORERS
) -> Iterator[dict[str, Any]]:
    """Each record with its scores by ``scorers``; what was read, and how long each took, goes to ``say``.

    Raises
    ------
    BadRecord
        If a file cannot be read.
    """
    rows, left_out = read_rows(paths, ())
    tally = Tally()
    scored = 0
    for line in score_lines(
        (r.record for r in rows),
        random_redactor(),
        scorers=scorers,
        side_of=redaction_side,
        tally=tally,
        clock_ns=perf_counter_ns,
    ):
        scored += 1
        yield line
    say(f"{scored} records scored" + "".join(f", {n} left out: {why}" for why, n in left_out.items()))
    for (name, error), count in sorted(tally.failures.items()):
        say(f"  {name} failed on {count} records: {error}")
    if timing:
        for name, spent_ns in sorted(tally.cost_ns.items()):
            say(f"  {name:<24} {spent_ns / max(scored, 1) / 1000:8.1f} us a record")
