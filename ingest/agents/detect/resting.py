"""Lineages that have ended, put to rest: an import, a demo, an evaluation is over and its state is bytes.

State of services that nothing comes for any more would otherwise stay in memory and be packed anew with
every snapshot, for good. It is kept whole: data that come after all, a second import say, go on from it, and
its baselines can be adopted. What people and budgets ask of it meanwhile waits until then, since nothing is
obeyed before a tick closes; of budgets only the latest counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from detectors.budgets.service_budget import BUDGET
from detectors.engine import snapshot as codec
from detectors.observation import Control, ServiceKey, decode, encode
from detectors.watch.watcher import ServiceWatcher
from detectors.watch_config import WatchConfig
from ingest.agents.fault import OF_THE_WHOLE

LineageKey = tuple[str, str]
"""Tenant and lineage."""
Watchers = dict[ServiceKey, ServiceWatcher]
Unreadable = Callable[[ServiceKey, Exception], None]


@dataclass(slots=True)
class _Lineage:
    packed: bytes
    controls: list[Control] = field(default_factory=list)


class IdleLineages:
    """The lineages of a shard that have ended."""

    def __init__(self) -> None:
        self._lineages: dict[LineageKey, _Lineage] = {}

    def put(self, lineage: LineageKey, watchers: Mapping[ServiceKey, ServiceWatcher]) -> None:
        """Keep the state of a lineage's services."""
        self._lineages[lineage] = _Lineage(codec.pack(*packable(watchers)))

    def take(
        self, lineage: LineageKey, config: WatchConfig, unreadable: Unreadable | None = None
    ) -> tuple[Watchers, list[Control]]:
        """The services of a lineage as they were, and what was asked of them since; none if it is awake.

        ``unreadable`` is as in `restored`.

        Raises
        ------
        detectors.engine.snapshot.WrongSnapshot
            If the bytes are not readable.
        """
        kept = self._lineages.pop(lineage, None)
        if kept is None:
            return {}, []
        return restored(*codec.unpack(kept.packed), config, unreadable), kept.controls

    def hold(self, control: Control) -> bool:
        """Let a control record wait for its lineage; whether that is at rest."""
        kept = self._lineages.get((control.key.tenant, control.key.lineage))
        if kept is None:
            return False
        if control.action == BUDGET:
            kept.controls = [c for c in kept.controls if (c.action, c.key) != (BUDGET, control.key)]
        kept.controls.append(control)
        return True

    def state(self) -> list[Any]:
        """Plain form for a snapshot."""
        return [
            [*lineage, kept.packed, [encode(c) for c in kept.controls]]
            for lineage, kept in sorted(self._lineages.items())
        ]

    def restore(self, state: Iterable[Any]) -> None:
        """Inverse of `state`."""
        for tenant, lineage, packed, controls in state:
            read = [c for c in map(decode, controls) if isinstance(c, Control)]
            self._lineages[tenant, lineage] = _Lineage(packed, read)


def packable(watchers: Mapping[ServiceKey, ServiceWatcher]) -> tuple[dict[str, Any], codec.Arrays]:
    """Facts and arrays of services, as `codec.services` reads them."""
    facts: dict[str, Any] = {"watchers": {}}
    arrays: codec.Arrays = {}
    for i, (key, watcher) in enumerate(sorted(watchers.items())):
        state, mine = watcher.state()
        facts["watchers"][key.text()] = [i, state]
        arrays |= {f"{i}.{name}": array for name, array in mine.items()}
    return facts, arrays


def restored(
    facts: Mapping[str, Any], arrays: codec.Arrays, config: WatchConfig, unreadable: Unreadable | None = None
) -> Watchers:
    """Inverse of `packable`; ``unreadable`` is told of services whose state is not, and they are left out."""
    found = {}
    for text, state, mine in codec.awake(facts, arrays):
        key = ServiceKey.parse(text)
        try:
            found[key] = ServiceWatcher.restore(key, config, state, mine)
        except OF_THE_WHOLE:
            raise
        except Exception as error:
            if unreadable is None:
                raise
            unreadable(key, error)
    return found
