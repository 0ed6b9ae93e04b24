"""Learned scores: what their model cards say, sources that teach no head; in the long run all of it anew."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from detectors.scorers.heads import NAMES, folder, load
from detectors.scorers.training.__main__ import train, untaught

Figures = Mapping[str, Any]


def print_learned(data: Path | None, *, full: bool, seed: int) -> None:
    """Held quality of every head, from its card or, in the long run, measured again (minutes a head)."""
    for name in NAMES:
        figures: Figures = json.loads(folder().joinpath(f"{name}.json").read_text(encoding="utf-8"))
        if full and data is not None:
            _, figures = train(data, name, seed)
        _print_held(name, figures, whole=full)
        if data is not None:
            _print_untaught(data, name)


def _print_held(name: str, figures: Figures, *, whole: bool) -> None:
    held = figures["held"]
    print(f"\n{name} ({figures['fingerprint']}; a quarter of the groups held out)")
    for title in ("labelled", "with_ordinary"):
        print(f"  {title.replace('_', ' '):34} {_quality(held[title])}")
    if long := held.get("long_prompts"):
        print(
            f"  {'long prompts of real users':34} false alarms {long['false_alarms_at_1']:.3f}  n {long['n']}"
        )
    for part in ("sources", "languages") if whole else ():
        for s in held[part]:
            print(
                f"  {s['name']:34} AUC {_or_blank(s['auc'])}  hits at 1 % {_or_blank(s['hits_at_1'])}"
                f"  false alarms {_or_blank(s['false_alarms_at_1'])}  n {s['positives']} + {s['negatives']}"
            )
    for family, q in figures["families"].items():
        print(f"  without {family:26} {_quality(q)}")
    for disguise, q in figures["disguises"].items():
        print(f"  disguised, {disguise:23} {_quality(q)}")


def _print_untaught(data: Path, name: str) -> None:
    """Measured now, with the weights as they are."""
    level = json.loads(folder().joinpath(f"{name}.json").read_text(encoding="utf-8"))["level_at_1"]
    for found in untaught(data, name, load(name), math.log(level / (1 - level))):
        ranked = "" if found["auc"] is None else f"  AUC {found['auc']:.3f}"
        over = f"over the level {found['over_level']:.3f}"
        print(f"  never taught: {found['name']:20} {over}{ranked}  n {found['n']}")


def _quality(q: Figures) -> str:
    ranked, at_1, at_5 = (_or_blank(q[key]) for key in ("auc", "hits_at_1", "hits_at_5"))
    counts = f"n {q['positives']} + {q['n'] - q['positives']}"
    return f"AUC {ranked}  hits at 1 % {at_1}  at 5 % {at_5}  {counts}"


def _or_blank(value: float | None) -> str:
    return "     " if value is None else f"{value:.3f}"
