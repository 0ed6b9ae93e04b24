"""Whether scorers are switched off because they failed or were too slow. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ingest.operations.doctor.line import OK, WARN, Line


def check_scorers(off: Collection[str], versions: Mapping[str, str]) -> list[Line]:
    """A line for each scorer of these ``versions`` that is ``off``, or that all run."""
    if not off:
        return [Line("scorers", OK, f"all {len(versions)} run")]
    return [
        Line(
            f"scorer {name}",
            WARN,
            f"version {versions[name]} is switched off: it failed or was too slow, see the worker's log",
            f"mend it, or: lightship scorers on {name}",
        )
        for name in sorted(off)
    ]
