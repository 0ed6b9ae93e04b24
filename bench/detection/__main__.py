"""Every acceptance row of drift detection, ours beside river, scipy windows and FOCuS.

    python -m bench.detection [--rows 1,2,19] [--full] [--series 400] [--rivals 40] [--seed 1]

Our thresholds are theoretical, never calibrated: a series may page in 5 % of watched fortnights (h = 11.3),
and the upper limit of what is seen must be within two points of that. Every other detector is set to alarm
on no more than 5 % of the same unchanged series. Figures above their target are marked with "!".
"""

from __future__ import annotations

import argparse
import sys
import time

from bench.detection.plan import H, Plan
from bench.detection.rows import ROWS
from bench.machine import machine


def main() -> int:
    """Run the rows asked for; exit 1 when a target is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.detection",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rows", default=",".join(ROWS), help=f"of {','.join(ROWS)}; all by default")
    parser.add_argument("--full", action="store_true", help="the long run: hours, not minutes")
    parser.add_argument("--series", type=int, help="series a scenario (400; 1,000 in the long run)")
    parser.add_argument(
        "--rivals", type=int, default=40, help="series for other detectors; 0: leave them out"
    )
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rows = asked.rows.split(",")
    if unknown := [row for row in rows if row not in ROWS]:
        parser.error(f"there is no row {unknown[0]!r}: they are {', '.join(ROWS)}")
    plan = Plan(asked.seed, asked.series or (1_000 if asked.full else 400), asked.rivals, asked.full)
    print(
        f"{machine()}; seed {plan.seed}; {plan.series} series a scenario, {plan.changed} that change, "
        f"{plan.rivals} for other detectors; h = {H:.1f}",
        flush=True,
    )
    print(f"   row  {'what':<62}{'ours':>10}{'target':>10}")
    missed = 0
    contests = []
    for row in rows:
        started = time.process_time()
        report = ROWS[row](plan)
        for figure in report.figures:
            print(figure.line(), flush=True)
        for note in report.notes:
            print(f"        {note}", flush=True)
        contests += report.contests
        missed += sum(not figure.met for figure in report.figures)
        print(f"        ({time.process_time() - started:.0f} s of processor time)", flush=True)
    for contest in contests:
        print(*contest.lines(), sep="\n")
    print(f"targets missed: {missed}")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
