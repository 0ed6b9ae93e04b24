"""Starts the broker so that only its own account and root can connect to it, where the system can do that."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping, Sequence

from infra.embedded import accept_filter
from infra.embedded.accept_guard import ROOT, AcceptGuard, Owner
from infra.embedded.parent_watch import tethered
from infra.embedded.peer_owner import owner
from infra.embedded.ports import listen

logger = logging.getLogger(__name__)

YES = b"yes"
WHAT = "the broker"
TRY_S = 5.0


@contextlib.asynccontextmanager
async def access_controlled(
    argv: Sequence[str], env: Mapping[str, str], port: int, who: Owner = owner
) -> AsyncIterator[Process]:
    """A program that serves on the loopback port ``port``, tied to this process; its end is the caller's.

    Where connections cannot be told apart it serves whoever connects, and a warning says so.

    Raises
    ------
    PortBusy
        If the port is taken.
    """
    with listen(port, WHAT) as listening:
        reason = "the system does not list who owns a connection"
        if _tells_owners(listening, who):
            allowed = frozenset({ROOT, os.getuid()})
            started = await _start_filtered(argv, env)
            if not isinstance(started, str):
                process, questions = started
                guard = AcceptGuard(questions, listening, allowed, who)
                guard.start()
                try:
                    yield process
                finally:
                    guard.close()
                return
            reason = started
    logger.warning("every account of this machine can connect to the broker on port %d: %s", port, reason)
    yield await asyncio.create_subprocess_exec(
        *tethered(list(argv)), env=env, stdin=asyncio.subprocess.DEVNULL
    )


def _tells_owners(listening: socket.socket, who: Owner) -> bool:
    """Whether the owner of a connection is known here: tried with one of our own."""
    with socket.create_connection(listening.getsockname()) as ours:
        while select.select([listening], [], [], TRY_S)[0]:
            accepted, client = listening.accept()
            with accepted, contextlib.suppress(OSError):
                if client == ours.getsockname():
                    return who(client, accepted.getsockname()) is not None
    return False


async def _start_filtered(argv: Sequence[str], env: Mapping[str, str]) -> tuple[Process, int] | str:
    """The program and the descriptor of its questions, or why it cannot be made to ask."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = await asyncio.create_subprocess_exec(
            *tethered([sys.executable, "-I", "-S", accept_filter.__file__, str(theirs.fileno()), *argv]),
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
        )
        theirs.close()
        said, descriptors, _, _ = await asyncio.to_thread(socket.recv_fds, ours, 256, 1)
    if said == YES and descriptors:
        return process, descriptors[0]
    await process.wait()
    return said.decode("utf-8", "replace").removeprefix("no: ") or "its start failed"
