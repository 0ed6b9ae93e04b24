"""What can be seen of running servers: arguments, environments and files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.clickhouse import connect
from infra.embedded.all_processes import Whole, whole
from infra.embedded.pair import BROKER, STORE
from infra.embedded.ports import spares
from infra.embedded.supervisor import Supervisor
from infra.settings import Settings
from tests.other_account import needs_root, run_as_other

pytestmark = pytest.mark.integration


@dataclass
class Up:
    home: Path
    everything: Whole
    running: Supervisor

    def secrets(self) -> list[str]:
        return [f.read_text().strip() for f in (self.home / "keys").glob("*") if f.is_file()]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """Both servers and the set-up of topics and tables, as `lightship up` starts them."""
    home = tmp_path_factory.mktemp("up") / "home"
    ports = dict(zip(("kafka", "clickhouse"), spares(2), strict=True))
    everything = whole(Settings(home=home), ports, dashboard=False)
    specs = [spec for spec in everything.specs if spec.name in (BROKER, STORE, "setup")]
    with Supervisor(home, specs, addresses=everything.addresses, out=None) as running:
        yield Up(home, everything, running)


def family(pid: int) -> Iterator[int]:
    """A process and all it started."""
    yield pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield from family(int(child))


def test_no_password_is_in_an_argument_or_an_environment(up: Up) -> None:
    passwords = up.secrets()
    assert passwords
    pids = [pid for s in up.running.states().values() if s.pid for pid in family(s.pid)]
    assert len(pids) >= 3  # the store, the broker and what it started
    for pid in pids:
        for part in ("cmdline", "environ"):
            content = Path(f"/proc/{pid}/{part}").read_bytes().decode("utf-8", "replace")
            assert not any(password in content for password in passwords), (pid, part)


def test_nor_in_what_they_write_or_tell_other_commands(up: Up) -> None:
    files = [up.home / "run.json", *(up.home / "logs").iterdir()]
    for file in files:
        content = file.read_text(encoding="utf-8", errors="replace")
        assert not any(password in content for password in up.secrets()), file


def test_whoever_is_given_the_file_gets_in(up: Up) -> None:
    client = connect(up.everything.settings.store)
    assert client.query("SELECT count() FROM interactions").result_rows == [(0,)]
    client.close()


def test_every_directory_and_file_is_private(up: Up) -> None:
    wide = [
        str(p) for p in (up.home, *up.home.rglob("*")) if p.lstat().st_mode & 0o077 and not p.is_symlink()
    ]
    assert wide == []


LOOK = """
for name in sys.argv[1:]:
    try:
        os.listdir(name) if os.path.isdir(name) else open(name).read()
        print("seen", name)
    except PermissionError:
        pass
"""


@needs_root
def test_another_account_sees_nothing(up: Up) -> None:
    for folder in up.home.parents:  # pytest's own directories are private: let the other account up to ours
        if "pytest" in str(folder):
            folder.chmod(folder.stat().st_mode | 0o055)
    try:
        pids = [pid for s in up.running.states().values() if s.pid for pid in family(s.pid)]
        names = [str(up.home), *map(str, up.home.rglob("*")), *(f"/proc/{pid}/environ" for pid in pids)]
        assert run_as_other(LOOK, *names[:2000]) == ""
    finally:
        for folder in up.home.parents:
            if "pytest" in str(folder):
                folder.chmod(0o700)
