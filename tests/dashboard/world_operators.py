"""What operators look at, beside the invented fleet: twelve weeks of pages, silences, deliveries, trouble."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client

from alerts.incidents.events import Acknowledge, End, Hold
from alerts.silences.repository import silence_row
from alerts.silences.silence import requested_silence
from infra.clock import NS_PER_S, to_datetime, to_ns
from infra.settings import Settings
from tests.dashboard import world, world_texts
from tests.dashboard.world_incidents import Desk, finding

LINEAGE = "operators-1"
HISTORY = (
    # days ago, service, minutes until taken, hours until over, how it ended
    (80, "claims-triage", 6, 2.0, "accepted"),
    (71, "support-bot", 11, 5.0, "accepted"),
    (64, "code-helper", 3, 0.7, "false_alarm"),
    (58, "support-bot", None, 9.0, "accepted"),
    (47, "claims-triage", 21, 3.2, "accepted"),
    (40, "code-helper", 8, 1.1, "accepted"),
    (33, "support-bot", 4, 0.5, "false_alarm"),
    (26, "claims-triage", 9, 6.5, "accepted"),
    (24, "code-helper", 5, 1.4, "accepted"),
    (19, "support-bot", 14, 4.0, "accepted"),
    (12, "code-helper", 7, 0.9, "accepted"),
    (10, "claims-triage", 2, 0.4, "false_alarm"),
    (4, "support-bot", 33, 7.5, "accepted"),
)


def fill(
    client: Client, now: datetime = world.NOW, tenant: str = world.TENANT, lineage: str = LINEAGE
) -> dict[str, str]:
    """The fleet in a lineage of its own, and everything else; ids of its incidents by name."""
    ids = world.fill(client, now, lineage, tenant)
    _history(client, now, tenant, lineage)
    _silences(client, tenant)
    _deliveries(client, tenant, ids)
    _account(client, tenant, lineage)
    _late(client, now, tenant, lineage)
    _run(client)
    _levels(client, tenant, lineage)
    _incomplete(client, now, tenant, lineage)
    return ids


def _history(client: Client, now: datetime, tenant: str, lineage: str) -> None:
    desk = Desk(client)
    for number, (days, service, taken, over, ending) in enumerate(HISTORY):
        then = now - timedelta(days=days, hours=number)
        found = finding(
            then, tenant=tenant, lineage=lineage, service=service, finding_id=f"{number:02d}c0ffee00c0ffee"
        )
        incident_id = desk.take(found)
        if taken is not None:
            desk.act(incident_id, Acknowledge("Ada"), found.made_at + timedelta(minutes=taken))
        if number == 4:
            desk.act(incident_id, Hold("Ada", "until the vendor answers"), found.made_at + timedelta(hours=1))
        end = End(ending, actor="Grace", reason="looked at together")
        desk.act(incident_id, end, found.made_at + timedelta(hours=over))


def _silences(client: Client, tenant: str) -> None:
    """On the wall clock: one in force, one about to end, one announced."""
    now_ns = to_ns(datetime.now(UTC))
    for patterns, actor, reason, made_min, begins_min, lasts_s in (
        (
            {"service": "claims-triage", "score": "latency_s"},
            "Ada",
            "the vendor's new region, ticket at theirs",
            90,
            90,
            8 * 3600,
        ),
        ({"service": "code-helper", "severity": "ticket"}, "Grace", "reindexing", 95, 95, 2 * 3600),
        ({"service": "*-writer"}, "Lin", "upgrade of the cluster on Sunday", 30, -1200, 4 * 3600),
    ):
        made = now_ns - made_min * 60 * NS_PER_S
        begins = now_ns - begins_min * 60 * NS_PER_S
        row = silence_row(
            requested_silence(tenant, patterns, actor, reason, made, lasts_s, max(made, begins))
        )
        times = ("made_at", "begins_at", "ends_at")
        row |= {name: to_datetime(row[name]) for name in times}
        client.insert("silences", [list(row.values())], column_names=list(row))


def _deliveries(client: Client, tenant: str, ids: dict[str, str]) -> None:
    """On the wall clock: a channel that works, one that needed retries, one that gave up."""
    wall = datetime.now(UTC)
    columns = ["tenant", "incident_id", "receiver", "dedup_key", "kind", "attempt", "outcome"]
    columns += ["response_code", "reason", "at"]
    rows: list[tuple[object, ...]] = []
    for n, incident_id in enumerate([*ids.values()] * 6):
        at = wall - timedelta(hours=31 * n + 2)
        key = f"{incident_id}-{900 + n}"
        told = (tenant, incident_id)
        rows.append((*told, "on-call pager", key, "opened", 1, "sent", 202, "", at))
        if n % 4 == 0:
            rows.append((*told, "team channel", key, "opened", 1, "retry", 429, "asked to wait 30 s", at))
            rows.append(
                (*told, "team channel", key, "opened", 2, "sent", 200, "", at + timedelta(seconds=31))
            )
        else:
            rows.append((*told, "team channel", key, "opened", 1, "sent", 200, "", at))
        if n < 3:
            why = "connection refused"
            rows.append((*told, "archive", key, "opened", 8, "gave_up", None, why, at + timedelta(hours=1)))
    client.insert("notifications", rows, column_names=columns)


def _account(client: Client, tenant: str, lineage: str) -> None:
    """A day of messages on four partitions, with what was refused and what died; and who reads them."""
    wall = datetime.now(UTC)
    columns = ["topic", "partition", "offset", "tenant", "lineage", "declared", "received", "stored"]
    columns += ["duplicate", "rejected", "dead_lettered", "reasons", "received_at"]
    rows: list[tuple[object, ...]] = []
    for minute in range(0, 24 * 60, 10):
        at = wall - timedelta(minutes=minute)
        n = 900 - abs(minute - 700)
        for partition in range(4):
            dead = 7 if minute in {310, 320} and partition == 2 else 0
            blocked = 4 if minute % 50 == 0 else 0
            reasons = {"not_genai": blocked} if blocked else {}
            reasons |= {"dead_letter:not_otlp": dead} if dead else {}
            place = ("otlp_spans", 40 + partition, 90_000 - minute, tenant, lineage)
            rows.append((*place, n, n, n - 3 - blocked - dead, 3, blocked, dead, reasons, at))
    client.insert("ledger", rows, column_names=columns)
    rooms = [("score", "otlp_spans", k) for k in range(4)] + [("detect", "observations", k) for k in range(4)]
    rooms.append(("fleet", "ticks", 0))
    client.insert(
        "progress",
        [
            (*room, 90_000 - 7 * n, wall - timedelta(seconds=3 + n), wall - timedelta(seconds=1 + n % 4))
            for n, room in enumerate(rooms)
        ],
        column_names=["room", "topic", "partition", "next_offset", "event_time", "written_at"],
    )


def _late(client: Client, now: datetime, tenant: str, lineage: str) -> None:
    """Some outputs of one service came after their tick was closed."""
    cells = world.Cells(tenant, lineage)
    for hours in range(1, 20):
        at = now.replace(minute=0, second=0) - timedelta(hours=hours)
        cells.add(world.FLEET[1], "error", "all", at, 9, 0.0)
    rows = [(*row, 7_000 + n) for n, row in enumerate(cells.rows)]
    client.insert("cells", rows, column_names=[*world.CELL_COLUMNS, "part"])


def _run(client: Client) -> None:
    """What detection runs with: the shipped settings."""
    row = ["ab" * 16, Settings().config_hash(), '{"engine": "shiryaev_roberts.2"}']
    client.insert("run_configs", [row], column_names=["digest", "config_hash", "body"])


def _levels(client: Client, tenant: str, lineage: str) -> None:
    """What is said to the learned levels: limits on two scores, one of them broken, and one accepted."""
    where = f"tenant = '{tenant}' AND lineage = '{lineage}' AND isNotNull(baseline_version)"
    ends = (("value", 1.7), ("low", 1.66), ("high", 1.74))
    louder = ", ".join(f"baseline_{name} = baseline_{name} * {k}" for name, k in ends)
    taken = "accepted_by = 'Ada', accepted_reason = 'long answers are cut on purpose'"
    for change, which in (
        ("level_verdict = 'proposed'", "1"),
        ("examples = toUInt64(round(baseline_value * n_baseline))", "kind = 'flag'"),
        ("level_limit = 0.03, level_verdict = 'within limit'", "score = 'refusal'"),
        (
            "level_limit = 0.004, level_verdict = 'beyond limit'",
            "score = 'error' AND service = 'code-helper'",
        ),
        (
            "level_limit = 0.012, level_verdict = 'within limit'",
            "score = 'error' AND service = 'support-bot'",
        ),
        (f"level_verdict = 'accepted', {taken}", "score = 'truncated' AND service = 'claims-triage'"),
        (louder, "service = 'code-helper' AND score IN ('error', 'pii', 'truncated')"),
    ):
        statement = f"ALTER TABLE series UPDATE {change} WHERE {where} AND {which}"
        client.command(f"{statement} SETTINGS mutations_sync = 1")


def _incomplete(client: Client, now: datetime, tenant: str, lineage: str) -> None:
    """A service whose instrumentation captures no content."""
    owner: dict[str, object] = {"tenant": tenant, "lineage": lineage, "service": "claims-triage"}
    owner |= {"text_absent": "not captured by the app", "input_text": None, "output_text": None}
    owner |= {"score_refusal": None, "score_output_length": None, "dialect": "otel-genai"}
    rows = [
        world_texts.interaction(now - timedelta(minutes=n), 4_000 + n, ("en", "", ""), 0.0, **owner)
        for n in range(1, 40)
    ]
    world_texts.insert(client, rows)
