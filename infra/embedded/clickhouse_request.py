"""A request of ClickHouse's HTTP interface: where the statement, its settings and its parameters are.

Source: ClickHouse documentation, "HTTP Interface". The statement is the ``query`` parameter followed by the
body; an INSERT's rows follow it in either.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from infra.embedded.content_encoding import decoded

AUTHENTICATION_FAILED = 516

_ABOUT_THE_REQUEST = frozenset(
    {
        "buffer_size",
        "client_protocol_version",
        "database",
        "default_format",
        "password",
        "query",
        "query_id",
        "quota_key",
        "role",
        "session_check",
        "session_id",
        "session_timeout",
        "user",
        "wait_end_of_query",
    }
)
"""URL parameters that are not settings. Sessions keep nothing here, so their ids are read and let go."""

_UNSUPPORTED = ("compress", "decompress")


class BadRequest(ValueError):
    """The request itself cannot be understood; the message says why."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a client wants done. ``whole`` asks for an answer only once the result is complete."""

    source: bytes
    database: str
    default_format: str
    query_id: str
    whole: bool
    params: Mapping[str, str]
    settings: Mapping[str, str]


def parse_request(query_string: bytes, headers: Mapping[str, str], body: bytes, limit_bytes: int) -> Request:
    """Read a request.

    Raises
    ------
    BadRequest
        If it cannot be understood, or asks for what is not supported.
    BadEncoding
        If the body is not what its encoding says or grows above ``limit_bytes``.
    """
    fields = url_fields(query_string)
    content = decoded(body, headers.get("content-encoding", ""), limit_bytes)
    kind, _, options = headers.get("content-type", "").partition(";")
    if kind.strip().lower() == "multipart/form-data":
        fields |= _form_fields(content, options)
        content = b""
    for name in _UNSUPPORTED:
        if fields.get(name, "0") not in ("0", "false", ""):
            raise BadRequest(
                f"{name}=1 (ClickHouse's own block format) is not supported: use Content-Encoding"
            )
    query = fields.get("query", "").encode("utf-8", "surrogateescape")
    return Request(
        source=query + b"\n" + content if query and content else query or content,
        database=headers.get("x-clickhouse-database", "") or fields.get("database", ""),
        default_format=headers.get("x-clickhouse-format", "") or fields.get("default_format", "TabSeparated"),
        query_id=fields.get("query_id", ""),
        whole=fields.get("wait_end_of_query", "0") not in ("0", "false"),
        params={name[6:]: value for name, value in fields.items() if name.startswith("param_")},
        settings={
            name: value
            for name, value in fields.items()
            if name not in _ABOUT_THE_REQUEST and name not in _UNSUPPORTED and not name.startswith("param_")
        },
    )


def url_fields(query_string: bytes) -> dict[str, str]:
    """Parameters of the URL; of repeated ones the last.

    Raises
    ------
    BadRequest
        If there are more than 1,000.
    """
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            errors="surrogateescape",
            max_num_fields=1000,
        )
    except ValueError as error:
        raise BadRequest(f"the URL's parameters cannot be read: {error}") from error
    return dict(pairs)


def credentials(query_string: bytes, headers: Mapping[str, str]) -> tuple[str, str]:
    """User and password, wherever the request carries them; the user is ``default`` if it names none.

    Raises
    ------
    BadRequest
        If an Authorization header cannot be read.
    """
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except ValueError as error:  # of base64 or of UTF-8
            raise BadRequest("the Authorization header is not valid") from error
        return user or "default", password
    if "x-clickhouse-user" in headers:
        return headers["x-clickhouse-user"], headers.get("x-clickhouse-key", "")
    fields = url_fields(query_string)
    return fields.get("user", "default"), fields.get("password", "")


def is_allowed(given: tuple[str, str], wanted: tuple[str, str]) -> bool:
    """Whether user and password are right; takes the same time whatever is wrong about them."""
    user = hmac.compare_digest(given[0].encode("utf-8", "replace"), wanted[0].encode())
    password = hmac.compare_digest(given[1].encode("utf-8", "replace"), wanted[1].encode())
    return user & password


def _form_fields(body: bytes, options: str) -> dict[str, str]:
    """Fields of a multipart form, as clients send parameters too long for a URL.

    Files are external tables, which need a session.
    """
    boundary = next(
        (o.partition("=")[2].strip().strip('"') for o in options.split(";") if "boundary=" in o), ""
    )
    if not boundary:
        raise BadRequest("a multipart form without a boundary")
    out = {}
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary.encode("latin-1"))[1:]:
        if part.startswith(b"--"):
            break
        head, _, value = part.partition(b"\r\n\r\n")
        names = dict(parse_qsl(_disposition(head), separator=";", keep_blank_values=True))
        if "filename" in names:
            raise BadRequest("external tables are not supported: insert the rows into a table")
        if "name" in names:
            out[names["name"]] = value.decode("utf-8", "surrogateescape")
    return out


def _disposition(head: bytes) -> str:
    """Parameters of the Content-Disposition line, as ``name=value;…`` without quotes or spaces."""
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            return value.replace('"', "").replace(" ", "")
    return ""
