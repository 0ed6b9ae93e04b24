"""The test command: runs what the machine allows, says what it left out and why, and keeps to a budget.

With ``CI=true`` a missing tool is a failure. Long chaos runs, the Collector and benches have their own make
targets and are named here so that nobody believes they ran.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests import apache_kafka

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
BUDGET_S = 27 * 60
OTHERS = ["integration", "chaos", "kafka", "alertmanager", "browser", "live", "data", "collector"]


@dataclass(frozen=True)
class Stage:
    """One call of a tool. ``missing`` says what the machine lacks, or nothing."""

    name: str
    argv: tuple[str, ...]
    missing: Callable[[], str | None] = lambda: None
    pytest: bool = True


def _data() -> str | None:
    named = os.environ.get("LIGHTSHIP_DATA")
    path = Path(named) if named else ROOT.parent / "shared" / "data"
    return None if (path / "pool").is_dir() else "no directory of real data (set LIGHTSHIP_DATA)"


def _chromium() -> str | None:
    found = any(shutil.which(n) for n in ("chromium", "chromium-browser", "google-chrome"))
    return None if found else "no Chromium (on Debian: apt-get install chromium)"


def _module(name: str) -> Callable[[], str | None]:
    return lambda: None if importlib.util.find_spec(name) else f"the package {name} is not installed"


def _marked(name: str, *more: str) -> tuple[str, ...]:
    return (str(BIN / "pytest"), "-q", "-m", f"{name} and not chaos", *more)


def stages() -> list[Stage]:
    """All stages, fast ones first."""
    alone = " and ".join(f"not {m}" for m in OTHERS)
    return [
        Stage("format", (str(BIN / "ruff"), "format", "--check", "-q", "."), pytest=False),
        Stage("lint", (str(BIN / "ruff"), "check", "-q", "."), pytest=False),
        Stage("types", (str(BIN / "mypy"),), pytest=False),
        Stage("rooms", (str(BIN / "lint-imports"),), pytest=False),
        Stage("docs", (str(BIN / "mkdocs"), "build", "--strict", "--quiet"), pytest=False),
        Stage("unit", (str(BIN / "pytest"), "-q", "-n", "auto", "-m", alone)),
        Stage(
            "integration",
            _marked(
                "integration and not browser and not data and not kafka", "-n", "2", "--dist", "loadfile"
            ),
            _module("chdb"),
        ),
        Stage("kafka", _marked("kafka", "-n", "2", "--dist", "loadfile"), apache_kafka.absent),
        Stage("live", _marked("live and not integration"), _module("openai")),
        Stage("data", _marked("data", "-n", "auto"), _data),
        Stage("browser", _marked("browser"), _chromium),
    ]


def _count(report: Path) -> tuple[int, int]:
    """Passed and failed tests of one JUnit report."""
    suites = ET.parse(report).getroot().iter("testsuite")  # noqa: S314 - our own file
    total = bad = skipped = 0
    for suite in suites:
        total += int(suite.get("tests", 0))
        bad += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", 0))
    return total - bad - skipped, bad


def main() -> int:
    """Run all stages; 0 if everything that ran passed and, in CI, nothing was missing."""
    strict = os.environ.get("CI") == "true"
    only = set(sys.argv[1:])
    reports = ROOT / ".pytest_cache" / "reports"
    reports.mkdir(parents=True, exist_ok=True)
    began, passed, failed, lines = time.monotonic(), 0, 0, []
    for stage in stages():
        if only and stage.name not in only:
            continue
        lack = stage.missing()
        if lack:
            lines.append(f"{'FAILED ' if strict else 'left out'} {stage.name}: {lack}")
            failed += int(strict)
            continue
        report = reports / f"{stage.name}.xml"
        report.unlink(missing_ok=True)
        argv = [*stage.argv, f"--junitxml={report}"] if stage.pytest else list(stage.argv)
        print(f"== {stage.name}", flush=True)  # noqa: T201
        start = time.monotonic()
        code = subprocess.run(argv, cwd=ROOT, check=False).returncode
        good, bad = _count(report) if report.exists() else (int(not stage.pytest and code == 0), 0)
        passed += good
        failed += max(bad, int(code != 0))
        verdict = "ok     " if code == 0 else "FAILED "
        lines.append(f"{verdict} {stage.name}: {good} passed, {time.monotonic() - start:.0f} s")
    spent = time.monotonic() - began
    lines.append("left out by design: chaos (make chaos), collector, benches (make bench)")
    if spent > BUDGET_S:
        lines.append(f"FAILED  budget: {spent / 60:.1f} min, allowed {BUDGET_S / 60:.0f}")
        failed += 1
    print("\n".join(["", *lines, f"{spent:.0f} s in all", f"{passed} passed, {failed} failed"]))  # noqa: T201
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
