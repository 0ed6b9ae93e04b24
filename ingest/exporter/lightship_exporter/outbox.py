"""What waits for Kafka: encoded batches in order, bounded in bytes."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass


@dataclass(eq=False)
class Message:
    """One encoded batch. ``headers`` are set when it is first sent and stay over retries."""

    value: bytes
    records: int
    headers: list[tuple[str, bytes]] | None = None


class Outbox:
    """Takes messages from any thread and gives them, oldest first, to one sender.

    A message counts until it is acknowledged. What does not fit is refused, so that memory is bounded; it
    and what is given up are counted in ``dropped``, in records.
    """

    def __init__(self, memory_bytes: int) -> None:
        self._memory_bytes = memory_bytes
        self._messages: deque[Message] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._closed = False
        self.dropped = 0

    def put(self, message: Message) -> bool:
        """Append a message; False, and it is dropped, if there is no room or the outbox is closed."""
        with self._changed:
            if self._closed or self._bytes + len(message.value) > self._memory_bytes:
                self.dropped += message.records
                return False
            self._messages.append(message)
            self._bytes += len(message.value)
            self._changed.notify_all()
            return True

    def drop(self, records: int) -> None:
        """Count records that never became a message."""
        with self._changed:
            self.dropped += records

    def oldest(self, most: int, most_bytes: int) -> list[Message]:
        """The oldest messages, at least one; waits for it. Empty when the outbox is closed and empty."""
        with self._changed:
            while not self._messages and not self._closed:
                self._changed.wait()
            out: list[Message] = []
            size = 0
            for message in self._messages:
                size += len(message.value)
                if out and (len(out) >= most or size > most_bytes):
                    break
                out.append(message)
            return out

    def remove(self, message: Message, *, dropped: bool = False) -> None:
        """A message is acknowledged, or given up."""
        with self._changed:
            if message in self._messages:
                self._messages.remove(message)
                self._bytes -= len(message.value)
                self.dropped += message.records if dropped else 0
                self._changed.notify_all()

    def waiting(self) -> int:
        """Records that wait."""
        with self._changed:
            return sum(m.records for m in self._messages)

    def pause(self, seconds: float) -> None:
        """Wait between attempts; less if the outbox is closed meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed, seconds)

    def wait_empty(self, timeout_s: float) -> bool:
        """Wait until everything is acknowledged or given up; False if it is not in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._messages, max(timeout_s, 0.0))

    def close(self, timeout_s: float) -> int:
        """Take nothing more, wait for what is there, give up the rest; how many records that were."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self.wait_empty(deadline - time.monotonic())
        with self._changed:
            left = sum(m.records for m in self._messages)
            self._messages.clear()
            self._bytes = 0
            self.dropped += left
            self._changed.notify_all()
            return left

    @property
    def closed(self) -> bool:
        """Whether nothing more is taken."""
        return self._closed
