"""What the doctor says of judges, of APIs on loopback: there, refusing, away, silent; and of keys."""

from __future__ import annotations

import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.judges import JudgeSettings
from infra.settings import Settings
from ingest.judge.endpoint import LOOK_S
from ingest.operations.doctor.check_judges import check_judges
from ingest.operations.doctor.line import FAIL, OK, WARN, Line
from tests.loopback import half_open, refused
from tests.served import Served

KEY = "invented-key"


class Api(Served):
    """An API that answers every question with a status; ``asked`` is what it was asked, with which key."""

    def __init__(self, status: int) -> None:
        api = self
        self.asked: list[tuple[str, str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                api.asked.append((self.command, self.path, self.headers.get("authorization", "")))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        super().__init__(server)
        self.url = f"http://127.0.0.1:{server.server_port}/v1"


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    return str(file)


def judged(url: str, key_file: str = "", model: str = "gpt-4o-mini") -> Line:
    (line,) = check_judges(Settings(judge={"fit": JudgeSettings(url, model, key_file)}))
    return line


def test_no_judge_is_nothing_to_mend() -> None:
    assert check_judges(Settings()) == [Line("judges", OK, "none is configured")]


def test_an_api_that_answers_is_asked_once_for_what_costs_nothing(key_file: str) -> None:
    with Api(200) as api:
        line = judged(api.url, key_file)
    assert line == Line("judge fit", OK, "127.0.0.1 answers with its key; it is asked for gpt-4o-mini")
    assert api.asked == [("GET", "/v1/models", f"Bearer {KEY}")]


@pytest.mark.parametrize(
    ("status", "state"),
    [(404, OK), (405, OK), (401, FAIL), (403, FAIL), (301, FAIL), (429, WARN), (500, WARN), (503, WARN)],
)
def test_every_answer_is_judged_and_the_key_is_not_told(key_file: str, status: int, state: str) -> None:
    with Api(status) as api:
        line = judged(api.url, key_file)
    assert line.state == state
    assert (f"status_{status}" in line.says) == (state != OK)
    assert KEY not in line.says
    assert (line.remedy is None) == (state == OK)


def test_nobody_and_silence_are_told_within_the_time() -> None:
    assert judged(refused()).state == WARN
    with half_open() as url:
        begun = time.monotonic()
        line = judged(url)
        took_s = time.monotonic() - begun
    assert (line.state, "time_out" in line.says) == (WARN, True)
    assert took_s < 4 * LOOK_S


def test_a_key_that_is_not_there_is_a_fault_with_its_setting(tmp_path: Path) -> None:
    with Api(200) as api:
        line = judged(api.url, str(tmp_path / "none"))
    assert (line.state, api.asked) == (FAIL, [])
    assert "judge.fit.key_file" in line.says
    assert "judge.fit.key_file" in str(line.remedy)


def test_a_judge_whose_model_has_no_price_cannot_start() -> None:
    line = judged("http://127.0.0.1:1/v1", model="a-model-of-ones-own")
    assert (line.check, line.state) == ("judges", FAIL)
    assert "input_usd" in line.says
