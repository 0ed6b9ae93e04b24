"""The one command line: reads arguments, calls a room, turns errors into exit codes. No logic of its own."""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn
from urllib.parse import quote

import typer

from alerts.commands.alerts_app import alerts
from alerts.commands.allow_app import allow
from alerts.commands.baselines_app import baselines
from alerts.commands.incidents_app import incidents
from alerts.commands.receivers_app import receivers
from alerts.commands.rules_app import added_rules
from alerts.commands.silences_app import silences
from dashboard.commands.calibration_app import calibration
from dashboard.commands.link_app import dashboard as dashboards
from dashboard.commands.report_app import reports
from infra.command_line import (
    AsJson,
    ConfigPath,
    Files,
    Port,
    SomeFiles,
    answer,
    nobody_reads_on,
    out,
    show_version,
    warn,
)
from infra.onramp.application_app import applications
from ingest.commands.calls import calls
from ingest.commands.dead_letters import dead_letters
from ingest.commands.doctor import doctors
from ingest.commands.keys import keys
from ingest.commands.quarantine import quarantine
from ingest.commands.replay import replaying
from ingest.commands.rescore import scored_again
from ingest.commands.rules import rules
from ingest.commands.scorers import scorers

if TYPE_CHECKING:
    from infra.settings import Settings

OK, FAILED = 0, 1

app = typer.Typer(
    name="lightship",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
config = typer.Typer(help="The settings file.", no_args_is_help=True)
app.add_typer(config, name="config")
for name, group in (
    ("alerts", alerts),
    ("allow", allow),
    ("dead-letters", dead_letters),
    ("baselines", baselines),
):
    app.add_typer(group, name=name)
app.add_typer(dashboards, name="dashboard")
for name, group in (("incidents", incidents), ("keys", keys), ("rules", rules), ("scorers", scorers)):
    app.add_typer(group, name=name)
app.add_typer(silences, name="silences")
app.add_typer(receivers, name="receivers")
for group, part in ((rules, added_rules), (scorers, calibration)):
    group.add_typer(part)
for part in (reports, applications, calls, doctors, quarantine, replaying, scored_again):
    app.add_typer(part)


def _checked(path: Path | None) -> Settings:
    """Settings that every room can work with."""
    from alerts.api.inbound import Secrets
    from alerts.notify.channels import check_receivers
    from infra.settings import load
    from ingest.settings_check import checked

    settings = checked(load(path))
    check_receivers(settings)
    Secrets.of(settings)
    return settings


@app.callback()
def lightship(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=show_version, help="Show the version.")
    ] = False,
) -> None:
    """Watch AI applications in production: find real changes and tell a person what to do."""
    del version


@app.command()
def up(
    config: ConfigPath = None,
    gateway_port: Port = None,
    grpc_port: Annotated[int | None, typer.Option(min=0, max=65535, help="0: no OTLP over gRPC.")] = None,
    alerts_port: Port = None,
    dashboard_port: Port = None,
    kafka_port: Port = None,
    clickhouse_port: Port = None,
    worker_port: Port = None,
    relay_port: Port = None,
    fleet_port: Port = None,
    judge_port: Port = None,
    dashboard: Annotated[bool, typer.Option(help="Serve the dashboard.")] = True,
) -> None:
    """Start everything and stay until Ctrl-C. Servers whose addresses are not set are embedded ones."""
    from dashboard.access.local_session import opening_link
    from dashboard.access.signing_in import check_start
    from infra.embedded.all_processes import whole
    from infra.embedded.fallback_pager import page_for_alerts
    from infra.embedded.startup_message import first_screen, program
    from infra.embedded.supervisor import Supervisor

    asked = {"gateway": gateway_port, "grpc": grpc_port, "alerts": alerts_port, "dashboard": dashboard_port}
    asked |= {"kafka": kafka_port, "clickhouse": clickhouse_port, "worker": worker_port, "relay": relay_port}
    asked |= {"fleet": fleet_port, "judge": judge_port}
    ports = {name: port for name, port in asked.items() if port is not None}
    settings = _checked(config)
    if dashboard:
        check_start(settings)
    everything = whole(settings, ports, dashboard=dashboard, config=config)
    at = everything.addresses.get("dashboard", "")
    Supervisor(
        everything.settings.home,
        everything.specs,
        addresses=everything.addresses,
        ports=everything.ports,
        on_loop=page_for_alerts(everything.specs),
        on_ready=lambda: warn(
            first_screen(everything.addresses, settings.home, opening_link(settings, at), program())
        ),
    ).run()


