"""Under which names requests are answered: what a browser sends after DNS rebinding is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.http_hosts import AllowedHosts, name_of

LOCAL = AllowedHosts(setting="gateway.allowed_hosts")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:4318",
        "localhost",
        "LOCALHOST:80",
        "localhost.",
        "localhost.:4318",
        "[::1]",
        "[::1]:4318",
        "[0:0:0:0:0:0:0:1]:4318",
    ],
)
def test_names_of_loopback_are_ours_in_every_spelling(host: str) -> None:
    assert LOCAL.refusal([host.encode()]) is None


@pytest.mark.parametrize(
    "host",
    [
        "",
        " ",
        "evil.example",
        "evil.example:4318",
        "localhost.evil.example",
        "evil.example#localhost",
        "localhost@evil.example",
        "127.0.0.1.nip.io",
        "localhost:x",
        "localhost:4318:1",
        "localhost..",
        "[::1",
        "::1",
        "[fe80::1]",
        "0.0.0.0",  # noqa: S104 - a header
        "127.0.0.1, evil.example",
        "http://localhost/",
        "l\u00f6calhost",
    ],
)
def test_every_other_name_is_refused_and_the_setting_named(host: str) -> None:
    assert "gateway.allowed_hosts" in str(LOCAL.refusal([host.encode("latin-1")]))


def test_without_a_name_only_a_client_that_is_no_browser_is_answered() -> None:
    assert LOCAL.refusal([]) is not None
    assert LOCAL.refusal([], "1.0") is None
    assert "several" in str(LOCAL.refusal([b"localhost", b"evil.example"]))


def test_a_deployment_names_its_own() -> None:
    everywhere = AllowedHosts("0.0.0.0", ("gateway", "Otel.Example.org."))  # noqa: S104 - a container
    for host in (b"gateway:4318", b"GATEWAY", b"otel.example.org", b"localhost"):
        assert everywhere.refusal([host]) is None
    assert everywhere.refusal([b"evil.example"]) is not None
    assert everywhere.refusal([b"0.0.0.0:4318"]) is not None
    assert AllowedHosts("::").refusal([b"any.example"]) is None
    assert AllowedHosts("192.0.2.7").refusal([b"192.0.2.7:4318"]) is None
    assert AllowedHosts("192.0.2.7").refusal([b"any.example"]) is not None
    assert AllowedHosts(named=["*"]).refusal([b"any.example"]) is None


@given(st.text(max_size=40))
def test_any_header_is_read_or_refused(text: str) -> None:
    host = text.encode("utf-8", "surrogatepass")
    why = LOCAL.refusal([host])
    assert (why is None) == (name_of(host.decode("latin-1")) in ("127.0.0.1", "localhost", "::1"))
