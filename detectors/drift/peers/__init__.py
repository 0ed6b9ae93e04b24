"""Detectors of others behind our protocol: for second opinions, backtests and reports, never for pages.

`river_rows.RiverRows` runs river's online detectors; `windows.WindowTest` compares tumbling windows with a
reference by scipy's tests. None of them has a fleet budget.
"""
