"""One browser for the tests of a file, and a page each that must end without a fault."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import pytest
from playwright.sync_api import Browser

from tests.browser.visiting import Visit, chromium, visiting


class Served(Protocol):
    """A running dashboard: the fixture ``site`` of a file."""

    base: str


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def visit(browser: Browser, site: Served) -> Iterator[Visit]:
    made = visiting(browser, site.base)
    yield made
    made.page.close()
    assert made.faults == []