@app.command()
def setup(config: ConfigPath = None) -> None:
    """Make topics and tables on the servers. Doing it again changes nothing."""
    from infra.settings import load
    from infra.setup import setup as make

    make(load(config), out)


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Stop when the result is printed.")] = False,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Show what is found in planted incidents. Four apps, 14 quiet days, then a day with them.

    A gateway that asks for ingest keys is given the one in LIGHTSHIP_INGEST_KEY.
    """
    from dashboard.access.local_session import opening_link
    from infra.clock import SystemClock
    from infra.gateway_section import INGEST_KEY
    from ingest.demo.command import SETTINGS, demonstrate, started
    from ingest.demo.screen import DemoScreen

    path = config or SETTINGS
    screen = DemoScreen(stay=not once and sys.stdout.isatty())
    with started(_checked(path), config=path, dashboard=not once) as running:
        addresses = running.whole.addresses
        at = addresses.get("dashboard", "")
        screen.ready(running.ready_s, addresses["gateway"], opening_link(running.settings, at))
        key = os.environ.get(INGEST_KEY, "")
        result = demonstrate(running, SystemClock(), screen.progress, screen.say, key)
        out(json.dumps(result, indent=2)) if as_json else screen.table(result)
        look = f"/?lineage={quote(str(result['lineage']))}"
        screen.wait(opening_link(running.settings, at, look))
    sys.exit(OK if result["ok"] else FAILED)


@app.command()
def mark(
    value: Annotated[str, typer.Argument(help='What it is now: "4.2.0", "knowledge base rebuilt".')],
    kind: Annotated[
        str, typer.Option(help="What was changed: release, prompt, index, provider ...")
    ] = "release",
    service: Annotated[str | None, typer.Option(help="Where; without it everywhere.")] = None,
    environment: Annotated[str | None, typer.Option(help="Where; without it everywhere.")] = None,
    at: Annotated[str | None, typer.Option(help="When, RFC 3339 with a zone; without it now.")] = None,
    who: Annotated[
        str | None, typer.Option("--as", help="Who did it; without it the user's name here.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="Anything else.")] = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Record a change. It is named as a suspect by incidents that begin near it."""
    from getpass import getuser

    from infra.gateway_section import INGEST_KEY
    from ingest.operations.mark import mark as record
    from ingest.operations.mark import show_marked

    change = {"kind": kind, "value": value, "service": service, "environment": environment, "time": at}
    change |= {"who": who or getuser(), "note": note}
    answer(record(config, os.environ.get(INGEST_KEY, ""), change), as_json, show_marked)


