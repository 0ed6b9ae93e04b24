"""Links that open the dashboard of one's own machine, and the sessions they begin."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from dashboard.access.local_session import KEY, SESSION_DAYS, Sessions, applies, opening_link
from dashboard.access.opening_links import FOLDER, VALID_S, OpeningLinks, is_local
from infra.settings import DashboardSettings, LoginSettings, Settings

S = 1_000_000_000
BASE = "http://127.0.0.1:8501"


class Clock:
    now_ns = 1_800_000_000 * S

    def __call__(self) -> int:
        return self.now_ns


def token(link: str) -> str:
    return link.rpartition("token=")[2]


def test_a_link_leads_where_it_should_once(tmp_path: Path) -> None:
    links = OpeningLinks(tmp_path, Clock())
    link = links.make(BASE, "/incident?id=1")
    assert link.startswith(f"{BASE}/link?token=")
    assert "incident" not in link
    assert OpeningLinks(tmp_path, Clock()).redeem(token(link)) == "/incident?id=1"
    assert links.redeem(token(link)) is None


def test_a_link_ends_after_an_hour_and_its_file_goes(tmp_path: Path) -> None:
    clock = Clock()
    links = OpeningLinks(tmp_path, clock)
    old, kept = links.make(BASE), links.make(BASE)
    clock.now_ns += VALID_S * S - 1
    assert links.redeem(token(kept)) == "/"
    clock.now_ns += 1
    assert links.redeem(token(old)) is None
    links.make(BASE)
    links.make(BASE)
    assert len(list((tmp_path / FOLDER).iterdir())) == 2


def test_of_many_at_once_one_opens(tmp_path: Path) -> None:
    links = OpeningLinks(tmp_path, Clock())
    opened: list[str | None] = []
    for _ in range(20):
        one = token(links.make(BASE))
        start = threading.Barrier(4)

        def redeem(one: str = one, start: threading.Barrier = start) -> None:
            start.wait()
            opened.append(links.redeem(one))

        threads = [threading.Thread(target=redeem) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert opened.count("/") == 20
    assert opened.count(None) == 60


@pytest.mark.parametrize("guess", ["", "x", "../dashboard.session", "\x00", "é", "a" * 10_000])
def test_what_is_no_token_opens_nothing(tmp_path: Path, guess: str) -> None:
    links = OpeningLinks(tmp_path, Clock())
    link = links.make(BASE)
    assert links.redeem(guess) is None
    assert links.redeem((tmp_path / FOLDER).iterdir().__next__().name) is None  # what a listing shows
    assert links.redeem(token(link)) == "/"


def test_only_the_owner_can_read_a_link(tmp_path: Path) -> None:
    OpeningLinks(tmp_path, Clock()).make(BASE)
    (file,) = (tmp_path / FOLDER).iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / FOLDER).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "path",
    [
        "",
        "x",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example/",
        "/a b",
        '/"',
        "/\n",
        "/%0a'",
        "/é",
    ],
)
def test_a_link_leads_nowhere_else(tmp_path: Path, path: str) -> None:
    assert not is_local(path)
    with pytest.raises(ValueError, match="no path of the dashboard"):
        OpeningLinks(tmp_path, Clock()).make(BASE, path)


def test_a_session_is_signed_and_ends() -> None:
    clock = Clock()
    sessions = Sessions("k" * 43, clock)
    value = sessions.begin()
    assert sessions.begin() != value
    assert Sessions("k" * 43, clock).is_valid(value)  # after a restart
    assert not Sessions("j" * 43, clock).is_valid(value)
    for at in range(len(value)):
        changed = value[:at] + ("x" if value[at] != "x" else "y") + value[at + 1 :]
        assert not sessions.is_valid(changed)
    for guess in ("", ".", "..", "a.b.c", value[:-1], f"{value}0", "é.1.é"):
        assert not sessions.is_valid(guess)
    clock.now_ns += SESSION_DAYS * 86_400 * S
    assert not sessions.is_valid(value)


@pytest.mark.parametrize(
    ("chosen", "guarded"),
    [
        (DashboardSettings(), True),
        (DashboardSettings(host="::1", open=True), True),
        (DashboardSettings(host="0.0.0.0", open=True), False),  # noqa: S104
        (DashboardSettings(login=LoginSettings(metadata_url="https://id.example.org/x")), False),
    ],
)
def test_it_is_for_loopback_without_a_sign_in(
    tmp_path: Path, chosen: DashboardSettings, guarded: bool
) -> None:
    settings = Settings(home=tmp_path, dashboard=chosen)
    assert applies(settings) == guarded
    link = opening_link(settings, BASE, "/alerts", Clock())
    assert link.startswith(f"{BASE}/link?token=") == guarded
    assert guarded or link == f"{BASE}/alerts"
    assert not (tmp_path / KEY).exists()
