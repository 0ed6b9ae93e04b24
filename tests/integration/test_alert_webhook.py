"""The webhook channel against real loopback receivers: every answer, and none."""

from __future__ import annotations

import json
import logging
import time
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.briefs.brief import Example
from alerts.notify.http_post import MAX_ANSWER, HttpPost
from alerts.notify.protocol import GAVE_UP, RETRY, SENT, Delivery
from alerts.notify.secrets import read_line, read_secret
from alerts.notify.webhook import (
    IDEMPOTENCY,
    MAX_BODY,
    SIGNATURE,
    WebhookNotifier,
    body_of,
    sign,
    verify,
)
from infra.clock import NS_PER_S, SystemClock, to_datetime
from infra.errors import Misconfigured
from tests.alerts.deliveries import delivery
from tests.certificates import certificates
from tests.loopback import Loopback, cut, drip, half_open, refused, says, trickle

pytestmark = pytest.mark.integration

SECRET = b"invented-shared-secret"
PATH = "/hooks/invented-token-in-the-path"


def with_examples(n: int) -> Delivery:
    return delivery(examples=[Example("current", f"{k}", "¿" * 280, "x" * 280) for k in range(n)])


def door(url: str, read_s: float = 5.0, ca_file: str = "") -> HttpPost:
    return HttpPost(url, SystemClock(), connect_s=1.0, read_s=read_s, ca_file=ca_file)


def notifier(url: str, read_s: float = 5.0, ca_file: str = "") -> WebhookNotifier:
    return WebhookNotifier(door(url, read_s, ca_file), SECRET, SystemClock())


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, SENT),
        (202, SENT),
        (204, SENT),
        (301, GAVE_UP),
        (400, GAVE_UP),
        (401, GAVE_UP),
        (404, GAVE_UP),
        (408, RETRY),
        (410, GAVE_UP),
        (413, GAVE_UP),
        (429, RETRY),
        (500, RETRY),
        (502, RETRY),
        (503, RETRY),
    ],
)
def test_every_answer_is_judged(status: int, outcome: str) -> None:
    with Loopback(says(status, location="http://127.0.0.1:1/elsewhere")) as server:
        result = notifier(server.url + PATH).send(delivery())
    assert (result.outcome, result.code) == (outcome, status)
    assert len(server.got) == 1  # a redirect is not followed


def test_the_wait_a_receiver_asks_for_is_taken_from_both_forms() -> None:
    with Loopback(says(429, retry_after="17")) as server:
        assert notifier(server.url + PATH).send(delivery()).wait_s == 17
    later = to_datetime(time.time_ns() + 60 * NS_PER_S)
    with Loopback(says(503, retry_after=format_datetime(later, usegmt=True))) as server:
        wait_s = notifier(server.url + PATH).send(delivery()).wait_s
        assert wait_s is not None
        assert 30 < wait_s <= 60
    with Loopback(says(503, retry_after="soon")) as server:
        assert notifier(server.url + PATH).send(delivery()).wait_s is None


def test_the_body_is_signed_versioned_and_carries_its_key() -> None:
    with Loopback(says(200)) as server:
        sent = delivery()
        notifier(server.url + PATH).send(sent)
    headers, body = server.got[0].headers, server.got[0].body
    data = json.loads(body)
    now_s = int(time.time())
    assert (data["v"], data["brief"]["v"], data["kind"]) == (1, 1, "opened")
    assert headers[IDEMPOTENCY] == data["dedup_key"] == sent.dedup_key
    assert headers["content-type"] == "application/json"
    assert verify(SECRET, headers[SIGNATURE], body, now_s)
    assert not verify(SECRET, headers[SIGNATURE], body + b" ", now_s)
    assert not verify(b"another", headers[SIGNATURE], body, now_s)
    assert not verify(SECRET, headers[SIGNATURE], body, now_s + 301)


def test_without_a_secret_nothing_is_signed() -> None:
    with Loopback(says(200)) as server:
        assert WebhookNotifier(door(server.url + PATH), None, SystemClock()).send(delivery()).outcome == SENT
    assert SIGNATURE not in server.got[0].headers


