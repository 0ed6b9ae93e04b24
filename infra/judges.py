"""External judges as settings: models behind an OpenAI-compatible API that rate some interactions."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from infra.errors import Misconfigured
from infra.receivers import WEB, has_scheme, is_link_local
from infra.sections import about

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """A judge, named as the table: a model that rates a small sample of what is stored, after the fact.

    It reads redacted text and sends it to `url`: whoever answers there sees it. Every rating is a judgement
    `judgement:<name>@<version>`; the version follows from model and rubric, so another one is a series anew.
    """

    url: str = field(metadata=about("address of an OpenAI-compatible API, such as `https://host/v1`"))
    model: str = field(metadata=about("name of the model that judges"))
    key_file: str = field(default="", metadata=about("file with the key of the API; empty: it asks for none"))
    ca_file: str = field(
        default="",
        metadata=about("certificates (PEM) of who signed an https server's; empty: who the system trusts"),
    )
    rubric_file: str = field(
        default="", metadata=about("the question and its scale (TOML); empty: whether an answer helps")
    )
    percent: float = field(
        default=1.0,
        metadata=about("percent of interactions that are rated; their ids choose", within=(0.001, 100)),
    )
    services: tuple[str, ...] = field(default=(), metadata=about("services; `*` and `?` allowed; empty: all"))
    tenant: str = field(default="default", metadata=about("whose interactions"))
    calls_per_hour: int = field(default=120, metadata=about("calls in any hour", within=(1, 100_000)))
    usd_per_day: float = field(
        default=1.0, metadata=about("US dollars in any 24 hours, by list prices", within=(0, 100_000))
    )
    input_usd: float = field(
        default=0.0,
        metadata=about(
            "US dollars for a million tokens of input; 0 of both: by the table of prices", within=(0, 10_000)
        ),
    )
    output_usd: float = field(
        default=0.0, metadata=about("US dollars for a million tokens of output", within=(0, 10_000))
    )
    timeout_s: float = field(default=60.0, metadata=about("seconds an answer may take", within=(1, 600)))
    most_chars: int = field(
        default=6000, metadata=about("characters of a text that are shown to it", within=(200, 200_000))
    )
    answer_tokens: int = field(default=400, metadata=about("tokens of an answer", within=(20, 8000)))
    tokens_key: str = field(
        default="max_tokens",
        metadata=about(
            "how the API calls that limit (newer models of OpenAI: the second)",
            one_of=("max_tokens", "max_completion_tokens"),
        ),
    )
    temperature: float = field(default=0.0, metadata=about("temperature; below 0: not sent", within=(-1, 2)))
    json_mode: bool = field(
        default=True, metadata=about("whether the API is asked for JSON (`response_format`)")
    )
    reach_hours: float = field(
        default=6.0,
        metadata=about("hours after which an interaction is not rated any more", within=(0.1, 168)),
    )
    every_s: float = field(
        default=15.0, metadata=about("seconds between two looks for interactions", within=(0.2, 3600))
    )


def check_judge(name: str, judge: JudgeSettings) -> None:
    """Refuse a name that cannot be part of a score's, and an address that is none.

    Raises
    ------
    Misconfigured
        Naming the judge and the key.
    """
    if not _NAME.fullmatch(name):
        raise Misconfigured(
            f"[judge.{name[:60]}] cannot name a judge: use up to 40 lower-case letters, digits, - and _"
        )
    if not has_scheme(judge.url, WEB):
        raise Misconfigured(f"judge.{name}.url must be http://host/v1 or https://host/v1")
    if "@" in urlsplit(judge.url).netloc:
        raise Misconfigured(
            f"judge.{name}.url holds an account: put the key into a file, judge.{name}.key_file"
        )
    if is_link_local(judge.url):
        raise Misconfigured(
            f"judge.{name}.url is an address of this machine's own network link, where clouds answer with "
            "credentials: name the judge's host"
        )
    if not judge.model:
        raise Misconfigured(f"judge.{name}.model is empty: name the model that judges")
    if judge.ca_file and not judge.url.startswith("https:"):
        raise Misconfigured(f"judge.{name}.ca_file is for https")
