"""The environment of a stack: its packages, made once and kept while its description stays the same."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.stacks.stack import Stack

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".pytest_cache" / "stacks"
ENOUGH_S = 900


def made(stack: Stack) -> Path:
    """Its folder, with packages installed and the application's files written."""
    described = json.dumps([stack.kind, stack.install, stack.build]).encode()
    folder = KEPT / f"{stack.name}-{hashlib.sha256(described).hexdigest()[:12]}"
    ready = folder / ".ready"
    if not ready.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        {"python": _python, "node": _node}.get(stack.kind, _by_its_build)(stack, folder)
    for name, text in stack.files.items():
        if name == "package.json":
            continue  # npm has added to it
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    if stack.build:
        _call(folder, "sh", "-c", stack.build)
    ready.touch()
    return folder


def _python(stack: Stack, folder: Path) -> None:
    uv = str(Path(sys.executable).with_name("uv"))
    _call(folder, uv, "venv", "-q", "--python", sys.executable, ".venv")
    _install(stack, folder, uv, "pip", "install", "-q", "--python", ".venv/bin/python", *stack.install)


def _node(stack: Stack, folder: Path) -> None:
    (folder / "package.json").write_text(stack.files["package.json"])
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    _install(stack, folder, "npm", "install", *quiet, *stack.install)


def _by_its_build(stack: Stack, folder: Path) -> None:
    """Maven and Go fetch packages as they build."""
    del stack, folder


def _install(stack: Stack, folder: Path, *argv: str) -> None:
    """Install packages.

    Raises
    ------
    RuntimeError
        If that fails, or takes far too long: says what was to be installed, and what to look at.
    """
    try:
        _call(folder, *argv)
    except (RuntimeError, subprocess.TimeoutExpired, FileNotFoundError) as error:
        raise RuntimeError(
            f"the packages of {stack.name} ({', '.join(stack.install)}) could not be installed with "
            f"{Path(argv[0]).name}: is its registry within reach of this machine? {error}"
        ) from error


def _call(folder: Path, *argv: str) -> None:
    done = subprocess.run(
        argv, cwd=folder, capture_output=True, text=True, timeout=ENOUGH_S, check=False, env=dict(os.environ)
    )
    if done.returncode:
        raise RuntimeError(f"{argv[:4]}: {done.stdout[-2000:]}{done.stderr[-3000:]}")
