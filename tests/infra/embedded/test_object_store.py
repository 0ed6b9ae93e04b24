"""The object store over its protocol, against a dictionary, with a restart between any two requests."""

from __future__ import annotations

import asyncio
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from infra.embedded.object_files import ObjectFiles, key_of, relative_path
from infra.embedded.object_http import DELETED_AT_ONCE, MAX_DELETES, ObjectHttp
from infra.errors import Misconfigured
from tests.at_length import examples

NS = {"s3": "http://s3.amazonaws.com/doc/2006-03-01/"}

KEYS = st.one_of(
    st.text(alphabet="aB/.", min_size=1, max_size=5),
    st.text(min_size=1, max_size=12),
    st.integers(60, 1024).map(lambda n: "x" * n),
    st.integers(1, 256).map(lambda n: "ä/" * n),
    st.sampled_from(
        [
            ".",
            "..",
            "../../etc/x",
            "a/../b",
            "A",
            "a",
            "%41",
            "a@",
            "a+",
            "con",
            "tmp/x",
            "x" * 199,
            "x" * 200,
            "x" * 201,
        ]
    ),
)
BODIES = st.binary(max_size=300)


def parsed(body: bytes) -> ET.Element:
    return ET.fromstring(body)  # noqa: S314 - made by the code under test


class Answer:
    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


class Store:
    """Calls the ASGI app the way a server does."""

    def __init__(self, root: Path, **options: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._root = root
        self._options = options
        self.reopen()

    def reopen(self) -> None:
        self.files = ObjectFiles(self._root, fsync=bool(self._options.get("fsync")))
        given = {k: v for k, v in self._options.items() if k != "fsync"}
        self.app = ObjectHttp(self.files, bucket="b", **given)

    def close(self) -> None:
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def __call__(
        self,
        method: str,
        key: str | None,
        body: bytes = b"",
        query: Mapping[str, str] | None = None,
        **headers: str,
    ) -> Answer:
        path = "/b" if key is None else f"/b/{quote(key, safe='')}"
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": urlencode(query or {}).encode(),
            "headers": [(n.replace("_", "-").encode(), v.encode()) for n, v in headers.items()],
        }
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        self._loop.run_until_complete(self.app(scope, receive, send))
        lines = {n.decode(): v.decode() for n, v in sent[0]["headers"]}
        return Answer(sent[0]["status"], lines, b"".join(m.get("body", b"") for m in sent[1:]))

    def listed(self, **query: str) -> tuple[list[str], list[str]]:
        keys: list[str] = []
        prefixes: list[str] = []
        token: dict[str, str] = {}
        while True:
            asked = {"list-type": "2", "encoding-type": "url", **query, **token}
            root = parsed(self("GET", None, query=asked).body)
            keys += [unquote(e.text or "") for e in root.findall("s3:Contents/s3:Key", NS)]
            prefixes += [unquote(e.text or "") for e in root.findall("s3:CommonPrefixes/s3:Prefix", NS)]
            following = root.findtext("s3:NextContinuationToken", namespaces=NS)
            if following is None:
                return keys, prefixes
            token = {"continuation-token": following}


