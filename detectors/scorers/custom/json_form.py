"""A score of one's own by a JSON Schema: whether an output is not JSON of the form that was agreed on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import orjson

from detectors.record import Record
from detectors.scorers.protocol import Scores, ScoreSpec
from detectors.scorers.schema_fit import READ, fits

_NOTES = frozenset((
    "$schema", "$id", "$comment", "title", "description", "default", "examples", "format", "deprecated",
    "readOnly", "writeOnly",
))  # fmt: skip
"""Words that say nothing about whether a value fits."""
_FENCE = "```"


class JsonForm:
    """Implements `Scorer`: 1 for an output that is no JSON, alone or fenced, or does not fit the schema.

    Parameters
    ----------
    spec
        A flag.
    schema
        Read as far as `detectors.scorers.schema_fit` does.

    Raises
    ------
    ValueError
        If the schema has words that are not read, or the kind is another.
    """

    def __init__(self, spec: ScoreSpec, schema: Any) -> None:
        if spec.kind != "flag":
            raise ValueError(f"{spec.name}: a JSON Schema makes a flag, and the kind is {spec.kind!r}")
        if not isinstance(schema, Mapping):
            raise ValueError(f"{spec.name}: a JSON Schema is an object")
        for word in _words(schema):
            if word not in READ and word not in _NOTES:
                raise ValueError(
                    f"{spec.name}: {word!r} is not read in a schema; read are {', '.join(sorted(READ))}"
                )
        self.name = spec.name
        self.specs = (spec,)
        self.version = blake2b(json.dumps(schema, sort_keys=True).encode(), digest_size=6).hexdigest()
        self._schema = schema

    def score(self, records: Sequence[Record]) -> list[Scores]:
        """Values of each record."""
        return [
            {self.name: float(not self._is_of_form(record.output))} if record.output else {}
            for record in records
        ]

    def _is_of_form(self, output: str) -> bool:
        text = output.split(_FENCE, 2)[1].partition("\n")[2] if _FENCE in output else output
        try:
            value = orjson.loads(text.encode("utf-8", "replace"))
        except orjson.JSONDecodeError:
            return False
        return fits(value, self._schema)


def _words(schema: Any, depth: int = 0) -> Iterator[str]:
    """Words of a schema and of the schemas in it."""
    if not isinstance(schema, Mapping) or depth > 64:
        return
    for word, value in schema.items():
        yield word
        if word == "properties" and isinstance(value, Mapping):
            inner: list[Any] = list(value.values())
        elif word in ("anyOf", "oneOf", "allOf") and isinstance(value, list):
            inner = value
        else:
            inner = [value] if word in ("items", "additionalProperties") else []
        for one in inner:
            yield from _words(one, depth + 1)
