"""Every setting: its name, default, meaning and limits. `infra.settings` reads and checks them.

The page docs/settings.md is made from what stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TCP = (0, 65_535)


def about(
    says: str, *, within: tuple[float, float] | None = None, one_of: tuple[str, ...] = ()
) -> Mapping[str, Any]:
    """Metadata of a field: what it means, and the values it may have."""
    return {"says": says, "within": within, "one_of": one_of}


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """ClickHouse. Retention is counted from arrival and applied by `lightship setup`."""

    url: str = field(default="", metadata=about("`http[s]://user@host:8123`; empty: the embedded engine"))
    password_file: str = field(default="", metadata=about("file with the password, so that no URL holds it"))
    ca_file: str = field(
        default="",
        metadata=about("certificates (PEM) of who signed an https server's; empty: who the system trusts"),
    )
    database: str = field(default="lightship", metadata=about("database of all tables"))
    text_days: int = field(
        default=30, metadata=about("days the redacted text of interactions is kept", within=(1, 3650))
    )
    score_months: int = field(
        default=13,
        metadata=about("months scores, findings, incidents and the ledger are kept", within=(1, 120)),
    )


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Kafka, or what speaks its protocol."""

    bootstrap: str = field(default="", metadata=about("`host:port,...`; empty: the embedded broker"))
    partitions: int = field(
        default=4,
        metadata=about("partitions of the raw topics and of observations, chosen once", within=(1, 256)),
    )
    session_timeout_s: float = field(
        default=6.0, metadata=about("seconds until a silent worker's share goes to others", within=(1, 300))
    )
    retention_hours: int = field(
        default=72, metadata=about("hours the raw topics (redacted telemetry) are kept", within=(1, 8760))
    )
    idempotent: bool = field(
        default=False,
        metadata=about("idempotent producers: yes on Apache Kafka; the embedded broker does not know them"),
    )
    tls: bool = field(default=False, metadata=about("whether brokers are spoken to over TLS"))
    ca_file: str = field(
        default="",
        metadata=about("certificates (PEM) of who signed the brokers'; empty: who the system trusts"),
    )
    cert_file: str = field(default="", metadata=about("our certificate (PEM), where brokers ask for one"))
    key_file: str = field(default="", metadata=about("the key of our certificate (PEM, no password)"))
    user: str = field(default="", metadata=about("who we are (SASL); empty: nobody asks"))
    password_file: str = field(default="", metadata=about("file with the user's password"))
    mechanism: str = field(
        default="SCRAM-SHA-512",
        metadata=about(
            "how the password is shown (SASL)", one_of=("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")
        ),
    )
    writers: tuple[str, ...] = field(
        default=(),
        metadata=about(
            "accounts of Collectors and exporters, which `lightship setup` lets write to the open topics"
        ),
    )


@dataclass(frozen=True, slots=True)
class RedactionSettings:
    """What is removed before anything is stored, and whose text is kept, per tenant."""

    types: tuple[str, ...] = field(default=(), metadata=about("types to remove; empty: all"))
    keep_text: str = field(
        default="all",
        metadata=about("whose redacted text is stored; scores always are", one_of=("all", "flagged", "none")),
    )
    keep_percent: float = field(
        default=1.0, metadata=about("with `flagged`: percent of the others kept as well", within=(0, 100))
    )


@dataclass(frozen=True, slots=True)
class MemorisedSettings:
    """Texts that answers must not recite. Without documents the scorer `memorised` does not run."""

    documents: tuple[str, ...] = field(
        default=(), metadata=about("text files, if relative from where the settings lie")
    )


@dataclass(frozen=True, slots=True)
class CostSettings:
    """What models cost."""

    prices_file: str = field(
        default="", metadata=about("a table in the form of `detectors/scorers/prices.toml`; empty: that one")
    )


@dataclass(frozen=True, slots=True)
class CustomScoreSettings:
    """A score of one's own, named as the table. One of `regex`, `keywords`, `json_schema` and `python`.

    `lightship scorers check` tries it. What it measures is watched as any other score is.
    """

    regex: str = field(default="", metadata=about("pattern (RE2) that a text of `side` must hold to count"))
    keywords: tuple[str, ...] = field(
        default=(), metadata=about("words and phrases, in any case, one of which must stand in a text")
    )
    json_schema: str = field(
        default="", metadata=about("file with a JSON Schema; outputs that are not JSON of that form count")
    )
    python: str = field(
        default="",
        metadata=about("`FILE.py:FUNCTION` of a `detectors.record.Record`, giving its value or `None`"),
    )
    plugin: str = field(
        default="", metadata=about("name of the entry point it comes from; set by Lightship, not by hand")
    )
    side: str = field(
        default="output",
        metadata=about("the text that is read", one_of=("output", "prompt", "context", "tool_result")),
    )
    kind: str = field(
        default="flag",
        metadata=about(
            "0 or 1; 0 to 1; 0 and up (of a pattern: how often it is found); any number; a name",
            one_of=("flag", "bounded", "positive", "real", "category"),
        ),
    )
    low: float = field(
        default=1.0, metadata=about("least value of kind `positive` told from 0", within=(1e-12, 1e12))
    )
    high: float = field(
        default=1e6, metadata=about("largest value of kind `positive` told from more", within=(1e-9, 1e15))
    )
    title: str = field(default="", metadata=about("what people read; empty: the name"))
    value_unit: str = field(default="", metadata=about("unit of its values, such as `s`"))
    harmful: int = field(
        default=1, metadata=about("1: a rise hurts, -1: a fall does, 0: neither", within=(-1, 1))
    )
    severity: str = field(
        default="ticket", metadata=about("what a change deserves", one_of=("page", "ticket"))
    )
    usual: float = field(
        default=0.0,
        metadata=about(
            "highest rate of a flag that is usual in any service: a gross rise over it pages from the first"
            " day on; 0: not known",
            within=(0, 1),
        ),
    )
    generation: int = field(
        default=1,
        metadata=about("raise it when values stop being comparable with older ones", within=(1, 255)),
    )


