"""The webhook channel against real loopback receivers: every answer, and none."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.book import Book
from alerts.brief import Example, brief_of
from alerts.notify.protocol import GAVE_UP, RETRY, SENT, Delivery
from alerts.notify.webhook import (
    IDEMPOTENCY,
    MAX_BODY,
    SIGNATURE,
    WebhookNotifier,
    body_of,
    read_secret,
    sign,
    verify,
)
from infra.clock import NS_PER_S, SystemClock, to_datetime
from infra.errors import Misconfigured
from tests.alerts.invented import TIMING, refusals

pytestmark = pytest.mark.integration

SECRET = b"invented-shared-secret"
PATH = "/hooks/invented-token-in-the-path"


def delivery(examples: int = 0) -> Delivery:
    incident = Book(TIMING).apply(refusals())[0].incident
    brief = brief_of(
        incident, examples=[Example("current", f"{k}", "¿" * 280, "x" * 280) for k in range(examples)]
    )
    return Delivery(f"{incident.incident_id}-2", "default", incident.incident_id, 2, "hook", "opened", brief)


Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def receiver(answer: Answer) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    got: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            answer(self)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{PATH}", got
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def says(status: int, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", "0")
        handler.end_headers()

    return answer


def notifier(url: str, read_s: float = 5.0) -> WebhookNotifier:
    return WebhookNotifier(url, SECRET, SystemClock(), connect_s=1.0, read_s=read_s)


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
    with receiver(says(status, location="http://127.0.0.1:1/elsewhere")) as (url, got):
        result = notifier(url).send(delivery())
    assert (result.outcome, result.code) == (outcome, status)
    assert len(got) == 1  # a redirect is not followed


def test_the_wait_a_receiver_asks_for_is_taken_from_both_forms() -> None:
    with receiver(says(429, retry_after="17")) as (url, _):
        assert notifier(url).send(delivery()).wait_s == 17
    later = to_datetime(time.time_ns() + 60 * NS_PER_S)
    with receiver(says(503, retry_after=format_datetime(later, usegmt=True))) as (url, _):
        wait_s = notifier(url).send(delivery()).wait_s
        assert wait_s is not None
        assert 30 < wait_s <= 60
    with receiver(says(503, retry_after="soon")) as (url, _):
        assert notifier(url).send(delivery()).wait_s is None


def test_the_body_is_signed_versioned_and_carries_its_key() -> None:
    with receiver(says(200)) as (url, got):
        sent = delivery()
        notifier(url).send(sent)
    headers, body = got[0]
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
    with receiver(says(200)) as (url, got):
        assert WebhookNotifier(url, None, SystemClock()).send(delivery()).outcome == SENT
    assert SIGNATURE not in got[0][0]


def test_a_receiver_that_does_not_answer_in_time_is_tried_again() -> None:
    released = threading.Event()

    def hang(_: BaseHTTPRequestHandler) -> None:
        released.wait(20)

    with receiver(hang) as (url, _):
        result = notifier(url, read_s=0.3).send(delivery())
        released.set()
    assert (result.outcome, result.code) == (RETRY, None)
    assert "time-out" in result.reason


def test_a_refused_connection_and_a_broken_one_are_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert notifier(f"http://127.0.0.1:{port}{PATH}").send(delivery()).outcome == RETRY

    def cut(handler: BaseHTTPRequestHandler) -> None:
        handler.connection.close()

    with receiver(cut) as (url, _):
        assert notifier(url).send(delivery()).outcome == RETRY


def test_an_endless_answer_is_not_read() -> None:
    def pour(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 65536)
        except OSError:
            return

    with receiver(pour) as (url, _):
        assert notifier(url).send(delivery()).outcome == SENT


def test_a_body_that_is_too_large_goes_without_its_examples() -> None:
    large = delivery(examples=400)
    assert len(body_of(large)) <= MAX_BODY
    assert json.loads(body_of(large))["brief"]["examples"] == []
    assert len(json.loads(body_of(delivery(examples=3)))["brief"]["examples"]) == 3


def test_neither_secret_nor_path_is_logged_or_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    reasons = []
    for status in (200, 400, 503):
        with receiver(says(status)) as (url, _):
            reasons.append(notifier(url).send(delivery()).reason)
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


@pytest.mark.parametrize("url", ["", "ftp://host/invented", "http:///invented", "host/invented"])
def test_an_address_that_cannot_be_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(Misconfigured) as raised:
        WebhookNotifier(url, None, SystemClock())
    assert "invented" not in str(raised.value)


@given(st.text(max_size=60), st.binary(max_size=60))
def test_no_header_of_foreign_make_verifies(header: str, body: bytes) -> None:
    assert not verify(SECRET, header, body, 1_773_720_000)


@given(st.binary(min_size=1, max_size=40), st.integers(0, 2**40), st.binary(max_size=200))
def test_what_is_signed_verifies(secret: bytes, at_s: int, body: bytes) -> None:
    assert verify(secret, sign(secret, at_s, body), body, at_s)
