"""How much of an output stands word for word in documents the operator named: the longest such stretch.

The score is the length of the longest stretch in words, of twenty; so one half, from which an output counts
as recited, is ten words in a row, and one is twenty or more. A stretch is made of rows of eight words that
stand in a document; one changed word does not end it. Case and punctuation do not matter; a paraphrase is
not seen, nor is what stands in documents nobody named.

Left out without an output. Some 35 us for outputs of 500 characters, and eight bytes a word of the documents
in memory. Method: shingles (Broder, "On the resemblance and containment of documents", 1997).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.grid import FlagGrid, LogitGrid
from detectors.record import Record
from detectors.redaction.pseudonyms import for_scorers
from detectors.scorers.protocol import Scores, ScoreSpec
from detectors.scorers.text_parts import both_ends
from detectors.scorers.words import rows, size_of, words

ROW_WORDS = 8
RECITED_AT = 0.5
_WHOLE_WORDS = 20
MOST_CHARACTERS = 128 << 10
"""Of an output that are read, half of them from each end."""

MEMORISED_SPECS = (
    ScoreSpec("memorised", "Known text in outputs", "bounded", LogitGrid(), harmful=1),
    ScoreSpec("recited", "Recited texts", "flag", FlagGrid(), harmful=1, severity="page", usual=0.01),
)


class Memorised:
    """Implements `Scorer` for given documents.

    Parameters
    ----------
    documents
        Whole texts, of any length.
    """

    name = "memorised"
    version = "1"
    specs = MEMORISED_SPECS

    def __init__(self, documents: Iterable[str]) -> None:
        known = [np.empty(0, np.int64)]
        for document in documents:
            units = words(document)
            known.append(np.unique(np.array(rows(units, size_of(units, ROW_WORDS)), np.int64)))
        self._known: NDArray[np.int64] = np.unique(np.concatenate(known))

    @property
    def size(self) -> int:
        """How many different rows of words the documents have."""
        return len(self._known)

    def score(self, records: Sequence[Record]) -> list[Scores]:
        """Values of each record."""
        return [self._score(record) for record in records]

    def _score(self, record: Record) -> Scores:
        if not record.output or not self.size:
            return {}
        value = self.recited(for_scorers(both_ends(record.output, MOST_CHARACTERS)))
        return {"memorised": value, "recited": float(value >= RECITED_AT)}

    def recited(self, text: str) -> float:
        """Longest stretch of ``text`` that stands in the documents, 0..1."""
        units = words(text)
        size = size_of(units, ROW_WORDS)
        found = np.array(rows(units, size), np.int64)
        at = np.minimum(np.searchsorted(self._known, found), self.size - 1)
        hits = np.flatnonzero(self._known[at] == found)
        if not len(hits):
            return 0.0
        ends = np.flatnonzero(np.diff(hits) > size + 1)  # one changed word takes `size` rows away
        starts = hits[np.concatenate(([0], ends + 1))]
        lasts = hits[np.concatenate((ends, [len(hits) - 1]))]
        longest = int((lasts - starts).max()) + size
        return min(1.0, longest * ROW_WORDS / size / _WHOLE_WORDS)
