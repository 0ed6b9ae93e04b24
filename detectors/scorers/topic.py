"""What texts are about: the topic they are nearest to.

A text's vector has `DIMENSIONS` numbers, sums of a shipped table over its hashed 4-grams (a truncated
singular value decomposition, Deerwester and others 1990, weighted by rarity), scaled to unit length. Topics
are the directions of a codebook (spherical k-means, Dhillon and Modha 2001) that is the same for every
service, so that services can be compared and nothing is fitted in the stream. Shares of topics tell a shift
of what people ask or of what a model answers. What a topic is about is in its name and in the model card; it
is no verdict on a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
import numpy.typing as npt

from detectors.record import Record
from detectors.scorers.features import FOURS, LANES, packed, sums
from detectors.scorers.heads import read
from detectors.scorers.protocol import Scores, ScoreSpec
from detectors.scorers.text_parts import has_letters, scored

FILE = "topic"
DIMENSIONS = 32

FEWEST_LETTERS = 20
"""Letters from which on a text has a topic."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Codebook:
    """Weights ``[DIMENSIONS, buckets]`` in whole numbers, and ``centres`` of unit length, one a name."""

    names: tuple[str, ...]
    weights: npt.NDArray[np.int8]
    centres: Floats

    @classmethod
    def load(cls) -> Self:
        """The shipped one."""
        a = read(FILE)
        return cls(tuple(str(name) for name in a["names"]), a["weights"], a["centres"])


class TopicReader:
    """Places batches of texts."""

    def __init__(self, codebook: Codebook) -> None:
        self.codebook = codebook
        self._tables = [packed(codebook.weights[i : i + LANES]) for i in range(0, DIMENSIONS, LANES)]

    def vectors(self, texts: Sequence[str]) -> Floats:
        """Unit vectors of texts, shape ``[len(texts), DIMENSIONS]``; zeros where nothing is known of one."""
        totals, _ = sums(texts, *self._tables, grams=FOURS)
        lengths = np.sqrt((totals.astype(np.float64) ** 2).sum(axis=1))
        found: Floats = totals / np.maximum(lengths, 1.0)[:, None]
        return found

    def nearest(self, texts: Sequence[str]) -> list[str]:
        """The topic of each text."""
        near = self.vectors(texts) @ self.codebook.centres.T
        return [self.codebook.names[best] for best in near.argmax(axis=1)]


@cache
def shared() -> TopicReader:
    """The reader of the stream."""
    return TopicReader(Codebook.load())


@dataclass(frozen=True, slots=True)
class Topic:
    """Implements `Scorer`; the shipped codebook is read when first used if no reader is given."""

    name: str
    version: str
    specs: tuple[ScoreSpec, ...]
    reader: TopicReader | None = None

    def score(self, records: Sequence[Record]) -> list[Scores]:
        """Topics of prompts and outputs."""
        found: list[Scores] = [{} for _ in records]
        texts: list[str] = []
        owners: list[tuple[int, str]] = []
        for index, record in enumerate(records):
            for score, text in (("topic", record.prompt), ("topic_output", record.output)):
                read_ = scored(text)
                if read_ and has_letters(read_, FEWEST_LETTERS):
                    texts.append(read_)
                    owners.append((index, score))
        if texts:
            reader = self.reader or shared()
            for (index, score), topic in zip(owners, reader.nearest(texts), strict=True):
                found[index][score] = topic
        return found


TOPIC = Topic(
    name="topic",
    version="1",
    specs=(
        ScoreSpec("topic", "Topics of prompts", "category", None),
        ScoreSpec("topic_output", "Topics of outputs", "category", None),
    ),
)
