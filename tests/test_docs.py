"""The documentation says what the code does: commands, flags, keys, scores, paths, settings."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

import lightship
from alerts.incidents import codec
from alerts.notify import webhook
from alerts.notify.protocol import Delivery
from alerts.silences.plan import SilenceTable
from alerts.state.actions import ACTIONS
from detectors import finding, observation
from detectors.engine import snapshot
from detectors.finding import ALERT_KINDS, SEVERITIES, STATUSES, Finding
from detectors.scorers import SPECS
from infra.embedded.all_processes import WORKER_PORT
from infra.settings import Settings, of_tables
from infra.settings_page import VARIABLES
from infra.typed_table import build, overrides
from ingest import exit_code
from ingest.demo.report import FoundIncident
from ingest.demo.report import report as demo_report
from ingest.demo.schedule import build as demo_schedule
from ingest.gateway import app as gateway_app
from ingest.gateway.json_endpoints import PATHS
from ingest.gateway.refusal import ANSWERED
from ingest.operations.files.decode import decode_files
from ingest.operations.ledger.proof import PartitionAccount
from ingest.operations.ledger.proof import report as ledger_report
from tests.ingest.telemetry import chat, span, traces
from tests.test_formats import message

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    p.name: p.read_text(encoding="utf-8")
    for p in [
        *(ROOT / "docs").glob("*.md"),
        ROOT / "CONTRIBUTING.md",
        ROOT / "SECURITY.md",
        ROOT / "README.md",
    ]
}
DECISIONS = {p.name: p.read_text(encoding="utf-8") for p in (ROOT / "infra/decisions").glob("*.md")}
CONTRACTS = PAGES["contracts.md"]
DEFAULTS = Settings()


def section(heading: str, text: str = CONTRACTS) -> str:
    """The part of a page under a heading that begins so."""
    found = re.search(
        rf"^(#+) {re.escape(heading)}.*?$(.*?)(?=^#{{1,3}} |\Z)", text, re.MULTILINE | re.DOTALL
    )
    assert found is not None, heading
    return found[0]


def table(text: str) -> list[list[str]]:
    """Cells of the rows of the first table."""
    rows = [
        [c.strip() for c in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")
    ]
    return rows[2:]


def spans(text: str) -> list[str]:
    """Code spans."""
    return re.findall(r"`([^`\n]+)`", text)


def keys(text: str) -> list[str]:
    """Code spans of the first column of a table."""
    return [word for row in table(text) for word in spans(row[0])]


@cache
def commands() -> dict[str, Any]:
    """Every command by its words."""
    found: dict[str, Any] = {}
    todo = list(typer.main.get_command(lightship.app).commands.items())  # type: ignore[attr-defined]
    for name, command in todo:
        found[name] = command
        todo += [(f"{name} {inner}", c) for inner, c in getattr(command, "commands", {}).items()]
    return found


def options(command: str) -> set[str]:
    """Long options of a command."""
    return {o for p in commands()[command].params for o in [*p.opts, *p.secondary_opts] if o.startswith("--")}


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """Page and content of fenced blocks of a language."""
    for name, text in PAGES.items():
        for content in re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            yield name, content


def test_every_page_is_in_the_navigation() -> None:
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    listed = [page for entry in config["nav"] for page in entry.values()]
    assert sorted(listed) == sorted(p.name for p in (ROOT / "docs").glob("*.md"))


def test_the_list_of_commands_is_complete() -> None:
    listed = [word.removeprefix("lightship ") for word in keys(section("Commands"))]
    groups = {name.split()[0] for name in commands() if " " in name}
    assert sorted(listed) == sorted(set(commands()) - groups)


@pytest.mark.parametrize("name", [*PAGES, *DECISIONS])
def test_commands_that_are_named_exist(name: str) -> None:
    text = (PAGES | DECISIONS)[name]
    for line in [
        *spans(text),
        *(line for n, block in blocks("sh") for line in block.splitlines() if n == name),
    ]:
        for words in re.findall(r"(?<![\w/.-])lightship ([a-z].*)", line):
            first, *rest = re.split(r"[\s,…\[)]+", words)
            both = " ".join((first, *rest[:1]))
            command = both if both in commands() else first
            assert command in commands(), line
            used = {w.partition("=")[0] for w in rest if re.fullmatch(r"--[a-z-]+", w)}
            assert used <= options(command) | {"--help"}, line
        for package, name_ in re.findall(r"from ([\w.]+) import (\w+)", line):
            assert callable(getattr(import_module(package), name_)), line
        for module in re.findall(r"python -m ([\w.]+)", line):
            path = ROOT / module.replace(".", "/")
            assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), line


@pytest.mark.parametrize("command", ["decode", "score", "detect", "import", "demo", "ledger", "doctor"])
def test_every_flag_is_described_and_every_described_flag_exists(command: str) -> None:
    described = set(re.findall(r"--[a-z][a-z-]*", section(f"`lightship {command}")))
    assert described - options(command) == set()
    assert options(command) - described <= {"--config"}


def test_exit_codes_are_those_of_the_code() -> None:
    listed = re.findall(r"^\| (\d+) \|", section("Commands"), re.MULTILINE)
    codes = (lightship.OK, lightship.FAILED, exit_code.USAGE, exit_code.UNAVAILABLE, exit_code.DEFECT)
    assert listed == [str(code) for code in codes]


def test_a_line_of_decode_has_exactly_the_keys_described(tmp_path: Path) -> None:
    file = tmp_path / "a.binpb"
    file.write_bytes(traces(span(chat("is it open?", "It is."))).SerializeToString())
    (line,) = decode_files([file], raw=False).lines
    assert sorted(keys(section("`lightship decode"))) == sorted(line)


def test_a_finding_has_exactly_the_keys_described() -> None:
    text = section("Finding")
    assert sorted(keys(text)) == sorted(f.name for f in fields(Finding))
    assert " ".join(ALERT_KINDS) in text
    for word in (*STATUSES, *SEVERITIES):
        assert f"`{word}`" in text


def test_scores_are_those_of_the_registry() -> None:
    said: dict[str, tuple[str, str, str]] = {}
    for names, kind, unit, severity in table(section("Scores")):
        said |= {name: (kind, unit.split()[0], severity) for name in spans(names)}
    assert said == {name: (s.kind, s.unit, s.severity) for name, s in SPECS.items()}


def test_what_the_demonstration_prints_is_described() -> None:
    schedule = demo_schedule(1_795_500_000_000_000_000, tick_s=300)
    one = schedule.planted[0]
    entry = {"incident_id": "i", "service": one.service, "score": one.score, "slice": one.slice}
    found = FoundIncident.from_json(
        {**entry, "onset": None, "onset_low": None, "onset_high": None, "opened_at": None}
    )
    result = demo_report(
        schedule.planted, [found], tick_ns=schedule.tick_ns, count=lambda *_: 0, interactions=1, ledger=None
    )
    text = section("`lightship demo")
    named = {*result, *result["planted"][0], *result["found"][0], *result["false_alarms"][0]}
    assert [key for key in named if not re.search(rf"\b{key}\b", text)] == []


def test_what_the_ledger_prints_is_described() -> None:
    account = PartitionAccount("otlp_spans", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    result = ledger_report([account], [])
    text = section("`lightship ledger")
    assert [key for key in {*result, *result["partitions"][0]} if not re.search(rf"\b{key}\b", text)] == []


def test_paths_and_ports_are_those_that_answer() -> None:
    text = section("HTTP")
    for port in (DEFAULTS.gateway.port, WORKER_PORT, DEFAULTS.alerts.port):
        assert f"127.0.0.1:{port}" in text
    assert f"127.0.0.1:{DEFAULTS.gateway.grpc_port}" in text
    for path in (*gateway_app.SIGNALS, *PATHS, *gateway_app.PAGES):
        assert path in text or path.removeprefix("/api/public/otel") in text
    for reason in ANSWERED:
        assert str(reason.status) in text
    assert " ".join(ACTIONS) in text


def test_a_webhook_has_the_keys_described() -> None:
    text = section("Webhook")
    for key in json.loads(message()):
        assert f'"{key}"' in text
    assert webhook.SIGNATURE in text
    assert webhook.IDEMPOTENCY in text
    assert {f.name for f in fields(Delivery)} >= {"dedup_key", "kind", "incident_id", "brief"}


def test_versions_of_formats_are_those_of_the_code() -> None:
    said = {name: int(row[1]) for row in table(section("Formats")) for name in row[0].split(", ")}
    assert said == {
        "observation": observation.VERSION,
        "snapshot": snapshot.VERSION,
        "finding": finding.VERSION,
        "incident": codec.VERSION,
        "webhook": webhook.VERSION,
    }


@pytest.mark.parametrize(("name", "content"), list(blocks("toml")))
def test_examples_of_settings_can_be_used(name: str, content: str) -> None:
    tables = tomllib.loads(content)
    if "silence" in tables:  # a file of `lightship silences apply`
        given = [json.loads(json.dumps(one, default=str)) for one in tables.pop("silence")]
        assert all(build(SilenceTable, one, name).times() for one in given)
        assert tables == {}
        return
    assert of_tables(tables, {}) != Settings(), name


_EXPORTER = ROOT / "ingest/exporter/lightship_exporter/settings.py"
OF_OTHERS = {
    "LIGHTSHIP_EXPORTER_MEMORY_MIB": _EXPORTER,
    "LIGHTSHIP_EXPORTER_MESSAGE_MIB": _EXPORTER,
    "LIGHTSHIP_EXPORTER_TIMEOUT_S": _EXPORTER,
    "LIGHTSHIP_GATEWAY": ROOT / "infra/collector/gateway.yaml",
    "LIGHTSHIP_INGEST_KEY_FILE": ROOT / "infra/collector/gateway.yaml",
}
"""Variables of programs that do not read our settings."""


def test_every_variable_that_is_named_exists() -> None:
    environ: dict[str, str] = {}
    aliases = {variable for variable, _ in VARIABLES}
    for text in (PAGES | DECISIONS).values():
        for variable in re.findall(r"\bLIGHTSHIP_[A-Z_]+[A-Z]", text):
            if variable in OF_OTHERS:
                assert variable in OF_OTHERS[variable].read_text(encoding="utf-8")
            elif variable not in aliases and not variable.startswith("LIGHTSHIP_OBJECT"):
                environ[variable] = ""
    list(overrides(Settings, environ))  # refuses a name it does not know
    sections = {f"LIGHTSHIP_{name}_".upper() for name in Settings.__dataclass_fields__}
    assert all(variable.startswith(tuple(sections)) for variable in environ)


@cache
def known_files() -> frozenset[str]:
    """Names of files that a page may use without their folder."""
    ours = {p.name for folder in (ROOT, ROOT / "infra") for p in folder.iterdir()}
    modules = {p.name for room in ROOT.iterdir() if room.name[0] != "." for p in room.glob("**/*.py")}
    return frozenset(ours | modules | {"lightship.toml"})


@pytest.mark.parametrize("name", [*PAGES, *DECISIONS])
def test_files_that_are_named_exist(name: str) -> None:
    for word in spans((PAGES | DECISIONS)[name]):
        if re.fullmatch(r"(alerts|bench|dashboard|detectors|docs|infra|ingest|tests)/[\w./-]*", word):
            assert (ROOT / word).exists(), word
        elif re.fullmatch(r"[\w-]+\.(py|toml|yml|md|lock)", word) and name.endswith(".md"):
            assert word in known_files(), word


def test_links_lead_somewhere() -> None:
    for name, text in PAGES.items():
        folder = ROOT / "docs" if (ROOT / "docs" / name).exists() else ROOT
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
            assert "://" in target or (folder / target).exists(), f"{name}: {target}"


def test_every_attack_that_was_tried_names_a_test() -> None:
    rows = [
        r for part in re.split(r"^### ", PAGES["SECURITY.md"], flags=re.MULTILINE)[1:] for r in table(part)
    ]
    assert rows
    assert all("::" in test for _, _, test in rows)


def test_every_invariant_names_a_test() -> None:
    rows = table(PAGES["architecture.md"].partition("## Invariants")[2])
    assert len(rows) > 9
    assert all("::" in test for _, _, test in rows)


@pytest.mark.parametrize("page", ["SECURITY.md", "architecture.md"])
def test_tests_that_are_named_exist(page: str) -> None:
    for file, name in re.findall(r"`([\w/]+\.py)::(\w+)`", PAGES[page]):
        text = (ROOT / "tests" / file).read_text(encoding="utf-8")
        assert re.search(rf"^ *(async )?def {name}\(", text, re.MULTILINE), (file, name)
