"""Scores of an operator's own: what the settings and installed plug-ins declare.

A plug-in is a scorer (`detectors.scorers.protocol.Scorer`) of the entry point group ``lightship.scorers``.
What it declares is added to the settings, so that from then on every score of one's own is a table
``[scorers.own.<score>]``, whoever wrote it, and what is computed follows from the settings alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import orjson

from detectors.scorers.conformance import faults
from detectors.scorers.custom.declared import GROUP, scorer_of, spec_of, table_of
from detectors.scorers.custom.function import CustomFunction
from detectors.scorers.custom.json_form import JsonForm
from detectors.scorers.custom.text_match import TextMatch, pattern_of
from detectors.scorers.protocol import Scorer, ScoreSpec
from detectors.scorers.registry import BUILT_IN, SCORER_VERSIONS
from infra.errors import Misconfigured
from infra.settings import CustomScoreSettings, Settings
from infra.user_code import function_in, plug_ins, text_of

_WAYS = ("regex", "keywords", "json_schema", "python", "plugin")


def with_plug_ins(settings: Settings) -> Settings:
    """``settings`` with what installed plug-ins declare; the same object if there are none.

    Raises
    ------
    Misconfigured
        If a plug-in cannot be loaded, declares nothing that a table could, or a name that is taken.
    """
    own = dict(settings.scorers.own)
    for name, found in plug_ins(GROUP):
        for spec in _scorer(name, found).specs:
            known = own.get(spec.name)
            if known is not None and known == settings.scorers.own.get(spec.name) and known.plugin == name:
                continue  # told before
            if known is not None:
                raise Misconfigured(f"plug-in {name!r}: the score {spec.name!r} is declared twice")
            try:
                own[spec.name] = CustomScoreSettings(plugin=name, **table_of(spec))
            except ValueError as error:
                raise Misconfigured(f"plug-in {name!r}: {error}") from error
    if len(own) == len(settings.scorers.own):
        return settings
    return replace(settings, scorers=replace(settings.scorers, own=own))


def _scorer(name: str, found: Any) -> Scorer:
    """The scorer behind an entry point: an object, or a class or function that makes one."""
    try:
        scorer: Any = scorer_of(found)
    except Exception as error:
        raise Misconfigured(f"plug-in {name!r} cannot be made: {type(error).__name__}: {error}") from error
    if not all(hasattr(scorer, part) for part in ("name", "version", "specs", "score")):
        raise Misconfigured(
            f"plug-in {name!r} is no scorer: it needs name, version, specs and score(records)"
        )
    checked: Scorer = scorer
    if checked.name in SCORER_VERSIONS:
        raise Misconfigured(f"plug-in {name!r}: {checked.name!r} is a built-in scorer, choose another name")
    return checked


def custom_specs(settings: Settings) -> dict[str, ScoreSpec]:
    """What the settings declare, by name.

    Raises
    ------
    Misconfigured
        If a declaration contradicts itself.
    """
    try:
        return {name: spec_of(name, asdict(table)) for name, table in settings.scorers.own.items()}
    except ValueError as error:
        raise Misconfigured(f"[scorers.own]: {error}") from error


def specs_of(settings: Settings) -> Mapping[str, ScoreSpec]:
    """Every declared score of a run: the built-in ones and the operator's."""
    own = custom_specs(settings)
    return {**BUILT_IN, **own} if own else BUILT_IN


def custom_scorers(settings: Settings, *, tried: bool = True) -> tuple[Scorer, ...]:
    """The operator's scorers, ready to run, ``tried`` on odd records.

    Raises
    ------
    Misconfigured
        If one cannot be made (a pattern that RE2 cannot read, a file or function that is not there), or
        breaks what every scorer keeps to.
    """
    specs = custom_specs(settings)
    tables = settings.scorers.own
    made: list[Scorer] = [
        _made(spec, tables[name]) for name, spec in specs.items() if not tables[name].plugin
    ]
    wanted = {table.plugin for table in tables.values() if table.plugin}
    made += [_scorer(name, found) for name, found in plug_ins(GROUP) if name in wanted]
    for scorer in made if tried else ():
        for fault in faults(scorer):
            raise Misconfigured(f"the scorer {scorer.name!r} {fault} (see lightship scorers check)")
    return tuple(made)


def _made(spec: ScoreSpec, table: CustomScoreSettings) -> Scorer:
    where = f"[scorers.own.{spec.name}]"
    given = [way for way in _WAYS if getattr(table, way)]
    if len(given) != 1:
        raise Misconfigured(
            f"{where} needs one of regex, keywords, json_schema and python,"
            f" got {' and '.join(given) or 'none'}"
        )
    try:
        if table.regex:
            return TextMatch(spec, table.regex, table.side)
        if table.keywords:
            return TextMatch(spec, pattern_of(table.keywords), table.side)
        if table.json_schema:
            return JsonForm(spec, orjson.loads(text_of(table.json_schema, f"{where} json_schema")))
        return CustomFunction(spec, *function_in(table.python, f"{where} python"))
    except ValueError as error:  # JSON that does not parse is one, too
        raise Misconfigured(f"{where}: {error}") from error
