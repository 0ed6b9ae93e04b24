"""The quickest Python stacks to install and one of Node.js: what ``lightship env`` prints is enough."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.stacks.__main__ import complete, row
from tests.stacks.site import Site, site
from tests.stacks.stack import COLUMNS, stacks

pytestmark = pytest.mark.stacks

QUICKEST = (
    "openai-genai",
    "openai-openinference",
    "anthropic-openinference",
    "openai-traceloop-sdk",
    "google-genai-openinference",
    "node-openai-esm",
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("gateway")) as here:
        yield here


@pytest.mark.parametrize("name", QUICKEST)
def test_every_call_arrives_whole(running: Site, name: str) -> None:
    stack = stacks()[name]
    if stack.kind == "node" and shutil.which("npm") is None:
        lack = "no npm (on Debian: apt-get install npm)"
        if os.environ.get("CI") == "true":
            pytest.fail(lack)
        pytest.skip(lack)
    one = running.run(stack)
    assert complete(one), f"{COLUMNS}\n{row(one)}\n{one.printed}"
