"""What a random secret may happen to look like saves it from nobody's eyes."""

from __future__ import annotations

import random

import pytest

from detectors.redaction import Pseudonymiser, RedactionPolicy, Redactor
from detectors.redaction.text import redact_text
from tests.detectors.redaction.plants import ALNUM, BASE64, draw

REDACTOR = Redactor(RedactionPolicy(), Pseudonymiser(b"k" * 32))


@pytest.mark.parametrize("name", ["AccountKey={}==", "aws_secret_access_key = {}", '"client_secret": "{}"'])
def test_a_key_that_begins_with_a_slash_is_no_path(name: str) -> None:
    rng = random.Random(11)
    kept = 0
    for _ in range(500):
        value = "/" + draw(rng, BASE64, 43)
        kept += value in redact_text(name.format(value), REDACTOR)[0]
    assert kept <= 2


@pytest.mark.parametrize(
    "path",
    [
        "/etc/ssl/private/Harbour7/Server2024",
        "/Users/AnnSmith/Documents/Project2/Keys/Production1",
        "../secrets/BillingService/Version12/AccountFile3",
        "/run/secrets/db_password_2024_staging_1",
    ],
)
def test_a_path_is_no_key(path: str) -> None:
    text = f"secret_key: {path}"
    assert redact_text(text, REDACTOR)[0] == text


@pytest.mark.parametrize("word", ["yOur", "YoUr", "fAke", "moCK", "tODo", "xXXx", "aKEy"])
def test_a_stand_in_is_written_in_one_case(word: str) -> None:
    rng = random.Random(word)
    token = f"ghp_{draw(rng, ALNUM, 16)}{word}{draw(rng, ALNUM, 16)}"
    assert token not in redact_text(f"use {token} now", REDACTOR)[0]
    key = draw(rng, ALNUM, 14) + word + draw(rng, ALNUM, 14)
    assert key not in redact_text(f"api_key = {key}", REDACTOR)[0]


@pytest.mark.parametrize(
    "value",
    ["YOUR_API_KEY_HERE_12345", "ghp_yourtoken1234567890abcdefghijklmnopqrs", "FakeKey1234567890abcd"],
)
def test_stand_ins_stay(value: str) -> None:
    text = f"api_key: {value}"
    assert redact_text(text, REDACTOR)[0] == text
