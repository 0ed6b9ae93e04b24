"""``python -m bench``: every number we quote, with what it was measured on.

``python -m bench NAME...`` runs some of them, ``--list`` says which there are; options after ``--`` are
passed on: ``python -m bench storage -- --rows 1000000``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.machine import machine

FOLDER = Path(__file__).parent


def benches() -> dict[str, str]:
    """What each bench measures, by name: the modules and packages here that can be run."""
    found = {}
    for path in (*FOLDER.glob("[a-z]*.py"), *FOLDER.glob("*/__main__.py")):
        text = path.read_text(encoding="utf-8")
        if 'if __name__ == "__main__"' in text:
            name = path.parent.name if path.stem == "__main__" else path.stem
            found[name] = text.partition('"""')[2].partition(":")[0].partition("\n")[0]
    return dict(sorted(found.items()))


def main(argv: Sequence[str] | None = None) -> int:
    """0 if all that ran ended well, 1 if one failed, 2 for a name that does not exist."""
    words = list(sys.argv[1:] if argv is None else argv)
    words, passed_on = (
        (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, [])
    )
    known = benches()
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}; all by default")
    parser.add_argument("--list", action="store_true", help="say which there are")
    given = parser.parse_args(words)
    if unknown := [name for name in given.names if name not in known]:
        parser.error(f"there is no bench {unknown[0]!r}: they are {', '.join(known)}")
    if given.list:
        for name, says in known.items():
            print(f"{name:16} {says}")
        return 0
    print(machine(), flush=True)
    failed = [name for name in given.names or known if not _run(name, passed_on)]
    if failed:
        print(f"failed: {', '.join(failed)}")
    return int(bool(failed))


def _run(name: str, options: Sequence[str]) -> bool:
    """Run one in a process of its own: what one leaves in memory must not slow the next."""
    print(f"\n== {name}", flush=True)
    started = time.monotonic()
    ended = subprocess.run([sys.executable, "-m", f"bench.{name}", *options], cwd=FOLDER.parent, check=False)
    print(f"{time.monotonic() - started:.0f} s", flush=True)
    return ended.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
