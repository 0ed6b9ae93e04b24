"""A process of a real Lightship that is killed again and again: a page, whichever process it is."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from infra.embedded.run_file import read_run
from tests.running import Running, running, wait

PAGE_S = 120.0
PROCESSES = [
    pytest.param("worker", marks=pytest.mark.integration),
    *(
        pytest.param(name, marks=[pytest.mark.integration, pytest.mark.chaos, pytest.mark.timeout(1200)])
        for name in ("broker", "store", "gateway", "relay", "fleet", "alerts")
    ),
]


def _paged(lightship: Running, name: str) -> bool:
    """Whether somebody was told of it: as an incident, or past the store and the log while they are away."""
    texts = [posted.body.decode() for posted in lightship.hook.posted]
    return any(f"{name} restarted" in text or "pages wait: " in text for text in texts)


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_that_ends_again_and_again_is_a_page(tmp_path: Path, name: str) -> None:
    with running(tmp_path / "home", dashboard=False) as lightship:
        lightship.is_up("alerts")
        for _ in range(2):
            lightship.came_back(name, lightship.kill(name))
        lightship.kill(name)
        began = time.monotonic()
        wait("the loop is seen", lambda: lightship.state(name).restarts >= 3)
        run = read_run(lightship.home)
        assert run is not None
        assert run["ready"] is False
        wait(f"{name} is a page", lambda: _paged(lightship, name), 2 * PAGE_S)
        took_s = time.monotonic() - began
        lightship.is_up(name)
        done = lightship.lightship("doctor", "--wait", "0")
        assert done.returncode != 0
        assert f"fail  restarts: {name} restarted 3 times in 10 min, last with signal SIGKILL" in done.stdout
    assert took_s <= PAGE_S, took_s
