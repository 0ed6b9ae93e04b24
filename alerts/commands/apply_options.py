"""Options of the commands that apply a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ApplyFile = Annotated[Path, typer.Option("-f", "--file", help="TOML; - reads stdin.")]
ApplyActor = Annotated[str | None, typer.Option("--as", help="Who; without it the user's name here.")]
ApplyReason = Annotated[str | None, typer.Option("--reason", help="Why; without it that the file says so.")]
ApplySet = Annotated[str, typer.Option("--set", help="Name of what this file owns; another file, another.")]
ApplyPlan = Annotated[
    bool, typer.Option("--plan", "--dry-run", help="Only say what would be done; exits with 1 if anything.")
]
ApplyYes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
