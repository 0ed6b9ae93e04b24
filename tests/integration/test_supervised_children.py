"""Children that answer, or do not: identity, readiness, wedges, loops, and a stop in time."""

from __future__ import annotations

import http.server
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.embedded.child import Phase
from infra.embedded.child_spec import BackOff, ChildSpec, Liveness
from infra.embedded.errors import StartFailed
from infra.embedded.fallback_pager import page_for_alerts
from infra.embedded.ports import LOOPBACK, spare
from infra.embedded.reserved_ports import ReservedPorts
from infra.embedded.restart_loop import Restarted
from infra.embedded.run_file import read_run
from infra.embedded.supervisor import Supervisor
from tests.conftest import ROOT
from tests.webhook import Webhook

pytestmark = pytest.mark.integration

QUICK = BackOff(first_s=0.02, longest_s=0.1, stable_s=60)
WATCHED = Liveness(every_s=0.1, timeout_s=1.0, failures=3, late_s=0.5)
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True)\n"
DEAF += "while True: time.sleep(60)"


def answering(place: Path, name: str, port: int, **more: object) -> ChildSpec:
    at = f"http://{LOOPBACK}:{port}"
    values: dict[str, object] = {
        "ready": f"{at}/readyz",
        "alive": f"{at}/healthz",
        "identified": True,
        "ports": {name: port},
        "cwd": ROOT,
        "ready_timeout_s": 60.0,
        **more,
    }
    argv = [sys.executable, "-m", "tests.supervised", str(place), name, str(port)]
    return ChildSpec(name, argv, **values)  # type: ignore[arg-type]


def supervised(home: Path, specs: list[ChildSpec], **more: object) -> Supervisor:
    given = {"out": None, "back_off": QUICK, "liveness": WATCHED, **more}
    return Supervisor(home, specs, **given)  # type: ignore[arg-type]


def eventually(true: Callable[[], bool], patience_s: float = 60.0) -> None:
    deadline = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


