"""What the embedded engine's one account may do, in ClickHouse's own access control.

The engine itself decides, after it has parsed a statement: an allow-list of privileges and table engines
without any source (``FILE``, ``URL``, ``REMOTE``, …), so that a file named as a table, a table function in a
view or a query inside a string are refused like any other way to the same source. Settings that name files or
hold SQL as text keep their defaults. Sources: ClickHouse documentation, "Access rights", "Constraints on
settings", "Server settings".
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote
from xml.sax.saxutils import escape

from infra.embedded.clickhouse_catalogue import DATABASE_ENGINES, TABLE_ENGINES
from infra.errors import Misconfigured

PRIVILEGES = (
    "ALTER",
    "CHECK",
    "CREATE DATABASE",
    "CREATE TABLE",
    "CREATE TEMPORARY TABLE",
    "CREATE VIEW",
    "DROP",
    "INSERT",
    "KILL QUERY",
    "OPTIMIZE",
    "SELECT",
    "SHOW",
    "SYSTEM FLUSH",
    "SYSTEM MERGES",
    "SYSTEM TTL MERGES",
    "SYSTEM VIEWS",
    "TRUNCATE",
    "UNDROP TABLE",
)

FIXED_SETTINGS = {
    "additional_result_filter": "",
    "additional_table_filters": "",
    "dialect": "clickhouse",
    "format_avro_schema_registry_url": "",
    "format_schema": "",
    "format_template_resultset": "",
    "format_template_row": "",
    "implicit_select": "0",
    "input_format_record_errors_file_path": "",
    "input_format_values_interpret_expressions": "0",
    "output_format_schema": "",
    "parallel_replicas_custom_key": "",
    "rename_files_after_processing": "",
}
"""Settings no request may change: they name files or addresses, hold SQL as text, or change the parser."""

_SOURCES = ("FILE", "SOURCES", "URL")


def write_access(folder: Path) -> Path:
    """Write the engine's configuration; the file to start it with.

    Parameters
    ----------
    folder
        Directory of the two files, made if missing and readable by its owner alone.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    nowhere = folder / "none"  # never made
    users = folder / "users.xml"
    _write(users, _users())
    paths = ("user_files_path", "format_schema_path", "user_scripts_path", "dictionaries_lib_path")
    lines = [f"<{name}>{escape(f'{nowhere}/')}</{name}>" for name in paths]
    lines += [
        f"<custom_local_disks_base_directory>{escape(f'{nowhere}/')}</custom_local_disks_base_directory>",
        "<remote_url_allow_hosts></remote_url_allow_hosts>",
        "<access_control_improvements>",
        "<table_engines_require_grant>true</table_engines_require_grant>",
        "</access_control_improvements>",
        f"<users_config>{escape(str(users))}</users_config>",
    ]
    config = folder / "config.xml"
    _write(config, "\n".join(["<clickhouse>", *lines, "</clickhouse>", ""]))
    return config


def connection_target(path: Path, config: Path) -> str:
    """What chDB is connected to: the data directory ``path`` under the configuration ``config``.

    Raises
    ------
    Misconfigured
        If the directory's name cannot be given to chDB.
    """
    if "?" in str(path):
        raise Misconfigured(f"the embedded store cannot lie in {path}: choose a directory without '?'")
    return f"{path}?config-file={quote(str(config.absolute()))}"


def check_grants(grants: str) -> None:
    """Check that the engine took the account's privileges from the configuration.

    Parameters
    ----------
    grants
        The answer to ``SHOW GRANTS``.

    Raises
    ------
    Misconfigured
        If the account may still reach files or addresses.
    """
    granted = {word.strip(",") for line in grants.splitlines() for word in line.partition(" ON ")[0].split()}
    if not granted or granted & set(_SOURCES):
        raise Misconfigured(
            "the embedded store's engine did not take the privileges of its account: install the version of "
            "chdb-core that requirements.lock names"
        )


def _users() -> str:
    engines = ", ".join(f"TABLE ENGINE ON {name}" for name in sorted(TABLE_ENGINES | DATABASE_ENGINES))
    values = [f"<{name}>{escape(value)}</{name}>" for name, value in FIXED_SETTINGS.items()]
    fixed = [f"<{name}><const/></{name}>" for name in FIXED_SETTINGS]
    return "\n".join(
        [
            "<clickhouse>",
            "<users><default><password></password><profile>default</profile><quota>default</quota>",
            "<networks><ip>::1</ip><ip>127.0.0.1</ip></networks>",
            f"<grants><query>GRANT {', '.join(PRIVILEGES)} ON *.*</query>",
            f"<query>GRANT {engines}</query></grants></default></users>",
            "<profiles><default>",
            *values,
            "<constraints>",
            *fixed,
            "</constraints></default></profiles>",
            "<quotas><default></default></quotas>",
            "</clickhouse>",
            "",
        ]
    )


def _write(path: Path, text: str) -> None:
    """Replace a file whole."""
    new = path.with_name(f".{path.name}.new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)
