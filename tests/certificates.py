"""A certificate authority of one's own, and what it signed, made by ``openssl`` for loopback servers."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

DAYS = "2"
_NAMES = "subjectAltName=IP:127.0.0.1,DNS:localhost\n"


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files. ``server_pem`` holds key and certificate, as Java's servers want them."""

    ca: Path
    server_cert: Path
    server_key: Path
    server_pem: Path
    client_cert: Path
    client_key: Path


def certificates(folder: Path) -> Certificates:
    """A new authority with one server's and one client's certificate in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    ca, ca_key = folder / "ca.pem", folder / "ca.key"
    _openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", DAYS, "-subj", "/CN=Lightship tests"),
        *("-keyout", str(ca_key), "-out", str(ca)),
    )
    server, client = (_signed(folder, name, ca, ca_key) for name in ("server", "client"))
    both = folder / "server.pem"
    both.write_bytes(server[1].read_bytes() + server[0].read_bytes())
    return Certificates(ca, *server, both, *client)


def _signed(folder: Path, name: str, ca: Path, ca_key: Path) -> tuple[Path, Path]:
    """Certificate and key (PKCS 8)."""
    key, request, cert = (folder / f"{name}.{kind}" for kind in ("key", "csr", "crt"))
    names = folder / "names"
    names.write_text(_NAMES, encoding="ascii")
    _openssl(
        *("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}"),
        *("-keyout", str(key), "-out", str(request)),
    )
    _openssl(
        *("x509", "-req", "-in", str(request), "-CA", str(ca), "-CAkey", str(ca_key), "-CAcreateserial"),
        *("-days", DAYS, "-extfile", str(names), "-out", str(cert)),
    )
    return cert, key


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)  # noqa: S607
    assert done.returncode == 0, done.stderr