class DictionaryModel(RuleBasedStateMachine):
    keys = Bundle("keys")

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store(Path(self.folder.name))
        self.model: dict[str, bytes] = {}
        self.tags: dict[str, str] = {}
        self.old_tags: set[tuple[str, str]] = set()

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()

    @rule(target=keys, key=KEYS)
    def name(self, key: str) -> str:
        return key

    def _stored(self, key: str, body: bytes, answer: Answer) -> None:
        assert answer.status == 200
        tag = answer.headers["etag"]
        assert (key, tag) not in self.old_tags, "a version's tag came back"
        self.old_tags.add((key, tag))
        self.model[key] = body
        self.tags[key] = tag

    @rule(key=keys, body=BODIES)
    def put(self, key: str, body: bytes) -> None:
        self._stored(key, body, self.store("PUT", key, body))

    @rule(key=keys, body=BODIES)
    def put_if_absent(self, key: str, body: bytes) -> None:
        answer = self.store("PUT", key, body, if_none_match="*")
        if key in self.model:
            assert answer.status == 412
        else:
            self._stored(key, body, answer)

    @rule(key=keys, body=BODIES, right=st.booleans())
    def put_if_match(self, key: str, body: bytes, right: bool) -> None:
        tag = self.tags.get(key, '"0"') if right else '"123"'
        answer = self.store("PUT", key, body, if_match=tag)
        if right and key in self.model:
            self._stored(key, body, answer)
        else:
            assert answer.status == 412

    @rule(key=keys)
    def get(self, key: str) -> None:
        answer = self.store("GET", key)
        if key not in self.model:
            assert answer.status == 404
            return
        assert answer.status == 200
        assert answer.body == self.model[key]
        assert answer.headers["etag"] == self.tags[key]
        assert self.store("GET", key, if_none_match=self.tags[key]).status == 304

    @rule(key=keys, first=st.integers(0, 320), last=st.integers(0, 320))
    def get_range(self, key: str, first: int, last: int) -> None:
        if key not in self.model or last < first:
            return
        answer = self.store("GET", key, range=f"bytes={first}-{last}")
        wanted = self.model[key][first : last + 1]
        assert (answer.status, answer.body) == ((206, wanted) if wanted else (416, b""))

    @rule(key=keys)
    def head(self, key: str) -> None:
        answer = self.store("HEAD", key)
        assert answer.body == b""
        assert answer.status == (200 if key in self.model else 404)
        if key in self.model:
            assert answer.headers["content-length"] == str(len(self.model[key]))

    @rule(key=keys)
    def delete(self, key: str) -> None:
        assert self.store("DELETE", key).status == 204
        self.model.pop(key, None)
        self.tags.pop(key, None)

    @rule(key=keys, size=st.integers(1, 5))
    def list_under(self, key: str, size: int) -> None:
        prefix = key[: max(len(key) // 2, 1)]
        keys, _ = self.store.listed(prefix=prefix, **{"max-keys": str(size)})
        assert keys == sorted(k for k in self.model if k.startswith(prefix))

    @rule()
    def restart(self) -> None:
        """As after a kill: nothing is closed, and a half-written file lies about."""
        (Path(self.folder.name) / "incoming" / "feed").write_bytes(b"half")
        self.store.reopen()
        for key, tag in self.tags.items():
            stored = self.store.files.get(key)
            assert stored is not None
            assert f'"{stored.etag}"' == tag

    @invariant()
    def lists_what_is_there(self) -> None:
        if hasattr(self, "store"):
            assert self.store.listed()[0] == sorted(self.model)


TestDictionaryModel = DictionaryModel.TestCase
TestDictionaryModel.settings = settings(max_examples=examples(60), stateful_step_count=30, deadline=None)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path, max_object_bytes=3 << 20)
    yield made
    made.close()


def test_large_objects_pass_in_pieces(store: Store) -> None:
    body = bytes(range(256)) * 10_000
    assert store("PUT", "large", body).status == 200
    assert store("GET", "large").body == body
    part = store("GET", "large", range="bytes=1000000-2500000")
    assert part.status == 206
    assert part.body == body[1_000_000:2_500_001]
    assert part.headers["content-range"] == f"bytes 1000000-2500000/{len(body)}"


def test_what_is_too_large_is_refused_and_leaves_nothing(store: Store, tmp_path: Path) -> None:
    assert store("PUT", "k", b"x" * ((3 << 20) + 1)).status == 413
    assert store("GET", "k").status == 404
    assert not list((tmp_path / "incoming").iterdir())


def test_a_failed_condition_leaves_nothing_staged(store: Store, tmp_path: Path) -> None:
    store("PUT", "k", b"1")
    assert store("PUT", "k", b"2", if_none_match="*").status == 412
    assert not list((tmp_path / "incoming").iterdir())


@pytest.mark.parametrize("key", ["x" * 1025, "ä" * 600])
def test_a_key_longer_than_allowed_is_refused(store: Store, key: str) -> None:
    assert store("PUT", key, b"").status == 400
    assert store("GET", key).status == 404


def test_a_key_that_is_not_text_is_refused(store: Store) -> None:
    scope_key = "\udcff"
    with pytest.raises(UnicodeEncodeError):
        relative_path(scope_key)


def test_delimited_lists_show_folders(store: Store) -> None:
    for key in ("t/a/1", "t/a/2", "t/b/1", "t/c", "u"):
        store("PUT", key, b"")
    assert store.listed(prefix="t/", delimiter="/", **{"max-keys": "1"}) == (["t/c"], ["t/a/", "t/b/"])
    assert store.listed(**{"start-after": "t/b/1"})[0] == ["t/c", "u"]


def test_many_deletes_at_once(store: Store) -> None:
    for key in ("a", "b&<", "c"):
        store("PUT", key, b"")
    body = b"<Delete><Object><Key>a</Key></Object><Object><Key>b&amp;&lt;</Key></Object></Delete>"
    answer = store("POST", None, body, query={"delete": ""})
    assert [e.text for e in parsed(answer.body).iter("Key")] == ["a", "b&<"]
    assert store.listed()[0] == ["c"]


@pytest.mark.parametrize("body", [b"<Delete>", b'<!DOCTYPE x [<!ENTITY a "b">]><Delete/>', b"\xff"])
def test_a_bad_list_of_deletes_is_refused(store: Store, body: bytes) -> None:
    assert store("POST", None, body, query={"delete": ""}).status == 400


def many(count: int) -> bytes:
    keys = b"".join(b"<Object><Key>k%d</Key></Object>" % n for n in range(count))
    return b"<Delete>" + keys + b"</Delete>"


def test_a_list_of_deletes_has_an_end(store: Store) -> None:
    store("PUT", "k0", b"")
    assert store("POST", None, many(MAX_DELETES + 1), query={"delete": ""}).status == 400
    assert store.listed()[0] == ["k0"]


def test_others_are_answered_while_many_are_deleted(store: Store) -> None:
    for n in range(MAX_DELETES):
        store("PUT", f"k{n}", b"")
    body, turns, left = many(MAX_DELETES), 0, set[int]()

    async def answer_others(deleting: asyncio.Task[None]) -> None:
        nonlocal turns
        while not deleting.done():
            turns += 1
            left.add(len(store.files.names))
            await asyncio.sleep(0)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(_: Any) -> None:
        pass

    async def both() -> None:
        scope = {"method": "POST", "raw_path": b"/b", "query_string": b"delete", "headers": []}
        await answer_others(asyncio.ensure_future(store.app(scope, receive, send)))

    store._loop.run_until_complete(both())
    assert store.files.names == []
    assert turns >= len(left) >= MAX_DELETES // DELETED_AT_ONCE


def test_what_is_not_supported_says_so(store: Store) -> None:
    assert store("POST", "k", query={"uploads": ""}).status == 501
    assert store("PUT", "k", b"", if_none_match='"tag"').status == 501
    assert store("PUT", "k", b"", x_amz_copy_source="/b/x").status == 501
    assert store("GET", None).status == 501
    assert store("GET", None, query={"list-type": "2", "max-keys": "-1"}).status == 400


def test_only_the_holder_of_the_access_key_gets_in(tmp_path: Path) -> None:
    store = Store(tmp_path, access_key="right")
    try:
        for header in ("", "AWS4-HMAC-SHA256 Credential=wrong/x", "Credential=", "Bearer right"):
            assert store("PUT", "k", b"", authorization=header).status == 403
        right = "AWS4-HMAC-SHA256 Credential=right/20260101/us-east-1/s3/aws4_request, Signature=0"
        assert store("PUT", "k", b"", authorization=right).status == 200
    finally:
        store.close()


def test_another_bucket_is_not_there(store: Store) -> None:
    path = b"/other/k"
    scope = {
        "method": "GET",
        "path": "",
        "raw_path": path,
        "query_string": b"",
        "headers": [],
        "type": "http",
    }
    sent: list[Any] = []

    async def call() -> None:
        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> dict[str, Any]:
            return {"type": "http.request"}

        await store.app(scope, receive, send)

    asyncio.run(call())
    assert sent[0]["status"] == 404


@settings(deadline=None)
@given(first=KEYS, second=KEYS)
def test_keys_have_files_of_their_own_even_where_case_does_not_count(first: str, second: str) -> None:
    same = relative_path(first).casefold() == relative_path(second).casefold()
    assert same == (first == second)


@settings(deadline=None)
@given(key=KEYS)
def test_a_file_name_is_short_enough_and_tells_its_key(key: str) -> None:
    _, *names = relative_path(key).split("/")
    assert all(len(name) <= 255 for name in names)
    assert key_of(names) == key


def test_files_that_are_not_objects_are_left_alone(tmp_path: Path) -> None:
    files = ObjectFiles(tmp_path)
    files.put("k", b"v")
    strange = (tmp_path / "objects" / relative_path("k")).with_name("notes.txt")
    strange.write_text("mine")
    again = ObjectFiles(tmp_path)
    assert again.names == ["k"]
    assert strange.read_text() == "mine"


def test_versions_differ_though_the_clock_stands_still_or_goes_back(tmp_path: Path) -> None:
    times = iter([1000, 1000, 1000, 900, 900, 900, 900])
    files = ObjectFiles(tmp_path, now_ns=lambda: next(times))
    tags = [files.put("k", b"same").etag for _ in range(4)]
    assert len(set(tags)) == 4
    stored = ObjectFiles(tmp_path, now_ns=lambda: 5).put("k", b"same")
    assert stored.etag not in tags


def test_with_fsync_it_does_the_same(tmp_path: Path) -> None:
    store = Store(tmp_path, fsync=True)
    try:
        assert store("PUT", "ä" * 400, b"v").status == 200
        store.reopen()
        assert store("GET", "ä" * 400).body == b"v"
    finally:
        store.close()


def test_a_place_that_cannot_hold_files_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(Misconfigured, match=str(blocked)):
        ObjectFiles(blocked)


def test_a_retired_object_is_read_but_not_listed_until_it_is_reaped(tmp_path: Path) -> None:
    now = 100
    files = ObjectFiles(tmp_path, now_ns=lambda: now)
    files.put("k", b"v")
    files.retire("k")
    assert files.names == []
    assert files.get("k") is not None
    assert files.read("k") == b"v"
    assert files.reap(before_ns=now) == 0
    assert files.reap(before_ns=now + 1) == 1
    assert files.get("k") is None
    assert not list((tmp_path / "objects").rglob("*@"))


def test_a_new_object_under_a_retired_key_stays(tmp_path: Path) -> None:
    files = ObjectFiles(tmp_path)
    files.put("k", b"old")
    files.retire("k")
    files.put("k", b"new", if_absent=True)
    files.reap(before_ns=2**63)
    assert files.read("k") == b"new"
