"""What stage 1 must obey beyond its own settings: a compacted topic ``settings``, the same for every worker.

One kind so far, the anti-duplicate rule: spans without content that a provider's own SDK emits (by their
scope) are context in a service where another span was seen to describe the same call. Key:
``context_scope/tenant/lineage/service/scope``, percent-encoded; value: JSON ``{"v": 1, "on": true}``. The
version is the offset after the last record; every stored interaction names the one it was stored under, and
what is stored is obeyed by later runs.
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


@dataclass(frozen=True, slots=True, order=True)
class ContextScope:
    """A scope whose spans without content are context in one service."""

    tenant: str
    lineage: str
    service: str
    scope: str

    def key(self) -> bytes:
        """Key of its record."""
        parts = (_KIND, self.tenant, self.lineage, self.service, self.scope)
        return "/".join(p.replace("%", "%25").replace("/", "%2F") for p in parts).encode()

    def to_output(self) -> Output:
        """The record that switches it on."""
        return Output(SETTINGS.name, self.key(), orjson.dumps({"v": VERSION, "on": True}), 0)


@dataclass(frozen=True, slots=True)
class StageSettings:
    """The settings as of one version. ``context_scopes`` tells those that were ever said, and whether on."""

    version: int = 0
    context_scopes: Mapping[ContextScope, bool] = field(default_factory=dict)

    def is_context(self, scope: ContextScope) -> bool:
        """Whether spans of this scope that have no content are context."""
        return self.context_scopes.get(scope, False)

    def after(self, offset: int, key: bytes | None, value: bytes | None) -> StageSettings:
        """With one more record; what is not understood, of a later version say, changes nothing.

        Without a value it takes back what was said.
        """
        version = max(self.version, offset + 1)
        found = _read_key(key)
        if found is None:
            return replace(self, version=version)
        scopes = dict(self.context_scopes)
        if not value:
            scopes.pop(found, None)
            return StageSettings(version, scopes)
        try:
            said = orjson.loads(value)
        except orjson.JSONDecodeError:
            return replace(self, version=version)
        if isinstance(said, dict) and said.get("v") == VERSION and isinstance(said.get("on"), bool):
            scopes[found] = said["on"]
        return StageSettings(version, scopes)


def _read_key(key: bytes | None) -> ContextScope | None:
    parts = (key or b"").decode("utf-8", "replace").split("/")
    if len(parts) != _PARTS or parts[0] != _KIND:
        return None
    return ContextScope(*(p.replace("%2F", "/").replace("%25", "%") for p in parts[1:]))
