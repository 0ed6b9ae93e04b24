"""What happens to incidents: what detection says, what people do, and time that passes."""

from __future__ import annotations

from dataclasses import dataclass

from alerts.incidents.incident import DETECTOR, ENDINGS, EVIDENCE
from detectors.finding import Finding


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a detector sees now: ``ok``, ``breach``, ``no_data`` or ``error``."""

    status: str
    finding: Finding | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if self.status not in EVIDENCE:
            raise ValueError(f"evidence {self.status!r} is none of {', '.join(EVIDENCE)}")


@dataclass(frozen=True, slots=True)
class Raise:
    """A graver finding joined: the severity rises in place, it never falls."""

    severity: str
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class End:
    """Someone, or the detector, ends it with an ending other than ``recovered``."""

    ending: str
    actor: str = DETECTOR
    reason: str = ""
    finding: Finding | None = None

    def __post_init__(self) -> None:
        if self.ending not in ENDINGS or self.ending == "recovered":
            raise ValueError(
                f"ending {self.ending!r} cannot be declared, one of {', '.join(ENDINGS[1:])} can"
            )


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """A person takes it; ``over`` from whoever has it, knowingly."""

    actor: str
    reason: str = ""
    over: bool = False


@dataclass(frozen=True, slots=True)
class Reopen:
    """A person says that what is over is not over."""

    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Undo:
    """A person takes back the last act of a person."""

    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Write:
    """A person adds a note."""

    actor: str
    text: str


@dataclass(frozen=True, slots=True)
class Remind:
    """Time for people has passed: who was told of a page, and has not taken it, is told once more.

    ``since_ns`` is when the first receiver took the page, on the wall clock (``None``: when this is first
    asked); ``receivers`` are those that have had it long enough (empty: all that were told).
    """

    since_ns: int | None = None
    receivers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Escalate:
    """Nobody acknowledged in time: the receivers of a level of an escalation policy are told."""

    policy: str
    level: int
    receivers: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Elapsed:
    """Nothing but time has passed."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A person keeps it, and what it rests on: it ends by a person's word alone."""

    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """A person lets it recover again, and what it rests on expire."""

    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Silenced:
    """A silence covers it from now on: nobody is told."""

    silence_id: str
    actor: str = DETECTOR
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Unsilenced:
    """No silence covers it any more."""

    actor: str = DETECTOR
    reason: str = ""


Event = (
    Evidence
    | Raise
    | End
    | Acknowledge
    | Reopen
    | Undo
    | Write
    | Hold
    | Release
    | Silenced
    | Unsilenced
    | Remind
    | Escalate
    | Elapsed
)


def is_human_action(event: Event) -> bool:
    """Whether it is a matter of people: on the clock on the wall, and saying nothing of what was measured."""
    if isinstance(event, End):
        return event.actor != DETECTOR
    return isinstance(
        event,
        Acknowledge | Reopen | Undo | Write | Hold | Release | Silenced | Unsilenced | Remind | Escalate,
    )
