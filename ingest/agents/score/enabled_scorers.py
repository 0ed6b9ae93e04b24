"""Which scorers run under given settings: the built-in ones but those switched off, and one's own."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

from detectors.scorers.cost import Cost
from detectors.scorers.each import EachTrace
from detectors.scorers.memorised import Memorised
from detectors.scorers.prices import PriceTable
from detectors.scorers.protocol import Scorer, ScoreSpec
from detectors.scorers.registry import SCORERS, TRACE_SCORERS
from infra.errors import Misconfigured
from infra.settings import Settings
from infra.user_code import text_of
from ingest.custom_scores import custom_scorers, specs_of


@dataclass(frozen=True, slots=True)
class Chosen:
    """Scorers of interactions and of runs, and every score that is declared."""

    records: tuple[Scorer, ...]
    traces: tuple[EachTrace, ...]
    specs: Mapping[str, ScoreSpec]

    def versions(self) -> dict[str, str]:
        """Version of each scorer by its name."""
        of_records = {scorer.name: scorer.version for scorer in self.records}
        return of_records | {scorer.name: scorer.version for scorer in self.traces}


def chosen(settings: Settings) -> Chosen:
    """The scorers of a run.

    Raises
    ------
    Misconfigured
        If a file that they need cannot be read, or one of the operator's own cannot be made.
    """
    off = settings.scorers.off
    built_in = [_with_prices(scorer, settings) for scorer in SCORERS]
    if settings.scorers.memorised.documents and "memorised" not in off:
        built_in.append(_memorised(settings))
    scorers = (*built_in, *custom_scorers(settings))
    return Chosen(
        tuple(s for s in scorers if s.name not in off),
        tuple(s for s in TRACE_SCORERS if s.name not in off),
        specs_of(settings),
    )


def _with_prices(scorer: Scorer, settings: Settings) -> Scorer:
    """``scorer``, or the one for cost with the operator's prices."""
    file = settings.scorers.cost.prices_file
    if not file or not isinstance(scorer, Cost):
        return scorer
    where = "scorers.cost.prices_file"
    try:
        return Cost(PriceTable(tomllib.loads(text_of(file, where))))
    except ValueError as error:
        raise Misconfigured(f"{where}: {file}: {error}") from error


def _memorised(settings: Settings) -> Memorised:
    where = "scorers.memorised.documents"
    found = Memorised(text_of(file, where) for file in settings.scorers.memorised.documents)
    if not found.size:
        raise Misconfigured(f"{where}: the documents hold no row of eight words")
    return found
