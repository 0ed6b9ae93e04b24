"""No client of this process asks a broker to create the topics that it looks up.

A broker that may create topics by itself gives them its own number of partitions, and that number can't be
changed afterwards: only ``lightship setup`` creates topics. The embedded broker can't be told to refuse, and
the libraries ask for creation: kafka-python 3.0 doesn't pass its option ``allow_auto_create_topics`` on to
the requests that it sends, aiokafka 0.14 (and Faust, which uses it) has no such option.
"""

from __future__ import annotations

from typing import Any

import aiokafka.client
from aiokafka.protocol.metadata import MetadataRequest
from kafka.cluster import ClusterMetadata


class _Existing(MetadataRequest):  # type: ignore[misc]  # aiokafka ships no types
    """A request for the metadata of topics that exist."""

    def __init__(self, topics: list[str] | None = None, *_: Any, **__: Any) -> None:
        super().__init__(topics, allow_auto_topic_creation=False)


def forbid() -> None:
    """Let every client that is created from now on look up existing topics only; safe to repeat."""
    aiokafka.client.MetadataRequest = _Existing
    ClusterMetadata.DEFAULT_CONFIG["allow_auto_create_topics"] = False
