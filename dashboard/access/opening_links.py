"""Links that open the dashboard of one's own machine: each works once, within an hour.

Who runs the dashboard can make one, since it is a file in the data directory's ``keys``; other accounts
cannot. The file's name is a hash of the token in the link, so that a listing opens nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from infra.errors import Misconfigured
from infra.private_files import private_directory

FOLDER = Path("keys") / "dashboard.links"
PATH = "/link"
"""Where the dashboard takes links."""
VALID_S = 3600
MOST_CHARACTERS = 200
"""Of a token that is looked at."""

Now = Callable[[], int]
"""Nanoseconds since 1970 UTC."""


class OpeningLinks:
    """Makes links and redeems them; both sides share the data directory.

    Parameters
    ----------
    home
        Data directory.
    now_ns
        The time.
    """

    def __init__(self, home: Path, now_ns: Now) -> None:
        self._folder = home / FOLDER
        self._now_ns = now_ns

    def make(self, address: str, leads_to: str = "/") -> str:
        """A link to ``leads_to``, a path and query of the dashboard at ``address``.

        Raises
        ------
        Misconfigured
            If its file cannot be written.
        """
        if not is_local(leads_to):
            raise ValueError(f"{leads_to!r} is no path of the dashboard")
        token = secrets.token_urlsafe(32)
        content = json.dumps({"until_ns": self._now_ns() + VALID_S * 1_000_000_000, "leads_to": leads_to})
        try:
            private_directory(self._folder)
            self._forget_old()
            handle = os.open(self._file(token), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(content)
        except OSError as error:
            raise Misconfigured(f"a link to the dashboard cannot be made: {error}") from error
        return f"{address}{PATH}?token={token}"

    def redeem(self, token: str) -> str | None:
        """Where the link leads, once; ``None`` if it is unknown, used or too old."""
        if not token or len(token) > MOST_CHARACTERS:
            return None
        file = self._file(token)
        try:
            content = json.loads(file.read_text(encoding="ascii"))
            file.unlink()  # of several who read it one can remove it
        except (OSError, ValueError):
            return None
        leads_to = str(content["leads_to"])
        return leads_to if self._now_ns() < int(content["until_ns"]) and is_local(leads_to) else None

    def _file(self, token: str) -> Path:
        return self._folder / hashlib.sha256(token.encode()).hexdigest()

    def _forget_old(self) -> None:
        """Remove the files of links that work no more."""
        for file in self._folder.iterdir():
            try:
                if int(json.loads(file.read_text(encoding="ascii"))["until_ns"]) <= self._now_ns():
                    file.unlink(missing_ok=True)
            except (OSError, ValueError, KeyError, TypeError):
                continue


def is_local(path: str) -> bool:
    """Whether a path and query stay on the same server, however a browser reads them."""
    parts = urlsplit(path)
    plain = path.isascii() and path.isprintable() and not set(path) & set("\\\"'<> ")
    return plain and path.startswith("/") and not path.startswith("//") and not parts.netloc
