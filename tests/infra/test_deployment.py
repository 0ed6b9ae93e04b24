"""The deployment files say what the code says: commands, flags, ports, variables, paths, secrets, health."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import threading
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest
import typer
import yaml

import lightship
from infra import healthcheck
from infra.embedded.all_processes import FLEET_PORT, JUDGE_PORT, RELAY_PORT, WORKER_PORT, whole
from infra.embedded.child_spec import ChildSpec
from infra.kafka import LOGS_IN, MAX_MESSAGE_BYTES, SPANS_IN
from infra.settings import KafkaSettings, Settings, StoreSettings, load
from infra.settings_page import VARIABLES
from infra.typed_table import overrides
from ingest.gateway import serve
from ingest.gateway.refusal import Refused
from ingest.judge.setup import benches
from tests.at_length import at_length

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
COLLECTORS: dict[str, dict[str, Any]] = {
    name: yaml.safe_load(
        re.sub(
            r"\$\{env:\w+:-([^}]*)\}",
            r"\1",
            (ROOT / f"infra/collector/{name}.yaml").read_text(encoding="utf-8"),
        )
    )
    for name in ("gateway", "kafka", "fan_out")
}
"""The Collector's configurations where no variable is set."""
COLLECTOR = COLLECTORS["gateway"]
DOCKERFILE = re.sub(r"\\\n", " ", (ROOT / "infra/Dockerfile").read_text(encoding="utf-8")).splitlines()
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: s for name, s in SERVICES.items() if s["image"].startswith("lightship:")}
KAFKA = dict(
    line.split("=", 1)
    for line in re.sub(
        r"\\\n\s*", "", (ROOT / "infra/compose/kafka.properties").read_text(encoding="utf-8")
    ).splitlines()
    if line and not line.startswith("#")
)
"""The broker's properties."""
DEFAULTS = Settings()
PORTS = {
    "gateway": DEFAULTS.gateway.port,
    "relay": RELAY_PORT,
    "worker": WORKER_PORT,
    "fleet": FLEET_PORT,
    "alerts": DEFAULTS.alerts.port,
    "dashboard": DEFAULTS.dashboard.port,
    "judge": JUDGE_PORT,
}
JUDGE = ROOT / "infra/judge.toml"
"""Settings of the judge, which runs in a profile of its own."""
THEIRS = ("judge_key",)
"""Secrets that others give out: nobody can make them up."""
LOOPBACK = "127.0.0.1"
SECRETS = "/run/secrets/"


def instructions(word: str) -> list[str]:
    return [line.removeprefix(f"{word} ") for line in DOCKERFILE if line.startswith(f"{word} ")]


