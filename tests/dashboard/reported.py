"""What a report is made of, invented: two services over five weeks, and names that try to be more."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from alerts.incidents.codec import incident_to_json
from alerts.incidents.events import Acknowledge, End
from alerts.incidents.timing import Timing
from alerts.state.incident_state import IncidentState
from dashboard.queries.days_and_cells import Weeks
from dashboard.queries.disparity import GroupCount
from dashboard.queries.report import Appeared, Fired, ScoredBy, Traffic
from dashboard.queries.trends import ScoreWeek, WeekCount
from dashboard.report.gather import Facts
from detectors.finding import Suspect
from infra.clock import to_ns
from tests.dashboard.world_hostile import NAME, SLICE
from tests.dashboard.world_incidents import finding

MONDAY = datetime(2026, 2, 9, tzinfo=UTC)
DAYS = 33
END = MONDAY + timedelta(days=DAYS)
HOSTILE = (
    NAME,
    "bot\u202egnp.exe\u202c",
    "\u05d0\u05d1 \u05d2 (1)",
    '=HYPERLINK("http://evil.example")',
    "</td></table><script>alert(1)</script>",
    "\x00\x1b[31m\u2028</style><style>*{display:none}",
    '" onmouseover="alert(2)',
)


def facts(names: tuple[str, str] = ("support-bot", "claims-triage"), group: str = "de") -> Facts:
    """Answers of the store about two services; Wednesday to Friday of the second week nothing came."""
    days = [MONDAY.date() + timedelta(days=d) for d in range(DAYS) if d not in (9, 10, 11)]
    return Facts(
        "default",
        "live",
        Weeks(int(MONDAY.timestamp()), int(END.timestamp())),
        1.0,
        "9c41f0e29c41f0e2",
        tuple(Traffic(name, "production", tuple((day, 20_000, 19_000) for day in days)) for name in names),
        tuple(
            ScoreWeek("interaction", score, WeekCount(MONDAY + timedelta(weeks=w), n, round(n * rate), base))
            for score, base in (("refusal", 0.02), ("error", 0.006), ("secrets", None))
            for w, (n, rate) in enumerate(zip((280_000,) * 3 + (300, 200_000), _rates(score), strict=True))
        ),
        tuple(
            GroupCount("interaction", score, name, n, hits, 1_200_000, 24_900.0)
            for score in ("refusal", "error")
            for name, n, hits in (("en", 700_000, 12_000.0), (group, 499_700, 12_880.0), ("xx", 300, 20.0))
        ),
        tuple(
            GroupCount("interaction", "refusal", name, n, hits, 1_200_000, 24_900.0)
            for name, n, hits in ((names[0], 600_000, 12_450.0), (names[1], 600_000, 12_450.0))
        ),
        Fired(tuple(_incidents(names[0], group)), 4),
        (Appeared(names[0], "production", "prompt_version", names[1], date(2026, 2, 20)),),
        (ScoredBy("4be1", MONDAY, END),),
    )


def _rates(score: str) -> tuple[float, ...]:
    return (0.02, 0.02, 0.03, 0.5, 0.031) if score == "refusal" else (0.006,) * 5


def _incidents(service: str, group: str) -> list[str]:
    out = []
    for n, ending in enumerate(("accepted", "false_alarm", "")):
        book = IncidentState(Timing())
        then = MONDAY + timedelta(days=3 + n)
        made = finding(
            then,
            finding_id=f"{n:016x}",
            service=service,
            suspects=(Suspect("release", f"7.{n} {service}", then),),
            cleared=(f"language={group}", SLICE),
        )
        incident_id = book.apply(made)[-1].incident.incident_id
        if ending:
            book.act(incident_id, Acknowledge("Ada"), to_ns(made.made_at) + 5 * 60_000_000_000)
            book.act(incident_id, End(ending, "Ada", "why"), to_ns(made.made_at) + 50 * 60_000_000_000)
        out.append(incident_to_json(book.all()[0]))
    return [*out, "{"]
