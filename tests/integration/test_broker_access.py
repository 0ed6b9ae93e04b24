"""Who can connect to the embedded broker: the account that runs it and root, nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from infra.embedded.accept_guard import Owner
from infra.embedded.broker_access import access_controlled
from infra.embedded.pair import broker_spec
from infra.embedded.peer_owner import asked, listed, owner
from infra.embedded.ports import LOOPBACK, spare
from infra.kafka import create_topics
from infra.settings import KafkaSettings
from tests.embedded_pair import start
from tests.other_account import needs_root, run_as_other

pytestmark = pytest.mark.integration

ASK_FOR_TOPICS = """
request = struct.pack(">hhihi", 3, 1, 7, -1, -1)
try:
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5) as sock:
        sock.sendall(struct.pack(">i", len(request)) + request)
        print(len(sock.recv(100)))
except ConnectionError:
    print("refused")
"""

CREATE_AND_LEAVE = """
name = b"planted"
body = struct.pack(f">ih{len(name)}sihii", 1, len(name), name, 1, 1, 0, 0) + struct.pack(">i", 5000)
request = struct.pack(">hhih", 19, 0, 7, -1) + body
for _ in range(20):
    sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)
    sock.sendall(struct.pack(">i", len(request)) + request)
    sock.close()
"""

POLLING_SERVER = """
import asyncio, sys
async def greet(reader, writer):
    writer.write(repr(writer.get_extra_info("peername")).encode())
    await writer.drain()
    writer.close()
async def main():
    async with await asyncio.start_server(greet, "127.0.0.1", int(sys.argv[1])) as server:
        await server.serve_forever()
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    running, spec = start(tmp_path_factory.mktemp("guarded"), broker_spec)
    try:
        yield spec.ports["kafka"]
    finally:
        running.stop()


def names(port: int) -> set[str]:
    admin = KafkaAdminClient(bootstrap_servers=f"{LOOPBACK}:{port}")
    try:
        return set(admin.list_topics())
    finally:
        admin.close()


@needs_root
def test_another_account_is_hung_up_on(port: int) -> None:
    assert run_as_other(ASK_FOR_TOPICS, str(port)) in ("refused", "0")


@needs_root
def test_what_another_account_sends_before_it_leaves_is_not_done(port: int) -> None:
    """A socket that was closed is listed as root's: it must not be believed."""
    run_as_other(CREATE_AND_LEAVE, str(port))
    create_topics(KafkaSettings(bootstrap=f"{LOOPBACK}:{port}", partitions=1))
    assert "planted" not in names(port)
    assert "findings" in names(port)


def test_the_account_that_runs_it_gets_in(port: int) -> None:
    create_topics(KafkaSettings(bootstrap=f"{LOOPBACK}:{port}", partitions=1))
    assert "findings" in names(port)


def greeted(port: int) -> tuple[str, tuple[str, int]]:
    """What the server says to a caller, and who the caller is."""
    for _ in range(100):
        try:
            with socket.create_connection((LOOPBACK, port), 5) as sock:
                return sock.recv(100).decode(), sock.getsockname()
        except ConnectionRefusedError:
            asyncio.run(asyncio.sleep(0.05))
    raise AssertionError("the server did not start")


@pytest.mark.parametrize(("theirs", "seen"), [(0, True), (1, False)], ids=["own", "other"])
def test_by_owner(theirs: int, seen: bool) -> None:
    """Whoever the table says owns it; what the server is told of the caller is right."""

    async def run() -> None:
        port = spare()
        argv = [sys.executable, "-I", "-c", POLLING_SERVER, str(port)]
        first = True

        def who(client: tuple[str, int], server: tuple[str, int]) -> int | None:
            nonlocal first
            uid, first = owner(client, server), False
            return uid if uid is None or theirs == 0 else uid + 4711

        async with access_controlled(argv, dict(os.environ), port, who) as process:
            try:
                for _ in range(3):
                    try:
                        text, caller = await asyncio.to_thread(greeted, port)
                    except ConnectionResetError:
                        text, caller = "", ("", 0)
                    assert text == (repr(caller) if seen else "")
            finally:
                process.kill()
                await process.wait()

    asyncio.run(run())


def test_where_owners_are_not_listed_it_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """It serves all the same, as on systems without the table, and does not keep that to itself."""

    async def run() -> str:
        port = spare()
        argv = [sys.executable, "-I", "-c", POLLING_SERVER, str(port)]
        async with access_controlled(argv, dict(os.environ), port, lambda *_: None) as process:
            try:
                return (await asyncio.to_thread(greeted, port))[0]
            finally:
                process.kill()
                await process.wait()

    assert asyncio.run(run()).startswith("('127.0.0.1'")
    assert "every account of this machine can connect" in caplog.text


@pytest.mark.parametrize("state", ["06", "05"])
def test_a_closed_socket_has_no_owner(tmp_path: Path, state: str) -> None:
    """As the kernel lists it: user 0 and inode 0; also where only the inode says so."""
    client, server = ("127.0.0.1", 0x9999), ("127.0.0.1", 0x2384)
    line = (
        "   0: 0100007F:9999 0100007F:2384 {} 00000000:00000000 00:00000000 00000000     0        0 {} 1 0\n"
    )
    table = tmp_path / "tcp"
    table.write_text(line.format(state, 0) + line.format("01", 0), encoding="ascii")
    assert listed(client, server, table) is None
    table.write_text(line.format("01", 77).replace("     0        0", "  1000        0"), encoding="ascii")
    assert listed(client, server, table) == 1000
    assert listed(server, client, table) is None


@pytest.mark.parametrize("tells", [owner, asked, listed])
def test_the_kernel_tells_who_owns_a_connection(tells: Owner) -> None:
    if tells is asked and not answers_questions():
        pytest.skip("this kernel takes no questions about sockets")
    with socket.create_server((LOOPBACK, 0)) as listening:
        server = listening.getsockname()
        client = socket.create_connection(server)
        at = client.getsockname()
        with listening.accept()[0]:
            assert tells(at, server) == os.getuid()
            assert tells(at, (LOOPBACK, 1)) is None
            client.close()
            assert tells(at, server) is None
        assert tells(server, at) is None  # one that listens is no other end


def answers_questions() -> bool:
    try:
        asked((LOOPBACK, 1), (LOOPBACK, 1))
    except OSError:
        return False
    return True


def test_connections_that_say_nothing_hold_nobody_up(port: int) -> None:
    """The broker reads without waiting: each of its few threads serves many connections."""
    request = struct.pack(">hhih", 18, 0, 7, -1)
    with contextlib.ExitStack() as opened:
        for _ in range(20):
            quiet = opened.enter_context(socket.create_connection((LOOPBACK, port), 5))
            quiet.sendall(struct.pack(">i", len(request)) + request)
            assert quiet.recv(1000)
            began = opened.enter_context(socket.create_connection((LOOPBACK, port), 5))
            began.sendall(struct.pack(">i", len(request)))  # and never the rest
        assert names(port) is not None
