"""The one command line: help, exit codes, words for what went wrong, no traceback for a person's error."""

from __future__ import annotations

import csv
import json
import os
import random
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

import lightship
from detectors.finding import Finding
from infra.embedded.directory_lock import DirectoryLock
from infra.embedded.errors import AlreadyRunning, BinaryMissing, PortBusy, StartFailed
from infra.errors import Defect, Misconfigured, Unavailable
from ingest import errors as ingest
from tests.ingest.telemetry import chat, span, traces

ROOT = Path(__file__).resolve().parent.parent
OK, FAILED, USAGE, UNAVAILABLE, DEFECT = 0, 1, 2, 3, 70
COMMAND = [sys.executable, "-m", "lightship"]
DAY_S = 86_400
START_S = 20_800 * DAY_S
CHANGED_DAY, DAYS = 17, 20


class Ended:
    """How a command ended and what it said."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Its output as JSON Lines."""
        return [json.loads(line) for line in self.out.splitlines()]


Call = Callable[..., Ended]


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty working directory, and no settings of the person who tests."""
    for name in [n for n in os.environ if n.startswith("LIGHTSHIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command in this process."""

    def run(*words: str | Path) -> Ended:
        with pytest.raises(SystemExit) as ended:
            lightship.main([str(word) for word in words])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Ended(int(ended.value.code or 0), out, err)

    return run


def commands() -> dict[str, Any]:
    """Every command by its words; those of a group behind its name."""
    found: dict[str, Any] = {}
    todo = list(typer.main.get_command(lightship.app).commands.items())  # type: ignore[attr-defined]
    for name, command in todo:
        found[name] = command
        todo += [(f"{name} {inner}", c) for inner, c in getattr(command, "commands", {}).items()]
    return found


@pytest.mark.parametrize("words", ["", *commands()])
def test_every_command_explains_itself(call: Call, words: str) -> None:
    ended = call(*words.split(), "--help")
    assert ended.code == OK
    assert ended.out.startswith(f"Usage: lightship {words}".rstrip())


@pytest.mark.parametrize("command", commands().values(), ids=commands())
def test_what_a_command_does_fits_into_the_list(command: Any) -> None:
    said = command.get_short_help_str(60)
    assert said.endswith(".")
    assert "..." not in said


@pytest.mark.parametrize("command", commands().values(), ids=commands())
def test_every_option_is_explained_or_speaks_for_itself(command: Any) -> None:
    for parameter in command.params:
        assert getattr(parameter, "help", None) or parameter.name.endswith("_port")


def test_the_version_is_that_of_the_project(call: Call) -> None:
    assert call("--version").out.split() == ["lightship", "0.1.0"]
    assert 'version = "0.1.0"' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "Usage: lightship"),
        ("decod x", "No such command 'decod'"),
        ("decode", "name files, or a folder of recordings with --conformance"),
        ("decode --frob x", "No such option: --frob"),
        ("decode nowhere.binpb", "file 'nowhere.binpb' does not exist"),
        ("decode .", "file '.' is a directory"),
        ("up --gateway-port 0", "Invalid value for '--gateway-port'"),
        ("up --gateway-port high", "Invalid value for '--gateway-port'"),
        ("import lightship.toml", "does not exist"),
        ("config chek", "No such command 'chek'"),
        ("config check --config nowhere.toml", "cannot read nowhere.toml: No such file or directory"),
        ("env --config nowhere.toml", "cannot read nowhere.toml"),
        ("run", "name a command after --"),
        ("run -- no-such-program-of-ours --x", "cannot run 'no-such-program-of-ours': No such file"),
        ("setup", "set LIGHTSHIP_KAFKA and LIGHTSHIP_CLICKHOUSE"),
        ("ledger", "nothing runs on .lightship: start `lightship up`"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_wrong(call: Call, words: str, said: str) -> None:
    ended = call(*words.split())
    assert ended.code == USAGE
    assert said in ended.err + ended.out


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Misconfigured("x"), USAGE),
        (PortBusy("x"), USAGE),
        (AlreadyRunning("x"), USAGE),
        (BinaryMissing("x"), USAGE),
        (ingest.BadRecord("x"), USAGE),
        (ingest.TooLarge("x"), USAGE),
        (FileNotFoundError(2, "No such file or directory", "x"), USAGE),
        (PermissionError(13, "Permission denied", "x"), USAGE),
        (Unavailable("x"), UNAVAILABLE),
        (StartFailed("x"), UNAVAILABLE),
        (ingest.Unavailable("x"), UNAVAILABLE),
        (ConnectionRefusedError(111, "Connection refused"), UNAVAILABLE),
        (TimeoutError("timed out"), UNAVAILABLE),
        (Defect("x"), DEFECT),
        (ingest.Defect("x"), DEFECT),
        (KeyError("x"), DEFECT),
    ],
    ids=lambda v: type(v).__name__ if isinstance(v, Exception) else None,
)
def test_every_kind_of_error_has_its_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, code: int
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(lightship, "app", failing)
    with pytest.raises(SystemExit) as ended:
        lightship.main([])
    assert ended.value.code == code
    said = capsys.readouterr().err
    assert said.splitlines()[-1].startswith("lightship: ")
    assert ("Traceback" in said) == (code == DEFECT)


