"""The Collector configurations of the docs, run by a real Collector: everything sent to it arrives."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from infra.embedded.pair import broker_spec, kafka_address
from infra.embedded.ports import spare, spares
from infra.embedded.supervisor import Supervisor
from infra.kafka import LOGS, LOGS_IN, SPANS, SPANS_IN, Topic, create_topics
from infra.settings import KafkaSettings
from ingest.operations.ledger.topic_ends import log_begins
from ingest.otlp.views import log_views, parse_logs, parse_traces, span_views
from tests.collector_programs import CONFIGURATIONS, Programs, missing, programs
from tests.conftest import ROOT
from tests.integration.test_kafka_security import PASSWORD, Fortress, fortress
from tests.integration.test_relay import PARTITIONS, read_all, relay
from tests.running import BACK_OFF, wait
from tests.sending import App, Delivery

pytestmark = [pytest.mark.collector, pytest.mark.timeout(900), pytest.mark.usefixtures("refused_connections")]

__all__ = ["fortress"]

CALLS = 300
TRACES, CHILDREN = 150, 2
KEY = "collector-0123456789abcdef"
TOKEN = "applications-0123456789abcdef"
BEARER = f"Bearer {TOKEN}"
NOW_NS = 1_795_500_100_000_000_000


@pytest.fixture(scope="module", name="built")
def built_programs() -> Programs:
    lack = missing()
    if lack is not None:
        pytest.skip(lack)
    return programs()


@pytest.fixture(name="bootstrap")
def a_broker(tmp_path: Path) -> Iterator[str]:
    """A broker of the test's own, with all topics."""
    home = tmp_path / "broker-home"
    spec = broker_spec(home, spare())
    with Supervisor(home, [spec], out=None, back_off=BACK_OFF):
        create_topics(KafkaSettings(bootstrap=kafka_address(spec), partitions=PARTITIONS))
        yield kafka_address(spec)


