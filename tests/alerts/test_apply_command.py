"""``lightship rules apply`` against a real loopback server: plan, question, exit codes, words."""

from __future__ import annotations

import io
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn

import lightship
from alerts.access.keys import FILE
from infra.settings import Settings
from tests.alerts.test_added_rules import TOKEN, TOML, Bench

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(Settings())
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(bench.client.app, log_config=None, lifespan="off"))
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
            lightship.main(list(words))
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_a_file_is_planned_applied_and_then_there_is_nothing_to_do(
    served: Bench, call: Call, tmp_path: Path
) -> None:
    (tmp_path / "rules.toml").write_text(TOML)
    rules = ("rules", "apply", "-f", "rules.toml")
    code, out, _ = call(*rules, "--plan")
    assert code == 1
    assert out.splitlines() == [
        "+ shop  refusal: rate over 30 min > 0.25 (of at least 20)",
        "+ shop · production  refusal: rate over 30 min > 0.25 (of at least 20)",
        "default: 2 to add, 0 to change, 0 to remove, 0 unchanged",
    ]
    assert served.kept.rules == {}
    code, _, err = call(*rules)
    assert (code, "nobody can be asked here: give --yes" in err) == (2, True)
    assert served.kept.rules == {}
    code, out, _ = call(*rules, "--yes", "--as", "ci", "--reason", "commit 4f1c")
    assert (code, out.splitlines()[-1]) == (0, "default: 2 added, 0 changed, 0 removed, 0 unchanged")
    assert {(one.actor, one.reason) for one in served.kept.rules.values()} == {("ci", "commit 4f1c")}
    assert call(*rules, "--plan")[:2] == (
        0,
        "default: 0 to add, 0 to change, 0 to remove, 2 unchanged\n",
    )
    assert "(set default of a file)" in call("rules", "added")[1]
    (tmp_path / "rules.toml").write_text("rule = []\n")
    report = json.loads(call(*rules, "--yes", "--json")[1])
    assert (report["applied"], report["counts"]["remove"]) == (True, 2)


def test_a_file_of_settings_gives_its_rules_and_a_person_is_asked(
    served: Bench, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lightship.toml").write_text(f"[detection]\nlearn_days = 7\n{TOML}")

    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    for typed, code, n in (("n\n", 1, 0), ("y\n", 0, 2)):
        monkeypatch.setattr(sys, "stdin", Screen(typed))
        found, out, _ = call("rules", "apply", "-f", "lightship.toml")
        assert (found, len(served.kept.rules)) == (code, n)
        assert "Apply this?" in out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[rules]]\n", "did you mean 'rule'"),
        ("", "rules.toml holds no [[rule]]; to remove all of the set write rule = []"),
        ("[rule]\nscore = 'refusal'\n", "write [[rule]], in double brackets"),
        ("[[rule]\n", "cannot read rules.toml"),
        ("[[rule]]\nscore = 2026-01-01\nmeasure = 'rate'\n", "unknown score '2026-01-01'"),
    ],
)
def test_a_file_that_cannot_be_meant_removes_nothing(
    served: Bench, call: Call, tmp_path: Path, text: str, said: str
) -> None:
    served.add()
    (tmp_path / "rules.toml").write_text(text)
    code, _, err = call("rules", "apply", "-f", "rules.toml", "--yes", "--prune")
    assert (code, said in err) == (2, True), err
    assert [one.in_force for one in served.kept.rules.values()] == [True]
