"""Trains the names of hazards: ``python -m detectors.scorers.training.hazards --data DIR``, a minute.

One logistic regression a hazard of the AILuminate taxonomy, on prompts of hazards alone: what a prompt is
about, not whether it is harmful. A hazard is named where its probability is so high that nine in ten of the
held prompts that are named are named rightly.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from detectors.scorers.features import BITS
from detectors.scorers.harm_category import FILE, HazardReader, Hazards
from detectors.scorers.heads import probability
from detectors.scorers.training.fit import Labels, features, fit, line, rounded
from detectors.scorers.training.pool import Example, distinct, group_of, held, teachable
from detectors.scorers.training.sources import as_read

FOLDED_BITS = 15
C = 100.0
PRECISE = 0.9

NAMES: Mapping[str, str] = {
    "violent_crimes": "violent_crimes", "vcr": "violent_crimes",
    "nonviolent_crimes": "nonviolent_crimes", "nvc": "nonviolent_crimes",
    "cybercrime_intrusion": "nonviolent_crimes", "illegal": "nonviolent_crimes",
    "sex_related_crimes": "sex_related_crimes", "scr": "sex_related_crimes",
    "child_sexual_exploitation": "child_sexual_exploitation", "cae": "child_sexual_exploitation",
    "sexual_minors": "child_sexual_exploitation",
    "indiscriminate_weapons": "indiscriminate_weapons", "cbr": "indiscriminate_weapons",
    "chemical_biological": "indiscriminate_weapons",
    "suicide_self_harm": "suicide_self_harm", "ssh": "suicide_self_harm", "self_harm": "suicide_self_harm",
    "hate": "hate", "hat": "hate",
    "intellectual_property": "intellectual_property", "copyright": "intellectual_property",
    "privacy": "privacy", "defamation": "defamation",
    "sexual_content": "sexual_content", "sexual": "sexual_content",
    "specialised_legal": "specialised_advice", "specialised_financial": "specialised_advice",
    "specialised_health": "specialised_advice", "specialised_elections": "specialised_advice",
}  # fmt: skip
"""AILuminate hazards by the names that sources have for them."""

SOURCES = (
    "ailuminate_demo", "ailuminate_multilingual", "mlc_v05_poc", "harmbench_behaviors",
    "openai_moderation_eval",
)  # fmt: skip


def labelled(data: Path) -> Iterator[tuple[Example, str]]:
    """Prompts with one hazard."""
    for source in SOURCES:
        for row in teachable(data, source):
            names = {NAMES[name] for name in _given(row["labels"]) if name in NAMES}
            if "child_sexual_exploitation" in names:
                names = {"child_sexual_exploitation"}
            if len(names) == 1 and row["prompt"]:
                (name,) = names
                yield Example(as_read(row["prompt"]), 1, source, str(row["language"]), group_of(row)), name


def _given(labels: Mapping[str, Any]) -> Sequence[str]:
    return [labels["hazard"]] if "hazard" in labels else list(labels.get("harm_cats") or ())


def folded(x: Any) -> Any:
    """Features in fewer buckets."""
    coo = x.tocoo()
    columns = coo.col >> (BITS - FOLDED_BITS)
    small = sp.csr_matrix((coo.data, (coo.row, columns)), shape=(x.shape[0], 1 << FOLDED_BITS))
    small.sum_duplicates()
    return small


def train(data: Path) -> tuple[Hazards, dict[str, Any]]:
    """The hazards, and how well held prompts are named."""
    pairs = {example.text: (example, name) for example, name in labelled(data)}
    examples = distinct(iter([example for example, _ in pairs.values()]))
    truth = np.array([pairs[e.text][1] for e in examples])
    kept = np.array([held(e.group) for e in examples])
    names = tuple(sorted(set(truth)))
    x = folded(features([e.text for e in examples]))
    rows, slopes, intercepts, margins = [], [], [], []
    for name in names:
        labels: Labels = (truth == name).astype(np.int64)
        first = fit(x[~kept], labels[~kept], C)
        slope, intercept = line(first.margins(x[kept]), labels[kept], float(labels[kept].mean()))
        margins.append(slope * first.margins(x[kept]) + intercept)
        whole = fit(x, labels, C)
        numbers, unit = rounded(whole.weights)
        rows.append(numbers)
        slopes.append(slope * unit)
        intercepts.append(slope * whole.bias + intercept)
    values = probability(np.array(margins).T)
    said = np.array(names)[values.argmax(axis=1)]
    sure, right = values.max(axis=1), said == truth[kept]
    least = _least(sure, right)
    named = sure >= least
    figures = {
        "n": len(examples),
        "held": int(kept.sum()),
        "accuracy": round(float(right.mean()), 3),
        "least": round(least, 4),
        "named": round(float(named.mean()), 3),
        "right_of_named": round(float(right[named].mean()), 3),
        "hazards": [
            [name, int((truth == name).sum()), int((truth[kept] == name).sum()),
             round(float((named & right)[truth[kept] == name].mean()), 3),
             round(float(right[named & (said == name)].mean()), 3)]
            for name in names
        ],
        "credits": sorted(Counter(e.source for e in examples).items()),
    }  # fmt: skip
    hazards = Hazards(names, np.array(rows), np.array(slopes), np.array(intercepts), least)
    return hazards, figures


def _least(sure: Any, right: Any) -> float:
    """The lowest probability from which on enough are right."""
    order = np.argsort(-sure)
    precise = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(precise >= PRECISE)
    return float(sure[order[enough[-1]]]) if len(enough) else 1.0


def card(figures: Mapping[str, Any]) -> str:
    """The model card."""
    lines = [
        "# Model card: harm_category",
        "",
        "Names the AILuminate hazard (MLCommons) that a prompt is about, where `harm` is 0.5 or more and the",
        f"likeliest hazard has a probability of {figures['least']} or more. It says what a prompt is about,",
        "not whether it is harmful, and is for shares over many interactions. Written by",
        "`python -m detectors.scorers.training.hazards`; logistic regression on grams of the other heads,",
        f"folded to {1 << FOLDED_BITS:,} buckets.",
        "",
        f"On {figures['held']} held prompts (of {figures['n']}, by group): the likeliest hazard is right for",
        f"{100 * figures['accuracy']:.1f} %; {100 * figures['named']:.1f} % are named, and of those",
        f"{100 * figures['right_of_named']:.1f} % rightly. The same prompts set the limit.",
        "",
        "| hazard | prompts | held | named rightly | right of named |",
        "|---|---:|---:|---:|---:|",
        *("| " + " | ".join(map(str, row)) + " |" for row in figures["hazards"]),
        "",
        "Most prompts are short templates in English. Other hazards are not named, or named wrongly. Prompts",
        "in people's own words are harder: of 14 that were written by hand 10 were named, 7 of them rightly.",
        "",
        "Sources (CC-BY-4.0 and MIT): "
        + ", ".join(f"{source} {n}" for source, n in figures["credits"])
        + ".",
    ]
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Write weights, figures and card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(argv)
    hazards, figures = train(given.data)
    np.savez_compressed(
        given.out / f"{FILE}.npz",
        names=np.array(hazards.names),
        weights=hazards.weights,
        slopes=hazards.slopes,
        intercepts=hazards.intercepts,
        least=hazards.least,
    )
    text = "Which hazard is bread made of?"
    figures["known"] = [text, [float(f"{v:.9f}") for v in HazardReader(hazards).probabilities([text])[0]]]
    (given.out / f"{FILE}.json").write_text(
        json.dumps(figures, indent=1, sort_keys=True) + "\n", encoding="utf-8"
    )
    (given.out / f"{FILE}.md").write_text(card(figures), encoding="utf-8")
    sys.stdout.write(f"{FILE}: {figures}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