@dataclass(frozen=True, slots=True)
class ScorerSettings:
    """The scorers."""

    off: tuple[str, ...] = field(default=(), metadata=about("names of scorers that do not run"))
    most_us: float = field(
        default=5000.0,
        metadata=about(
            "microseconds a scorer may take for an interaction; one that takes longer in ten batches in a"
            " row is switched off, and so is one that fails on most of them",
            within=(1, 1e7),
        ),
    )
    memorised: MemorisedSettings = field(default_factory=MemorisedSettings)
    cost: CostSettings = field(default_factory=CostSettings)
    own: Mapping[str, CustomScoreSettings] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeadLetterSettings:
    """When the worker stops instead of making dead letters of everything: a deploy that is broken."""

    stop_percent: float = field(
        default=50.0,
        metadata=about(
            "the worker stops if more than this share of recent records dies by a defect; 100: it never does",
            within=(1, 100),
        ),
    )
    stop_records: int = field(
        default=200, metadata=about("recent records that are looked at", within=(1, 10_000))
    )


@dataclass(frozen=True, slots=True)
class DetectionSettings:
    """The engine. A change here changes `config_hash` and so the evidence of new findings."""

    tick_s: int = field(
        default=300, metadata=about("seconds of a tick; must divide an hour", within=(60, 3600))
    )
    lateness_s: float = field(
        default=120.0, metadata=about("seconds a tick waits for late records", within=(0, 86_400))
    )
    idle_s: float = field(
        default=30.0,
        metadata=about("seconds without data after which a partition follows the others", within=(1, 3600)),
    )
    conversation_idle_s: float = field(
        default=1800.0,
        metadata=about("seconds without a call after which a conversation has ended", within=(60, 86_400)),
    )
    conversation_longest_s: float = field(
        default=86_400.0,
        metadata=about("seconds after which a conversation ends in any case", within=(600, 864_000)),
    )
    learn_days: float = field(
        default=14.0, metadata=about("days a series learns before it is watched", within=(1, 90))
    )
    max_values: int = field(
        default=20, metadata=about("values of a dimension that get series of their own", within=(1, 200))
    )
    adwin_tickets: bool = field(
        default=False,
        metadata=about("file tickets on what river's ADWIN alone sees (no budget holds them)"),
    )


@dataclass(frozen=True, slots=True)
class BudgetSettings:
    """How often the whole fleet (a tenant's services in one lineage) may raise a false alarm.

    A change takes effect when the alerts service starts again: it tells detection.
    """

    pages_per_month: float = field(default=1.0, metadata=about("false pages in 30 days", within=(1e-6, 1000)))
    tickets_per_week: float = field(
        default=2.0, metadata=about("false tickets in 7 days", within=(1e-6, 10_000))
    )
    max_services: int = field(
        default=50, metadata=about("services the budget is divided among", within=(1, 10_000))
    )


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """False alarms that one service may raise, out of the fleet's budget; others divide the rest."""

    pages_per_month: float = field(
        default=0.0, metadata=about("false pages in 30 days; 0: as the others", within=(0, 1000))
    )
    tickets_per_week: float = field(
        default=0.0, metadata=about("false tickets in 7 days; 0: as the others", within=(0, 10_000))
    )


@dataclass(frozen=True, slots=True)
class ScoreSettings:
    """What a change of one score deserves, if not what its scorer says."""

    severity: str = field(
        metadata=about(
            "of a change in the harmful direction, any other is a ticket", one_of=("page", "ticket")
        )
    )


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """Declared limits: levels that are nothing to page for, known before anything is learned.

    The first that matches holds. The fast path pages for gross rises above it.
    """

    score: str = field(metadata=about("name of a flag, such as `refusal`"))
    at_most: float = field(
        metadata=about("largest share of calls that is nothing to page for", within=(1e-6, 0.5))
    )
    services: tuple[str, ...] = field(default=(), metadata=about("services; `*` and `?` allowed; empty: all"))


@dataclass(frozen=True, slots=True)
class SloSettings:
    """An objective: which share of calls is to be good over 30 days. Told by how fast its budget burns.

    Pages at 14.4 times what it may over 1 h and 5 min, or 6 times over 6 h and 30 min; tickets at 3 times
    over 1 d and 2 h, or once over 3 d and 6 h. It spends no budget of false alarms. `lightship rules check`
    says what it means.
    """

    score: str = field(metadata=about("name of a flag (1 is bad), or of a score with `above`"))
    objective: float = field(metadata=about("share of calls that is to be good", within=(0.5, 0.99999)))
    above: float = field(
        default=0.0,
        metadata=about("of a score that is no flag: values above it are bad", within=(0, 1e15)),
    )
    least_n: int = field(
        default=20, metadata=about("values the long window must hold at least to decide", within=(1, 1e9))
    )
    unit: str = field(
        default="interaction",
        metadata=about("what is counted", one_of=("interaction", "trace", "conversation")),
    )
    slice: str = field(default="all", metadata=about("`all`, or `dim=value`"))
    severity: str = field(default="page", metadata=about("the gravest it states", one_of=("page", "ticket")))
    services: tuple[str, ...] = field(default=(), metadata=about("services; `*` and `?` allowed; empty: all"))
