"""What a finding is called and how its values are written: titles, units, and names made safe to show.

The registry of scorers knows titles and kinds; a score that is not in it is shown by its name.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from alerts.briefs import figures
from alerts.incidents.identity import PIPELINE, POLICY
from detectors.finding import ALL, SEVERAL, Finding
from detectors.scorers import SPECS, ScoreSpec

MAX_NAME = 40
"""Characters of a service, slice or value that are shown."""

_RELATIVE = ("ratio", "relative")
_SHARE = ("share", "pp", "rate")
_NAMELESS = ("median", "mean", "value")
"""Effect units that only say which value it is, of a score without a unit."""
_PLURALS = {"interaction": "interactions", "trace": "traces", "conversation": "conversations"}


def spec_of(score: str) -> ScoreSpec | None:
    """What the registry says of a score; ``None`` for one it does not know."""
    return SPECS.get(score)


def title(score: str) -> str:
    """``Refusals``; a name the registry does not know, in words."""
    spec = spec_of(score)
    return plain(spec.title) if spec else plain(score.replace("_", " ")).capitalize()


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
    """The service, or that there are several."""
    return "several services" if finding.service == SEVERAL else plain(finding.service, limit)


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
    scale = _scale(finding)
    before, after, effect = finding.baseline_value, finding.current_value, finding.effect
    low, high = finding.effect_low, finding.effect_high
    own = "" if finding.effect_unit in _NAMELESS else plain(finding.effect_unit or "")
    rare = scale == "share" and all(
        abs(v) < figures.RARE for v in (before or 0, after or 0, low or 0, high or 0)
    )
    factor, unit = {"share": (100.0, "pp"), "relative": (100.0, "%")}.get(scale, (1.0, own))
    if rare:
        factor, unit = 10_000.0, "per 10,000"
    half = None if low is None or high is None else (high - low) / 2
    step = ""
    if before is not None and after is not None:
        if rare:
            step = f"{figures.number(factor * before, 1)} → {figures.number(factor * after, 1)} {unit}"
        elif scale == "share":
            step = f"{figures.share(before, half)} → {figures.share(after, half)}"
        else:
            shown = "" if scale == "relative" else own
            step = _with_unit(f"{figures.measure(before)} → {figures.measure(after)}", shown)
    interval = ""
    if low is not None and high is not None:
        interval = figures.between(low, high, factor, "" if step and scale == "own" else unit)
    said = ""
    if effect is not None:
        places = figures.decimals(factor * (abs(effect) / 10 if half is None else half))
        said = _with_unit(figures.signed(factor * effect, places), unit)
    return Values(step, interval, said)


def _with_unit(text: str, unit: str) -> str:
    return f"{text}{figures.THIN}{unit}" if unit else text


def measured(finding: Finding) -> str:
    """Title of the score, with what was measured where that is the share of its values in some range."""
    spec = spec_of(finding.score)
    said = next((n for n in finding.notes if n.startswith("share of ")), "")
    if not said or finding.effect_unit not in _SHARE or (spec is not None and spec.kind == "flag"):
        return title(finding.score)
    return f"{title(finding.score)}, {plain(said)}"


def subject(finding: Finding, hits: int) -> str:
    """What happened, without where and when: ``refusals 1.0 % → 58 % (+41 to +66 pp)``."""
    name = inline(title(finding.score))
    if finding.alert_kind == POLICY:
        return f"{name}, {figures.count(hits)} {'hit' if hits == 1 else 'hits'}"
    if finding.alert_kind == "silence":
        return f"no {unit_plural(finding.unit)} arrive"
    if finding.alert_kind == PIPELINE and finding.notes:
        return plain(finding.notes[0], 80)
    said = values(finding).text
    what = inline(measured(finding))
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
