"""Whether a stored configuration is the one stage 2 ran with, and which value of it was changed. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from infra.settings import Settings
from ingest.agents.detect.chain import digest_of
from ingest.agents.detect.run_config import RunConfig
from ingest.operations.verify.difference import Difference, shown

TABLE = "run_configs"


class WrongConfig(Exception):
    """A stored configuration is not the one its digest names."""

    def __init__(self, digest: str, column: str, expected: str, found: str, note: str = "") -> None:
        self.difference = Difference(TABLE, f"config {digest}", column, expected, found, note)
        super().__init__(self.difference.text())


def trusted(run: RunConfig | None, digest: str) -> RunConfig:
    """The configuration named ``digest``, if what is stored under it is it.

    Raises
    ------
    WrongConfig
        If it is missing or was changed.
    """
    if run is None:
        raise WrongConfig(digest, "", "a row", "none")
    found = digest_of(run.body.encode())
    if found != digest:
        changed = _changed(run.body, digest)
        if changed is not None:
            raise WrongConfig(digest, *changed, "with this value it has its digest")
        raise WrongConfig(digest, "body", digest, found, "digests of the body")
    try:
        run.settings()
        own = run.own_hash()
    except ValueError as error:
        raise WrongConfig(digest, "body", "a readable configuration", str(error)) from error
    if run.config_hash != own:
        raise WrongConfig(digest, "config_hash", own, run.config_hash)
    return run


def _changed(body: str, digest: str) -> tuple[str, str, str] | None:
    """The one value that, set back to what it is as shipped, gives the digest: key, expected, found."""
    try:
        facts = json.loads(body)
    except ValueError:
        return None
    shipped = json.loads(RunConfig.of(Settings()).body)
    for path in _leaves(shipped):
        *above, name = path
        inside, like = facts, shipped
        try:
            for key in above:
                inside, like = inside[key], like[key]
            found = inside.get(name)
        except (KeyError, AttributeError, TypeError):
            continue
        inside[name] = like[name]
        same = digest_of(json.dumps(facts, sort_keys=True).encode()) == digest
        inside[name] = found
        if same:
            return ".".join(path), shown(like[name]), shown(found)
    return None


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    else:
        yield path
