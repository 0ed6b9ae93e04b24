"""The kinds of broker that everything must work on, for tests that take a ``kind``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from infra.embedded.child_spec import ChildSpec
from infra.embedded.pair import broker_spec
from tests.apache_kafka import apache_spec, missing

EMBEDDED, APACHE = "embedded", "apache"
KINDS = (EMBEDDED, pytest.param(APACHE, marks=pytest.mark.kafka))
"""Values of a parameter ``kind``: Apache Kafka is asked for by its marker."""

_SPECS: Mapping[str, Callable[[Path, int], ChildSpec]] = {EMBEDDED: broker_spec, APACHE: apache_spec}


def spec_of(kind: str) -> Callable[[Path, int], ChildSpec]:
    """What makes the child: from its home and its port."""
    lack = missing() if kind == APACHE else None
    assert lack is None, lack
    return _SPECS[kind]
