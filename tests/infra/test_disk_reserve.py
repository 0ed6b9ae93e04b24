"""What is kept free on a disk, and what the embedded engine does when it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.disk_reserve import MIB, DiskReserve, reserve_bytes, usage
from infra.embedded.disk_guard import DiskGuard

GIB = 1 << 30


class Disk:
    """A disk of 1,000 MiB and a clock."""

    def __init__(self) -> None:
        self.free_mib, self.now_s, self.looks = 900, 0.0, 0
        self.error: OSError | None = None

    def __call__(self, _: Path) -> tuple[int, int]:
        self.looks += 1
        if self.error is not None:
            raise self.error
        return self.free_mib * MIB, 1000 * MIB

    def reserve(self, chosen_mib: int = 0) -> DiskReserve:
        return DiskReserve(Path("/data"), chosen_mib, disk=self, now=lambda: self.now_s)


@pytest.mark.parametrize(
    ("total", "chosen_mib", "reserve"),
    [(1000 * MIB, 0, 100 * MIB), (GIB * 200, 0, 512 * MIB), (GIB * 200, 2048, 2 * GIB), (MIB, 1, MIB)],
)
def test_a_tenth_is_kept_and_at_most_half_a_gigabyte(total: int, chosen_mib: int, reserve: int) -> None:
    assert reserve_bytes(total, chosen_mib) == reserve


def test_below_the_reserve_nothing_is_accepted_and_above_it_again_with_a_margin() -> None:
    disk = Disk()
    reserve = disk.reserve()
    seen = []
    for free in (900, 100, 99, 0, 110, 124, 125, 101):
        disk.free_mib = free
        disk.now_s += 1
        seen.append(reserve.problem is not None)
    assert seen == [False, False, True, True, True, True, False, False]


def test_what_is_wrong_names_disk_numbers_and_remedy() -> None:
    disk = Disk()
    disk.free_mib = 12
    problem = disk.reserve(64).problem
    assert problem is not None
    assert "/data has 12 MiB free and 64 MiB are kept" in problem
    assert "delete" in problem


def test_many_requests_are_one_look() -> None:
    disk = Disk()
    reserve = disk.reserve()
    for _ in range(1000):
        assert reserve.problem is None
        disk.now_s += 0.001
    assert disk.looks <= 5


def test_a_disk_that_does_not_answer_is_as_it_was() -> None:
    disk = Disk()
    reserve = disk.reserve()
    disk.free_mib = 1
    assert reserve.problem is not None
    disk.error = OSError("gone")
    disk.now_s += 1
    assert reserve.problem is not None


def test_usage_is_that_of_the_disk_a_folder_will_be_on(tmp_path: Path) -> None:
    assert usage(tmp_path / "not" / "yet")[1] == usage(tmp_path)[1] > 0


class Engine:
    """Notes what it is told."""

    def __init__(self, disk: Disk) -> None:
        self.told: list[str] = []
        self.guard = DiskGuard(
            disk.reserve(),
            stop_merges=lambda: self.told.append("stop"),
            start_merges=lambda: self.told.append("start"),
            reopen=lambda: self.told.append("reopen"),
        )

    def after(self, disk: Disk, *free_mib: int) -> list[str]:
        for free in free_mib:
            disk.free_mib = free
            self.guard.look()
        return self.told


def test_merges_stop_at_half_of_the_reserve_and_go_on_when_it_is_back() -> None:
    disk = Disk()
    assert Engine(disk).after(disk, 900, 99, 51) == []
    assert Engine(disk).after(disk, 99, 49, 30, 60, 110) == ["stop"]
    assert Engine(disk).after(disk, 49, 130, 130, 40, 900) == ["stop", "start", "stop", "start"]


def test_an_engine_that_met_a_full_disk_is_opened_again_and_merges_nothing_before() -> None:
    disk = Disk()
    engine = Engine(disk)
    assert engine.after(disk, 30, 2, 2, 60) == ["stop"]
    assert engine.guard.was_full_since(0)
    assert engine.after(disk, 900) == ["stop", "reopen"]


def test_an_insert_meanwhile_is_told_that_the_disk_was_full() -> None:
    disk = Disk()
    engine = Engine(disk)
    before = engine.guard.times_full
    assert not engine.guard.was_full_since(before)
    engine.after(disk, 1)
    disk.free_mib = 500
    assert engine.guard.was_full_since(before)
    assert not engine.guard.was_full_since(engine.guard.times_full)
