"""``lightship config check``: what the settings name, against what the store knows of."""

from __future__ import annotations

from alerts.errors import Unavailable as StoreAway
from alerts.repository.incidents import IncidentRepository
from alerts.unmatched_names import idle_silences, unseen_services
from detectors.rules import CALLS
from detectors.scorers import SPECS
from infra import clickhouse
from infra.embedded.addresses import reach
from infra.errors import InfraError
from infra.settings import Settings

ANSWER_WITHIN_S = 10


def stored_warnings(settings: Settings) -> tuple[list[str], str]:
    """Names that nobody has seen and silences that cover nothing; and why the store was not asked, if so.

    A store where nothing came yet has seen no name, so of that nothing is said.
    """
    try:
        store = reach(settings).store
        log = IncidentRepository(lambda: clickhouse.connect(store, answer_within_s=ANSWER_WITHIN_S))
        try:
            services, silences = log.services(), log.silences().in_force
        finally:
            log.close()
    except (InfraError, StoreAway) as error:
        return (
            [],
            f"not checked: whether services that they name are there and silences cover any, as {error}",
        )
    if not services:
        return [], "not checked: whether services that they name are there, as nothing came yet"
    seen = {(key.tenant, key.service) for key in services}
    found = unseen_services(settings, {name for _, name in seen}) + idle_silences(
        silences, seen, {*SPECS, *settings.scorers.own, CALLS}
    )
    return found, ""
