"""Finds the topics: ``python -m detectors.scorers.training.topics --data DIR --out DIR``, a minute.

Texts of all permissive sources, prompts and outputs alike and as many of each, give a truncated singular
value decomposition of their weighted 4-grams; its first component, which is length and little else, is
dropped. On the vectors a spherical k-means finds the codebook. Topics are named by the words that set them
apart, or by their languages: words are taken from ordinary sources alone.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.sparse.linalg import svds

from detectors.scorers.features import BITS, EDGE, FOURS, encoded, hashed
from detectors.scorers.text_parts import has_letters, scored
from detectors.scorers.topic import DIMENSIONS, FEWEST_LETTERS, FILE, Codebook, TopicReader
from detectors.scorers.training.pool import FORBIDDEN, PERMISSIVE, group_of, held, rows
from detectors.scorers.words import words

FOLDED_BITS = 15
TOPICS = 24
MOST_OF_A_SIDE = 1_200
"""Texts taken of one side of one source: no source makes the topics alone."""
TRIES, ROUNDS = 5, 50

CLEAN = (
    "arena_hard_v01", "arena_hard_v2_prompts", "coco_captions", "gsm8k", "humaneval", "partiprompts",
    "self_instruct_human_eval", "truthfulqa", "vicuna_blog_eval",
)  # fmt: skip
"""Sources whose words may name a topic."""
FOREIGN = 0.5
"""Share of other languages than English from which on a topic is named by them."""
FEWEST_TEXTS = 8
"""Texts of clean sources that must hold a word."""
LEAST_TIMES = 2.0
"""How many times as often as anywhere a topic has a word that names it."""
WORDS = 6

KNOWN_TEXT = "How many apples are left if Tom eats three of the twelve that he bought?"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Text:
    """A text of the pool, as the stream reads it."""

    text: str
    source: str
    side: str
    language: str
    kept: bool


def texts_of(data: Path, seed: int) -> list[Text]:
    """Texts to learn from, each once."""
    draw = np.random.default_rng(seed)
    found: dict[str, Text] = {}
    for path in sorted((data / "pool").glob("*.jsonl.gz")):
        source = path.name.partition(".")[0]
        taken = [] if source in FORBIDDEN else rows(data, source)
        taken = [row for row in taken if str(row["licence"]).startswith(PERMISSIVE)]
        for side in ("prompt", "output"):
            have = [row for row in taken if isinstance(row.get(side), str)]
            for i in draw.permutation(len(have))[:MOST_OF_A_SIDE]:
                row = have[i]
                text = scored(row[side]) or ""
                if has_letters(text, FEWEST_LETTERS):
                    kept = held(group_of(row))
                    found.setdefault(text, Text(text, source, side, str(row["language"]), kept))
    return list(found.values())


def fours(texts: Sequence[str]) -> Any:
    """Shares of 4-grams in folded buckets, a sparse matrix ``[len(texts), 2 ** FOLDED_BITS]``."""
    edge = bytes(EDGE)
    rows_ = [hashed(edge + encoded(t) + edge)[FOURS][0] >> np.uint32(BITS - FOLDED_BITS) for t in texts]
    ends = np.cumsum([0, *map(len, rows_)])
    data = np.concatenate([np.full(len(r), 1 / np.sqrt(len(r))) for r in rows_])
    x = sp.csr_matrix((data, np.concatenate(rows_).astype(np.int64), ends), (len(rows_), 1 << FOLDED_BITS))
    x.sum_duplicates()
    return x


def decomposed(x: Any, seed: int) -> npt.NDArray[np.int8]:
    """Weights ``[DIMENSIONS, buckets]`` of the components but the first, in whole numbers."""
    texts_with = np.bincount(x.indices, minlength=x.shape[1])
    rarity = np.log((x.shape[0] + 1) / (texts_with + 1))
    weighted = x @ sp.diags(rarity)
    lengths = np.sqrt(weighted.multiply(weighted).sum(axis=1)).A1
    unit = sp.diags(1 / np.maximum(lengths, 1e-12)) @ weighted
    _, sizes, across = svds(unit.tocsr(), k=DIMENSIONS + 1, random_state=seed)
    across = across[np.argsort(-sizes)][1:]
    signs = np.sign(across[np.arange(len(across)), np.abs(across).argmax(axis=1)])
    weights = across * signs[:, None] * rarity
    largest = np.quantile(np.abs(weights[weights != 0]), 0.9995)
    whole: npt.NDArray[np.int8] = np.clip(np.rint(weights / largest * 127), -127, 127).astype(np.int8)
    return whole


def centres_of(vectors: Floats, seed: int) -> Floats:
    """The best of some codebooks: unit vectors, ``[TOPICS, DIMENSIONS]``, the largest topic first."""
    best: tuple[float, Floats] | None = None
    for number in range(TRIES):
        draw = np.random.default_rng((seed, number))
        centres = vectors[draw.choice(len(vectors), TOPICS, replace=False)]
        for _ in range(ROUNDS):
            owner = (vectors @ centres.T).argmax(axis=1)
            added = np.zeros_like(centres)
            np.add.at(added, owner, vectors)
            lengths = np.sqrt((added**2).sum(axis=1, keepdims=True))
            centres = np.where(lengths > 0, added / np.maximum(lengths, 1e-12), centres)
        near = vectors @ centres.T
        if best is None or near.max(axis=1).mean() > best[0]:
            order = np.argsort(-np.bincount(near.argmax(axis=1), minlength=TOPICS), kind="stable")
            best = float(near.max(axis=1).mean()), centres[order]
    assert best is not None  # noqa: S101 - there is at least one try
    return best[1]


def names_of(texts: Sequence[Text], owner: npt.NDArray[np.int64]) -> tuple[tuple[str, ...], list[list[str]]]:
    """A name for each topic, and the words that set it apart."""
    within = [Counter[str]() for _ in range(TOPICS)]
    for text, topic in zip(texts, owner, strict=True):
        if text.source in CLEAN and text.language in ("en", "und"):
            within[topic].update({w for w in words(text.text) if len(w) > 3 and w.isalpha()})
    everywhere = sum(within, Counter[str]())
    names, apart = [], []
    for topic in range(TOPICS):
        best = _setting_apart(within[topic], everywhere)
        here = Counter(t.language for t, o in zip(texts, owner, strict=True) if o == topic)
        foreign = [(language, n) for language, n in here.most_common() if language not in ("en", "und")]
        is_foreign = sum(n for _, n in foreign) > FOREIGN * here.total()
        languages = "languages " + " ".join(language for language, _ in foreign[:3])
        said = languages if is_foreign else " ".join(best[:3]) or "mixed"
        names.append(f"{topic + 1:02d} {said}")
        apart.append(best)
    return tuple(names), apart


def _setting_apart(own: Counter[str], everywhere: Counter[str]) -> list[str]:
    """Words by how much more often a topic has them than all topics."""
    found = {}
    for word, n in own.items():
        times = n * everywhere.total() / everywhere[word] / own.total()
        if everywhere[word] >= FEWEST_TEXTS and n > 1 and times >= LEAST_TIMES:
            found[word] = n * np.log(times)
    return sorted(found, key=lambda w: (-found[w], w))[:WORDS]


def train(data: Path, seed: int) -> tuple[Codebook, dict[str, Any]]:
    """The codebook, and what is known of it."""
    texts = texts_of(data, seed)
    weights = decomposed(fours([t.text for t in texts]), seed)
    reader = TopicReader(Codebook((), weights, np.zeros((0, DIMENSIONS))))
    vectors = reader.vectors([t.text for t in texts])
    centres = centres_of(vectors, seed)
    owner = (vectors @ centres.T).argmax(axis=1)
    names, apart = names_of(texts, owner)
    codebook = Codebook(names, weights, centres)
    known = TopicReader(codebook)
    figures = {
        "seed": seed,
        "n": len(texts),
        "topics": [
            [
                name,
                int((owner == i).sum()),
                " ".join(best),
                ", ".join(
                    f"{source} {n}"
                    for source, n in Counter(
                        f"{t.source}.{t.side}" for t, o in zip(texts, owner, strict=True) if o == i
                    ).most_common(3)
                ),
            ]
            for i, (name, best) in enumerate(zip(names, apart, strict=True))
        ],
        "credits": sorted(Counter(t.source for t in texts).items()),
        "known": [
            KNOWN_TEXT,
            *known.nearest([KNOWN_TEXT]),
            [float(f"{v:.6f}") for v in known.vectors([KNOWN_TEXT])[0]],
        ],
    }
    return codebook, figures


def card(figures: Mapping[str, Any]) -> str:
    """The model card."""
    lines = [
        "# Model card: topic",
        "",
        f"Places a text among {len(figures['topics'])} topics (`topic` of prompts, `topic_output` of",
        "outputs). For shares over many interactions: a rise of one topic is a shift of what is asked or",
        "answered, and no judgement of any text.",
        "",
        f"Written by `python -m detectors.scorers.training.topics`, seed {figures['seed']}, from",
        f"{figures['n']:,} texts: truncated singular value decomposition ({DIMENSIONS} components, the",
        f"first dropped, one byte each) of hashed byte 4-grams folded to {1 << FOLDED_BITS:,} buckets and",
        "weighted by rarity; spherical k-means on unit vectors.",
        "",
        "| topic | texts | words that set it apart | most of its texts are of |",
        "|---|---:|---|---|",
        *("| " + " | ".join(map(str, row)) + " |" for row in figures["topics"]),
        "",
        "## Limits",
        "",
        "- Topics are of the sources it learned from, most of them in English: another language is one topic",
        "  or few.",
        "- Grams are style as much as content: the same question in capital letters or in verse may be of",
        "  another topic.",
        f"- Texts of fewer than {FEWEST_LETTERS} letters have none.",
        "",
        "## Data and credits",
        "",
        "Permissive sources alone (MIT, Apache-2.0, CC0, CC-BY-4.0, public domain), at most",
        f"{MOST_OF_A_SIDE:,} texts a side: "
        + ", ".join(f"{name} {n}" for name, n in figures["credits"])
        + ".",
    ]
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Write weights, figures and card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args(argv)
    codebook, figures = train(given.data, given.seed)
    np.savez_compressed(
        given.out / f"{FILE}.npz",
        names=np.array(codebook.names),
        weights=codebook.weights,
        centres=codebook.centres,
    )
    text = json.dumps(figures, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    (given.out / f"{FILE}.json").write_text(text, encoding="utf-8")
    (given.out / f"{FILE}.md").write_text(card(figures), encoding="utf-8")
    sys.stdout.write(card(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
