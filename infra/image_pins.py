"""Pin container images to the digests of their tags: ``python -m infra.image_pins [--check] FILE...``.

A tag can be moved to another image, a digest can't. Digests are asked of each image's registry (OCI
Distribution Specification 1.1, "Pulling manifests") and written behind the tags, in compose files and
Dockerfiles. Our own image, which is built from here, has none. Either all images of all files are found, or
no file is changed.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

TIMEOUT_S = 20.0
MOST_BYTES = 4 << 20
"""Of a manifest or an answer of a token server: registries are to refuse manifests above this size."""

DOCKER_HUB = "docker.io"
_HUB_HOST = "registry-1.docker.io"
_MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LINE = re.compile(r"^(?P<before>\s*image:\s+|FROM\s+(?:--platform=\S+\s+)?)(?P<image>[^\s#]+)", re.MULTILINE)
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_OURS = "lightship:"


class Unpinned(Exception):
    """A digest that cannot be had, with the image and the reason."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image by the name that a file gives it: ``[REGISTRY/]NAME[:TAG][@DIGEST]``."""

    registry: str
    name: str
    tag: str
    digest: str

    @classmethod
    def parse(cls, text: str) -> Image:
        """Read a reference as Docker does: no registry means Docker Hub, no tag means ``latest``."""
        rest, _, digest = text.partition("@")
        first, slash, others = rest.partition("/")
        is_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
        registry, path = (first, others) if is_host else (DOCKER_HUB, rest)
        name, _, tag = path.partition(":")
        if registry == DOCKER_HUB and "/" not in name:
            name = f"library/{name}"
        return cls(registry, name, tag or "latest", digest)

    def url(self) -> str:
        """Where the registry tells of its manifest. HTTP to loopback alone."""
        host = _HUB_HOST if self.registry == DOCKER_HUB else self.registry
        scheme = "http" if host.partition(":")[0] in ("localhost", "127.0.0.1") else "https"
        return f"{scheme}://{host}/v2/{self.name}/manifests/{self.tag}"


def images(text: str) -> Iterator[str]:
    """References in a compose file or Dockerfile that a registry has, in order: no stages of the file."""
    stages = set(re.findall(r"^FROM\s.*\sAS\s+(\S+)", text, re.MULTILINE | re.IGNORECASE))
    for found in _LINE.finditer(text):
        image = found["image"].strip("\"'")
        if image not in stages and image != "scratch" and not image.startswith(_OURS):
            yield image


def pinned(text: str, digests: dict[str, str]) -> str:
    """The file's text with ``digests`` (by reference) in the place of those it has."""

    def line(found: re.Match[str]) -> str:
        image = found["image"].strip("\"'")
        digest = digests.get(image)
        return found[0] if digest is None else f"{found['before']}{image.partition('@')[0]}@{digest}"

    return _LINE.sub(line, text)


def digest_of(reference: str, client: httpx.Client) -> str:
    """Ask the registry which image a tag stands for now; one for several platforms is given whole.

    Raises
    ------
    Unpinned
        If there is no such image, the registry does not answer, or it answers what cannot be.
    """
    image = Image.parse(reference)
    try:
        answer = _get(client, image.url(), {"accept": _MANIFESTS})
        if answer.status_code == 401:
            token = _token(client, answer.headers.get("www-authenticate", ""))
            answer = _get(client, image.url(), {"accept": _MANIFESTS, "authorization": f"Bearer {token}"})
    except httpx.HTTPError as error:
        raise Unpinned(f"{reference}: {image.url()} does not answer ({type(error).__name__})") from error
    if answer.status_code == 404:
        raise Unpinned(f"{reference}: {image.registry} has no tag {image.tag} of {image.name}")
    if answer.status_code != 200:
        raise Unpinned(f"{reference}: {image.url()} answers {answer.status_code}")
    digest = f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
    named = answer.headers.get("docker-content-digest", digest)
    if named != digest:
        raise Unpinned(f"{reference}: {image.registry} names {named[:80]}, and gives {digest}")
    return digest


def _get(client: httpx.Client, url: str, headers: dict[str, str]) -> httpx.Response:
    """An answer of at most `MOST_BYTES`, read whole."""
    with client.stream("GET", url, headers=headers) as answer:
        content = b""
        for part in answer.iter_bytes():
            content += part
            if len(content) > MOST_BYTES:
                raise Unpinned(f"{url}: the answer is larger than {MOST_BYTES} bytes")
        return httpx.Response(answer.status_code, headers=_plain(answer.headers), content=content)


def _plain(headers: httpx.Headers) -> list[tuple[str, str]]:
    """Those of a body that has been decoded."""
    return [(k, v) for k, v in headers.items() if k not in ("content-encoding", "content-length")]


def _token(client: httpx.Client, challenge: str) -> str:
    """A token for anybody, from where the registry's challenge sends us (Docker token authentication)."""
    scheme, _, rest = challenge.partition(" ")
    asked = dict(_CHALLENGE.findall(rest))
    realm = httpx.URL(asked.pop("realm", ""))
    if scheme.lower() != "bearer" or realm.scheme not in ("http", "https"):
        raise Unpinned(f"the registry asks for {scheme or 'an account'}: only public images can be pinned")
    if realm.scheme == "http" and realm.host not in ("localhost", "127.0.0.1"):
        raise Unpinned(f"the registry sends for a token to {realm}, which is not encrypted")
    answer = _get(client, str(realm.copy_merge_params(asked)), {})
    try:
        body = answer.json()
        token = body.get("token") or body["access_token"]
    except (ValueError, KeyError, AttributeError) as error:
        raise Unpinned(f"{realm} gives no token ({answer.status_code})") from error
    return str(token)


def main(argv: Sequence[str] | None = None, connect: Callable[[], httpx.Client] | None = None) -> int:
    """0 if all images are pinned now, 1 if one is not."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.image_pins", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="compose files and Dockerfiles")
    parser.add_argument(
        "--check", action="store_true", help="change nothing, name the images without a digest"
    )
    options = parser.parse_args(argv)
    texts = {path: path.read_text(encoding="utf-8") for path in options.files}
    wanted = list(dict.fromkeys(image for text in texts.values() for image in images(text)))
    if options.check:
        loose = [image for image in wanted if not _DIGEST.fullmatch(Image.parse(image).digest)]
        for image in loose:
            sys.stdout.write(f"{image} is pinned to no digest: run `make pin`\n")
        return 1 if loose else 0
    try:
        with connect() if connect else httpx.Client(timeout=TIMEOUT_S, follow_redirects=True) as client:
            digests = {image: digest_of(image, client) for image in wanted}
    except Unpinned as error:
        sys.stderr.write(f"nothing was changed: {error}\n")
        return 1
    for path, text in texts.items():
        if (new := pinned(text, digests)) != text:
            path.write_text(new, encoding="utf-8")
    for image, digest in digests.items():
        sys.stdout.write(f"{image.partition('@')[0]} is {digest}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
