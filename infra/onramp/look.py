"""Looks at an application: its directory, or the command that starts it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from infra.errors import Misconfigured
from infra.onramp.advice import advise
from infra.onramp.catalogue import catalogue
from infra.onramp.declared_packages import dotnet_packages, go_packages, java_packages, node_packages
from infra.onramp.found import Found
from infra.onramp.python_packages import environment_of, interpreter_of, python_packages

_READERS: Mapping[str, Callable[[Path], Found | None]] = {
    "node": node_packages, "java": java_packages, "go": go_packages, "dotnet": dotnet_packages,
}  # fmt: skip
"""What reads the files of a project, by the runtime whose packages they name."""
_NODE = frozenset(("node", "npm", "npx", "pnpm", "yarn", "tsx", "next", "bun"))
_STARTS = {
    "java": "java", "mvn": "java", "mvnw": "java", "gradle": "java", "gradlew": "java", "go": "go",
    "dotnet": "dotnet",
}  # fmt: skip
"""Runtimes by the command that starts them; Node.js and Python look at more of it."""
_PYTHON_FILES = ("pyproject.toml", "requirements.txt", "setup.py", "uv.lock", "Pipfile")


def look(folder: Path, environ: Mapping[str, str], runtime: str = "", argv: Sequence[str] = ()) -> Found:
    """The application in ``folder``, or the one that ``argv`` starts; ``runtime`` overrides what is found.

    Raises
    ------
    Misconfigured
        If there is no such runtime or folder.
    """
    if runtime and runtime not in catalogue().runtimes:
        raise Misconfigured(f"no runtime {runtime!r}; there are: {', '.join(catalogue().runtimes)}")
    if not folder.is_dir():
        raise Misconfigured(f"{folder} is no directory")
    if not runtime and argv and (started := _started(argv, environ, folder)) is not None:
        return started
    if runtime:
        return _of_runtime(runtime, folder, environ)
    declared = [one for reader in _READERS.values() if (one := reader(folder)) is not None]
    here = any((folder / name).exists() for name in (*_PYTHON_FILES, ".venv", "venv"))
    if not declared:
        return python_packages(environment_of(environ, folder), environ)
    if here or "VIRTUAL_ENV" in environ:
        declared.append(python_packages(environment_of(environ, folder), environ))
    chosen = next((one for one in declared if advise(one).clients), declared[0])
    return replace(chosen, beside=tuple(one.runtime for one in declared if one is not chosen))


def _started(argv: Sequence[str], environ: Mapping[str, str], folder: Path) -> Found | None:
    """What a command starts, by its first word."""
    program = Path(argv[0]).name
    if program in _NODE:
        script = next((word for word in argv[1:] if word.endswith((".mjs", ".cjs", ".js", ".ts"))), "")
        return node_packages(folder, script) or node_packages((folder / script).parent, script)
    if program in _STARTS:
        return _READERS[_STARTS[program]](folder)
    interpreter = interpreter_of(argv, environ, folder)
    return None if interpreter is None else python_packages(interpreter, environ)


def _of_runtime(runtime: str, folder: Path, environ: Mapping[str, str]) -> Found:
    like = catalogue().runtimes[runtime].like
    if like == "python":
        return python_packages(environment_of(environ, folder), environ)
    found = _READERS[like](folder)
    return Found(runtime) if found is None else replace(found, runtime=runtime)
