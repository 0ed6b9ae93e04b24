"""Invented credentials in the shape real ones have, made at run time and good for nothing."""

from __future__ import annotations

import random
import string
import zlib

_BASE32 = string.ascii_uppercase + "234567"
_ALNUM = string.ascii_letters + string.digits
_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def credentials(rng: random.Random) -> str:
    """One or two shell lines that set a credential."""
    return rng.choice((_aws, _github, _stripe, _slack))(rng)


def _aws(rng: random.Random) -> str:
    key_id = "AKIA" + _draw(rng, _BASE32, 16)
    return f"export AWS_ACCESS_KEY_ID={key_id}\nexport AWS_SECRET_ACCESS_KEY={_draw(rng, _ALNUM + '+/', 40)}"


def _github(rng: random.Random) -> str:
    """The last six characters are a checksum of the thirty before, as GitHub's are."""
    body = _draw(rng, _ALNUM, 30)
    rest, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        rest, digit = divmod(rest, 62)
        digits = _BASE62[digit] + digits
    return f"export GITHUB_TOKEN=ghp_{body}{digits}"


def _stripe(rng: random.Random) -> str:
    return f"export STRIPE_API_KEY=sk_live_{_draw(rng, _ALNUM, 24)}"


def _slack(rng: random.Random) -> str:
    numbers = f"{_draw(rng, string.digits, 12)}-{_draw(rng, string.digits, 12)}"
    return f"export SLACK_BOT_TOKEN=xoxb-{numbers}-{_draw(rng, _ALNUM, 24)}"


def _draw(rng: random.Random, alphabet: str, n: int) -> str:
    return "".join(rng.choices(alphabet, k=n))
