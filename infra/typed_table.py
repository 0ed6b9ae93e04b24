"""Tables of a TOML file and variables of the environment, checked against dataclasses.

Every message names the setting, the value and what is allowed; a name that does not exist comes with the
nearest one that does. Passwords inside addresses are not repeated.
"""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Collection, Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any

from infra.errors import Misconfigured

PREFIX = "LIGHTSHIP_"
MAX_SHOWN = 80
_KINDS: Mapping[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text in quotes",
}
_PASSWORD = re.compile(r"//[^/@'\"]*@")


def unknown(what: str, given: str, known: Collection[str]) -> Misconfigured:
    """The error for a name that does not exist, with the nearest one that does."""
    near = difflib.get_close_matches(given, sorted(known), n=1, cutoff=0.5)
    hint = f", did you mean {near[0]!r}?" if near else ""
    return Misconfigured(
        f"unknown {what} {given[:MAX_SHOWN]!r}{hint} (known: {', '.join(sorted(known)) or 'none'})"
    )


def build(cls: Any, data: Any, where: str) -> Any:
    """A dataclass from a table; ``where`` is the name of the table, empty for the whole file.

    Raises
    ------
    Misconfigured
        If a key is unknown or missing, or a value has the wrong type or is out of its limits.
    """
    if not isinstance(data, dict):
        raise Misconfigured(f"{where} must be a table, got {_shown(data)}")
    hints = typing.get_type_hints(cls)
    known = {key_of(f): f for f in fields(cls)}
    for key in data:
        if key not in known:
            raise unknown(f"key in [{where}]:" if where else "section", key, known)
    values = {}
    for name, f in known.items():
        at = f"{where}.{name}" if where else name
        if name in data:
            values[f.name] = _value(hints[f.name], data[name], at)
            _check(f, values[f.name], at)
        elif f.default is MISSING and f.default_factory is MISSING:
            raise Misconfigured(f"{at} is missing")
    return cls(**values)


def key_of(f: Field[Any]) -> str:
    """Name of a field in the file: without the ``_`` that tells it from a keyword of Python."""
    return f.name.removesuffix("_")


def is_table(hint: Any) -> bool:
    """Whether a key of this type is a table of its own, or a table of such."""
    return is_dataclass(hint) or typing.get_origin(hint) is Mapping


def _value(hint: Any, value: Any, where: str) -> Any:
    """One value converted to its declared type."""
    origin = typing.get_origin(hint)
    if is_dataclass(hint):
        return build(hint, value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise Misconfigured(f"{where} must be a list, got {_shown(value)}")
        inner = typing.get_args(hint)[0]
        return tuple(_value(inner, v, f"{where}[{i}]") for i, v in enumerate(value))
    if origin is Mapping:
        inner = typing.get_args(hint)[1]
        if not isinstance(value, dict):
            raise Misconfigured(f"{where} must be a table, got {_shown(value)}")
        return types.MappingProxyType({k: _value(inner, v, f"{where}.{k}") for k, v in value.items()})
    if hint is Path:
        return Path(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not hint:
        raise Misconfigured(f"{where} must be {_KINDS[hint]}, got {_shown(value)}")
    return value


def _check(f: Field[Any], value: Any, where: str) -> None:
    """Limits that stand at the definition."""
    within, one_of = f.metadata.get("within"), f.metadata.get("one_of") or ()
    if within is not None and not within[0] <= value <= within[1]:
        low, high = (f"{limit:,g}".replace(",", "_") for limit in within)
        raise Misconfigured(f"{where} = {value} is out of range: it may be {low} to {high}")
    for one in (value if isinstance(value, tuple) else (value,)) if one_of else ():
        if one not in one_of:
            raise Misconfigured(f"{where} = {_shown(one)} is none of {', '.join(one_of)}")


def _shown(value: Any) -> str:
    """A value for a message: short, without the password of an address."""
    text = repr(value)
    return _PASSWORD.sub("//***@", text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "...")


def overrides(cls: Any, environ: Mapping[str, str]) -> Iterator[tuple[str, str, Any]]:
    """Section, key and value of every ``LIGHTSHIP_<SECTION>_<KEY>``; lists are separated by commas.

    An empty variable counts as not set.

    Raises
    ------
    Misconfigured
        If a variable of a section names no key of it, or its value has the wrong type.
    """
    for section, hint in typing.get_type_hints(cls).items():
        if not is_dataclass(hint):
            continue
        prefix = f"{PREFIX}{section}_".upper()
        keys = {
            f"{prefix}{key.upper()}": (key, kind)
            for key, kind in typing.get_type_hints(hint).items()
            if not is_table(kind)
        }
        for name in sorted(n for n in environ if n.startswith(prefix)):
            if name not in keys:
                raise unknown("variable", name, keys)
            key, kind = keys[name]
            if environ[name]:
                yield section, key, _parsed(name, environ[name], kind)


def _parsed(name: str, text: str, kind: Any) -> Any:
    if kind is str:
        return text
    if typing.get_origin(kind) is tuple:
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        return {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
    except (ValueError, KeyError):
        raise Misconfigured(f"{name} = {_shown(text)} must be {_KINDS[kind]}") from None
