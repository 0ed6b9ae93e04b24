"""What a judge has chosen, asked, spent and said, in a file: no restart asks twice or forgets what it paid.

A chosen interaction is ``waiting``, then ``said`` (its score stands here) and at last ``sent``: Kafka has
acknowledged it. ``failed`` are those that got no verdict in `MOST_TRIES`, ``missed`` those whose turn did not
come in time, ``gone`` those without text any more. A call is written down before it is made, at the most it
can cost, so a process that dies in it has paid for it. Of texts only the redacted reason of a score stands
here, until that is sent: sent again it must be the same, to be known as the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from infra.private_files import private_directory

MOST_TRIES = 3
"""Answers that do not count before an interaction is given up."""

WAITING, SAID, SENT, FAILED, MISSED, GONE = "waiting", "said", "sent", "failed", "missed", "gone"

KEEP_NS = 8 * 24 * 3600 * 10**9
"""Longer than interactions can be chosen: what is older is forgotten."""

_TABLES = """
CREATE TABLE IF NOT EXISTS chosen
(
    uid TEXT PRIMARY KEY, trace_id TEXT NOT NULL, span_id TEXT NOT NULL, start_ns INTEGER NOT NULL,
    draw INTEGER NOT NULL, state TEXT NOT NULL, tries INTEGER NOT NULL DEFAULT 0,
    score REAL, reason TEXT, said_ns INTEGER
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_state ON chosen (state, draw);
CREATE TABLE IF NOT EXISTS calls (id INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, usd REAL NOT NULL);
CREATE INDEX IF NOT EXISTS by_time ON calls (at_ns);
CREATE TABLE IF NOT EXISTS places (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """An interaction of the sample. ``draw`` is its place in a random order; ``uid`` names its judgement."""

    uid: str
    trace_id: str
    span_id: str
    start_ns: int
    draw: int


@dataclass(frozen=True, slots=True)
class PendingScore:
    """A score that Kafka has not acknowledged yet."""

    chosen: Chosen
    score: float
    reason: str | None
    said_ns: int


class Journal:
    """The journal of one version of a judge. Used by one task at a time."""

    def __init__(self, path: Path) -> None:
        private_directory(path.parent)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def choose(self, found: Iterable[Chosen], until_ns: int) -> int:
        """Take what was found in the store up to ``until_ns``; how many are new."""
        rows = [(c.uid, c.trace_id, c.span_id, c.start_ns, c.draw, WAITING) for c in found]
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            before = self._db.total_changes
            self._db.executemany(
                "INSERT INTO chosen (uid, trace_id, span_id, start_ns, draw, state) "
                "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                rows,
            )
            new = self._db.total_changes - before
            self._db.execute("INSERT OR REPLACE INTO places VALUES ('looked_until', ?)", (until_ns,))
        return new

    def looked_until_ns(self) -> int:
        """How far the store was looked through; 0: not at all."""
        row = self._db.execute("SELECT value FROM places WHERE name = 'looked_until'").fetchone()
        return int(row[0]) if row else 0

    def next(self) -> Chosen | None:
        """Whose turn it is: of those that were tried least the first in the random order."""
        row = self._db.execute(
            "SELECT uid, trace_id, span_id, start_ns, draw FROM chosen WHERE state = ? "
            "ORDER BY tries, draw LIMIT 1",
            (WAITING,),
        ).fetchone()
        return Chosen(*row) if row else None

    def miss(self, before_ns: int) -> int:
        """Give up those that began before; how many. What is very old is forgotten."""
        self._db.execute("DELETE FROM chosen WHERE start_ns < ?", (before_ns - KEEP_NS,))
        self._db.execute("DELETE FROM calls WHERE at_ns < ?", (before_ns - KEEP_NS,))
        done = self._db.execute(
            "UPDATE chosen SET state = ? WHERE state = ? AND start_ns < ?", (MISSED, WAITING, before_ns)
        )
        return done.rowcount

    def calling(self, at_ns: int, most_usd: float) -> int:
        """A call is about to be made, which costs so much at most; its number."""
        done = self._db.execute("INSERT INTO calls (at_ns, usd) VALUES (?, ?)", (at_ns, most_usd))
        return int(done.lastrowid or 0)

    def paid(self, call: int, usd: float) -> None:
        """What a call did cost."""
        self._db.execute("UPDATE calls SET usd = ? WHERE id = ?", (usd, call))

    def usage(self, since_ns: int) -> tuple[int, float]:
        """Calls since a time, and what they cost."""
        n, usd = self._db.execute(
            "SELECT count(*), total(usd) FROM calls WHERE at_ns > ?", (since_ns,)
        ).fetchone()
        return int(n), float(usd)

    def say(self, said: PendingScore) -> None:
        """A verdict came."""
        self._db.execute(
            "UPDATE chosen SET state = ?, score = ?, reason = ?, said_ns = ? WHERE uid = ?",
            (SAID, said.score, said.reason, said.said_ns, said.chosen.uid),
        )

    def unsent(self) -> list[PendingScore]:
        """Verdicts that are not known to be acknowledged."""
        rows = self._db.execute(
            "SELECT uid, trace_id, span_id, start_ns, draw, score, reason, said_ns FROM chosen "
            "WHERE state = ?",
            (SAID,),
        )
        return [PendingScore(Chosen(*row[:5]), *row[5:]) for row in rows]

    def sent(self, uid: str) -> None:
        """Kafka has it."""
        self._settle(uid, SENT)

    def gone(self, uid: str) -> None:
        """Its text is not there any more."""
        self._settle(uid, GONE)

    def tried(self, uid: str) -> bool:
        """An answer did not count; whether that was the last try."""
        self._db.execute("UPDATE chosen SET tries = tries + 1 WHERE uid = ?", (uid,))
        (tries,) = self._db.execute("SELECT tries FROM chosen WHERE uid = ?", (uid,)).fetchone()
        if tries >= MOST_TRIES:
            self._settle(uid, FAILED)
        return bool(tries >= MOST_TRIES)

    def counts(self) -> dict[str, int]:
        """How many stand where."""
        return dict(self._db.execute("SELECT state, count(*) FROM chosen GROUP BY state ORDER BY state"))

    def _settle(self, uid: str, state: str) -> None:
        self._db.execute("UPDATE chosen SET state = ?, reason = NULL WHERE uid = ?", (state, uid))
