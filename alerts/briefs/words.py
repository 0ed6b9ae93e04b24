"""What a finding is called and how its values are written: titles, units, and names made safe to show.

The registry of scorers knows titles and kinds; a score that is not in it is shown by its name.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from alerts.briefs import figures, limits, quantities
from alerts.incidents.identity import PIPELINE, POLICY, SILENCE
from detectors.finding import ALL, SEVERAL, Finding
from detectors.scorers import SPECS, ScoreSpec

MAX_NAME = 40
"""Characters of a service, slice or value that are shown."""

MAX_STATED = 96
"""Characters of what Lightship states of itself in a headline."""

_RELATIVE = ("ratio", "relative")
_SHARE = ("share", "pp", "rate")
_NAMELESS = ("median", "mean", "value")
"""Effect units that only say which value it is, of a score without a unit."""
_SHARE_OF = "share of "
"""How the note begins that says which values of a score a finding counts."""
SEVERAL_TIMES = 2.0
"""A number that is so many times what it was is also told as that."""
LIMITS = ("rule", "slo")
"""Kinds of findings about an operator's limit."""
_PLURALS = {"interaction": "interactions", "trace": "traces", "conversation": "conversations"}


def spec_of(score: str) -> ScoreSpec | None:
    """What the registry says of a score; ``None`` for one it does not know."""
    return SPECS.get(score)


def title(score: str) -> str:
    """``Refusals``; a name the registry does not know, in words."""
    spec = spec_of(score)
    return plain(spec.title) if spec else plain(score.replace("_", " ")).capitalize()


def named(score: str) -> str:
    """The name of a score inside a sentence."""
    return inline(title(score))


def inline(text: str) -> str:
    """A title inside a sentence: ``Refusals`` -> ``refusals``, but ``PII`` stays."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def plain(text: str, limit: int = MAX_NAME) -> str:
    """A name from outside as one line of visible text, cut to ``limit`` characters.

    Control, format and direction-changing characters are left out: they could rewrite a terminal.
    """
    shown = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text)
    shown = " ".join(shown.split())
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


def whose(finding: Finding, limit: int = MAX_NAME) -> str:
    """The service, or that there are several, or that a rule is about all of them."""
    if finding.service == SEVERAL:
        return "all services together" if finding.alert_kind == "rule" else "several services"
    return plain(finding.service, limit)


def unit_plural(unit: str) -> str:
    """``interaction`` -> ``interactions``."""
    return _PLURALS.get(unit, plain(unit))


@dataclass(frozen=True, slots=True)
class Values:
    """The values of a finding in words; empty where it has none."""

    step: str
    interval: str
    effect: str

    @property
    def text(self) -> str:
        """``1.0 % → 58 % (+41 to +66 pp)``."""
        return f"{self.step} ({self.interval})" if self.step and self.interval else self.step or self.effect


def _scale(finding: Finding) -> str:
    spec, unit = spec_of(finding.score), finding.effect_unit
    if unit in _RELATIVE:
        return "relative"
    if unit in _SHARE or (unit is None and spec is not None and spec.kind in ("flag", "category")):
        return "share"
    return "own"


def values(finding: Finding) -> Values:
    """Baseline, current value, effect and interval of a finding in words."""
    scale, unit = _scale(finding), _unit(finding)
    before, after, effect = finding.baseline_value, finding.current_value, finding.effect
    low, high = finding.effect_low, finding.effect_high
    rare = scale == "share" and all(
        abs(v) < figures.RARE for v in (before or 0, after or 0, low or 0, high or 0)
    )
    factor, of = {"share": (100.0, "pp"), "relative": (100.0, "%")}.get(scale, (1.0, unit))
    if rare:
        factor, of = 10_000.0, "per 10,000"
    half = None if low is None or high is None else (high - low) / 2
    step = ""
    if before is not None and after is not None:
        if rare:
            pair = figures.distinct(before, after, lambda x, more: figures.number(factor * x, 1 + more))
            step = f"{_apart(pair)} {of}"
        elif scale == "share":
            step = _apart(figures.distinct(before, after, lambda x, more: figures.share(x, half, more)))
        else:
            step = quantities.step(before, after, "" if scale == "relative" else unit)
            if scale == "own" and after >= SEVERAL_TIMES * before > 0:
                step += f", ×{figures.measure(after / before, 2)}"
    interval = ""
    if low is not None and high is not None:
        interval = _interval(low, high, factor, of, scale, named=not (step and scale == "own"))
    said = ""
    if effect is not None and scale == "own":
        sign = "+" if effect > 0 else ""
        said = f"{sign}{quantities.amount(effect, unit)}"
    elif effect is not None:
        places = figures.decimals(factor * (abs(effect) / 10 if half is None else half))
        said = _with_unit(figures.signed(factor * effect, places), of)
    return Values(step, interval, said)


def _apart(pair: tuple[str, str]) -> str:
    """Two values as a step; of one that stayed where it was only where that is."""
    return f"about {pair[1]}" if pair[0] == pair[1] else f"{pair[0]} → {pair[1]}"


def _interval(low: float, high: float, factor: float, unit: str, scale: str, *, named: bool) -> str:
    """``+41 to +66 pp``; of money and of what is counted in the way of its unit."""
    if scale == "own" and (unit in quantities.CURRENCIES or unit in quantities.WHOLE):
        ends = [f"{'+' if x > 0 else ''}{quantities.amount(x, unit)}" for x in (low, high)]
        if ends[0] == ends[1]:
            return ends[0]
        return " to ".join(ends if named else [end.removesuffix(f"{figures.THIN}{unit}") for end in ends])
    return figures.between(low, high, factor, unit if named else "")


def _unit(finding: Finding) -> str:
    """The unit of a finding's values, as the score has it where the finding only says which value it is."""
    if finding.effect_unit in _NAMELESS or finding.effect_unit is None:
        spec = spec_of(finding.score)
        return spec.value_unit if spec is not None and finding.effect_unit in _NAMELESS else ""
    return plain(finding.effect_unit)


