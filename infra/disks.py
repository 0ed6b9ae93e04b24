"""Room on the disks of the data directory and of ClickHouse."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.disk_reserve import reserve_bytes

ROOM_WARN, ROOM_FAIL = 0.10, 0.03
"""Shares of a disk that are free: less than the first is little, than the second too little."""
ROOM_FAIL_BYTES = 512 << 20
BEFORE_RESERVE = 1.5
GIB = 1 << 30

_DISKS = "SELECT name, free_space, total_space FROM system.disks WHERE total_space > 0"


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """Space on one disk, in bytes."""

    name: str
    free: int
    total: int

    @property
    def share(self) -> float:
        """How much of it is free, 0 to 1."""
        return self.free / self.total if self.total else 0.0

    @property
    def too_little(self) -> bool:
        """Whether what is written next may not find room: before the reserve is reached, to be told of it."""
        return (
            self.share < ROOM_FAIL
            or self.free < ROOM_FAIL_BYTES
            or self.free < BEFORE_RESERVE * reserve_bytes(self.total)
        )

    @property
    def little(self) -> bool:
        """Whether it is time to make room."""
        return self.too_little or self.share < ROOM_WARN

    def text(self) -> str:
        """In words."""
        return f"{self.name}: {self.free / GIB:.1f} GiB free ({self.share:.0%})"


def disk_space_of(home: Path, store: Client | None) -> list[DiskSpace]:
    """Disks: that of the data directory, and those ClickHouse names; what cannot be asked is left out."""
    out = []
    if home.exists():
        usage = shutil.disk_usage(home)
        out.append(DiskSpace(str(home), usage.free, usage.total))
    if store is not None:
        try:
            rows = store.query(_DISKS).result_rows
        except ClickHouseError:
            rows = []
        out += [DiskSpace(f"ClickHouse disk {name}", int(free), int(total)) for name, free, total in rows]
    return out
