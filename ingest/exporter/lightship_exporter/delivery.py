"""From a batch to Kafka without holding up who brings it: encode, queue, send on a thread of its own."""

from __future__ import annotations

import inspect
import logging
import os
import secrets
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from lightship_exporter.outbox import Message, Outbox
from lightship_exporter.quiet import NAME
from lightship_exporter.sending import Producer, Sending, connect
from lightship_exporter.settings import ExporterSettings, from_environment

logger = logging.getLogger("lightship_exporter")

Encode = Callable[[Sequence[Any]], bytes]
FRAMES = 8
"""How far up a flush is looked for: the batch processor calls `export` from its own `force_flush`."""


class Delivery:
    """One exporter's way to one topic. A fork starts anew: the parent sends what it had."""

    def __init__(
        self,
        topic: str,
        settings: ExporterSettings | None = None,
        connect: Callable[[ExporterSettings], Producer] = connect,
    ) -> None:
        self._topic = topic
        self._settings = settings or from_environment()
        self._connect = connect
        self._begin()
        if hasattr(os, "register_at_fork"):
            begin = weakref.WeakMethod(self._begin)

            def after_in_child() -> None:
                if (again := begin()) is not None:
                    again()

            os.register_at_fork(after_in_child=after_in_child)

    def _begin(self) -> None:
        self._instance = secrets.token_hex(8)
        self._outbox = Outbox(self._settings.memory_bytes)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._sequence = 0
        self._told = 0

    @property
    def dropped(self) -> int:
        """Records given up so far by this process."""
        return self._outbox.dropped

    def take(self, batch: Sequence[Any], encode: Encode) -> bool:
        """Queue a batch; False if some of it was dropped.

        Called by a flush of the batch processor, which does not flush its exporter, it waits for Kafka as
        a flush should.
        """
        whole = True
        for value, records in self._pieces(batch, encode):
            if value is None:
                self._outbox.drop(records)
                whole = False
            else:
                whole = self._outbox.put(Message(value, records)) and whole
        self._start()
        if _is_flush():
            return self.flush(self._settings.timeout_s) and whole
        return whole

    def _pieces(self, batch: Sequence[Any], encode: Encode) -> Iterator[tuple[bytes | None, int]]:
        """The batch as messages that are not too large, with their records; ``None`` if one can't be sent."""
        if not batch:
            return
        try:
            value = encode(batch)
        except Exception:  # noqa: BLE001 - an odd value of one record may not cost the others
            value = None
        if value is not None and len(value) <= self._settings.message_bytes:
            yield value, len(batch)
        elif len(batch) == 1:
            why = "it cannot be encoded" if value is None else f"{len(value)} bytes are too many"
            logger.warning("a record is dropped: %s", why)
            yield None, 1
        else:
            middle = len(batch) // 2
            yield from self._pieces(batch[:middle], encode)
            yield from self._pieces(batch[middle:], encode)

    def flush(self, timeout_s: float) -> bool:
        """Wait until Kafka has acknowledged everything; False if it has not in time."""
        self._tell_drops()
        return self._outbox.wait_empty(timeout_s)

    def close(self, timeout_s: float) -> None:
        """Flush, then take nothing more; a second call does nothing."""
        if self._outbox.closed:
            return
        self._tell_drops()
        left = self._outbox.close(min(timeout_s, self._settings.timeout_s))
        if left:
            logger.warning("%d records are dropped: Kafka did not take them before the end", left)

    def _tell_drops(self) -> None:
        """Let an empty message say what no other will."""
        if self._outbox.dropped > self._told and self._outbox.put(Message(b"", 0)):
            self._start()

    def _start(self) -> None:
        """Start the thread, in this process and when there is something to send; anew if it has ended."""
        with self._starting:
            ended = self._thread is None or not self._thread.is_alive()
            if ended and not self._outbox.closed:
                sending = Sending(
                    self._outbox,
                    self._topic,
                    self._instance.encode(),
                    self._settings,
                    self._headers,
                    self._connect,
                )
                thread = threading.Thread(target=sending.run, name=f"{NAME}-{self._topic}", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # the interpreter is ending
                    self._outbox.close(0)
                    return
                self._thread = thread

    def _headers(self, _: Message) -> list[tuple[str, bytes]]:
        """Instance, number and drops so far; on the sending thread, in order."""
        dropped = self._told = self._outbox.dropped
        headers = [
            ("lightship-exporter", self._instance.encode()),
            ("lightship-sequence", str(self._sequence).encode()),
            ("lightship-dropped", str(dropped).encode()),
        ]
        if self._settings.ingest_key:
            headers.append(("lightship-key", self._settings.ingest_key.encode()))
        self._sequence += 1
        return headers


def _is_flush() -> bool:
    """Whether `export` was called by the ``force_flush`` of a batch processor."""
    frame = inspect.currentframe()
    for _ in range(FRAMES):
        if frame is None:
            return False
        if frame.f_code.co_name == "force_flush":
            return True
        frame = frame.f_back
    return False