@app.command()
def decode(
    files: SomeFiles = None,
    raw: Annotated[bool, typer.Option("--raw", help="Leave text unredacted.")] = False,
    suite: Annotated[
        Path | None,
        typer.Option("--conformance", metavar="DIR", exists=True, file_okay=False, help="Check recordings."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Turn recorded OTLP bodies into interactions. One JSON line each; what was in them goes to stderr."""
    from ingest.operations.files.conformance import conformance, show
    from ingest.operations.files.decode import decode_files

    if bool(files) == bool(suite):
        raise typer.BadParameter("name files, or a folder of recordings with --conformance")
    if suite is not None:
        report = conformance(suite)
        answer(report, as_json, show)
        sys.exit(OK if report["ok"] else FAILED)
    decoded = decode_files(files or [], raw=raw)
    for line in decoded.lines:
        out(json.dumps(line, ensure_ascii=False))
    warn(decoded.summary.text())
    sys.exit(FAILED if decoded.summary.undecodable else OK)


@app.command()
def score(
    files: Files,
    timing: Annotated[bool, typer.Option("--timing", help="Say the time of each scorer.")] = False,
    config: ConfigPath = None,
) -> None:
    """Redact and score records. Lines of decode, or prompt and output; one JSON line each."""
    from ingest.operations.files.score import score_command

    for line in score_command(files, config, timing=timing, say=warn):
        out(json.dumps(line, ensure_ascii=False))


@app.command()
def detect(
    files: Files,
    kind: Annotated[str, typer.Option(help="flag, bounded, positive, real, category or volume.")],
    time: Annotated[str, typer.Option(help="Column with the time.")] = "time",
    value: Annotated[str, typer.Option(help="Column with the value.")] = "value",
    n: Annotated[str | None, typer.Option(help="Column with the number of events behind a value.")] = None,
    tick: Annotated[str, typer.Option(help="Length of a tick: 5m, 1h.")] = "5m",
    learn: Annotated[str, typer.Option(help="Learning period: 14d, or a number of rows.")] = "14d",
    budget: Annotated[str, typer.Option(help="False findings allowed: 1/month.")] = "1/month",
    plot: Annotated[Path | None, typer.Option(help="Draw values and onsets into this SVG file.")] = None,
) -> None:
    """Watch a series of a file as the stream would. One finding a line, in JSON."""
    from ingest.operations.files.detect import detect_files

    columns = {"time": time, "value": value, "n": n}
    for finding in detect_files(files, columns, kind=kind, tick=tick, learn=learn, budget=budget, plot=plot):
        out(finding.to_json())


@app.command(name="import")
def import_(
    files: Files,
    service: Annotated[str, typer.Option(help="Service the records belong to.")],
    environment: Annotated[str | None, typer.Option(help="Deployment environment.")] = None,
    model_from: Annotated[str | None, typer.Option(help="Field with the model, a.b for nested.")] = None,
    time: Annotated[str | None, typer.Option(help="Field with the time of a record.")] = None,
    start: Annotated[str | None, typer.Option(help="Time of the first record, RFC 3339.")] = None,
    span: Annotated[str | None, typer.Option(help="Period to spread records over: 14d.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of draws.")] = 0,
    draw: Annotated[int | None, typer.Option(help="Records to draw with replacement.")] = None,
    map_: Annotated[list[str] | None, typer.Option("--map", help="FIELD=KEY, several times.")] = None,
    where: Annotated[list[str] | None, typer.Option(help="Keep records with FIELD=VALUE.")] = None,
    spacing: Annotated[str, typer.Option(help="even or poisson.")] = "poisson",
    lineage: Annotated[str | None, typer.Option(help="Lineage; import-... by default.")] = None,
    more: Annotated[bool, typer.Option("--more", help="More will follow: keep the lineage open.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Start over instead of going on.")] = False,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Send records of files through the pipeline. JSON Lines, JSON, CSV or Parquet; plain, gz or zst."""
    from ingest.operations.importing.command import import_command, show

    report = import_command(
        files,
        {
            "service": service,
            "environment": environment,
            "model_from": model_from,
            "time_from": time,
            "start": start,
            "span": span,
            "seed": seed,
            "draw": draw,
            "spacing": spacing,
            "maps": map_ or [],
            "where": where or [],
        },
        lineage=lineage,
        more=more,
        restart=restart,
        config=config,
        say=warn,
    )
    answer(report, as_json, show)


@app.command()
def ledger(
    as_json: AsJson = False,
    since: Annotated[str | None, typer.Option(help="How far to look back: 1h, 7d; 29d by default.")] = None,
    config: ConfigPath = None,
) -> None:
    """Prove that every record is accounted for. Exits with 1 if it is not, or if none moves."""
    from ingest.operations.ledger.command import balance, show

    report = balance(config, since)
    answer(report, as_json, show)
    sys.exit(OK if report["balanced"] and report["moving"] else FAILED)


@app.command()
def verify(
    ids: Annotated[list[str], typer.Argument(metavar="FINDING|INCIDENT", help="Ids, one or more.")],
    explain: Annotated[bool, typer.Option("--explain", help="Show what each was computed from.")] = False,
    whole: Annotated[
        bool, typer.Option("--whole", help="Follow the log from its beginning, however long it is.")
    ] = False,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Compute findings again from what is stored. Exits with 1, and the first difference, if one differs."""
    from ingest.operations.verify.command import holds, report, show
    from ingest.operations.verify.command import verify as check

    verdicts = check(config, ids, whole=whole)
    out(json.dumps(report(verdicts), indent=2) if as_json else show(verdicts, explained=explain))
    sys.exit(OK if holds(verdicts) else FAILED)


@app.command()
def outliers(
    service: Annotated[str, typer.Option(help="Whose outputs.")],
    environment: Annotated[str | None, typer.Option(help="Deployment environment.")] = None,
    day: Annotated[str | None, typer.Option(help="2026-03-17, UTC; the last 24 hours by default.")] = None,
    lineage: Annotated[str, typer.Option(help="live, or that of an import.")] = "live",
    tenant: Annotated[str, typer.Option(help="Of this tenant.")] = "default",
    top: Annotated[int, typer.Option(min=1, max=1000, help="How many to show.")] = 20,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Rank the outputs of a day, the oddest first. A list to look through: it never pages."""
    from dashboard.commands.outliers_command import outlying_outputs, show_outliers

    asked = {"service": service, "environment": environment, "day": day, "lineage": lineage}
    answer(outlying_outputs(config, **asked, tenant=tenant, top=top), as_json, show_outliers)  # type: ignore[arg-type]


@app.command()
def budget(
    tenant: Annotated[str, typer.Option(help="Of this tenant.")] = "default",
    lineage: Annotated[str, typer.Option(help="Of this lineage.")] = "live",
    days: Annotated[float, typer.Option(min=1, max=395, help="How far to look back.")] = 30.0,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Say how many false alarms are allowed. And how many were expected, and called false by people."""
    from alerts.commands.budget_command import budget_use, show

    answer(budget_use(config, tenant, lineage, days), as_json, show)


@config.command("check")
def config_check(config: ConfigPath = None) -> None:
    """Say whether the settings can work. Exits with 2 and the reason if not; what is odd is a warning.

    What they name is compared with what is stored, if that can be reached.
    """
    from alerts.commands.config_check import stored_warnings
    from alerts.notify.route_warnings import route_warnings
    from dashboard.access.signing_in import check_start

    settings = _checked(config)
    check_start(settings)
    found, not_asked = stored_warnings(settings)
    for warning in (*route_warnings(settings), *found):
        out(f"warning: {warning}")
    out(f"settings are fine (detection config {settings.config_hash()})")
    out(not_asked) if not_asked else None


@config.command("show")
def config_show(config: ConfigPath = None) -> None:
    """Print the settings in force. JSON, with passwords, keys and personal data hidden."""
    from infra.settings import load
    from ingest.settings_shown import shown

    out(json.dumps(shown(load(config)), indent=2))


def main(argv: list[str] | None = None) -> NoReturn:
    """Run a command and turn what goes wrong below into a message and an exit code."""
    for library in ("kafka", "aiokafka", "clickhouse_connect"):
        logging.getLogger(library).setLevel(logging.CRITICAL)  # what they log they raise, and we say it once
    try:
        try:
            app(args=argv, prog_name="lightship")
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        nobody_reads_on()
    except Exception as error:  # noqa: BLE001 - the outermost guard
        from ingest.exit_code import exit_code

        sys.exit(exit_code(error))
    sys.exit(OK)


if __name__ == "__main__":
    main()
