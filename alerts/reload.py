"""A changed settings file, taken up by the running service: receivers, routes and what detection goes by.

That is rules, objectives and declared limits. What cannot be used changes nothing: the settings of before
stay in force until the file is mended, and that is a line of the log, a metric, a line of ``/readyz`` and a
ticket about Lightship itself. All else in the file holds when the processes that read it are started again,
and is named in the log.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import fields, replace

from alerts.metrics import Metrics
from alerts.notify.self_monitoring import Look, not_reloaded
from alerts.rules.added_rule import check_rules
from infra.clock import NS_PER_S, Clock
from infra.errors import Misconfigured
from infra.settings import Settings
from infra.settings_file import SettingsFile

logger = logging.getLogger(__name__)

EVERY_S = 2.0
"""Seconds between two looks at the file: what it says holds after two to four."""
RELOADED = ("receiver", "route", "escalation", "time_interval", "rule", "slo", "limit")
"""Sections that hold at once."""


class Reload:
    """Has the service go by its file. ``use`` takes settings up, all of them or none (`Misconfigured`).

    Without a ``file`` nothing is ever read again. `look` is for one thread, the rest for any.
    """

    def __init__(
        self,
        file: SettingsFile | None,
        settings: Settings,
        use: Callable[[Settings], None],
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._file, self._use, self._clock, self._metrics = file, use, clock, metrics
        self._started = self.settings = settings
        self._asked = threading.Event()
        self._next_ns = 0
        self._failed: tuple[int, str] | None = None
        metrics.set("config_ok", 1)
        metrics.set("config_at", clock.now_ns() / NS_PER_S)

    def request(self) -> None:
        """Read the file with the next look, whether it has changed or not."""
        self._asked.set()

    def look(self) -> None:
        """Take up the file if it has changed."""
        now_ns, asked = self._clock.now_ns(), self._asked.is_set()
        if self._file is None or not (asked or now_ns >= self._next_ns):
            return
        self._asked.clear()
        self._next_ns = now_ns + int(EVERY_S * NS_PER_S)
        try:
            found = self._file.changed(at_once=asked)
            if found is None:
                return
            settings = replace(self._started, **{name: getattr(found, name) for name in RELOADED})
            check_rules(found)
            self._use(settings)
        except Misconfigured as error:
            self._failed = now_ns, str(error)
            self._metrics.set("config_ok", 0)
            logger.error("the settings of before stay in force: %s", error)
            return
        changed = [name for name in RELOADED if getattr(settings, name) != getattr(self.settings, name)]
        self.settings, self._failed = settings, None
        self._metrics.set("config_ok", 1)
        self._metrics.set("config_at", now_ns / NS_PER_S)
        logger.info("%s read again: %s", self._file.path, ", ".join(changed) or "receivers as before")
        later = [
            f.name for f in fields(Settings) if f.name not in RELOADED and _differs(f.name, found, settings)
        ]
        if later:
            logger.warning("these hold when what reads them is started again: %s", ", ".join(later))

    @property
    def problem(self) -> str | None:
        """Why the file is not in force, if it is not."""
        return None if self._failed is None else self._failed[1]

    def looks(self) -> list[Look]:
        """What is to be said of it as an incident."""
        since_ns, why = self._failed or (None, "")
        return [not_reloaded(since_ns, why)]


def _differs(section: str, found: Settings, running: Settings) -> bool:
    return bool(getattr(found, section) != getattr(running, section))
