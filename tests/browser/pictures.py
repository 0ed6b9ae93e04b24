"""The screens of docs/analysis.md, of the invented fleet: ``python -m tests.browser.pictures [FOLDER]``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from infra.clickhouse import connect
from infra.embedded.pair import clickhouse_url, store_spec
from infra.embedded.ports import spares
from tests.browser.test_analysis_browser import PATHS
from tests.browser.visiting import chromium, visiting
from tests.dashboard import world, world_fine, world_mix, world_runs
from tests.dashboard.serving import dashboard, environment
from tests.databases import fresh_database
from tests.embedded_pair import start

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
SCREENS = ("explore", "drift", "outputs", "releases", "cause")
WIDTH = 1440


def main(folder: Path = FOLDER) -> int:
    """Take all of them, whole pages in light mode."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        running, spec = start(home / "store", store_spec)
        try:
            settings = fresh_database(clickhouse_url(home / "store", spec), "pictures")
            client = connect(settings)
            world.fill(client, lineage="demo-1")
            world_runs.fill(client, world.NOW, lineage="demo-1")
            world_fine.fill(client, world.NOW)
            world_mix.fill(client, world.NOW)
            client.close()
            port, alerts_port = spares(2)
            environ = environment(settings, home, port=port, alerts_port=alerts_port)
            with dashboard(environ, port) as base:
                _take(base, folder)
        finally:
            running.stop()
    return 0


def _take(base: str, folder: Path) -> None:
    with chromium() as browser:
        for name in SCREENS:
            visit = visiting(browser, base, width=WIDTH)
            page = visit.open(PATHS[name])
            height = int(page.locator("[data-testid=stMain]").evaluate("node => node.scrollHeight"))
            page.set_viewport_size({"width": WIDTH, "height": min(height, 2_400)})
            visit.settle()
            page.screenshot(path=folder / f"{name}.png")
            page.close()


if __name__ == "__main__":
    raise SystemExit(main(*map(Path, sys.argv[1:])))
