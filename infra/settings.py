"""One typed definition of every setting, read from ``lightship.toml`` and the environment.

Addresses and places come from the environment (``LIGHTSHIP_KAFKA``, ``LIGHTSHIP_CLICKHOUSE``,
``LIGHTSHIP_CLICKHOUSE_PASSWORD_FILE``, ``LIGHTSHIP_CLICKHOUSE_CA_FILE``, ``LIGHTSHIP_HOME``,
``LIGHTSHIP_CONFIG``), behaviour from the file, and ``LIGHTSHIP_<SECTION>_<KEY>`` overrides one key. An
unknown key is an error that names the nearest known one. Secrets never stand in the file: keys ending in
``_file`` name a file to read.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from infra.alert_sections import AlertSettings, TelemetrySettings
from infra.applied_receivers import sets_in, with_sets
from infra.dashboard_sections import AccessSettings, DashboardSettings, LoginSettings
from infra.errors import Misconfigured
from infra.gateway_section import GatewaySettings
from infra.judges import JudgeSettings, check_judge
from infra.receivers import WEB, ReceiverSettings, check_receiver, has_scheme
from infra.routing import (
    EscalationSettings,
    IntervalSettings,
    LevelSettings,
    RouteSettings,
    check_escalations,
    check_routes,
)
from infra.rule_section import RuleSettings, check_rule_receivers
from infra.sections import (
    BudgetSettings,
    CostSettings,
    CustomScoreSettings,
    DeadLetterSettings,
    DetectionSettings,
    KafkaSettings,
    LimitSettings,
    MemorisedSettings,
    RedactionSettings,
    ScorerSettings,
    ScoreSettings,
    ServiceSettings,
    SloSettings,
    StoreSettings,
)
from infra.typed_table import build, key_of, overrides

__all__ = [
    "BROKERS",
    "LOOPBACK",
    "AccessSettings",
    "AlertSettings",
    "BudgetSettings",
    "CostSettings",
    "CustomScoreSettings",
    "DashboardSettings",
    "DeadLetterSettings",
    "DetectionSettings",
    "EscalationSettings",
    "GatewaySettings",
    "IntervalSettings",
    "JudgeSettings",
    "KafkaSettings",
    "LevelSettings",
    "LimitSettings",
    "LoginSettings",
    "MemorisedSettings",
    "ReceiverSettings",
    "RedactionSettings",
    "RouteSettings",
    "RuleSettings",
    "ScoreSettings",
    "ScorerSettings",
    "ServiceSettings",
    "Settings",
    "SloSettings",
    "StoreSettings",
    "TelemetrySettings",
    "anchored",
    "hide_password",
    "home_of",
    "host_alone",
    "load",
    "of_tables",
    "settings_file",
    "show",
]

ALIASES = (
    ("LIGHTSHIP_KAFKA", "kafka", "bootstrap"),
    ("LIGHTSHIP_CLICKHOUSE", "store", "url"),
    ("LIGHTSHIP_CLICKHOUSE_PASSWORD_FILE", "store", "password_file"),
    ("LIGHTSHIP_CLICKHOUSE_CA_FILE", "store", "ca_file"),
)
"""Variables with a name of their own, and the setting each is."""

_BROKER = r"([\w.-]+|\[[0-9A-Fa-f:]+\])(:\d{1,5})?"
BROKERS = re.compile(f"{_BROKER}(,{_BROKER})*")
"""Bootstrap addresses."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""Addresses that only this machine reaches."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_AFTER_NAME = re.compile(r"[:/?#]")


