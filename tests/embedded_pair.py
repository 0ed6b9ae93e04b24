"""Fixtures: brokers and the embedded store on free ports, each started when first asked for.

A pytest plug-in (``pytest_plugins = ["tests.embedded_pair"]`` in ``tests/conftest.py``). Every xdist worker
gets servers of its own. Lightship's topics have fixed names, so a module that takes ``broker`` has one of its
own. Modules share ``store`` and ``shared_broker``: use databases, topics and groups of your own there. What
takes a broker runs on every kind of it.
"""

from __future__ import annotations

import gc
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from infra.embedded.child_spec import ChildSpec
from infra.embedded.errors import StartFailed
from infra.embedded.pair import clickhouse_url, kafka_address, store_spec
from infra.embedded.ports import spare
from infra.embedded.supervisor import Supervisor
from infra.kafka import TOPICS
from tests import databases
from tests.brokers import KINDS, spec_of

TRIES = 3


def start(home: Path, make: Callable[[Path, int], ChildSpec]) -> tuple[Supervisor, ChildSpec]:
    """A running supervisor of one child on a free port; the caller stops it."""
    for attempt in range(TRIES):
        spec = make(home, spare())
        running = Supervisor(home, [spec], out=None)
        try:
            running.start()
        except StartFailed:  # another worker took the port in between
            if attempt == TRIES - 1:
                raise
        else:
            return running, spec
    raise AssertionError("not reached")


@pytest.fixture
def refused_connections(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """For tests in which a broker goes away: kafka-python leaks the sockets of connections that were refused.

    They are collected here, quietly, rather than in whatever test comes next, as its error. Captured log
    records refer to them. What leaks while a whole module is set up a mark of the module must ignore.
    """
    yield
    for phase in ("setup", "call"):
        caplog.get_records(phase).clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="module", params=KINDS)
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap address of a broker that only this module uses, ``127.0.0.1:PORT``."""
    yield from _broker(tmp_path_factory, request.param)


@pytest.fixture(scope="session", params=KINDS)
def session_broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What is behind `shared_broker`, without its guard."""
    yield from _broker(tmp_path_factory, request.param)


@pytest.fixture(scope="module")
def shared_broker(session_broker: str) -> Iterator[str]:
    """Bootstrap address of a broker that modules share; none may leave one of Lightship's topics on it."""
    yield session_broker
    made = sorted({t.name for t in TOPICS} & topics_of(session_broker))
    delete_topics(session_broker, made)  # the modules that come next are not to blame
    assert not made, (
        f"the shared broker now has {', '.join(made)}, and every test that needs one expects partitions and "
        "contents of its own: take the fixture broker"
    )


def _broker(tmp_path_factory: pytest.TempPathFactory, kind: str) -> Iterator[str]:
    running, spec = start(tmp_path_factory.mktemp("broker"), spec_of(kind))
    try:
        yield kafka_address(spec)
    finally:
        running.stop()


def topics_of(bootstrap: str) -> set[str]:
    """Names of a broker's topics."""
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap)) as admin:
        return set(admin.list_topics())


def delete_topics(bootstrap: str, names: Sequence[str]) -> None:
    """Delete topics, and wait until the broker no longer lists them."""
    if not names:
        return
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap)) as admin:
        admin.delete_topics(list(names))
    deadline = time.monotonic() + 30
    while topics_of(bootstrap) & set(names):
        assert time.monotonic() < deadline, f"{', '.join(names)} cannot be deleted"
        time.sleep(0.1)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of the embedded store, ``http://default:PASSWORD@127.0.0.1:PORT``."""
    home = tmp_path_factory.mktemp("store")
    running, spec = start(home, store_spec)
    try:
        yield clickhouse_url(home, spec)
    finally:
        running.stop()


@pytest.fixture(scope="module", autouse=True)
def databases_of_a_module() -> Iterator[None]:
    """Tables of a module that has ended are not kept: a store merges and clears them for ever."""
    yield
    databases.drop_all()
