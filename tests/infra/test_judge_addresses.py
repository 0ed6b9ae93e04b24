"""Addresses that judges may have: a host the operator names, none where a machine is told its secrets."""

from __future__ import annotations

import pytest

from infra.errors import Misconfigured
from infra.settings import of_tables


def judged(url: str) -> None:
    of_tables({"judge": {"fit": {"url": url, "model": "m"}}}, {})


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://[fe80::1]/v1",
        "http://[fe80::1%25eth0]/v1",
        "http://[fd00:ec2::254]/v1",
        "http://[::ffff:169.254.169.254]/v1",
        "http://2852039166/v1",
        "http://0xa9fea9fe/v1",
        "http://0251.0376.0251.0376/v1",
        "http://metadata.google.internal/computeMetadata/v1",
        "http://METADATA.google.internal./v1",
        "http://100.100.100.200/v1",
    ],
)
def test_addresses_that_tell_credentials_are_refused(url: str) -> None:
    with pytest.raises(Misconfigured, match=r"judge\.fit\.url"):
        judged(url)


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "gopher://x/1", "ftp://x/", "http://", "//x/v1", "data:text/plain,x",
     "unix:/run/x", "http://[::1", "http://x:0/v1"],
)  # fmt: skip
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(Misconfigured, match=r"judge\.fit\.url"):
        judged(url)


def test_an_account_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(Misconfigured, match="key_file") as refused:
        judged("https://ada:harbour77@judge.example.org/v1")
    assert "harbour77" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    ["https://api.example.org/v1", "http://127.0.0.1:8000/v1", "http://10.0.0.7/v1", "http://[::1]:8000/v1"],
)
def test_hosts_are_taken(url: str) -> None:
    judged(url)
