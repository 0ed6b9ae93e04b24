"""The part of the alerts API about allow rules: which secrets in outputs are no incident.

``GET /allow`` lists them, ``POST /allow/preview`` says what one would have covered, ``POST /allow`` makes
one, ``POST /allow/{id}/remove`` removes one. Who makes or removes one gives a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alerts.allow_rules.rule import (
    MAX_RULES,
    AllowRule,
    at_service,
    covering,
    is_nameable,
    preview,
    requested_rule,
    secrets_of,
)
from alerts.api.request import RESPONDER, TENANT, Refused, act_fields, check_token, filters
from alerts.errors import NotPossible, Unavailable
from alerts.incident_service import IncidentService
from alerts.incidents.identity import LIVE
from alerts.incidents.incident import Incident
from alerts.state.ports import Store
from detectors.files.rows import parse_span_s
from detectors.finding import Finding, rfc3339
from infra.clock import NS_PER_S, Clock, to_datetime

PREVIEW_DAYS = 30
USUAL = "90d"
"""How long a rule lasts that does not say so."""
_ASKED = ("secrets", "service", "incident", "lasts", "tenant", "role")
_LONGEST = {"secrets": 2_000}
Audit = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Allowing:
    """What people ask and say about allow rules. Methods raise `Unavailable`; `NotPossible` says why not."""

    desk: IncidentService
    store: Store
    clock: Clock
    audit: Audit

    def listed(self, asked: Mapping[str, str]) -> list[dict[str, Any]]:
        """Rules, oldest first, with what each has covered since `PREVIEW_DAYS` ago."""
        now_ns = self.clock.now_ns()
        every = asked.get("state") == "all"
        chosen = [
            r
            for r in self.desk.allow_rules().all
            if r.tenant == asked.get("tenant", r.tenant) and (every or r.in_force(now_ns))
        ]
        found = {tenant: self._history(tenant, LIVE) for tenant in {r.tenant for r in chosen}}
        out = []
        for rule in chosen:
            mine = [f for f in found[rule.tenant] if rule in covering([rule], f)]
            last = max((f.made_at for f in mine), default=None)
            used = {"covered": sum(max(1, f.n or 1) for f in mine), "last": last and rfc3339(last)}
            out.append({**rule.to_dict(), "in_force": rule.in_force(now_ns), **used})
        return out

    def requested(
        self, asked: Mapping[str, str], actor: str, reason: str
    ) -> tuple[AllowRule, dict[str, int]]:
        """The rule a person asks for, and what it would have covered in `PREVIEW_DAYS`; nothing is kept."""
        lasts = asked.get("lasts", USUAL)
        lasts_s = parse_span_s(lasts)
        if lasts_s is None:
            raise NotPossible(f"lasts = {lasts!r} must be a span such as 12h or 90d")
        given, tenant = dict(asked), asked.get("tenant", TENANT)
        if "incident" in asked:
            incident = self.desk.find(asked["incident"])
            if incident is None or incident.place.tenant != tenant:
                raise NotPossible(f"there is no incident {asked['incident']!r}")
            given.setdefault("secrets", " ".join(self._secrets_of(incident)))
            given.setdefault("service", incident.place.service)
        rule = requested_rule(tenant, given, actor, reason, self.clock.now_ns(), lasts_s)
        here = [f for f in self._history(tenant, LIVE) if at_service(rule, f)]
        return rule, preview([*self.desk.allow_rules().all, rule], here)

    def add(self, rule: AllowRule, role: str) -> AllowRule:
        """Have a rule from now on; the one there is, where the same person just asked for the same."""
        now_ns = self.clock.now_ns()
        in_force = [r for r in self.desk.allow_rules().all if r.in_force(now_ns)]
        known = next((r for r in in_force if rule.is_again(r)), None)
        if known is None:
            if len(in_force) >= MAX_RULES:
                raise NotPossible(f"there are {MAX_RULES} allow rules already: remove some")
            self.desk.allow(rule)
        self._record("allow", known or rule, rule.actor, rule.reason, role)
        return known or rule

    def remove(self, rule_id: str, tenant: str | None, actor: str, reason: str, role: str) -> AllowRule:
        """Remove a rule: what comes from now on is an incident again.

        One that was removed and is not in the audit as the log was away then is written there now.
        """
        rule = self.desk.allow_rules().get(rule_id)
        if rule is None or tenant not in (None, rule.tenant):
            raise NotPossible(f"there is no allow rule {rule_id!r}: GET /allow lists them")
        if rule.ended_ns is None and not rule.in_force(self.clock.now_ns()):
            raise NotPossible(f"allow rule {rule_id} has expired: it allows nothing")
        over = rule
        if rule.ended_ns is None:
            over = rule.over(actor, reason, self.clock.now_ns())
            self.desk.allow(over)
        self._record("allow_removed", over, over.ended_by or actor, over.ended_reason, role)
        return over

    def _record(self, action: str, rule: AllowRule, actor: str, reason: str, role: str) -> None:
        at = rfc3339(to_datetime(self.clock.now_ns()))
        facts = {"rule_id": rule.rule_id, "tenant": rule.tenant, "rule": rule.to_dict()}
        said_ = {"actor": actor, "role": role or None, "reason": reason}
        self.audit(rule.rule_id, {"v": 1, "at": at, "action": action, **said_, **facts})

    def _history(self, tenant: str, lineage: str) -> list[Finding]:
        now_ns = self.clock.now_ns()
        return self.store.policy_findings(tenant, lineage, now_ns - PREVIEW_DAYS * 86_400 * NS_PER_S)

    def _secrets_of(self, incident: Incident) -> list[str]:
        """The secrets of the hits an incident counted.

        Raises
        ------
        NotPossible
            If some of them are not known by pseudonym: an allow rule would not cover them.
        """
        place = incident.place
        found = self.store.policy_findings(place.tenant, place.lineage, incident.hits.first_ns)
        ids = {f.finding_id for f in incident.findings} | set(incident.seen)
        mine = [f for f in found if f.finding_id in ids]
        secrets = dict.fromkeys(s for f in mine for s in secrets_of(f))
        if not mine or not all(secrets_of(f) for f in mine) or not all(map(is_nameable, secrets)):
            raise NotPossible(
                f"incident {incident.incident_id} has hits whose secrets are not known by pseudonym: name "
                "what is allowed with --secret, such as [openai_key:*] for a kind"
            )
        return list(secrets)


class AllowApi:
    """Handlers."""

    def __init__(self, allowing: Allowing | None, token: str) -> None:
        self._allowing, self._token = allowing, token

    async def listed(self, request: Request) -> Response:
        """Rules in force, with ``state=all`` those that ended, too; oldest first."""
        allowing = self._open(request)
        asked = filters(request, ("tenant", "state"))
        try:
            return JSONResponse({"v": 1, "rules": await run_in_threadpool(allowing.listed, asked)})
        except Unavailable as error:
            raise Refused(503, str(error)) from error

    async def previewed(self, request: Request) -> Response:
        """What a rule would have covered; nothing is changed."""
        return await self._asked(request, keep=False)

    async def made(self, request: Request) -> Response:
        """Allow: ``{"secrets": ..., "service": ..., "lasts": "90d", "actor": ..., "reason": ...}``."""
        return await self._asked(request, keep=True)

    async def removed(self, request: Request) -> Response:
        """Remove: ``{"actor": ..., "reason": ...}``."""
        allowing = self._open(request, RESPONDER)
        actor, reason, asked = await act_fields(request, ("tenant", "role"))
        if not reason:
            raise Refused(422, "to remove an allow rule needs a reason")
        rule_id, tenant = request.path_params["rule_id"], asked.get("tenant")
        try:
            over = await run_in_threadpool(
                allowing.remove, rule_id, tenant, actor, reason, asked.get("role", "")
            )
        except NotPossible as error:
            raise Refused(404, str(error)) from error
        except Unavailable as error:
            raise Refused(503, f"{error}; to remove it again is safe") from error
        return JSONResponse({"v": 1, "rule": over.to_dict()})

    async def _asked(self, request: Request, *, keep: bool) -> Response:
        allowing = self._open(request, RESPONDER)
        actor, reason, asked = await act_fields(request, _ASKED, longest=_LONGEST)
        if not reason:
            raise Refused(422, "an allow rule needs a reason")
        try:
            rule, would = await run_in_threadpool(allowing.requested, asked, actor, reason)
            if keep:
                rule = await run_in_threadpool(allowing.add, rule, asked.get("role", ""))
        except NotPossible as error:
            raise Refused(409, str(error)) from error
        except Unavailable as error:
            raise Refused(503, f"{error}; to ask again is safe") from error
        body = {"v": 1, "rule": rule.to_dict(), "days": PREVIEW_DAYS, "would_have": would, "kept": keep}
        return JSONResponse(body, 201 if keep else 200)

    def _open(self, request: Request, least: str = "viewer") -> Allowing:
        check_token(request, self._token, least)
        if self._allowing is None:
            raise Refused(404, "this service keeps no allow rules")
        return self._allowing
