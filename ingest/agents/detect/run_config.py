"""What stage 2 runs with: all that decides what it states, as plain values, by digest.

The settings of detection and budget (of which a finding names the ``config_hash``), the number of partitions,
the engine and how every score is counted. It is stored before anything is stated under it, and a finding is
computed again from what is stored, never from today's settings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, TypeVar

from detectors.scorers.protocol import ScoreSpec
from detectors.series.report import DETECTOR
from detectors.watch_config import WatchConfig
from infra.clock import NS_PER_S
from infra.rule_section import RuleSettings
from infra.sections import (
    BudgetSettings,
    CustomScoreSettings,
    DetectionSettings,
    LimitSettings,
    ScorerSettings,
    ScoreSettings,
    ServiceSettings,
    SloSettings,
)
from infra.settings import Settings, hash_of_sections
from ingest.agents.detect.chain import digest_of
from ingest.custom_scores import specs_of
from ingest.detection_settings import shard_config
from ingest.units.conversations import Limits

S = TypeVar("S", DetectionSettings, BudgetSettings)


@dataclass(frozen=True, slots=True)
class Engine:
    """What a shard is made with."""

    config: WatchConfig
    partitions: int
    lateness_ns: int
    limits: Limits


@dataclass(frozen=True, slots=True)
class RunConfig:
    """``body`` is JSON with keys in order, ``digest`` is of it, ``config_hash`` as findings name it."""

    digest: str
    config_hash: str
    body: str

    @classmethod
    def of(cls, settings: Settings) -> RunConfig:
        """What a worker with these settings runs with."""
        facts: dict[str, Any] = {
            "detection": asdict(settings.detection),
            "budget": asdict(settings.budget),
            "score": {name: asdict(chosen) for name, chosen in settings.score.items()},
            "service": {name: asdict(chosen) for name, chosen in settings.service.items()},
            "partitions": settings.kafka.partitions,
            "engine": DETECTOR,
            "scores": _digests(settings),
        }
        if settings.scorers.own:
            facts["own"] = {name: _declared(own) for name, own in settings.scorers.own.items()}
        if settings.limit:
            facts["limit"] = [asdict(limit) for limit in settings.limit]
        if settings.rule:
            facts["rule"] = [asdict(rule) for rule in settings.rule]
        if settings.slo:
            facts["slo"] = [asdict(slo) for slo in settings.slo]
        body = json.dumps(facts, sort_keys=True)
        return cls(digest_of(body.encode()), settings.config_hash(), body)

    def settings(self) -> Settings:
        """Settings with what is in the body; what it does not say is as shipped.

        Raises
        ------
        ValueError
            If the body is not of its form or a value cannot be used.
        """
        try:
            body = json.loads(self.body)
            shipped = Settings()
            return replace(
                shipped,
                detection=_section(DetectionSettings, body["detection"]),
                budget=_section(BudgetSettings, body["budget"]),
                score={name: ScoreSettings(**chosen) for name, chosen in body.get("score", {}).items()},
                service={name: ServiceSettings(**chosen) for name, chosen in body.get("service", {}).items()},
                limit=tuple(
                    LimitSettings(one["score"], one["at_most"], tuple(one["services"]))
                    for one in body.get("limit", ())
                ),
                rule=tuple(RuleSettings.of(one) for one in body.get("rule", ())),
                slo=tuple(
                    SloSettings(**{**one, "services": tuple(one["services"])}) for one in body.get("slo", ())
                ),
                kafka=replace(shipped.kafka, partitions=int(body["partitions"])),
                scorers=ScorerSettings(
                    own={name: CustomScoreSettings(**own) for name, own in body.get("own", {}).items()}
                ),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"the stored configuration {self.digest} is not readable: {error!r}") from error

    def own_hash(self) -> str:
        """The ``config_hash`` that follows from the body: settings that came later are not in it.

        Raises
        ------
        ValueError
            If the body is not of its form.
        """
        body = json.loads(self.body)
        chosen = {name: body[name] for name in ("score", "service", "limit", "rule", "slo") if body.get(name)}
        return hash_of_sections({name: body[name] for name in ("detection", "budget")} | chosen)

    def other_scores(self) -> list[str]:
        """Scores that were counted otherwise than this version counts them."""
        now = _digests(self.settings())
        then = json.loads(self.body).get("scores", {})
        return sorted(name for name in {*now, *then} if now.get(name) != then.get(name))


UNSTATED = RunConfig("", "", "")
"""Of a stage whose findings nobody computes again."""


def _section(kind: type[S], body: Mapping[str, Any]) -> S:
    known = {f.name for f in fields(kind)}
    return kind(**{k: v for k, v in body.items() if k in known})


def _digests(settings: Settings) -> dict[str, str]:
    """How every score of a run is counted, by its name."""
    return {name: _spec_digest(spec) for name, spec in specs_of(settings).items()}


def _declared(own: CustomScoreSettings) -> dict[str, Any]:
    """What a table says of a score, without how it is measured: that is stage 1's."""
    table = asdict(own)
    return {
        key: table[key]
        for key in table
        if key not in ("regex", "keywords", "json_schema", "python", "plugin")
    }


def _spec_digest(spec: ScoreSpec) -> str:
    return digest_of(repr(spec).encode())[:8]


def engine(settings: Settings) -> Engine:
    """What a shard is made with under these settings."""
    d = settings.detection
    return Engine(
        shard_config(settings),
        settings.kafka.partitions,
        round(d.lateness_s * NS_PER_S),
        Limits(d.conversation_idle_s, d.conversation_longest_s),
    )
