"""Messages of the open topics with odd headers, times and values: each is sent on or a letter, no defect."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra import kafka
from ingest.messages import RawMessage
from ingest.topics.dead_letter import read
from tests.ingest.telemetry import chat, log, logs, span, traces
from tests.ingest.test_relay import LOGS_IN, NOW_NS, SPANS_IN, make

HEADERS = (kafka.HEADER_INGEST_KEY, kafka.HEADER_EXPORTER, kafka.HEADER_SEQUENCE, kafka.HEADER_DROPPED)
ODD = (None, b"", b"0", b"-1", b"9" * 18, b"9" * 19, b"\xff\xfe", b"\xc2\xb2", b"x" * 100, b"\x00")
VALUES = (
    traces(span(chat())).SerializeToString(),
    logs(log("e")).SerializeToString(),
    b"",
    b"{}",
    b'{"a":' + b"[" * 50_000,
    b'{"resourceSpans":1e999}',
    b'{"resourceSpans":[{"resource":{"attributes":[{"key":"\\ud800","value":{"stringValue":"\\udc00"}}]}}]}',
    b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"-1"}]}]}]}',
    b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":18446744073709551616}]}]}]}',
)


@pytest.fixture(name="home", scope="module")
def a_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("relay")


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(VALUES) | st.binary(max_size=40),
    st.dictionaries(st.sampled_from(HEADERS), st.sampled_from(ODD)),
    st.sampled_from((SPANS_IN, LOGS_IN)),
    st.sampled_from((-1, 0, NOW_NS, 2**63, 2**64)),
)
def test_no_message_is_a_defect(
    home: Path, value: bytes, headers: Mapping[str, bytes], topic: str, stamped_ns: int
) -> None:
    (letter,) = make(home).take(RawMessage(topic, 3, 7, value, b"any", dict(headers)), stamped_ns=stamped_ns)
    assert letter is None or read(letter.value).kind in {"undecodable", "unknown_key", "too_large"}
