from __future__ import annotations

import errno
import io
import os
import random
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.embedded.child_log import MAX_FILE_BYTES, MAX_LINE_BYTES, TAIL_LINES, ChildLog, Terminal
from tests.at_length import examples


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@settings(deadline=None, max_examples=examples(40))
@given(data=st.binary(max_size=400), seed=st.integers(0, 99))
def test_the_file_is_what_was_printed_however_it_arrived(data: bytes, seed: int) -> None:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        log = ChildLog(Path(folder), "child", Terminal(None, []))
        at = 0
        while at < len(data):
            step = rng.randrange(1, 50)
            log.feed(data[at : at + step])
            at += step
        log.close()
        assert log.path.read_bytes() == data
    lines = data.split(b"\n")
    lines = lines[:-1] if not lines[-1] else lines
    assert list(log.tail) == [line.decode("utf-8", "replace").rstrip("\r") for line in lines][-TAIL_LINES:]


def test_a_line_without_end_is_cut(tmp_path: Path) -> None:
    log = ChildLog(tmp_path, "child", Terminal(None, []))
    log.feed(b"x" * (3 * MAX_LINE_BYTES + 5))
    log.close()
    assert [len(line) for line in log.tail] == [MAX_LINE_BYTES] * 3 + [5]


def test_a_large_file_makes_room_at_the_start_and_during_a_run(tmp_path: Path) -> None:
    path = tmp_path / "child.log"
    path.write_bytes(b"old\n" * (MAX_FILE_BYTES // 4 + 1))
    log = ChildLog(tmp_path, "child", Terminal(None, []))
    assert path.stat().st_size == 0
    assert (tmp_path / "child.log.1").read_bytes().startswith(b"old")
    for _ in range(MAX_FILE_BYTES // (1 << 20) + 1):
        log.feed((b"y" * 1023 + b"\n") * 1024)
    log.feed(b"new\n")
    log.close()
    assert path.read_bytes() == b"new\n"
    assert (tmp_path / "child.log.1").read_bytes().startswith(b"yyy")


def test_no_child_can_repaint_the_terminal() -> None:
    out = io.StringIO()
    Terminal(out, ["a"]).line("a", "\x1b[2Jgone\x07\x9b\tkept é")
    assert out.getvalue() == "a          | [2Jgone\tkept é\n"


def test_names_are_coloured_on_a_terminal_only() -> None:
    out = Tty()
    Terminal(out, ["a", "b"]).line("b", "text")
    assert out.getvalue().startswith("\x1b[33mb")
    assert out.getvalue().endswith("\x1b[0m text\n")


def test_output_that_a_full_disk_does_not_take_is_left_out_and_its_reader_goes_on(tmp_path: Path) -> None:
    """Else the child would stand still at its next line."""
    (tmp_path / "child.log").symlink_to("/dev/full")
    log = ChildLog(tmp_path, "child", Terminal(None, []))
    log.feed(b"one\ntwo\n")
    log.feed(b"three\n")
    assert list(log.tail) == ["one", "two", "three"]
    (tmp_path / "child.log").unlink()
    os.close(log._fd)
    log._open()  # there is space again
    log.feed(b"four\n")
    log.feed(b"five\n")
    log.close()
    assert log.path.read_text() == "\n(14 bytes are left out: they could not be written)\nfour\nfive\n"


def test_a_terminal_that_takes_nothing_stops_nobody() -> None:
    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    Terminal(Full(), ["a"]).line("a", "x")
