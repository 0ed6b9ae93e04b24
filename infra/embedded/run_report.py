"""What ``run.json`` says of the children, written and read: phases, restarts, whether all of it is ready."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.clock import to_datetime, to_ns
from infra.embedded.child import ChildState, Phase, how_it_ended
from infra.embedded.child_spec import ChildSpec
from infra.embedded.restart_loop import Restarted


def is_up(spec: ChildSpec, state: ChildState) -> bool:
    """Whether a child does what it is there for; a step has done it."""
    done = spec.once and state.phase is Phase.ENDED and state.exit_code == 0
    return done or state.phase is Phase.READY


def run_report(specs: Sequence[ChildSpec], states: Mapping[str, ChildState], now_ns: int) -> dict[str, Any]:
    """``ready``, ``problems`` and ``children`` of ``run.json``.

    Nothing is ready while a required child is down, or while a child ends again and again, between two ends
    too.
    """
    problems = []
    for spec in specs:
        state = states[spec.name]
        restarted = state.restarted(spec.name)
        if restarted.loop_since_ns(now_ns) is not None:
            problems.append(restarted.text(now_ns))
        elif spec.required and not is_up(spec, state):
            why = f": {state.reason}" if state.reason else ""
            problems.append(f"{spec.name} is {state.phase.value.replace('_', ' ')}{why}")
    return {
        "ready": not problems,
        "problems": problems,
        "children": {spec.name: _child(spec, states[spec.name]) for spec in specs},
    }


def _child(spec: ChildSpec, state: ChildState) -> dict[str, Any]:
    return {
        "phase": state.phase.value,
        "pid": state.pid,
        "since": _rfc3339(state.since_ns),
        "reason": state.reason,
        "restarts": state.restarts,
        "restarted_at": [_rfc3339(at_ns) for at_ns in state.restarted_ns],
        "exit_code": state.exit_code,
        "last_end": how_it_ended(state.exit_code, state.ended_because),
        "ports": dict(spec.ports),
    }


@dataclass(frozen=True, slots=True)
class RunChild:
    """A child as ``run.json`` shows it."""

    name: str
    phase: str
    reason: str
    restarted: Restarted


def children_of(run: Mapping[str, Any] | None) -> list[RunChild]:
    """The children of a running instance (`infra.embedded.run_file.read_run`); none if nothing runs."""
    found = (run or {}).get("children")
    if not isinstance(found, Mapping):
        return []
    return [_read(str(name), child) for name, child in found.items() if isinstance(child, Mapping)]


def _read(name: str, child: Mapping[str, Any]) -> RunChild:
    times_ns = tuple(to_ns(datetime.fromisoformat(str(at))) for at in child.get("restarted_at", ()))
    restarted = Restarted(name, int(child.get("restarts", 0)), times_ns, str(child.get("last_end", "")))
    return RunChild(name, str(child.get("phase", "")), str(child.get("reason", "")), restarted)


def _rfc3339(at_ns: int) -> str:
    return to_datetime(at_ns).isoformat(timespec="milliseconds")
