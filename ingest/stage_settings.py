"""What stage 1 must obey beyond its own settings: a compacted topic ``settings``, the same for every worker.

Two kinds. The anti-duplicate rule: spans without content that a provider's own SDK emits (by their scope) are
context in a service where another span was seen to describe the same call. Key:
``context_scope/tenant/lineage/service/scope``, percent-encoded. And a scorer that is switched off, because it
failed or was too slow: ``scorer_off/scorer/version``; another version of it runs again. Value of both: JSON
``{"v": 1, "on": true}``. The version of the settings is the offset after the last record; every stored
interaction names the one it was stored under, and what is stored is obeyed by later runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import orjson

from infra.kafka import SETTINGS
from ingest.messages import Output

VERSION = 1
_KIND = "context_scope"
_PARTS = 5
_OFF_KIND = "scorer_off"
_OFF_PARTS = 3


@dataclass(frozen=True, slots=True, order=True)
class ContextScope:
    """A scope whose spans without content are context in one service."""

    tenant: str
    lineage: str
    service: str
    scope: str

    def key(self) -> bytes:
        """Key of its record."""
        return _key(_KIND, self.tenant, self.lineage, self.service, self.scope)

    def to_output(self) -> Output:
        """The record that switches it on."""
        return _said(self.key(), on=True)


@dataclass(frozen=True, slots=True, order=True)
class ScorerOff:
    """One version of a scorer that does not run."""

    scorer: str
    version: str

    def key(self) -> bytes:
        """Key of its record."""
        return _key(_OFF_KIND, self.scorer, self.version)

    def to_output(self, *, on: bool = True) -> Output:
        """The record that switches the scorer off, or lets it run again (not ``on``)."""
        return _said(self.key(), on=on)


def _key(*parts: str) -> bytes:
    return "/".join(p.replace("%", "%25").replace("/", "%2F") for p in parts).encode()


def _said(key: bytes, *, on: bool) -> Output:
    return Output(SETTINGS.name, key, orjson.dumps({"v": VERSION, "on": on}), 0)


@dataclass(frozen=True, slots=True)
class StageSettings:
    """The settings as of one version: what was ever said of scopes and scorers, and whether it holds.

    ``since_ns`` is when each scope was found to be context.
    """

    version: int = 0
    context_scopes: Mapping[ContextScope, bool] = field(default_factory=dict)
    scorers_off: Mapping[ScorerOff, bool] = field(default_factory=dict)
    since_ns: Mapping[ContextScope, int] = field(default_factory=dict, compare=False)

    def is_context(self, scope: ContextScope, received_ns: int | None = None) -> bool:
        """Whether spans of this scope that have no content are context, or were when they were received."""
        holds = self.context_scopes.get(scope, False)
        return holds and (received_ns is None or self.since_ns.get(scope, 0) <= received_ns)

    def off(self, versions: Mapping[str, str]) -> frozenset[str]:
        """Names of the scorers that do not run, of those with these versions."""
        return frozenset(
            o.scorer for o, on in self.scorers_off.items() if on and versions.get(o.scorer) == o.version
        )

    def after(self, offset: int, key: bytes | None, value: bytes | None, at_ns: int = 0) -> StageSettings:
        """With one more record, of ``at_ns``; what is not understood (of a later version) changes nothing.

        Without a value it takes back what was said.
        """
        version = max(self.version, offset + 1)
        found = _read_key(key)
        if found is None:
            return replace(self, version=version)
        scopes, off = dict(self.context_scopes), dict(self.scorers_off)
        if not value:
            scopes.pop(found, None) if isinstance(found, ContextScope) else off.pop(found, None)
            return StageSettings(version, scopes, off, self.since_ns)
        try:
            said = orjson.loads(value)
        except orjson.JSONDecodeError:
            return replace(self, version=version)
        if isinstance(said, dict) and said.get("v") == VERSION and isinstance(said.get("on"), bool):
            if isinstance(found, ContextScope):
                scopes[found] = said["on"]
                return StageSettings(version, scopes, off, {**self.since_ns, found: at_ns})
            off[found] = said["on"]
        return StageSettings(version, scopes, off, self.since_ns)


def _read_key(key: bytes | None) -> ContextScope | ScorerOff | None:
    kind, *parts = (key or b"").decode("utf-8", "replace").split("/")
    parts = [p.replace("%2F", "/").replace("%25", "%") for p in parts]
    if kind == _KIND and len(parts) == _PARTS - 1:
        return ContextScope(*parts)
    if kind == _OFF_KIND and len(parts) == _OFF_PARTS - 1:
        return ScorerOff(*parts)
    return None
