"""Where: how much of a change each slice explains, which slices are in the clear, and whether inputs moved.

The change of a mean over all traffic is a sum over the slices of one dimension: what each slice's own mean
changed, weighted by its traffic now, and what the shift of traffic between slices did. A slice without a past
(a new release) is compared with all traffic before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, ndtri

from detectors.change.effect import wilson
from detectors.engine.ticks import Floats
from detectors.finding import SliceEffect

MIX_DISTANCE = 0.1
"""Least part of the traffic that has to move between slices before inputs count as changed."""
MIX_P = 1e-3
CLEAR_PART = 0.5
"""A slice is cleared when its change is surely less than this part of what it would be had it taken part."""
CLEAR_CONFIDENCE = 0.9
"""Two-sided, so 95 % on the side that counts."""
UNKNOWN_MOVE = 0.5
"""Where more of the traffic than this may have moved unseen, too little came to say that inputs stayed."""
MIX_ERROR = 0.025
"""Chance that the traffic of one side is further from its mix than the bound on what moved allows for."""
LEADING_SHARE = 0.5
"""A slice that explains so much of the change shows how large it is where it happens."""


@dataclass(frozen=True, slots=True)
class SliceCounts:
    """Events and sums of one slice before and since the onset; ``slice`` is ``dim=value``."""

    slice: str
    n_before: float
    s_before: float
    n_after: float
    s_after: float

    @property
    def dimension(self) -> str:
        """The dimension the slice divides by."""
        return self.slice.partition("=")[0]


@dataclass(frozen=True, slots=True)
class Inputs:
    """Whether the mix of inputs moved; ``changed`` is ``None`` where no mix could be compared.

    ``moved`` is the share of the traffic that lies in other values than before (the total variation distance
    of the two mixes), ``moved_high`` its upper 95 % bound.
    """

    changed: bool | None = None
    moved: float | None = None
    moved_high: float | None = None


@dataclass(frozen=True, slots=True)
class Attribution:
    """What explains a change.

    ``slices`` explain most first; ``cleared`` did not take part; ``mix_share`` is the part of the change
    that traffic moving between slices explains, the largest over dimensions; ``inputs`` says whether the mix
    of inputs itself moved.
    """

    slices: tuple[SliceEffect, ...]
    cleared: tuple[str, ...]
    mix_share: float
    inputs: Inputs


def attribute(
    whole: SliceCounts,
    slices: Sequence[SliceCounts],
    *,
    event_var: float | None = None,
    kappa: float = 1.0,
    inputs: frozenset[str] = frozenset({"language"}),
) -> Attribution:
    """Rank slices by the part of the change in ``whole`` they explain beyond their part of the traffic.

    Parameters
    ----------
    whole
        All traffic.
    slices
        Slices of any dimensions; those of one dimension should add up to the whole.
    event_var
        Variance of one event of a value channel; None for rates.
    kappa
        Dispersion: intervals use n / kappa events.
    inputs
        Dimensions that describe what users send: only their mix says that inputs changed.
    """
    p0, p1 = _mean(whole.s_before, whole.n_before), _mean(whole.s_after, whole.n_after)
    change = p1 - p0
    mix: dict[str, float] = {}
    parts: list[tuple[SliceCounts, SliceEffect, float]] = []
    for part in slices:
        if part.n_after <= 0 and part.n_before <= 0:
            continue
        w0, w1 = part.n_before / max(whole.n_before, 1e-9), part.n_after / max(whole.n_after, 1e-9)
        before = _mean(part.s_before, part.n_before) if part.n_before > 0 else p0
        effect = _mean(part.s_after, part.n_after) - before if part.n_after > 0 else 0.0
        moved = (w1 - w0) * (before - p0)
        mix[part.dimension] = mix.get(part.dimension, 0.0) + moved
        share = (w1 * effect + moved) / change if change else 0.0
        if part.n_after > 0:
            parts.append((part, SliceEffect(part.slice, share, effect), share - w1))
    sizes = _sizes(parts, change)
    cleared = {
        part.slice
        for part, told, _ in parts
        if _is_clear(part, told.effect or 0.0, change, sizes[part.dimension], event_var, kappa)
    }
    parts.sort(key=lambda p: (-p[2], p[0].slice))
    explaining = tuple(
        told for _, told, lift in parts if (told.share or 0) > 0 and lift > 0 and told.slice not in cleared
    )
    largest = max((m / change for m in mix.values()), default=0.0) if change else 0.0
    return Attribution(explaining, tuple(sorted(cleared)), largest, _inputs(slices, inputs, kappa))


def _sizes(parts: Sequence[tuple[SliceCounts, SliceEffect, float]], change: float) -> dict[str, float]:
    """Per dimension, the change a slice that took part would show.

    That of the whole, or of the slice that explains most of it.
    """
    sizes: dict[str, float] = {}
    for part, told, lift in parts:
        leads = lift > 0 and (told.share or 0.0) >= LEADING_SHARE
        own = abs(told.effect or 0.0) if leads else 0.0
        sizes[part.dimension] = max(sizes.get(part.dimension, abs(change)), own)
    return sizes


def _mean(s: float, n: float) -> float:
    return s / n if n > 0 else 0.0


def _is_clear(
    part: SliceCounts, effect: float, change: float, size: float, event_var: float | None, kappa: float
) -> bool:
    """Whether the slice's change is below a part of ``size`` with 95 % confidence."""
    if part.n_before <= 0 or change == 0:
        return False
    n = np.array([part.n_before, part.n_after]) / kappa
    if event_var is None:
        rates = np.array([part.s_before / part.n_before, part.s_after / part.n_after])
        low, high = wilson(n, rates * n, CLEAR_CONFIDENCE)
        ends = (high[1] - rates[1], rates[0] - low[0])
        further = np.hypot(*(ends if change > 0 else (rates[1] - low[1], high[0] - rates[0])))
    else:
        z = float(ndtri((1 + CLEAR_CONFIDENCE) / 2))
        further = z * np.sqrt(event_var * (1 / n).sum())
    return bool(effect * np.sign(change) + further < CLEAR_PART * size)


