"""Rules, objectives and limits of the settings file, told to detection as they change while it runs.

Detection reads them when it starts. When the file is changed meanwhile, every service, and what watches those
of an environment together, is told by a control record which there are now: in its own log, so a replay comes
to the same. From the first change on that is remembered in the data directory, and told again after a start
and to services that come later, as the workers may have been started with others. Told again, it changes
nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from detectors.finding import SEVERAL
from detectors.observation import Control, ServiceKey
from detectors.rule_watch.changed_settings import REPLACE
from detectors.rules import Rule
from detectors.service_patterns import matches
from infra.private_files import private_directory
from infra.sections import LimitSettings, SloSettings
from infra.settings import Settings

logger = logging.getLogger(__name__)

FILE = "rules_changed"
"""Is there once rules changed while Lightship ran; under `LIGHTSHIP_HOME/alerts`."""


class FileRules:
    """What detection is told of the file. ``send`` writes control records (`Unavailable`)."""

    def __init__(self, settings: Settings, send: Callable[[Sequence[Control]], None]) -> None:
        self._file, self._send = _File.of(settings), send
        self._mark = settings.home / "alerts" / FILE
        self._has_changed = self._mark.exists()
        self._told: set[ServiceKey] = set()

    def use(self, settings: Settings) -> None:
        """Tell what these have from now on."""
        given = _File.of(settings)
        if given != self._file:
            self._file, self._has_changed = given, True
            self.forget()
            try:
                private_directory(self._mark.parent)
                self._mark.touch()
            except OSError as error:
                logger.warning("a start will not know that rules changed: %s: %s", self._mark, error.strerror)

    def forget(self) -> None:
        """Tell every service again."""
        self._told = set()

    def send_new(self, services: Callable[[], Iterable[ServiceKey]]) -> bool:
        """Tell services that were not told yet; whether there were any."""
        if not self._has_changed:
            return False
        known = list(services())
        fleets = dict.fromkeys(replace(key, service=SEVERAL) for key in known)
        new = [key for key in (*known, *fleets) if key not in self._told]
        if new:
            self._send([Control(key, REPLACE, 0, self._file.body(key.service)) for key in new])
            self._told.update(new)
        return bool(new)


@dataclass(frozen=True, slots=True)
class _File:
    """What detection goes by."""

    rules: tuple[Rule, ...]
    slos: tuple[SloSettings, ...]
    limits: tuple[LimitSettings, ...]

    @classmethod
    def of(cls, settings: Settings) -> _File:
        """What settings have of it."""
        rules = (Rule.of(asdict(one)) for one in settings.rule)
        return cls(tuple({r.rule_id: r for r in rules}.values()), settings.slo, settings.limit)

    def body(self, service: str) -> dict[str, Any]:
        """What a service is told: what is about it; rules ``together`` are about all."""
        if service == SEVERAL:
            return {"rules": [rule.to_dict() for rule in self.rules if rule.together]}
        return {
            "rules": [rule.to_dict() for rule in self.rules if rule.is_for(service)],
            "slos": [asdict(slo) for slo in self.slos if matches(service, slo.services)],
            "limits": [asdict(limit) for limit in self.limits if matches(service, limit.services)],
        }
