"""The test command: runs what the machine allows, says what it left out and why, and keeps to a budget.

With ``CI=true`` a missing tool is a failure, what was proved on the embedded broker is proved again on
Apache Kafka, the tests marked ``long`` run as well and a property is tried with all its examples: nothing
lands without them. Else a person waits for the answer, and the budget is less than half. What needs servers
waits a good deal, so two stages run side by side. Long chaos runs, the Collector and benches have their own
make targets and are named here, so that nobody believes they ran.
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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import tests.speed
from tests import apache_kafka, prometheus_alertmanager
from tests.places import NOT_UNIT, PLACES, paths

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
WHOLE_S, USUAL_S = 27 * 60, 12 * 60
"""For all of it, and without what is long, on a machine as fast as the one they were measured on; a slower
one has more (`tests.speed`)."""
LANES = 2
"""Stages that run at a time."""
OTHERS = list(PLACES)
SPREAD, TOGETHER = ("--dist", "worksteal"), ("--dist", "loadfile", "--no-loadscope-reorder")
"""How tests are divided: what a file of them sets up should not be set up by every worker, but a file with
much that is long must not keep one of them busy alone."""


@dataclass(frozen=True)
class Stage:
    """One call of a tool. ``missing`` says what the machine lacks, or nothing.

    ``again`` says what it proves, mostly once more: it is left out unless it is asked for, or in CI.
    """

    name: str
    argv: tuple[str, ...]
    missing: Callable[[], str | None] = lambda: None
    pytest: bool = True
    again: str = ""


@dataclass(frozen=True)
class Done:
    """What a stage came to: tests passed and failed, and the line that says so."""

    passed: int
    failed: int
    line: str


def _data() -> str | None:
    named = os.environ.get("LIGHTSHIP_DATA")
    path = Path(named) if named else ROOT.parent / "shared" / "data"
    return None if (path / "pool").is_dir() else "no directory of real data (set LIGHTSHIP_DATA)"


def _chromium() -> str | None:
    found = any(shutil.which(n) for n in ("chromium", "chromium-browser", "google-chrome"))
    return None if found else "no Chromium (on Debian: apt-get install chromium)"


def _module(name: str) -> Callable[[], str | None]:
    return lambda: None if importlib.util.find_spec(name) else f"the package {name} is not installed"


def _marked(kind: str, *more: str, but: str) -> tuple[str, ...]:
    return (str(BIN / "pytest"), "-q", "-m", f"{kind} and not chaos{but}", *more, *paths(kind))


def first() -> list[Stage]:
    """What is done before anything else, one after another: it takes seconds."""
    return [
        Stage("format", (str(BIN / "ruff"), "format", "--check", "-q", "."), pytest=False),
        Stage("lint", (str(BIN / "ruff"), "check", "-q", "."), pytest=False),
        Stage("rooms", (str(BIN / "lint-imports"),), pytest=False),
        Stage("docs", (str(BIN / "mkdocs"), "build", "--strict", "--quiet"), pytest=False),
    ]


def stages(*, whole: bool) -> list[Stage]:
    """What two lanes take from, in this order; ``whole``: with the tests that are long.

    The longest begins first, and waits for servers while another computes; short ones fill what is left.
    """
    but = "" if whole else " and not long"
    alone = " and ".join(f"not {m}" for m in OTHERS)
    types = Stage("types", (str(BIN / "mypy"),), pytest=False)
    elsewhere = [f"--ignore=tests/{place}" for place in NOT_UNIT]
    unit = Stage(
        "unit",
        (
            str(BIN / "pytest"),
            "-q",
            "-n",
            "auto",
            *(SPREAD if whole else TOGETHER),
            "-m",
            f"{alone}{but}",
            *elsewhere,
        ),
    )
    integration = Stage(
        "integration",
        _marked(
            "integration",
            "-n",
            "2",
            *TOGETHER,
            but=f" and not browser and not data and not kafka and not alertmanager{but}",
        ),
        _module("chdb"),
    )
    kafka = Stage(
        "kafka",
        _marked("kafka", "-n", "2", *TOGETHER, but=f" and not alertmanager{but}"),
        apache_kafka.absent,
        again="what ran on the embedded broker, on Apache Kafka",
    )
    alertmanager = Stage(
        "alertmanager",
        _marked("alertmanager", "-n", "2", but=f" and not kafka{but}"),
        prometheus_alertmanager.missing,
    )
    data = Stage("data", _marked("data", "-n", "2", *TOGETHER, but=but), _data)
    live = Stage("live", _marked("live", but=f" and not integration{but}"), _module("openai"))
    stacks = Stage(
        "stacks",
        _marked("stacks", but=but),
        again="applications in environments of their own, with packages from registries",
    )
    browser = Stage("browser", _marked("browser", but=but), _chromium)
    ordered = [integration, types, unit, browser, kafka, data, live, stacks, alertmanager]
    if whole:
        return ordered
    return [replace(s, argv=(*s.argv, "--hypothesis-profile=quick")) if s.pytest else s for s in ordered]


def _count(report: Path) -> tuple[int, int]:
    """Passed and failed tests of one JUnit report."""
    suites = ET.parse(report).getroot().iter("testsuite")  # noqa: S314 - our own file
    total = bad = skipped = 0
    for suite in suites:
        total += int(suite.get("tests", 0))
        bad += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", 0))
    return total - bad - skipped, bad


def _environment() -> dict[str, str]:
    """Ours, but what was compiled is kept: hundreds of processes would each compile everything anew."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def run(stage: Stage, reports: Path, *, strict: bool, asked: bool = False) -> Done:
    """Run one stage; what it prints is shown when it has ended."""
    if stage.again and not strict and not asked:
        return Done(0, 0, f"left out {stage.name}: {stage.again} (make {stage.name}, or CI=true)")
    lack = stage.missing()
    if lack:
        return Done(0, int(strict), f"{'FAILED ' if strict else 'left out'} {stage.name}: {lack}")
    report = reports / f"{stage.name}.xml"
    report.unlink(missing_ok=True)
    argv = [*stage.argv, f"--junitxml={report}"] if stage.pytest else list(stage.argv)
    print(f"== {stage.name} begins", flush=True)  # noqa: T201
    start = time.monotonic()
    code, said, busy_s = _ended(argv)
    took_s = time.monotonic() - start
    print(f"== {stage.name} took {took_s:.0f} s\n{said}", flush=True)  # noqa: T201
    good, bad = _count(report) if report.exists() else (int(not stage.pytest and code == 0), 0)
    verdict = "ok     " if code == 0 else "FAILED "
    failed = max(bad, int(code != 0))
    took = f"{took_s:.0f} s, {busy_s:.0f} s of a processor"
    return Done(good, failed, f"{verdict} {stage.name}: {good} passed, {took}")


