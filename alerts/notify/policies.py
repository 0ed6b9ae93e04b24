"""The escalation policies of an incident: those of the routes it takes. Pure."""

from __future__ import annotations

from alerts.incidents.escalation import Level, Policies, Policy
from alerts.incidents.incident import Incident
from alerts.incidents.time_interval import TimeInterval
from alerts.notify.route import matched, routes_of
from infra.settings import IntervalSettings, Settings


def policies_of(settings: Settings) -> Policies:
    """Gives the policies of an incident, each once, in the order of the routes."""
    routes = routes_of(settings)
    intervals = {name: interval_of(one) for name, one in settings.time_interval.items()}
    policies = {
        policy.name: Policy(
            policy.name,
            tuple(
                Level(
                    tuple(dict.fromkeys(level.receivers)),
                    level.minutes * 60.0,
                    tuple(intervals[name] for name in level.active_time_intervals),
                )
                for level in policy.level
            ),
        )
        for policy in settings.escalation
    }

    def chosen(incident: Incident) -> tuple[Policy, ...]:
        names = (route.escalation for route in matched(routes, incident)) if policies else ()
        return tuple(policies[name] for name in dict.fromkeys(names) if name)

    return chosen


def interval_of(settings: IntervalSettings) -> TimeInterval:
    """Hours of the week as settings name them."""
    starts, ends = settings.minutes
    return TimeInterval(settings.days, starts, ends, settings.location)