@dataclass(frozen=True, slots=True)
class Settings:
    """All of it. ``home`` is the data directory."""

    home: Path = Path(".lightship")
    store: StoreSettings = field(default_factory=StoreSettings)
    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    redaction: Mapping[str, RedactionSettings] = field(default_factory=dict)
    scorers: ScorerSettings = field(default_factory=ScorerSettings)
    judge: Mapping[str, JudgeSettings] = field(default_factory=dict)
    dead_letters: DeadLetterSettings = field(default_factory=DeadLetterSettings)
    detection: DetectionSettings = field(default_factory=DetectionSettings)
    score: Mapping[str, ScoreSettings] = field(default_factory=dict)
    budget: BudgetSettings = field(default_factory=BudgetSettings)
    service: Mapping[str, ServiceSettings] = field(default_factory=dict)
    limit: tuple[LimitSettings, ...] = ()
    rule: tuple[RuleSettings, ...] = ()
    slo: tuple[SloSettings, ...] = ()
    alerts: AlertSettings = field(default_factory=AlertSettings)
    receiver: tuple[ReceiverSettings, ...] = ()
    route: tuple[RouteSettings, ...] = ()
    escalation: tuple[EscalationSettings, ...] = ()
    time_interval: Mapping[str, IntervalSettings] = field(default_factory=dict)
    dashboard: DashboardSettings = field(default_factory=DashboardSettings)
    access: tuple[AccessSettings, ...] = ()
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)

    def config_hash(self) -> str:
        """16 hex digits over what decides findings: detection, severities, budget, limits, rules."""
        body: dict[str, Any] = {"detection": asdict(self.detection), "budget": asdict(self.budget)}
        for name, chosen in (("score", self.score), ("service", self.service)):
            if chosen:
                body[name] = {key: asdict(value) for key, value in chosen.items()}
        for name, tables in (("limit", self.limit), ("rule", self.rule), ("slo", self.slo)):
            if tables:
                body[name] = [asdict(table) for table in tables]
        return hash_of_sections(body)


def hash_of_sections(sections: Mapping[str, Any]) -> str:
    """16 hex digits over sections as plain values."""
    return hashlib.sha256(json.dumps(sections, sort_keys=True).encode()).hexdigest()[:16]


def load(
    path: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    sets: Mapping[str, Mapping[str, Any]] | None = None,
) -> Settings:
    """Read the file (``path``, else ``LIGHTSHIP_CONFIG``, else ``./lightship.toml``) and environment.

    ``sets`` are receivers that were applied beside it; those of the data directory if not given.

    Raises
    ------
    Misconfigured
        If the file cannot be read or parsed, a key is unknown, or a value cannot be used.
    """
    source = settings_file(path, environ)
    tables = {} if source is None else _read(source)
    return of_tables(with_sets(tables, sets_in(home_of(environ)) if sets is None else sets), environ)


def home_of(environ: Mapping[str, str] = os.environ) -> Path:
    """The data directory.

    Raises
    ------
    Misconfigured
        If it begins with a home that cannot be determined.
    """
    try:
        return Path(environ.get("LIGHTSHIP_HOME") or ".lightship").expanduser()
    except RuntimeError as error:
        raise Misconfigured(f"LIGHTSHIP_HOME = {environ['LIGHTSHIP_HOME']!r}: {error}") from error