@contextmanager
def stranger(port: int) -> Iterator[None]:
    """A server of somebody else that answers 200 to everything."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer((LOOPBACK, port), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


@pytest.mark.parametrize("identified", [True, False], ids=["names its instance", "by its socket"])
def test_the_answer_of_somebody_elses_server_is_not_taken_for_the_childs(
    tmp_path: Path, identified: bool
) -> None:
    port = spare()
    (tmp_path / "a.hold").touch()
    spec = answering(tmp_path, "a", port, identified=identified, ready_timeout_s=1.0)
    with stranger(port), pytest.raises(StartFailed, match=f"another process answers on port {port}"):
        supervised(tmp_path / "home", [spec]).start()


def test_a_server_that_took_the_port_of_a_child_that_was_down_is_noticed(tmp_path: Path) -> None:
    """A child whose protocol names no instance: only the socket tells."""
    port = spare()
    spec = answering(tmp_path, "a", port, identified=False, ready_timeout_s=6.0)
    with supervised(tmp_path / "home", [spec]) as running:
        (tmp_path / "a.hold").touch()
        pid = running.states()["a"].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: running.states()["a"].restarts == 1)
        with stranger(port):
            eventually(lambda: "another process answers" in running.states()["a"].reason)
            assert running.states()["a"].phase is not Phase.READY
            run = read_run(tmp_path / "home")
            assert run is not None
            assert run["ready"] is False
        (tmp_path / "a.hold").unlink()
        eventually(lambda: running.states()["a"].phase is Phase.READY)


def test_a_stopped_child_is_noticed_and_started_again(tmp_path: Path) -> None:
    with supervised(tmp_path / "home", [answering(tmp_path, "a", spare())]) as running:
        pid = running.states()["a"].pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        eventually(lambda: running.states()["a"].restarts == 1)
        eventually(lambda: running.states()["a"].phase is Phase.READY)
        state = running.states()["a"]
        assert state.pid != pid
        assert state.ended_because.startswith("it did not answer 3 times in a row")
        run = read_run(tmp_path / "home")
        assert run is not None
        assert "it did not answer 3 times" in run["children"]["a"]["last_end"]


def test_a_child_that_waits_for_something_is_not_ready_and_is_left_alone(tmp_path: Path) -> None:
    out = io.StringIO()
    with supervised(tmp_path / "home", [answering(tmp_path, "a", spare())], out=out) as running:
        pid = running.states()["a"].pid
        (tmp_path / "a.waits").write_text("ClickHouse: connection refused")
        eventually(lambda: running.states()["a"].phase is Phase.NOT_READY)
        assert "ClickHouse: connection refused" in running.states()["a"].reason
        run = read_run(tmp_path / "home")
        assert run is not None
        assert run["ready"] is False
        assert "ClickHouse: connection refused" in run["problems"][0]
        time.sleep(10 * WATCHED.every_s * WATCHED.failures)
        assert (running.states()["a"].restarts, running.states()["a"].pid) == (0, pid)
        (tmp_path / "a.waits").unlink()
        eventually(lambda: running.states()["a"].phase is Phase.READY)
        assert "a is not ready: " in out.getvalue().replace("  ", "")
        assert "a is ready again" in out.getvalue()


def test_a_child_that_was_restarted_while_what_it_needs_is_away_is_left_alone_too(tmp_path: Path) -> None:
    spec = answering(tmp_path, "a", spare(), ready_timeout_s=6.0)
    (tmp_path / "home").mkdir()
    with supervised(tmp_path / "home", [spec]) as running:
        (tmp_path / "a.waits").write_text("Kafka is away")
        pid = running.states()["a"].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: running.states()["a"].phase is Phase.NOT_READY)
        time.sleep(2.0)
        assert running.states()["a"].restarts == 1


def test_a_child_that_ends_again_and_again_is_said_loudly_once_and_nothing_is_ready(tmp_path: Path) -> None:
    told: list[Restarted] = []
    out = io.StringIO()
    specs = [
        answering(tmp_path, "a", spare()),
        ChildSpec("b", [sys.executable, "-c", "import time; time.sleep(0.2); raise SystemExit(70)"]),
    ]
    home = tmp_path / "home"
    with supervised(home, specs, out=out, on_loop=told.append) as running:
        eventually(lambda: running.states()["b"].restarts >= 5)
        run = read_run(home)
        assert run is not None
        assert run["ready"] is False
        assert run["problems"][0].startswith("b restarted ")
        assert run["problems"][0].endswith("last with exit code 70")
    assert [t.name for t in told] == ["b"]
    loud = [line for line in out.getvalue().splitlines() if "NOT READY" in line]
    assert len(loud) == 1
    assert "b restarted 3 times in 10 min" in loud[0]


def test_ready_is_not_said_while_a_child_is_down_that_was_ready_once(tmp_path: Path) -> None:
    """``a`` is ready at once and ends; when ``b`` is ready too, not everything is."""
    (tmp_path / "b.hold").touch()
    said: list[float] = []
    specs = [answering(tmp_path, "a", spare()), answering(tmp_path, "b", spare())]
    running = supervised(tmp_path / "home", specs, on_ready=lambda: said.append(time.monotonic()))
    starting = threading.Thread(target=running.start)
    starting.start()
    try:
        eventually(lambda: "a" in running.states() and running.states()["a"].phase is Phase.READY)
        (tmp_path / "a.hold").touch()
        pid = running.states()["a"].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: running.states()["a"].restarts == 1)
        (tmp_path / "b.hold").unlink()
        eventually(lambda: running.states()["b"].phase is Phase.READY)
        time.sleep(0.3)
        assert not said
        (tmp_path / "a.hold").unlink()
        eventually(lambda: bool(said))
    finally:
        running.stop()
        starting.join(20)


def test_two_instances_stop_in_time_whatever_their_children_do(tmp_path: Path) -> None:
    """Some ignore SIGTERM, some are stopped, one is both; in a chain, and two instances at once."""
    within_s = 8.0

    def instance(name: str) -> Supervisor:
        place = tmp_path / name
        place.mkdir()
        deaf = [sys.executable, "-c", DEAF]
        specs = [
            ChildSpec("broker", deaf, grace_s=20),
            ChildSpec("store", deaf, grace_s=20),
            answering(place, "worker", spare(), after=["broker", "store"], grace_s=20),
            ChildSpec("alerts", deaf, after=["broker", "store"], grace_s=20),
        ]
        patient = Liveness(every_s=60.0)
        return supervised(place / "home", specs, stop_within_s=within_s, liveness=patient)

    both = [instance("one"), instance("two")]
    for running in both:
        running.start()
    for running in both:
        logs = running._home / "logs"
        eventually(lambda: all((logs / f"{n}.log").read_text() for n in ("broker", "store", "alerts")))  # noqa: B023
        for name in ("worker", "broker"):
            pid = running.states()[name].pid
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
    took: list[float] = []

    def stop(running: Supervisor) -> None:
        began = time.monotonic()
        running.stop()
        took.append(time.monotonic() - began)

    threads = [threading.Thread(target=stop, args=(running,)) for running in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(took) == 2
    assert max(took) <= within_s, took


CLAIMER = """
import os, sys, time
from infra.embedded.reserved_ports import ReservedPorts
ports = ReservedPorts()
while not os.path.exists(sys.argv[1]):
    time.sleep(0.001)
