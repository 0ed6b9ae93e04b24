"""Code of the operator's own: functions in files beside the settings, and installed plug-ins."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.errors import Misconfigured


def function_in(place: str, where: str) -> tuple[Any, str]:
    """The function that ``place`` (``FILE.py:FUNCTION``, ``.py`` may be left out) names, and its version.

    The version is a digest of the file. ``where`` is the setting, for messages.

    Raises
    ------
    Misconfigured
        If there is no such file or function, or the file cannot be run.
    """
    file, _, name = place.rpartition(":")
    if not file or not name.isidentifier():
        raise Misconfigured(f"{where} = {place!r} must be FILE.py:FUNCTION")
    path = Path(file if file.endswith(".py") else f"{file}.py")
    try:
        source = path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{where}: cannot read {path}: {error.strerror}") from error
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise Misconfigured(f"{where}: {path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise Misconfigured(f"{where}: {path} cannot be run: {type(error).__name__}: {error}") from error
    found = getattr(module, name, None)
    if not callable(found):
        raise Misconfigured(f"{where}: {path} has no function {name!r}")
    return found, hashlib.sha256(source).hexdigest()[:12]


def plug_ins(group: str) -> Iterator[tuple[str, Any]]:
    """Name and object of every installed entry point of ``group``, in order of their names.

    Raises
    ------
    Misconfigured
        If one cannot be loaded.
    """
    for point in sorted(importlib.metadata.entry_points(group=group), key=lambda p: p.name):
        try:
            yield point.name, point.load()
        except Exception as error:
            raise Misconfigured(
                f"plug-in {point.name!r} of {group} ({point.value}) cannot be loaded:"
                f" {type(error).__name__}: {error}"
            ) from error


def text_of(path: str, where: str) -> str:
    """Text of a file that a setting names.

    Raises
    ------
    Misconfigured
        If it cannot be read or is not UTF-8.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{where}: cannot read {path}: {getattr(error, 'strerror', error)}") from error
