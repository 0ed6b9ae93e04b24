"""The settings file and the variables that override it."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from infra import settings_page
from infra.errors import Misconfigured
from infra.settings import Settings, StoreSettings, hide_password, load, of_tables, show
from infra.settings_page import SHAPES, tables
from infra.typed_table import key_of

HERE = Path(__file__).resolve()
SECTIONS = {heading.strip("[]"): cls for heading, cls in tables()}
LIMITED = [
    (heading, f.name, f.metadata["within"])
    for heading, cls in tables()
    for f in fields(cls)
    if f.metadata.get("within")
]
SLACK = "[[receiver]]\nname = 'a'\nkind = 'slack'\n"
MAIL = "[[receiver]]\nname = 'a'\nkind = 'email'\nurl = 'smtp://mail.example.org:587'\n"
HOOK = '[[receiver]]\nname = "hook"\nurl = "https://example.org/x"\n'
LEVEL = f"{HOOK}[[escalation]]\nname = 'a'\n[[escalation.level]]\n"


def read(tmp_path: Path, text: str, **environ: str) -> Settings:
    file = tmp_path / "lightship.toml"
    file.write_text(text, encoding="utf-8")
    return load(file, environ)


def refused(tmp_path: Path, text: str, **environ: str) -> str:
    with pytest.raises(Misconfigured) as caught:
        read(tmp_path, text, **environ)
    return str(caught.value)


def test_without_a_file_there_are_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(environ={}) == Settings()


def test_the_shipped_defaults_are_allowed_values(tmp_path: Path) -> None:
    """Writing every default into a file changes nothing."""
    lines = []
    for heading, cls in tables():
        if heading.startswith("[[") or "<" in heading:
            continue
        lines.append(heading)
        lines += [
            f"{f.name} = {json.dumps(f.default)}"
            for f in fields(cls)
            if f.default is not MISSING and f.default
        ]
    assert read(tmp_path, "\n".join(lines)) == Settings()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[gatway]\nport = 1", "unknown section 'gatway', did you mean 'gateway'?"),
        ("[gateway]\nprot = 1", "unknown key in [gateway]: 'prot', did you mean 'port'?"),
        ("[[route]]\nreciever = 'x'", "did you mean 'receiver'?"),
        ("[redaction.acme]\nkeep_txt = 'all'", "unknown key in [redaction.acme]: 'keep_txt', did you mean"),
        ("[detection]\nadmit = 3", "unknown key in [detection]: 'admit'"),
    ],
)
def test_an_unknown_key_comes_with_the_nearest_one(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gateway = 5", "gateway must be a table, got 5"),
        ("receiver = {}", "receiver must be a list"),
        ("redaction = []", "redaction must be a table"),
        ("[gateway]\nport = '4318'", "gateway.port must be a whole number, got '4318'"),
        ("[gateway]\nport = true", "gateway.port must be a whole number, got True"),
        ("[gateway]\nport = 1.5", "gateway.port must be a whole number"),
        ("[gateway]\nhost = 127", "gateway.host must be text in quotes"),
        ("[kafka]\nidempotent = 1", "kafka.idempotent must be true or false"),
        ("[detection]\nlearn_days = 'long'", "detection.learn_days must be a number"),
        ("[scorers]\noff = 'refusal'", "scorers.off must be a list"),
        ("[scorers]\noff = [1]", "scorers.off[0] must be text in quotes"),
        (f"[gateway]\nhost = {['x' * 500]}", "..."),
        ("[[receiver]]\nkind = 'terminal'", "receiver[0].name is missing"),
        ("home = '/tmp'", "set LIGHTSHIP_HOME"),
        ("[gateway", "not valid TOML"),
    ],
)
def test_a_value_of_the_wrong_type_is_named(tmp_path: Path, text: str, said: str) -> None:
    message = refused(tmp_path, text)
    assert said in message
    assert len(message) < 400


@pytest.mark.parametrize(("heading", "key", "within"), LIMITED, ids=str)
def test_limits_are_kept_on_both_sides(
    tmp_path: Path, heading: str, key: str, within: tuple[float, float]
) -> None:
    low, high = within
    heading = heading.replace("<tenant>", "acme").replace("<service>", "desk").replace("<score>", "mine")
    heading = heading.replace("<name>", "fit")
    heading += {
        "[[limit]]": '\nscore = "refusal"',
        "[[receiver]]": '\nname = "a"',
        "[judge.fit]": '\nurl = "https://host/v1"\nmodel = "m"',
    }.get(heading, "")
    if heading == "[[rule]]":
        heading += '\nscore = "refusal"\nmeasure = "rate"\nop = ">"' + ("\nlimit = 0.1" * (key != "limit"))
    if heading == "[[rule.and]]":
        heading = '[[rule]]\nscore = "refusal"\nmeasure = "rate"\nlimit = 0.1\n[[rule.and]]\nscore = "error"'
        heading += '\nmeasure = "rate"' + ("\nlimit = 0.1" * (key != "limit"))
    if heading == "[[escalation.level]]":
        heading = '[[escalation]]\nname = "a"\n[[escalation.level]]\nreceivers = ["a"]'
    if heading == "[[slo]]":
        heading += '\nscore = "refusal"' + ("\nobjective = 0.9" * (key != "objective"))
    for value in (str(low - 1), str(high + 1), "nan"):
        message = refused(tmp_path, f"{heading}\n{key} = {value}")
        assert key in message
        assert "out of range" in message or "whole number" in message


def test_the_ends_of_the_limits_are_allowed(tmp_path: Path) -> None:
    settings = read(tmp_path, "[kafka]\npartitions = 256\n[detection]\nlearn_days = 1\ntick_s = 3600")
    assert (settings.kafka.partitions, settings.detection.learn_days) == (256, 1.0)
    assert isinstance(settings.detection.learn_days, float)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[detection]\ntick_s = 420", "must divide an hour"),
        ("[store]\ndatabase = 'a; DROP'", "not a name"),
        ("[kafka]\nbootstrap = 'kafka://k:9092'", "kafka.bootstrap = 'kafka://k:9092' must be host:port"),
        ("[kafka]\nbootstrap = 'k:1, l:2'", "must be host:port,host:port"),
        ("[kafka]\nuser = 'u'", "kafka.user is set and kafka.password_file is not: give both or neither"),
        ("[kafka]\npassword_file = 'p'", "kafka.password_file is set and kafka.user is not"),
        ("[kafka]\ntls = true\nkey_file = 'k'", "kafka.key_file is set and kafka.cert_file is not"),
        ("[kafka]\nca_file = 'c'", "kafka.ca_file is for TLS, which is off: set kafka.tls = true"),
        ("[kafka]\nmechanism = 'GSSAPI'", "kafka.mechanism = 'GSSAPI' is none of SCRAM-SHA-512"),
        ("[store]\nurl = 'http://h'\nca_file = 'c'", "store.ca_file is for https"),
        ("[gateway]\nmax_in_flight_mib = 8", "gateway.max_body_mib = 64"),
        ("[redaction.acme]\nkeep_text = 'some'", "redaction.acme.keep_text = 'some' is none of all, flagged"),
        ("[redaction.acme]\nkeep_percent = 101", "redaction.acme.keep_percent"),
        ("[[receiver]]\nname = 'a'\nkind = 'pigeon'", "receiver[0].kind = 'pigeon' is none of terminal, web"),
        ("[[receiver]]\nname = 'a'", "receiver[0].url of 'a' must be http://host/path or https://host/path"),
        ("[[receiver]]\nname = 'a'\nurl = 'example.org'", "receiver[0].url of 'a' must be http"),
        ("[[receiver]]\nname = 'a'\nurl = 'http://[::1/x'", "receiver[0].url"),
        ("[[receiver]]\nname = ''\nkind = 'terminal'", "receiver[0].name = ''"),
        (
            "[[receiver]]\nname = 'a'\nkind = 'terminal'\nurl = 'http://h/x'",
            "receiver[0].url is nothing a termi",
        ),
        (f"{HOOK}url_file = 'u'", "receiver[0] of 'hook' has url and url_file: give one of them"),
        (
            "[[receiver]]\nname = 'a'\nkind = 'slack'",
            "receiver[0] of 'a' needs token_file or url_file (a slack",
        ),
        (f"{SLACK}token_file = 't'", "receiver[0].channel of 'a' is missing: a bot token posts to a channel"),
        (
            f"{SLACK}url_file = 'u'\nchannel = 'C1'",
            "receiver[0].channel of 'a' is for a bot token: remove it",
        ),
        (f"{SLACK}url_file = 'u'\ntoken_file = 't'", "has token_file and url_file: give one of them"),
        ("[[receiver]]\nname = 'a'\nkind = 'pagerduty'", "needs token_file (a pagerduty receiver)"),
        ("[[receiver]]\nname = 'a'\nkind = 'apprise'", "needs urls_env or urls_file (an apprise receiver)"),
        (
            "[[receiver]]\nname = 'a'\nkind = 'apprise'\nurls_env = 'json://h/secret'",
            "receiver[0].urls_env of 'a' must be the name of a variable, such as ALERT_URLS",
        ),
        ("[[receiver]]\nname = 'a'\nkind = 'alertmanager'\nurl = 'am:9093'", "must be http://host/path or"),
        (f"{MAIL}sender = 'a@b.c'\nto = ['x']", "receiver[0].to = 'x' must be an address such as ops@"),
        (f"{MAIL}sender = 'a@b.c, d@e.f'\nto = ['x@y.z']", "receiver[0].sender = 'a@b.c, d@e.f' must be an"),
        (
            f"{MAIL}sender = 'a@b.c'\nto = ['x@y.z']\nuser = 'u'",
            "receiver[0].user is set and receiver[0].pass",
        ),
        (f"{MAIL}sender = 'a@b.c'\nto = []", "receiver[0] of 'a' needs to (an email receiver)"),
        (
            f"{MAIL}sender = 'a@b.c'\nto = ['x@y.z']\nuser = 'u'\npassword_file = 'p'\nstarttls = false",
            "receiver[0].starttls = false would send the password in clear",
        ),
        (f"{MAIL}sender = 'a@b.c'\nto = ['x@y.z']".replace("smtp:", "http:"), "must be smtp://host:port or"),
        (f"{HOOK}{HOOK}", "must be there and differ"),
        (f"{HOOK}[[route]]\nreceiver = 'hok'", "unknown receiver 'hok', did you mean 'hook'?"),
        (f"{HOOK}[[route]]\nreceivers = ['hook', 'hok']", "unknown receiver 'hok', did you mean 'hook'?"),
        (f"{HOOK}[[route]]\nservices = ['a']", "route[0] names no receiver: give receivers = "),
        (
            f"{HOOK}[[rule]]\nscore = 'refusal'\nmeasure = 'rate'\nlimit = 0.1\nreceivers = ['hook', 'hok']",
            "unknown receiver in rule[0]: 'hok', did you mean 'hook'?",
        ),
        (f"{HOOK}[[route]]\nreceiver = 'hook'\nreceivers = ['hook']", "put all names into receivers"),
        (f"{HOOK}[[route]]\nreceiver = 'hook'\nescalation = 'x'", "unknown escalation in route[0]: 'x'"),
        (f"{HOOK}[[escalation]]\nname = 'a'", "escalation 'a' has no level: add [[escalation.level]]"),
        (
            f"{LEVEL}receivers = ['hok']",
            "unknown receiver in escalation[0].level[0]: 'hok', did you mean 'ho",
        ),
        (f"{LEVEL}receivers = []", "escalation[0].level[0] names no receiver"),
        (f"{LEVEL}receivers = ['hook']\nactive_time_intervals = ['day']", "unknown time interval in escal"),
        (
            f"{LEVEL}receivers = ['hook']\nminutes = -1",
            "escalation[0].level[0].minutes = -1.0 is out of range",
        ),
        ("[time_interval.a]\nlocation = 'Berlin'", "time_interval.a.location = 'Berlin' is no time zone"),
        ("[time_interval.a]\nlocation = '../etc'", "time_interval.a.location = '../etc' is no time zone"),
        (
            "[time_interval.a]\nstart_time = '9:00'",
            "time_interval.a: start_time = '9:00' is no time of a day",
        ),
        ("[time_interval.a]\nend_time = '24:01'", "time_interval.a: end_time = '24:01' is no time of a day"),
        ("[time_interval.a]\nend_time = '00:00'", "time_interval.a: 00:00 to 00:00 is no time at all"),
        ("[time_interval.a]\nweekdays = ['mon:fri']", "unknown weekday 'mon', did you mean 'monday'?"),
        (f"{HOOK}[[route]]\nreceiver = 'hook'\nseverities = ['loud']", "'loud' is none of page, ticket, inf"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(tmp_path, text)


def test_a_terminal_needs_no_address(tmp_path: Path) -> None:
    settings = read(tmp_path, "[[receiver]]\nname = 'here'\nkind = 'terminal'\n[[route]]\nreceiver = 'here'")
    assert settings.receiver[0].kind == "terminal"


def test_a_tenant_has_a_table_of_its_own(tmp_path: Path) -> None:
    settings = read(tmp_path, "[redaction.acme]\nkeep_text = 'flagged'\nkeep_percent = 5")
    assert settings.redaction["acme"].keep_percent == 5.0


def test_variables_override_the_file(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        "[gateway]\nport = 1\nhost = 'h'\n[kafka]\nbootstrap = 'a:1'",
        LIGHTSHIP_KAFKA="b:2,c:3",
        LIGHTSHIP_CLICKHOUSE="http://x:8123",
        LIGHTSHIP_CLICKHOUSE_PASSWORD_FILE="/run/p",
        LIGHTSHIP_HOME="/data",
        LIGHTSHIP_GATEWAY_PORT="2",
        LIGHTSHIP_KAFKA_IDEMPOTENT="TRUE",
        LIGHTSHIP_DETECTION_LEARN_DAYS="2.5",
        LIGHTSHIP_SCORERS_OFF="refusal, language",
        LIGHTSHIP_BUDGET_MAX_SERVICES="",
        LIGHTSHIP_ROLE="viewer",
    )
    assert (settings.gateway.port, settings.gateway.host) == (2, "h")
    assert (settings.kafka.bootstrap, settings.kafka.idempotent) == ("b:2,c:3", True)
    assert settings.store == StoreSettings(url="http://x:8123", password_file="/run/p")
    assert settings.home == Path("/data")
    assert settings.detection.learn_days == 2.5
    assert settings.scorers.off == ("refusal", "language")
    assert settings.budget.max_services == 50


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"LIGHTSHIP_GATEWAY_PORT": "high"}, "LIGHTSHIP_GATEWAY_PORT = 'high' must be a whole number"),
        ({"LIGHTSHIP_GATEWAY_PROT": "1"}, "did you mean 'LIGHTSHIP_GATEWAY_PORT'?"),
        ({"LIGHTSHIP_KAFKA_IDEMPOTENT": "yes"}, "must be true or false"),
        ({"LIGHTSHIP_GATEWAY_LINGER_MS": "nan"}, "out of range"),
        ({"LIGHTSHIP_BUDGET_MAX_SERVICES": "0"}, "budget.max_services = 0 is out of range"),
        ({"LIGHTSHIP_CONFIG": "/nowhere/at/all.toml"}, "cannot read /nowhere/at/all.toml: No such file"),
        ({"LIGHTSHIP_HOME": "~nobody-of-this-name/x"}, "LIGHTSHIP_HOME"),
    ],
)
def test_a_variable_that_cannot_work_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environ: dict[str, str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Misconfigured) as caught:
        load(environ=environ)
    assert said in str(caught.value)


def test_a_variable_does_not_hide_a_wrong_file(tmp_path: Path) -> None:
    assert refused(tmp_path, "gateway = 5", LIGHTSHIP_GATEWAY_PORT="1") == "gateway must be a table, got 5"
    assert refused(tmp_path, "kafka = 5", LIGHTSHIP_KAFKA="k:1") == "kafka must be a table, got 5"


def test_files_are_found_from_where_the_settings_lie(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("HOME", "/home-of-mine")
    settings = read(
        tmp_path,
        f"[store]\npassword_file = '/run/p'\n{HOOK}secret_file = 'keys/hook'\n"
        f"{HOOK.replace('hook', 'other')}secret_file = '~/hook'",
    )
    assert settings.store.password_file == "/run/p"
    assert [r.secret_file for r in settings.receiver] == [f"{tmp_path}/keys/hook", "/home-of-mine/hook"]
    settings = read(tmp_path, "", LIGHTSHIP_CLICKHOUSE_PASSWORD_FILE="p", LIGHTSHIP_STORE_PASSWORD_FILE="")
    assert settings.store.password_file == f"{tmp_path}/elsewhere/p"


TOML = st.recursive(
    st.booleans() | st.integers(-(2**40), 2**40) | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "kind", "url", "port", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*SECTIONS, "receiver", "route", "home", "x"]), TOML, max_size=4))
@example({"receiver": [{"name": "a", "kind": "terminal"}], "gateway": {"port": 0}})
def test_any_file_is_read_or_refused_in_words(data: dict[str, Any]) -> None:
    try:
        settings = of_tables(data, {})
    except Misconfigured as error:
        said = str(error)
        event("refused")
        assert len(said) < 500
        return
    json.dumps(show(settings))
    assert len(settings.config_hash()) == 16


PASSWORDS = st.text(st.characters(codec="utf-8", exclude_characters="*"), min_size=4)


@given(PASSWORDS.map(lambda p: f"~{p}~"), st.sampled_from(["http://", "https://", ""]), st.booleans())
@example("~p@ss/w?rd#~", "http://", False)
@example("~a://b~", "", False)
def test_a_password_is_never_shown(password: str, scheme: str, in_query: bool) -> None:
    url = f"{scheme}host:8123/?password={password}" if in_query else f"{scheme}user:{password}@host:8123"
    settings = Settings(store=StoreSettings(url=url))
    assert password not in hide_password(url)
    assert password not in json.dumps(show(settings), ensure_ascii=False)
    for part in (password[:4], password[-4:]):
        assert part not in hide_password(url)


def test_what_is_no_secret_is_shown() -> None:
    assert hide_password("http://user:pw@host:8123") == "http://user:***@host:8123"
    for plain in ("", "http://host:8123", "http://user@host:8123", "https://h/x", "kafka:9092"):
        assert hide_password(plain) == plain


def test_of_a_webhook_only_the_host_is_shown(tmp_path: Path) -> None:
    settings = read(tmp_path, HOOK.replace("example.org/x", "u:geheim@example.org:444/geheim?geheim"))
    assert show(settings)["receiver"][0]["url"] == "https://example.org:444/***"


def test_a_message_about_an_address_does_not_repeat_its_password(tmp_path: Path) -> None:
    message = refused(tmp_path, "[store]\nurl = ['http://user:geheim@host:8123']")
    assert "store.url must be text" in message
    assert "geheim" not in message


def test_what_decides_findings_decides_the_hash() -> None:
    base = Settings()
    assert base.config_hash() == Settings().config_hash()
    assert replace(base, kafka=replace(base.kafka, partitions=8)).config_hash() == base.config_hash()
    for changed in (
        replace(base, detection=replace(base.detection, learn_days=7.0)),
        replace(base, budget=replace(base.budget, pages_per_month=2.0)),
    ):
        assert changed.config_hash() != base.config_hash()


def test_every_setting_stands_in_the_documentation() -> None:
    page = (HERE.parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
    assert page == settings_page.render(), "run: python -m infra.settings_page > docs/settings.md"
    for heading, cls in tables():
        section = page.partition(f"## `{heading}`")[2].partition("\n## ")[0]
        for f in fields(cls):
            if f.metadata:  # else a table of its own
                assert f"| `{key_of(f)}` |" in section
                assert f.metadata["says"] in section
    assert set(SHAPES.values()) >= {"text", "whole number"}
