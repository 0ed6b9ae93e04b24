"""A real OpenTelemetry Collector with what our configurations name, and telemetrygen, built from Go modules.

Built once into a cache, by the Collector's own builder; ``python -m tests.collector_programs`` does it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

CONFIGURATIONS = ROOT / "infra" / "collector"
BUILDER = "go.opentelemetry.io/collector/cmd/builder@v0.165.0"
TELEMETRYGEN = "github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen@v0.161.0"


@dataclass(frozen=True, slots=True)
class Programs:
    """Paths of what was built."""

    collector: Path
    telemetrygen: Path


def missing() -> str | None:
    """What the machine lacks to build them."""
    return None if shutil.which("go") else "no Go (1.25 or later)"


def programs() -> Programs:
    """The programs, built if they are not there (some minutes)."""
    recipe = (CONFIGURATIONS / "builder.yaml").read_text(encoding="utf-8")
    version = hashlib.sha256("\n".join((recipe, BUILDER, TELEMETRYGEN)).encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lightship" / "collector"
    home = cache / version
    if not home.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            _build(Path(folder), recipe)
            (Path(folder) / "done").rename(home)
    return Programs(home / "otelcol", home / "telemetrygen")


def _build(folder: Path, recipe: str) -> None:
    done = folder / "done"
    done.mkdir()
    environment = {**os.environ, "GOBIN": str(folder / "bin"), "CGO_ENABLED": "0"}
    for module in (BUILDER, TELEMETRYGEN):
        _run(["go", "install", module], folder, environment)
    config = folder / "builder.yaml"
    config.write_text(recipe.replace("dist:\n", f"dist:\n  output_path: {folder / 'dist'}\n", 1))
    _run([str(folder / "bin" / "builder"), "--config", str(config)], folder, environment)
    shutil.copy2(folder / "dist" / "otelcol", done / "otelcol")
    shutil.copy2(folder / "bin" / "telemetrygen", done / "telemetrygen")


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stderr[-3000:]}")


if __name__ == "__main__":
    lack = missing()
    if lack is not None:
        sys.exit(lack)
    built = programs()
    sys.stdout.write(f"{built.collector}\n{built.telemetrygen}\n")
