"""The store's password in a file, so that no process gets it in its environment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from infra.private_files import private_directory, write_private
from infra.settings import StoreSettings

FILE = Path("keys") / "store.password"


def password_apart(home: Path, store: StoreSettings) -> StoreSettings:
    """The same access without a password in the URL: it is in a file under ``home``, of mode 0600.

    A password file that the settings name holds already; a URL that cannot be read is left to whoever
    connects, which says so.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    try:
        parts = urlsplit(store.url)
    except ValueError:
        return store
    if parts.password is None:
        return store
    user, host = parts.netloc.partition(":")[0], parts.netloc.rpartition("@")[2]
    without = replace(store, url=parts._replace(netloc=f"{user}@{host}").geturl())
    if store.password_file:
        return without
    private_directory((home / FILE).parent)
    write_private(home / FILE, f"{unquote(parts.password)}\n")
    return replace(without, password_file=str((home / FILE).absolute()))
