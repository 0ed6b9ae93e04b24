"""Reads ``catalogue.toml``: clients and frameworks by runtime, what instruments them, and their switches."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("catalogue.toml")


@dataclass(frozen=True, slots=True)
class Start:
    """What makes a runtime load an installed ``package``: a ``value`` to add to a ``variable``."""

    package: str
    variable: str
    value: str


@dataclass(frozen=True, slots=True)
class Runtime:
    """One way to run an application. ``like``: the runtime whose packages it uses."""

    name: str
    title: str
    install: str
    content: Mapping[str, str]
    like: str
    start: Start | None


@dataclass(frozen=True, slots=True)
class Family:
    """Instrumentations that read the same switches; older than ``below`` only, where that is given."""

    runtime: str
    packages: tuple[str, ...]
    set: Mapping[str, str]
    below: str


@dataclass(frozen=True, slots=True)
class Instrumentation:
    """A package, versions of the library it takes (empty: all), and what it imports but does not bring."""

    package: str
    takes: str = ""
    needs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Library:
    """A model client, or a framework that calls one. The fields are those of ``catalogue.toml``."""

    runtime: str
    name: str
    by: tuple[Instrumentation, ...] = ()
    framework: bool = False
    calls: bool = True
    own: bool = False
    serves: bool = False
    in_code: str = ""
    says: str = ""
    set: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Vendor:
    """Libraries that send to an address of their own, and what points them here or switches them off.

    They are in use where one of the ``packages`` is, or a variable that begins with one of the ``prefixes``.
    """

    name: str
    packages: tuple[str, ...]
    prefixes: tuple[str, ...]
    set: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All of it."""

    runtimes: Mapping[str, Runtime]
    families: tuple[Family, ...]
    libraries: tuple[Library, ...]
    vendors: tuple[Vendor, ...]


@cache
def catalogue() -> Catalogue:
    """The catalogue that ships with Lightship."""
    data = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return Catalogue(
        {name: _runtime(name, one) for name, one in data["runtime"].items()},
        tuple(
            Family(one["runtime"], tuple(one["packages"]), one["set"], one.get("below", ""))
            for one in data["family"]
        ),
        tuple(_library(one) for one in data["library"]),
        tuple(
            Vendor(one["name"], tuple(one["packages"]), tuple(one["prefixes"]), one["set"])
            for one in data["vendor"]
        ),
    )


def matches(pattern: str, name: str) -> bool:
    """Whether a name of the catalogue, which may be a prefix with ``*``, means a package."""
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def matching(patterns: Iterable[str], names: Iterable[str]) -> list[str]:
    """Those of the names that one of the patterns means, in order."""
    patterns = tuple(patterns)
    return [name for name in names if any(matches(pattern, name) for pattern in patterns)]


def _runtime(name: str, one: Mapping[str, Any]) -> Runtime:
    start = Start(**one["start"]) if "start" in one else None
    return Runtime(name, one["title"], one["install"], one["content"], one.get("like", name), start)


def _library(one: Mapping[str, Any]) -> Library:
    by = tuple(Instrumentation(**b) for b in one.get("by", ()))
    return Library(**{**one, "by": by})
