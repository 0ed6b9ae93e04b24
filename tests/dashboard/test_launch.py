from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.__main__ import application, main, options
from dashboard.access.signing_in import COOKIE_FILE, check_start, secrets
from infra.errors import Misconfigured
from infra.settings import DashboardSettings, LoginSettings, Settings, of_tables


def test_it_serves_where_the_settings_say() -> None:
    settings = Settings(dashboard=DashboardSettings(host="127.0.0.1", port=9001))
    chosen = options(settings)
    assert (chosen["server.address"], chosen["server.port"]) == ("127.0.0.1", 9001)
    assert chosen["server.headless"] is True
    assert application(settings).script_path.name == "main.py"


@pytest.mark.parametrize(("host", "guarded"), [("127.0.0.1", True), ("::1", True), ("10.0.0.5", False)])
def test_on_loopback_no_other_name_may_reach_it(host: str, guarded: bool) -> None:
    assert ("server.allowedHosts" in options(Settings(dashboard=DashboardSettings(host=host)))) == guarded


def test_behind_a_sign_in_it_answers_to_its_public_name_alone() -> None:
    chosen = options(Settings(dashboard=DashboardSettings(host="10.0.0.5", login=LOGIN)))
    assert "lightship.example.org" in chosen["server.allowedHosts"]
    assert "*" not in chosen["server.allowedHosts"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "dashboard.example.org", ""])  # noqa: S104
def test_beyond_loopback_it_starts_with_a_sign_in_alone(host: str, tmp_path: Path) -> None:
    alone = Settings(home=tmp_path, dashboard=DashboardSettings(host=host))
    with pytest.raises(Misconfigured, match="can be reached from other machines and nobody signs in"):
        check_start(alone)
    check_start(replace(alone, dashboard=DashboardSettings(host=host, open=True)))
    (tmp_path / "s").write_text("secret")
    login = replace(LOGIN, client_secret_file=str(tmp_path / "s"))
    behind = replace(alone, dashboard=DashboardSettings(host=host, login=login))
    check_start(behind)
    assert not (tmp_path / COOKIE_FILE).exists()  # to look is not to make


LOGIN = LoginSettings(
    metadata_url="https://id.example.org/.well-known/openid-configuration",
    client_id="lightship",
    client_secret_file="nowhere",
    redirect_url="https://lightship.example.org/oauth2callback",
)


def test_secrets_come_from_files_and_the_one_for_cookies_is_made_and_kept(tmp_path: Path) -> None:
    assert secrets(Settings(home=tmp_path)) == {}
    (tmp_path / "client").write_text(" of-the-client \n")
    login = replace(LOGIN, client_secret_file=str(tmp_path / "client"))
    settings = Settings(home=tmp_path, dashboard=DashboardSettings(login=login))
    made = secrets(settings)["auth"]
    assert made["client_secret"] == "of-the-client"
    assert len(made["cookie_secret"]) >= 32
    assert secrets(settings)["auth"] == made
    assert (tmp_path / COOKIE_FILE).stat().st_mode & 0o077 == 0
    (tmp_path / "short").write_text("short")
    short = replace(login, cookie_secret_file=str(tmp_path / "short"))
    with pytest.raises(Misconfigured, match=r"cookie_secret_file.*fewer than 32 characters"):
        secrets(replace(settings, dashboard=DashboardSettings(login=short)))
    gone = replace(login, client_secret_file=str(tmp_path / "gone"))
    with pytest.raises(Misconfigured, match="client_secret_file cannot be read"):
        secrets(replace(settings, dashboard=DashboardSettings(login=gone)))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"client_id": ""}, "client_id is missing"),
        ({"redirect_url": ""}, "redirect_url is missing"),
        ({"redirect_url": "https://lightship.example.org/"}, "must end with /oauth2callback"),
        ({"redirect_url": "http://lightship.example.org/oauth2callback"}, "must begin with https://"),
        ({"metadata_url": "http://id.example.org/x"}, "must begin with https://"),
        ({"session_minutes": 0}, "session_minutes = 0 is out of range"),
    ],
)
def test_a_sign_in_that_cannot_work_or_is_not_safe_is_refused(changed: dict[str, object], said: str) -> None:
    names = ("metadata_url", "client_id", "client_secret_file", "redirect_url")
    login = {name: getattr(LOGIN, name) for name in names} | changed
    tables = {"dashboard": {"login": login}, "access": [{"value": "staff", "role": "viewer"}]}
    with pytest.raises(Misconfigured, match=said):
        of_tables(tables, {})


def test_a_sign_in_and_what_it_opens_belong_together() -> None:
    login = {
        n: getattr(LOGIN, n) for n in ("metadata_url", "client_id", "client_secret_file", "redirect_url")
    }
    with pytest.raises(Misconfigured, match="opens nothing to anybody"):
        of_tables({"dashboard": {"login": login}}, {})
    access = [{"value": "staff", "role": "viewer"}]
    with pytest.raises(Misconfigured, match=r"set dashboard\.login\.metadata_url too"):
        of_tables({"access": access}, {})
    whole = of_tables({"dashboard": {"login": login}, "access": access}, {})
    assert whole.dashboard.address == "https://lightship.example.org"
    assert Settings().dashboard.address == "http://127.0.0.1:8501"


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


def test_it_refuses_to_be_open_to_the_network(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LIGHTSHIP_DASHBOARD_HOST", "0.0.0.0")  # noqa: S104 - it is refused
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert "nobody signs in: set [dashboard.login] and [[access]]" in capsys.readouterr().err
