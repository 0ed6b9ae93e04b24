"""Images and their digests, from a registry that speaks the protocol on loopback."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.image_pins import Image, images, main
from tests.served import Served

ROOT = Path(__file__).resolve().parents[2]
INDEX = json.dumps({"mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}).encode()
DIGEST = f"sha256:{hashlib.sha256(INDEX).hexdigest()}"


@dataclass
class Registry:
    """What it has, and what it says of it."""

    port: int = 0
    manifests: dict[str, bytes] = field(default_factory=lambda: {"acme/thing/manifests/1.0": INDEX})
    named: str = DIGEST
    token: str = ""
    """Asked for if it is not empty."""
    realm: str = ""


@pytest.fixture
def registry() -> Iterator[Registry]:
    state = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            if path == "/token":
                assert query == "service=here&scope=repository%3Aacme%2Fthing%3Apull"
                self.answer(200, json.dumps({"token": state.token}).encode())
            elif state.token and self.headers["authorization"] != f"Bearer {state.token}":
                realm = state.realm or f"http://127.0.0.1:{state.port}/token"
                self.answer(
                    401,
                    b"",
                    {
                        "www-authenticate": f'Bearer realm="{realm}",service="here",'
                        'scope="repository:acme/thing:pull"'
                    },
                )
            elif (body := state.manifests.get(path.removeprefix("/v2/"))) is None:
                self.answer(404, b"{}")
            else:
                assert "application/vnd.oci.image.index.v1+json" in self.headers["accept"]
                self.answer(200, body, {"docker-content-digest": state.named} if state.named else {})

        def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {**(headers or {}), "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.port = server.server_address[1]
    with Served(server):
        yield state


@pytest.fixture
def compose(registry: Registry, tmp_path: Path) -> Path:
    """A file of one image of the registry, and one that is built here."""
    path = tmp_path / "compose.yml"
    path.write_text(
        f"services:\n  a:\n    image: 127.0.0.1:{registry.port}/acme/thing:1.0 # the thing\n"
        "  b:\n    image: lightship:0.1.0\n"
    )
    return path


@pytest.mark.parametrize("token", ["", "for anybody"])
def test_an_image_is_tied_to_what_its_tag_stands_for_and_again_nothing(
    registry: Registry, compose: Path, token: str
) -> None:
    registry.token = token
    before = compose.read_text()
    assert main(["--check", str(compose)]) == 1
    assert main([str(compose)]) == 0
    assert compose.read_text() == before.replace("thing:1.0", f"thing:1.0@{DIGEST}")
    assert main(["--check", str(compose)]) == 0
    assert main([str(compose)]) == 0
    assert compose.read_text() == before.replace("thing:1.0", f"thing:1.0@{DIGEST}")


def test_a_tag_that_was_moved_gets_its_new_digest(registry: Registry, compose: Path) -> None:
    assert main([str(compose)]) == 0
    moved = INDEX + b" "
    registry.manifests["acme/thing/manifests/1.0"], registry.named = moved, ""
    assert main([str(compose)]) == 0
    assert f"thing:1.0@sha256:{hashlib.sha256(moved).hexdigest()} #" in compose.read_text()


def test_if_one_image_is_not_found_no_file_is_changed(
    registry: Registry, compose: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text(f"FROM 127.0.0.1:{registry.port}/acme/thing:2.0 AS builder\nFROM builder\n")
    texts = compose.read_text(), dockerfile.read_text()
    assert main([str(compose), str(dockerfile)]) == 1
    assert "has no tag 2.0 of acme/thing" in capsys.readouterr().err
    assert (compose.read_text(), dockerfile.read_text()) == texts


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"named": "sha256:" + "0" * 64}, "and gives"),
        ({"token": "t", "realm": "file:///etc/passwd"}, "only public images"),
        ({"token": "t", "realm": "http://elsewhere.test/token"}, "not encrypted"),
        ({"manifests": {"acme/thing/manifests/1.0": b" " * (5 << 20)}, "named": ""}, "larger than"),
    ],
)
def test_a_registry_that_is_not_to_be_believed_changes_nothing(
    registry: Registry,
    compose: Path,
    capsys: pytest.CaptureFixture[str],
    wrong: dict[str, object],
    why: str,
) -> None:
    for name, value in wrong.items():
        setattr(registry, name, value)
    before = compose.read_text()
    assert main([str(compose)]) == 1
    assert why in capsys.readouterr().err
    assert compose.read_text() == before


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("python:3.12-slim", "https://registry-1.docker.io/v2/library/python/manifests/3.12-slim"),
        ("apache/kafka:4.1.0", "https://registry-1.docker.io/v2/apache/kafka/manifests/4.1.0"),
        ("quay.io/a/b", "https://quay.io/v2/a/b/manifests/latest"),
        (f"localhost:5000/a@{DIGEST}", "http://localhost:5000/v2/a/manifests/latest"),
    ],
)
def test_a_reference_is_read_as_docker_reads_it(text: str, url: str) -> None:
    assert Image.parse(text).url() == url


def test_all_images_of_the_deployment_are_found() -> None:
    compose = [Image.parse(i).name for i in images((ROOT / "docker-compose.yml").read_text())]
    dockerfile = [Image.parse(i).name for i in images((ROOT / "infra/Dockerfile").read_text())]
    assert compose == ["apache/kafka", "clickhouse/clickhouse-server", "otel/opentelemetry-collector-contrib"]
    assert set(dockerfile) == {"library/python"}
