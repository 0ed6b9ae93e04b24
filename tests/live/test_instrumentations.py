"""Real instrumentations, each in a process of its own, through the real gateway to interactions."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ingest.demo.loopback import Loopback
from ingest.interaction import Interaction
from ingest.otlp.assembly.assemble import assemble_batch
from ingest.otlp.views import log_views, parse_logs, parse_traces, span_views
from tests.at_length import at_length
from tests.live.desk_provider import ANSWER, ARGUMENTS, STREAMED, DeskProvider
from tests.live.door import Door

pytestmark = pytest.mark.live

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PYTHON_APPS = {
    "genai": "opentelemetry.instrumentation.genai.openai",
    "openinference": "openinference.instrumentation.openai",
    "traceloop": "opentelemetry.instrumentation.openai",
    "langfuse": "langfuse",
    "litellm": "litellm",
}
MAIL = b"mara.quill@example.org"
ENOUGH_S = 240


@dataclass
class Site:
    """Where an application sends and whom it asks."""

    door: Door
    gateway: str
    provider: str

    def variables(self, service: str) -> dict[str, str]:
        """What the owner of an application sets."""
        kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR")}
        return kept | {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.gateway,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER": "otlp_http",
            "OTEL_SERVICE_NAME": service,
            "OTEL_RESOURCE_ATTRIBUTES": "service.version=2.4.0,deployment.environment.name=staging",
            "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
            "LANGFUSE_HOST": self.gateway,
            "LANGFUSE_BASE_URL": self.gateway,
            "LANGFUSE_PUBLIC_KEY": "pk-lf-live",
            "LANGFUSE_SECRET_KEY": "none",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "TRACELOOP_TELEMETRY": "false",
            "OPENAI_API_KEY": "none",
            "OPENAI_BASE_URL": f"{self.provider}/v1",
            "OPENAI_API_BASE": f"{self.provider}/v1",
        }

    def interactions(self, service: str) -> list[Interaction]:
        """What came of the service, assembled from the topics."""
        spans, logs = [], []
        for sent in self.door.producer.sent:
            assert MAIL not in sent.value
            if sent.topic == "otlp_spans":
                spans += span_views(parse_traces(sent.value))
            else:
                logs += log_views(parse_logs(sent.value))
        found = assemble_batch(spans, logs, redacted=True).interactions
        return [i for i in found if i.service == service]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    door = Door(tmp_path_factory.mktemp("gateway"))
    with Loopback(door) as gateway, Loopback(DeskProvider()) as provider:
        yield Site(door, gateway.url, provider.url)


def _kept(name: str, *inputs: Path) -> Path:
    """A folder that lasts as long as the inputs stay the same."""
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in inputs) + sys.version.encode()).hexdigest()[:12]
    return ROOT / ".pytest_cache" / f"live-{name}-{digest}"


def _run(*argv: str | Path, **options: Any) -> None:
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=ENOUGH_S, check=False, **options
    )  # fmt: skip
    assert done.returncode == 0, f"{argv}: {done.stdout[-2000:]}{done.stderr[-4000:]}"


@pytest.fixture(scope="module")
def python() -> Path:
    """The interpreter of an environment with the applications' own packages."""
    wanted = HERE / "apps" / "requirements.txt"
    folder = _kept("python", wanted)
    interpreter = folder / "bin" / "python"
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _run(sys.executable, "-m", "venv", folder)
        uncompiled = {**os.environ, "PIP_NO_COMPILE": "1"}
        install = ROOT / "infra" / "install.sh"
        _run("sh", install, interpreter, "--require-hashes", "-r", wanted, env=uncompiled)
        (folder / "ready").touch()
    return interpreter


@pytest.fixture(scope="module")
def node_app() -> Path:
    """The JavaScript application with its packages beside it."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        lack = "no Node.js (20 or later) with npm: the JavaScript application is left out"
        pytest.fail(lack) if os.environ.get("CI") == "true" else pytest.skip(lack)
    source = HERE / "javascript"
    folder = _kept("javascript", source / "package.json", source / "package-lock.json")
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("node_modules"))
        _run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)
        (folder / "ready").touch()
    shutil.copy(source / "desk.mjs", folder)
    return folder / "desk.mjs"


def _check_calls(calls: list[Interaction], *, errors: int) -> None:
    assert len(calls) == 3 + errors
    chat, stream, tools = calls[:3]
    for call in calls:
        assert call.system_prompt == "You are the desk clerk of Fogpoint Harbour. Be brief."
        assert call.operation == "chat"
        assert call.redactions is not None
    assert chat.input_text is not None
    assert chat.input_text.startswith("Hello, I am Mara Quill ([email:")
    assert (chat.output_text, stream.output_text) == (ANSWER, STREAMED)
    assert stream.input_text == "Bonjour, quand le phare est-il allumé ?"
    assert [(c.name, c.arguments) for c in tools.tool_calls] == [("get_weather", ARGUMENTS)]
    assert tools.output_text is None
    assert (chat.input_tokens, chat.output_tokens) == (64, 23)
    for failed in calls[3:]:
        assert failed.error is not None
        assert failed.error.http_status == 429
        assert failed.output_text is None


@pytest.mark.parametrize("name", at_length(PYTHON_APPS, 2))
def test_python(site: Site, python: Path, name: str) -> None:
    service = f"live-{name}"
    _run(python, HERE / "apps" / "desk.py", PYTHON_APPS[name], env=site.variables(service))
    calls = site.interactions(service)
    _check_calls(calls, errors=1)
    chat, stream, tools, failed = calls
    if name == "langfuse":  # it names neither provider nor finish reason
        assert {c.provider for c in calls} == {None}
        assert (chat.response_model or "").startswith("gpt-4o-mini-")
        return
    assert {c.provider for c in calls} == {"openai"}
    assert {c.request_model for c in calls} == {"gpt-4o-mini"}
    assert [c.finish_reasons for c in calls] == [("stop",), ("stop",), ("tool_call",), ()]
    assert {c.environment for c in calls} == {"staging"}
    assert failed.error is not None
    assert (failed.error.type or "").endswith("RateLimitError")
    assert stream.input_tokens == 40
    assert tools.tool_definitions


@pytest.mark.long
def test_javascript(site: Site, node_app: Path) -> None:
    _run("node", node_app, env=site.variables("live-javascript"), cwd=node_app.parent)
    calls = site.interactions("live-javascript")
    _check_calls(calls, errors=0)
    assert {c.provider for c in calls} == {"openai"}
    assert [c.finish_reasons for c in calls][::2] == [("stop",), ("tool_call",)]
