"""Mixture Shiryaev-Roberts statistics of many channels, one vector operation a tick.

S_j <- (S_j + w dt pi_j) exp(min(l_j, cap)); a channel pages when sum_j S_j >= 1. Because the conditional
mean of exp(l_j) is at most one under the null, the expected number of false pages by time t is at most w t,
restarts included, whatever the dependence between channels (e-detectors: Shin, Ramdas, Rinaldo 2024).
Alternatives and season are frozen; only the null price (K/E of flags, M and I of values) keeps learning.
``cap`` = log(1/w)/4: at least four separate ticks must agree, so no single user, retry loop or tick can page.

The assumption that breaks first is that dispersion stays what the learning period showed (see `price`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from detectors.engine.baseline import FLAG, VALUE, Baseline, bounded_rate
from detectors.engine.crossings import NONE, Crossings, joined
from detectors.engine.dispersion import FREE_EVENTS, WINSOR_SD
from detectors.engine.price import ODDS, SHIFTS, TRAFFIC, Price, price
from detectors.engine.ticks import HOUR_S, Floats, Ints, Singles, place_in_week

SCHEMA = 2
"""1 had no ``fade``, and prices are found anew."""
CAP_SHARE = 1 / 4
"""Part of its threshold that one tick may add to the evidence of a row."""
PART = 2048
"""Rows at a time: their arrays fit a core's cache."""
LARGEST = 1e250
"""S is kept below this, so that sums of it stay finite."""

Rows = slice | Ints
_Learned = tuple[Floats, tuple[Floats, Floats]]


@dataclass(frozen=True, slots=True)
class _Tick:
    """What one tick would do: new S, and what the null price learns."""

    s: Floats
    learned: tuple[Floats, Floats]
    traffic: Floats


