"""The watcher watched: a beat to an address outside as long as people would be paged.

A dead-man's switch (a monitor that pages when nobody calls it) is the only one that notices when all of this
is gone. So the beat is withheld as soon as a page could not be sent: the service is not ready, or detection
has not said for `STALLED_S` how far it has come.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from alerts.errors import Unavailable
from alerts.faults import Faults
from alerts.metrics import Metrics
from alerts.notify.http_post import HttpPost
from alerts.notify.protocol import SENT, Outcome
from alerts.notify.secrets import read_line
from alerts.notify.self_monitoring import in_words, stalled_since_ns
from infra.alert_sections import AlertSettings
from infra.clock import Clock
from infra.errors import Misconfigured
from infra.receivers import WEB, has_scheme
from infra.supervised_thread import SupervisedThread

logger = logging.getLogger(__name__)

BODY = b'{"v": 1, "from": "lightship"}'


class Heartbeat:
    """Calls an address every so often, on a thread of its own.

    ``problems`` says why people would not be paged, ``detected_ns`` when detection last said how far it is
    (``None``: never; it may raise `Unavailable`).
    """

    def __init__(
        self,
        post: Callable[[bytes], Outcome],
        problems: Callable[[], list[str]],
        detected_ns: Callable[[], int | None],
        clock: Clock,
        every_s: float,
        metrics: Metrics,
        faults: Faults,
    ) -> None:
        self._post, self._problems, self._detected_ns = post, problems, detected_ns
        self._clock = clock
        self._every_s, self._metrics = every_s, metrics
        self._said = ""
        self.loop = SupervisedThread(
            "heartbeat", self._run, lambda error: faults.note("heartbeat", error), first_s=every_s
        )

    def start(self) -> None:
        """Begin: the first beat comes after the first pause, when everything has had time to start."""
        self.loop.start()

    def stop(self, wait_s: float) -> None:
        """End."""
        self.loop.stop(wait_s)

    def _run(self) -> float:
        self.beat()
        return self._every_s

    def beat(self) -> bool:
        """One beat, if all is well; whether it arrived."""
        trouble = "; ".join(self._troubles())
        if not trouble:
            outcome = self._post(BODY)
            trouble = "" if outcome.outcome == SENT else f"the beat did not arrive: {outcome.reason}"
        if trouble != self._said:
            logger.warning("no heartbeat: %s", trouble) if trouble else logger.info("the heart beats again")
        self._said = trouble
        self._metrics.add("beats", not trouble)
        return not trouble

    def _troubles(self) -> list[str]:
        found = self._problems()
        try:
            said_ns = self._detected_ns()
        except Unavailable as error:
            return [*found, str(error)]
        if said_ns is None:
            return [*found, "detection has never said how far it is"]
        now_ns = self._clock.now_ns()
        since_ns = stalled_since_ns(said_ns, now_ns)
        return found if since_ns is None else [*found, in_words(since_ns, now_ns)]


def heartbeat_of(
    alerts: AlertSettings,
    problems: Callable[[], list[str]],
    detected_ns: Callable[[], int | None],
    clock: Clock,
    metrics: Metrics,
    faults: Faults,
) -> Heartbeat | None:
    """The beat, if an address is named for it.

    Raises
    ------
    Misconfigured
        If the address cannot be used.
    """
    path = alerts.heartbeat_url_file
    if not path:
        return None
    url = read_line(path, "heartbeat_url_file")
    if not has_scheme(url, WEB):
        raise Misconfigured(
            f"alerts.heartbeat_url_file {path} must hold http://host/path or https://host/path"
        )
    door = HttpPost(url, clock)
    return Heartbeat(door.post, problems, detected_ns, clock, alerts.heartbeat_s, metrics, faults)
