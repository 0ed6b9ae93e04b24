"""The part of the alerts API about rules that people add while Lightship runs.

``GET /rules`` lists those in force (``state=all``: and those that were removed), ``POST /rules`` adds one,
``POST /rules/{id}/remove`` removes one, ``POST /rules/apply`` does both for a file of rules. Who adds or
removes gives a reason. What is done is stored before detection is told; a service that starts tells it again,
as detection knows what it was told already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alerts.api.apply_request import application, applied
from alerts.api.baselines import PLACE, place_of
from alerts.api.request import ADMIN, VIEWER, Refused, act_fields, check_token, filters
from alerts.errors import NotPossible, Unavailable
from alerts.rules.added_rule import AddedRule, entry_of, read
from alerts.rules.file_rules import FileRules
from alerts.rules.plan import planned, row, rules_in, spread
from detectors.observation import Control, ServiceKey
from detectors.rule_watch.service_rules import MOST_ADDED
from detectors.rules import Rule
from infra.clock import NS_PER_S, Clock
from infra.settings import Settings

MAX_TOML = 4000
"""Characters of a rule as it is written."""
SPREAD_EVERY_S = 15
"""How often services are looked for that came after a file of rules was applied."""
TELL_REMOVED_S = 2 * 86_400
"""A start tells detection again which rules were removed so lately."""


class RuleStore(Protocol):
    """Where added rules are kept. Raises `Unavailable` when it does not answer."""

    def added_rules(self) -> list[AddedRule]:
        """Every one in force, and those that were removed and have not expired; oldest first."""

    def put_rule(self, added: AddedRule) -> None:
        """Keep one as it is now, in place of what was kept of it."""

    def services(self) -> Sequence[ServiceKey]:
        """Every service that detection knows."""


@dataclass(slots=True)
class Rules:
    """What people ask and say about rules. Methods raise `Unavailable`; `NotPossible` says why not."""

    store: RuleStore
    send: Callable[[Sequence[Control]], None]
    audit: Callable[[str, dict[str, Any]], None]
    settings: Settings
    clock: Clock
    _next_spread_ns: int = 0
    _file: FileRules = field(init=False)

    def __post_init__(self) -> None:
        """Begin with what the settings have."""
        self._file = FileRules(self.settings, self.send)

    def use(self, settings: Settings) -> None:
        """Go by the rules, objectives, limits and receivers of other settings, within seconds."""
        self.settings, self._next_spread_ns = settings, 0
        self._file.use(settings)

    def listed(self, asked: Mapping[str, str]) -> list[AddedRule]:
        """Those that match, oldest first; those in force alone unless ``state`` is ``all``."""
        return [
            one
            for one in self.store.added_rules()
            if (one.in_force or asked.get("state") == "all")
            and all(getattr(one.place, name) == asked.get(name, getattr(one.place, name)) for name in PLACE)
        ]

    def add(self, toml: str, asked: Mapping[str, str], actor: str, reason: str) -> AddedRule:
        """Have a service watched by one more rule; the one there is where it says the same."""
        service, rule = read(toml, self.settings)
        place = place_of({**asked, "service": service})
        if place not in self.store.services():
            raise NotPossible(
                f"no {_named(place)} has sent anything: name it, and its environment, as the app does"
            )
        known = [one for one in self.store.added_rules() if one.in_force and one.place == place]
        added = next((one for one in known if one.rule.rule_id == rule.rule_id), None)
        if added is None or added.rule != rule:
            if added is None and len(known) >= MOST_ADDED:
                raise NotPossible(f"{service} has {MOST_ADDED} added rules: remove some, or use the settings")
            added = AddedRule(place=place, rule=rule, actor=actor, reason=reason, made_ns=self.clock.now_ns())
            self.store.put_rule(added)
        self._send(added, asked)
        return added

    def apply(
        self, tables: Sequence[object], asked: Mapping[str, str], actor: str, reason: str
    ) -> dict[str, Any]:
        """Have the rules of a set be those of a file; only say what is to be done if ``plan`` is asked."""
        by = application(asked, actor, reason, self.clock.now_ns())
        plan = planned(
            rules_in(tables, self.settings),
            self._in_settings(),
            [one for one in self.store.added_rules() if one.in_force],
            self.store.services(),
            by,
            prune="prune" in asked,
            whole="whole" in asked,
        )
        applied = "plan" not in asked
        for step in plan.to_do if applied else ():
            new, old = step.new, step.old
            if old is not None and (new is None or old.rule.rule_id != new.rule.rule_id):
                over = old.over(actor, reason, by.now_ns)
                # before it is stored: what fails here is done when it is applied again
                self._send(over, asked)
                self.store.put_rule(over)
            if new is not None:
                self._put(new, asked)
        if applied:  # what was stored and not told, if this failed the last time
            self.send([step.old.control() for step in plan.steps if step.is_same and step.old is not None])
        return plan.report(by, map(row, plan.steps), applied=applied)

    def keep_up(self, *, anew: bool) -> None:
        """Have detection know of rules of services that came since, from time to time; ``anew``: of all."""
        now_ns = self.clock.now_ns()
        if anew:
            self._file.forget()
        if not anew and now_ns < self._next_spread_ns:
            return
        if self._file.send_new(self.store.services) or anew:
            self.resend()  # what the file has no more may have been added, too
        self.spread()
        self._next_spread_ns = now_ns + SPREAD_EVERY_S * NS_PER_S

    def spread(self) -> None:
        """Have services that came since watched by the rules that were applied for all of their like."""
        known = self.store.added_rules()
        if not any(one.applied for one in known):
            return
        in_settings = self._in_settings()
        for one in spread(known, self.store.services(), self.clock.now_ns()):
            if one.rule.rule_id not in in_settings:
                self._put(one, {})

    def _in_settings(self) -> dict[str, Rule]:
        rules = [Rule.of(asdict(one)) for one in self.settings.rule]
        return {rule.rule_id: rule for rule in rules}

    def _put(self, added: AddedRule, asked: Mapping[str, str]) -> None:
        self.store.put_rule(added)
        self._send(added, asked)

    def remove(self, rule_id: str, asked: Mapping[str, str], actor: str, reason: str) -> list[AddedRule]:
        """Remove a rule wherever it was added, of those that match; what was removed.

        What was removed lately is told again: detection may not have heard of it.
        """
        now_ns = self.clock.now_ns()
        mine = [one for one in self.listed({**asked, "state": "all"}) if one.rule.rule_id == rule_id]
        since_ns = now_ns - TELL_REMOVED_S * NS_PER_S
        chosen = [one for one in mine if one.in_force or (one.ended_ns or 0) >= since_ns]
        if not chosen:
            raise NotPossible(f"no rule {rule_id!r} that somebody added: GET /rules lists them")
        removed = [one.over(actor, reason, now_ns) if one.in_force else one for one in chosen]
        for one, was in zip(removed, chosen, strict=True):
            if was.in_force:
                self.store.put_rule(one)
            self._send(one, asked)
        return removed

    def resend(self) -> None:
        """Have detection know what it may have missed when this process or its store ended."""
        since_ns = self.clock.now_ns() - TELL_REMOVED_S * NS_PER_S
        lately = [one for one in self.store.added_rules() if one.ended_ns is None or one.ended_ns >= since_ns]
        self.send([one.control() for one in lately])

    def _send(self, added: AddedRule, asked: Mapping[str, str]) -> None:
        self.send([added.control()])
        entry = entry_of(added, asked.get("role", ""), self.clock.now_ns())
        self.audit(added.rule.rule_id, entry)


def _named(place: ServiceKey) -> str:
    where = f" in environment {place.environment!r}" if place.environment else " without an environment"
    return f"service {place.service!r}{where} of lineage {place.lineage!r}"


class RuleApi:
    """Handlers."""

    def __init__(self, rules: Rules | None, token: str) -> None:
        self._rules, self._token = rules, token

    async def listed(self, request: Request) -> Response:
        """Added rules, oldest first."""
        rules = self._open(request)
        asked = filters(request, (*PLACE, "state"))
        if asked.get("state", "in_force") not in ("in_force", "all"):
            raise Refused(400, f"state {asked['state']!r} is none of in_force, all")
        try:
            found = await run_in_threadpool(rules.listed, asked)
        except Unavailable as error:
            raise Refused(503, str(error)) from error
        return JSONResponse({"v": 1, "rules": [one.to_dict() for one in found]})

    async def added(self, request: Request) -> Response:
        """Add: ``{"toml": "[[rule]] ...", "environment": ..., "actor": ..., "reason": ...}``."""
        rules = self._open(request, ADMIN)
        names = ("toml", "tenant", "lineage", "environment", "role")
        actor, reason, asked = await act_fields(request, names, longest={"toml": MAX_TOML})
        if not reason:
            raise Refused(422, "a rule needs a reason")
        try:
            added = await run_in_threadpool(rules.add, asked.get("toml", ""), asked, actor, reason)
        except NotPossible as error:
            raise Refused(409, str(error)) from error
        except Unavailable as error:
            raise Refused(503, f"{error}; to add it again is safe") from error
        return JSONResponse({"v": 1, "rule": added.to_dict()}, 201)

    async def applied(self, request: Request) -> Response:
        """Apply (`alerts.api.apply_request`)."""
        return await applied(request, "rules", self._open(request, ADMIN).apply)

    async def removed(self, request: Request) -> Response:
        """Remove: ``{"service": ..., "actor": ..., "reason": ...}``."""
        rules = self._open(request, ADMIN)
        actor, reason, asked = await act_fields(request, (*PLACE, "role"))
        if not reason:
            raise Refused(422, "to remove a rule needs a reason")
        rule_id = request.path_params["rule_id"]
        try:
            removed = await run_in_threadpool(rules.remove, rule_id, asked, actor, reason)
        except NotPossible as error:
            raise Refused(404, str(error)) from error
        except Unavailable as error:
            raise Refused(503, f"{error}; to remove it again is safe") from error
        return JSONResponse({"v": 1, "removed": [one.to_dict() for one in removed]})

    def _open(self, request: Request, least: str = VIEWER) -> Rules:
        check_token(request, self._token, least)
        if self._rules is None:
            raise Refused(404, "this service keeps no added rules")
        return self._rules
