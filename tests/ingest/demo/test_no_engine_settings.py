"""The demo shows the shipped engine: it neither reads nor sets anything that tunes it."""

from __future__ import annotations

import ast
from pathlib import Path

import ingest.demo

SOURCES = sorted(p for p in Path(ingest.demo.__file__).parent.glob("*.py") if p.name != "command.py")
"""All but what starts the servers; its settings are compared with the shipped ones in test_command.py."""
ALLOWED_ENVIRONMENT = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"}


def _imports(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return names


def test_the_demo_touches_no_setting_of_the_engine() -> None:
    assert len(SOURCES) > 10
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = _imports(tree)
        assert not {
            n
            for n in imported
            if n.startswith(("infra.settings", "detectors.engine", "detectors.watch", "ingest.gateway"))
        }
        strings = {
            n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)
        }
        assert not {s for s in strings if s.startswith("LIGHTSHIP_") or "lightship.toml" in s}, path.name
        environment = {s for s in strings if s.startswith("OTEL_")}
        assert environment <= ALLOWED_ENVIRONMENT, path.name
