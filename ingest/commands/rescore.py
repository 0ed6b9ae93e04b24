"""``lightship rescore|judge``: their options."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.command_line import AsJson, ConfigPath, answer, warn

scored_again = typer.Typer()


@scored_again.command()
def rescore(
    service: Annotated[str, typer.Option(help="Whose text.")],
    score: Annotated[list[str], typer.Option(help="Scores of a new generation, several times.")],
    environment: Annotated[str | None, typer.Option(help="Of this environment alone.")] = None,
    span: Annotated[str | None, typer.Option(help="How far back: 15d; learn_days and a day.")] = None,
    as_json: AsJson = False,
    config: ConfigPath = None,
) -> None:
    """Score stored text again to learn from it. For scores whose values changed their meaning."""
    from ingest.operations.rescoring.command import rescore as again
    from ingest.operations.rescoring.command import show

    report = again(config, service, score, environment=environment, days=span, say=warn)
    answer(report, as_json, show)


@scored_again.command()
def judge(as_json: AsJson = False, config: ConfigPath = None) -> None:
    """Let external judges rate what waits now. Within their limits; `up` runs them all the time."""
    from ingest.judge.command import judge_now, show

    answer(judge_now(config), as_json, show)
