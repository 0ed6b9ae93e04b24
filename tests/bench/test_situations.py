"""The table of situations counts what was told: once, besides, and that it is over."""

from __future__ import annotations

from bench.situations.runs import Run, odd, report
from bench.situations.traffic import SITUATIONS
from bench.webhook import Heard

BY_NAME = {s.name: s for s in SITUATIONS}


def run(name: str, *heard: tuple[float, str, str]) -> Run:
    return Run(
        BY_NAME[name],
        f"{name}-0",
        "run-0",
        100.0,
        700.0,
        heard=[Heard(at, name, i, kind, "") for at, kind, i in heard],
    )


def cells(runs: list[Run]) -> list[str]:
    _, line = report(runs)
    return line[44:].split()


def test_a_cause_is_told_once_and_its_end() -> None:
    runs = [
        run("errors", (130.0, "opened", "a"), (140.0, "raised", "a"), (1300.0, "resolved", "a")),
        run("errors", (190.0, "opened", "b")),
    ]
    assert cells(runs) == ["2/2", "60.0", "90.0", "120", "0", "1/2", "600.0"]
    assert odd(runs) == []


def test_what_is_told_twice_or_of_nothing_is_counted() -> None:
    twice = run("errors", (130.0, "opened", "a"), (135.0, "opened", "b"), (900.0, "reopened", "a"))
    assert cells([twice])[4] == "2"
    early = run("dark", (90.0, "opened", "a"))
    quiet = run("control", (300.0, "opened", "a"))
    assert cells([quiet]) == ["0/1", "-", "-", "1", "0/0", "-"]
    assert [h.at_s for h in odd([twice, early, quiet])] == [90.0, 300.0]
