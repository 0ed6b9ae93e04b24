"""What a person says of an example, sent through the gateway's own door: redacted, durable and watched.

The gateway takes the tenant from the ingest key (``LIGHTSHIP_INGEST_KEY``; on loopback none is needed), so
it is asked first whose key ours is: nobody judges for another tenant.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping

import httpx

from dashboard.access.viewer import Viewer
from dashboard.queries.store import Scope
from dashboard.safe_text import clean
from dashboard.shared.actions import MAX_ACTOR, MAX_REASON, TIMEOUT_S, Answer
from detectors.scorers import SPECS
from detectors.scorers.rightness import RIGHT
from infra.embedded.addresses import gateway_address
from infra.gateway_section import INGEST_KEY
from infra.kafka import HEADER_LINEAGE
from infra.settings import Settings

logger = logging.getLogger(__name__)

NAME = "correct"
"""What the judgement of an output is called: 1 right, 0 wrong."""
JUDGED_KINDS = frozenset({"flag", "bounded"})
"""Kinds of score that say something of an output a person can agree with or not."""
FEEDBACK, PROJECTS = "/v1/feedback", "/api/public/projects"


def of_score(score: str) -> str | None:
    """What the judgement of a score is called; ``None`` where nobody can say whether it is right.

    >>> of_score("refusal"), of_score("latency_s")
    ('right:refusal', None)
    """
    spec = SPECS.get(score)
    told = spec is not None and spec.kind in JUDGED_KINDS and spec.unit == "interaction"
    return f"{RIGHT}{score}" if told else None


def judge(
    settings: Settings,
    who: Viewer,
    scope: Scope,
    interaction_id: str,
    *,
    right: bool,
    why: str,
    name: str = NAME,
    environ: Mapping[str, str] = os.environ,
) -> Answer:
    """Say that an output, or what a score says of it (`of_score`), is right or wrong.

    Said again under the same name, it corrects what this person said before.
    """
    if not who.may_act:
        return Answer(False, f"the role {who.role} may not act")
    key = environ.get(INGEST_KEY, "")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    base = gateway_address(settings)
    mine = [who.name, interaction_id, *([name] if name != NAME else [])]
    said = {
        "interaction_id": interaction_id,
        "name": name,
        "value": right,
        "comment": why[:MAX_REASON] or None,
        "who": who.name[:MAX_ACTOR],
        "id": hashlib.sha256("\n".join(mine).encode()).hexdigest()[:32],
    }
    try:
        answer = httpx.get(f"{base}{PROJECTS}", headers=headers, timeout=TIMEOUT_S)
        if not answer.is_success:
            return Answer(False, _refused(answer))
        tenant = str(answer.json()["data"][0]["id"])
        if tenant != who.tenant:
            return Answer(False, f"the dashboard's ingest key is of tenant {clean(tenant, 40)}")
        headers[HEADER_LINEAGE] = scope.lineage
        body = {k: v for k, v in said.items() if v is not None}
        answer = httpx.post(f"{base}{FEEDBACK}", json=body, headers=headers, timeout=TIMEOUT_S)
    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
        return Answer(False, f"the gateway does not answer ({type(error).__name__})")
    line: dict[str, object] = {"actor": who.name, "role": who.role, "tenant": who.tenant, "what": FEEDBACK}
    line |= {"interaction": interaction_id[:60], "name": name, "right": right, "status": answer.status_code}
    logger.info("acted: %s", json.dumps(line))
    return Answer(True) if answer.is_success else Answer(False, _refused(answer))


def _refused(answer: httpx.Response) -> str:
    if answer.status_code in (401, 403):
        return f"the gateway refuses the key: set {INGEST_KEY} (`lightship keys create`)"
    return f"the gateway answered {answer.status_code}: {clean(answer.text, 160)}"
