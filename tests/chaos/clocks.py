"""Clocks of processes that a test sets while they run: ``libfaketime`` reads a file for each process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from infra.embedded.child_spec import ChildSpec

LIBRARY = "faketime/libfaketimeMT.so.1"
PLACES = ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib")
READ_AGAIN_S = 1
"""After so long a process looks at its file again."""


def library() -> Path | None:
    """The preloaded library, if it is installed (on Debian: faketime)."""
    return next((path for place in PLACES if (path := Path(place) / LIBRARY).exists()), None)


@dataclass(frozen=True, slots=True)
class Clocks:
    """Clocks of some processes; the monotonic clock and the times of files stay as they are."""

    preload: Path
    folder: Path
    processes: Sequence[str]

    def adapt(self, spec: ChildSpec) -> ChildSpec:
        """The process with a clock of its own, if it is one of ours."""
        if spec.name not in self.processes:
            return spec
        self.set(spec.name, 0.0)
        mine = {
            "LD_PRELOAD": str(self.preload),
            "FAKETIME_TIMESTAMP_FILE": str(self._file(spec.name)),
            "FAKETIME_CACHE_DURATION": str(READ_AGAIN_S),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
        return replace(spec, env={**spec.env, **mine})

    def set(self, process: str, by_s: float) -> None:
        """Let a process's clock be off by so much."""
        new = self._file(process).with_suffix(".new")
        new.write_text(f"{by_s:+.0f}s\n", encoding="ascii")
        new.replace(self._file(process))

    def _file(self, process: str) -> Path:
        return self.folder / f"{process}.clock"
