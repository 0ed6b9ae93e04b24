"""The alerts service: reads findings, keeps incidents, tells people, serves the API.

One process is the writer: the member of the consumer group that holds the log of findings. ``python -m
alerts.service`` runs it until SIGTERM. A dependency that does not answer is waited for and named in
``/readyz``; what our own code fails on is set aside (`alerts.faults`), unless most of what comes meets it.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from starlette.types import ASGIApp

from alerts import feed
from alerts.access.keys import LINKS, read_token
from alerts.access.listener import address_of, host_names, listen
from alerts.access.typed_text import TypedText
from alerts.api import http_api, link_pages
from alerts.api.allow_rules import Allowing
from alerts.api.baselines import BaselinesApi
from alerts.api.inbound import Inbound, Secrets
from alerts.api.rules import Rules
from alerts.briefs.brief import Links
from alerts.briefs.known_scores import learn_custom_scores
from alerts.budget_allocation import BudgetAllocations
from alerts.changes.change_event import RecordedChange
from alerts.changes.feed import RecordedFeed
from alerts.errors import Unavailable
from alerts.faults import INCIDENTS, Faults
from alerts.incident_service import IncidentService
from alerts.incidents.incident import Incident
from alerts.incidents.timing import Timing
from alerts.legal_hold.retention import EvidenceRetention
from alerts.metrics import Metrics
from alerts.monitoring.all_watches import Watches
from alerts.monitoring.health_watch import WATCHING
from alerts.monitoring.heartbeat import heartbeat_of
from alerts.monitoring.store_ping import StorePing
from alerts.notify.digest_schedule import DigestRound
from alerts.notify.route import receivers_of
from alerts.notify.routing import Routing
from alerts.notify.silence_polling import HonouredSilences
from alerts.outbox.dispatch import Dispatch
from alerts.outbox.incident_status import IncidentStatus
from alerts.reload import Reload
from alerts.repository.incidents import IncidentRepository
from alerts.state.ports import Message, Setup
from detectors.redaction.names import revealed_type
from infra import clickhouse
from infra.clock import NS_PER_S, Clock, SystemClock
from infra.disks import DiskSpace
from infra.errors import InfraError, Misconfigured
from infra.kafka import FINDINGS
from infra.metrics_key import read_metrics_key
from infra.process_starts import report_start
from infra.settings import Settings, load
from infra.settings_file import SettingsFile
from infra.stored_names import check_stored_names
from infra.supervised_thread import SupervisedThread

logger = logging.getLogger(__name__)

POLL_S = 0.5
ELAPSE_EVERY_S = 3.0
GRANT_EVERY_S = 5.0
LONGEST_PAUSE_S = 10.0
STARTING = "starting"
STOP_S = 10.0
"""How long attempts under way may take to end; one that is cut off is repeated under its key."""

OK, USAGE, UNAVAILABLE, DEFECT = 0, 2, 3, 70


class Service:
    """All of it in one process. ``topic``, ``group`` and what disks hold are others only in tests.

    ``file`` is where the settings are from, if they are to be taken up as they change.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        topic: str = FINDINGS.name,
        group: str = feed.GROUP,
        rooms: Callable[[], list[DiskSpace]] | None = None,
        file: SettingsFile | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._topic, self._group = topic, group
        self.metrics = Metrics()
        self.faults = Faults(self._clock)
        self._log, self._deliveries, self._kept = (
            IncidentRepository(lambda: clickhouse.connect(settings.store), self.faults) for _ in range(3)
        )
        self._producer = feed.Producer(settings.kafka)
        self._feed: feed.Findings | None = None
        self._recorded: RecordedFeed | None = None
        self._stop = threading.Event()
        self._trouble: str | None = STARTING
        self._ping = StorePing(self._deliveries.ping, self._clock)
        self._grants = BudgetAllocations(settings, self._log.services, self._producer.records)
        self._heart = heartbeat_of(
            settings.alerts,
            self.problems,
            self._deliveries.detected_ns,
            self._clock,
            self.metrics,
            self.faults,
        )
        self._token = read_token(settings.home)
        self._metrics_key = read_metrics_key(settings.telemetry.metrics_key_file)
        self._typed = TypedText.of(settings)
        self._secrets = Secrets.of(settings)
        public = settings.alerts.public_url
        self._links_key = read_token(settings.home, LINKS).encode() if public else None
        self._routing = Routing(settings)
        self._dispatch = Dispatch(
            settings,
            self._deliveries,
            self._links_key,
            self._clock,
            self.metrics,
            self.faults,
            lambda incident_id: self.desk.find(incident_id),  # noqa: PLW0108 - it is made below
            self._routing,
        )
        self._socket = listen(settings.alerts.host, settings.alerts.port)
        self.address = address_of(self._socket)
        dashboard = settings.dashboard.address
        links = Links(dashboard, self.address, _version(), settings.alerts.runbook_url)
        self._standing = IncidentStatus(links)
        self._digests = DigestRound(
            receivers_of(settings),
            self._routing.is_business_of,
            self._deliveries.tried,
            self._clock,
            dashboard,
        )
        state, routing = self._dispatch.state, self._routing
        setup = Setup(
            Timing.of(settings), routing.route, links, state.arrived, routing.policies, state.arrival
        )
        due = self._dispatch.due
        self.desk = IncidentService(
            setup, self._log, self._producer, due, self._clock, self.metrics, self.faults
        )
        self.holding = self._kept.legal_hold_usage()
        self.reload = Reload(file, settings, self._use, self._clock, self.metrics)
        self._own = Watches(
            settings,
            lambda: self._dispatch.senders,
            self._log,
            rooms or partial(self._log.disk_space, settings.home),
            lambda: self._waits_for,
            self._clock,
            self.faults,
            state,
            self.reload,
        )
        tell, audit = self._producer.controls, self._producer.action
        self._rules = Rules(self._deliveries, tell, audit, settings, self._clock)
        self._keeper = EvidenceRetention(self.holding, self._mine, self._clock, self.faults)
        self._honoured = self._honoured_in(settings)

    def _honoured_in(self, settings: Settings) -> HonouredSilences:
        return HonouredSilences.of(settings, self._clock, self.metrics, self.faults, self._typed)

    @property
    def loops(self) -> list[SupervisedThread]:
        """The threads there are now, which none ends but by `stop`."""
        beats = [] if self._heart is None else [self._heart.loop]
        asked = self._honoured.loops
        return [*self._dispatch.loops, *beats, *asked, self._keeper.loop, *self._own.loops]

    def _use(self, settings: Settings) -> None:
        """Go by the receivers, routes and rules of other settings; all of them, or none (`Misconfigured`)."""
        check_stored_names(settings, revealed_type)
        before, secrets = self._honoured, Secrets.of(settings)
        honoured = before if before.asked(settings) else self._honoured_in(settings)
        channels = self._dispatch.channels(settings)
        self._routing.use(settings)
        self._dispatch.use(settings, channels)
        self._digests.use(receivers_of(settings))
        self._secrets = secrets
        self._rules.use(settings)
        self._honoured = honoured
        if honoured is not before:
            honoured.start()
            before.stop(0.0)

    def _mine(self) -> list[Incident]:
        """The incidents that this process may act for."""
        return self.desk.all() if self.desk.is_writer else []

    def _update_status(self) -> None:
        """Hand open incidents to the channels that follow them; they repeat it by themselves."""
        self._dispatch.resend(self.desk)
        self._dispatch.update_status(self._standing, self.desk.all)

    def _send_again(self) -> None:
        """Send again what has to be; that a page was given up is told at once."""
        self._dispatch.resend(self.desk)
        with self.faults.isolate(WATCHING):
            self._watch_ourselves()

    def _suspend(self) -> None:
        """Another process writes and sends now."""
        self.desk.suspend()
        self._dispatch.forget()
        self._digests.forget()

    def _send_digests(self) -> None:
        """Hand over the digests that are due."""
        for due in self._digests.due(self.desk.all):
            self._dispatch.senders[due.delivery.receiver].add(due.delivery, due.attempts, done=False)

    def stop(self) -> None:
        """Ask it to end; `run` returns soon."""
        self._stop.set()

    def run(self) -> None:
        """Work until `stop`.

        Raises
        ------
        Exception
            Whatever is our bug; the process must end.
        """
        app = http_api.build(
            self.desk,
            self._log.history,
            self.problems,
            self.metrics,
            self._token,
            host_names(self._settings.alerts.host, self._settings.alerts.allowed_hosts),
            BaselinesApi(self._deliveries, self._producer.controls, self._settings.detection.tick_s),
            self._clock,
            self._deliveries.legal_hold_usage().bounds,
            self._rules,
            self._typed,
            http_api.Condition(self.ended, self.faults.texts, lambda: self.reload.problem),
            self._dispatch.took,
            self._metrics_key,
            Allowing(self.desk, self._deliveries, self._clock, self._producer.action),
            self._dispatch.counts.into,
        )
        config = uvicorn.Config(
            self._with_pages(app), log_config=None, access_log=False, lifespan="off", server_header=False
        )
        server = uvicorn.Server(config)
        serving = threading.Thread(
            target=server.run, kwargs={"sockets": [self._socket]}, name="api", daemon=True
        )
        serving.start()
        self._dispatch.start()
        if self._heart is not None:
            self._heart.start()
        self._keeper.start()
        self._honoured.start()
        self._own.start()
        logger.info("alerts API on %s", self.address)
        try:
            self._work()
        finally:
            self._stop.set()
            server.should_exit = True
            if self._heart is not None:
                self._heart.stop(1.0)
            self._own.stop()
            self._honoured.stop(STOP_S)
            self._keeper.stop(STOP_S)
            self._dispatch.stop(STOP_S)
            if self._feed is not None:
                self._feed.close()
            if self._recorded is not None:
                self._recorded.close()
            self._producer.close()
            serving.join(2)
            self._log.close()
            self._kept.close()
            self._deliveries.close()
            self._socket.close()

    def _with_pages(self, app: ASGIApp) -> ASGIApp:
        """The API, with the pages behind links if messages hold any."""
        if self._links_key is None:
            return app
        public = urlsplit(self._settings.alerts.public_url).hostname
        hosts = [public] if public else []
        inbound = Inbound(self.desk, lambda: self._secrets, self._links_key, self._typed, self._clock)
        pages = link_pages.build(self.desk, self._links_key, self._clock, hosts, inbound.routes())
        return link_pages.beside(app, pages)

    def _work(self) -> None:
        """Read, take, commit; wait where something does not answer."""
        batch: list[Message] = []
        recorded: list[RecordedChange] = []
        load_due, tell_rules, pause_s, next_elapse_ns, next_grant_ns = False, False, 0.5, 0, 0
        while not self._stop.is_set():
            self.reload.look()
            try:
                if self._feed is None:
                    feed.require_topics(self._settings.kafka, self._topic)
                    self._feed = feed.Findings(self._settings.kafka, self._topic, self._group)
                if self._recorded is None:
                    self._recorded = RecordedFeed(self._settings.kafka)
                batch = batch or self._feed.poll(POLL_S)
                load_due |= self._feed.newly_assigned()
                if load_due:
                    self._load()
                    load_due, tell_rules = False, True
                elif not self._feed.assigned:
                    batch = []  # it belongs to another process now
                    self._suspend()
                if recorded := recorded or self._recorded.poll():
                    with self.faults.isolate("recorded changes"):
                        self.desk.record(recorded)
                    recorded = []
                if batch:
                    self.desk.apply(batch)
                    self._producer.flush()
                    self._feed.commit(batch)
                    batch = []
                if self._feed.assigned and self._dispatch.state.news():
                    self._send_again()
                if self._feed.assigned and self._clock.now_ns() >= next_elapse_ns:
                    self._align_silences()
                    with self.faults.isolate(INCIDENTS):
                        self.desk.elapse()
                    self._update_status()
                    with self.faults.isolate("digests"):
                        self._send_digests()
                    next_elapse_ns = self._clock.now_ns() + int(ELAPSE_EVERY_S * NS_PER_S)
                if self._feed.assigned and self._clock.now_ns() >= next_grant_ns:
                    with self.faults.isolate("budgets"):
                        self._grants.send_changed()
                    with self.faults.isolate(WATCHING):
                        self._watch_ourselves()
                    next_grant_ns = self._clock.now_ns() + int(GRANT_EVERY_S * NS_PER_S)
                    with self.faults.isolate("rules"):
                        self._rules.keep_up(anew=tell_rules)
                    tell_rules = False
                self.metrics.set("lag", self._feed.lag())
                self.metrics.set("waiting", sum(s.waiting for s in self._dispatch.senders.values()))
                self.metrics.set("faults", self.faults.total)
                self._trouble, pause_s = None, 0.5
            except Unavailable as error:
                if self._trouble != str(error):
                    logger.warning("waiting: %s", error)
                self._trouble = str(error)
                self._stop.wait(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _load(self) -> None:
        """Start from what is stored, and from what is silenced elsewhere."""
        self._dispatch.load()
        self.desk.load()
        self._grants.forget()
        self._align_silences()

    def _align_silences(self) -> None:
        with self.faults.isolate("silences"):
            self.desk.align_silences(self._honoured.changes)

    def _watch_ourselves(self) -> None:
        """Say what is wrong with Lightship itself, or is over, in the log of findings."""
        for finding in self._own.statements(self.desk.all()):
            self._producer.finding(self._topic, finding)

    @property
    def _waits_for(self) -> str | None:
        """What does not answer, while something does not."""
        return None if self._trouble == STARTING else self._trouble

    def ended(self) -> list[str]:
        """Threads that have ended although they should not: only a new process has them again."""
        return [loop.problem for loop in self.loops if loop.problem is not None]

    def problems(self) -> list[str]:
        """What keeps the service from being ready."""
        found = self.ended() + ([self._trouble] if self._trouble else [])
        if self._feed is None or not self._feed.assigned:
            found.append("the log of findings is not assigned to this process")
        elif not self.desk.is_writer:
            found.append("what is stored has not been loaded yet")
        if away := self._ping.problem():
            found.append(away)
        return found


def _version() -> str:
    with suppress(metadata.PackageNotFoundError):
        return metadata.version("lightship")
    return ""


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m alerts.service", description=__doc__)
    parser.add_argument("--config", type=Path, metavar="FILE", help="default: LIGHTSHIP_CONFIG")
    parser.add_argument("--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    options = parser.parse_args(argv)
    logging.basicConfig(
        level=options.log_level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    for name in ("kafka", "uvicorn"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        settings = load(options.config)
        check_stored_names(settings, revealed_type)
        report_start(settings.store, "alerts")
        learn_custom_scores(settings)
        service = Service(settings, file=SettingsFile(options.config, settings))
    except Misconfigured as error:
        logger.error("%s", error)
        return USAGE
    except InfraError as error:
        logger.error("%s", error)
        return UNAVAILABLE
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: service.stop())
    signal.signal(signal.SIGHUP, lambda *_: service.reload.request())
    try:
        service.run()
    except Misconfigured as error:  # found only when it is used: a wrong password, another server
        logger.error("%s", error)
        return USAGE
    except Exception:
        logger.exception("a defect ends the alerts service")
        return DEFECT
    return OK


if __name__ == "__main__":
    sys.exit(main())