def test_a_port_that_is_taken_is_named(call: Call) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        ended = call("up", "--gateway-port", str(port))
    assert ended.code == USAGE
    assert f"port {port} for the gateway is in use" in ended.err


def test_nothing_is_started_with_settings_that_cannot_work(call: Call, tmp_path: Path) -> None:
    (tmp_path / "lightship.toml").write_text("[scorers]\noff = ['refusl']")
    ended = call("up")
    assert ended.code == USAGE
    assert "did you mean 'refusal'?" in ended.err
    assert not (tmp_path / ".lightship").exists()


@pytest.mark.parametrize("words", ["up", "demo --once"])
def test_a_data_directory_in_use_is_named(call: Call, words: str) -> None:
    with DirectoryLock(Path(".lightship")):
        ended = call(*words.split())
    assert ended.code == USAGE
    assert f".lightship is in use by process {os.getpid()}" in ended.err


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # kafka-python leaks sockets that were refused
@pytest.mark.parametrize("words", ["setup", "ledger"])
def test_a_server_that_is_away_ends_with_3(
    monkeypatch: pytest.MonkeyPatch, call: Call, words: str, refused_connections: None
) -> None:
    monkeypatch.setenv("LIGHTSHIP_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("LIGHTSHIP_CLICKHOUSE", "http://user:geheim@127.0.0.1:1")
    monkeypatch.setattr("infra.kafka.BOOTSTRAP_TIMEOUT_MS", 200)
    ended = call(words)
    assert ended.code == UNAVAILABLE
    assert "127.0.0.1:1" in ended.err
    assert len(ended.err.splitlines()) == 1
    assert "geheim" not in ended.err


def test_settings_are_checked_with_what_every_room_knows(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "lightship.toml"
    fine = call("config", "check").out
    assert fine.startswith("settings are fine (detection config ")
    assert "not checked: whether services that they name are there and silences cover any, as nothing" in fine
    for text, said in (
        ("[scorers]\noff = ['refusl']", "'refusl', did you mean 'refusal'?"),
        ("[redaction.acme]\ntypes = ['emails']", "did you mean 'email'?"),
        (
            "[[receiver]]\nname = 'a'\nurl = 'http://h/x'\nsecret_file = '/nowhere/x'",
            "receiver a: receiver sec",
        ),
        ("[gateway]\nprot = 1", "did you mean 'port'?"),
    ):
        file.write_text(text)
        ended = call("config", "check")
        assert ended.code == USAGE
        assert said in ended.err


def test_a_route_that_can_never_match_is_a_warning(call: Call, tmp_path: Path) -> None:
    receivers = "".join(f"[[receiver]]\nname = '{n}'\nkind = 'terminal'\n" for n in "ab")
    routes = "[[route]]\nreceiver = 'a'\n{more}[[route]]\nreceiver = 'b'\nseverities = ['page']"
    (tmp_path / "lightship.toml").write_text(receivers + routes.format(more=""))
    ended = call("config", "check")
    assert ended.code == 0
    assert ended.out.startswith("warning: route[1] to b can never match: route[0] to a before it takes all")
    (tmp_path / "lightship.toml").write_text(receivers + routes.format(more="continue = true\n"))
    assert call("config", "check").out.startswith("settings are fine")
    assert json.loads(call("config", "show").out)["route"][0]["continue"] is True


def test_settings_are_shown_without_passwords(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTSHIP_CLICKHOUSE", "http://user:geheim@host:8123")
    shown = json.loads(call("config", "show").out)
    assert shown["store"]["url"] == "http://user:***@host:8123"
    assert shown["detection"]["tick_s"] == 300


def test_a_shell_takes_the_variables(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTSHIP_GATEWAY_PORT", "4444")
    monkeypatch.setenv("LIGHTSHIP_INGEST_KEY", "k'e y")
    printed = call("env").out
    shell = subprocess.run(
        [
            "/bin/sh",
            "-euc",
            f'{printed}\nprintf \'%s %s\' "$OTEL_EXPORTER_OTLP_ENDPOINT" "$OTEL_EXPORTER_OTLP_HEADERS"',
        ],
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shell.stdout == "http://127.0.0.1:4444 authorization=Bearer%20k%27e%20y"
    assert all(line.startswith("export ") and len(shlex.split(line)) == 2 for line in printed.splitlines())


def test_a_command_is_run_with_the_variables_its_arguments_and_its_exit_code(tmp_path: Path) -> None:
    code = "import os, sys; e = os.environ; "
    code += "print(e['OTEL_EXPORTER_OTLP_ENDPOINT'], e['OWN'], sys.argv[1:]); sys.exit(5)"
    ended = subprocess.run(
        [*COMMAND, "run", "--", sys.executable, "-c", code, "--help", "--config", "x", "--", "y"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OWN": "kept"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 5
    assert ended.stdout == "http://127.0.0.1:4318 kept ['--help', '--config', 'x', '--', 'y']\n"


def test_a_reader_that_goes_away_is_a_normal_end(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    file.write_text('{"prompt": "is it open?", "output": "It is."}\n' * 3000)
    with subprocess.Popen(
        [*COMMAND, "score", str(file)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert json.loads(running.stdout.readline())["scores"]
        running.stdout.close()
        said = running.stderr.read()
    assert running.returncode == OK
    assert "rror" not in said


def test_decode_exits_with_1_when_a_file_cannot_be_read_and_says_which(call: Call, tmp_path: Path) -> None:
    good, bad = tmp_path / "a.binpb", tmp_path / "b.binpb"
    good.write_bytes(traces(span(chat("is it open?", "It is."))).SerializeToString())
    bad.write_bytes(b"\xff" * 50)
    ended = call("decode", good)
    assert ended.code == OK
    assert [line["output_text"] for line in ended.lines] == ["It is."]
    ended = call("decode", good, bad)
    assert ended.code == FAILED
    assert len(ended.lines) == 1
    assert "b.binpb" in ended.err


def test_decode_leaves_text_alone_only_when_asked(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "a.binpb"
    mail = "ada.lovelace@harbour-books.org"
    file.write_bytes(traces(span(chat(f"mail {mail}", "It is."))).SerializeToString())
    assert mail not in call("decode", file).out
    assert mail in call("decode", file, "--raw").out


def test_score_takes_records_and_lines_of_decode(call: Call, tmp_path: Path) -> None:
    body, lines, records = tmp_path / "a.binpb", tmp_path / "d.jsonl", tmp_path / "r.jsonl"
    body.write_bytes(traces(span(chat("is it open?", "I cannot help with that."))).SerializeToString())
    lines.write_text(call("decode", body).out)
    records.write_text('{"prompt": "is it open?", "output": "I cannot help with that."}\nnot json\n')
    ended = call("score", lines, records, "--timing")
    assert ended.code == OK
    assert [line["scores"]["refusal"] for line in ended.lines] == [1, 1]
    assert "2 records scored, 1 left out" in ended.err
    assert "us a record" in ended.err
    ended = call("score", body)
    assert ended.code == USAGE
    assert "a.binpb ends in none of .jsonl" in ended.err


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty days of a flag that is rare, and frequent from the eighteenth day on."""
    file = tmp_path_factory.mktemp("series") / "series.csv"
    rng = random.Random(3)
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["at", "refused", "words"])
        for minute in range(0, DAYS * 1440, 5):
            rate = 0.02 if minute < CHANGED_DAY * 1440 else 0.3
            writer.writerow([START_S + minute * 60, int(rng.random() < rate), "x"])
    return file


def test_detect_finds_a_change_and_says_since_when(call: Call, series: Path, tmp_path: Path) -> None:
    plot = tmp_path / "plot.svg"
    words = ("detect", series, "--kind", "flag", "--time", "at", "--value", "refused")
    ended = call(*words, "--plot", plot)
    assert ended.code == OK
    (finding,) = map(Finding.from_dict, ended.lines)
    assert finding.onset_low is not None
    assert finding.onset_high is not None
    tick_s = 300
    changed_s = START_S + CHANGED_DAY * DAY_S
    low_s, high_s = finding.onset_low.timestamp() - tick_s, finding.onset_high.timestamp() + tick_s
    assert low_s <= changed_s <= high_s
    assert (finding.score, finding.direction, finding.slice) == ("refused", "rise", "all")
    assert plot.read_text().count("<line") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--kind flg", "kind 'flg' is not one of flag, bounded"),
        ("--kind flag --learn long", "learn 'long'"),
        ("--kind flag --budget much", "budget 'much'"),
        ("--kind flag --tick 7", "--tick '7'"),
        ("--kind flag --value nope", "no value in column 'nope' (it has at, refused, words)"),
        ("--kind flag --value words", "column 'words' holds 'x', which is no number"),
        ("--kind flag --time words", "column 'words' holds 'x', which is no time"),
        ("--kind flag --n nope", "no value in column 'nope'"),
        ("--kind flag --plot nowhere/x.svg", "nowhere/x.svg: No such file or directory"),
    ],
)
def test_detect_names_what_cannot_be_used(call: Call, series: Path, words: str, said: str) -> None:
    ended = call("detect", series, "--time", "at", "--value", "refused", *words.split())
    assert ended.code == USAGE
    assert said in ended.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--start 2026-01-01T00:00:00Z --span 1d --spacing odd", "odd"),
        ("--map x", "--map 'x' is not of the form"),
        ("--start tomorrow", "--start 'tomorrow' is not a time"),
        ("--span long", "--span 'long' is not a number"),
    ],
)
def test_import_names_what_cannot_be_used(call: Call, series: Path, words: str, said: str) -> None:
    ended = call("import", series, "--service", "s", *words.split())
    assert ended.code == USAGE
    assert said in ended.err


def test_a_test_message_goes_through_a_receiver(call: Call, tmp_path: Path) -> None:
    (tmp_path / "lightship.toml").write_text('[[receiver]]\nname = "screen"\nkind = "terminal"\n')
    ended = call("alerts", "test", "screen")
    assert (ended.code, "TEST: " in ended.out) == (OK, True)
    assert "screen (terminal), opened: sent" in ended.out
    ended = call("alerts", "test", "scren")
    assert (ended.code, "did you mean 'screen'" in ended.err) == (USAGE, True)
