"""Wall clocks of processes that a test sets while they run: each follows a file (`clock_shim`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from infra.embedded.child_spec import ChildSpec

SHIM = Path(__file__).parent / "clock_shim"


@dataclass(frozen=True, slots=True)
class Clocks:
    """Wall clocks of some processes; the monotonic clock and the times of files stay as they are."""

    folder: Path
    processes: Sequence[str]

    def adapt(self, spec: ChildSpec) -> ChildSpec:
        """The process with a clock of its own, if it is one of ours."""
        if spec.name not in self.processes:
            return spec
        self.set(spec.name, 0.0)
        mine = {"PYTHONPATH": str(SHIM), "CLOCK_OFFSET_FILE": str(self._file(spec.name))}
        return replace(spec, env={**spec.env, **mine})

    def set(self, process: str, by_s: float) -> None:
        """Let a process's clock be off by so much."""
        new = self._file(process).with_suffix(".new")
        new.write_text(f"{by_s:+.3f}\n", encoding="ascii")
        new.replace(self._file(process))

    def _file(self, process: str) -> Path:
        return self.folder / f"{process}.clock"
