"""Rules of this room that hold over its files."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest

import dashboard

ROOM = Path(dashboard.__file__).parent
FILES = sorted(ROOM.rglob("*.py"))
QUERIES = [path for path in FILES if path.parent.name == "queries" or path.stem.endswith("_query")]
OUTSIDE = [path for path in FILES if path not in QUERIES]
WITHOUT_TENANT = {"_PROGRESS", "_PARTITIONS", "_DISKS", "_HOLES", "_RUN"}  # what works for all tenants


def statements() -> list[tuple[str, str]]:
    found = []
    for path in QUERIES:
        place = ".".join(path.relative_to(ROOM.parent).with_suffix("").parts)
        names = vars(import_module(place))
        found += [(f"{path.stem}.{n}", v) for n, v in names.items() if isinstance(v, str) and "FROM " in v]
    return found


@pytest.mark.parametrize(("name", "sql"), [s for s in statements() if s[0].split(".")[1].startswith("_")])
def test_every_statement_names_its_tenant_caps_its_rows_and_reads_final_rows(name: str, sql: str) -> None:
    if name.split(".")[1] in WITHOUT_TENANT:
        return
    assert "{tenant:String}" in sql
    tables = sql.count("\nFROM ") + sql.count(" FROM ")
    assert tables
    # newest event times need no deduplication; everything that counts does
    for table in ("cells", "incidents", "incident_transitions", "notifications", "traces", "ledger"):
        assert f"FROM {table}\n" not in sql
    single_row = sql.lstrip().startswith("SELECT countIf") or "AS revisions" in sql or "declared" in sql
    assert "LIMIT" in sql or single_row


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda p: p.name)
def test_sql_stands_in_queries_alone(path: Path) -> None:
    texts = [
        node.value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert not [t for t in texts if "SELECT " in t or "INSERT INTO" in t]


PURE = [
    path
    for path in FILES
    if path.parent.name in {"charts", "estimates", "measures", "queries", "report", "tables"}
    or path.stem.endswith(("_chart", "_query", "_text"))
]


@pytest.mark.parametrize("path", PURE, ids=lambda p: p.name)
def test_what_is_pure_does_not_draw(path: Path) -> None:
    assert "import streamlit" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_text_never_takes_a_door_that_reads_html(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert "unsafe_allow_html" not in source
    assert "st.write(" not in source
    # the one rule of style is our own text
    assert source.count("st.html(") == (1 if path.name == "elements.py" else 0)


def test_the_browsers_side_writes_text_only() -> None:
    script = (ROOM / "shared" / "text_cards" / "cards.js").read_text(encoding="utf-8")
    for door in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        'setAttribute("on',
    ):
        assert door not in script