def _ended(argv: list[str]) -> tuple[int, str, float]:
    """Exit code of a program, what it printed, and seconds that it and what it waited for kept a core busy.

    Time on the clock says how many shared the machine; this says what a stage costs.
    """
    with subprocess.Popen(
        argv, cwd=ROOT, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as program:
        assert program.stdout is not None
        said = program.stdout.read().decode(errors="replace")
        _, status, usage = os.wait4(program.pid, 0)
        program.returncode = os.waitstatus_to_exitcode(status)
    return program.returncode, said, usage.ru_utime + usage.ru_stime


def main() -> int:
    """Run all stages; 0 if everything that ran passed and, in CI, nothing was missing."""
    strict = os.environ.get("CI") == "true"
    only = set(sys.argv[1:])
    reports = ROOT / ".pytest_cache" / "reports"
    reports.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    slowness = [tests.speed.slowness()]  # before anything of ours keeps the machine busy, and after

    def ended(stage: Stage) -> Done:
        return run(stage, reports, strict=strict, asked=bool(only))

    done = [ended(stage) for stage in first() if not only or stage.name in only]
    whole = strict or bool(only)
    with ThreadPoolExecutor(LANES) as lanes:
        done += lanes.map(ended, [s for s in stages(whole=whole) if not only or s.name in only])
    if not whole:
        done.append(
            Done(0, 0, "left out tests marked long, and two in three examples of a property (CI=true)")
        )
    spent = time.monotonic() - began
    passed, failed, lines = sum(d.passed for d in done), sum(d.failed for d in done), [d.line for d in done]
    lines.append("left out by design: chaos (make chaos), collector, benches (make bench)")
    allowed_s: float = WHOLE_S if whole else USUAL_S
    slowness.append(tests.speed.slowness())
    lines.append(
        f"slowness {slowness[0]:.2f} before and {slowness[1]:.2f} after: how many times as long this machine "
        "takes as the one the budget was measured on"
    )
    allowed_s *= tests.speed.allowance(max(slowness))
    if spent > allowed_s:
        lines.append(f"FAILED  budget: {spent / 60:.1f} min, allowed {allowed_s / 60:.0f}")
        failed += 1
    print("\n".join(["", *lines, f"{spent:.0f} s in all", f"{passed} passed, {failed} failed"]))  # noqa: T201
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
