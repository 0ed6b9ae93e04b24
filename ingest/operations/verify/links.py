"""Whether the rows of the log are those that were written: digests and chain, row by row. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from detectors.observation import ServiceKey
from ingest.agents.detect.chain import GENESIS, link, message_digest
from ingest.operations.verify.difference import Difference, shown
from ingest.operations.verify.logs import OBSERVED, AnyMessage, Log

_ONE_TOO_MANY = "no such row", "one", "the chain goes on without it"


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A row of the log as stored."""

    offset: int
    key: ServiceKey
    kind: str
    blob: bytes
    digest: str
    chain: str
    config: str


class Broken(Exception):
    """The log is not the one that was written; ``at`` is the offset of the first row that shows it.

    ``record`` is that row, ``None`` where it is missing.
    """

    def __init__(self, at: int, difference: Difference, record: LogRecord | None = None) -> None:
        super().__init__(difference.text())
        self.at = at
        self.difference = difference
        self.record = record


def place(partition: int, offset: int, kind: str = "") -> str:
    """How a row is named."""
    return f"partition {partition} offset {offset}" + (f" ({kind})" if kind else "")


@dataclass(slots=True)
class Links:
    """Follows the chain of one partition from a head that is known, or from where it first can be.

    ``head`` is the head before the first row, ``next_offset`` the offset it goes on at; both ``None`` if
    nothing is known.
    """

    partition: int
    head: str | None = None
    next_offset: int | None = None
    log: Log = OBSERVED
    _last: tuple[str, LogRecord] | None = field(default=None, init=False)

    def follow(self, records: Iterable[LogRecord]) -> Iterator[tuple[LogRecord, AnyMessage]]:
        """The records with what they say, as long as they are right.

        Raises
        ------
        Broken
            At the first that is not.
        """
        last: LogRecord | None = None
        ahead = iter(records)
        record = next(ahead, None)
        while record is not None:
            following = next(ahead, None)
            if last is not None and record.offset == last.offset:
                self._same(last, record)
            else:
                self._check(record, following)
                yield record, self._read(record)
            last, record = record, following

    def _same(self, one: LogRecord, other: LogRecord) -> None:
        """A row is written again after a crash; it must say the same."""
        if (one.blob, one.digest, one.chain) != (other.blob, other.digest, other.chain):
            raise self._broken(
                other, "blob", one.digest, message_digest(other.offset, other.blob), "the offset has two rows"
            )

    def _check(self, record: LogRecord, following: LogRecord | None) -> None:
        digest = message_digest(record.offset, record.blob)
        if digest != record.digest:
            raise self._broken(record, "blob", record.digest, digest, "digests of its bytes")
        if self.head is None:
            self.head = self._beginning(record, digest)
        head = link(self.head, digest)
        if head != record.chain:
            raise self._break_before(record, following, head)
        self._last = self.head, record
        self.head, self.next_offset = head, record.offset + 1

    def _beginning(self, record: LogRecord, digest: str) -> str:
        """Head before the first row that is seen: the chain's own beginning."""
        if record.offset and link(GENESIS, digest) != record.chain:
            raise self._missing(0, record.offset, "the chain does not begin here")
        return GENESIS

    def _missing(self, first: int, end: int, note: str) -> Broken:
        row = place(self.partition, first) + (f" to {end - 1}" if end - 1 > first else "")
        return Broken(first, Difference(self.log.table, row, "", "rows", "none", note))

    def _break_before(self, record: LogRecord, following: LogRecord | None, head: str) -> Broken:
        assert self.head is not None  # noqa: S101 - _check has set it
        if following is not None and following.offset != record.offset:
            without = link(self.head, message_digest(following.offset, following.blob))
            if without == following.chain:
                return self._broken(record, "", *_ONE_TOO_MANY)
        if self._last is not None:
            before, last = self._last
            if link(before, message_digest(record.offset, record.blob)) == record.chain:
                return self._broken(last, "", *_ONE_TOO_MANY)
        expected = self.next_offset
        if expected is not None and record.offset > expected:
            return self._missing(expected, record.offset, f"the chain at offset {record.offset} holds them")
        return self._broken(record, "chain", head, record.chain, "head of the chain")

    def _read(self, record: LogRecord) -> AnyMessage:
        """The message, after a look at the columns that repeat parts of it."""
        message = self.log.read(record.blob)
        kind, key = self.log.log_row(message)
        if record.kind != kind:
            raise self._broken(record, "kind", kind, record.kind, "")
        if record.key != key:
            raise self._broken(record, "service", key.text(), record.key.text(), "")
        return message

    def _broken(self, record: LogRecord, column: str, expected: str, found: str, note: str) -> Broken:
        row = place(self.partition, record.offset, record.kind)
        difference = Difference(self.log.table, row, column, shown(expected), shown(found), note)
        return Broken(record.offset, difference, record)
