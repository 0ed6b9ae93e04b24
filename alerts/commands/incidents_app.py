"""``lightship incidents``: the options of its commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infra.command_line import AsJson, ConfigPath, Service, Tenant, answer, out

incidents = typer.Typer(help="What is open, and what people decide about it.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="INCIDENT", help="Its id.")]
Actor = Annotated[str, typer.Option("--as", help="Who does it.")]
Why = Annotated[str, typer.Option("--reason", help="Why.")]


@incidents.command("list")
def incidents_list(
    state: Annotated[str, typer.Option(help="open, firing, recovering, resolved, ...; all.")] = "open",
    service: Service = None,
    environment: Annotated[str | None, typer.Option(help="Of this environment.")] = None,
    lineage: Annotated[str | None, typer.Option(help="live, or that of an import.")] = None,
    tenant: Tenant = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many to show.")] = 100,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """List incidents, the newest first."""
    from alerts.commands.incidents_command import listed, show_list

    chosen = {"service": service, "environment": environment, "lineage": lineage, "tenant": tenant}
    report = listed(config, state=None if state == "all" else state, limit=str(limit), **chosen)
    answer(report, as_json, show_list)


@incidents.command("show")
def incidents_show(incident: Id, as_json: AsJson = False, config: ConfigPath = None) -> None:
    """Show an incident. What happened, what to check, and its history."""
    from alerts.commands.incidents_command import one, show_one

    answer(one(config, incident), as_json, show_one)


@incidents.command("health")
def incidents_health(
    days: Annotated[float, typer.Option(min=0.1, max=395, help="How far to look back.")] = 28.0,
    lineage: Annotated[str, typer.Option(help="live, or that of an import.")] = "live",
    tenant: Annotated[str, typer.Option(help="Of this tenant.")] = "default",
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Say how being on call is. How many pages, how many were acted on and how soon, what comes back."""
    from alerts.commands.incidents_command import fared, show_fared

    answer(fared(config, days, lineage, tenant), as_json, show_fared)


def _act(config: Path | None, incident: str, action: str, actor: str, reason: str, *, as_json: bool) -> None:
    from alerts.commands.incidents_command import acted, show_acted

    answer(acted(config, incident, action, actor, reason), as_json, show_acted)


