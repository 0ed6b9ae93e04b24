"""``lightship receivers list|apply``: who can be told, and receivers and routes of a file.

Nothing here asks the running service: what is applied is kept in the data directory, where the service finds
it within seconds, as a change of its settings file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from alerts.api.inbound import Secrets
from alerts.apply_plan import Application
from alerts.commands.apply import STDIN, ApplyOptions, agreed, read
from alerts.notify.channels import check_receivers
from alerts.notify.receiver_plan import planned, row
from alerts.notify.route import receivers_of, routes_of
from detectors.finding import rfc3339
from infra.applied_receivers import SECTIONS, put_set, sets_in
from infra.clock import Clock, SystemClock, to_datetime
from infra.errors import Misconfigured
from infra.settings import anchored, home_of, host_alone, load

_SET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def applied(
    config: Path | None,
    asked: ApplyOptions,
    show: Callable[[str], None],
    confirm: Callable[[str], bool],
    clock: Clock | None = None,
) -> tuple[dict[str, Any], int]:
    """Plan, ask, apply: the report and the exit code.

    Raises
    ------
    Misconfigured
        If the file cannot be used, alone or with the settings and other sets, or nobody can be asked.
    """
    if not _SET.fullmatch(asked.set_):
        raise Misconfigured(f"--set {asked.set_!r} must be of letters, digits, dots, - and _")
    folder = Path.cwd() if asked.file == STDIN else asked.file.absolute().parent
    wanted = {name: anchored(table, folder) for name, table in read(asked.file, "receiver", SECTIONS).items()}
    home, (actor, reason) = home_of(), asked.who()
    now_ns = (clock or SystemClock()).now_ns()
    by = Application("", asked.set_, actor, reason, now_ns)

    def run(*, plan: bool) -> dict[str, Any]:
        sets = sets_in(home)
        known = sets.get(asked.set_, {"tables": {}})["tables"]
        settings = load(config, sets={**sets, asked.set_: {"tables": wanted}})
        check_receivers(settings)
        Secrets.of(settings)
        steps = planned(wanted, known)
        if not plan:
            put_set(home, asked.set_, wanted, actor, reason, rfc3339(to_datetime(now_ns)))
        return steps.report(by, map(row, steps.steps), applied=not plan)

    return agreed(asked, run, show, confirm)


def listed(config: Path | None) -> dict[str, Any]:
    """Every receiver: where it is from, and which routes name it."""
    settings = load(config)
    sets = sets_in(settings.home)
    origin = {
        str(table.get("name")): (name, body)
        for name, body in sets.items()
        for table in body["tables"].get("receiver", ())
    }
    routes = routes_of(settings)
    rows = []
    for receiver in receivers_of(settings):
        set_, body = origin.get(receiver.name, (None, {}))
        rows.append(
            {
                "name": receiver.name,
                "kind": receiver.kind,
                "url": host_alone(receiver.url) or None,
                "routes": [i for i, route in enumerate(routes) if receiver.name in route.receiver_names],
                "set": set_,
                "actor": body.get("actor"),
                "reason": body.get("reason"),
                "at": body.get("at"),
            }
        )
    return {"v": 1, "receivers": rows}


def show_list(report: Mapping[str, Any]) -> str:
    """A receiver a line."""
    return "\n".join(map(_line, report["receivers"]))


def _line(one: Mapping[str, Any]) -> str:
    where = f" at {one['url']}" if one["url"] else ""
    routes = ", ".join(f"route[{i}]" for i in one["routes"]) or "no route"
    said = f"{one['name']} ({one['kind']}{where}): {routes}"
    if one["set"]:
        said += f"; of set {one['set']}, applied {one['at']} by {one['actor']}: {one['reason']}"
    return said
