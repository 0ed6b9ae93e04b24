"""Decides which connections a server accepts that cannot do so itself: those of its own account and of root.

The server is started through `accept_filter`. It never has a listening socket that it made: where it binds
one, it is given ours, and each connection that it accepts, on whatever descriptor, is one we accepted and
looked at. What passes between both ends afterwards is not touched. So only the accounts that could read the
server's files and memory can connect, as with a Unix socket of mode 0600.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import select
import socket
import struct
import threading
from collections.abc import Callable

from infra.embedded.accept_filter import CALLS
from infra.embedded.peer_owner import owner

logger = logging.getLogger(__name__)

Owner = Callable[[tuple[str, int], tuple[str, int]], int | None]

ROOT = 0
WARN_EVERY = 1_000
"""The first refused connection is logged, and then one in so many."""

_RECEIVE, _SEND, _VALID, _ADD = 0xC0502100, 0xC0182101, 0x40082102, 0x40182103
_QUESTION = struct.Struct("=QIIiIQ6Q")
"""Id, thread, flags; number of the call, machine, instruction pointer, six arguments."""
_ANSWER, _ADDED = struct.Struct("=QqiI"), struct.Struct("=QIIII")
_REPLACE = 1


class AcceptGuard:
    """Answers a server's questions on a thread of its own until the server ends or `close`.

    Parameters
    ----------
    questions
        Descriptor that `accept_filter` sent; closed at the end.
    listening
        Listening socket for the server; not closed here.
    allowed
        User ids whose connections are accepted.
    who
        Tells the owner of a connection's other end.
    """

    def __init__(
        self, questions: int, listening: socket.socket, allowed: frozenset[int], who: Owner = owner
    ) -> None:
        self._questions = questions
        self._listening = listening
        self._allowed = allowed
        self._who = who
        self._calls = CALLS[os.uname().machine]
        self._bound = False
        self._refused = 0
        self._wake, self._end = os.pipe()
        self._thread = threading.Thread(target=self._run, name="accept-guard", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Stop answering: the server can bind and accept no more."""
        os.close(self._end)
        self._thread.join()

    def _run(self) -> None:
        try:
            poll = select.poll()
            poll.register(self._questions, select.POLLIN)
            poll.register(self._wake, 0)
            while True:
                events = dict(poll.poll())
                if self._wake in events or not events.get(self._questions, 0) & select.POLLIN:
                    return
                self._answer_one()
        finally:
            os.close(self._questions)
            os.close(self._wake)

    def _answer_one(self) -> None:
        buffer = bytearray(_QUESTION.size)
        try:
            fcntl.ioctl(self._questions, _RECEIVE, buffer)
        except OSError:  # the thread that asked was interrupted or is gone
            return
        asked, thread, _, number, _, _, fd, address, length, flags, *_ = _QUESTION.unpack(buffer)
        try:
            if number == self._calls.bind:
                self._bind(asked, fd)
            elif self._bound:
                waits = number != self._calls.accept4 or not flags & socket.SOCK_NONBLOCK
                self._accept(asked, thread, address, length, waits=waits)
            else:
                self._reply(asked, error=errno.EINVAL)
        except OSError as error:
            if error.errno != errno.ENOENT:  # else whoever asked is gone
                logger.error("a connection could not be handed over: %s", error)
                self._reply_quietly(asked, error.errno or errno.EIO)

    def _bind(self, asked: int, fd: int) -> None:
        """The socket that the server binds becomes ours, which is bound already."""
        if self._bound:
            self._reply(asked, error=errno.EADDRINUSE)
            return
        self._add(asked, self._listening.fileno(), replace=fd)
        self._bound = True
        self._reply(asked)

    def _accept(self, asked: int, thread: int, address: int, length: int, *, waits: bool) -> None:
        """Hand over the next connection, one whose reads wait for data or do not, as was asked for."""
        try:
            accepted = self._next()
        except BlockingIOError:
            self._reply(asked, error=errno.EAGAIN)
            return
        with accepted:
            accepted.setblocking(waits)
            if address:
                self._write_address(asked, thread, address, length, accepted.getpeername())
            self._reply(asked, value=self._add(asked, accepted.fileno()))

    def _next(self) -> socket.socket:
        """The next connection of an account that may connect; others are closed."""
        while True:
            accepted, client = self._listening.accept()
            uid = self._owner(client, accepted)
            if uid in self._allowed:
                return accepted
            accepted.close()
            if self._refused % WARN_EVERY == 0:
                logger.warning(
                    "refused a connection of %s: the broker serves the account that runs it, and root; "
                    "send from that account, or to the gateway over OTLP",
                    "an unknown account" if uid is None else f"user id {uid}",
                )
            self._refused += 1

    def _owner(self, client: tuple[str, int], accepted: socket.socket) -> int | None:
        try:
            return self._who(client, accepted.getsockname())
        except OSError as error:
            logger.error("cannot tell who connects: %s", error)
            return None

    def _add(self, asked: int, source: int, replace: int | None = None) -> int:
        """Give the server a descriptor; its number there."""
        flags = 0 if replace is None else _REPLACE
        given = _ADDED.pack(asked, flags, source, replace or 0, os.O_CLOEXEC)
        return int(fcntl.ioctl(self._questions, _ADD, bytearray(given)))

    def _reply(self, asked: int, *, value: int = 0, error: int = 0) -> None:
        fcntl.ioctl(self._questions, _SEND, bytearray(_ANSWER.pack(asked, value, -error, 0)))

    def _reply_quietly(self, asked: int, error: int) -> None:
        try:
            self._reply(asked, error=error)
        except OSError:
            logger.debug("whoever asked is gone")

    def _write_address(
        self, asked: int, thread: int, address: int, length: int, client: tuple[str, int]
    ) -> None:
        """What accept(2) writes for its caller: the other end's address and its length."""
        host, port = client
        content = struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", port, socket.inet_aton(host))
        with open(f"/proc/{thread}/mem", "r+b", buffering=0) as memory:
            fcntl.ioctl(self._questions, _VALID, struct.pack("=Q", asked))  # else the thread may be another's
            memory.seek(length)
            (room,) = struct.unpack("=I", memory.read(4))
            memory.seek(address)
            memory.write(content[:room])
            memory.seek(length)
            memory.write(struct.pack("=I", len(content)))
