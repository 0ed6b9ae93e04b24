"""Credentials with a form of their own: vendor tokens, JSON web tokens, private keys, passwords in URLs.

A literal that every token of a vendor contains is looked for first, all of them in one pass; the token's
full form is matched only there, and only where a token can begin. Forms follow the vendors' documentation
and the patterns of public secret scanners.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from detectors.redaction.hits import RANK_STRUCTURE, RANK_VENDOR, Hit
from detectors.redaction.matching import Pattern, free_after, free_before
from detectors.redaction.placeholders import is_placeholder, is_vendor_example
from detectors.redaction.views import View


@dataclass(frozen=True, slots=True)
class Vendor:
    """One token format: it begins with one of ``literals`` and matches ``form`` from there on."""

    type: str
    literals: tuple[str, ...]
    form: str


VENDORS: tuple[Vendor, ...] = (
    Vendor("aws_access_key_id", ("AKIA", "ASIA", "ABIA", "ACCA"), r"A[A-Z]{3}[A-Z2-7]{16}"),
    Vendor("anthropic_key", ("sk-ant-",), r"sk-ant-[A-Za-z0-9_\-]{24,}"),
    Vendor("llm_provider_key", ("sk-or-v1-",), r"sk-or-v1-[0-9a-f]{32,64}"),
    Vendor("observability_token", ("sk-lf-",), r"sk-lf-[0-9a-f\-]{32,40}"),
    Vendor("openai_key", ("sk-",), r"sk-(?:(?:proj|svcacct|admin|None)-)?[A-Za-z0-9_\-]{20,}"),
    Vendor(
        "llm_provider_key", ("gsk_", "pplx-", "xai-", "fw_", "nvapi-"), r"[a-z]+[_-][A-Za-z0-9_\-]{32,100}"
    ),
    Vendor("llm_provider_key", ("r8_",), r"r8_[A-Za-z0-9]{37}"),
    Vendor("huggingface_token", ("hf_",), r"hf_[A-Za-z0-9]{30,40}"),
    Vendor("huggingface_token", ("api_org_",), r"api_org_[A-Za-z0-9]{30,40}"),
    Vendor("google_api_key", ("AIza",), r"AIza[A-Za-z0-9_\-]{35}"),
    Vendor("google_oauth", ("GOCSPX-",), r"GOCSPX-[A-Za-z0-9_\-]{28}"),
    Vendor("google_oauth", ("ya29.",), r"ya29\.[A-Za-z0-9_\-]{30,}"),
    Vendor("github_token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"gh[pousr]_[A-Za-z0-9]{36,255}"),
    Vendor("github_token", ("github_pat_",), r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    Vendor(
        "gitlab_token",
        ("glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glft-", "glsoat-", "glagent-", "glimt-"),
        r"gl[a-z]{2,5}-[A-Za-z0-9_\-.]{20,64}",
    ),
    Vendor(
        "slack_token", ("xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe"), r"xox[a-z.]+-[A-Za-z0-9\-]{16,}"
    ),
    Vendor("slack_token", ("xapp-",), r"xapp-\d-[A-Za-z0-9\-]{20,}"),
    Vendor(
        "slack_token",
        ("hooks.slack.com/",),
        r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_]{20,}",
    ),
    Vendor(
        "discord_token",
        ("discord.com/api/webhooks/", "discordapp.com/api/webhooks/"),
        r"discord(?:app)?\.com/api/webhooks/\d{15,20}/[A-Za-z0-9_\-]{50,}",
    ),
    Vendor(
        "stripe_key",
        ("sk_live_", "sk_test_", "rk_live_", "rk_test_"),
        r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,}",
    ),
    Vendor("stripe_key", ("whsec_",), r"whsec_[A-Za-z0-9+/=]{24,}"),
    Vendor("payment_key", ("sq0atp-", "sq0csp-"), r"sq0[a-z]{3}-[A-Za-z0-9_\-]{22,43}"),
    Vendor(
        "payment_key", ("access_token$production$",), r"access_token\$production\$[0-9a-z]{16}\$[0-9a-f]{32}"
    ),
    Vendor("shopify_token", ("shpat_", "shpss_", "shpca_", "shppa_"), r"shp[a-z]{2}_[0-9a-fA-F]{32}"),
    Vendor("twilio_key", ("SK",), r"SK[0-9a-f]{32}"),
    Vendor("sendgrid_key", ("SG.",), r"SG\.[A-Za-z0-9_\-]{16,32}\.[A-Za-z0-9_\-]{16,64}"),
    Vendor("mail_provider_key", ("key-",), r"key-[0-9a-f]{32}"),
    Vendor("mail_provider_key", ("xkeysib-",), r"xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}"),
    Vendor("npm_token", ("npm_",), r"npm_[A-Za-z0-9]{36}"),
    Vendor("package_registry_token", ("pypi-",), r"pypi-[A-Za-z0-9_\-]{50,}"),
    Vendor("package_registry_token", ("rubygems_",), r"rubygems_[0-9a-f]{48}"),
    Vendor("package_registry_token", ("dckr_pat_", "dckr_oat_"), r"dckr_[po]at_[A-Za-z0-9_\-]{27,}"),
    Vendor("package_registry_token", ("oy2",), r"oy2[a-z0-9]{43}"),
    Vendor("cloud_token", ("dop_v1_", "doo_v1_", "dor_v1_"), r"do[opr]_v1_[0-9a-f]{64}"),
    Vendor("cloud_token", ("HRKU-",), r"HRKU-[A-Za-z0-9_\-]{36,}"),
    Vendor("cloud_token", ("fo1_", "fm1_", "fm2_"), r"f[om][12]_[A-Za-z0-9+/=_\-]{40,}"),
    Vendor("cloud_token", ("nfp_",), r"nfp_[A-Za-z0-9]{36,}"),
    Vendor("cloud_token", ("vercel_", "vcp_", "vck_"), r"v[a-z]+_[A-Za-z0-9_]{24,}"),
    Vendor("cloud_token", ("LTAI",), r"LTAI[A-Za-z0-9]{16,24}"),
    Vendor("cloud_token", ("AKID",), r"AKID[A-Za-z0-9]{32}"),
    Vendor("cloud_token", ("pul-",), r"pul-[0-9a-f]{40}"),
    Vendor("database_token", ("dapi",), r"dapi[0-9a-f]{32}"),
    Vendor("database_token", ("pscale_",), r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_\-.]{32,64}"),
    Vendor("database_token", ("sbp_",), r"sbp_[0-9a-f]{40}"),
    Vendor("database_token", ("sb_secret_",), r"sb_secret_[A-Za-z0-9_\-]{20,}"),
    Vendor("database_token", ("pcsk_",), r"pcsk_[A-Za-z0-9_]{40,}"),
    Vendor("vault_token", ("hvs.", "hvb.", "hvr."), r"hv[sbr]\.[A-Za-z0-9_\-]{24,}"),
    Vendor("vault_token", ("dp.pt.", "dp.st.", "dp.ct."), r"dp\.[a-z]{2}\.[A-Za-z0-9.]{40,}"),
    Vendor("vault_token", ("AGE-SECRET-KEY-1",), r"AGE-SECRET-KEY-1[0-9A-Z]{56,60}"),
    Vendor("vault_token", ("ops_eyJ",), r"ops_eyJ[A-Za-z0-9+/=_\-]{100,}"),
    Vendor("observability_token", ("glsa_",), r"glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}"),
    Vendor("observability_token", ("glc_eyJ",), r"glc_eyJ[A-Za-z0-9+/=]{32,}"),
    Vendor("observability_token", ("NRAK-", "NRJS-"), r"NR[A-Z]{2}-[A-Za-z0-9]{19,32}"),
    Vendor("observability_token", ("sntrys_", "sntryu_"), r"sntry[su]_[A-Za-z0-9+/=_\-]{40,}"),
    Vendor("observability_token", ("lsv2_pt_", "lsv2_sk_"), r"lsv2_[ps][tk]_[0-9a-f]{32}_[0-9a-f]{10}"),
    Vendor("observability_token", ("dd_api_", "ddapi_"), r"dd_?api_[A-Za-z0-9]{32,}"),
    Vendor("atlassian_token", ("ATATT3", "ATCTT3", "ATBB"), r"AT[A-Z]{2}[A-Za-z0-9_\-+=]{24,}"),
    Vendor("saas_token", ("lin_api_",), r"lin_api_[A-Za-z0-9]{40}"),
    Vendor("saas_token", ("ntn_", "secret_"), r"(?:ntn|secret)_[A-Za-z0-9]{43,46}"),
    Vendor("saas_token", ("figd_",), r"figd_[A-Za-z0-9_\-]{40}"),
    Vendor("saas_token", ("PMAK-",), r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    Vendor("saas_token", ("pat-na1-", "pat-eu1-"), r"pat-[a-z]{2}1-[0-9a-f\-]{36}"),
    Vendor("saas_token", ("tfp_",), r"tfp_[A-Za-z0-9_]{40,}"),
    Vendor("saas_token", ("EAACEdEose0cBA", "EAAG", "EAAJ"), r"EAA[A-Za-z0-9]{60,}"),
    Vendor("jwt", ("eyJ",), r"eyJ[A-Za-z0-9_\-]{8,}\.eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{16,}"),
    Vendor(
        "jwt",
        ("eyJ",),
        r"eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}",
    ),
)

_LITERALS = sorted({literal for vendor in VENDORS for literal in vendor.literals}, key=len, reverse=True)
_FORMS = {
    literal: [(v.type, Pattern(v.form)) for v in VENDORS if literal in v.literals] for literal in _LITERALS
}


def _quoted(literal: str) -> str:
    return "".join("\\" + c if c in r".$/-" else c for c in literal)


_ANY_LITERAL_FORM = "|".join(map(_quoted, _LITERALS))
_ANY_LITERAL = Pattern(_ANY_LITERAL_FORM)
WORTH_TOKEN = (
    rf"(?:^|[^A-Za-z0-9_\-\x01])(?:{_ANY_LITERAL_FORM})"
    r"|\d:AA[A-Za-z0-9_\-]{33}|\.[A-Za-z0-9_\-]{6}\.[A-Za-z0-9_\-]{27}|\dQ~"
)
"""What no text with a token of `vendor_tokens` lacks."""
WORTH_URL = r"://[^\s:/@\"'<>`?#]*:[^\s\"'<>`/\x01]"
"""What no text with a password in a URL lacks."""
_TELEGRAM = Pattern(r"\d{8,10}:AA[A-Za-z0-9_\-]{33}")
_DISCORD = Pattern(r"[MNO][A-Za-z0-9_\-]{23,27}\.[A-Za-z0-9_\-]{6}\.[A-Za-z0-9_\-]{27,40}")
_AZURE_CLIENT_SECRET = Pattern(r"[A-Za-z0-9_\-.~]{3}\dQ~[A-Za-z0-9_\-.~]{31,34}")
_AWS_SECRET = Pattern(r"[A-Za-z0-9+/]{40}")
_AWS_SECRET_WITHIN = 200
"""Characters after an access key id in which its secret is looked for."""

_TOKEN_BYTES = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_URL_PASSWORD = Pattern(r"[A-Za-z0-9+.\-]://[^\s:/@\"'<>`?#]*:([^\s\"'<>`/\x01]+)@[A-Za-z0-9\[_$]")
_MORE_OF_SCHEME = 30
_SCHEME = Pattern(rf"[A-Za-z][A-Za-z0-9+.\-]{{1,{_MORE_OF_SCHEME}}}$")
"""Looked for backwards: in a search each letter of a text may begin one."""


def vendor_tokens(view: View) -> Iterator[Hit]:
    """Tokens of `VENDORS`, of Telegram and Discord bots, Azure client secrets, secrets beside AWS key ids."""
    data = view.data
    yield from _by_literal(view)
    if b":AA" in data:
        for match in _TELEGRAM.all(data, view.meter):
            if free_before(data, match.start()):
                yield _token(view, "telegram_token", *match.span())
    for match in _DISCORD.all(data, view.meter) if b"." in data else ():
        if _token_begins(data, match.start()) and _is_token("discord_token", data, *match.span()):
            yield _token(view, "discord_token", *match.span())
    if b"Q~" in data:
        for match in _AZURE_CLIENT_SECRET.all(data, view.meter):
            if _token_begins(data, match.start()) and not is_placeholder(match.group().decode("latin-1")):
                yield _token(view, "azure_key", *match.span())


def _by_literal(view: View) -> Iterator[Hit]:
    data = view.data
    done = 0
    for found in _ANY_LITERAL.all(data, view.meter):
        start = found.start()
        if start < done or not _token_begins(data, start):
            continue
        for type_, form in _FORMS[found.group().decode("latin-1")]:
            match = form.at(data, start)
            if match is None:
                continue
            end = match.end()
            done = end
            if not _is_token(type_, data, start, end):
                continue
            yield _token(view, type_, start, end)
            if type_ == "aws_access_key_id":
                yield from _aws_secret_after(view, end)
            break


def _token_begins(data: bytes, start: int) -> bool:
    return start == 0 or (data[start - 1] not in _TOKEN_BYTES and data[start - 1] != 1)


def _is_token(type_: str, data: bytes, start: int, end: int) -> bool:
    if end < len(data) and data[end] in _TOKEN_BYTES:
        return False  # longer than the format allows
    return not is_vendor_example(type_, data[start:end].decode("latin-1"))


def _token(view: View, type_: str, start: int, end: int) -> Hit:
    while view.text[end - 1] == ".":  # the end of a sentence, not of the token
        end -= 1
    return Hit(start, end, type_, view.text[start:end], RANK_VENDOR)


def _aws_secret_after(view: View, start: int) -> Iterator[Hit]:
    match = _AWS_SECRET.first(view.data, start, min(len(view.data), start + _AWS_SECRET_WITHIN))
    if match is None:
        return
    value = match.group().decode("latin-1")
    mixed = (
        any(c.isdigit() for c in value)
        and any(c.islower() for c in value)
        and any(c.isupper() for c in value)
    )
    whole = free_before(view.data, match.start()) and free_after(view.data, match.end())
    if mixed and whole and not is_placeholder(value):
        yield Hit(match.start(), match.end(), "aws_secret_access_key", value, RANK_VENDOR)


def url_passwords(view: View) -> Iterator[Hit]:
    """The password in ``scheme://user:password@host``; the rest of the address stays readable."""
    for match in _URL_PASSWORD.all(view.data, view.meter):
        start, end = match.span(1)
        before = match.start() + 1
        if not _SCHEME.found(view.data[max(0, before - _MORE_OF_SCHEME - 1) : before]):
            continue
        if not is_placeholder(view.text[start:end]):
            yield Hit(start, end, "url_password", view.text[start:end], RANK_STRUCTURE)