print(*(ports.claim(str(i), int(sys.argv[2])) for i in range(8)), flush=True)
sys.stdin.read()
"""


def test_no_port_is_chosen_by_two_that_choose_at_the_same_instant(tmp_path: Path) -> None:
    """Twenty rounds of three processes that each take eight ports from the same one on."""
    base = spare()
    go = tmp_path / "go"
    argv = [sys.executable, "-c", CLAIMER, str(go), str(base)]
    for _ in range(20):
        go.unlink(missing_ok=True)
        claimers = [
            subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(3)
        ]
        time.sleep(0.4)
        go.touch()
        chosen = []
        for one in claimers:
            assert one.stdout is not None
            chosen += [int(port) for port in one.stdout.readline().split()]
        for one in claimers:
            one.communicate()
        assert len(set(chosen)) == 24, sorted(chosen)


def test_a_reserved_port_is_bound_by_a_child_and_kept_while_it_is_down(tmp_path: Path) -> None:
    with ReservedPorts() as ports:
        port = ports.claim("a", spare())
        spec = answering(tmp_path, "a", port)
        with supervised(tmp_path / "home", [spec], ports=ports) as running:
            for _ in range(2):
                (tmp_path / "a.hold").touch()
                pid = running.states()["a"].pid
                before = running.states()["a"].restarts
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
                eventually(lambda: running.states()["a"].restarts > before)  # noqa: B023
                with ReservedPorts() as others:
                    assert others.claim("b", port) != port
                (tmp_path / "a.hold").unlink()
                eventually(lambda: running.states()["a"].phase is Phase.READY)
    with ReservedPorts() as again:
        assert again.claim("a", port, asked=port) == port


def test_an_alerts_service_that_ends_again_and_again_is_paged_by_the_supervisor(tmp_path: Path) -> None:
    config = tmp_path / "lightship.toml"
    with Webhook() as hook:
        config.write_text(f'[[receiver]]\nname = "hook"\nkind = "webhook"\nurl = "{hook.url}"\n')
        dies = [sys.executable, "-c", "import time; time.sleep(0.2); raise SystemExit(70)"]
        environment = {"LIGHTSHIP_CONFIG": str(config), "LIGHTSHIP_HOME": str(tmp_path / "home")}
        specs = [
            answering(tmp_path, "worker", spare()),
            ChildSpec("alerts", dies, env=environment, cwd=ROOT),
        ]
        with supervised(tmp_path / "home", specs, on_loop=page_for_alerts(specs)) as running:
            eventually(lambda: bool(hook.posted))
            assert running.states()["alerts"].restarts >= 3
            eventually(lambda: running.states()["alerts"].restarts >= 6)
        assert len(hook.posted) == 1
        assert "alerts restarted 3 times in 10 min, last with exit code 70" in hook.posted[0].body.decode()
