"""What a tenant's redactor removes, and what the name of a key says about its value."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import lru_cache

from detectors.redaction.kinds import ALL_TYPES, check_types

REDACTION_VERSION = "3"
"""Changes whenever the same text may be redacted differently."""

_USER_ENDINGS = (
    "userid", "enduserid", "enduserpseudoid", "userpseudoid", "useruuid", "userguid", "customerid",
    "accountuserid", "memberid", "requestuser", "llmuser", "genaiuser", "aiuser", "username", "userlogin",
    "useremail", "userfullname", "userhash", "enduserscope", "safetyidentifier", "endusername", "visitorid",
    "patientid", "employeeid", "studentid", "userkey",
)  # fmt: skip
_SESSION_ENDINGS = (
    "sessionid", "sessionpreviousid", "conversationid", "threadid", "chatid", "sessionkey", "dialogid",
    "dialogueid", "conversationkey", "sessionuuid",
)  # fmt: skip
_BARE_USER_KEYS = frozenset({"user", "enduser", "customer"})
"""Name a user only where the value looks like an id: chat templates use ``user`` for what the user said."""

_SECRET_ENDINGS = (
    "password", "passwd", "pwd", "passphrase", "secret", "apikey", "accesskey", "secretkey", "privatekey",
    "accesstoken", "refreshtoken", "authtoken", "bearertoken", "apitoken", "secrettoken", "clientsecret",
    "signingkey", "encryptionkey", "accountkey", "authorization", "xapikey", "setcookie", "cookie",
    "credential", "credentials", "idtoken", "sessiontoken",
)  # fmt: skip

HEADER_KEYS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "api-key"}
)
"""Names of headers whose whole value is a credential."""

_EXEMPT_KEYS = frozenset({
    "trace_id", "span_id", "parent_span_id", "gen_ai.response.id", "ai.response.id", "gen_ai.tool.call.id",
    "gen_ai.agent.id", "tool_call_id", "service.name", "service.version", "service.instance.id",
    "service.namespace", "server.address", "server.port", "net.host.name", "net.host.ip", "host.name",
    "host.id", "host.ip", "host.arch", "os.version", "process.pid", "process.command",
    "process.executable.path", "process.runtime.version", "container.id", "container.image.name",
    "container.image.tag", "k8s.pod.name", "k8s.pod.uid", "k8s.pod.ip", "k8s.node.name",
    "deployment.environment", "deployment.environment.name", "telemetry.sdk.name", "telemetry.sdk.language",
    "telemetry.sdk.version", "telemetry.distro.version", "gen_ai.request.model", "gen_ai.response.model",
    "gen_ai.system", "gen_ai.provider.name", "gen_ai.openai.response.system_fingerprint",
    "openai.response.system_fingerprint", "gen_ai.response.system_fingerprint", "cloud.account.id",
    "cloud.resource_id", "cloud.region", "code.filepath", "code.lineno", "code.function", "thread.id",
    "thread.name", "url.path", "url.scheme", "http.route", "http.request.method", "http.response.status_code",
    "langfuse.release", "langfuse.version", "langfuse.trace.id", "langfuse.observation.id", "schema_url",
    "event.name", "error.type", "exception.type", "model", "id", "object", "created",
    "langgraph_checkpoint_ns", "checkpoint_ns", "langgraph_path", "langgraph_triggers", "timestamp",
    "start_time", "end_time",
})  # fmt: skip
_PLACE_KEYS = (
    "server.", "net.", "host.", "k8s.", "container.", "os.", "process.", "telemetry.", "url.", "cloud.",
)  # fmt: skip
"""Beginnings of exempt keys that name machines and programs: addresses there are no person's."""
_PLACE_ENDINGS = ("version", "release", ".address", ".ip", ".port")
_EXEMPT_ENDINGS = (
    ".version", ".fingerprint", "_fingerprint", ".uuid", ".hash", "_hash", "_id", ".id", ".timestamp",
    "_timestamp", "_at", ".digest", "_digest", "_sha", ".sha", ".checksum", "_version", "_ns", "_ms", ".port",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KeyRule:
    """What a key says about its value.

    ``pseudonym`` is the type of placeholder for all of it (with ``bare`` only where it looks like an id);
    ``exempt`` values are ids, not searched for loose shapes, nor, where they name a ``place`` or a version,
    for addresses of the network; ``secret`` keys name passwords and tokens;
    ``header`` keys name headers whose whole value is a credential.
    """

    pseudonym: str | None = None
    bare: bool = False
    exempt: bool = False
    place: bool = False
    secret: bool = False
    header: bool = False

    @property
    def names_value(self) -> bool:
        """Whether the key may ask for all of its value to be replaced."""
        return self.header or self.secret or self.pseudonym is not None


@dataclass(frozen=True, slots=True)
class RedactionPolicy:
    """Types to remove and keys to treat by name.

    ``types`` defaults to all; ``user_keys`` and ``session_keys`` add keys (exact, any case) to the built-in
    endings whose values become ``[user:...]`` and ``[session:...]``; ``exempt_keys`` add ids in which only
    values with a form of their own are searched (e-mail, card, vendor token), never loose shapes such as
    phone numbers; ``searched_keys`` are taken off every exemption. Raises ``ValueError`` for an unknown type.
    """

    types: frozenset[str] = ALL_TYPES
    user_keys: frozenset[str] = frozenset()
    session_keys: frozenset[str] = frozenset()
    exempt_keys: frozenset[str] = frozenset()
    searched_keys: frozenset[str] = frozenset()
    version: str = field(init=False, default="")

    def __post_init__(self) -> None:
        check_types(self.types)
        content = [
            sorted(ALL_TYPES - self.types),
            *(sorted(k) for k in (self.user_keys, self.session_keys, self.exempt_keys, self.searched_keys)),
        ]
        suffix = (
            "" if not any(content) else "-" + hashlib.sha256(json.dumps(content).encode()).hexdigest()[:8]
        )
        object.__setattr__(self, "version", REDACTION_VERSION + suffix)

    @classmethod
    def removing(cls, types: Collection[str]) -> RedactionPolicy:
        """The policy that removes ``types``, or everything where none is named."""
        return cls(frozenset(types)) if types else cls()

    def __hash__(self) -> int:
        return hash(self.version)  # which is a hash of everything, and rules are looked up often

    def rule(self, key: str) -> KeyRule:
        """What ``key`` says about its value."""
        return _rule(self, key) if len(key) <= 256 else KeyRule(header=_is_header(key))


def _is_header(key: str) -> bool:
    return key.lower().rsplit(".", 1)[-1] in HEADER_KEYS


@lru_cache(maxsize=8192)
def _rule(policy: RedactionPolicy, key: str) -> KeyRule:
    rule = _named(policy, key)
    return replace(rule, header=True) if _is_header(key) else rule


def _named(policy: RedactionPolicy, key: str) -> KeyRule:
    lower = key.lower()
    letters = "".join(c for c in lower if c.isalnum())
    if lower in policy.user_keys:
        return KeyRule(pseudonym="user")
    if lower in policy.session_keys:
        return KeyRule(pseudonym="session")
    if letters.endswith(_USER_ENDINGS):
        return KeyRule(pseudonym="user")
    if letters.endswith(_SESSION_ENDINGS):
        return KeyRule(pseudonym="session")
    last = lower.rsplit(".", 1)[-1]
    if last in _BARE_USER_KEYS:
        return KeyRule(pseudonym="user", bare=True)
    if letters.endswith(_SECRET_ENDINGS) or last in ("token", "pwd", "auth"):
        return KeyRule(secret=True)
    exempt = lower in policy.exempt_keys or lower in _EXEMPT_KEYS or lower.endswith(_EXEMPT_ENDINGS)
    if not exempt or lower in policy.searched_keys:
        return KeyRule()
    return KeyRule(exempt=True, place=lower.startswith(_PLACE_KEYS) or lower.endswith(_PLACE_ENDINGS))
