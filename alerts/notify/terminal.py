"""Prints the brief where the service runs."""

from __future__ import annotations

import sys
from typing import TextIO

from alerts.briefs.render import render_text
from alerts.digests.digest import text_of
from alerts.notify.protocol import GAVE_UP, SENT, Delivery, DigestDelivery, Outcome


class TerminalNotifier:
    """A channel that writes to ``stream``, by default the standard output. A repeat is printed again."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def send(self, delivery: Delivery) -> Outcome:
        """Print once; a stream that is closed is given up."""
        return self._print(render_text(delivery.brief))

    def send_digest(self, delivery: DigestDelivery) -> Outcome:
        """Print a digest."""
        return self._print(text_of(delivery.digest))

    def _print(self, text: str) -> Outcome:
        stream = self._stream or sys.stdout
        try:
            stream.write(f"{text}\n")
            stream.flush()
        except (OSError, ValueError) as error:
            return Outcome(GAVE_UP, f"cannot print: {error}")
        return Outcome(SENT)

    def close(self) -> None:
        """Nothing to let go of."""
