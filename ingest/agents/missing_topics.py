"""Topics that are not there yet: a process that starts before ``lightship setup`` waits, and names it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from infra import errors, kafka
from infra.kafka import Topic
from infra.settings import KafkaSettings
from ingest.errors import Unavailable

if TYPE_CHECKING:
    import faust

    from ingest.agents.stream import Health

logger = logging.getLogger(__name__)

EVERY_S = 2.0
"""Between two looks at the topics."""
WAITS = "topics"
"""Under which name the wait stands in ``/readyz``."""


def require(settings: KafkaSettings, topics: Sequence[Topic]) -> None:
    """Return if the topics exist, partitioned as this Lightship needs.

    Raises
    ------
    Unavailable
        If a topic does not exist yet, or no broker answers.
    Misconfigured
        If a topic has another number of partitions.
    """
    try:
        kafka.check_topics(settings, topics)
    except errors.Unavailable as error:
        raise Unavailable(str(error)) from error


def await_topics(app: faust.App, settings: KafkaSettings, topics: Sequence[Topic], health: Health) -> None:
    """Keep a stream not ready until its topics are as they must be; each reason is logged once."""
    health.waiting_for[WAITS] = "topics are not looked at yet"

    @app.task  # type: ignore[untyped-decorator]
    async def look() -> None:
        while True:
            try:
                await asyncio.to_thread(require, settings, topics)
            except (Unavailable, errors.Misconfigured) as error:
                if health.waiting_for.get(WAITS) != str(error):
                    logger.warning("waits: %s", error)
                health.waiting_for[WAITS] = str(error)
                await asyncio.sleep(EVERY_S)
            else:
                health.waiting_for.pop(WAITS, None)
                return