class Bank:
    """State of C channels of one form. Use `FlagBank` or `ValueBank`.

    All arrays given are over all rows, in the order they were appended, or over ``rows`` where that is given.
    Nothing a row does depends on any other row.
    """

    form = ""
    alternatives: Floats = np.zeros(0)

    def __init__(self, tick_s: int) -> None:
        if tick_s <= 0:
            raise ValueError(f"tick_s must be positive, got {tick_s}")
        self.tick_s = tick_s
        self.baseline: Baseline | None = None
        empty = np.zeros(0)
        self.w, self.ticket = empty, empty
        self.kappa: Singles = np.zeros((len(TRAFFIC), len(self.alternatives), 0), dtype=np.float32)
        self.fade: Singles = np.zeros((len(self.alternatives), 0), dtype=np.float32)
        self.s = np.zeros((len(self.alternatives), 0))
        self.traffic = empty
        self.last_tick = np.zeros(0, dtype=np.int64)
        self.learned = (empty, empty)
        self.long_run = empty

    def __len__(self) -> int:
        return len(self.w)

    @property
    def threshold(self) -> Floats:
        """log(1 / w) per row."""
        return np.log(1 / self.w)

    def cost(self, rows: Ints | Sequence[int]) -> Price:
        """What evidence costs in some rows."""
        return Price(self.kappa[:, :, rows], self.fade[:, rows])

    def append(
        self,
        baseline: Baseline,
        w: Floats | float,
        *,
        ticket: Floats | float = 1.0,
        tick: int | None = None,
        short: bool = False,
    ) -> Ints:
        """Add rows and return their numbers.

        ``w`` is each row's share of the budget in expected false pages per tick; ``ticket`` the part of the
        page threshold (0..1] at which a crossing is reported already. Accrual starts after ``tick`` (default:
        the end of each row's learning period). ``short`` admits rows that learned for less than a day: their
        daily cycle, if they have one, was never seen and will page.

        Raises
        ------
        ValueError
            If the baseline has another form or tick length, holds rows not fit to be watched, or a share is
            out of range.
        """
        if (baseline.form, baseline.tick_s) != (self.form, self.tick_s):
            raise ValueError(
                f"baseline is {baseline.form} at {baseline.tick_s} s, bank is {self.form} at {self.tick_s} s"
            )
        fit = baseline.total_n > 0 if short else baseline.fit
        if not fit.all():
            raise ValueError(f"rows {np.flatnonzero(~fit).tolist()} cover less than a day or hold no events")
        count = len(baseline)
        w = np.broadcast_to(np.asarray(w, dtype=float), (count,)).copy()
        ticket = np.broadcast_to(np.asarray(ticket, dtype=float), (count,)).copy()
        if not (np.all(w > 0) and np.all(w < 0.3)):
            raise ValueError(f"budget shares per tick must lie in (0, 0.3), got {w.min()}..{w.max()}")
        if not (np.all(ticket > 0) and np.all(ticket <= 1)):
            raise ValueError(f"ticket levels must lie in (0, 1], got {ticket.min()}..{ticket.max()}")
        first = len(self)
        cost = price(baseline, np.log(1 / w))
        start = self._start(baseline)
        last = (
            baseline.first_tick + baseline.ticks - 1 if tick is None else np.full(count, tick, dtype=np.int64)
        )
        self.baseline = baseline if self.baseline is None else Baseline.concat([self.baseline, baseline])
        self.long_run = self.baseline.long_run
        self.w = np.concatenate([self.w, w])
        self.ticket = np.concatenate([self.ticket, ticket])
        self.kappa = np.concatenate([self.kappa, cost.kappa], axis=2)
        self.fade = np.concatenate([self.fade, cost.fade], axis=1)
        self.s = np.concatenate([self.s, np.zeros((len(self.alternatives), count))], axis=1)
        self.traffic = np.concatenate([self.traffic, np.zeros(count)])
        self.last_tick = np.concatenate([self.last_tick, last])
        self.learned = tuple(np.concatenate(p) for p in zip(self.learned, start, strict=True))  # type: ignore[assignment]
        return np.arange(first, len(self))

    def update(self, tick: int, n: Floats, s: Floats, rows: Ints | None = None) -> Crossings:
        """Close one tick. Ticks left out since a row's last one accrue its share; so does a tick with n = 0.

        Raises
        ------
        ValueError
            If the tick is not after the rows' last one, or n and s are not finite or of another length.
        """
        n, s = self._input(tick, n, s, rows)
        found = []
        for part, where in self._parts(len(n), rows):
            new = self._step(tick, where, n[part], s[part])
            self.s[:, where] = new.s
            self.traffic[where] = new.traffic
            for mine, theirs in zip(self.learned, new.learned, strict=True):
                mine[where] = theirs
            self.last_tick[where] = tick
            found.append(self._crossings(where, new.s))
        return joined(found)

    def peek(self, tick: int, n: Floats, s: Floats, rows: Ints | None = None) -> Crossings:
        """Where `update` would cross with what an open tick holds so far; changes nothing."""
        n, s = self._input(tick, n, s, rows)
        return joined(
            [
                self._crossings(where, self._step(tick, where, n[part], s[part]).s)
                for part, where in self._parts(len(n), rows)
            ]
        )

    def near(self) -> Ints:
        """Rows that one more tick may bring to their ticket level: no tick adds more than the cap."""
        return np.flatnonzero((self.s.sum(0) + self.w) * np.exp(_cap(self.w)) >= self.ticket)

    def evidence(self, tick: int | None = None) -> Floats:
        """log(sum_j S_j / w) per row, with the share accrued up to ``tick`` where given."""
        total = self.s.sum(0)
        if tick is not None:
            total = total + self.w * np.maximum(tick - self.last_tick, 0)
        out: Floats = np.log(np.maximum(total, 1e-300)) + self.threshold
        return out

    def reset(self, rows: Ints | Sequence[int]) -> None:
        """Forget: S to 0, the null price back to the baseline (an incident must not teach the null)."""
        if self.baseline is None:
            return
        index = np.asarray(rows, dtype=np.int64)
        start = self._start(self.baseline.take(index))
        self.s[:, index] = 0.0
        for mine, theirs in zip(self.learned, start, strict=True):
            mine[index] = theirs

    def replace(self, rows: Ints | Sequence[int], baseline: Baseline, *, tick: int) -> None:
        """Give rows a new baseline (an accepted level, a new version), effective after ``tick``."""
        index = np.asarray(rows, dtype=np.int64)
        if self.baseline is None or len(index) != len(baseline):
            raise ValueError(f"{len(index)} rows to replace by {len(baseline)}")
        cost = price(baseline, self.threshold[index])
        order = np.arange(len(self))
        order[index] = len(self) + np.arange(len(index))
        self.baseline = Baseline.concat([self.baseline, baseline]).take(order)
        self.long_run = self.baseline.long_run
        self.kappa[:, :, index], self.fade[:, index] = cost.kappa, cost.fade
        self.last_tick[index] = tick
        self.reset(index)

    def rebudget(self, rows: Ints | Sequence[int], w: Floats) -> None:
        """Give rows another share of the budget, from the next tick on.

        The evidence stays and the threshold it is compared with moves: S / w is what it was. Dispersion is
        priced again at the new threshold. Raising w from w0 to w1 at a time that does not depend on the data
        costs at most (w1 - w0) expected false pages for each tick since the row's last reset.

        Raises
        ------
        ValueError
            If a share is out of range.
        """
        index, w = np.asarray(rows, dtype=np.int64), np.asarray(w, dtype=float)
        if not (np.all(w > 0) and np.all(w < 0.3)):
            raise ValueError(f"budget shares per tick must lie in (0, 0.3), got {w.min()}..{w.max()}")
        if self.baseline is None or not len(index):
            return
        self.s[:, index] = np.minimum(self.s[:, index] * (w / self.w[index]), LARGEST)
        self.w[index] = w
        cost = price(self.baseline.take(index), np.log(1 / w))
        self.kappa[:, :, index], self.fade[:, index] = cost.kappa, cost.fade

    def snapshot(self) -> dict[str, NDArray[np.generic]]:
        """Everything, as named arrays; `restore` gives a bank with equal bits."""
        out: dict[str, NDArray[np.generic]] = {
            "schema": np.array(SCHEMA),
            "form": np.array(self.form),
            "tick_s": np.array(self.tick_s),
            "w": self.w.copy(),
            "ticket": self.ticket.copy(),
            "kappa": self.kappa.copy(),
            "fade": self.fade.copy(),
            "s": self.s.copy(),
            "traffic": self.traffic.copy(),
            "last_tick": self.last_tick.copy(),
            "learned_0": self.learned[0].copy(),
            "learned_1": self.learned[1].copy(),
        }
        if self.baseline is not None:
            out |= {f"baseline.{k}": v for k, v in self.baseline.to_arrays().items()}
        return out

    @classmethod
    def restore(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Inverse of `snapshot`.

        Raises
        ------
        ValueError
            If the schema or form is not this bank's.
        """
        if int(arrays["schema"]) not in (1, SCHEMA) or str(arrays["form"]) != cls.form:
            raise ValueError(
                f"snapshot schema {arrays['schema']} of form {arrays['form']} is not readable as {cls.form}"
            )
        bank = cls(int(arrays["tick_s"]))
        for name in ("w", "ticket", "s", "traffic", "last_tick"):
            setattr(bank, name, np.array(arrays[name]))
        bank.learned = (
            np.array(arrays["learned_0"], dtype=float),
            np.array(arrays["learned_1"], dtype=float),
        )
        prefix = "baseline."
        parts = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
        bank.baseline = Baseline.from_arrays(parts) if parts else None
        if bank.baseline is not None:
            bank.long_run = bank.baseline.long_run
        if int(arrays["schema"]) == SCHEMA:
            bank.kappa, bank.fade = np.array(arrays["kappa"]), np.array(arrays["fade"])
        elif bank.baseline is not None:
            cost = price(bank.baseline, bank.threshold)
            bank.kappa, bank.fade = cost.kappa, cost.fade
        return bank

    def _start(self, baseline: Baseline) -> tuple[Floats, Floats]:
        raise NotImplementedError

    def _learn(self, tick: int, where: Rows, n: Floats, s: Floats, f: Floats) -> _Learned:
        """Log-likelihood ratios (J, R) of a tick, not yet divided by kappa, and the null price after it."""
        raise NotImplementedError

    def _input(self, tick: int, n: Floats, s: Floats, rows: Ints | None) -> tuple[Floats, Floats]:
        shape = (len(self),) if rows is None else np.shape(rows)
        n, s = np.ascontiguousarray(n, dtype=float), np.ascontiguousarray(s, dtype=float)
        if n.shape != shape or s.shape != shape:
            raise ValueError(f"expected {shape} counts, got {n.shape} and {s.shape}")
        if not (np.isfinite(n).all() and np.isfinite(s).all()):
            raise ValueError("counts and sums must be finite: drop missing values before counting")
        last = self.last_tick if rows is None else self.last_tick[rows]
        if len(last) and tick <= last.max():
            raise ValueError(f"tick {tick} is not after the last one, {int(last.max())}")
        return n, s

    @staticmethod
    def _parts(count: int, rows: Ints | None) -> Iterator[tuple[slice, Rows]]:
        """Parts of the counts given, small enough for a core's cache, and the rows they are of."""
        for begin in range(0, count, PART):
            part = slice(begin, min(begin + PART, count))
            yield part, part if rows is None else np.asarray(rows[part], dtype=np.int64)

    def _step(self, tick: int, where: Rows, n: Floats, s: Floats) -> _Tick:
        assert self.baseline is not None  # noqa: S101 - rows exist only with a baseline
        gap = tick - self.last_tick[where]
        keep = np.exp(-self.tick_s / HOUR_S * gap)
        traffic = self.traffic[where] * keep + n * (1 - np.exp(-self.tick_s / HOUR_S))
        usual, burst = self.baseline.usual_n[where], self.baseline.burst_n[where]
        f = np.maximum(1.0, np.maximum(traffic / usual, n / burst))
        w = self.w[where]
        x, learned = self._learn(tick, where, n, s, f)
        x /= self._kappa_at(where, f)
        x -= self.fade[:, where] * n
        np.minimum(x, _cap(w), out=x)
        np.exp(x, out=x)
        x *= self.s[:, where] + w * gap / len(self.alternatives)
        np.minimum(x, LARGEST, out=x)
        learned = tuple(  # type: ignore[assignment]
            np.where(n > 0, new, old[where]) for new, old in zip(learned, self.learned, strict=True)
        )
        return _Tick(x, learned, traffic)

    def _kappa_at(self, where: Rows, f: Floats) -> Floats:
        """Divisors (J, R) at traffic multiple f: linear between 1, 4 and 16, excess in proportion beyond."""
        out: Floats = self.kappa[0][:, where].astype(float)
        busy = np.flatnonzero(f > 1)
        if len(busy):
            g = f[busy]
            one, four, sixteen = (k[:, where][:, busy].astype(float) for k in self.kappa)
            low = one + (four - one) * (np.minimum(g, 4) - 1) / 3
            middle = four + (sixteen - four) * (np.clip(g, 4, 16) - 4) / 12
            high = 1 + (sixteen - 1) * g / 16
            out[:, busy] = np.where(g <= 4, low, np.where(g <= 16, middle, high))
        return out

    def _expected(self, tick: int, where: Rows) -> Floats:
        assert self.baseline is not None  # noqa: S101
        b = self.baseline
        level, (hour, day) = b.level[where], place_in_week(tick, self.tick_s)
        return bounded_rate(level + b.hour[where, hour] + b.week[where, day], level, self.form)

    def _crossings(self, where: Rows, s: Floats) -> Crossings:
        total = s.sum(0)
        hit = np.flatnonzero(total >= self.ticket[where])
        if not len(hit):  # as nearly always
            return NONE
        rows = hit + where.start if isinstance(where, slice) else where[hit]
        alternative = self.alternatives[s[:, hit].argmax(0)]
        threshold = np.log(1 / self.w[rows])
        return Crossings(
            rows=rows,
            log_evidence=np.log(np.maximum(total[hit], 1e-300)) + threshold,
            threshold=threshold,
            page=total[hit] >= 1,
            direction=self._direction(rows, alternative),
            alternative=alternative,
        )

    def _direction(self, rows: Ints, alternative: Floats) -> Ints:
        raise NotImplementedError


def _cap(w: Floats) -> Floats:
    """The most that one tick may add to the log evidence of a row."""
    return CAP_SHARE * np.log(1 / w)


class FlagBank(Bank):
    """Rates: hits among events, alternatives are odds ratios (`ODDS`).

    Learned state is K and E, the hits seen and expected, both divided by kappa: their ratio prices the null.
    """

    form = FLAG
    alternatives = ODDS

    def _start(self, baseline: Baseline) -> tuple[Floats, Floats]:
        start = baseline.total_s / baseline.long_run
        return start, start.copy()

    def _learn(self, tick: int, where: Rows, n: Floats, s: Floats, f: Floats) -> _Learned:
        assert self.baseline is not None  # noqa: S101
        b = self.baseline
        m = self._expected(tick, where)
        mean = n * m
        hits = np.where(b.mirrored[where], n - s, s)
        limit = np.maximum(WINSOR_SD * np.sqrt(b.k0[where] * mean * (1 - m)), FREE_EVENTS)
        x = np.minimum(np.maximum(mean + np.minimum(np.maximum(hits - mean, -limit), limit), 0.0), n)
        seen, expected = self.learned[0][where], self.learned[1][where]
        seen_to_expected = np.minimum(np.maximum((seen + 0.5) / (expected + 0.5), 0.2), 5.0)
        q = np.minimum(np.maximum(seen_to_expected * m, 1e-9), 0.999)
        gain = x * (np.log(m) - np.log(q)) + (n - x) * (np.log1p(-m) - np.log1p(-q))
        log_l = (ODDS[:, None] - 1) * m
        np.log1p(log_l, out=log_l)
        log_l *= -n
        log_l += np.log(ODDS)[:, None] * x
        log_l += gain
        weight = 1 / (self.long_run[where] * f)
        return log_l, (seen + x * weight, expected + mean * weight)

    def _direction(self, rows: Ints, alternative: Floats) -> Ints:
        if self.baseline is None:
            return np.zeros(0, dtype=np.int64)
        up = (alternative > 1) != self.baseline.mirrored[rows]
        return np.where(up, 1, -1).astype(np.int64)


class ValueBank(Bank):
    """Means of values, alternatives are shifts in standard deviations of one event (`SHIFTS`).

    Learned state is M and N, the level seen (in those units) and the events behind it. The likelihood ratio
    of a tick is that of an independent sample, price included, and only then raised to the power 1 / kappa:
    deflating variances one by one instead lets the terms of the price drift apart.
    """

    form = VALUE
    alternatives = SHIFTS

    def _start(self, baseline: Baseline) -> tuple[Floats, Floats]:
        return np.zeros(len(baseline)), baseline.total_n / baseline.long_run

    def _learn(self, tick: int, where: Rows, n: Floats, s: Floats, f: Floats) -> _Learned:
        assert self.baseline is not None  # noqa: S101
        b = self.baseline
        count = np.maximum(n, 1e-12)
        limit = WINSOR_SD * np.sqrt(b.k0[where] / count)
        v = (s / count - self._expected(tick, where)) / np.sqrt(b.event_var[where])
        v = np.minimum(np.maximum(v, -limit), limit)
        seen, events = self.learned[0][where], self.learned[1][where]
        spread = 1 + n / events  # of v around what has been seen, in units of 1 / n
        off = 0.5 * n * (v - seen) ** 2
        # where little was learned, values that stay where they were must not speak against a wide null
        null = np.minimum(0.5 * np.log(spread) + off / spread, off)
        log_l = v - SHIFTS[:, None]
        log_l *= log_l
        log_l *= -0.5 * n
        log_l += null
        weight = n / (self.long_run[where] * f)
        room = WINSOR_SD / np.sqrt(np.maximum(weight, 1e-12))
        step = np.minimum(np.maximum(v - seen, -room), room)
        return log_l, (
            seen + weight * step / (events + weight),
            events + weight,
        )

    def _direction(self, rows: Ints, alternative: Floats) -> Ints:  # noqa: ARG002 - no row is mirrored
        return np.where(alternative > 0, 1, -1).astype(np.int64)
