"""The settings file is read again when it has changed, and nobody writes it any more."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from infra.errors import Misconfigured
from infra.settings import Settings, load
from infra.settings_file import SettingsFile

HOOK = '[[receiver]]\nname = "{}"\nkind = "webhook"\nurl = "http://127.0.0.1/x"\nsecret_file = "hook.key"\n'


@dataclass
class Site:
    """A file and a secret beside it; ``turn`` puts a time of change on both that is another each time."""

    folder: Path
    turn: int = 0
    file: SettingsFile = field(init=False)

    def __post_init__(self) -> None:
        (self.folder / "hook.key").write_text("one\n")
        self.write(HOOK.format("a"))
        self.file = SettingsFile(self.path, load(self.path, {}), {})

    @property
    def path(self) -> Path:
        return self.folder / "lightship.toml"

    def write(self, text: str, name: str = "lightship.toml") -> None:
        self.turn += 1
        (self.folder / name).write_text(text)
        os.utime(self.folder / name, ns=(self.turn, self.turn))

    def read(self) -> list[str] | None:
        """Names of the receivers after two looks; ``None`` if nothing was read."""
        found = self.file.changed() or self.file.changed()
        return None if found is None else [receiver.name for receiver in found.receiver]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_file_that_has_not_changed_is_not_read_and_one_that_has_is_read_once(site: Site) -> None:
    assert site.read() is None
    site.write(HOOK.format("b"))
    assert site.read() == ["b"]
    assert site.read() is None


def test_a_file_is_read_when_two_looks_found_the_same(site: Site) -> None:
    site.write(HOOK.format("b"))
    assert site.file.changed() is None
    site.write(HOOK.format("b") + HOOK.format("c"))  # it goes on being written
    assert site.file.changed() is None
    assert site.read() == ["b", "c"]


def test_a_file_that_is_asked_for_is_read_at_once(site: Site) -> None:
    assert site.file.changed(at_once=True) is not None
    site.write(HOOK.format("b"))
    found = site.file.changed(at_once=True)
    assert found is not None
    assert site.read() is None


def test_what_cannot_be_used_is_said_once_and_the_mended_file_is_read(site: Site) -> None:
    for text in ("[[receiver", '[[route]]\nreceiver = "nobody"\n'):
        site.write(text)
        with pytest.raises(Misconfigured):
            site.read()
        assert site.read() is None
    site.write(HOOK.format("a"))
    assert site.read() == ["a"]


def test_a_file_that_is_gone_is_no_file_without_receivers(site: Site) -> None:
    site.path.unlink()
    with pytest.raises(Misconfigured, match="is not there any more"):
        site.read()
    site.write(HOOK.format("a"))
    assert site.read() == ["a"]


def test_a_secret_that_was_replaced_is_a_change_and_so_is_one_of_a_new_receiver(site: Site) -> None:
    site.write("two\n", "hook.key")
    assert site.read() == ["a"]
    site.write("three\n", "other.key")
    assert site.read() is None  # nobody names it
    site.write(HOOK.format("a").replace("hook.key", "other.key"))
    assert site.read() == ["a"]
    site.write("four\n", "other.key")
    assert site.read() == ["a"]


def test_a_file_behind_a_link_that_is_replaced_is_another_one(site: Site, tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lightship.toml").write_text(HOOK.format(name))
    link, mounted = tmp_path / "mounted", tmp_path / "new"
    link.symlink_to(tmp_path / "first")
    path = link / "lightship.toml"
    site.file = SettingsFile(path, load(path, {}), {})
    mounted.symlink_to(tmp_path / "second")
    mounted.replace(link)
    assert site.read() == ["second"]


def test_without_a_file_nothing_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = SettingsFile(None, Settings(), {})
    assert file.path is None
    assert file.changed() is None
