"""``python -m tests.chaos``: every seed that has not passed yet, on both brokers in turn, and a table of all.

Seeds of one broker share its start, `AT_ONCE` at most; after one that failed the next begins afresh. What has
passed with the same number of interactions at the commit that is checked out is not run again. Ends with 1 if
a seed failed.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.brokers import APACHE, EMBEDDED
from tests.chaos.seed_record import PASSED, append, commit, newest, read, record_file, table
from tests.chaos.seed_record import SeedRun as Run
from tests.conftest import ROOT

AT_ONCE = 5
TEST = "tests/chaos/test_kill_everything.py::test_random_faults_change_nothing"


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    for name, usual in (("INTERACTIONS", 600), ("SEEDS", 10), ("FIRST_SEED", 101)):
        value = int(os.environ.get(f"LIGHTSHIP_CHAOS_{name}") or usual)
        parser.add_argument(f"--{name.lower().replace('_', '-')}", type=int, metavar="N", default=value)
    parser.add_argument("--broker", choices=(EMBEDDED, APACHE), action="append")
    parser.add_argument("--table", action="store_true", help="only print what is known")
    return parser.parse_args(argv)


def _session(broker: str, seeds: Sequence[int], interactions: int, record: Path) -> int:
    """One test session: seeds of a broker, one after another until one fails; how many came to an end."""
    environment = os.environ | {
        "LIGHTSHIP_CHAOS_INTERACTIONS": str(interactions),
        "LIGHTSHIP_CHAOS_FIRST_SEED": str(seeds[0]),
        "LIGHTSHIP_CHAOS_SEEDS": str(len(seeds)),
        "LIGHTSHIP_CHAOS_RECORD": str(record),
    }
    argv = [sys.executable, "-m", "pytest", "-n", "0", "--capture=no", "-m", "chaos", f"{TEST}[{broker}]"]
    before = len(read(record))
    code = subprocess.run(argv, cwd=ROOT, env=environment, check=False).returncode
    places = {(broker, seed) for seed in seeds}  # another run may write to the same file meanwhile
    ended = [run for run in read(record)[before:] if run.place in places]
    if not ended or (code != 0 and all(run.passed for run in ended)):
        seed = seeds[len(ended)] if len(ended) < len(seeds) else seeds[-1]
        why = f"the session ended with {code} beside its seeds"
        append(Run(broker, seed, interactions, why, 0, 0, commit()), record)
    return max(len(ended), 1)


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is left to run."""
    options = _arguments(argv)
    brokers = options.broker or [EMBEDDED, APACHE]
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    record, now = record_file(), commit()

    known = newest(read(record))
    good = {place for place, run in known.items() if (run.result, run.commit) == (PASSED, now)}
    good = {place for place in good if known[place].interactions == options.interactions}
    left = {broker: [seed for seed in seeds if (broker, seed) not in good] for broker in brokers}
    while any(left.values()) and not options.table:
        for broker, mine in left.items():
            together = [seed for i, seed in enumerate(mine[:AT_ONCE]) if seed == mine[0] + i]
            if together:
                del mine[: _session(broker, together, options.interactions, record)]
    runs = newest(read(record))
    shown = [runs[place] for place in itertools.product(brokers, seeds) if place in runs]
    sys.stdout.write("\n".join(table(shown)) + "\n")
    return int(len(shown) < len(brokers) * len(seeds) or not all(run.passed for run in shown))


if __name__ == "__main__":
    sys.exit(main())