def _with_unit(text: str, unit: str) -> str:
    return f"{text}{figures.THIN}{unit}" if unit else text


def part_measured(finding: Finding) -> str:
    """Which values are counted, where it is the share of a score's values: ``above 512 characters``."""
    spec = spec_of(finding.score)
    said = next((n for n in finding.notes if n.startswith(_SHARE_OF)), "")
    if not said or finding.effect_unit not in _SHARE or (spec is not None and spec.kind == "flag"):
        return ""
    part = plain(said.removeprefix(_SHARE_OF).removeprefix("values").lstrip(": "))
    unit = spec.value_unit if spec is not None else ""
    return f"{part} {unit}" if unit and part.startswith(("above ", "below ")) else part


def measured(finding: Finding) -> str:
    """Title of the score, with which of its values are counted where it is the share of some of them."""
    part = part_measured(finding)
    return f"{title(finding.score)} {part}" if part else title(finding.score)


def subject(finding: Finding, hits: int) -> str:
    """What happened, without where and when: ``refusals 1.0 % → 58 % (+41 to +66 pp)``."""
    name = named(finding.score)
    if finding.alert_kind == POLICY:
        return f"{name}, {figures.count(hits)} {'hit' if hits == 1 else 'hits'}"
    if finding.alert_kind == SILENCE:
        usual = finding.baseline_value
        told = f" ({quantities.amount(round(usual), '')} an hour are usual)" if usual and usual >= 1 else ""
        return f"no {unit_plural(finding.unit)} arrive{told}"
    if finding.alert_kind == PIPELINE and finding.notes:
        return plain(finding.notes[0], MAX_STATED)
    if finding.alert_kind in LIMITS and (said := limits.limit_text(finding, named)):
        return said
    said = values(finding).text
    what = inline(measured(finding))
    if finding.alert_kind == "anomaly":
        return f"a burst of {what}, over by itself" + (f": {said}" if said else "")
    if finding.alert_kind == "volume" and said:
        return f"fewer calls: {said}"
    return f"{what}{':' if what != name else ''} {said}" if said else f"{name} changed"


def slice_words(name: str, limit: int = MAX_NAME) -> str:
    """Where, in a sentence: ``in language=es``, ``over all traffic``."""
    return "over all traffic" if name == ALL else f"in {plain(name, limit)}"


_STAGE = {"provisional": "seen in the open tick", "confirmed": "confirmed", "withdrawn": "withdrawn"}


def statement(finding: Finding) -> str:
    """What a line of history says about a finding."""
    where = "" if finding.slice == ALL else f" in {finding.slice}"
    state = "ended" if finding.ended_at is not None else _STAGE[finding.status]
    return f"{finding.score}{where}: {state}"
