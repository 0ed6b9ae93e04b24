from __future__ import annotations

from pathlib import Path

import pytest

import dashboard
from dashboard.__main__ import command, environment, main
from infra.settings import DashboardSettings, Settings


def test_it_serves_where_the_settings_say() -> None:
    words = command(Settings(dashboard=DashboardSettings(host="127.0.0.1", port=9001)))
    assert words[1:4] == ["-m", "streamlit", "run"]
    assert Path(words[4]) == Path(dashboard.__file__).parent / "main.py"
    assert {"--server.address=127.0.0.1", "--server.port=9001", "--server.headless=true"} <= set(words)


@pytest.mark.parametrize(("host", "guarded"), [("127.0.0.1", True), ("::1", True), ("10.0.0.5", False)])
def test_on_loopback_no_other_name_may_reach_it(host: str, guarded: bool) -> None:
    words = command(Settings(dashboard=DashboardSettings(host=host)))
    assert any(word.startswith("--server.allowedHosts") for word in words) == guarded


def test_the_rooms_are_importable_from_the_servers_process() -> None:
    root = str(Path(dashboard.__file__).parent.parent)
    assert environment({"PYTHONPATH": "elsewhere"})["PYTHONPATH"].split(":") == [root, "elsewhere"]
    assert environment({})["PYTHONPATH"] == root


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [(["--help"], 0, "usage: python -m dashboard"), (["--config", "nowhere.toml"], 2, "nowhere.toml")],
)
def test_it_explains_itself_instead_of_starting(
    capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == code
    assert said in "".join(capsys.readouterr())
