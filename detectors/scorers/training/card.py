"""A model card from the figures of a head: what it is for, how good it is, where it fails, what taught it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

Figures = Mapping[str, Any]

_QUALITY = ("n", "positive", "AUC", "hits at 1 %", "hits at 5 %")


@cache
def words() -> dict[str, Any]:
    """`card_words.toml`."""
    return tomllib.loads(files(__package__).joinpath("card_words.toml").read_text(encoding="utf-8"))


def card(figures: Figures) -> str:
    """The card in Markdown."""
    return "\n".join(_lines(figures)) + "\n"


def _lines(f: Figures) -> Iterator[str]:
    name, text = f["head"], words()["text"]
    yield from (f"# Model card: {name}", "")
    yield f"Says {words()['purpose'][name]}, as a probability in 0..1,"
    yield f"where {_percent(f['prior'], 0)} of all texts are."
    yield f"Weights `{f['fingerprint']}`, seed {f['seed']}, by `python -m detectors.scorers.training`."
    yield from ("", "## Intended use", "", text["use"])
    yield f"At the value {f['level_at_1']} one in a hundred of the held ordinary texts is a false alarm."
    yield from ("", "## Model", "", text["model"])
    recipe = f["recipe"]
    yield f"C {recipe['c']}, power of rarity {recipe['rarity']}, share of the plain fit {recipe['plain']},"
    yield f"{recipe['steps']} steps. Rounding to one byte moves margins by"
    yield f"{_percent(f['int8_change'], 2)} of their spread. {text['cost']}"
    yield from ("", "## Quality on held rows", "", text["held"], "")
    yield from _table("rows", _QUALITY)
    yield _quality("labelled", f["held"]["labelled"])
    yield _quality("with ordinary text", f["held"]["with_ordinary"])
    yield ""
    if long := f["held"].get("long_prompts"):
        alarms = _percent(long["false_alarms_at_1"])
        yield f"Long prompts of real users (arena-hard, {long['n']}): {alarms} false alarms at the 1 % level."
        yield ""
    yield from _slices("source", f["held"]["sources"])
    yield from _slices("language", f["held"]["languages"])
    yield from _qualities("Families of attacks it had never seen", text["families"], "family", f["families"])
    yield from _qualities("Disguised", text["disguises"], "disguise", f["disguises"])
    if f["never_taught"]:
        yield from ("### Sources it never learns from", "", text["never"], "")
        yield from _table("source", ("n", "positive", "over the level", "AUC"))
        for s in f["never_taught"]:
            yield _row(s["name"], s["n"], s["positives"], _percent(s["over_level"]), s["auc"])
        yield ""
    yield from ("## Limits", "", *(f"- {limit}" for limit in words()["limits"][name]), "")
    yield from ("## Data and credits", "")
    trained = f["trained_on"]
    yield f"{trained['n']} texts, {trained['positives']} of them positive. {text['credits']}"
    yield ""
    yield from _table("source", ("licence", "texts"))
    yield from (_row(*row) for row in f["credits"])


def _qualities(title: str, text: str, column: str, named: Mapping[str, Figures]) -> Iterator[str]:
    if named:
        yield from (f"### {title}", "", text, "", *_table(column, _QUALITY))
        yield from (_quality(name, q) for name, q in named.items())
        yield ""


def _slices(title: str, slices: Sequence[Figures]) -> Iterator[str]:
    if not slices:
        return
    yield from (f"### By {title}", "")
    yield from _table(title, ("positive", "negative", "AUC", "hits at 1 %", "false alarms at 1 %"))
    for s in slices:
        shares = _percent(s["hits_at_1"]), _percent(s["false_alarms_at_1"])
        yield _row(s["name"], s["positives"], s["negatives"], s["auc"], *shares)
    yield ""


def _table(first: str, columns: Sequence[str]) -> Iterator[str]:
    yield _row(first, *columns)
    yield "|---|" + "---:|" * len(columns)


def _quality(name: str, q: Figures) -> str:
    return _row(name, q["n"], q["positives"], q["auc"], _percent(q["hits_at_1"]), _percent(q["hits_at_5"]))


def _row(*cells: object) -> str:
    return "| " + " | ".join("" if cell is None else str(cell) for cell in cells) + " |"


def _percent(value: float | None, digits: int = 1) -> str | None:
    return None if value is None else f"{100 * value:.{digits}f} %"
