"""``python -m infra.setup``: make topics and tables on the configured servers; safe to repeat."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from infra import clickhouse, kafka, kafka_writers, retention
from infra.errors import Misconfigured, Unavailable
from infra.settings import Settings, load


def setup(settings: Settings, say: Callable[[str], None]) -> None:
    """Create missing topics, apply missing migrations, and keep rows as long as the settings say.

    Raises
    ------
    Misconfigured
        If an address is missing, a topic exists with another number of partitions, or the broker keeps no
        list of who may do what.
    Unavailable
        If a server does not answer.
    """
    if not settings.kafka.bootstrap or not settings.store.url:
        raise Misconfigured("set LIGHTSHIP_KAFKA and LIGHTSHIP_CLICKHOUSE, or run `lightship up`")
    kafka.create_topics(settings.kafka)
    say(f"topics are there ({settings.kafka.partitions} partitions)")
    if settings.kafka.writers:
        kafka_writers.allow_writers(settings.kafka)
        say(f"{', '.join(settings.kafka.writers)} may write to the open topics")
    for line in clickhouse.migrate(settings.store) or ["the schema is up to date"]:
        say(line)
    for line in retention.keep(settings.store):
        say(line)


def main() -> int:
    """Exit 0 when all is there, 2 for settings that cannot work, 3 if a server does not answer."""
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # what it logs it raises, and we say it once
    try:
        setup(load(), lambda line: print(line, flush=True))  # noqa: T201 - what a person reads
    except Misconfigured as error:
        sys.stderr.write(f"setup: {error}\n")
        return 2
    except Unavailable as error:
        sys.stderr.write(f"setup: {error}\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
