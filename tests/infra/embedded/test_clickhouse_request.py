from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import Callable
from urllib.parse import urlencode

import lz4.frame  # type: ignore[import-untyped]
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from infra.embedded.clickhouse_request import BadRequest, credentials, is_allowed, parse_request
from infra.embedded.content_encoding import BadEncoding, decoded

LIMIT = 1 << 20

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "identity": lambda data: data,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "lz4": lambda data: bytes(lz4.frame.compress(data)),
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
}


@given(parts=st.lists(st.binary(max_size=300), min_size=1, max_size=3), name=st.sampled_from(sorted(PACKERS)))
def test_any_body_comes_out_as_it_went_in(parts: list[bytes], name: str) -> None:
    body = b"".join(PACKERS[name](part) for part in parts)
    assert decoded(body, name.upper(), LIMIT) == b"".join(parts)


@pytest.mark.parametrize("name", sorted(PACKERS))
def test_what_grows_too_large_is_refused_before_it_is_there(name: str) -> None:
    body = PACKERS[name](b"\x00" * (4 * LIMIT))
    with pytest.raises(BadEncoding, match="larger than"):
        decoded(body, name, LIMIT)


@pytest.mark.parametrize("name", sorted(set(PACKERS) - {"identity", "zstd"}))
@given(cut=st.integers(1, 40))
def test_a_body_cut_short_is_refused(name: str, cut: int) -> None:
    body = PACKERS[name](bytes(range(256)) * 4)
    with pytest.raises(BadEncoding):
        decoded(body[:-cut], name, LIMIT)


@pytest.mark.parametrize("name", sorted(set(PACKERS) - {"identity"}))
@given(body=st.binary(min_size=1, max_size=60))
def test_bytes_that_are_not_compressed_are_refused_or_read(name: str, body: bytes) -> None:
    try:
        out = decoded(body, name, LIMIT)
    except BadEncoding:
        return
    assert len(out) <= LIMIT


def test_an_unknown_encoding_is_named() -> None:
    with pytest.raises(BadEncoding, match="'br'"):
        decoded(b"", "br", LIMIT)


def test_statement_settings_and_parameters_are_told_apart() -> None:
    query = urlencode(
        {
            "query": "SELECT {a:String}",
            "param_a": "b\\t",
            "database": "d",
            "query_id": "q",
            "max_threads": "2",
            "session_id": "s",
            "wait_end_of_query": "1",
            "default_format": "CSV",
        }
    ).encode()
    request = parse_request(query, {}, b"", LIMIT)
    assert request.source == b"SELECT {a:String}"
    assert (request.database, request.query_id, request.default_format) == ("d", "q", "CSV")
    assert request.whole
    assert request.params == {"a": "b\\t"}
    assert request.settings == {"max_threads": "2"}


def test_the_body_follows_the_query_on_a_line_of_its_own() -> None:
    assert parse_request(b"query=INSERT", {}, b"rows", LIMIT).source == b"INSERT\nrows"
    assert parse_request(b"", {}, b"SELECT 1", LIMIT).source == b"SELECT 1"


@given(value=st.text(max_size=50), name=st.text(alphabet="abc", min_size=1, max_size=5))
def test_a_form_carries_what_a_url_does(value: str, name: str) -> None:
    fields = {"query": "SELECT 1", f"param_{name}": value}
    boundary = "x" * 20
    body = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{text}\r\n'.encode()
        for field, text in fields.items()
    )
    body += f"--{boundary}--\r\n".encode()
    headers = {"content-type": f'multipart/form-data; boundary="{boundary}"'}
    request = parse_request(b"", headers, body, LIMIT)
    assert request.source == b"SELECT 1"
    assert request.params == {name: value}


def test_external_tables_are_refused() -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="t"; filename="t"\r\n\r\n1\r\n--b--\r\n'
    with pytest.raises(BadRequest, match="external tables"):
        parse_request(b"query=x", {"content-type": "multipart/form-data; boundary=b"}, body, LIMIT)


@pytest.mark.parametrize(
    "query", [b"compress=1", b"decompress=1", b"&".join(b"a%d=1" % i for i in range(1200))]
)
def test_what_is_not_supported_is_refused(query: bytes) -> None:
    with pytest.raises(BadRequest):
        parse_request(query, {}, b"SELECT 1", LIMIT)


def test_credentials_are_found_wherever_they_are() -> None:
    basic = "Basic " + base64.b64encode(b"me:p:w").decode()
    assert credentials(b"", {"authorization": basic}) == ("me", "p:w")
    assert credentials(b"", {"x-clickhouse-user": "me", "x-clickhouse-key": "pw"}) == ("me", "pw")
    assert credentials(b"user=me&password=pw", {}) == ("me", "pw")
    assert credentials(b"", {}) == ("default", "")


@pytest.mark.parametrize("header", ["Basic !", "Basic /w==", "Basic é"])
def test_an_authorization_that_cannot_be_read_is_refused(header: str) -> None:
    with pytest.raises(BadRequest):
        credentials(b"", {"authorization": header})


@given(user=st.text(max_size=5), password=st.text(max_size=5))
def test_only_the_right_account_is_allowed(user: str, password: str) -> None:
    wanted = ("default", "pässword")
    assert is_allowed((user, password), wanted) == ((user, password) == wanted)
    assert is_allowed(wanted, wanted)