@cache
def help_of(module: str) -> str:
    """What ``python -m module --help`` prints."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", module, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def check_command(words: list[str]) -> None:
    """The program is there and knows every flag it is given."""
    if words[0] == "lightship":
        assert words[1] in typer.main.get_command(lightship.app).commands  # type: ignore[attr-defined]
        return
    assert words[1] == "-m"
    module, flags = words[2], [word for word in words[3:] if word.startswith("--")]
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.submodule_search_locations is None or importlib.util.find_spec(f"{module}.__main__")
    for flag in flags:
        assert re.search(rf"{flag}\b", help_of(module))


def test_compose_is_what_the_specification_allows() -> None:
    package = importlib.util.find_spec("check_jsonschema")
    assert package is not None
    assert package.submodule_search_locations is not None
    folder = Path(package.submodule_search_locations[0])
    schema = json.loads((folder / "builtin_schemas/vendor/compose-spec.json").read_text(encoding="utf-8"))
    validator = jsonschema.validators.validator_for(schema)(schema)
    validator.validate(COMPOSE)
    with pytest.raises(jsonschema.ValidationError, match="restrt"):
        validator.validate({"services": {"setup": {"restrt": "no"}}})


@pytest.mark.parametrize("name", at_length(OURS, 3))
def test_a_service_runs_a_program_that_knows_its_flags(name: str) -> None:
    check_command(OURS[name]["command"])


def embedded(tmp_path: Path) -> tuple[ChildSpec, ...]:
    """What one process starts, with a judge as compose has it."""
    return whole(replace(load(JUDGE, environ={}), home=tmp_path)).specs


@pytest.mark.long
def test_what_up_starts_are_programs_that_know_their_flags(tmp_path: Path) -> None:
    specs = embedded(tmp_path)
    names = [
        "broker",
        "store",
        "setup",
        "gateway",
        "relay",
        "worker",
        "fleet",
        "alerts",
        "judge",
        "dashboard",
    ]
    assert [s.name for s in specs] == names
    for spec in specs:
        check_command(list(spec.argv))


def test_the_embedded_broker_keeps_what_the_settings_say(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, kafka=KafkaSettings(retention_hours=5))
    argv = list(whole(settings).specs[0].argv)
    kept = dict(argv[i + 1].split("=") for i, word in enumerate(argv) if word == "--retain")
    assert (kept["otlp_spans"], kept["observations"], kept["otlp_spans_in"]) == ("5", "168", "0.75")
    assert not {"incidents", "settings", "actions"} & set(kept)


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting_and_works(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir("/")
    environ: Mapping[str, str] = OURS[name]["environment"]
    known = {variable for variable, _ in VARIABLES} | {
        f"LIGHTSHIP_{section}_{key}".upper() for section, key, _ in overrides(Settings, environ)
    }
    assert set(environ) <= known
    settings = load(environ=environ)
    assert f"CLIENT://{settings.kafka.bootstrap}" in KAFKA["advertised.listeners"].split(",")
    assert f'user_{settings.kafka.user}="' in KAFKA["listener.name.client.plain.sasl.jaas.config"]
    assert settings.kafka.mechanism in KAFKA["sasl.enabled.mechanisms"].split(",")
    assert settings.kafka.password_file.removeprefix(SECRETS) in OURS[name]["secrets"]
    assert settings.kafka.idempotent
    store = urlsplit(settings.store.url)
    assert store.password is None
    accounts = ET.parse(ROOT / "infra/compose/clickhouse_users.xml").find("users")  # noqa: S314 - our own file
    assert [one.tag for one in accounts or () if "remove" not in one.attrib] == [store.username]
    assert f"http://localhost:{store.port}/ping" in SERVICES[str(store.hostname)]["healthcheck"]["test"]
    assert str(settings.home) in [volume.partition(":")[2] for volume in OURS[name]["volumes"]]


def test_the_broker_takes_what_topics_take() -> None:
    assert int(KAFKA["message.max.bytes"]) >= MAX_MESSAGE_BYTES
    assert KAFKA["auto.create.topics.enable"] == "false"


@pytest.mark.parametrize("name", PORTS)
def test_health_is_asked_where_the_room_answers(name: str, tmp_path: Path) -> None:
    ready = {spec.name: spec.ready for spec in embedded(tmp_path)}[name]
    words = OURS[name]["healthcheck"]["test"]
    assert words[:4] == ["CMD", "python", "-m", "infra.healthcheck"]
    url = urlsplit(words[4])
    assert (url.scheme, url.hostname, url.port) == ("http", LOOPBACK, PORTS[name])
    assert isinstance(ready, str)
    assert url.path == urlsplit(ready).path


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_loopback_alone(name: str) -> None:
    for published in SERVICES[name].get("ports", []):
        host, _, inside = published.split(":")
        assert host == LOOPBACK
        if name == "gateway":
            assert int(inside) in (PORTS[name], DEFAULTS.gateway.grpc_port)
        elif name in PORTS:
            assert int(inside) == PORTS[name]
        else:
            endpoints = [p["endpoint"] for p in COLLECTOR["receivers"]["otlp"]["protocols"].values()]
            assert f"0.0.0.0:{inside}" in endpoints


def test_rooms_listen_where_others_reach_them() -> None:
    everywhere = "0.0.0.0"  # noqa: S104 - inside a container
    command = OURS["gateway"]["command"]
    assert command[command.index("--host") + 1] == everywhere
    alerts, dashboard = (load(environ=OURS[name]["environment"]) for name in ("alerts", "dashboard"))
    assert (alerts.alerts.host, dashboard.dashboard.host) == (everywhere, everywhere)
    assert dashboard.alerts.host == "alerts"
    assert alerts.dashboard.host == "localhost"


def test_the_gateway_starts_with_the_keys_it_is_given(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    command = OURS["gateway"]["command"][3:]
    words = [word.replace(SECRETS, f"{tmp_path}/secrets/") for word in command]
    settings, keys = serve.parse(words)
    assert settings.gateway.port == PORTS["gateway"]
    key = (tmp_path / "secrets/collector_key").read_bytes()
    assert len(key) == 48
    assert keys.sender({b"authorization": b"Bearer " + key}).tenant == "default"
    with pytest.raises(Refused):
        keys.sender({b"authorization": b"Bearer " + key[1:]})


def make_secrets(folder: Path) -> None:
    """Do what the head of the file tells people to do, short of starting."""
    head = (ROOT / "docker-compose.yml").read_text(encoding="utf-8").partition("\nname:")[0]
    script = [line.removeprefix("#   ") for line in head.splitlines() if line.startswith("#   ")]
    assert script == ["sh infra/compose/make_secrets.sh", "docker compose up -d --wait"]
    subprocess.run(["sh", str(ROOT / "infra/compose/make_secrets.sh")], cwd=folder, check=True)  # noqa: S607


def test_every_secret_that_is_used_is_given_and_made(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    for secret, where in COMPOSE["secrets"].items():
        if secret not in THEIRS:
            assert (tmp_path / where["file"]).stat().st_size > 16
        assert where["file"] == f"./secrets/{secret}"
    texts = {name: json.dumps(service) for name, service in SERVICES.items()}
    texts["collector"] += json.dumps(COLLECTOR)
    texts["judge"] += JUDGE.read_text(encoding="utf-8")
    texts["kafka"] += "".join(
        SECRETS + name for name in re.findall(rf"{SECRETS[:-1]}:(\w+)}}", json.dumps(KAFKA))
    )
    for name, text in texts.items():
        used = set(re.findall(rf"{SECRETS}(\w+)", text))
        given = {one for one in SERVICES[name].get("secrets", []) if isinstance(one, str)}
        optional = {"clickhouse_password"} if name in ("gateway", "relay") else set()  # they do not read it
        assert used - optional == given


def test_the_judge_waits_for_its_profile_and_can_work_as_it_stands() -> None:
    service = OURS["judge"]
    assert (
        [name for name, other in SERVICES.items() if "profiles" in other] == service["profiles"] == ["judge"]
    )
    assert not any("judge" in other.get("depends_on", {}) for other in SERVICES.values())
    target = service["command"][service["command"].index("--config") + 1]
    assert f"./{JUDGE.relative_to(ROOT)}:{target}:ro" in service["volumes"]
    (bench,) = benches(load(JUDGE, environ=service["environment"]))  # it is known what its model costs
    assert bench.settings.key_file.removeprefix(SECRETS) in service["secrets"]


@pytest.mark.parametrize("name", SERVICES)
def test_volumes_are_declared_and_files_are_there(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source = volume.partition(":")[0]
        assert (ROOT / source).is_file() if source.startswith(".") else source in COMPOSE["volumes"]


@pytest.mark.parametrize("name", SERVICES)
def test_services_wait_for_what_can_come_true(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        if how["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        else:
            assert how["condition"] == "service_completed_successfully"
            assert SERVICES[other]["restart"] == "no"


@pytest.mark.parametrize("name", PORTS)
def test_a_stop_is_waited_for_as_long_as_the_supervisor_waits(name: str, tmp_path: Path) -> None:
    grace_s = {spec.name: spec.grace_s for spec in embedded(tmp_path)}[name]
    assert float(OURS[name]["stop_grace_period"].removesuffix("s")) >= grace_s


def test_the_image_holds_every_package_and_only_files_that_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = {p.rstrip("*") for p in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    sources = {s for copy in instructions("COPY") if "--from" not in copy for s in copy.split()[:-1]}
    assert all((ROOT / source).exists() for source in sources)
    modules = {f"{m}.py" for m in project["tool"]["setuptools"]["py-modules"]}
    needed = {project["project"]["readme"], *project["project"]["license-files"], "pyproject.toml"}
    assert packages | modules | needed <= sources
    ignore = (ROOT / "infra/Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert sources == {line.removeprefix("!") for line in ignore if line.startswith("!")}


def test_the_image_runs_as_the_user_compose_names() -> None:
    (user,) = instructions("USER")
    assert user == OURS["gateway"]["user"]
    assert user.split(":")[0] in instructions("RUN")[-1]
    assert DOCKERFILE.index(f"USER {user}") > max(i for i, x in enumerate(DOCKERFILE) if x.startswith("RUN"))
    home = next(w for w in instructions("ENV")[0].split() if w.startswith("LIGHTSHIP_HOME=")).partition("=")[
        2
    ]
    assert home == OURS["gateway"]["environment"]["LIGHTSHIP_HOME"] == instructions("WORKDIR")[-1]
    assert home in instructions("RUN")[-1]


def test_the_image_has_a_python_we_support_and_the_ports_we_use() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    low, high = (tuple(map(int, x.split("."))) for x in re.findall(r"3\.\d+", project["requires-python"]))
    for image in instructions("FROM"):
        version = tuple(map(int, re.findall(r"python:(3\.\d+)", image)[0].split(".")))
        assert low <= version < high
    ports = {*PORTS.values(), DEFAULTS.gateway.grpc_port}
    assert set(map(int, instructions("EXPOSE")[0].split())) == ports
    assert OURS["gateway"]["image"].endswith(f":{project['version']}")


@pytest.mark.parametrize("name", COLLECTORS)
def test_a_collector_is_wired_completely_and_keeps_what_it_has_taken(name: str) -> None:
    config = COLLECTORS[name]
    service = config["service"]
    assert set(config) == {"extensions", "receivers", "processors", "exporters", "service"}
    for kind in ("receivers", "processors", "exporters"):
        used = {name for pipeline in service["pipelines"].values() for name in pipeline[kind]}
        assert used == set(config[kind])
    assert service["extensions"] == list(config["extensions"])
    assert {"traces", "logs"} == set(service["pipelines"])
    for pipeline in service["pipelines"].values():
        assert pipeline["processors"][0] == "memory_limiter"
    for exporter in config["exporters"].values():
        assert exporter["sending_queue"]["storage"] in service["extensions"]
        assert exporter["sending_queue"]["batch"]["sizer"] == "bytes"


@pytest.mark.parametrize("name", ["gateway", "fan_out"])
def test_a_collector_sends_to_the_gateway_for_as_long_as_it_takes(name: str) -> None:
    exporter = COLLECTORS[name]["exporters"]["otlp_http/lightship"]
    endpoint = urlsplit(exporter["endpoint"])
    assert (endpoint.hostname, endpoint.port) == ("gateway", PORTS["gateway"])
    assert exporter["auth"]["authenticator"] in COLLECTORS[name]["service"]["extensions"]
    assert exporter["retry_on_failure"]["max_elapsed_time"] == "0s"


def test_a_collector_writes_to_the_open_topics_what_they_take() -> None:
    exporter = COLLECTORS["kafka"]["exporters"]["kafka"]
    assert exporter["traces"] == {"topic": SPANS_IN.name, "encoding": "otlp_proto"}
    assert exporter["logs"] == {"topic": LOGS_IN.name, "encoding": "otlp_proto"}
    assert exporter["producer"]["required_acks"] == "all"
    assert 8 << 20 <= exporter["producer"]["max_message_bytes"] <= MAX_MESSAGE_BYTES
    assert exporter["sending_queue"]["batch"]["max_size"] <= exporter["producer"]["max_message_bytes"] // 2
    assert exporter["brokers"] == [OURS["relay"]["environment"]["LIGHTSHIP_KAFKA"]]
    assert exporter["retry_on_failure"]["max_elapsed_time"] == "0s"


def test_compose_starts_the_collector_that_was_tried() -> None:
    mount = SERVICES["collector"]["volumes"][0].split(":")
    assert (ROOT / mount[0]) == ROOT / "infra/collector/gateway.yaml"
    assert SERVICES["collector"]["command"] == [f"--config={mount[1]}"]
    built = yaml.safe_load((ROOT / "infra/collector/builder.yaml").read_text(encoding="utf-8"))
    assert SERVICES["collector"]["image"].endswith(f":{built['dist']['version']}")


@pytest.fixture
def answering() -> Iterator[str]:
    """A server that answers with the code in the path."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(int(self.path[1:]))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{LOOPBACK}:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(("status", "code"), [(200, 0), (204, 1), (503, 1), (404, 1)])