@incidents.command("ack")
def incidents_ack(
    incident: Id,
    actor: Actor,
    reason: Why = "",
    take_over: Annotated[bool, typer.Option("--take-over", help="From whoever has it.")] = False,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Take an incident: somebody is on it. Who has it already, and since when, is said instead."""
    _act(config, incident, "take-over" if take_over else "acknowledge", actor, reason, as_json=as_json)


@incidents.command("resolve")
def incidents_resolve(
    incident: Id, actor: Actor, reason: Why, as_json: AsJson = False, config: ConfigPath = None
) -> None:
    """End an incident: its cause is removed. It opens again if it is still measured an hour later."""
    _act(config, incident, "resolve", actor, reason, as_json=as_json)


@incidents.command("undo")
def incidents_undo(
    incident: Id, actor: Actor, reason: Why = "", as_json: AsJson = False, config: ConfigPath = None
) -> None:
    """Take back what was done last, minutes ago."""
    _act(config, incident, "undo", actor, reason, as_json=as_json)


@incidents.command("reopen")
def incidents_reopen(
    incident: Id, actor: Actor, reason: Why, as_json: AsJson = False, config: ConfigPath = None
) -> None:
    """Open an incident again that is not over. Whoever says so has it."""
    _act(config, incident, "reopen", actor, reason, as_json=as_json)


@incidents.command("accept")
def incidents_accept(
    incident: Id, actor: Actor, reason: Why, as_json: AsJson = False, config: ConfigPath = None
) -> None:
    """End an incident: its change is the new level. Detection compares with it from the onset on."""
    _act(config, incident, "accept", actor, reason, as_json=as_json)


@incidents.command("false-alarm")
def incidents_false_alarm(
    incident: Id,
    actor: Actor,
    reason: Why,
    allow: Annotated[bool, typer.Option("--allow", help="Allow the secrets of its hits there.")] = False,
    lasts: Annotated[str, typer.Option("--for", help="How long they are allowed: 12h, 90d.")] = "90d",
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """End an incident: nothing had changed. It counts against its detector."""
    if allow:
        from alerts.commands.allow_command import preview_or_create, show_preview

        out(show_preview(preview_or_create(config, actor, reason, keep=True, incident=incident, lasts=lasts)))
    _act(config, incident, "false-alarm", actor, reason, as_json=as_json)


@incidents.command("note")
def incidents_note(
    incident: Id,
    text: Annotated[str, typer.Argument(help="What others should know.")],
    actor: Actor,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Write a note into the history of an incident."""
    _act(config, incident, "note", actor, text, as_json=as_json)


@incidents.command("hold")
def incidents_hold(
    incident: Id, actor: Actor, reason: Why, as_json: AsJson = False, config: ConfigPath = None
) -> None:
    """Keep an incident open, and what it rests on. It ends by a word of a person alone."""
    _act(config, incident, "hold", actor, reason, as_json=as_json)


@incidents.command("release")
def incidents_release(
    incident: Id, actor: Actor, reason: Why = "", as_json: AsJson = False, config: ConfigPath = None
) -> None:
    """Let what is held recover, and its evidence expire."""
    _act(config, incident, "release", actor, reason, as_json=as_json)


@incidents.command("held")
def incidents_held(
    incident: Id,
    to: Annotated[Path | None, typer.Option(help="Write the rows, texts too, into this new file.")] = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Say what is kept of an incident that is held. Rows by table, and what the bound on size kept out."""
    from alerts.commands.incidents_command import export_legal_hold, legal_hold, show_legal_hold

    if to is not None:
        out(export_legal_hold(config, incident, to))
    else:
        answer(legal_hold(config, incident), as_json, show_legal_hold)


@incidents.command("deadlines")
def incidents_deadlines(
    incident: Id,
    aware: Annotated[
        str | None, typer.Option(help="Since when you know, RFC 3339; without it since it fired.")
    ] = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Say when duties to report it would fall due, if they apply. A map of clocks, no advice."""
    from alerts.briefs.reportable import show
    from alerts.commands.incidents_command import deadlines_of

    answer(deadlines_of(config, incident, aware), as_json, show)


@incidents.command("silence")
def incidents_silence(
    actor: Actor,
    reason: Why,
    lasts: Annotated[str, typer.Option("--for", help="How long: 30m, 2h, 3d; 30 days at most.")],
    begins: Annotated[str | None, typer.Option("--from", help="When, RFC 3339; without it now.")] = None,
    incident: Annotated[str | None, typer.Argument(help="Like this one: service, score, slice.")] = None,
    service: Annotated[str | None, typer.Option(help="Of this service; * and ? allowed.")] = None,
    score: Annotated[str | None, typer.Option(help="Of this score; * and ? allowed.")] = None,
    slice_: Annotated[str | None, typer.Option("--slice", help="dim=value; * and ? allowed.")] = None,
    severity: Annotated[str | None, typer.Option(help="page or ticket.")] = None,
    tenant: Tenant = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Tell nobody for a while. Incidents are kept; what is still open when it ends is told then."""
    from alerts.commands.incidents_command import show_silenced, silenced

    patterns = {"service": service, "score": score, "slice": slice_, "severity": severity, "tenant": tenant}
    report = silenced(config, incident, lasts, actor, reason, begins, **patterns)
    answer(report, as_json, show_silenced)


@incidents.command("silences")
def incidents_silences(
    ended: Annotated[bool, typer.Option("--ended", help="Those that ended lately, too.")] = False,
    tenant: Tenant = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """List silences that are in force."""
    from alerts.commands.incidents_command import show_silences, silences

    answer(silences(config, tenant, ended=ended), as_json, show_silences)


@incidents.command("lift")
def incidents_lift(
    silence: Annotated[str, typer.Argument(metavar="SILENCE", help="Its id.")],
    actor: Actor,
    reason: Why,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """End a silence before its time."""
    from alerts.commands.incidents_command import lifted, show_lifted

    answer(lifted(config, silence, actor, reason), as_json, show_lifted)


@incidents.command("export")
def incidents_export(
    ids: Annotated[list[str], typer.Argument(metavar="INCIDENT", help="Ids, one or more.")],
    to: Annotated[Path | None, typer.Option(help="Into this new file instead of onto the screen.")] = None,
    config: ConfigPath = None,
) -> None:
    """Write incidents whole, one JSON line each. Findings, brief, notes and history; no examples of text."""
    from alerts.commands.incidents_command import exported

    out(exported(config, ids, to))
