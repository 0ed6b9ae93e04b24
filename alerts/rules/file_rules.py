"""The rules of the settings file, told to detection as they change while it runs.

Detection reads them when it starts. When the file is changed meanwhile, every service is told by a control
record which rules there are now: in its own log, so a replay comes to the same. From the first change on that
is remembered in the data directory, and told again after a start and to services that come later, as the
workers may have been started with other rules. Told again, it changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from detectors.observation import Control, ServiceKey
from detectors.rule_watch.service_rules import REPLACE
from detectors.rules import Rule
from infra.private_files import private_directory
from infra.settings import RuleSettings

logger = logging.getLogger(__name__)

FILE = "rules_changed"
"""Is there once rules changed while Lightship ran; under `LIGHTSHIP_HOME/alerts`."""


class FileRules:
    """What detection is told of the rules of the file. ``send`` writes control records (`Unavailable`)."""

    def __init__(
        self, home: Path, rules: Iterable[RuleSettings], send: Callable[[Sequence[Control]], None]
    ) -> None:
        self._rules, self._send = _plain(rules), send
        self._mark = home / "alerts" / FILE
        self._has_changed = self._mark.exists()
        self._told: set[ServiceKey] = set()

    def use(self, rules: Iterable[RuleSettings]) -> None:
        """Tell other rules from now on."""
        given = _plain(rules)
        if given != self._rules:
            self._rules, self._has_changed = given, True
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
        new = [key for key in services() if key not in self._told]
        if new:
            self._send([self._control(key) for key in new])
            self._told.update(new)
        return bool(new)

    def _control(self, key: ServiceKey) -> Control:
        mine = [rule.to_dict() for rule in self._rules if rule.is_for(key.service) and not rule.together]
        return Control(key, REPLACE, 0, {"rules": mine})


def _plain(rules: Iterable[RuleSettings]) -> list[Rule]:
    return list({rule.rule_id: rule for rule in (Rule.of(asdict(one)) for one in rules)}.values())
