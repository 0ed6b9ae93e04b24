"""``python -m dashboard``: serve the dashboard on the configured address, in this process.

Reads ``[dashboard] host, port``, ``[store]`` and ``[alerts]`` of the settings. The theme is found beside
``main.py`` whatever the working directory is.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from dashboard.viewer import LOOPBACK
from infra.errors import Misconfigured
from infra.settings import Settings, load

ROOT = Path(__file__).resolve().parent


def command(settings: Settings) -> list[str]:
    """The command line that serves the dashboard."""
    host, port = settings.dashboard.host, settings.dashboard.port
    options = {
        "server.address": host,
        "server.port": str(port),
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "browser.serverAddress": host,
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    if host in LOOPBACK:
        # a page elsewhere that resolves its own name to this machine must not talk to the dashboard
        flags += [f"--server.allowedHosts={name}" for name in ("localhost", "127.0.0.1", "::1")]
    return [sys.executable, "-m", "streamlit", "run", str(ROOT / "main.py"), *flags]


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The child's environment: Streamlit puts the script's folder on the path, we need its parent."""
    paths = [str(ROOT.parent), *filter(None, [environ.get("PYTHONPATH")])]
    return {**environ, "PYTHONPATH": os.pathsep.join(paths)}


def main(argv: Sequence[str] | None = None) -> None:
    """Replace this process by the server: signals and the exit code go straight through."""
    parser = argparse.ArgumentParser(prog="python -m dashboard", description=__doc__)
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings file instead of lightship.toml")
    options = parser.parse_args(argv)
    try:
        settings = load(options.config)
    except Misconfigured as error:
        sys.stderr.write(f"dashboard: {error}\n")
        sys.exit(2)
    arguments = command(settings)
    named = {"LIGHTSHIP_CONFIG": str(options.config.absolute())} if options.config else {}
    sys.stdout.flush()
    os.execve(arguments[0], arguments, environment({**os.environ, **named}))  # noqa: S606 - a list of our own making


if __name__ == "__main__":
    main()
