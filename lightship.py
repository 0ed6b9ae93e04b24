"""The one command line: reads arguments, calls a room, turns errors into exit codes. No logic of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

OK, FAILED, USAGE, UNAVAILABLE, DEFECT = 0, 1, 2, 3, 70

app = typer.Typer(
    name="lightship",
    help="Watches AI applications in production: finds real changes and tells a person what to do.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
config = typer.Typer(help="The settings file.", no_args_is_help=True)
app.add_typer(config, name="config")

ConfigPath = Annotated[Path | None, typer.Option("--config", help="Settings file instead of lightship.toml.")]


@config.command("check")
def config_check(config: ConfigPath = None) -> None:
    """Say whether the settings can work; exit 2 with the reason if not."""
    from infra.settings import load

    settings = load(config)
    print(f"settings are fine (detection config {settings.config_hash()})")


@config.command("show")
def config_show(config: ConfigPath = None) -> None:
    """Print the settings in force as JSON, with passwords hidden."""
    from infra.settings import load, show

    print(json.dumps(show(load(config)), indent=2))


def main(argv: list[str] | None = None) -> Any:
    """Run a command and turn what goes wrong below into a message and an exit code."""
    from infra.errors import Defect, Misconfigured, Unavailable

    try:
        app(args=argv, standalone_mode=True)
    except Misconfigured as error:
        print(f"lightship: {error}", file=sys.stderr)
        sys.exit(USAGE)
    except Unavailable as error:
        print(f"lightship: {error}", file=sys.stderr)
        sys.exit(UNAVAILABLE)
    except Defect as error:
        print(f"lightship: a defect of ours, please report it: {error}", file=sys.stderr)
        sys.exit(DEFECT)


if __name__ == "__main__":
    main()
