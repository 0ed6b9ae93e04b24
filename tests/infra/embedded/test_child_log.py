from __future__ import annotations

import io
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
