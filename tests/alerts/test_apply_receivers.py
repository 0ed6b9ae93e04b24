"""``lightship receivers apply``: planned, idempotent, of a set; what the running service reads afterwards."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

import lightship
from infra.applied_receivers import folder_of
from infra.settings import Settings, load
from infra.settings_file import SettingsFile

Call = Callable[..., tuple[int, str, str]]
FILE = """
[[receiver]]
name = "pager"
kind = "webhook"
url = "https://example.org/hooks/invented-token"
secret_file = "hook.key"

[[route]]
receivers = ["pager", "screen"]
severities = ["page"]
"""


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    monkeypatch.setenv("LIGHTSHIP_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lightship.toml").write_text('[[receiver]]\nname = "screen"\nkind = "terminal"\n')
    (tmp_path / "hook.key").write_text("invented")
    (tmp_path / "receivers.toml").write_text(FILE)

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            lightship.main(["receivers", *words])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


APPLY = ("apply", "-f", "receivers.toml")


def names(settings: Settings) -> list[str]:
    return [receiver.name for receiver in settings.receiver]


def test_a_file_is_planned_applied_and_then_there_is_nothing_to_do(call: Call, tmp_path: Path) -> None:
    following = SettingsFile(None, load())
    code, out, _ = call(*APPLY, "--plan")
    assert (code, names(load())) == (1, ["screen"])
    first, second, last = out.splitlines()
    assert first.startswith(
        "+ receiver pager  kind = 'webhook', url = 'https://example.org/***', secret_file"
    )
    assert second == "+ route [0]  receivers = ['pager', 'screen'], severities = ['page']"
    assert last == "default: 2 to add, 0 to change, 0 to remove, 0 unchanged"
    assert call(*APPLY)[0] == 2  # nobody can be asked
    assert call(*APPLY, "--yes", "--as", "ci", "--reason", "commit 4f1c2ab")[0] == 0
    settings = load()
    assert names(settings) == ["screen", "pager"]
    assert settings.receiver[1].secret_file == str(tmp_path / "hook.key")
    assert following.changed() is None
    found = following.changed()  # the running service sees it as a change of its file
    assert found is not None
    assert names(found) == ["screen", "pager"]
    for words in (("--plan",), ("--yes",), ()):
        assert call(*APPLY, *words)[:2] == (0, "default: 0 to add, 0 to change, 0 to remove, 2 unchanged\n")
    (kept,) = folder_of(tmp_path / "home").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_what_the_file_has_no_more_is_removed_and_what_is_other_changed(call: Call, tmp_path: Path) -> None:
    call(*APPLY, "--yes")
    changed = FILE.replace("example.org", "other.example.org")
    (tmp_path / "receivers.toml").write_text(changed[: changed.index("[[route]]")])
    _, out, _ = call(*APPLY, "--plan")
    assert [line[:18] for line in out.splitlines()[:2]] == ["~ receiver pager  ", "- route [0]  recei"]
    assert "(was: kind = 'webhook', url = 'https://example.org/***'" in out
    assert "invented-token" not in out
    (tmp_path / "receivers.toml").write_text("receiver = []")
    report = json.loads(call(*APPLY, "--yes", "--json")[1])
    assert report["counts"] == {"add": 0, "change": 0, "remove": 2, "unchanged": 0}
    assert names(load()) == ["screen"]
    assert list(folder_of(tmp_path / "home").iterdir()) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (FILE.replace("pager", "screen"), "must be there and differ from the others'"),
        (FILE.replace('"screen"]', '"nobody"]'), "unknown receiver 'nobody'"),
        (FILE.replace("hook.key", "none.key"), "receiver pager: receiver secret_file"),
        (FILE + "[alerts]\nport = 1\n", "unknown table in receivers.toml: 'alerts'"),
        ("[[route]]\nreceiver = 'screen'\n", "to remove all of the set write receiver = []"),
        ("[[receiver", "cannot read receivers.toml"),
    ],
)
def test_what_cannot_be_used_changes_nothing(call: Call, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "receivers.toml").write_text(text)
    code, _, error = call(*APPLY, "--yes")
    assert (code, said in error) == (2, True), error
    assert names(load()) == ["screen"]


def test_sets_are_apart_and_the_list_says_where_a_receiver_is_from(call: Call, tmp_path: Path) -> None:
    call(*APPLY, "--yes", "--as", "ci", "--reason", "commit 4f1c2ab")
    (tmp_path / "receivers.toml").write_text(FILE)
    assert "differ from the others'" in call(*APPLY, "--yes", "--set", "search")[2]
    assert call(*APPLY, "--yes", "--set", "../x")[0] == 2
    screen, pager = call("list")[1].splitlines()
    assert screen == "screen (terminal): route[0]"
    assert pager.startswith("pager (webhook at https://example.org/***): route[0]; of set default, applied ")
    assert pager.endswith(" by ci: commit 4f1c2ab")


def test_a_set_that_somebody_broke_is_an_error_with_a_remedy(call: Call, tmp_path: Path) -> None:
    call(*APPLY, "--yes")
    (folder_of(tmp_path / "home") / "default.json").write_text("{")
    code, _, error = call("list")
    assert code == 2
    assert "remedy: apply its file again, or remove it" in error