def _inputs(slices: Sequence[SliceCounts], inputs: frozenset[str], kappa: float) -> Inputs:
    """Whether the traffic of an input dimension is divided otherwise than before."""
    found = [_mix([p for p in slices if p.dimension == dimension], kappa) for dimension in sorted(inputs)]
    tested = [one for one in found if one.changed is not None]
    return max(tested, key=lambda one: (bool(one.changed), one.moved or 0.0), default=Inputs())


def _mix(mine: Sequence[SliceCounts], kappa: float) -> Inputs:
    """The mix over the values of one dimension before and since the onset; unknown of fewer than two."""
    before: Floats = np.array([p.n_before for p in mine])
    after: Floats = np.array([p.n_after for p in mine])
    if len(mine) < 2 or before.sum() <= 0 or after.sum() <= 0:
        return Inputs()
    distance = float(np.abs(before / before.sum() - after / after.sum()).sum() / 2)
    unsure = sum(_mix_error(float(side.sum()) / kappa, len(mine)) for side in (before, after))
    high = min(1.0, distance + unsure)
    table = np.stack([before, after])[:, before + after > 0] / kappa
    if distance > MIX_DISTANCE and table.shape[1] > 1:
        expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
        p = float(chdtrc(table.shape[1] - 1, ((table - expected) ** 2 / expected).sum()))  # chi-square
        if p < MIX_P:
            return Inputs(True, distance, high)
    return Inputs(False, distance, high) if high <= UNKNOWN_MOVE else Inputs()


def _mix_error(n: float, values: int) -> float:
    """How far, in total variation, the mix of ``n`` events over so many values may lie from the true one.

    References
    ----------
    Weissman et al., Inequalities for the L1 deviation of the empirical distribution, HP Labs, 2003.
    """
    log_sets = values * np.log(2) + np.log1p(-(2.0 ** (1 - values)))
    return float(np.sqrt(2 * (log_sets - np.log(MIX_ERROR)) / max(n, 1e-9))) / 2
