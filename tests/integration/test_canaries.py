"""Secrets and personal data in every kind of value, sent over HTTP to all of Lightship: nowhere at rest.

Searched is everything a process left behind: tables, topics, files (the broker's objects, logs, temporary
files), what the webhook got and what the services tell about themselves.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import lz4.frame  # type: ignore[import-untyped]
import pytest
import zstandard
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from infra.embedded.pair import embedded_pair
from infra.embedded.ports import spares
from infra.embedded.supervisor import Supervisor
from infra.settings import KafkaSettings, StoreSettings
from tests.at_rest import raw_messages, rows_of_everything
from tests.canaries import log_request, trace_request
from tests.garden import Garden
from tests.running import Running, running, wait
from tests.searching import Planted, Search

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(600),
    pytest.mark.usefixtures("refused_connections"),
]

LINEAGE = "evaluation-canaries"
PROTOBUF, JSON = "application/x-protobuf", "application/json"


def test_what_is_planted_is_nowhere_at_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spill = tmp_path / "home" / "tmp"
    spill.mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(spill))
    gardens = {name: Garden(name, 3) for name in ("protobuf", "JSON", "Langfuse", "refused", "typed")}
    told: list[tuple[str, bytes]] = []
    with (
        running(tmp_path / "home") as lightship,
        httpx.Client(base_url=lightship.gateway, timeout=30) as client,
    ):
        send(client, gardens)
        send_what_is_refused(client, gardens["refused"])
        lightship.end(LINEAGE, time.time_ns())
        lightship.settle(LINEAGE)
        type_everything(lightship, client, gardens["typed"])
        wait("what was typed is read", lightship._read)
        told += said_by(lightship)
    search = Search(p for g in gardens.values() for p in g.planted)
    for where, data in told:
        search.look(where, data)
    pair = embedded_pair(tmp_path / "home", *spares(2))
    with Supervisor(tmp_path / "home", pair.specs, out=None):
        for where, data in rows_of_everything(StoreSettings(url=pair.clickhouse)):
            search.look(where, data)
        for where, data in raw_messages(KafkaSettings(bootstrap=pair.kafka)):
            search.look(where, data)
    for path in sorted(p for p in tmp_path.rglob("*") if p.is_file() and not p.is_symlink()):
        search.look(f"file {path.relative_to(tmp_path)}", path.read_bytes())
    leaks = search.leaks()
    assert not leaks, f"{len(leaks)} leaks, the first: " + "\n".join(leaks[:20])
    came_to_rest(search, [p for name, g in gardens.items() if name != "refused" for p in g.planted])


def came_to_rest(search: Search, planted: list[Planted]) -> None:
    """The harmless words beside the secrets are where the secrets would have been: the search sees them."""
    places = {p.place for p in planted if not p.secret}
    typed = {place for place in places if place.startswith("typed ")}
    assert search.places("topic otlp_") - typed == places - typed
    assert typed <= search.places("table lightship.") | search.places("topic actions")
    everywhere = [
        f"{name} {side}" for name in ("protobuf", "JSON", "Langfuse") for side in ("question", "answer")
    ]
    assert set(everywhere) <= search.places("table lightship.interactions")
    assert set(everywhere) <= search.places("file home/broker")
    assert {f"{name} tool arguments" for name in ("protobuf", "JSON", "Langfuse")} <= search.places(
        "table lightship.context_spans"
    )
    assert {"protobuf question in a log", "JSON legacy question"} <= search.places(
        "table lightship.content_records"
    )
    told = search.places("webhook")
    assert "JSON answer" in told
    assert {"protobuf answer", "Langfuse answer"} & told


def send(client: httpx.Client, gardens: dict[str, Garden]) -> None:
    """Everything, in each way it can come."""
    now_ns = time.time_ns()
    for name, path, lineage in (
        ("protobuf", "/v1", LINEAGE),
        ("JSON", "/v1", "live"),
        ("Langfuse", "/api/public/otel/v1", LINEAGE),
    ):
        garden = gardens[name]
        requests: tuple[tuple[str, Message], ...] = (
            ("traces", trace_request(garden, now_ns)),
            ("logs", log_request(garden, now_ns)),
        )
        for signal, request in requests:
            headers = {"content-type": JSON if name == "JSON" else PROTOBUF, "lightship-lineage": lineage}
            body = as_json(request, garden) if name == "JSON" else request.SerializeToString()
            if name != "protobuf":
                body, headers["content-encoding"] = gzip.compress(body), "gzip"
            assert client.post(f"{path}/{signal}", content=body, headers=headers).status_code == 200


def as_json(request: Message, garden: Garden) -> bytes:
    """OTLP/JSON: ids are hexadecimal; keys that nobody knows are ignored."""
    tree = MessageToDict(request)
    nodes: list[Any] = [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, list):
            nodes.extend(node)
        elif isinstance(node, dict):
            for key in node.keys() & {"traceId", "spanId", "parentSpanId"}:
                node[key] = base64.b64decode(node[key]).hex()
            nodes.extend(node.values())
            if "key" in node:
                node["extra"] = garden.bare("unknown key of JSON", "unusual")
    tree["extra"] = {"note": garden.bare("unknown key of a JSON request", "unusual")}
    return json.dumps(tree).encode()


def send_what_is_refused(client: httpx.Client, g: Garden) -> None:
    """Requests that are turned away, or answered with little, leave nothing behind either."""
    broken = (
        trace_request(Garden("unused", 1), 1).SerializeToString()[:-7] + g.text("broken protobuf").encode()
    )
    invalid = trace_request(g, 1)
    for span in invalid.resource_spans[0].scope_spans[0].spans:
        span.span_id = b"short"
    shape = {
        "resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": g.text("bad id in JSON"), "name": 7}]}]}]
    }
    traces: list[tuple[bytes, dict[str, str]]] = [
        (broken, {"content-type": PROTOBUF}),
        (invalid.SerializeToString(), {"content-type": PROTOBUF}),
        (f'{{"resourceSpans": [{{"note": "{g.text("cut JSON")}'.encode(), {"content-type": JSON}),
        (json.dumps({"resourceSpans": g.text("wrong shape")}).encode(), {"content-type": JSON}),
        (json.dumps(shape).encode(), {"content-type": JSON}),
        (g.text("text").encode(), {"content-type": "text/plain"}),
        (g.text("not gzip").encode(), {"content-type": PROTOBUF, "content-encoding": "gzip"}),
        (b"", {"content-type": f"text/{g.value('content type', 'github_pat')}"}),
        (b"", {"content-type": PROTOBUF, "content-encoding": g.value("content encoding", "github_pat")}),
        (b"", {"content-type": PROTOBUF, "lightship-lineage": g.value("lineage", "github_pat")}),
        (b"", {"content-type": PROTOBUF, "lightship-event-time": g.value("event time", "github_pat")}),
    ]
    answers = [client.post("/v1/traces", content=body, headers=headers) for body, headers in traces]
    assert {a.status_code for a in answers} <= {200, 400, 415}, answers
    client.post(
        f"/v1/traces?note={g.value('query', 'github_pat')}", content=b"", headers={"content-type": PROTOBUF}
    )
    client.post("/v1/metrics", content=g.text("metrics").encode(), headers={"content-type": PROTOBUF})
    client.get(
        f"/{g.value('path', 'github_pat')}", headers={"user-agent": g.value("user agent", "github_pat")}
    )
    client.request(g.value("method", "aws_access_key_id"), "/v1/traces")


def type_everything(lightship: Running, client: httpx.Client, g: Garden) -> None:
    """What people and pipelines type: notes, reasons, patterns, rules, names of who acts, verdicts."""
    told = lightship.alerts("/incidents?limit=500")["incidents"]
    first = next(i for i in told if i["lineage"] == LINEAGE)  # its services are all known
    incident, place = first["incident_id"], {"environment": first["environment"], "lineage": first["lineage"]}

    def who(place: str) -> str:
        return f"ana {g.value(f'who {place}', 'github_pat')}"

    for action in ("note", "acknowledge", "hold"):
        lightship.tell(f"/incidents/{incident}/{action}", {"actor": who(action), "reason": g.text(action)})
    silence = {
        "service": f"*{g.name_of('pattern of a silence', 'github_pat')}",
        "slice": f"release={g.name_of('slice of a silence')}",
        "lasts": "1h",
    }
    lightship.tell("/silences", {**silence, "actor": who("silence"), "reason": g.text("silence")})
    rule = f"""
    [[rule]]
    services = [{json.dumps(first["service"])}]
    slice = "release={g.name_of("slice of a rule", "github_pat")}"
    score = "refusal"
    measure = "rate"
    op = ">"
    limit = 0.4
    window_s = 600
    severity = "ticket"
    """
    lightship.tell("/rules", {**place, "toml": rule, "actor": who("rule"), "reason": g.text("rule")})
    change = {"kind": "flag", "value": g.name_of("change"), "who": who("change"), "note": g.text("change")}
    span = {"trace_id": "ab" * 16, "span_id": "cd" * 8}
    verdict = {**span, "name": "tone", "value": 1, "label": g.name_of("label"), "comment": g.text("comment")}
    for path, said in (("changes", change), ("feedback", {**verdict, "who": who("feedback")})):
        assert client.post(f"/v1/{path}", json=said).status_code == 200, path


def said_by(lightship: Running) -> Iterator[tuple[str, bytes]]:
    """What the services tell: alerts, their API, metrics."""
    for number, posted in enumerate(lightship.hook.posted):
        yield f"webhook {number}", posted.body + repr(dict(posted.headers)).encode()
    for name in ("gateway", "worker", "alerts"):
        answer = httpx.get(f"{lightship.everything.addresses[name]}/metrics", timeout=30).raise_for_status()
        yield f"metrics of {name}", answer.content
    listed = lightship.alerts("/incidents?limit=500")
    yield "alerts list", json.dumps(listed).encode()
    assert listed["incidents"]
    for incident in listed["incidents"]:
        path = f"/incidents/{incident['incident_id']}"
        yield f"alerts {path}", json.dumps(lightship.alerts(path)).encode()


CORE = "sk-proj-T3BlbkFJ-harbour-0123456789-abcdefgh"
PACKED = {
    "plain": CORE.encode(),
    "UTF-16": CORE.encode("utf-16-le"),
    "base64": base64.b64encode(b"a" + CORE.encode() + b"bcd"),
    "hexadecimal": binascii.hexlify(CORE.encode()),
    "escapes": "".join(f"\\u{ord(c):04x}" for c in CORE).encode(),
    "percent": "".join(f"%{ord(c):02x}" for c in CORE).encode(),
    "zstd": zstandard.compress(b"x" * 400 + CORE[::-1].encode() + CORE.encode()),
    "gzip": gzip.compress(b"x" * 400 + CORE.encode()),
    "zlib": zlib.compress(b"x" * 400 + CORE.encode()),
    "lz4": lz4.frame.compress(b"x" * 400 + CORE.encode()),
    "gzip in base64 in JSON": json.dumps(
        {"v": base64.b64encode(gzip.compress(CORE.encode())).decode()}
    ).encode(),
    "its end": CORE[-14:].encode(),
}


@pytest.mark.parametrize("form", PACKED)
def test_the_search_finds(form: str) -> None:
    search = Search([Planted("here", "key", CORE)])
    search.look("there", b"before " + PACKED[form] + b" after")
    assert search.leaks()


def test_the_search_finds_numbers() -> None:
    number = 4929123456789015
    for data in (struct.pack("<d", number), struct.pack("<q", number), b"4929 1234 5678 9015"):
        search = Search([Planted("here", "card", str(number))])
        search.look("there", b"\x01" + data)
        assert search.leaks()
