"""The supervisor with real children: order, readiness, restarts, ends."""

from __future__ import annotations

import io
import itertools
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from infra.embedded.child import ChildState, Phase
from infra.embedded.child_spec import BackOff, ChildSpec, NotReady, Probe, Restart
from infra.embedded.errors import AlreadyRunning, StartFailed
from infra.embedded.run_file import read_run
from infra.embedded.supervisor import Supervisor
from tests.conftest import ROOT

pytestmark = pytest.mark.integration

QUICK = BackOff(first_s=0.02, longest_s=0.1, stable_s=60)

FOREVER = """
import pathlib, signal, sys, time
place = pathlib.Path(sys.argv[1])
def stop(*_):
    (place / (sys.argv[2] + '.stopped')).write_text(str(time.monotonic_ns()))
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
(place / (sys.argv[2] + '.started')).write_text(str(time.monotonic_ns()))
print('hello from', sys.argv[2])
while True:
    time.sleep(60)
"""

STUBBORN = """
import pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
kept = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
pathlib.Path(sys.argv[1], sys.argv[2] + '.started').write_text(str(kept.pid))
time.sleep(600)
"""


def file_ready(path: Path) -> Probe:
    def probe() -> None:
        if not path.exists() or path.stat().st_size == 0:  # it is there before what it says
            raise NotReady(f"no {path.name} yet")

    return probe


def child(place: Path, name: str, code: str = FOREVER, **more: object) -> ChildSpec:
    values: dict[str, object] = {"ready": file_ready(place / f"{name}.started"), **more}
    return ChildSpec(name=name, argv=[sys.executable, "-c", code, str(place), name], **values)  # type: ignore[arg-type]


def supervised(home: Path, specs: Sequence[ChildSpec], **more: object) -> Supervisor:
    return Supervisor(home, specs, **{"out": None, "back_off": QUICK, **more})  # type: ignore[arg-type]


def eventually(true: Callable[[], bool], patience_s: float = 20.0) -> None:
    deadline = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def read_ns(path: Path) -> int:
    return int(path.read_text())


def test_children_start_after_and_stop_before_those_they_need(tmp_path: Path) -> None:
    specs = [
        child(tmp_path, "c", after=["b"]),
        child(tmp_path, "b", after=["a"]),
        child(tmp_path, "a"),
        child(tmp_path, "d", after=["a"]),
    ]
    with supervised(tmp_path / "home", specs):
        started = {n: read_ns(tmp_path / f"{n}.started") for n in "abcd"}
    stopped = {n: read_ns(tmp_path / f"{n}.stopped") for n in "abcd"}
    assert started["a"] < started["b"] < started["c"]
    assert started["a"] < started["d"]
    assert stopped["c"] < stopped["b"] < stopped["a"]
    assert stopped["d"] < stopped["a"]


def test_output_goes_to_a_file_and_with_the_name_to_the_terminal(tmp_path: Path) -> None:
    out = io.StringIO()
    with supervised(tmp_path / "home", [child(tmp_path, "a")], out=out):
        eventually(lambda: "hello" in out.getvalue())
    assert "a          | hello from a\n" in out.getvalue()
    assert (tmp_path / "home" / "logs" / "a.log").read_text() == "hello from a\n"


def test_a_child_that_dies_is_started_again_and_the_run_file_follows(tmp_path: Path) -> None:
    seen: list[tuple[str, Phase, int]] = []

    def note(name: str, state: ChildState) -> None:
        seen.append((name, state.phase, state.restarts))

    home = tmp_path / "home"
    specs = [child(tmp_path, "a")]
    with supervised(home, specs, addresses={"x": "127.0.0.1:1"}, on_state=note) as running:
        for round_ in (1, 2):
            pid = running.states()["a"].pid
            assert pid is not None
            (tmp_path / "a.started").unlink()
            os.kill(pid, signal.SIGKILL)
            eventually(lambda: running.states()["a"].restarts == round_)  # noqa: B023
            eventually(lambda: running.states()["a"].phase is Phase.READY)
            state = running.states()["a"]
            assert state.exit_code == -signal.SIGKILL
            assert state.pid not in (None, pid)
            run = read_run(home)
            assert run is not None
            assert run["pid"] == os.getpid()
            assert run["addresses"] == {"x": "127.0.0.1:1"}
            shown = run["children"]["a"]
            assert {k: shown[k] for k in ("phase", "pid", "restarts", "exit_code", "last_end", "ports")} == {
                "phase": "ready",
                "pid": state.pid,
                "restarts": round_,
                "exit_code": -9,
                "last_end": "signal SIGKILL",
                "ports": {},
            }
            assert len(shown["restarted_at"]) == round_
            assert (run["ready"], run["problems"]) == (True, [])
            assert run["instance"] == running.instance
    once = [Phase.STARTING, Phase.READY, Phase.BACKING_OFF]
    assert [phase for _, phase, _ in seen] == [
        *once,
        *once,
        Phase.STARTING,
        Phase.READY,
        Phase.STOPPING,
        Phase.ENDED,
    ]
    assert read_run(home) is None


