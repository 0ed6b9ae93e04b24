"""ListObjectsV2: which keys make up a page, and its XML.

Source: Amazon S3 API reference, ListObjectsV2. The broker lists a whole partition for every fetch of new
records, so a page without delimiter is one slice and its XML one join.
"""

from __future__ import annotations

import base64
import binascii
import functools
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from infra.embedded.object_files import Stored

MAX_PAGE = 10_000
"""Most keys in one page. S3 stops at 1,000; clients follow ``IsTruncated`` and do not mind."""

NS = 1_000_000_000

_ESCAPES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord('"'): "&quot;"}
_ESCAPES |= {c: f"&#x{c:x};" for c in (*range(0x20), 0x7F)}


class BadToken(ValueError):
    """A continuation token is not one of ours."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a client asks for. ``after`` is exclusive; ``token`` goes on from an earlier page."""

    prefix: str = ""
    delimiter: str = ""
    after: str = ""
    token: str = ""
    max_keys: int = 1000
    url_encoded: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """One answer: keys, the common prefixes up to the delimiter, and where the next page starts."""

    keys: Sequence[str]
    prefixes: Sequence[str]
    next_token: str | None


def list_page(names: Sequence[str], ask: Listing) -> Page:
    """Select a page from sorted ``names``.

    Raises
    ------
    BadToken
        If the token was not made here.
    """
    prefix = ask.prefix
    start = bisect_left(names, prefix)
    stop = _after_prefix(names, prefix, start)
    if ask.token:
        kind, last = _read_token(ask.token)
        start = max(start, _after_prefix(names, last, 0) if kind == "p" else bisect_right(names, last))
    elif ask.after:
        start = max(start, bisect_right(names, ask.after))
    room = min(max(ask.max_keys, 0), MAX_PAGE)
    if not room:
        return Page((), (), None)
    if not ask.delimiter:
        keys = names[start : min(start + room, stop)]
        more = start + room < stop
        return Page(keys, (), _token("k", keys[-1]) if more else None)
    return _grouped(names, ask, start, stop, room)


def _grouped(names: Sequence[str], ask: Listing, start: int, stop: int, room: int) -> Page:
    keys: list[str] = []
    prefixes: list[str] = []
    at = start
    last = ""
    while at < stop:
        if len(keys) + len(prefixes) == room:
            return Page(keys, prefixes, last)
        name = names[at]
        cut = name.find(ask.delimiter, len(ask.prefix))
        if cut < 0:
            keys.append(name)
            last = _token("k", name)
            at += 1
        else:
            group = name[: cut + len(ask.delimiter)]
            prefixes.append(group)
            last = _token("p", group)
            at = _after_prefix(names, group, at)
    return Page(keys, prefixes, None)


def _after_prefix(names: Sequence[str], prefix: str, start: int) -> int:
    """Index of the first name from ``start`` on that sorts after every name with the prefix."""
    return bisect_right(names, prefix, lo=start, key=lambda name: name[: len(prefix)])


def _token(kind: str, last: str) -> str:
    return base64.urlsafe_b64encode((kind + last).encode()).decode()


def _read_token(token: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        raise BadToken(token) from error
    if text[:1] not in ("k", "p"):
        raise BadToken(token)
    return text[0], text[1:]


def escape(text: str) -> str:
    """Text for XML.

    Control characters become references, as S3 does, though XML 1.0 knows few of them: a client that meets
    such keys asks for ``encoding-type=url``.
    """
    return text.translate(_ESCAPES)


def page_xml(bucket: str, ask: Listing, page: Page, stored: Callable[[str], Stored | None]) -> bytes:
    """The answer's body.

    The broker takes the youngest batch for the last and the oldest for the first (ListOffsets), so times have
    all nine digits, and never go back from one key to the next, though two batches may have been written in
    the other order.
    """
    shown = functools.partial(quote, safe="/") if ask.url_encoded else escape
    head = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>{escape(bucket)}</Name><Prefix>{shown(ask.prefix)}</Prefix>"
        f"<KeyCount>{len(page.keys) + len(page.prefixes)}</KeyCount><MaxKeys>{ask.max_keys}</MaxKeys>"
        f"<IsTruncated>{'true' if page.next_token else 'false'}</IsTruncated>"
    )
    parts = [head]
    if ask.delimiter:
        parts.append(f"<Delimiter>{shown(ask.delimiter)}</Delimiter>")
    if ask.url_encoded:
        parts.append("<EncodingType>url</EncodingType>")
    if page.next_token:
        parts.append(f"<NextContinuationToken>{page.next_token}</NextContinuationToken>")
    shown_ns = 0
    for key in page.keys:
        have = stored(key)
        if have is not None:
            shown_ns = max(shown_ns + 1, have.modified_ns)
            parts.append(
                f"<Contents><Key>{shown(key)}</Key><LastModified>{_when(shown_ns // NS)}"
                f".{shown_ns % NS:09}Z</LastModified><ETag>&quot;{have.modified_ns:x}&quot;</ETag>"
                f"<Size>{have.size}</Size></Contents>"
            )
    parts += [f"<CommonPrefixes><Prefix>{shown(p)}</Prefix></CommonPrefixes>" for p in page.prefixes]
    parts.append("</ListBucketResult>")
    return "".join(parts).encode()


@functools.lru_cache(maxsize=8192)
def _when(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
