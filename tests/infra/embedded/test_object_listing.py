from __future__ import annotations

import xml.etree.ElementTree as ET
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.embedded.object_files import Stored
from infra.embedded.object_listing import BadToken, Listing, list_page, page_xml

NS = {"s3": "http://s3.amazonaws.com/doc/2006-03-01/"}
SHORT = st.text(alphabet="ab/é\U0001f600", max_size=6)
KEYS = st.lists(SHORT.filter(bool), unique=True, max_size=30).map(sorted)


def parsed(body: bytes) -> ET.Element:
    return ET.fromstring(body)  # noqa: S314 - made by the code under test


def every_page(names: list[str], ask: Listing) -> tuple[list[str], list[str]]:
    keys: list[str] = []
    prefixes: list[str] = []
    token = ""
    for _ in range(len(names) + 2):
        page = list_page(
            names, Listing(ask.prefix, ask.delimiter, ask.after, token, ask.max_keys, ask.url_encoded)
        )
        assert len(page.keys) + len(page.prefixes) <= ask.max_keys
        keys += page.keys
        prefixes += page.prefixes
        if page.next_token is None:
            return keys, prefixes
        token = page.next_token
    raise AssertionError("the pages do not end")


@given(
    names=KEYS,
    prefix=SHORT,
    delimiter=st.sampled_from(["", "/", "a", "ab"]),
    after=SHORT,
    size=st.integers(1, 7),
)
def test_pages_together_are_what_one_look_at_every_key_finds(
    names: list[str], prefix: str, delimiter: str, after: str, size: int
) -> None:
    wanted_keys = []
    wanted_prefixes = []
    for name in names:
        if not name.startswith(prefix) or name <= after:
            continue
        head, mark, _ = name[len(prefix) :].partition(delimiter) if delimiter else (name, "", "")
        if mark:
            group = prefix + head + delimiter
            if group not in wanted_prefixes:
                wanted_prefixes.append(group)
        else:
            wanted_keys.append(name)
    found = every_page(names, Listing(prefix, delimiter, after, max_keys=size))
    assert found == (wanted_keys, wanted_prefixes)


def test_no_keys_asked_for_is_an_empty_last_page() -> None:
    page = list_page(["a"], Listing(max_keys=0))
    assert not page.keys
    assert page.next_token is None


@pytest.mark.parametrize("token", ["x", "é", "AAAA", "=", "eA"])
def test_a_token_that_is_not_ours_is_refused(token: str) -> None:
    with pytest.raises(BadToken):
        list_page(["a"], Listing(token=token))


@given(names=st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=10).map(sorted))
def test_any_key_survives_url_encoded_xml(names: list[str]) -> None:
    stored = {name: Stored(len(name), 1_700_000_000_000_000_000 + i) for i, name in enumerate(names)}
    ask = Listing(url_encoded=True)
    root = parsed(page_xml("b", ask, list_page(names, ask), stored.get))
    found = root.findall("s3:Contents/s3:Key", NS)
    assert [unquote(key.text or "", errors="strict") for key in found] == names


@given(
    names=st.lists(st.text(alphabet="<>&\"' a", min_size=1, max_size=8), unique=True, max_size=8).map(sorted)
)
def test_markup_in_keys_is_escaped(names: list[str]) -> None:
    ask = Listing()
    root = parsed(page_xml("b", ask, list_page(names, ask), lambda _: Stored(1, 1)))
    assert [key.text for key in root.findall("s3:Contents/s3:Key", NS)] == names


@given(times=st.lists(st.integers(1, 10**19 // 9), min_size=2, max_size=12))
def test_shown_times_rise_with_the_keys_and_are_never_before_the_real_ones(times: list[int]) -> None:
    names = [f"{i:04}" for i in range(len(times))]
    ask = Listing()
    body = page_xml("b", ask, list_page(names, ask), lambda name: Stored(1, times[int(name)]))
    shown = [e.text or "" for e in parsed(body).findall("s3:Contents/s3:LastModified", NS)]
    assert sorted(set(shown)) == shown
    newest = max(times) % 10**9
    if times.index(max(times)) == len(times) - 1:
        assert shown[-1].endswith(f".{newest:09}Z")
