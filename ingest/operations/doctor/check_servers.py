"""Is everything there, as set, with room left and in time? Pure: facts to lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from infra.clock import NS_PER_S
from infra.disks import DiskSpace
from infra.embedded.run_report import RunChild
from infra.kafka import Topic, wrong_partitions
from infra.settings import KafkaSettings
from ingest.operations.doctor.line import AWAY, FAIL, OK, WARN, Line
from ingest.operations.ledger.waiting import Waiting

SKEW_WARN_S, SKEW_FAIL_S = 2.0, 60.0
STALLED_S = 90.0
"""A room that has written no progress for so long has stopped: it writes every half minute, data or not."""
LAG_WARN = 10_000
"""Messages that may wait before it is said."""
MS_PER_HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class Server:
    """A server or room: its address, and why it is not ready (``None``: it is); ``away``: it says nothing.

    ``elsewhere``: the address is a guess, so that it may run on another machine. ``set_aside`` is what its
    own code failed on lately, a line each; ``config`` why it does not go by its settings file.
    """

    name: str
    address: str
    problem: str | None = None
    away: bool = False
    start: str = "lightship up"
    elsewhere: bool = False
    set_aside: tuple[str, ...] = ()
    config: str | None = None


def check_server(server: Server) -> Line:
    """Whether it answers and can do its work."""
    if server.problem is None and server.set_aside:
        remedy = "report it; infra/runbooks/set_aside.md says what each part means"
        return Line(server.name, FAIL, f"set aside: {'; '.join(server.set_aside)[:500]}", remedy)
    if server.problem is None and server.config:
        remedy = "mend it: it is read again by itself; `lightship config check` says whether it can be used"
        says = f"goes by the settings of before, as the file cannot be used: {server.config[:500]}"
        return Line(server.name, FAIL, says, remedy)
    if server.problem is None:
        return Line(server.name, OK, f"{server.address} is ready")
    says = f"{server.address}: {server.problem}"
    if server.away and server.elsewhere:
        remedy = f"if none runs on another machine (see progress): {server.start}"
        return Line(server.name, WARN, f"none at {server.address}", remedy)
    if server.away:
        return Line(server.name, AWAY, says, f"start it: {server.start}")
    return Line(server.name, FAIL, says, "repair what it waits for; its log says more")


def check_restarts(children: Sequence[RunChild], now_ns: int) -> list[Line]:
    """Whether the processes of the running instance stay up; nothing, where no supervisor runs them."""
    lines = []
    for child in children:
        says = child.restarted.text(now_ns)
        if child.restarted.loop_since_ns(now_ns) is not None:
            remedy = f"its log says why: logs/{child.name}.log in the data directory"
            lines.append(Line("restarts", FAIL, says, remedy))
        elif child.restarted.recent(now_ns):
            lines.append(Line("restarts", WARN, says, f"see logs/{child.name}.log in the data directory"))
    total = sum(child.restarted.count for child in children)
    if children and not lines:
        earlier = f" now; {total} restarts since the start" if total else ""
        lines.append(Line("restarts", OK, f"{len(children)} processes stay up{earlier}"))
    return lines


_REMEDY = "set kafka.partitions (LIGHTSHIP_KAFKA_PARTITIONS) to what the topics have: chosen once"
_REMEDY_FIXED = "stop Lightship, delete these topics, then run `lightship setup`"


def check_topics(found: Mapping[str, int], settings: KafkaSettings, topics: Sequence[Topic]) -> list[Line]:
    """Whether every topic is there with the partitions that the settings ask for."""
    missing = [t.name for t in topics if t.name not in found]
    wrong = [t for t in topics if wrong_partitions(t, found.get(t.name), settings)]
    lines = []
    if missing:
        lines.append(Line("topics", FAIL, f"missing: {', '.join(missing)}", "lightship setup"))
    for fixed in (False, True):
        if some := [t for t in wrong if bool(t.partitions) is fixed]:
            says = "; ".join(
                f"{t.name} has {found[t.name]} instead of {t.partitions or settings.partitions}" for t in some
            )
            lines.append(Line("topics", FAIL, f"partitions: {says}", _REMEDY_FIXED if fixed else _REMEDY))
    return lines or [Line("topics", OK, f"{len(topics)} topics, {settings.partitions} partitions")]


def check_unredacted(kept_ms: Mapping[str, int | None], most_hours: float = 1.0) -> list[Line]:
    """The one stated exception to "redacted before it is stored": topics that others write to.

    ``kept_ms`` is how long the broker keeps each of them, ``None`` where it does not say.
    """
    if not kept_ms:
        return [Line("unredacted", OK, "no topic holds anything that was not redacted")]
    long = {n: ms for n, ms in kept_ms.items() if ms is not None and not 0 <= ms <= most_hours * MS_PER_HOUR}
    if long:
        names = ", ".join(sorted(long))
        says = f"{names} keep what others write, not redacted, for more than {most_hours:g} h"
        return [Line("unredacted", FAIL, says, "lightship setup (it sets retention.ms of these topics)")]
    names = ", ".join(sorted(kept_ms))
    says = f"the one exception: {names} hold what others write, not redacted, for at most {most_hours:g} h"
    return [Line("unredacted", OK, says)]


def check_progress(ages_s: Mapping[str, float], waiting: int | None) -> list[Line]:
    """Whether rooms move. ``ages_s``: since each wrote progress; ``waiting``: messages not yet accounted."""
    lines = []
    if not ages_s:
        remedy = "a worker writes it every half minute: python -m ingest.worker (lightship up starts it)"
        lines.append(Line("progress", WARN, "no worker has written progress yet", remedy))
    for room, age_s in sorted(ages_s.items()):
        if age_s > STALLED_S:
            remedy = "see the worker's log and /readyz; start one if none runs: python -m ingest.worker"
            lines.append(Line("progress", FAIL, f"{room} has written nothing for {age_s:.0f} s", remedy))
    if waiting is not None and waiting > LAG_WARN:
        remedy = "start more workers, up to one a partition: python -m ingest.worker"
        lines.append(Line("progress", WARN, f"{waiting} messages wait for a worker", remedy))
    behind = "" if waiting is None else f", {waiting} messages wait"
    return lines or [
        Line("progress", OK, f"{', '.join(sorted(ages_s))} moved within the last minute{behind}")
    ]


def check_waiting(waiting: Waiting) -> list[Line]:
    """Whether records that wait are processed; nothing is said while they are."""
    if not waiting.stuck:
        return []
    remedy = "see the worker's log and /readyz; records wait in Kafka for kafka.retention_hours"
    return [Line("waiting records", FAIL, waiting.text(), remedy)]


def check_clock(name: str, ours_ns: int, theirs_ns: int) -> Line:
    """Whether two machines agree on the time."""
    skew_s = (theirs_ns - ours_ns) / NS_PER_S
    if abs(skew_s) <= SKEW_WARN_S:
        return Line("clock", OK, f"this machine and {name} agree")
    way = "ahead of" if skew_s > 0 else "behind"
    remedy = "synchronise the clocks of both machines (NTP): timedatectl set-ntp true"
    state = FAIL if abs(skew_s) > SKEW_FAIL_S else WARN
    return Line("clock", state, f"{name} is {abs(skew_s):.0f} s {way} this machine", remedy)


def check_disk_space(rooms: Iterable[DiskSpace]) -> list[Line]:
    """Whether disks have room."""
    lines = []
    for room in rooms:
        remedy = "keep less: store.text_days, kafka.retention_hours"
        if room.too_little:
            lines.append(Line("disk", FAIL, room.text(), f"free space, or {remedy}"))
        elif room.little:
            lines.append(Line("disk", WARN, room.text(), remedy))
        else:
            lines.append(Line("disk", OK, room.text()))
    return lines
