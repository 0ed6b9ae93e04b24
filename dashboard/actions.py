"""What people do about incidents: calls of the alerts API, which is the only writer.

The token is the one the alerts service keeps under the data directory, readable by its owner alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

import httpx

from alerts.keys import read_token
from dashboard.plain import clean
from infra.errors import Misconfigured
from infra.settings import Settings

TIMEOUT_S = 5.0
MAX_REASON = 1000
MAX_ACTOR = 100

ACKNOWLEDGE, FALSE_ALARM, ACCEPT, NOTE = "acknowledge", "false-alarm", "accept", "note"


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether it was recorded; if not, why, in words that may be shown."""

    done: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AlertsApi:
    """The alerts service at ``base``."""

    base: str
    token: str

    def act(self, incident_id: str, action: str, actor: str, reason: str) -> Answer:
        """Acknowledge, end or annotate an incident. Never raises for what the service does."""
        url = f"{self.base}/incidents/{quote(incident_id, safe='')}/{quote(action, safe='')}"
        body = {"actor": actor[:MAX_ACTOR], "reason": reason[:MAX_REASON]}
        try:
            response = httpx.post(
                url, json=body, headers={"Authorization": f"Bearer {self.token}"}, timeout=TIMEOUT_S
            )
        except httpx.HTTPError as error:
            return Answer(False, f"the alerts service does not answer ({type(error).__name__})")
        if response.is_success:
            return Answer(True)
        return Answer(False, _reason(response))


def _reason(response: httpx.Response) -> str:
    try:
        said = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        said = ""
    return clean(str(said), 200) or f"the alerts service answered {response.status_code}"


def connect(settings: Settings) -> AlertsApi:
    """The API at the configured address.

    Raises
    ------
    Misconfigured
        If its token cannot be read.
    """
    host = settings.alerts.host
    shown = f"[{host}]" if ":" in host else host
    return AlertsApi(f"http://{shown}:{settings.alerts.port}", read_token(settings.home))


def act(settings: Settings, incident_id: str, action: str, actor: str, reason: str = "") -> Answer:
    """`AlertsApi.act` at the configured address; a token that cannot be read is an answer too."""
    try:
        api = connect(settings)
    except Misconfigured as error:
        return Answer(False, clean(str(error), 200))
    return api.act(incident_id, action, actor, reason)
