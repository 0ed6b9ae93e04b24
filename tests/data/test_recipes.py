"""Attacks, leaks and other languages mixed into real streams: one incident that names them first.

Without ``LIGHTSHIP_SEEDS`` one of each kind runs; with it all of them do, with that many seeds.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from infra.clock import to_ns
from tests.at_length import at_length
from tests.data import scenarios
from tests.data.in_process import Outcome, Pipeline
from tests.data.recipes import RECIPES
from tests.data.scenarios import CHANGE, Import
from tests.data.seeds import WIDE, seeds

pytestmark = pytest.mark.data

SEEDS = seeds(1)
SWAP = ("arena_hard_v01", "gpt-4-0613", "gpt-3.5-turbo-0125")
NAMES = list(RECIPES) if WIDE else ["injected-documents", "system-prompts", "invented-speech"]
QUIET = ["jailbreaks", "injected-documents", "system-prompts", "many-languages", "unsafe-images"]
QUIET = QUIET if WIDE else QUIET[1:2]
"""Recipes whose usual records are watched without what is planted: one for each kind of stream."""


class Streams:
    """What comes of imports by a service that knows which texts must not be recited."""

    def __init__(self, data_dir: Path, made: Path) -> None:
        self.data_dir, self.made = data_dir, made
        self.pipeline = Pipeline(made, documents=list(_documents(data_dir, made)))

    def of(self, imports: Sequence[Import]) -> Outcome:
        return self.pipeline.outcome(self.pipeline.short_log_of([i.job("import-mixed") for i in imports]))


def _documents(data_dir: Path, made: Path) -> Sequence[Path]:
    """The texts that are recited in the records, a file each."""
    found = []
    with gzip.open(data_dir / "reference_corpus" / "reference.jsonl.gz", "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            found.append(made / f"document-{number}.txt")
            found[-1].write_text(json.loads(line)["text"], encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def streams(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Streams:
    return Streams(data_dir, tmp_path_factory.mktemp("mixed"))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", at_length(NAMES))
def test_what_is_mixed_in_is_named_first(streams: Streams, name: str, seed: int) -> None:
    recipe = RECIPES[name]
    outcome = streams.of(recipe.imports(streams.data_dir, streams.made, seed))
    (incident,) = outcome.incidents
    assert incident.primary_finding.score in recipe.scores
    assert incident.opened_ns >= to_ns(CHANGE)
    assert [d.kind for d in outcome.told][:1] == ["opened"]


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", QUIET)
def test_the_stream_alone_raises_nothing(streams: Streams, name: str, seed: int) -> None:
    imports = RECIPES[name].imports(streams.data_dir, streams.made, seed, planted=False)
    assert streams.of(imports) == Outcome((), (), ())


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
def test_a_smaller_model_is_shorter_and_the_suspect(streams: Streams, seed: int) -> None:
    incidents = streams.of(scenarios.model_change(streams.data_dir, SWAP, seed)).incidents
    about = [i for i in incidents if any(f.score == "output_length" for f in i.findings)]
    assert about
    for incident in about:
        assert ("response_model", SWAP[2]) in {(s.kind, s.value) for s in incident.suspects}
