"""Has a change ended: a reversed Shiryaev-Roberts statistic, null "as after the change".

R <- (R + w) exp(min(l, cap)), l the log likelihood ratio of a step, baseline over changed, divided by its
dispersion; the change has ended when R reaches one. With w one per month of steps, a change that goes on is
declared over once a month at most in expectation, whatever the cap: it only lowers R. The cap has several
steps agree. A step is a tick, on the fast path a minute. One without events tells nothing: missing data never
ends anything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from detectors.change.effect import Explanation
from detectors.engine.baseline import FLAG

MINUTE_S, MONTH_S = 60, 2_592_000
LEAST_RATE = 1e-6
LEAST_TICKS = 2
LEAST_MINUTES = 5
"""Steps that an end takes at least: no single one decides."""


@dataclass(slots=True)
class Recovery:
    """State of one open change in one channel.

    ``before`` is the channel's rate (or mean) in the baseline, ``after`` the smallest change since the onset
    that the finding's interval allows (the best estimate is too large when a crossing came early by luck),
    ``event_var`` the variance of one event of a value channel, ``kappa`` the dispersion, ``least`` how many
    steps an end takes at least.
    """

    form: str
    before: float
    after: float
    event_var: float
    kappa: float
    w: float
    r: float = 0.0
    least: int = LEAST_TICKS

    @classmethod
    def begin(
        cls, form: str, before: float, after: float, *, event_var: float, kappa: float, tick_s: int
    ) -> Recovery:
        """Start with nothing known."""
        return cls(form, before, after, event_var, max(kappa, 1.0), tick_s / MONTH_S)

    @classmethod
    def of(cls, told: Explanation, form: str, *, event_var: float, tick_s: int) -> Recovery:
        """Start from what is known of a change: from the end of its interval that is nearer to before."""
        after = told.current_low if told.direction > 0 else told.current_high
        return cls.begin(
            form, told.baseline_value, after, event_var=event_var, kappa=told.kappa, tick_s=tick_s
        )

    def by_minute(self, interval: tuple[float, float] | None) -> Recovery:
        """The same of a rise by the minute; ``interval`` is that of its rate, where its calls are known."""
        after = self.after if interval is None else max(interval[0], self.after)
        return replace(self, after=after, w=MINUTE_S / MONTH_S, least=LEAST_MINUTES)

    def update(self, n: float, s: float) -> bool:
        """Take one step of ``n`` events with sum ``s``; whether the change has ended."""
        if n <= 0:
            return False
        cap = -math.log(self.w) / self.least
        self.r = (self.r + self.w) * math.exp(min(self._log_ratio(n, s) / self.kappa, cap))
        return self.r >= 1.0

    def _log_ratio(self, n: float, s: float) -> float:
        if self.form == FLAG:
            p0, p1 = (min(max(p, LEAST_RATE), 1 - LEAST_RATE) for p in (self.before, self.after))
            return s * math.log(p0 / p1) + (n - s) * math.log((1 - p0) / (1 - p1))
        mean = s / n
        return n * ((mean - self.after) ** 2 - (mean - self.before) ** 2) / (2 * self.event_var)