@pytest.mark.parametrize(
    ("restart", "code", "again"),
    [
        (Restart.ALWAYS, 0, True),
        (Restart.ON_FAILURE, 0, False),
        (Restart.ON_FAILURE, 3, True),
        (Restart.NEVER, 3, False),
    ],
)
def test_the_policy_decides_whether_it_is_started_again(
    tmp_path: Path, restart: Restart, code: int, again: bool
) -> None:
    ends = f"import sys, time; time.sleep(0.3); sys.exit({code})"
    specs = [child(tmp_path, "a"), child(tmp_path, "b", ends, ready=None, restart=restart)]
    with supervised(tmp_path / "home", specs) as running:
        if again:
            eventually(lambda: running.states()["b"].restarts >= 1)
        else:
            eventually(lambda: running.states()["b"].phase is Phase.ENDED)
            assert running.states()["b"].restarts == 0
            assert running.states()["b"].exit_code == code
        assert running.states()["a"].phase is Phase.READY


def test_pauses_grow_while_it_fails(tmp_path: Path) -> None:
    starts: list[float] = []

    def note(name: str, state: ChildState) -> None:
        if name == "b" and state.phase is Phase.STARTING:
            starts.append(time.monotonic())

    specs = [child(tmp_path, "a"), child(tmp_path, "b", "raise SystemExit(1)", required=False)]
    back_off = BackOff(first_s=0.4, longest_s=5, stable_s=60)
    with supervised(tmp_path / "home", specs, on_state=note, back_off=back_off):
        eventually(lambda: len(starts) >= 4)
    pauses = [b - a for a, b in itertools.pairwise(starts)]
    assert pauses[1] > pauses[0]
    assert pauses[2] > 1.5 * pauses[0]


def test_a_child_that_ends_at_its_first_start_fails_the_start_with_its_last_words(tmp_path: Path) -> None:
    broken = "import sys; print('line one'); print('the port is taken', file=sys.stderr); sys.exit(4)"
    specs = [child(tmp_path, "a"), child(tmp_path, "b", broken, after=["a"])]
    with pytest.raises(StartFailed) as caught:
        supervised(tmp_path / "home", specs).start()
    message = str(caught.value)
    assert message.startswith("b did not start: it ended (exit code 4)")
    assert message.endswith("  line one\n  the port is taken")
    assert str(tmp_path / "home" / "logs" / "b.log") in message
    assert (tmp_path / "a.stopped").exists()


def test_a_child_that_never_gets_ready_fails_the_start_with_the_reason(tmp_path: Path) -> None:
    spec = child(tmp_path, "a", ready=file_ready(tmp_path / "never"), ready_timeout_s=0.5)
    with pytest.raises(StartFailed, match=r"a did not start: it was not ready after 0\.5 s: no never yet"):
        supervised(tmp_path / "home", [spec]).start()


def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match="cannot start /nowhere/program"):
        supervised(
            tmp_path / "home", [ChildSpec("a", ["/nowhere/program"], ready="http://127.0.0.1:1/")]
        ).start()


def test_a_step_must_end_well_before_what_comes_after_it(tmp_path: Path) -> None:
    step = "import pathlib, sys; pathlib.Path(sys.argv[1], 'step.done').write_text('x')"
    after = f"import pathlib; assert pathlib.Path({str(tmp_path)!r}, 'step.done').exists(){FOREVER}"
    specs = [child(tmp_path, "step", step, once=True), child(tmp_path, "b", after, after=["step"])]
    with supervised(tmp_path / "home", specs) as running:
        assert running.states()["step"] == ChildState(
            Phase.ENDED, None, 0, 0, running.states()["step"].since_ns
        )
        assert running.states()["b"].phase is Phase.READY


