"""ClickHouse's HTTP interface over the embedded engine, as far as ordinary clients use it.

Errors carry the engine's own code and text. A result is sent piece by piece when its format allows joining
and the client did not ask to wait for the end; an error after the first piece is then appended the way
ClickHouse does it (``X-ClickHouse-Exception-Tag``).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from infra.embedded.asgi import (
    BodyTooLarge,
    Disconnected,
    Receive,
    Scope,
    Send,
    header_map,
    read_body,
    respond,
)
from infra.embedded.clickhouse_engine import Engine, EngineError, Job, Outcome
from infra.embedded.clickhouse_request import (
    AUTHENTICATION_FAILED,
    BadRequest,
    Request,
    credentials,
    is_allowed,
    parse_request,
)
from infra.embedded.clickhouse_statement import Kind, Refused, Statement, classify
from infra.embedded.content_encoding import BadEncoding
from infra.embedded.disk_guard import DiskGuard
from infra.instance import identity

logger = logging.getLogger(__name__)

STREAMABLE = frozenset(
    name.lower()
    for name in (
        "CSV",
        "JSONCompactEachRow",
        "JSONEachRow",
        "Native",
        "RowBinary",
        "TabSeparated",
        "TSV",
    )
)
"""Formats whose pieces may be joined; the others have a beginning and an end."""

INLINE_BYTES = 256 << 10
"""Bodies up to this size are decoded on the event loop."""

CANCEL_EVERY_S = 0.2

BAD_REQUEST = 36
READONLY = 164
TOO_MANY_QUERIES = 202
UNKNOWN_EXCEPTION = 1002
TOO_LARGE = 307
NOT_ENOUGH_SPACE = 243

_STATUS = {
    AUTHENTICATION_FAILED: 403,
    BAD_REQUEST: 400,
    READONLY: 403,
    TOO_MANY_QUERIES: 503,
    NOT_ENOUGH_SPACE: 507,
    TOO_LARGE: 413,
    27: 400,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
    36: 400,  # BAD_ARGUMENTS
    46: 404,  # UNKNOWN_FUNCTION
    47: 404,  # UNKNOWN_IDENTIFIER
    50: 404,  # UNKNOWN_TYPE
    60: 404,  # UNKNOWN_TABLE
    62: 400,  # SYNTAX_ERROR
    81: 404,  # UNKNOWN_DATABASE
    115: 404,  # UNKNOWN_SETTING
    344: 501,  # SUPPORT_IS_DISABLED
    452: 403,  # SETTING_CONSTRAINT_VIOLATION
    497: 403,  # ACCESS_DENIED
}

T = TypeVar("T")


class ClickHouseHttp:
    """ASGI app over `Engine`.

    Parameters
    ----------
    user, password
        The one account.
    threads, read_threads
        Statements that run at once, and how many of them may be SELECTs: a dashboard cannot keep writers out.
    max_body_bytes
        Largest request body, compressed and not.
    wait_s
        How long a statement waits for its turn before it is refused.
    stall_s
        How long a client may leave a piece of a result untaken before the statement is given up.
    guard
        Says when the disk has no space for new rows; without one nobody looks.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        user: str,
        password: str,
        threads: int = 6,
        read_threads: int = 4,
        max_body_bytes: int = 256 << 20,
        wait_s: float = 30.0,
        stall_s: float = 120.0,
        guard: DiskGuard | None = None,
    ) -> None:
        self._engine = engine
        self._account = (user, password)
        self._max_body_bytes = max_body_bytes
        self._wait_s = wait_s
        self._stall_s = stall_s
        self._guard = guard
        self._all = asyncio.Semaphore(threads)
        self._reads = asyncio.Semaphore(min(read_threads, threads))
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="engine")
        self._running: set[str] = set()
        self._identity = tuple((name.encode(), value.encode()) for name, value in identity().items())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path, method = scope["path"], scope["method"]
        if path == "/ping" or (path == "/" and method in ("GET", "HEAD") and not scope["query_string"]):
            await respond(send, 200, ((b"content-type", b"text/plain"), *self._identity), b"Ok.\n")
            return
        try:
            headers = header_map(scope)
            if not is_allowed(credentials(scope["query_string"], headers), self._account):
                raise _error(AUTHENTICATION_FAILED, "Authentication failed: user or password is wrong")
            body = await read_body(receive, self._max_body_bytes)
            prepare = self._prepare
            if len(body) > INLINE_BYTES:
                request, statement = await asyncio.to_thread(prepare, scope["query_string"], headers, body)
            else:
                request, statement = prepare(scope["query_string"], headers, body)
            if method not in ("GET", "HEAD", "POST") or (
                method != "POST" and statement.kind is not Kind.READ
            ):
                raise _error(READONLY, f"method {method} may only read: use POST")
            await self._run(request, statement, receive, send)
        except (Refused, EngineError) as error:
            await self._send_error(send, error.code, str(error))
        except (BadRequest, BadEncoding) as error:
            await self._send_error(send, BAD_REQUEST, f"Code: {BAD_REQUEST}. DB::Exception: {error}")
        except BodyTooLarge:
            message = f"the body is larger than {self._max_body_bytes} bytes"
            await self._send_error(send, TOO_LARGE, f"Code: {TOO_LARGE}. DB::Exception: {message}")
        except Disconnected:
            logger.debug("a client left before its request was complete")

    def close(self) -> None:
        """Stop what still runs; the engine may be closed afterwards."""
        for tag in tuple(self._running):
            self._engine.cancel(tag)
        self._pool.shutdown(wait=True)

    def _prepare(
        self, query_string: bytes, headers: dict[str, str], body: bytes
    ) -> tuple[Request, Statement]:
        request = parse_request(query_string, headers, body, self._max_body_bytes)
        return request, classify(request.source)

    async def _run(self, request: Request, statement: Statement, receive: Receive, send: Send) -> None:
        job = Job(
            statement=statement,
            format=statement.format or request.default_format,
            database=request.database,
            params=request.params,
            settings=request.settings,
        )
        lines = self._head(request)
        if statement.grows and self._guard is not None and (problem := self._guard.problem):
            raise _error(NOT_ENOUGH_SPACE, problem, "NOT_ENOUGH_SPACE")
        async with self._turn(job, receive) as gone:
            if statement.kind is Kind.INSERT:
                rows = memoryview(request.source)[statement.data_at :]
                await self._whole(send, lines, await self._insert(job, rows))
                return
            if statement.kind is Kind.READ:
                lines.append((b"x-clickhouse-format", job.format.encode("utf-8", "replace")))
                if not request.whole and job.format.lower() in STREAMABLE:
                    await self._pieces(send, lines, job, gone)
                    return
            await self._whole(send, lines, await self._in_thread(self._engine.execute, job))

    async def _insert(self, job: Job, rows: memoryview) -> Outcome:
        """Insert; not acknowledged if the disk was full meanwhile: the engine may not have noticed."""
        before = 0 if self._guard is None else self._guard.times_full
        outcome = await self._in_thread(self._engine.insert, job, rows)
        if self._guard is not None and self._guard.was_full_since(before):
            why = "the disk was full while the rows were written: insert them again"
            raise _error(NOT_ENOUGH_SPACE, why, "NOT_ENOUGH_SPACE")
        return outcome

    def _head(self, request: Request) -> list[tuple[bytes, bytes]]:
        zone = request.settings.get("session_timezone") or self._engine.timezone
        query_id = request.query_id or secrets.token_hex(16)
        return [
            (b"content-type", b"application/octet-stream"),
            (b"x-clickhouse-query-id", query_id.encode("ascii", "replace")),
            (b"x-clickhouse-timezone", zone.encode("ascii", "replace")),
        ]

    @contextlib.asynccontextmanager
    async def _turn(self, job: Job, receive: Receive) -> AsyncIterator[asyncio.Event]:
        """Wait for a free thread; give up a statement whose client goes away, and stop a READ of it.

        Yields what tells that the client is gone.
        """
        gone = asyncio.Event()
        watch = asyncio.create_task(self._cancel_when_gone(job, receive, gone))
        gates = [self._reads, self._all] if job.statement.heavy else [self._all]
        async with contextlib.AsyncExitStack() as held:
            held.callback(watch.cancel)
            try:
                async with asyncio.timeout(self._wait_s):
                    for gate in gates:
                        await held.enter_async_context(gate)
            except TimeoutError:
                raise _error(TOO_MANY_QUERIES, "Too many simultaneous queries: try again") from None
            if gone.is_set():
                raise Disconnected
            self._running.add(job.tag)
            held.callback(self._running.discard, job.tag)
            yield gone

    async def _cancel_when_gone(self, job: Job, receive: Receive, gone: asyncio.Event) -> None:
        """Runs until it is cancelled: a statement that has not begun yet cannot be stopped, so ask again."""
        while (await receive())["type"] != "http.disconnect":
            pass
        gone.set()
        while job.statement.kind is Kind.READ:
            await asyncio.to_thread(self._engine.cancel, job.tag)
            await asyncio.sleep(CANCEL_EVERY_S)

    async def _in_thread(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *args)

    async def _whole(self, send: Send, lines: list[tuple[bytes, bytes]], outcome: Outcome) -> None:
        summary = {
            "read_rows": str(outcome.read_rows),
            "read_bytes": str(outcome.read_bytes),
            "written_rows": str(outcome.written_rows),
            "written_bytes": str(outcome.written_bytes),
            "total_rows_to_read": "0",
            "result_rows": str(outcome.result_rows),
            "result_bytes": str(len(outcome.body)),
            "elapsed_ns": str(outcome.elapsed_ns),
        }
        lines.append((b"x-clickhouse-summary", json.dumps(summary).encode()))
        await respond(send, 200, lines, outcome.body)

    async def _pieces(
        self, send: Send, lines: list[tuple[bytes, bytes]], job: Job, gone: asyncio.Event
    ) -> None:
        pieces = self._engine.stream(job)
        tag = secrets.token_hex(8)
        piece = await self._in_thread(_next, pieces)
        lines.append((b"x-clickhouse-exception-tag", tag.encode()))
        await send({"type": "http.response.start", "status": 200, "headers": lines})
        last = b""
        while piece is not None:
            try:
                async with asyncio.timeout(self._stall_s):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            except TimeoutError:
                gone.set()
            if gone.is_set():
                await self._in_thread(pieces.close)
                raise Disconnected
            try:
                piece = await self._in_thread(_next, pieces)
            except EngineError as error:
                piece, last = None, _appended(str(error), tag)
        await send({"type": "http.response.body", "body": last})

    async def _send_error(self, send: Send, code: int, message: str) -> None:
        lines = (
            (b"content-type", b"text/plain; charset=UTF-8"),
            (b"x-clickhouse-exception-code", str(code).encode()),
        )
        trailer = f" (version {self._engine.version} (chDB))"
        text = message if " (version " in message[-40:] else message + trailer
        await respond(send, _STATUS.get(code, 500), lines, f"{text}\n".encode("utf-8", "replace"))


def _next(pieces: Generator[bytes, None, None]) -> bytes | None:
    return next(pieces, None)


def _error(code: int, message: str, name: str = "") -> EngineError:
    return EngineError(f"Code: {code}. DB::Exception: {message}." + (f" ({name})" if name else ""))


def _appended(message: str, tag: str) -> bytes:
    """An error in the middle of a result, as ClickHouse 25.11 and later mark it."""
    body = message.encode("utf-8", "replace") + b"\n"
    mark = tag.encode()
    return b"__exception__\r\n%s\r\n%s%d %s\r\n__exception__\r\n" % (mark, body, len(body), mark)
