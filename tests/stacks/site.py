"""Runs a stack between a loopback provider and a gateway, and looks at what arrived."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ingest.demo.loopback import Loopback
from ingest.interaction import Interaction
from ingest.otlp.assembly.assemble import assemble_batch
from ingest.otlp.views import log_views, parse_logs, parse_traces, span_views
from ingest.units.duplicate_calls import is_bare, same_call
from tests.live.desk_provider import ANSWER, STREAMED
from tests.live.door import Door
from tests.stacks.environments import made
from tests.stacks.provider import StackProvider
from tests.stacks.stack import COLUMNS, Stack

ENOUGH_S = 180
LIGHTSHIP = Path(sys.executable).with_name("lightship")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a stack's calls: how many the provider answered, how many arrived, what they hold.

    ``bodies`` are what it sent, redacted, by their topics.
    """

    stack: Stack
    asked: int
    arrived: int
    has: frozenset[str]
    printed: str
    bodies: tuple[tuple[str, bytes], ...] = ()

    @property
    def lacking(self) -> frozenset[str]:
        """Columns that are empty."""
        return frozenset(COLUMNS) - self.has


@dataclass
class Site:
    """Where stacks send and whom they ask."""

    home: Path
    door: Door
    gateway: str
    provider: str
    answering: StackProvider

    def run(self, stack: Stack) -> Outcome:
        """Start it as ``lightship env`` says, and wait for its end."""
        folder = made(stack)
        (folder / "lightship.toml").write_text(f"[gateway]\nport = {self.gateway.rpartition(':')[2]}\n")
        self.answering.asked = 0
        before = len(self.door.producer.sent)
        line = f'eval "$({LIGHTSHIP} env)" && {stack.run}'
        done = subprocess.run(
            ["/bin/sh", "-c", line],
            cwd=folder,
            env=self._environment(stack, folder),
            capture_output=True,
            text=True,
            timeout=ENOUGH_S,
            check=False,
        )
        printed = done.stdout[-3000:] + done.stderr[-6000:]
        if done.returncode:
            printed = f"ended with {done.returncode}\n{printed}"
        calls = self._interactions(before, stack.name)
        bodies = tuple((sent.topic, sent.value) for sent in self.door.producer.sent[before:] if sent.value)
        return Outcome(stack, self.answering.asked, len(calls), _columns(calls), printed, bodies)

    def _environment(self, stack: Stack, folder: Path) -> dict[str, str]:
        """What the owner of an application has set before: its name and its provider."""
        kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR", "JAVA_HOME")}
        kept["PATH"] = f"{folder}/.venv/bin:{kept['PATH']}"
        if stack.kind == "python":
            kept["VIRTUAL_ENV"] = f"{folder}/.venv"
        return kept | {
            "LIGHTSHIP_HOME": str(self.home),
            "OTEL_SERVICE_NAME": stack.name,
            "OPENAI_API_KEY": "none",
            "OPENAI_BASE_URL": f"{self.provider}/v1",
            "OPENAI_API_BASE": f"{self.provider}/v1",
            "ANTHROPIC_API_KEY": "none",
            "ANTHROPIC_BASE_URL": self.provider,
            "PROVIDER": self.provider,
            "GOOGLE_API_KEY": "none",
            "GOOGLE_GEMINI_BASE_URL": self.provider,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "CREWAI_DISABLE_TELEMETRY": "true",
            "ANONYMIZED_TELEMETRY": "false",
        }

    def _interactions(self, since: int, service: str) -> list[Interaction]:
        spans, logs = [], []
        for sent in self.door.producer.sent[since:]:
            if sent.topic == "otlp_spans":
                spans += span_views(parse_traces(sent.value))
            elif sent.topic == "otlp_logs":
                logs += log_views(parse_logs(sent.value))
        found = assemble_batch(spans, logs, redacted=True).interactions
        return _once([i for i in found if i.service == service and i.kind == "inference"])


@contextmanager
def site(home: Path) -> Iterator[Site]:
    """A gateway over memory and a provider, both on loopback."""
    door, answering = Door(home), StackProvider()
    with Loopback(door) as gateway, Loopback(answering) as provider:
        yield Site(home, door, gateway.url, provider.url, answering)


def _once(calls: Sequence[Interaction]) -> list[Interaction]:
    """Without second spans of a call, which the worker takes out (`ingest.units.duplicate_calls`).

    Bare spans of a provider's own client are told there by their scope; here by their time, as a stack asks
    one question after another.
    """
    rich = [c for c in calls if not is_bare(c)]
    out: list[Interaction] = []
    for call in sorted(calls, key=is_bare):
        during = is_bare(call) and any(r.start_ns <= call.end_ns and call.start_ns <= r.end_ns for r in rich)
        if not during and not any(same_call(call, one) for one in out):
            out.append(call)
    return out


def _columns(calls: Sequence[Interaction]) -> frozenset[str]:
    """Which columns are complete: text and tokens in every call that was answered, the others in one."""
    answered = [c for c in calls if c.error is None]
    texts = [c.output_text or "" for c in answered]
    found = {
        "text": bool(answered)
        and all(c.input_text and (c.output_text or c.tool_calls) for c in answered)
        and any(ANSWER in text for text in texts),
        "tokens": bool(answered) and all(c.input_tokens and c.output_tokens for c in answered),
        "tools": any(c.tool_calls for c in answered),
        "user": any(c.user for c in calls),
        "session": any(c.conversation_id for c in calls),
        "error": any(c.error is not None for c in calls),
        "streaming": any(STREAMED in text for text in texts),
        "agent": any(c.agent_name for c in calls),
    }
    return frozenset(name for name, there in found.items() if there)
