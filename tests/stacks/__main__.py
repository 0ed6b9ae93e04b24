"""``python -m tests.stacks [--record DIR] [NAME…]``: runs stacks and prints the table of what arrived.

A run of all of them that finds nothing wrong writes ``docs/stacks.md``. With ``--record`` what they sent is
kept as a suite of ``lightship decode --conformance``.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.stacks.recording import record
from tests.stacks.site import Outcome, site
from tests.stacks.stack import COLUMNS, stacks

WIDTH = 34
PAGE = Path(__file__).resolve().parents[2] / "docs" / "stacks.md"
INTRODUCTION = """# What each stack sends

Real applications, each in its own environment with the newest packages (Java: pinned ones), started with
nothing set but what `lightship env` prints. *Calls*: how many of those that the model's provider answered
arrived. A dash is what the application or its instrumentation does not send, and the last column says why.
`make stacks` runs them again and writes this page.
"""


def row(one: Outcome) -> str:
    """A line of the table: ``-`` is what the instrumentation is known not to send, ``LOST`` what is not."""
    cells = ["yes" if name in one.has else "-" if name in one.stack.lacks else "LOST" for name in COLUMNS]
    return f"{one.stack.name:<{WIDTH}}{f'{one.arrived}/{one.asked}':<9}" + "".join(f"{c:<10}" for c in cells)


def complete(one: Outcome) -> bool:
    """Whether all calls arrived, with all that is promised."""
    return one.arrived == one.asked - one.stack.untold > 0 and one.lacking == set(one.stack.lacks)


def page(outcomes: Sequence[Outcome]) -> str:
    """The table as a page of the documentation."""
    lines = [INTRODUCTION, "| stack | calls | " + " | ".join(COLUMNS) + " | not sent |", "|---" * 11 + "|"]
    for one in outcomes:
        cells = ["yes" if name in one.has else "–" for name in COLUMNS]
        lacks = "; ".join(f"{name}: {why}" for name, why in one.stack.lacks.items())
        lines.append(f"| {one.stack.name} | {one.arrived} of {one.asked} | {' | '.join(cells)} | {lacks} |")
    return "\n".join(lines) + "\n"


def main(names: list[str], folder: Path | None = None) -> int:
    """Run those named, or all; with ``folder`` what they sent is recorded there."""
    known = stacks()
    wrong: list[str] = []
    outcomes: list[Outcome] = []
    out = sys.stdout.write
    out(f"{'stack':<{WIDTH}}{'arrived':<9}" + "".join(f"{name:<10}" for name in COLUMNS) + "\n")
    with tempfile.TemporaryDirectory() as home, site(Path(home)) as running:
        for name, stack in known.items():
            if names and not any(name.startswith(wanted) for wanted in names):
                continue
            try:
                one = running.run(stack)
            except Exception as error:  # noqa: BLE001 - one stack that cannot be made takes no other down
                out(f"{name:<{WIDTH}}not run: {str(error)[:1500]}\n")
                wrong.append(name)
                continue
            outcomes.append(one)
            if folder is not None:
                record(folder, one)
            out(row(one) + "\n")
            sys.stdout.flush()
            if not complete(one):
                wrong.append(name)
                if names:
                    out(one.printed + "\n")
    out(f"{len(known)} stacks described; wrong: {', '.join(wrong) or 'none'}\n")
    if not (names or wrong):
        PAGE.write_text(page(outcomes), encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    given = sys.argv[1:]
    recorded = Path(given[1]) if given[:1] == ["--record"] else None
    sys.exit(main(given[2:] if recorded else given, recorded))