def test_a_step_that_fails_fails_the_start(tmp_path: Path) -> None:
    specs = [
        child(tmp_path, "step", "raise SystemExit('no schema')", once=True),
        child(tmp_path, "b", after=["step"]),
    ]
    with pytest.raises(StartFailed, match=r"step did not start(?s:.*)no schema"):
        supervised(tmp_path / "home", specs).start()
    assert not (tmp_path / "b.started").exists()


def test_what_is_not_required_may_fail(tmp_path: Path) -> None:
    specs = [child(tmp_path, "a"), child(tmp_path, "b", "raise SystemExit(1)", required=False)]
    with supervised(tmp_path / "home", specs) as running:
        eventually(lambda: running.states()["b"].restarts >= 2)
        assert running.states()["a"].phase is Phase.READY


def test_what_does_not_stop_is_killed_with_all_it_started(tmp_path: Path) -> None:
    with supervised(tmp_path / "home", [child(tmp_path, "a", STUBBORN, grace_s=0.3)]) as running:
        pid = running.states()["a"].pid
        kept = int((tmp_path / "a.started").read_text())
        assert pid is not None
        assert alive(kept)
    eventually(lambda: not alive(pid) and not alive(kept))


def test_what_a_dead_child_started_does_not_outlive_it(tmp_path: Path) -> None:
    with supervised(tmp_path / "home", [child(tmp_path, "a", STUBBORN, grace_s=0.3)]) as running:
        pid = running.states()["a"].pid
        kept = int((tmp_path / "a.started").read_text())
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: not alive(kept))


def test_one_instance_per_data_directory(tmp_path: Path) -> None:
    second = supervised(tmp_path / "home", [child(tmp_path, "b")])
    with (
        supervised(tmp_path / "home", [child(tmp_path, "a")]),
        pytest.raises(AlreadyRunning, match=f"in use by process {os.getpid()}"),
    ):
        second.start()


def test_an_error_in_a_callback_stops_everything_and_is_raised(tmp_path: Path) -> None:
    def broken() -> None:
        raise RuntimeError("a bug in the caller")

    home = tmp_path / "home"
    running = supervised(home, [child(tmp_path, "a")], on_ready=broken)
    with pytest.raises(RuntimeError, match="a bug in the caller"):
        running.start()
    assert (tmp_path / "a.stopped").exists()
    assert read_run(home) is None


def test_stop_may_come_from_another_thread_while_it_starts(tmp_path: Path) -> None:
    spec = child(tmp_path, "a", ready=file_ready(tmp_path / "never"))
    running = supervised(tmp_path / "home", [spec])
    starting = threading.Thread(target=running.start)
    starting.start()
    eventually((tmp_path / "a.started").exists)
    running.stop()
    starting.join(timeout=20)
    assert not starting.is_alive()
    assert (tmp_path / "a.stopped").exists()


PROGRAM = """
import sys
from pathlib import Path
from infra.embedded.child_spec import ChildSpec
from infra.embedded.supervisor import Supervisor
place = Path(sys.argv[1])
spec = ChildSpec("a", [sys.executable, "-c", sys.argv[2], str(place), "a"], grace_s=float(sys.argv[3]))
Supervisor(place / "home", [spec], on_ready=lambda: print("up", flush=True)).run()
print("down", flush=True)
"""


def program(place: Path, code: str, grace_s: float = 10.0) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(place), code, str(grace_s)]
    return subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything(tmp_path: Path, signum: signal.Signals) -> None:
    with program(tmp_path, FOREVER) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        eventually((tmp_path / "a.started").exists)
        process.send_signal(signum)
        assert process.stdout.readline() == "down\n"
        assert process.wait(20) == 0
    assert (tmp_path / "a.stopped").exists()


def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    with program(tmp_path, STUBBORN, grace_s=600) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        eventually((tmp_path / "a.started").exists)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_children_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    with program(tmp_path, STUBBORN) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        run = read_run(tmp_path / "home")
        assert run is not None
        pid = run["children"]["a"]["pid"]
        assert alive(pid)
        process.kill()
        eventually(lambda: not alive(pid))
    assert read_run(tmp_path / "home") is None
