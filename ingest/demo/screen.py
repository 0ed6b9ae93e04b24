"""What the demonstration shows at a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from infra.clock import to_datetime
from ingest.demo.report import render
from ingest.demo.run import Progress

EVERY_S = 2.0


@dataclass(slots=True)
class DemoScreen:
    """Progress on stderr, the table on stdout; ``stay`` keeps everything up until Ctrl-C."""

    stay: bool
    _said: float = field(default=0.0)

    def say(self, line: str) -> None:
        """One line."""
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    def ready(self, ready_s: float, gateway: str, dashboard: str) -> None:
        """Everything runs; the link that opens the dashboard is empty if none is served."""
        self.say(f"ready in {ready_s:.1f} s; gateway {gateway}")
        if dashboard:
            self.say(f"dashboard {dashboard}")

    def progress(self, at: Progress) -> None:
        """How far the schedule is, every few seconds."""
        now = time.monotonic()
        if now - self._said < EVERY_S and at.requests < at.requests_total:
            return
        self._said = now
        left = "" if at.eta_s is None else f", {at.eta_s:.0f} s left"
        event = to_datetime(at.event_ns).strftime("%a %d %b %H:%M UTC")
        share = at.requests / max(at.requests_total, 1)
        self.say(f"  {share:4.0%}  event time {event}  {at.interactions:,} interactions{left}")

    def table(self, result: Mapping[str, Any]) -> None:
        """Planted against found."""
        Console().print(render(result))

    def wait(self, link: str) -> None:
        """Stay until Ctrl-C, if asked to; the link shows what was just sent."""
        if self.stay:
            look = f"look at {link}" if link else "look around"
            self.say(f"everything goes on running: {look}, stop with Ctrl-C")
            try:
                while True:
                    time.sleep(3600)
            except KeyboardInterrupt:
                self.say("stopping")
