"""How the simulated models behave at one time; the apps never see this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

REFUSAL_SHARE = 0.01
"""Share of final answers that refuse, in quiet times, in every language."""
TRUNCATED_SHARE = 0.01
"""Share of answers cut at the token limit."""
HEARD_WRONG_SHARE = 0.01
"""Share of transcripts with words nobody said."""
ERROR_SHARE = 0.005
"""Share of calls answered with a rate limit error."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """Shares are 0..1; the defaults are a quiet day.

    ``refusal_share`` overrides `REFUSAL_SHARE` for some languages of the support desk, ``loop_share`` of its
    conversations call one tool again and again, ``secret_share`` of the copilot's answers contain
    credentials, and ``wordiness`` multiplies the copilot's explanations (2.2 makes answers about 1.9 times
    as long). ``heard_wrong`` of the recorded calls are written down with words nobody said: as a farewell of
    videos, or, with ``loops``, as one sentence over and over.
    """

    refusal_share: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    loop_share: float = 0.0
    secret_share: float = 0.0
    wordiness: float = 1.0
    heard_wrong: float = HEARD_WRONG_SHARE
    loops: bool = False
