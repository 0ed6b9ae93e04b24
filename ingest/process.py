"""How the processes that work on Kafka's records begin: arguments, log, settings, and what an end tells."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from infra import errors, kafka
from infra.process_starts import report_start
from infra.settings import Settings, load
from ingest.errors import Unavailable
from ingest.exit_code import UNAVAILABLE, USAGE

OK = 0

Start = Callable[[Settings, argparse.Namespace], int]
"""Works until told to stop, and gives the exit code; ``host`` and ``port`` of its door are among the
arguments."""


def log_to_stderr() -> None:
    """One line a record; the Kafka client's ten lines a second of an outage are left out, we say it once."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for name in ("aiokafka", "kafka.cluster"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.getLogger("kafka").setLevel(logging.WARNING)  # each connection is ten lines otherwise


def arguments(module: str, about: str | None, port: int) -> argparse.ArgumentParser:
    """What each of them takes: a settings file, and where its door is; ``port`` if nothing else is said."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=about)
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings file instead of lightship.toml")
    parser.add_argument("--host", default="127.0.0.1", help="address of the probe")
    parser.add_argument("--port", type=int, default=port, help="port of /healthz, /readyz and /metrics")
    return parser


def run(
    name: str,
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None,
    start: Start,
    *,
    read: Callable[[Path | None], Settings] = load,
) -> int:
    """Work until told to stop; exit 2 for settings that cannot work, 3 if a server does not answer.

    ``read`` gives the settings, and raises `Misconfigured` for those the process cannot work with; the broker
    is asked for only after it.
    """
    options = parser.parse_args(argv)
    log_to_stderr()
    try:
        settings = read(options.config)
        if not settings.kafka.bootstrap:
            raise errors.Misconfigured("no Kafka address: set LIGHTSHIP_KAFKA, or run `lightship up`")
        report_start(settings.store, name)
        kafka.reach(settings.kafka)
        return start(settings, options)
    except errors.Misconfigured as error:
        sys.stderr.write(f"{name}: {error}\n")
        return USAGE
    except (errors.Unavailable, Unavailable) as error:
        sys.stderr.write(f"{name}: {error}\n")
        return UNAVAILABLE


def end(code: int) -> NoReturn:
    """Be gone at once: the library's threads must not keep a stopped process alive."""
    logging.shutdown()
    os._exit(code)
