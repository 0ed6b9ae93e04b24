"""The S3 dialect of the object store, as far as its one client needs it.

GET (with Range and conditions), HEAD, PUT (``If-None-Match: *``, ``If-Match``), DELETE, DeleteObjects and
ListObjectsV2 on one bucket, path style. Signatures are not verified; the access key id in the credential is a
token that keeps other programs out (a broker of an earlier run, for one).
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
from collections.abc import Callable
from email.utils import formatdate
from urllib.parse import parse_qs, unquote_to_bytes
from xml.parsers import expat

from infra.disk_reserve import DiskReserve
from infra.embedded.asgi import (
    BodyTooLarge,
    Disconnected,
    Message,
    Receive,
    Scope,
    Send,
    header_map,
    read_body,
    respond,
)
from infra.embedded.byte_range import Unsatisfiable, parse_range
from infra.embedded.object_files import BadKey, ObjectFiles, PreconditionFailed, Stored
from infra.embedded.object_listing import BadToken, Listing, escape, list_page, page_xml
from infra.embedded.recent_reads import RecentReads

logger = logging.getLogger(__name__)

INLINE_BYTES = 1 << 20
"""Content up to this size is read and written on the event loop: a thread would take longer to reach."""

MAX_DELETE_BODY = 4 << 20
MAX_DELETES = 1000
"""Keys in one DeleteObjects request (Amazon S3 API reference, DeleteObjects)."""
DELETED_AT_ONCE = 20
"""Files removed before other requests have their turn. It happens on the event loop, with the index: a key
that is written again meanwhile must not lose its new file."""

TOPICS = "/topics/"
"""In the keys of what makes up the topics: record batches, and how far their numbers go."""

_XML = (b"content-type", b"application/xml")


class S3Error(Exception):
    """An answer other than success."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class ObjectHttp:
    """ASGI app over `ObjectFiles`.

    Parameters
    ----------
    bucket
        The one bucket there is.
    access_key
        Credential every request must name; empty: none is asked for.
    max_object_bytes
        Largest object accepted.
    reserve
        Space that is kept free: below it no topic grows. What consumer groups commit is small, and goes on.
    """

    def __init__(
        self,
        files: ObjectFiles,
        *,
        bucket: str,
        access_key: str = "",
        max_object_bytes: int = 128 << 20,
        reserve: DiskReserve | None = None,
    ) -> None:
        self.files = files
        self.reads = RecentReads()
        self._bucket = bucket
        self._access_key = access_key.encode()
        self._max_object_bytes = max_object_bytes
        self._reserve = reserve
        self._refuses = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            await self._route(scope, receive, send)
        except S3Error as error:
            await _send_error(send, scope["method"], error)
        except PreconditionFailed:
            failed = S3Error(412, "PreconditionFailed", "the object is not what the request expects")
            await _send_error(send, scope["method"], failed)
        except (BadKey, UnicodeDecodeError) as bad:
            await _send_error(send, scope["method"], S3Error(400, "KeyTooLongError", str(bad)))
        except BodyTooLarge:
            message = f"the body is larger than {self._max_object_bytes} bytes"
            await _send_error(send, scope["method"], S3Error(413, "EntityTooLarge", message))
        except Disconnected:
            logger.debug("client left during %s", scope["method"])
        except OSError as error:
            logger.error("disk error during %s: %s", scope["method"], error)
            await _send_error(send, scope["method"], S3Error(503, "ServiceUnavailable", str(error)))

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: bytes = scope["raw_path"]
        method: str = scope["method"]
        if path == b"/healthz":
            await respond(send, 200, body=b"ok\n")
            return
        headers = header_map(scope)
        self._authorise(headers.get("authorization", ""))
        bucket, _, rest = path[1:].partition(b"/")
        if unquote_to_bytes(bucket).decode() != self._bucket:
            raise S3Error(404, "NoSuchBucket", "there is no such bucket")
        if not rest:
            await self._on_bucket(method, scope, receive, send)
            return
        key = unquote_to_bytes(rest).decode()
        if method == "PUT":
            await self._put(key, headers, receive, send)
        elif method in ("GET", "HEAD"):
            await self._get(key, method, headers, send)
        elif method == "DELETE":
            self.files.delete(key)
            await respond(send, 204)
        else:
            raise S3Error(501, "NotImplemented", f"{method} on an object is not supported")

    def _authorise(self, header: str) -> None:
        """Compare the access key id in ``AWS4-HMAC-SHA256 Credential=<id>/<date>/…``."""
        if not self._access_key:
            return
        given = header.partition("Credential=")[2].partition("/")[0]
        if not hmac.compare_digest(given.encode(), self._access_key):
            raise S3Error(403, "InvalidAccessKeyId", "the access key id is not this store's")

    async def _on_bucket(self, method: str, scope: Scope, receive: Receive, send: Send) -> None:
        query = parse_qs(scope["query_string"].decode("ascii"), keep_blank_values=True, max_num_fields=32)
        if method == "HEAD":
            await respond(send, 200)
        elif method == "GET" and query.get("list-type") == ["2"]:
            await self._list(query, send)
        elif method == "POST" and "delete" in query:
            await self._delete_many(await read_body(receive, MAX_DELETE_BODY), send)
        else:
            raise S3Error(501, "NotImplemented", f"{method} on a bucket is not supported")

    async def _list(self, query: dict[str, list[str]], send: Send) -> None:
        def first(name: str, default: str = "") -> str:
            return query.get(name, [default])[0]

        count = first("max-keys", "1000")
        if not (count.isascii() and count.isdigit() and len(count) < 10):
            raise S3Error(400, "InvalidArgument", f"max-keys={count} is not a number")
        ask = Listing(
            prefix=first("prefix"),
            delimiter=first("delimiter"),
            after=first("start-after"),
            token=first("continuation-token"),
            max_keys=int(count),
            url_encoded=first("encoding-type") == "url",
        )
        try:
            page = list_page(self.files.names, ask)
        except BadToken as error:
            raise S3Error(400, "InvalidArgument", "the continuation token is not valid") from error
        self.reads.listed(ask.prefix)
        await respond(send, 200, (_XML,), page_xml(self._bucket, ask, page, self.files.get))

    async def _put(self, key: str, headers: dict[str, str], receive: Receive, send: Send) -> None:
        absent = headers.get("if-none-match")
        if absent not in (None, "*") or "x-amz-copy-source" in headers:
            raise S3Error(501, "NotImplemented", "only If-None-Match: * and plain content are supported")
        if headers.get("x-amz-content-sha256", "").startswith("STREAMING-"):
            raise S3Error(501, "NotImplemented", "chunk-signed uploads are not supported")
        self._check_space(key)
        match = _unquote(headers.get("if-match"))
        self.files.check(key, if_match=match, if_absent=absent is not None)
        body = await read_body(receive, self._max_object_bytes)
        if self.files.fsync or len(body) > INLINE_BYTES:
            staged = await asyncio.to_thread(self.files.stage, body)
        else:
            staged = self.files.stage(body)
        stored = self.files.commit(key, staged, if_match=match, if_absent=absent is not None)
        if self.files.fsync:
            await asyncio.to_thread(self.files.settle, key)
        await respond(send, 200, ((b"etag", _quoted(stored)),))

    def _check_space(self, key: str) -> None:
        """Refuse what makes a topic larger while the disk has only its reserve left.

        Raises
        ------
        S3Error
            If it has.
        """
        problem = None if self._reserve is None else self._reserve.problem
        if (problem is not None) is not self._refuses:
            self._refuses = problem is not None
            logger.warning("%s", problem or "there is space again: topics take messages")
        if problem is not None and TOPICS in key:
            raise S3Error(503, "ServiceUnavailable", problem)

    async def _get(self, key: str, method: str, headers: dict[str, str], send: Send) -> None:
        stored = self.files.get(key)
        if stored is None:
            raise S3Error(404, "NoSuchKey", "there is no object with this key")
        match, unless = _unquote(headers.get("if-match")), _unquote(headers.get("if-none-match"))
        if match is not None and match not in ("*", stored.etag):
            raise PreconditionFailed
        lines = [
            (b"etag", _quoted(stored)),
            (b"last-modified", formatdate(stored.modified_ns // 1_000_000_000, usegmt=True).encode()),
            (b"accept-ranges", b"bytes"),
        ]
        if unless in ("*", stored.etag):
            await send({"type": "http.response.start", "status": 304, "headers": lines})
            await send({"type": "http.response.body", "body": b""})
            return
        lines.append((b"content-type", b"application/octet-stream"))
        try:
            part = parse_range(headers.get("range"), stored.size)
        except Unsatisfiable:
            lines.append((b"content-range", f"bytes */{stored.size}".encode()))
            await respond(send, 416, lines, b"")
            return
        first, last = part or (0, stored.size - 1)
        if part:
            lines.append((b"content-range", f"bytes {first}-{last}/{stored.size}".encode()))
        lines.append((b"content-length", str(last - first + 1).encode()))
        status = 206 if part else 200
        if method == "HEAD":
            await respond(send, status, lines)
            return
        start = {"type": "http.response.start", "status": status, "headers": lines}
        await self._send_file(key, first, last + 1, start, send)

    async def _send_file(self, key: str, at: int, stop: int, head: Message, send: Send) -> None:
        """Send bytes ``at`` to ``stop`` of the version the index holds now, whatever happens to the key."""
        self.reads.note(key)
        fd = self.files.open(key)
        try:
            if stop - at <= INLINE_BYTES:
                body = os.pread(fd, stop - at, at)
                await send(head)
                await send({"type": "http.response.body", "body": body})
                return
            await send(head)
            while at < stop:
                chunk = await asyncio.to_thread(os.pread, fd, min(INLINE_BYTES, stop - at), at)
                if not chunk:
                    raise OSError(f"object is shorter on disk than in the index: {key!r}")
                at += len(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": at < stop})
        finally:
            os.close(fd)

    async def _delete_many(self, body: bytes, send: Send) -> None:
        keys, quiet = await asyncio.to_thread(_keys_to_delete, body)
        parts = ['<?xml version="1.0" encoding="UTF-8"?>\n<DeleteResult>']
        for number, key in enumerate(keys):
            if number % DELETED_AT_ONCE == 0:
                await asyncio.sleep(0)  # others are answered in between
            self.files.delete(key)
            if not quiet:
                parts.append(f"<Deleted><Key>{escape(key)}</Key></Deleted>")
        parts.append("</DeleteResult>")
        await respond(send, 200, (_XML,), "".join(parts).encode())


def _keys_to_delete(body: bytes) -> tuple[list[str], bool]:
    """Keys and the quiet flag of a DeleteObjects request; entities are refused, so it cannot grow."""
    keys: list[str] = []
    text: list[str] = []
    quiet = False
    parser = expat.ParserCreate()

    def end(name: str) -> None:
        nonlocal quiet
        value = "".join(text)
        text.clear()
        if name == "Key":
            if len(keys) >= MAX_DELETES:
                raise S3Error(400, "MalformedXML", f"more than {MAX_DELETES} keys are to be deleted at once")
            keys.append(value)
        elif name == "Quiet":
            quiet = value.strip() == "true"

    def refuse(*_: object) -> None:
        raise S3Error(400, "MalformedXML", "a document type is not allowed")

    parser.StartElementHandler = _clear(text)
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text.append
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise S3Error(400, "MalformedXML", str(error)) from error
    return keys, quiet


def _clear(text: list[str]) -> Callable[[str, dict[str, str]], None]:
    def start(_name: str, _attributes: dict[str, str]) -> None:
        text.clear()

    return start


def _unquote(tag: str | None) -> str | None:
    return None if tag is None else tag.strip().removeprefix("W/").strip('"')


def _quoted(stored: Stored) -> bytes:
    return f'"{stored.etag}"'.encode()


async def _send_error(send: Send, method: str, error: S3Error) -> None:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{error.code}</Code><Message>{escape(str(error))}</Message></Error>"
    ).encode()
    length = ((b"content-length", str(len(body)).encode()), _XML)
    await respond(send, error.status, length, b"" if method == "HEAD" else body)
