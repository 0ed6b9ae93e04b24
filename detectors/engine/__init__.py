"""Online change detection over arrays: mixture Shiryaev-Roberts statistics, dispersion priced as unknown.

No I/O, no clock, no names of series. All arrays are float64 unless said; ticks are absolute
(unix seconds // tick_s); rows are channels; nothing a row does depends on another row. Fit and watch::

    dispersion.fit_flags(n, s, first_tick, tick_s) -> Baseline    # n events, s hits: (T, C); else 0
    dispersion.fit_values(n, s, first_tick, tick_s) -> Baseline   # s is the sum of the values
    Baseline.{take(rows), concat(parts), to_arrays(), from_arrays(arrays), version, fit, expected(tick)}

    bank = FlagBank(tick_s)                                  # or ValueBank(tick_s)
    bank.append(baseline, w, ticket=..., tick=...) -> rows   # w: expected false pages per tick, per row
    bank.update(tick, n, s, rows=None) -> Crossings          # close a tick; gaps and n = 0 accrue w
    bank.peek(tick, n, s, rows=None) -> Crossings            # open tick, no change of state
    bank.evidence(tick=None) -> log(S / w) per row           # pages at bank.threshold = log(1 / w)
    bank.reset(rows); bank.replace(rows, baseline, tick=...)
    bank.snapshot() -> dict[str, ndarray]; FlagBank.restore(arrays)

    Crossings(rows, log_evidence, threshold, page, direction, alternative)
    detectable.smallest_changes(baseline, bank.cost(rows), bank.threshold) -> Detectable(span_s, rise, fall)

A change that stays gets a new baseline by ``relevel.relevel``. ``river_detectors`` and ``window_tests`` put
detectors of others behind the same protocol, for second opinions, backtests and reports.
"""
