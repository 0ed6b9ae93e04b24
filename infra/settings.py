"""One typed definition of every setting, read from ``lightship.toml`` and the environment.

Addresses and places come from the environment (``LIGHTSHIP_KAFKA``, ``LIGHTSHIP_CLICKHOUSE``,
``LIGHTSHIP_CLICKHOUSE_PASSWORD_FILE``, ``LIGHTSHIP_HOME``, ``LIGHTSHIP_CONFIG``), behaviour from the
file, and ``LIGHTSHIP_<SECTION>_<KEY>`` overrides one key. An unknown key is an error that names
the nearest known one. Secrets never stand in the file: keys ending in ``_file`` name a file to read.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from infra.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """ClickHouse. ``url`` empty means the embedded engine; retention is counted from arrival.

    ``password_file`` names a file with the password, for when the URL should not hold it.
    """

    url: str = ""
    password_file: str = ""
    database: str = "lightship"
    text_days: int = 30
    score_months: int = 13


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Kafka. ``bootstrap`` empty means the embedded broker; ``partitions`` is chosen once.

    ``idempotent`` producers suit Apache Kafka; the embedded broker does not know them.
    """

    bootstrap: str = ""
    partitions: int = 4
    session_timeout_s: float = 6.0
    retention_hours: int = 72
    idempotent: bool = False


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """The OTLP receiver. Sizes are after decompression."""

    host: str = "127.0.0.1"
    port: int = 4318
    max_body_mib: int = 64
    linger_ms: float = 5.0
    max_in_flight_mib: int = 256


@dataclass(frozen=True, slots=True)
class RedactionSettings:
    """What is removed before anything is stored, per tenant."""

    types: tuple[str, ...] = ()
    keep_text: str = "all"
    keep_percent: float = 1.0


@dataclass(frozen=True, slots=True)
class ScorerSettings:
    """Which scorers run; empty means all."""

    off: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DetectionSettings:
    """The engine. A change here changes ``config_hash`` and so the identity of new findings' evidence."""

    tick_s: int = 300
    lateness_s: float = 120.0
    idle_s: float = 30.0
    learn_days: float = 14.0
    dimensions: tuple[str, ...] = (
        "language",
        "request_model",
        "response_model",
        "release",
        "prompt_version",
        "system_prompt",
        "operation",
    )
    max_values: int = 20
    admit_after: int = 50


@dataclass(frozen=True, slots=True)
class BudgetSettings:
    """How often the fleet may page or ticket for nothing."""

    pages_per_month: float = 1.0
    tickets_per_week: float = 2.0
    max_services: int = 50


@dataclass(frozen=True, slots=True)
class ReceiverSettings:
    """Where alerts go. ``kind`` is ``terminal`` or ``webhook``."""

    name: str
    kind: str = "webhook"
    url: str = ""
    secret_file: str = ""
    examples: bool = False


@dataclass(frozen=True, slots=True)
class RouteSettings:
    """Which alerts go to which receiver; empty matchers match all, the first match wins."""

    receiver: str
    services: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    lineages: tuple[str, ...] = ("live",)


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """The alerts service."""

    host: str = "127.0.0.1"
    port: int = 4320
    reopen_minutes: int = 60


@dataclass(frozen=True, slots=True)
class DashboardSettings:
    """The dashboard."""

    host: str = "127.0.0.1"
    port: int = 8501


