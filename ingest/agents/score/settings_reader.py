"""Reads the topic ``settings`` to its end and goes on, in a thread: what stage 1 must obey, as of now."""

from __future__ import annotations

import logging
import threading

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from infra.clock import NS_PER_MS
from infra.kafka import SETTINGS, client
from infra.settings import KafkaSettings
from ingest.errors import Defect, Unavailable
from ingest.stage_settings import StageSettings

logger = logging.getLogger(__name__)

POLL_MS = 1000
RETRY_S = 2.0
MOST_DEFECTS = 5
"""After so many unexpected errors in a row reading ends, and `SettingsReader.current` says so."""
EMPTY_READS = 2


class SettingsReader:
    """A daemon thread with a consumer of its own, without a group: every worker reads all of it."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._current = StageSettings()
        self._caught_up = threading.Event()
        self._stopped = threading.Event()
        self._defects = 0
        self._thread = threading.Thread(target=self._run, name="settings", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Stop reading and wait for the thread."""
        self._stopped.set()
        self._thread.join()

    def current(self, wait_s: float = 10.0) -> StageSettings:
        """The newest settings read.

        Raises
        ------
        Unavailable
            If the end of the topic has not been reached since the start.
        Defect
            If reading has ended by a defect: what would be obeyed is old.
        """
        if self._thread.ident is not None and not self._thread.is_alive() and not self._stopped.is_set():
            raise Defect(f"the reader of topic {SETTINGS.name} has ended")
        if not self._caught_up.wait(wait_s):
            raise Unavailable(f"topic {SETTINGS.name} is not read to its end yet")
        return self._current

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._read()
            except KafkaError as error:
                logger.warning("topic %s cannot be read, trying again: %r", SETTINGS.name, error)
                self._stopped.wait(RETRY_S)
            except Exception:
                self._defects += 1
                if self._defects >= MOST_DEFECTS:
                    raise
                logger.exception("topic %s cannot be read, trying again", SETTINGS.name)
                self._stopped.wait(RETRY_S)

    def _read(self) -> None:
        """Read from the beginning; the topic is small and reading it again changes nothing."""
        consumer = KafkaConsumer(
            client_id="lightship-settings",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            **client(self._settings),
        )
        place = TopicPartition(SETTINGS.name, 0)
        found, empty = StageSettings(), 0
        try:
            consumer.assign([place])
            consumer.seek(place, 0)
            while not self._stopped.is_set():
                records = consumer.poll(timeout_ms=POLL_MS).get(place, [])
                for record in records:
                    at_ns = record.timestamp * NS_PER_MS
                    found = found.after(record.offset, record.key, record.value, at_ns)
                # the high water comes with what is fetched and is right on every broker; a compacted log may
                # end in offsets that hold nothing
                end = consumer.highwater(place)
                empty = 0 if records or end is None else empty + 1
                if end is not None and (found.version >= end or empty >= EMPTY_READS):
                    self._current = found
                    self._caught_up.set()
                    self._defects = 0
        finally:
            consumer.close()
