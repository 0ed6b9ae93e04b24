"""What detection needs of the settings, for the shards of stage 2 and for the fleet shard."""

from __future__ import annotations

from dataclasses import asdict, fields

from detectors.budgets.budget import FLEET_SHARES
from detectors.budgets.service_budget import ServiceBudget
from detectors.declared_limits import Limit
from detectors.rules import Rule
from detectors.scorers.judgement import WithJudgements
from detectors.scorers.severities import with_severities
from detectors.slo import Slo
from detectors.watch_config import WatchConfig
from infra.settings import Settings
from ingest.custom_scores import specs_of

DAY_S = 86_400


def shard_config(settings: Settings) -> WatchConfig:
    """Of a shard; its budget is for services that no control record has given one yet."""
    return _config(settings, FLEET_SHARES["unregistered"] / settings.kafka.partitions)


def fleet_config(settings: Settings) -> WatchConfig:
    """Of the fleet shard; its budget is for fleets that no control record has given one yet."""
    return _config(settings, FLEET_SHARES["fleet"])


def _config(settings: Settings, share: float) -> WatchConfig:
    d, b = settings.detection, settings.budget
    granted = ServiceBudget(b.pages_per_month, b.tickets_per_week).part(share)
    return WatchConfig(
        specs=with_severities(
            WithJudgements(specs_of(settings)), {name: s.severity for name, s in settings.score.items()}
        ),
        tick_s=d.tick_s,
        learn=round(d.learn_days * DAY_S / d.tick_s),
        max_values=d.max_values,
        pages=granted.pages,
        tickets=granted.tickets,
        config_hash=settings.config_hash(),
        conversation_idle_s=d.conversation_idle_s,
        adwin_tickets=d.adwin_tickets,
        limits=tuple(Limit(one.score, one.at_most, one.services) for one in settings.limit),
        rules=rules_of(settings),
        slos=slos_of(settings),
    )


def rules_of(settings: Settings) -> tuple[Rule, ...]:
    """The operator's rules, each once."""
    rules = (Rule.of(asdict(one)) for one in settings.rule)
    return tuple({rule.rule_id: rule for rule in rules}.values())


def slos_of(settings: Settings) -> tuple[Slo, ...]:
    """The operator's objectives, each once."""
    slos = (Slo(**{f.name: getattr(one, f.name) for f in fields(Slo)}) for one in settings.slo)
    return tuple({slo.slo_id: slo for slo in slos}.values())
