"""The stacks that are quickest to install: what ``lightship env`` prints makes every call arrive."""

from __future__ import annotations

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
        pytest.skip("no Node.js")
    one = running.run(stack)
    assert complete(one), f"{COLUMNS}\n{row(one)}\n{one.printed}"
