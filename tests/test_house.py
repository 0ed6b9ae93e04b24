"""Rules of the house that no tool checks: names, words, locked dependencies, runbooks, decisions, lengths.

``python -m tests.test_house`` prints the files that are longer than they should be without a reason.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest

from alerts.briefs import runbook
from alerts.notify import self_monitoring
from detectors.finding import ALERT_KINDS
from detectors.scorers import SPECS
from detectors.traffic import silence
from infra.clickhouse import MIGRATIONS
from tests.alerts.invented import refusals
from tests.run import OTHERS

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("alerts", "bench", "dashboard", "detectors", "infra", "ingest")
USUAL_LINES, MOST_LINES = 300, 450
DATA = frozenset({".woff2", ".bin", ".png", ".npz", ".zip"})
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

FORBIDDEN = {
    "a path of one machine": r"(?<![\w.])/(work|root)/|/tmp/lb\b|/home/[a-z]+/",
    "a package registry": r"pypi\.org|pythonhosted\.org|artifactory|registry\.npmjs|proxy\.golang|/simple/",
    "the number of an issue": r"\b(issue|ticket|pull request|PR) #\d+",
    "a mark of unfinished work": r"\b(TODO|FIXME|XXX|HACK)\b",
}


@cache
def tree() -> tuple[Path, ...]:
    """Files of the project, without what is ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        names = listed.stdout.decode().split("\0")
        return tuple(ROOT / name for name in names if name and (ROOT / name).is_file())
    left_out = {".venv", "site", "build", "dist", "__pycache__"}
    return tuple(
        p
        for p in ROOT.rglob("*")
        if p.is_file()
        and not left_out & set(p.relative_to(ROOT).parts)
        and not p.relative_to(ROOT).parts[0].endswith("_cache")
    )


def texts() -> Iterator[tuple[str, str]]:
    """Name and content of every file of text but this one."""
    for path in tree():
        if path.suffix not in DATA and path != Path(__file__).resolve():
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def modules() -> list[Path]:
    return [p for p in tree() if p.suffix == ".py"]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    found = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found


def exported(path: Path) -> list[str]:
    """Names in ``__all__``."""
    text = path.read_text(encoding="utf-8")
    if "__all__" not in text:  # most have none, and to parse all of them is seconds of every collection
        return []
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and any(getattr(t, "id", "") == "__all__" for t in node.targets):
            return list(ast.literal_eval(node.value))
    return []


@pytest.mark.parametrize(
    "path", [p for p in modules() if exported(p)], ids=lambda p: str(p.relative_to(ROOT))
)
def test_what_is_exported_is_there_once(path: Path) -> None:
    names = exported(path)
    assert len(names) == len(set(names))
    parts = path.relative_to(ROOT).with_suffix("").parts
    module = importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    assert [name for name in names if not hasattr(module, name)] == []


@pytest.mark.parametrize(
    ("module", "name", "parameters"),
    [
        ("detectors.scorers", "score_batch", {"records"}),
        ("detectors.files.watch", "watch", {"times_s", "values", "kind", "tick_s", "learn", "budget"}),
    ],
)
def test_what_programs_may_call_is_there(module: str, name: str, parameters: set[str]) -> None:
    called = getattr(importlib.import_module(module), name)
    assert parameters <= set(inspect.signature(called).parameters)


def locked(lock: str = "requirements.lock") -> dict[str, str]:
    """Entries of a lock by normalised name."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text)
    return {normal(m[1]): b for b in blocks if (m := re.match(r"([A-Za-z0-9._-]+)==\S+", b))}


def normal(name: str) -> str:
    """A distribution's name, PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize(("lock", "least"), [("requirements.lock", 51), ("infra/installer.lock", 1)])
def test_every_locked_version_has_its_hashes_and_no_address(lock: str, least: int) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert "index" not in re.sub(r"#.*", "", text)
    entries = locked(lock)
    assert len(entries) >= least
    for block in entries.values():
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block[:80]


def test_the_lock_covers_what_the_project_asks_for() -> None:
    project = PROJECT["project"]
    wanted = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    names = {normal(re.split(r"[<>=!~;\[ ]", w)[0]) for w in wanted}
    assert names <= set(locked())


def test_every_alert_has_a_runbook_and_pages_have_one_of_their_own() -> None:
    for name, spec in SPECS.items():
        found = runbook.name_of(refusals(score=name, unit=spec.unit))
        assert runbook.load(found).checks
        if spec.severity == "page":
            assert found != runbook.GENERIC, f"{name} pages and has no runbook"
    for kind in ALERT_KINDS:
        assert runbook.load(runbook.name_of(refusals(alert_kind=kind))).checks


