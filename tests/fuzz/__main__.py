"""``python -m tests.fuzz [TARGET...] [--seconds 600] [--keep DIR]``: coverage-guided fuzzing with Atheris.

Runs each target in a process of its own for its share of the time, from the seeds and the corpus. An input
that breaks a target or takes longer than `SLOWEST_S` is written to ``--keep`` and ends that target's run;
inputs that reach new code are kept beside it, in a folder a target. Exit code 1 if anything was found.
``make fuzz`` installs Atheris first.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

MOST_BYTES = 64 << 10
SLOWEST_S = 10
MOST_MIB = 3072


def run(target: str, arguments: Sequence[str]) -> None:
    """Fuzz one target in this process; never returns."""
    import atheris  # noqa: PLC0415 - an extra that only fuzzing needs

    with atheris.instrument_imports(include=["ingest", "detectors.redaction", "detectors.observation"]):
        from tests.fuzz.mutation import mutated  # noqa: PLC0415 - what is imported here is instrumented
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415

    def change(data: bytes, most: int, seed: int) -> Any:
        rng = random.Random(seed)
        if rng.random() < 0.3:
            return atheris.Mutate(data, most)
        return mutated(target, data, rng)[:most]

    atheris.Setup(["fuzz", *arguments], TARGETS[target], custom_mutator=change)
    atheris.Fuzz()


def fuzz(target: str, seconds: int, keep: Path, more: Sequence[bytes]) -> bool:
    """Fuzz one target in a child for so long, also from ``more``; whether it withstood."""
    from tests.fuzz.seeds import corpus, seeds  # noqa: PLC0415 - not before the child instruments imports

    folder = keep / target
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate([*seeds()[target], *corpus(target), *more]):
        (folder / f"seed-{number:03}").write_bytes(data[:MOST_BYTES])
    print(f"== {target}, {seconds} s", flush=True)  # noqa: T201
    arguments = [
        f"-max_total_time={seconds}", f"-timeout={SLOWEST_S}", f"-rss_limit_mb={MOST_MIB}",
        f"-max_len={MOST_BYTES}", f"-artifact_prefix={keep}/found-{target}-",
        "-print_final_stats=1", str(folder),
    ]  # fmt: skip
    child = [sys.executable, "-m", "tests.fuzz", "--child", target, *arguments]
    return subprocess.run(child, check=False).returncode == 0


def main(argv: Sequence[str]) -> int:
    """0 if every target withstood, 1 if something was found, 2 for a target that does not exist."""
    if argv[:1] == ["--child"]:
        run(argv[1], argv[2:])
        return 0
    from tests.fuzz.targets import TARGETS  # noqa: PLC0415

    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; all by default"
    )
    parser.add_argument("--seconds", type=int, default=600, help="for all targets together")
    parser.add_argument("--keep", type=Path, default=Path("build/fuzz"), help="folder of what is found")
    parser.add_argument("--seeds", type=Path, help="folder of more inputs to begin with")
    given = parser.parse_args(argv)
    if unknown := [name for name in given.targets if name not in TARGETS]:
        parser.error(f"there is no target {unknown[0]!r}: they are {', '.join(TARGETS)}")
    chosen = given.targets or list(TARGETS)
    more = [path.read_bytes() for path in sorted(given.seeds.iterdir())] if given.seeds else []
    share_s = max(given.seconds // len(chosen), 1)
    broken = [name for name in chosen if not fuzz(name, share_s, given.keep, more)]
    print(f"found something in: {', '.join(broken)}" if broken else "nothing found")  # noqa: T201
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
