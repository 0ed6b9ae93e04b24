"""``decode``: files of any form in, lines and an account out."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from google.protobuf import json_format
from google.protobuf.message import Message
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from ingest.operations.files.decode import decode_files
from tests.ingest.telemetry import START_NS, TRACE, chat, log, logs, span, traces

MAIL = "ada.lovelace@harbour-books.org"


def write(folder: Path, **bodies: bytes) -> list[Path]:
    """Files of these bodies."""
    out = []
    for name, body in bodies.items():
        path = folder / name
        path.write_bytes(body)
        out.append(path)
    return out


def hex_json(request: Message) -> bytes:
    """OTLP/JSON of a request whose only id bytes are those of our tests."""
    tree = json.loads(json_format.MessageToJson(request, use_integers_for_enums=True))
    for group in tree["resourceSpans"]:
        for scope in group["scopeSpans"]:
            for item in scope["spans"]:
                item["traceId"] = TRACE.upper()
                item["spanId"] = "0" * 15 + "1"
    return json.dumps(tree).encode()


def test_protobuf_json_json_lines_and_compressed_files_say_the_same(tmp_path: Path) -> None:
    request = traces(span(chat()))
    body = request.SerializeToString()
    text = hex_json(request)
    forms = {
        "a.bin": body, "b.gz": gzip.compress(body), "c.json": text, "d.jsonl": text + b"\n" + text + b"\n",
    }  # fmt: skip
    decoded = [decode_files(write(tmp_path, **{name: form}), raw=True) for name, form in forms.items()]
    assert all(d.lines == decoded[0].lines and len(d.lines) == 1 for d in decoded)
    assert [d.summary.repeated_spans for d in decoded] == [0, 0, 0, 1]


def test_traces_logs_and_scores_are_joined_whatever_their_names_and_order(tmp_path: Path) -> None:
    bare = {k: v for k, v in chat().items() if "messages" not in k}
    scores = [
        {"traceId": TRACE, "name": "thumbs", "value": 1, "comment": f"ask {MAIL}", "dataType": "NUMERIC"}
    ]
    files = write(
        tmp_path,
        a=json.dumps(scores).encode(),
        b=logs(log("gen_ai.user.message", body={"content": "Ahoy?"})).SerializeToString(),
        c=traces(span(bare)).SerializeToString(),
    )
    expected = decode_files(files, raw=True)
    (line,) = expected.lines
    assert line["input_text"] == "Ahoy?"
    assert line["evaluations"] == [
        {"name": "thumbs", "score": 1.0, "label": None, "explanation": f"ask {MAIL}", "source": "langfuse",
         "error": None}
    ]  # fmt: skip
    assert decode_files([*reversed(files), files[0]], raw=True).lines == expected.lines
    assert MAIL not in json.dumps(decode_files(files).lines)


def test_text_is_redacted_unless_asked_otherwise_and_ids_become_pseudonyms(tmp_path: Path) -> None:
    attributes = {**chat(f"Write to {MAIL}."), "user.id": "u-100", "session.id": "s-9"}
    files = write(tmp_path, a=traces(span(attributes)).SerializeToString())
    (raw,) = decode_files(files, raw=True).lines
    assert raw["input_text"] == f"Write to {MAIL}."
    assert (raw["user"], raw["conversation_id"], raw["redactions"]) == ("u-100", "s-9", None)
    (line,) = decode_files(files).lines
    assert MAIL not in json.dumps(line)
    assert line["input_text"].startswith("Write to [email:")
    assert line["user"].startswith("[user:")
    assert line["conversation_id"].startswith("[session:")
    assert {"field": "gen_ai.input.messages", "type": "email", "n": 1} in line["redactions"]
    assert line["output_text"] == raw["output_text"]


def test_a_value_split_over_parts_is_found_when_they_are_joined(tmp_path: Path) -> None:
    name, host = MAIL.split("@")
    parts = [{"type": "text", "content": f"Write to {name}@"}, {"type": "text", "content": f"{host} today."}]
    split = json.dumps([{"role": "assistant", "parts": parts}])
    files = write(tmp_path, a=traces(span({**chat(), "gen_ai.output.messages": split})).SerializeToString())
    (line,) = decode_files(files).lines
    assert MAIL not in line["output_text"]
    assert MAIL not in json.dumps(line["output_texts"])


def test_what_cannot_be_read_is_named_and_the_rest_is_decoded(tmp_path: Path) -> None:
    metrics = ExportMetricsServiceRequest()
    metric = metrics.resource_metrics.add().scope_metrics.add().metrics.add(name="gen_ai.client.token.usage")
    metric.gauge.data_points.add(as_double=4.5, time_unix_nano=START_NS)
    body = traces(span(chat())).SerializeToString()
    files = write(
        tmp_path,
        good=body,
        noise=b"\x07\xff\x00nothing",
        cut=gzip.compress(body)[:-9],
        json=b'{"hello": 1}',
        broken=b'{"resourceSpans": [',
        metrics=metrics.SerializeToString(),
    )
    out = decode_files([*files, tmp_path / "missing"], raw=True)
    assert len(out.lines) == 1
    named = {name for name, _ in out.summary.undecodable}
    assert named == {"noise", "cut", "json", "broken", "metrics", "missing"}
    assert "6 undecodable" in out.summary.text()


def test_the_account_adds_up(tmp_path: Path) -> None:
    tool = span({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t"}, span_id=2)
    child = span({**chat(), "gen_ai.response.id": "resp-000001"}, span_id=3)
    again = span({**chat(), "gen_ai.response.id": "resp-000001"}, span_id=4, start_s=0.2)
    files = write(tmp_path, a=traces(tool, child, again, child).SerializeToString())
    s = decode_files(files, raw=True).summary
    assert (s.spans, s.interactions, s.other_spans, s.duplicate_spans, s.repeated_spans) == (4, 1, 1, 1, 1)
    assert s.spans == s.interactions + s.other_spans + s.duplicate_spans + s.repeated_spans


def test_no_files_and_empty_files_are_no_error(tmp_path: Path) -> None:
    assert decode_files([]).lines == []
    assert decode_files(write(tmp_path, a=b"")).summary.undecodable == []


def test_a_call_of_which_only_a_log_record_tells_is_one_unless_a_span_does(tmp_path: Path) -> None:
    details = "gen_ai.client.inference.operation.details"
    told = {**chat(), "gen_ai.response.id": "chatcmpl-lightship-1"}
    of_span = log(details, attributes=told)
    nameless = log(
        details, attributes={**chat(), "gen_ai.response.id": "chatcmpl-lightship-2"}, trace=None, span_id=None
    )
    paths = [tmp_path / name for name in ("a", "b", "c")]
    for path, request in zip(paths, (logs(of_span), logs(nameless), logs(nameless)), strict=True):
        path.write_bytes(request.SerializeToString())
    found = decode_files(paths)
    assert [line["duration_s"] for line in found.lines] == [None, None]
    assert {line["response_id"][-1] for line in found.lines} == {"1", "2"}
    assert "2 of the interactions told by a log record alone" in found.summary.text()
    (tmp_path / "d").write_bytes(traces(span(told)).SerializeToString())
    again = decode_files([*paths, tmp_path / "d"])
    assert sorted((line["response_id"][-1], line["duration_s"]) for line in again.lines) == [
        ("1", 1.0),
        ("2", None),
    ]
    assert again.summary.content_without_span == 0