def test_only_200_is_healthy(answering: str, status: int, code: int) -> None:
    assert healthcheck.main([f"{answering}/{status}"]) == code


@pytest.mark.parametrize(
    ("words", "code"),
    [([], 2), (["file:///etc/passwd"], 2), (["http://127.0.0.1:1/", "x"], 2), (["http://127.0.0.1:1/"], 1)],
)
def test_what_cannot_be_asked_is_not_healthy(words: list[str], code: int) -> None:
    assert healthcheck.main(words) == code


def test_an_address_of_ones_own_replaces_the_embedded_server(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path, kafka=KafkaSettings(bootstrap="k:1"), store=StoreSettings(url="http://u:geheim@h:1")
    )
    everything = whole(settings, dashboard=False)
    assert [s.name for s in everything.specs] == ["setup", "gateway", "relay", "worker", "fleet", "alerts"]
    assert everything.addresses["kafka"] == "k:1"
    assert "geheim" not in json.dumps(dict(everything.addresses))
    assert everything.specs[0].env["LIGHTSHIP_CLICKHOUSE"] == "http://u@h:1"


def test_children_read_the_settings_of_the_directory_they_were_started_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """They run in another working directory."""
    monkeypatch.delenv("LIGHTSHIP_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    settings = Settings(home=tmp_path / "home")

    def read_by(child: ChildSpec) -> Settings:
        assert Path(str(child.cwd)) != tmp_path
        return load(environ=child.env)

    child = whole(settings).specs[-1]
    assert read_by(child).detection == DEFAULTS.detection
    (tmp_path / "lightship.toml").write_text("[detection]\nlearn_days = 3\n")
    assert read_by(whole(settings).specs[-1]).detection.learn_days == 3
    (tmp_path / "other.toml").write_text("[detection]\nlearn_days = 4\n")
    monkeypatch.setenv("LIGHTSHIP_CONFIG", "other.toml")
    assert read_by(whole(settings).specs[-1]).detection.learn_days == 4
    (tmp_path / "third.toml").write_text("[detection]\nlearn_days = 5\n")
    assert read_by(whole(settings, config=Path("third.toml")).specs[-1]).detection.learn_days == 5
