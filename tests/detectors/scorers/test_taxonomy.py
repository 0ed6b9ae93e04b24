"""The table of what scores measure."""

from __future__ import annotations

import pytest

from detectors.record import SIDES
from detectors.scorers import SPECS
from detectors.scorers.taxonomy import READS, place, places, version


@pytest.mark.parametrize("name", sorted(SPECS))
def test_every_score_has_a_place_and_reads_what_its_unit_has(name: str) -> None:
    found = place(name)
    assert found is not None, f"{name} is missing in taxonomy.toml"
    assert found.owasp or found.mlcommons or found.nist
    unit = SPECS[name].unit
    assert (found.reads == (unit,)) == (unit != "interaction")


def test_titles_stand_for_what_the_table_names() -> None:
    leak = place("system_prompt_leak")
    assert leak is not None
    assert leak.owasp == ("LLM07 System Prompt Leakage",)
    assert leak.nist == ("Information Security",)
    harm = place("harm")
    assert harm is not None
    assert "Sex-related Crimes" in harm.mlcommons
    assert place("judgement:helpful") is None
    assert version() >= 1


def test_all_rows_are_readable() -> None:
    assert len(places()) >= len(SPECS)
    assert set(SIDES) <= set(READS)
    assert {name for name, p in places().items() if p.cost != "stream"} == {"judge"}
    assert {name for name, p in places().items() if p.modalities == ("image",)} == {"image_unsafe", "images"}
