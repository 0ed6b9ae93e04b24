"""Keeps kafka-python's log lines about our connections out of the application's log; ours say it once."""

from __future__ import annotations

import logging
import threading

NAME = "lightship-exporter"
"""Client id, and what the names of our threads contain."""


def quieten() -> None:
    """Filter the loggers of kafka-python that exist by now: lines of our threads, no others."""
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if (name == "kafka" or name.startswith("kafka.")) and isinstance(logger, logging.Logger):
            logger.addFilter(_not_ours)  # the same filter is added once only


def _not_ours(record: logging.LogRecord) -> bool:
    return NAME not in (record.threadName or threading.current_thread().name)
