"""Quotas under a clock of their own, the key file, and what the command line does with it."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import Misconfigured
from ingest.gateway import key_file
from ingest.gateway.ingest_keys import RECHECK_S, IngestKeys, load_keys
from ingest.gateway.key_file import Key, KeyFile, hash_of
from ingest.gateway.quotas import Bucket, Meter, Quotas
from ingest.gateway.refusal import Reason, Refused
from ingest.operations import keys
from tests.ingest.gateway.running import running
from tests.ingest.telemetry import chat, span, traces


class Time:
    """Seconds that a test decides about."""

    def __init__(self) -> None:
        self.s = 1000.0

    def __call__(self) -> float:
        return self.s


@given(
    st.floats(0.5, 100),
    st.floats(1, 500),
    st.lists(st.tuples(st.floats(0, 20), st.floats(0, 200)), max_size=60),
)
def test_a_bucket_never_lets_more_through_than_its_rate(
    rate: float, most: float, steps: list[tuple[float, float]]
) -> None:
    now = 0.0
    bucket = Bucket(rate, most, now)
    taken = 0.0
    for pause, n in steps:
        now += pause
        if bucket.wait_s(now) == 0:
            assert taken < most + rate * now + 1e-6
            bucket.take(n, now)
            taken += n
        else:
            waited = now + bucket.wait_s(now) + 1e-3
            assert Bucket.wait_s(bucket, waited) < 0.1
            now = waited


def test_a_meter_names_the_quota_that_is_used_up_and_for_how_long() -> None:
    time = Time()
    meter = Meter(Quotas(requests_per_s=2, burst_s=2, bytes_per_minute=600), time)
    assert [meter.admit() for _ in range(4)] == [None] * 4
    over = meter.admit()
    assert over is not None
    assert over[0] == "requests_per_s"
    time.s += 0.5
    assert meter.admit() is None
    time.s += 60
    meter.charge(0, 900)  # 300 more than there is: 30 s of debt
    assert meter.admit() == ("bytes_per_minute", 30.0)
    meter.charge(0, -900)
    assert meter.admit() is None


def test_a_request_over_the_quota_is_429_and_counts_only_when_taken(tmp_path: Path) -> None:
    time = Time()
    key = Key("alpha", hash_of(b"k"), quotas=Quotas(records_per_s=1, burst_s=2))
    keys = IngestKeys(KeyFile((key,)), now_s=time)

    async def test() -> None:
        async with running(tmp_path, keys=keys) as g:
            many = traces(*(span(chat(), span_id=n) for n in range(1, 6)))
            g.producer.down = True
            for _ in range(3):  # what Kafka does not take costs nothing
                assert (await g.post("/v1/traces", many, x_api_key="k")).status_code == 503
            g.producer.down = False
            assert (await g.post("/v1/traces", many, x_api_key="k")).status_code == 200
            for path in ("/v1/traces", "/v1/metrics", "/v1/feedback"):
                refused = await g.post(path, many, x_api_key="k")
                assert (refused.status_code, refused.headers["retry-after"]) == (429, "3")
            time.s += 3.1
            assert (await g.post("/v1/traces", many, x_api_key="k")).status_code == 200

    asyncio.run(test())


def reason_of(keys: IngestKeys, key: str) -> Reason | None:
    try:
        keys.sender({b"authorization": f"Bearer {key}".encode()})
    except Refused as error:
        return error.reason
    return None


def test_keys_are_made_once_shown_and_revoked_without_a_restart(tmp_path: Path) -> None:
    path, time = tmp_path / "keys" / "ingest.keys", Time()
    keys = load_keys(path, must_exist=False, now_s=time)
    assert not keys.required
    first, _ = key_file.create(path, "alpha", "ci", Quotas(), "2026-11-27T09:00:00Z")
    second, _ = key_file.create(path, "beta", None, Quotas(records_per_s=5e7), "2026-11-27T09:00:00Z")
    assert path.stat().st_mode & 0o777 == 0o600
    assert first not in path.read_text()
    assert reason_of(keys, "wrong") is None  # not looked at yet
    time.s += RECHECK_S
    assert [reason_of(keys, k) for k in (first, second)] == [None, None]
    assert (reason := reason_of(keys, "wrong")) is not None
    assert reason.status == 401
    key_file.revoke(path, "ci", "2026-11-27T10:00:00Z")
    time.s += RECHECK_S
    assert (reason := reason_of(keys, first)) is not None
    assert reason.status == 403
    key_file.block(path, "beta")
    time.s += RECHECK_S
    assert (reason := reason_of(keys, second)) is not None
    assert (reason.status, reason.name) == (403, "tenant_blocked")
    key_file.block(path, "beta", undo=True)
    time.s += RECHECK_S
    assert reason_of(keys, second) is None


def test_a_file_that_breaks_leaves_the_keys_as_they_were(tmp_path: Path) -> None:
    path, time = tmp_path / "ingest.keys", Time()
    secret, _ = key_file.create(path, "alpha", None, Quotas(), "2026-11-27T09:00:00Z")
    keys = load_keys(path, now_s=time)
    good = path.read_text()
    for bad in ("alpha secret\n", "", None):
        if bad is None:
            path.unlink()
        else:
            path.write_text(bad)
        time.s += RECHECK_S
        assert reason_of(keys, secret) is None
        assert reason_of(keys, "wrong") is not None
        assert keys.problem is not None
    path.write_text(good)
    time.s += RECHECK_S
    assert reason_of(keys, secret) is None
    assert keys.problem is None


NAMES = st.from_regex(r"\A[a-z0-9][a-z0-9_-]{0,20}\Z")
LIMITS = st.sampled_from([0.0, 0.5, 3.0, 500.0, 5e9, 123456789.0])


@given(
    NAMES,
    st.none() | NAMES,
    st.builds(Quotas, LIMITS, LIMITS, st.sampled_from([1.0, 10.0, 60.0]), LIMITS, LIMITS),
    st.none() | st.just("2026-11-27T09:00:00Z"),
)
def test_a_line_says_all_of_a_key(tenant: str, name: str | None, quotas: Quotas, revoked: str | None) -> None:
    key = Key(tenant, hashlib.sha256(tenant.encode()).hexdigest(), name, None, revoked, quotas)
    assert key_file.parse(key.line(), "here").keys == (key,)


def test_the_command_line_lists_what_there_is_and_never_a_key(tmp_path: Path) -> None:
    path = tmp_path / "k"
    quotas = ["records_per_s=500", "bytes_per_day=5e9"]
    secret, said = keys.create(None, path, "alpha", "ci", quotas)
    keys.create(None, path, "beta", None, [])
    assert secret not in said
    first, second = keys.listing(None, path)
    assert (first["tenant"], first["name"], first["state"]) == ("alpha", "ci", "in force")
    assert first["quotas"] == {"records_per_s": 500.0, "bytes_per_day": 5e9, "burst_s": 10.0}
    keys.revoke(None, path, second["id"])
    keys.block(None, path, "alpha", undo=False)
    rows = keys.listing(None, path)
    assert [r["state"] for r in rows] == ["tenant blocked", "revoked"]
    shown = keys.show(rows)
    assert secret not in shown
    assert "records_per_s=500" in shown
    os.chmod(path, 0o640)
    keys.create(None, path, "alpha", "cd", [])
    assert path.stat().st_mode & 0o777 == 0o640  # others of a group may read it, as before


@pytest.mark.parametrize(
    ("tenant", "name", "quotas", "says"),
    [
        ("Alpha", None, [], "cannot name a tenant"),
        ("alpha", "two words", [], "must be letters"),
        ("alpha", "taken", [], "there is a key named 'taken' already"),
        ("alpha", None, ["speed=1"], "'speed=1' is none of requests_per_s="),
        ("alpha", None, ["records_per_s=-1"], "must be a number of at least 0"),
        ("alpha", None, ["records_per_s=fast"], "must be a number of at least 0"),
    ],
)
def test_a_key_that_cannot_be_is_refused_in_words(
    tmp_path: Path, tenant: str, name: str | None, quotas: list[str], says: str
) -> None:
    path = tmp_path / "k"
    keys.create(None, path, "alpha", "taken", [])
    before = path.read_text()
    with pytest.raises(Misconfigured, match=says):
        keys.create(None, path, tenant, name, quotas)
    with pytest.raises(Misconfigured, match="lightship keys list"):
        keys.revoke(None, path, "nothing")
    assert path.read_text() == before
