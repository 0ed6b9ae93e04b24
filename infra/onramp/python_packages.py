"""The packages of a Python interpreter that is not ours, and which interpreter a command starts."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.onramp.found import Found, Package

ENOUGH_S = 20
HEAD_BYTES = 4096
_INTERPRETER = re.compile(r"(?:/\S*)?\b(?:python|pypy)[\d.]*$")
_SHEBANG = re.compile(rb"^#!\s*(\S+)(?:\s+(\S+))?")
_EXEC = re.compile(rb"^'''exec' (?:\"([^\"]+)\"|(\S+))", re.MULTILINE)
"""How installers start a script whose interpreter's path is too long for ``#!``."""

_PROJECT_RUNNERS = frozenset(("uv", "poetry", "pipenv", "hatch", "pdm", "rye"))
_ASK = """
import sys; sys.path[:] = [p for p in sys.path if p]
import importlib.metadata as m, json, re
out = {}
for d in m.distributions():
    name = d.metadata["Name"]
    if name:
        name = re.sub("[-_.]+", "-", name).lower()
        takes = [r for r in (d.requires or []) if re.search("extra *== *.instruments[^-]", r)]
        out.setdefault(name, [d.version, takes])
print(json.dumps([sys.version.split()[0], sys.prefix, out]))
"""
_TAKES = re.compile(r"^([A-Za-z0-9._-]+)\s*\(?([^;)]*)\)?\s*;")


def interpreter_of(argv: Sequence[str], environ: Mapping[str, str], folder: Path) -> Path | None:
    """The Python that a command starts; ``None`` if it starts none that is known.

    Looks at the command itself, at the first line of a script (``uvicorn``), and
    for project runners (``uv run``) at the project's ``.venv``.
    """
    words = list(argv)
    while words and (Path(words[0]).name in ("env", "nohup", "time", "nice") or "=" in words[0]):
        words.pop(0)
    if not words:
        return None
    if Path(words[0]).name in _PROJECT_RUNNERS:
        return environment_of(environ, folder)
    program = shutil.which(words[0], path=environ.get("PATH", ""))
    if program is None:
        return None
    if _INTERPRETER.fullmatch(Path(program).name):
        return Path(program)
    return _of_script(Path(program), environ)


def environment_of(environ: Mapping[str, str], folder: Path) -> Path | None:
    """The Python of ``$VIRTUAL_ENV``, of the folder's ``.venv`` or ``venv``, else the one on the path."""
    named = environ.get("VIRTUAL_ENV")
    for place in (Path(named) if named else None, folder / ".venv", folder / "venv"):
        if place is not None and (found := next(iter(place.glob("bin/python")), None)) is not None:
            return found
    for name in ("python", "python3"):
        if (program := shutil.which(name, path=environ.get("PATH", ""))) is not None:
            return Path(program)
    return None


def python_packages(interpreter: Path | None, environ: Mapping[str, str]) -> Found:
    """What is installed for an interpreter, by its own word."""
    if interpreter is None:
        return Found(
            "python", "no Python", trouble="no Python was found: name one, lightship run -- python app.py"
        )
    kept = {k: v for k, v in environ.items() if not k.startswith("OTEL_")}
    try:
        done = subprocess.run(
            [interpreter, "-c", _ASK], env=kept, capture_output=True, timeout=ENOUGH_S, check=True
        )
        version, prefix, packages = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        trouble = f"{interpreter} does not say what is installed: {type(error).__name__}"
        return Found("python", str(interpreter), trouble=trouble)
    where = f"Python {version} in {prefix}"
    return Found("python", where, {name: _package(*one) for name, one in packages.items()})


def _package(version: str, takes: Sequence[str]) -> Package:
    found = (_TAKES.match(one) for one in takes)
    wanted = {re.sub("[-_.]+", "-", f[1]).lower(): f[2].strip() for f in found if f is not None}
    return Package(version, wanted)


def _of_script(program: Path, environ: Mapping[str, str]) -> Path | None:
    try:
        with program.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return None
    shebang = _SHEBANG.match(head)
    if shebang is None:
        return None
    if (long := _EXEC.search(head)) is not None:
        return Path(os.fsdecode(long[1] or long[2]))
    first, second = Path(os.fsdecode(shebang[1])), os.fsdecode(shebang[2] or b"")
    if first.name == "env" and second:
        found = shutil.which(second, path=environ.get("PATH", ""))
        first = Path(found) if found else first
    return first if _INTERPRETER.fullmatch(first.name) else None
