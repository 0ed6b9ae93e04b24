"""Invented interactions with texts, as the store keeps them: redacted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from clickhouse_connect.driver.client import Client

INTERACTION_COLUMNS = (
    "tenant",
    "lineage",
    "service",
    "environment",
    "start",
    "trace_id",
    "span_id",
    "kind",
    "modality",
    "operation",
    "language",
    "output_language",
    "request_model",
    "response_model",
    "prompt_version",
    "release",
    "finish_reason",
    "input_text",
    "output_text",
    "text_absent",
    "error_type",
    "score_refusal",
    "score_output_length",
    "duration_s",
    "conversation_id",
    "scorer_versions",
    "dialect",
    "synthetic",
    "clock_skew",
    "observed",
    "settings_version",
    "source_topic",
    "source_partition",
    "source_offset",
    "received_at",
)

NOW_TEXTS = (
    (
        "de",
        "Ich bin [name:77d1aa02c94be613], meine Bestellung [order:4c0e11f8a2d35b97] fehlt. Was nun?",
        "Es tut mir leid, dabei kann ich nicht helfen. Schreiben Sie an [email:3fa2c81d07e6b945].",
    ),
    ("de", "Wie ändere ich die Lieferadresse <b>vor</b> dem Versand?", "Dazu darf ich keine Auskunft geben."),
    (
        "en",
        "Can I return shoes I have worn once? Card ending [card:9b1c04e7d2f8a635].",
        "I'm sorry, I can't help with payment matters.",
    ),
)
BASE_TEXTS = (
    (
        "de",
        "Meine Bestellung [order:a91d53c07be4f286] fehlt. Was kann ich tun?",
        "Das klären wir. Die Sendung liegt in der Filiale; der Code ging an [email:0be7d419c6a2f853].",
    ),
    (
        "de",
        "Kann ich die Lieferadresse noch ändern?",
        "Ja, bis zum Versand. Öffnen Sie die Bestellung und wählen Sie „Adresse ändern“.",
    ),
    (
        "en",
        "Do you take back shoes that were worn once?",
        "Within 30 days, yes, if they show no wear outdoors. I have started a return.",
    ),
)


def interaction(
    at: datetime, number: int, texts: tuple[str, str, str], refusal: float, **facts: Any
) -> tuple[Any, ...]:
    """One row; ``facts`` replaces columns by name."""
    language, prompt, output = texts
    row = {
        "tenant": "default",
        "lineage": "live",
        "service": "support-bot",
        "environment": "production",
        "start": at,
        "trace_id": f"{number:032x}",
        "span_id": f"{number:016x}",
        "kind": "inference",
        "modality": "text",
        "operation": "chat",
        "language": language,
        "output_language": language,
        "request_model": "aurora-2",
        "response_model": "aurora-2",
        "prompt_version": "v18" if refusal >= 0.5 else "v17",
        "release": "7.4.1",
        "finish_reason": "stop",
        "input_text": prompt,
        "output_text": output,
        "text_absent": None,
        "error_type": None,
        "score_refusal": refusal,
        "score_output_length": float(len(output)),
        "duration_s": 2.0,
        "conversation_id": f"c{number}",
        "scorer_versions": "x",
        "dialect": "genai",
        "synthetic": False,
        "clock_skew": False,
        "observed": True,
        "settings_version": 1,
        "source_topic": "otlp_spans",
        "source_partition": 0,
        "source_offset": number,
        "received_at": datetime.now(UTC),  # texts expire by it
    } | facts
    return tuple(row[name] for name in INTERACTION_COLUMNS)


def fill(
    client: Client, now: datetime, tenant: str, lineage: str, newest: dict[tuple[str, str], datetime]
) -> None:
    """Current and baseline examples of support-bot, and the newest interaction of every service."""
    owner = {"tenant": tenant, "lineage": lineage}
    rows: list[tuple[Any, ...]] = []
    for i, texts in enumerate(NOW_TEXTS * 3):
        rows.append(interaction(now - timedelta(seconds=208 + 90 * i), 100 + i, texts, 1.0, **owner))
    for i, texts in enumerate(BASE_TEXTS * 3):
        at = now - timedelta(minutes=80, seconds=100 * i)
        rows.append(interaction(at, 200 + i, texts, 0.0, **owner))
    for number, ((service, environment), at) in enumerate(sorted(newest.items())):
        texts = ("en", "Summarise this note.", "A short note about a meeting.")
        where = {"service": service, "environment": environment}
        rows.append(interaction(at, 900 + number, texts, 0.0, **where, **owner))
    insert(client, rows)


def insert(client: Client, rows: list[tuple[Any, ...]]) -> None:
    """Write rows made by `interaction`."""
    client.insert("interactions", rows, column_names=list(INTERACTION_COLUMNS))
