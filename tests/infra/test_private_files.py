"""Directories and files of ours: nobody else looks in, whatever was there before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.access.keys import FILE, read_token
from infra.embedded.all_processes import whole
from infra.embedded.child_log import ChildLog, Terminal
from infra.embedded.directory_lock import DirectoryLock
from infra.embedded.pair import clickhouse_url, store_spec
from infra.embedded.ports import spare
from infra.errors import Misconfigured
from infra.private_files import private_directory, private_file, private_home, write_private
from infra.settings import KafkaSettings, Settings, StoreSettings
from infra.tenant_keys import load_key
from ingest.operations.importing.importer import SavedPlace


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_what_is_made_is_private_whatever_the_umask(tmp_path: Path) -> None:
    private_directory(tmp_path / "a" / "b")
    write_private(tmp_path / "a" / "b" / "c", "x")
    assert [mode(tmp_path / "a"), mode(tmp_path / "a" / "b")] == [0o700, 0o700]
    assert mode(tmp_path / "a" / "b" / "c") == 0o600
    assert (tmp_path / "a" / "b" / "c").read_text() == "x"


@pytest.mark.parametrize("before", [0o755, 0o777, 0o750, 0o711])
def test_a_directory_with_wider_permissions_is_narrowed(
    tmp_path: Path, before: int, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(before)
    private_home(tmp_path / "home")
    assert mode(tmp_path / "home") == 0o700
    assert f"could be read by other accounts (mode {before:o}): it is 700 now" in caplog.text


def test_a_file_that_others_could_read_is_narrowed_and_replaced_ones_stay_private(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("x" * 40)
    file.chmod(0o644)
    assert mode(private_file(file)) == 0o600
    file.chmod(0o664)
    write_private(file, "new")
    assert mode(file) == 0o600


def test_a_shared_directory_is_not_made_private_and_no_home(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o1777)
    private_directory(tmp_path / "tmp")
    assert mode(tmp_path / "tmp") == 0o1777
    with pytest.raises(Misconfigured, match="can be changed by other accounts"):
        private_home(tmp_path / "tmp")
    with pytest.raises(Misconfigured, match="LIGHTSHIP_HOME"):
        whole(Settings(home=tmp_path / "tmp"))


@pytest.mark.usefixtures("open_umask")
def test_everything_an_instance_keeps_is_private(tmp_path: Path) -> None:
    """Also where an older version, or a person, made it with the usual permissions."""
    home = tmp_path / "home"
    for name in ("", "keys", "logs", "broker", "store", "imports", "worker"):
        (home / name).mkdir(exist_ok=True)
        (home / name).chmod(0o755)
    (home / "keys" / "alerts.token").write_text("t" * 40)
    (home / "keys" / "clickhouse").write_text("p" * 40)
    whole(Settings(home=home))
    read_token(home)
    load_key(home, "default")
    SavedPlace(home, "digest", "live").write(3)
    ChildLog(home / "logs", "x", Terminal(None, ["x"])).close()
    for name in ("broker", "store"):
        DirectoryLock(home / name).release()
    wide = [
        str(path.relative_to(tmp_path))
        for path in (home, *home.rglob("*"))
        if mode(path) & 0o077 and path.name != "worker"  # inside a private home, and empty
    ]
    assert wide == []
    assert (home / FILE).read_text() == "t" * 40


@pytest.mark.parametrize(
    "url", ["", "http://u:gehe%20im@h:1", "https://u:geheim@h:1/?x=y", "http://:geheim@h:1"]
)
def test_no_child_is_given_a_password(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str) -> None:
    monkeypatch.setenv("LIGHTSHIP_CLICKHOUSE", url)
    monkeypatch.setenv("LIGHTSHIP_STORE_URL", url)
    monkeypatch.setenv("LIGHTSHIP_INGEST_KEY", "geheim-key")
    settings = Settings(home=tmp_path, kafka=KafkaSettings(bootstrap="k:1"), store=StoreSettings(url=url))
    everything = whole(settings)
    access = everything.settings.store
    password = Path(access.password_file).read_text().strip()
    assert password == ("gehe im" if "%20" in url else "geheim" if url else password)
    assert mode(Path(access.password_file)) == 0o600
    assert "geheim" not in access.url
    assert password not in access.url
    for child in everything.specs:
        inherited = {**os.environ, **child.env}
        seen = [v for k, v in inherited.items() if k.startswith("LIGHTSHIP_")] + list(child.argv)
        if child.name == "dashboard":
            seen.remove("geheim-key")  # it gives feedback with it
        assert not any(password in part or "gehe" in part for part in seen), child.name
    assert not any(password in address for address in everything.addresses.values())


def test_a_password_file_that_is_given_is_handed_on(tmp_path: Path) -> None:
    given = tmp_path / "p"
    given.write_text("geheim")
    settings = Settings(
        home=tmp_path / "home",
        kafka=KafkaSettings(bootstrap="k:1"),
        store=StoreSettings(url="http://u:other@h:1", password_file=str(given)),
    )
    everything = whole(settings)
    assert everything.settings.store == replace(settings.store, url="http://u@h:1")
    assert everything.specs[0].env["LIGHTSHIP_STORE_PASSWORD_FILE"] == str(given)


def test_the_stores_key_file_is_narrowed(tmp_path: Path) -> None:
    spec = store_spec(tmp_path, spare())
    (tmp_path / "keys" / "clickhouse").chmod(0o644)
    clickhouse_url(tmp_path, spec)
    assert mode(tmp_path / "keys" / "clickhouse") == 0o600
