"""Drift detection: mixture Shiryaev-Roberts statistics whose dispersion is priced as unknown.

``engine`` decides, over arrays; ``change`` says what is known of a change. On them stand ``service`` (what is
watched in one service) with its ``baselines``, ``budgets``, ``fast`` path, ``traffic`` and the ``fleet`` over
several, and ``files`` (one series). ``peers`` are detectors of others.

All arrays are float64 unless said; ticks are absolute (unix seconds // tick_s); rows are channels; nothing a
row does depends on another row. Fit and watch::

    fit_flags(n, s, first_tick, tick_s) -> Baseline    # n events, s hits, shape (T, C); zeros where empty
    fit_values(n, s, first_tick, tick_s) -> Baseline   # s is the sum of the values
    Baseline.{take(rows), concat(parts), to_arrays(), from_arrays(arrays), version, fit, expected(tick)}

    bank = FlagBank(tick_s)                                  # or ValueBank(tick_s)
    bank.append(baseline, w, ticket=..., tick=...) -> rows   # w: expected false pages per tick, per row
    bank.update(tick, n, s, rows=None) -> Crossings          # close a tick; gaps and n = 0 accrue w
    bank.peek(tick, n, s, rows=None) -> Crossings            # open tick, no change of state
    bank.evidence(tick=None) -> log(S / w) per row           # pages at bank.threshold = log(1 / w)
    bank.reset(rows); bank.replace(rows, baseline, tick=...)
    bank.snapshot() -> dict[str, ndarray]; FlagBank.restore(arrays)

    Crossings(rows, log_evidence, threshold, page, direction, alternative)

Explain a crossing of one channel, from stored ticks that reach from the learning period to the crossing::

    explain(baseline_row, first_tick, n, s, earliest=None, known=()) -> Explanation(onset, onset_low,
        onset_high, candidates, effect, effect_low, effect_high, baseline_value, current_value, current_low,
        current_high, odds_ratio, n, n_baseline, kappa, direction)
    effect.quantile_effect(cell_values, before, afters, q=, kappa=) -> effect, low, high, old, new
    attribution.attribute(whole, slices, event_var=, kappa=) -> Attribution(slices, cleared, mix_share,
        inputs_changed)
    detectable.smallest_changes(baseline, bank.cost(rows), bank.threshold) -> Detectable(span_s, rise, fall)
        a span

A file of one series::

    watch(times_s, values, kind=, tick_s=, learn=, budget=, services=, n=) -> Iterator[Finding]

Gross rises over distinct conversations: ``fast_path.FastBank``. A change that stays: ``relevel.relevel``.
Budget: ``Budget.parse("1/month")``; ``allocation.allot`` among services, ``shares.Shares`` inside one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from detectors.drift.change.effect import Explanation, explain
    from detectors.drift.engine.baseline import Baseline
    from detectors.drift.engine.crossings import Crossings
    from detectors.drift.engine.dispersion import fit_flags, fit_values
    from detectors.drift.engine.shiryaev_roberts import Bank, FlagBank, ValueBank
    from detectors.drift.files.watch import watch
else:
    from importlib import import_module

    _PLACES = {
        "Bank": "engine.shiryaev_roberts",
        "Baseline": "engine.baseline",
        "Crossings": "engine.crossings",
        "Explanation": "change.effect",
        "FlagBank": "engine.shiryaev_roberts",
        "ValueBank": "engine.shiryaev_roberts",
        "explain": "change.effect",
        "fit_flags": "engine.dispersion",
        "fit_values": "engine.dispersion",
        "watch": "files.watch",
    }

    def __getattr__(name: str) -> object:
        """What is exported, once it is asked for: who divides a budget does not wait for numpy and scipy."""
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)


__all__ = [
    "Bank",
    "Baseline",
    "Crossings",
    "Explanation",
    "FlagBank",
    "ValueBank",
    "explain",
    "fit_flags",
    "fit_values",
    "watch",
]