@dataclass(frozen=True, slots=True)
class Settings:
    """All of it. ``home`` is the data directory."""

    home: Path = Path(".lightship")
    store: StoreSettings = StoreSettings()
    kafka: KafkaSettings = KafkaSettings()
    gateway: GatewaySettings = GatewaySettings()
    redaction: Mapping[str, RedactionSettings] = field(default_factory=dict)
    scorers: ScorerSettings = ScorerSettings()
    detection: DetectionSettings = DetectionSettings()
    budget: BudgetSettings = BudgetSettings()
    alerts: AlertSettings = AlertSettings()
    receiver: tuple[ReceiverSettings, ...] = ()
    route: tuple[RouteSettings, ...] = ()
    dashboard: DashboardSettings = DashboardSettings()

    def config_hash(self) -> str:
        """16 hex digits over what decides findings: the detection section and the budget."""
        body = {"detection": asdict(self.detection), "budget": asdict(self.budget)}
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the file (``path``, else ``LIGHTSHIP_CONFIG``, else ``./lightship.toml``) and environment.

    Raises
    ------
    Misconfigured
        If the file cannot be read or parsed, a key is unknown, or a value is of the wrong type.
    """
    named = path or (Path(environ["LIGHTSHIP_CONFIG"]) if environ.get("LIGHTSHIP_CONFIG") else None)
    source = named or Path("lightship.toml")
    data: dict[str, Any] = {}
    if named is not None or source.is_file():
        try:
            data = tomllib.loads(source.read_text(encoding="utf-8"))
        except OSError as error:
            raise Misconfigured(f"cannot read {source}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Misconfigured(f"{source} is not valid TOML: {error}") from error
    if "home" in data:
        raise Misconfigured("home is not a key of the file: set LIGHTSHIP_HOME")
    for section, key, variable in (
        ("kafka", "bootstrap", "LIGHTSHIP_KAFKA"),
        ("store", "url", "LIGHTSHIP_CLICKHOUSE"),
        ("store", "password_file", "LIGHTSHIP_CLICKHOUSE_PASSWORD_FILE"),
    ):
        if environ.get(variable):
            data.setdefault(section, {})[key] = environ[variable]
    _override(data, environ)
    home = Path(environ.get("LIGHTSHIP_HOME") or ".lightship").expanduser()
    settings: Settings = _build(Settings, {**data, "home": str(home)}, "")
    _check(settings)
    return settings


def _override(data: dict[str, Any], environ: Mapping[str, str]) -> None:
    """Take ``LIGHTSHIP_<SECTION>_<KEY>`` (``LIGHTSHIP_GATEWAY_PORT=4319``) for plain values."""
    for section, hint in typing.get_type_hints(Settings).items():
        if not is_dataclass(hint):
            continue
        for key, kind in typing.get_type_hints(hint).items():
            name = f"LIGHTSHIP_{section}_{key}".upper()
            text = environ.get(name)
            if text is None or kind not in (int, float, str, bool):
                continue
            try:
                value = {"true": True, "false": False}[text.lower()] if kind is bool else kind(text)
            except (ValueError, KeyError):
                raise Misconfigured(f"{name} = {text!r} must be {kind.__name__}") from None
            data.setdefault(section, {})[key] = value


def _check(settings: Settings) -> None:
    """Values whose type is right but that cannot work."""
    d, b = settings.detection, settings.budget
    for name, value, low, high in (
        ("detection.tick_s", d.tick_s, 60, 3600),
        ("detection.learn_days", d.learn_days, 1, 90),
        ("detection.lateness_s", d.lateness_s, 0, 86_400),
        ("detection.max_values", d.max_values, 1, 200),
        ("budget.pages_per_month", b.pages_per_month, 1e-6, 1000),
        ("budget.tickets_per_week", b.tickets_per_week, 1e-6, 10_000),
        ("budget.max_services", b.max_services, 1, 10_000),
        ("kafka.partitions", settings.kafka.partitions, 1, 256),
        ("gateway.max_body_mib", settings.gateway.max_body_mib, 1, 1024),
    ):
        if not low <= value <= high:
            raise Misconfigured(f"{name} = {value} is out of range: it may be {low} to {high}")
    if 3600 % d.tick_s:
        raise Misconfigured(f"detection.tick_s = {d.tick_s} must divide an hour (60, 300, 600, 900 ...)")
    names = [r.name for r in settings.receiver]
    for route in settings.route:
        if route.receiver not in names:
            raise Misconfigured(_unknown("receiver", route.receiver, names))


def _unknown(what: str, given: str, known: typing.Iterable[str]) -> str:
    """Message for a name that does not exist, with the nearest one."""
    names = sorted(known)
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.0)
    hint = f", did you mean {near[0]!r}?" if near else ""
    return f"unknown {what} {given!r}{hint} (known: {', '.join(names) or 'none'})"


def _build(cls: Any, data: Any, where: str) -> Any:
    """Build one dataclass from a table, checking names and types on the way."""
    if not isinstance(data, dict):
        raise Misconfigured(f"{where} must be a table, got {data!r}")
    hints = typing.get_type_hints(cls)
    known = {f.name: f for f in fields(cls)}
    for key in data:
        if key not in known:
            raise Misconfigured(_unknown(f"key in [{where}]:" if where else "section", key, known))
    values = {}
    for name, f in known.items():
        at = f"{where}.{name}" if where else name
        if name in data:
            values[name] = _value(hints[name], data[name], at)
        elif f.default is MISSING and f.default_factory is MISSING:
            raise Misconfigured(f"{at} is missing")
    return cls(**values)


def _value(hint: Any, value: Any, where: str) -> Any:
    """One value converted to its declared type."""
    origin = typing.get_origin(hint)
    if is_dataclass(hint):
        return _build(hint, value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise Misconfigured(f"{where} must be a list, got {value!r}")
        inner = typing.get_args(hint)[0]
        return tuple(_value(inner, v, f"{where}[{i}]") for i, v in enumerate(value))
    if origin in (Mapping, typing.get_origin(Mapping[str, int])):
        inner = typing.get_args(hint)[1]
        if not isinstance(value, dict):
            raise Misconfigured(f"{where} must be a table, got {value!r}")
        return types.MappingProxyType({k: _value(inner, v, f"{where}.{k}") for k, v in value.items()})
    if hint is Path:
        return Path(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not hint:
        raise Misconfigured(f"{where} must be {hint.__name__}, got {value!r}")
    return value


def show(settings: Settings) -> dict[str, Any]:
    """JSON-ready form of the effective settings; credentials inside addresses are hidden."""
    out: dict[str, Any] = {}
    for f in fields(settings):
        value = getattr(settings, f.name)
        if isinstance(value, Mapping):
            out[f.name] = {k: asdict(v) for k, v in value.items()}
        elif isinstance(value, tuple):
            out[f.name] = [asdict(v) for v in value]
        else:
            out[f.name] = str(value) if isinstance(value, Path) else asdict(value)
    out["store"]["url"] = hide_password(out["store"]["url"])
    for receiver in out["receiver"]:
        receiver["url"] = hide_password(receiver["url"])
    return out


def hide_password(url: str) -> str:
    """``url`` with a password before ``@`` replaced by ``***``."""
    scheme, mark, rest = url.partition("://")
    user, at, host = rest.rpartition("@")
    if not (mark and at and ":" in user):
        return url
    return f"{scheme}://{user.split(':', 1)[0]}:***@{host}"