def test_no_runbook_is_left_over() -> None:
    used = {runbook.name_of(refusals(score=name)) for name in SPECS}
    used |= {runbook.name_of(refusals(alert_kind=kind)) for kind in ALERT_KINDS} | {runbook.GENERIC}
    ours = (
        self_monitoring.RECEIVER,
        self_monitoring.DISK,
        self_monitoring.LATE,
        self_monitoring.RESTARTS,
        self_monitoring.WAITING,
        self_monitoring.SET_ASIDE,
        self_monitoring.STALLED,
        self_monitoring.NOT_RELOADED,
        *("quarantine", "dead_letters", "missing_observations", "scorer_off"),
        silence.STILL,
    )
    used |= {runbook.name_of(refusals(alert_kind="pipeline", score=score)) for score in ours}
    assert {p.stem for p in runbook.FOLDER.glob("*.md")} == used


def test_every_decision_is_listed_and_every_listed_one_is_there() -> None:
    folder = ROOT / "infra" / "decisions"
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(p.name for p in folder.glob("0*.md"))
    assert [int(name[:4]) for name in sorted(listed)] == list(range(1, len(listed) + 1))


def test_every_kind_of_test_has_a_marker_and_a_target() -> None:
    markers = [m.partition(":")[0] for m in PROJECT["tool"]["pytest"]["ini_options"]["markers"]]
    markers.remove("long")  # of any kind
    assert sorted(markers) == sorted(OTHERS)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    unit = re.search(r"^unit:.*\n\t(.*)$", makefile, re.MULTILINE)
    assert unit is not None
    assert all(f"not {marker}" in unit[1] for marker in markers)


def test_who_only_takes_records_in_starts_without_numpy() -> None:
    """Gateway and relay need it for nothing, and it is a third of the time until they are ready."""
    asked = "import ingest.gateway.serve, ingest.agents.relay.worker, sys; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], cwd=ROOT, check=False).returncode == 0


def test_every_bench_prints_what_it_was_measured_on() -> None:
    for path in (*(ROOT / "bench").glob("*.py"), *(ROOT / "bench").glob("*/__main__.py")):
        text = path.read_text(encoding="utf-8")
        if "__main__" in text:
            assert "machine()" in text, path


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_every_bench_is_found_and_says_what_it_measures() -> None:
    ended = bench("--list")
    assert ended.returncode == 0
    listed = {line.split()[0]: line.split()[1:] for line in ended.stdout.splitlines()}
    assert {"scorers", "score_stage", "storage"} <= set(listed)
    assert all(len(words) > 3 for words in listed.values())
    ended = bench("scorer")
    assert ended.returncode == 2
    assert "there is no bench 'scorer': they are" in ended.stderr


def long_files(most: int) -> list[str]:
    """Modules with more lines than that, longest first."""
    counted = [(len(p.read_text(encoding="utf-8").splitlines()), str(p.relative_to(ROOT))) for p in modules()]
    return [f"{lines:5} {name}" for lines, name in sorted(counted, reverse=True) if lines > most]


def test_no_module_is_too_long_to_be_read() -> None:
    assert long_files(MOST_LINES) == []


def test_no_module_is_a_bag() -> None:
    names = {"util", "utils", "helper", "helpers", "manager", "common", "misc", "base"}
    assert not [str(p.relative_to(ROOT)) for p in modules() if set(p.with_suffix("").parts) & names]


def test_migrations_are_numbered_in_order() -> None:
    numbers = sorted(int(path.name[:4]) for path in MIGRATIONS.glob("*.sql"))
    assert numbers == [*range(1, len(numbers) + 1)], "two have one number: take the next free one"


def test_no_name_beside_the_dashboards_script_hides_a_library() -> None:
    """Streamlit looks for modules beside the script it runs, before anywhere else."""
    folder = ROOT / "dashboard"
    names = {p.stem for p in folder.glob("*.py")} | {p.parent.name for p in folder.glob("*/__init__.py")}
    names -= {"__init__", "__main__"}
    assert "queries" in names
    assert not names & {*sys.stdlib_module_names, *packages_distributions()}


if __name__ == "__main__":
    sys.stdout.write("\n".join([f"modules past {USUAL_LINES} lines", *long_files(USUAL_LINES)]) + "\n")