def test_a_receiver_that_does_not_answer_in_time_is_tried_again() -> None:
    with half_open() as url:
        result = notifier(url + PATH, read_s=0.3).send(delivery())
    assert (result.outcome, result.code) == (RETRY, None)
    assert "time-out" in result.reason


def test_a_refused_connection_and_a_broken_one_are_tried_again() -> None:
    assert notifier(refused() + PATH).send(delivery()).outcome == RETRY
    with Loopback(cut) as server:
        assert notifier(server.url + PATH).send(delivery()).outcome == RETRY


def test_an_endless_answer_is_not_read() -> None:
    with Loopback(drip) as server:
        assert notifier(server.url + PATH).send(delivery()).outcome == SENT


def test_a_body_that_is_too_large_goes_without_its_examples() -> None:
    large = with_examples(400)
    assert len(body_of(large)) <= MAX_BODY
    assert json.loads(body_of(large))["brief"]["examples"] == []
    assert len(json.loads(body_of(with_examples(3)))["brief"]["examples"]) == 3


def test_neither_secret_nor_path_is_logged_or_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    reasons = []
    for status in (200, 400, 503):
        with Loopback(says(status)) as server:
            reasons.append(notifier(server.url + PATH).send(delivery()).reason)
    reasons.append(notifier(f"http://127.0.0.1:1{PATH}").send(delivery()).reason)
    said = caplog.text + "".join(reasons)
    assert SECRET.decode() not in said
    assert PATH not in said


def test_a_secret_comes_from_a_file_that_has_one(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b" s3cret \n")
    assert read_secret(str(file)) == b"s3cret"
    file.write_bytes(b" \n")
    for path in (file, tmp_path / "none"):
        with pytest.raises(Misconfigured):
            read_secret(str(path))


@pytest.mark.parametrize(
    "url", ["", "ftp://host/invented", "http:///invented", "host/invented", "http://[invented"]
)
def test_an_address_that_cannot_be_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(Misconfigured) as raised:
        HttpPost(url, SystemClock())
    assert "invented" not in str(raised.value)


@given(st.text(max_size=60), st.binary(max_size=60))
def test_no_header_of_foreign_make_verifies(header: str, body: bytes) -> None:
    assert not verify(SECRET, header, body, 1_773_720_000)


@given(st.binary(min_size=1, max_size=40), st.integers(0, 2**40), st.binary(max_size=200))
def test_what_is_signed_verifies(secret: bytes, at_s: int, body: bytes) -> None:
    assert verify(secret, sign(secret, at_s, body), body, at_s)


def test_who_signed_a_server_is_asked_for(tmp_path: Path) -> None:
    made = certificates(tmp_path)
    with Loopback(says(200), made) as server:
        stranger = notifier(server.url + PATH).send(delivery())
        assert (stranger.outcome, stranger.code) == (RETRY, None)
        assert server.got == []
        assert notifier(server.url + PATH, ca_file=str(made.ca)).send(delivery()).outcome == SENT
    empty = tmp_path / "empty"
    empty.write_text("")
    for path in (empty, tmp_path / "none"):
        with pytest.raises(Misconfigured, match="ca_file"):
            notifier(f"https://127.0.0.1{PATH}", ca_file=str(path))


def test_an_answer_is_read_as_far_as_it_was_asked_for() -> None:
    with Loopback(drip) as server:
        outcome, answer = door(server.url).exchange(b"{}")
    assert outcome.outcome == SENT
    assert len(answer) == MAX_ANSWER


def test_an_answer_that_comes_in_drops_is_cut_off() -> None:
    with Loopback(trickle) as server:
        outcome, answer = door(server.url, read_s=0.3).exchange(b"{}")
    assert (outcome.outcome, answer) == (RETRY, b"")


@pytest.mark.parametrize("content", [b"", b"two\nlines", b"caf\xc3\xa9", b"nul\x00"])
def test_a_token_is_one_line_of_visible_characters(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(Misconfigured, match="token_file"):
        read_line(str(file), "token_file")