def settings_file(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The file that `load` reads; ``None`` if none is named and there is none in the working directory."""
    named = path or (Path(environ["LIGHTSHIP_CONFIG"]) if environ.get("LIGHTSHIP_CONFIG") else None)
    usual = Path("lightship.toml")
    return named or (usual if usual.is_file() else None)


def of_tables(data: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Settings of the tables of a file, which the environment overrides; for `load`.

    Raises
    ------
    Misconfigured
        If a name is unknown or a value cannot be used.
    """
    if "home" in data:
        raise Misconfigured("home is not a key of the file: set LIGHTSHIP_HOME")
    given = [(section, key, environ[name]) for name, section, key in ALIASES if environ.get(name)]
    for section, key, value in [*given, *overrides(Settings, environ)]:
        table = data.get(section, {})
        if isinstance(table, dict):  # else the file is wrong and said to be so below
            given_value = _file(value, Path()) if key.endswith("_file") else value
            data = {**data, section: {**table, key: given_value}}
    settings: Settings = build(Settings, {**data, "home": str(home_of(environ))}, "")
    _check(settings)
    return settings


def _read(source: Path) -> dict[str, Any]:
    """Tables of a settings file; relative names of files in it are taken from where it lies."""
    try:
        tables = tomllib.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misconfigured(f"cannot read {source}: {error.strerror}") from error
    except ValueError as error:  # not TOML, not UTF-8, or no name a file can have
        raise Misconfigured(f"{source} is not valid TOML: {error}") from error
    return {name: anchored(table, source.parent) for name, table in tables.items()}


_FILES = ("documents", "json_schema", "python")
"""Keys that name files and do not end in ``_file``."""


def anchored(table: Any, folder: Path) -> Any:
    """A table whose relative names of files are taken from a folder."""
    if isinstance(table, list):
        return [anchored(one, folder) for one in table]
    if not isinstance(table, dict):
        return table
    out = {}
    for key, value in table.items():
        if not (key.endswith("_file") or key in _FILES):
            out[key] = anchored(value, folder) if isinstance(value, dict) else value
        elif isinstance(value, list):
            out[key] = [_file(one, folder) for one in value]
        else:
            out[key] = _file(value, folder)
    return out


def _file(value: Any, folder: Path) -> Any:
    """An absolute name: processes that are started with these settings have other working directories."""
    if not isinstance(value, str) or not value:
        return value
    try:
        return str((folder / Path(value).expanduser()).absolute())
    except RuntimeError as error:  # a home that cannot be determined
        raise Misconfigured(f"{value!r}: {error}") from error


def _check(settings: Settings) -> None:
    """Values that are fine each and cannot work together, and names that must exist."""
    tick_s, gateway = settings.detection.tick_s, settings.gateway
    if 3600 % tick_s:
        raise Misconfigured(f"detection.tick_s = {tick_s} must divide an hour (60, 300, 600, 900 ...)")
    if settings.kafka.bootstrap and not BROKERS.fullmatch(settings.kafka.bootstrap):
        raise Misconfigured(f"kafka.bootstrap = {settings.kafka.bootstrap!r} must be host:port,host:port ...")
    _check_access(settings)
    _check_login(settings)
    if not _NAME.fullmatch(settings.store.database):
        raise Misconfigured(
            f"store.database = {settings.store.database!r} is not a name: use letters, digits and _"
        )
    if gateway.max_in_flight_mib < gateway.max_body_mib:
        raise Misconfigured(
            f"gateway.max_in_flight_mib = {gateway.max_in_flight_mib} is less than one request may have: "
            f"gateway.max_body_mib = {gateway.max_body_mib}"
        )
    runbooks = settings.alerts.runbook_url
    if runbooks and not has_scheme(runbooks, WEB):
        raise Misconfigured(
            f"alerts.runbook_url = {hide_password(runbooks)!r} must be https://host/path or http://host/path"
        )
    public = settings.alerts.public_url
    if public and (not has_scheme(public, WEB) or any(c in public for c in '?#@ <>"|')):
        raise Misconfigured(
            f"alerts.public_url = {hide_password(public)!r} must be https://host/path or http://host/path"
        )
    for name, judge in settings.judge.items():
        check_judge(name, judge)
    names = [r.name for r in settings.receiver]
    for i, receiver in enumerate(settings.receiver):
        check_receiver(receiver, f"receiver[{i}]", names)
    for receiver in settings.receiver:
        if (receiver.webhook_secret_file or receiver.signing_secret_file) and not public:
            raise Misconfigured(
                f"receiver {receiver.name!r} is to hear of acknowledgements: set alerts.public_url, the "
                "address under which `/act/` of the alerts service is reached"
            )
    check_routes(settings.route, names)
    check_rule_receivers(settings.rule, names)
    check_escalations(settings.route, settings.escalation, settings.time_interval, names)


def _check_access(settings: Settings) -> None:
    """Half an account, half a key, or a file nobody would look at."""
    kafka, store = settings.kafka, settings.store
    if bool(kafka.user) != bool(kafka.password_file):
        there, other = ("user", "password_file") if kafka.user else ("password_file", "user")
        raise Misconfigured(f"kafka.{there} is set and kafka.{other} is not: give both or neither")
    if bool(kafka.cert_file) != bool(kafka.key_file):
        there, other = ("cert_file", "key_file") if kafka.cert_file else ("key_file", "cert_file")
        raise Misconfigured(f"kafka.{there} is set and kafka.{other} is not: give both or neither")
    for name in ("ca_file", "cert_file"):
        if getattr(kafka, name) and not kafka.tls:
            raise Misconfigured(f"kafka.{name} is for TLS, which is off: set kafka.tls = true")
    if store.ca_file and not store.url.startswith("https:"):
        raise Misconfigured("store.ca_file is for https: give LIGHTSHIP_CLICKHOUSE as https://user@host:8443")


def _check_login(settings: Settings) -> None:
    """A sign-in with a part missing, one that would go over the open network, or one that opens nothing."""
    login = settings.dashboard.login
    if not login.metadata_url:
        if settings.access:
            raise Misconfigured("[[access]] is by claims of a sign-in: set dashboard.login.metadata_url too")
        return
    for name in ("client_id", "client_secret_file", "redirect_url"):
        if not getattr(login, name):
            raise Misconfigured(f"dashboard.login.{name} is missing: the provider gave it, or was told it")
    for name in ("metadata_url", "redirect_url"):
        url = urlsplit(getattr(login, name))
        if url.scheme != "https" and url.hostname not in LOOPBACK:
            raise Misconfigured(f"dashboard.login.{name} = {getattr(login, name)!r} must begin with https://")
    if not login.redirect_url.endswith("/oauth2callback"):
        raise Misconfigured(
            f"dashboard.login.redirect_url = {login.redirect_url!r} must end with /oauth2callback"
        )
    if not settings.access:
        raise Misconfigured(
            "dashboard.login opens nothing to anybody: add [[access]] with a value and a role"
        )


def show(settings: Settings) -> dict[str, Any]:
    """JSON-ready form of the effective settings; credentials inside addresses are hidden.

    Of a receiver's or a judge's address only the host is shown: the paths of webhooks often are secrets.
    """
    out: dict[str, Any] = _plain(settings)
    out["store"]["url"] = hide_password(out["store"]["url"])
    for addressed in (*out["receiver"], *out["judge"].values()):
        addressed["url"] = host_alone(addressed["url"])
    return out


def _plain(value: Any) -> Any:
    """Tables as dictionaries, several as lists, places as text."""
    if is_dataclass(value):
        return {key_of(f): _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value


def host_alone(url: str) -> str:
    """An address without what may be a secret."""
    scheme, mark, rest = url.partition("://")
    host, slash, _ = rest.rpartition("@")[2].partition("/")
    return f"{scheme}{mark}{host.partition('?')[0]}{slash}{'***' if slash else ''}"


def hide_password(url: str) -> str:
    """``url`` with a password before ``@`` replaced by ``***``, and without what follows ``?``.

    Where it is not clear what is password and what is query, neither is shown.
    """
    scheme, mark, rest = url.partition("://")
    if not _SCHEME.fullmatch(scheme):
        scheme, mark, rest = "", "", url
    head, at, tail = rest.rpartition("@")
    name, *hidden = _AFTER_NAME.split(head, maxsplit=1)
    user = f"{name}:***" if hidden else name
    if any(c in head for c in "/?#"):
        return f"{scheme}{mark}{user}@***"
    tail, question, _ = tail.partition("?")
    return f"{scheme}{mark}{user}{at}{tail}{question and '?***'}"