class Collector:
    """A Collector process over a configuration (files with ``+`` between); its storage survives it."""

    def __init__(self, program: Path, config: str, home: Path, **variables: str) -> None:
        self._http, self._grpc = spares(2)
        home.mkdir(parents=True, exist_ok=True)
        quiet = home / "quiet.yaml"  # its own metrics would want a port of everybody's
        quiet.write_text("service: {telemetry: {metrics: {level: none}}}\n")
        tokens = home / "tokens"
        tokens.write_text(TOKEN)
        files = [*(CONFIGURATIONS / name for name in config.split("+")), quiet]
        self._command = [str(program), *(f"--config={file}" for file in files)]
        self._log = home / "collector.log"
        self._environment = {
            "COLLECTOR_HTTP": f"127.0.0.1:{self._http}",
            "COLLECTOR_GRPC": f"127.0.0.1:{self._grpc}",
            "COLLECTOR_STORAGE": str(home / "storage"),
            "COLLECTOR_TOKENS_FILE": str(tokens),
            **variables,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its OTLP/HTTP door."""
        return f"http://127.0.0.1:{self._http}"

    def start(self) -> None:
        """Start it and wait until it takes telemetry."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, env=self._environment, stderr=log, stdout=log)
        headers = {"content-type": "application/x-protobuf", "authorization": BEARER}
        wait(
            "the Collector listens",
            lambda: self._alive() and httpx.post(f"{self.url}/v1/traces", headers=headers).is_success,
            60,
        )
        del headers["authorization"]
        assert httpx.post(f"{self.url}/v1/traces", headers=headers).status_code == 401

    def _alive(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()[-3000:]
        return True

    def kill(self) -> None:
        """``kill -9``."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """SIGTERM, and wait."""
        assert self._process is not None
        self._process.terminate()
        assert self._process.wait(60) == 0, self._log.read_text()[-3000:]

    def generate(self, program: Path, marker: str, *, http: bool) -> None:
        """Traces of telemetrygen, over gRPC or HTTP."""
        words = [
            "traces",
            "--otlp-insecure",
            f"--otlp-endpoint=127.0.0.1:{self._http if http else self._grpc}",
            f'--otlp-header=authorization="{BEARER}"',
            f"--traces={TRACES}",
            f"--child-spans={CHILDREN}",
            "--rate=0",
            f'--telemetry-attributes=test.run="{marker}"',
            *(["--otlp-http"] if http else []),
        ]
        ended = subprocess.run(
            [str(program), *words], capture_output=True, text=True, timeout=120, check=False
        )
        assert ended.returncode == 0, ended.stderr[-2000:]


def send(collector: Collector, seed: int) -> tuple[set[str], int]:
    """Calls of two applications on the OpenTelemetry SDK; span ids, and how many log records."""
    plain, logged = App("harbour-chat", seed), App("harbour-logs", seed + 1, logged=True)
    for number in range(CALLS):
        (plain, logged)[number % 2].chat(NOW_NS + number * 1_000_000_000, "en")
    delivery = Delivery(collector.url, "live", {"authorization": BEARER})
    delivery.deliver(plain, logged)
    delivery.close()
    return {call.span_id for app in (plain, logged) for call in app.calls}, delivery.logs


def on_topics(bootstrap: str, marker: str) -> tuple[Counter[str], Counter[str], int]:
    """Span ids of our applications and of telemetrygen on the raw topic, and log records."""
    ours: Counter[str] = Counter()
    generated: Counter[str] = Counter()
    for _, value, _ in read_all(bootstrap, SPANS.name, PARTITIONS):
        for view in span_views(parse_traces(value)):
            if str(view.resource.get("service.name", "")).startswith("harbour-"):
                ours[view.span_id] += 1
            elif view.attributes.get("test.run") == marker:
                generated[view.span_id] += 1
    logs = sum(
        len(log_views(parse_logs(value))) for _, value, _ in read_all(bootstrap, LOGS.name, PARTITIONS)
    )
    return ours, generated, logs


@contextlib.contextmanager
def gateway(bootstrap: str, home: Path, port: int | None = None) -> Iterator[str]:
    """A gateway that asks for the Collector's key."""
    home.mkdir(parents=True)
    (home / "keys.txt").write_text(f"default {hashlib.sha256(KEY.encode()).hexdigest()}\n")
    port = port or spare()
    words = ["--port", str(port), "--grpc-port", "0", "--kafka", bootstrap, "--partitions", str(PARTITIONS)]
    command = [sys.executable, "-m", "ingest.gateway", *words, "--key-file", str(home / "keys.txt")]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("LIGHTSHIP_")}
    with subprocess.Popen(command, cwd=ROOT, env={**environment, "LIGHTSHIP_HOME": str(home)}) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            wait("the gateway is ready", lambda: httpx.get(f"{url}/readyz").is_success, 60)
            yield url
        finally:
            process.terminate()


def key_file(folder: Path) -> str:
    path = folder / "collector_key"
    path.write_text(KEY)
    return str(path)


def test_through_the_gateway_everything_arrives_once(built: Programs, bootstrap: str, tmp_path: Path) -> None:
    marker = uuid.uuid4().hex
    with gateway(bootstrap, tmp_path / "home") as url:
        collector = Collector(
            built.collector,
            "gateway.yaml",
            tmp_path / "collector",
            LIGHTSHIP_GATEWAY=url,
            LIGHTSHIP_INGEST_KEY_FILE=key_file(tmp_path),
        )
        collector.start()
        wanted, logs = send(collector, 5)
        collector.generate(built.telemetrygen, marker, http=False)
        collector.generate(built.telemetrygen, marker, http=True)
        wait_for(bootstrap, marker, wanted, 2, logs)
        collector.stop()
    once(bootstrap, marker, wanted, logs)


def test_through_kafka_and_the_relay_everything_arrives_once(
    built: Programs, bootstrap: str, tmp_path: Path
) -> None:
    marker = uuid.uuid4().hex
    with relay(bootstrap, tmp_path / "home"):
        collector = Collector(
            built.collector, "kafka.yaml", tmp_path / "collector", LIGHTSHIP_KAFKA=bootstrap
        )
        collector.start()
        wanted, logs = send(collector, 7)
        collector.generate(built.telemetrygen, marker, http=False)
        collector.generate(built.telemetrygen, marker, http=True)
        wait_for(bootstrap, marker, wanted, 2, logs)
        collector.stop()
        once(bootstrap, marker, wanted, logs)


def test_it_logs_in_to_a_kafka_with_accounts(built: Programs, fortress: Fortress, tmp_path: Path) -> None:
    create_topics(fortress.sasl, (SPANS_IN, LOGS_IN))
    password = tmp_path / "password"
    password.write_text(PASSWORD, encoding="utf-8")
    collector = Collector(
        built.collector,
        "kafka.yaml+kafka_account.yaml",
        tmp_path / "collector",
        LIGHTSHIP_KAFKA=fortress.sasl.bootstrap,
        LIGHTSHIP_KAFKA_CA_FILE=fortress.sasl.ca_file,
        LIGHTSHIP_KAFKA_USER=fortress.sasl.user,
        LIGHTSHIP_KAFKA_PASSWORD_FILE=str(password),
    )
    collector.start()
    try:
        send(collector, 11)
        wait("both topics have records", lambda: _have_records(fortress.sasl, SPANS_IN, LOGS_IN), 60)
    finally:
        collector.stop()


def _have_records(settings: KafkaSettings, *topics: Topic) -> bool:
    places = [(t.name, p) for t in topics for p in range(settings.partitions)]
    return {name for name, _ in log_begins(settings, places, 1.0)} == {t.name for t in topics}


def test_what_a_collector_has_taken_survives_its_death(
    built: Programs, bootstrap: str, tmp_path: Path
) -> None:
    """Killed with the gateway away, so that everything lies in its queue."""
    port = spare()
    collector = Collector(
        built.collector,
        "gateway.yaml",
        tmp_path / "collector",
        LIGHTSHIP_GATEWAY=f"http://127.0.0.1:{port}",
        LIGHTSHIP_INGEST_KEY_FILE=key_file(tmp_path),
    )
    collector.start()
    wanted, logs = send(collector, 9)
    collector.kill()
    with gateway(bootstrap, tmp_path / "home", port):
        collector.start()
        wait_for(bootstrap, "", wanted, 0, logs)
        collector.stop()


def test_others_get_the_same_and_one_that_is_away_delays_nobody(
    built: Programs, bootstrap: str, tmp_path: Path
) -> None:
    marker = uuid.uuid4().hex
    with gateway(bootstrap, tmp_path / "home") as url, vendor() as (address, taken):
        collector = Collector(
            built.collector,
            "fan_out.yaml",
            tmp_path / "collector",
            LIGHTSHIP_GATEWAY=url,
            LIGHTSHIP_INGEST_KEY_FILE=key_file(tmp_path),
            LANGFUSE_HOST=f"{address}/langfuse",
            LANGFUSE_AUTH="cHVibGljOnNlY3JldA==",
            PHOENIX_COLLECTOR_ENDPOINT=f"{address}/phoenix",
            DATADOG_AGENT_OTLP="http://127.0.0.1:9",
        )
        collector.start()
        wanted, logs = send(collector, 11)
        wait_for(bootstrap, marker, wanted, 0, logs)
        paths = ("/langfuse/api/public/otel/v1/traces", "/phoenix/v1/traces")
        wait("all have everything", lambda: all(taken.get(path, set()) >= wanted for path in paths), 30)
        assert set(taken) == set(paths)
        collector.kill()


@contextlib.contextmanager
def vendor() -> Iterator[tuple[str, Mapping[str, set[str]]]]:
    """Somebody else's receiver: span ids by path."""
    taken: dict[str, set[str]] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            ids = {view.span_id for view in span_views(parse_traces(body))}
            taken.setdefault(self.path, set()).update(ids)
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", taken
        server.shutdown()


def wait_for(bootstrap: str, marker: str, wanted: set[str], runs: int, logs: int) -> None:
    """Until everything that was sent is on the raw topics."""
    due = (len(wanted), runs * TRACES * (CHILDREN + 1), logs)
    deadline = time.monotonic() + 120
    while True:
        ours, theirs, records = on_topics(bootstrap, marker)
        have = (len(wanted & set(ours)), len(theirs), records)
        if all(n >= m for n, m in zip(have, due, strict=True)):
            return
        assert time.monotonic() < deadline, f"{have} of {due} are there"
        time.sleep(0.5)


def once(bootstrap: str, marker: str, wanted: set[str], logs: int) -> None:
    """Nothing of it came twice."""
    time.sleep(1.0)
    ours, generated, records = on_topics(bootstrap, marker)
    assert ours == Counter(wanted)
    assert set(generated.values()) == {1}
    assert records == logs
