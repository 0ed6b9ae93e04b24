"""``lightship incidents`` against a real loopback server: what a person types, reads and is refused."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

import lightship
from alerts.access.keys import FILE
from alerts.api import http_api
from tests.alerts.test_api import TOKEN, Bench

Call = Callable[..., tuple[int, str, str]]
WHO = ("--as", "ana", "--reason", "a deploy")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bench]:
    """The API on a free port, with settings and a token file that point a command to it."""
    bench = Bench()
    app = http_api.build(bench.desk, bench.history, list, bench.metrics, TOKEN, clock=bench.clock)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    monkeypatch.setenv("LIGHTSHIP_HOME", str(tmp_path))
    monkeypatch.setenv("LIGHTSHIP_ALERTS_PORT", str(listening.getsockname()[1]))
    monkeypatch.chdir(tmp_path)
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_text(TOKEN)
    yield bench
    server.should_exit = True
    thread.join(10)
    listening.close()


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            lightship.main(["incidents", *words])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def as_json(call: Call, *words: str) -> dict[str, Any]:
    code, out, err = call(*words, "--json")
    assert (code, err) == (0, "")
    answer: dict[str, Any] = json.loads(out)
    return answer


def test_what_is_open_is_listed_for_a_person_and_for_a_machine(served: Bench, call: Call) -> None:
    code, out, _ = call("list")
    assert code == 0
    assert len(out.splitlines()) == 4
    assert "support-assistant: " in out
    assert as_json(call, "list", "--service", "billing-bot")["total"] == 1
    assert "3 more" not in call("list", "--limit", "3")[1]
    assert "2 more: raise --limit" in call("list", "--limit", "1")[1]
    assert call("list", "--state", "resolved")[1].startswith("no incident matches")


def test_an_incident_goes_through_a_persons_hands(served: Bench, call: Call) -> None:
    incident = served.incident().incident_id
    assert "with ana" not in call("show", incident)[1]
    assert "ana" in call("ack", incident, "--as", "ana")[1]
    assert as_json(call, "hold", incident, *WHO)["held_by"] == "ana"
    call("note", incident, "looks like v18 \x1b[2J", "--as", "bo")
    _, out, _ = call("show", incident)
    assert "with ana, held by ana" in out
    assert "note of bo" in out
    assert "\x1b" not in out  # what a person typed does not rewrite a terminal
    assert [line.split()[1] for line in out.splitlines()[-5:]] == [
        "opened",
        "fired",
        "acknowledged",
        "held",
        "noted",
    ]
    assert as_json(call, "release", incident, "--as", "ana")["held_by"] is None
    assert as_json(call, "accept", incident, *WHO)["ending"] == "accepted"
    other = next(i.incident_id for i in served.desk.all() if i.incident_id != incident)
    assert as_json(call, "false-alarm", other, *WHO)["ending"] == "false_alarm"


def test_a_silence_like_an_incident_is_made_listed_and_lifted(served: Bench, call: Call) -> None:
    incident = served.incident()
    made = as_json(call, "silence", incident.incident_id, "--for", "2h", *WHO)
    assert made["covers"] == [incident.incident_id]
    silence = made["silence"]
    named = {n: silence[n] for n in ("service", "score", "slice", "severity")}
    assert named == {
        "service": "support-assistant",
        "score": "refusal",
        "slice": "language=es",
        "severity": "*",
    }
    assert "silenced" in call("list")[1]
    assert silence["silence_id"] in call("silences")[1]
    assert "score=refusal" in call("lift", silence["silence_id"], *WHO)[1]
    assert call("silences")[1] == "no silence is in force\n"
    assert f"by {'ana'}" in call("silences", "--ended")[1]
    wider = as_json(call, "silence", "--service", "*-bot", "--severity", "ticket", "--for", "30m", *WHO)
    assert wider["silence"]["service"] == "*-bot"
    assert len(wider["covers"]) == 1


def test_what_is_exported_is_whole_and_overwrites_nothing(served: Bench, call: Call, tmp_path: Path) -> None:
    ids = [i.incident_id for i in served.desk.all()]
    _, out, _ = call("export", *ids)
    whole = [json.loads(line) for line in out.splitlines()]
    assert [w["incident_id"] for w in whole] == ids
    assert all(w["findings"] and w["history"] and w["brief"] for w in whole)
    file = tmp_path / "evidence.jsonl"
    assert call("export", ids[0], "--to", str(file))[1] == f"1 incident in {file}\n"
    assert json.loads(file.read_text())["incident_id"] == ids[0]
    code, _, err = call("export", ids[1], "--to", str(file))
    assert (code, "is there already: name another file" in err) == (2, True)
    assert json.loads(file.read_text())["incident_id"] == ids[0]


def test_what_is_held_and_what_may_fall_due_is_said(served: Bench, call: Call) -> None:
    incident = served.incident().incident_id
    assert "nobody holds it" in call("held", incident)[1]
    call("hold", incident, *WHO)
    assert "copied within seconds" in call("held", incident)[1]
    assert as_json(call, "held", incident)["sources"] == []
    code, out, _ = call("deadlines", incident, "--aware", "2026-03-17T10:20:00+01:00")
    assert (code, "2026-03-20T09:20:00Z" in out, "GDPR" in out) == (0, True, True)
    assert as_json(call, "deadlines", incident)["aware"] == "2026-03-17T04:20:00Z"
    code, _, err = call("deadlines", incident, "--aware", "noon")
    assert (code, "'noon' is not a time with its zone" in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "ffffffffffffffff"), "there is no incident 'ffffffffffffffff'"),
        (("show", "../silences"), "'../silences' is no id: `lightship incidents list`"),
        (("lift", "x/y", *WHO), "'x/y' is no id: `lightship incidents silences`"),
        (("ack", "ffffffffffffffff", "--as", "ana"), "lightship incidents list --state all"),
        (("list", "--state", "sad"), "'sad' is none of open"),
        (("lift", "ffffffffffffffff", *WHO), "there is no silence 'ffffffffffffffff'"),
        (("silence", "--for", "2h", *WHO), "a silence of everything"),
        (("silence", "--for", "soon", "--score", "x", *WHO), "'soon' must be a span such as 30m"),
        (("silence", "--for", "99d", "--score", "x", *WHO), "60 s to 30 days"),
        (("silence", "--for", "1h", "--score", "x", "--severity", "red", *WHO), "'red' matches none of"),
        (("accept", "INCIDENT", "--as", "detector", "--reason", "x"), "name of a person"),
        (("release", "INCIDENT", "--as", "ana"), "is not held"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    served: Bench, call: Call, words: tuple[str, ...], said: str
) -> None:
    words = tuple(served.incident().incident_id if word == "INCIDENT" else word for word in words)
    before = served.desk.all()
    code, out, err = call(*words)
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) == 1
    assert served.desk.all() == before


def test_a_service_that_is_away_or_cannot_store_ends_with_3(
    served: Bench, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.store.answers = False
    code, _, err = call("ack", served.incident().incident_id, "--as", "ana")
    assert (code, "nothing was changed" in err) == (3, True)
    code, _, err = call("silence", "--score", "x", "--for", "1h", *WHO)
    assert (code, "nothing was changed" in err) == (3, True)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("LIGHTSHIP_ALERTS_PORT", str(port))
    code, _, err = call("list")
    assert code == 3
    assert f"127.0.0.1:{port}" in err
    assert "lightship up" in err


def test_another_token_is_refused(served: Bench, call: Call, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("another-token-of-thirty-characters")
    code, _, err = call("list")
    assert (code, "token is missing or wrong" in err) == (2, True)
    assert TOKEN not in err
