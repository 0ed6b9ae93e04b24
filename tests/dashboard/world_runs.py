"""An invented run of an agent with its conversation, and texts that try to be more than text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client

from tests.dashboard import world_texts

TRACE = "a9e7" * 8
CONVERSATION = "conversation-7"
ASKED = f"{TRACE}:{'0' * 15}4"
"""The output in the middle of it all."""
EVIL = (
    '\x1b[31mred\x1b[0m =HYPERLINK("https://evil.example") ![i](https://evil.example/q.png) \u202egnp.exe '
    "<script>window.hacked=1</script> [email:3fa2c81d07e6b945] "
)

_SPANS = (
    ("1", "", "agent", "invoke_agent refunds", "", 0, 9.4, False),
    ("2", "1", "chain", "plan", "", 0.2, 1.4, False),
    (
        "5",
        "1",
        "tool",
        "search_orders",
        '{"customer": "[name:77d1aa02c94be613]", "state": "open"}',
        3.9,
        0.31,
        False,
    ),
    ("6", "1", "tool", "issue_refund", '{"order": "[order:4c0e11f8a2d35b97]"}', 4.4, 1.9, True),
)


def fill(client: Client, now: datetime, tenant: str = "default", lineage: str = "live") -> None:
    """One run of support-bot twelve minutes ago, with two turns of its conversation before it."""
    start = now - timedelta(minutes=12)
    where = {"tenant": tenant, "lineage": lineage, "service": "support-bot", "environment": "production"}
    columns = ("trace_id", "span_id", "parent_span_id", "kind", "name", "tool_name", "tool_arguments")
    client.insert(
        "context_spans",
        [
            (
                *where.values(),
                TRACE,
                f"{int(span):016x}",
                f"{int(parent):016x}" if parent else None,
                kind,
                name,
                name if kind == "tool" else None,
                said or None,
                start + timedelta(seconds=after),
                took,
                failed,
                datetime.now(UTC),  # texts expire by it
            )
            for span, parent, kind, name, said, after, took, failed in _SPANS
        ],
        column_names=[*where, *columns, "start", "duration_s", "error", "received_at"],
    )
    rows: list[tuple[Any, ...]] = []
    said = (
        ("3", "2", 0.3, "Plan the next step.", "1. Look for the order. 2. Refund it if it is late.", 0.0),
        (
            "4",
            "1",
            2.0,
            "Please refund order [order:4c0e11f8a2d35b97], it never came.",
            "I'm sorry, refunds for this order are not something I can do.",
            1.0,
        ),
    )
    for span, parent, after, prompt, output, refusal in said:
        facts = {"trace_id": TRACE, "span_id": f"{int(span):016x}", "conversation_id": CONVERSATION}
        row = world_texts.interaction(
            start + timedelta(seconds=after),
            400 + int(span),
            ("en", prompt, output),
            refusal,
            **where,
            **facts,
        )
        rows.append((*row, f"{int(parent):016x}"))
    for turn in (1, 2):
        texts = ("en", f"Where is my parcel? (asked {turn} times)", "It is at the depot since Monday.")
        facts = {"conversation_id": CONVERSATION}
        row = world_texts.interaction(
            start - timedelta(minutes=6 * turn), 410 + turn, texts, 0.0, **where, **facts
        )
        rows.append((*row, None))
    client.insert("interactions", rows, column_names=[*world_texts.INTERACTION_COLUMNS, "parent_span_id"])
    before = [
        world_texts.interaction(now - timedelta(hours=26, minutes=7 * k), 420 + k, texts, 0.0, **where)
        for k, texts in enumerate(world_texts.BASE_TEXTS * 3)
    ]
    world_texts.insert(client, before)


def hostile(client: Client, now: datetime, tenant: str = "default", lineage: str = "live") -> str:
    """A run whose names and texts are hostile, one of them a line of a megabyte; the output's name."""
    name = "# **bot** [x](javascript:alert(1)) <img src=x onerror=alert(2)> :red[loud] $x^2$"
    where = {"tenant": tenant, "lineage": lineage, "service": name, "environment": "production"}
    trace = "e411" * 8
    start = now - timedelta(minutes=3)
    columns = ("trace_id", "span_id", "parent_span_id", "kind", "name", "tool_name", "tool_arguments")
    client.insert(
        "context_spans",
        [
            (
                *where.values(),
                trace,
                f"{k:016x}",
                f"{3 - k:016x}",
                "tool",
                EVIL,
                EVIL,
                EVIL,
                start,
                1.0,
                True,
                datetime.now(UTC),
            )
            for k in (1, 2)  # each is the other's parent
        ],
        column_names=[*where, *columns, "start", "duration_s", "error", "received_at"],
    )
    facts = {"trace_id": trace, "span_id": f"{9:016x}", "conversation_id": "e"}
    long = EVIL + "A" * 1_000_000
    rows = [world_texts.interaction(start, 500, ("en", EVIL, long), 1.0, **where, **facts)]
    world_texts.insert(client, rows)
    return f"{trace}:{9:016x}"
