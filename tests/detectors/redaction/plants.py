"""Invented values of every type, in the ways people and programs write them, and look-alikes of them."""

from __future__ import annotations

import random
import string

HEX = "0123456789abcdef"
ALNUM = string.ascii_letters + string.digits
BASE64 = ALNUM + "+/"
BASE64_URL = ALNUM + "-_"
BASE32 = string.ascii_uppercase + "234567"


def draw(rng: random.Random, alphabet: str, n: int) -> str:
    """``n`` random characters with at least a digit, and small and capital letters where there are any."""
    tests = (str.isdigit, str.islower, str.isupper)
    kinds = [[c for c in alphabet if test(c)] or list(alphabet) for test in tests]
    return "".join(rng.choice(kind) for kind in (*[alphabet] * (n - 3), *kinds))


_SHAPES: dict[str, tuple[str, str, int]] = {
    # what stands around it, its alphabet and its length
    "aws_access_key_id": ("AKIA{}", BASE32, 16),
    "aws_temporary_key_id": ("ASIA{}", BASE32, 16),
    "github_pat": ("ghp_{}", ALNUM, 36),
    "gitlab_pat": ("glpat-{}", ALNUM, 20),
    "slack_bot": ("xoxb-123456789012-123456789013-{}", ALNUM, 24),
    "slack_hook": ("https://hooks.slack.com/services/T012ABCDE/B012ABCDE/{}", ALNUM, 24),
    "stripe_live": ("sk_live_{}", ALNUM, 24),
    "stripe_restricted": ("rk_live_{}", ALNUM, 24),
    "openai_project": ("sk-proj-T3BlbkFJ{}", BASE64_URL, 60),
    "openai_old": ("sk-{}", ALNUM, 48),
    "anthropic": ("sk-ant-api03-{}AA", BASE64_URL, 92),
    "google_api": ("AIza{}", BASE64_URL, 35),
    "huggingface": ("hf_{}", string.ascii_letters, 34),
    "sendgrid": ("SG.abcdefghijk0123456789A.{}", BASE64_URL, 43),
    "twilio": ("SK{}", HEX, 32),
    "npm": ("npm_{}", ALNUM, 36),
    "pypi": ("pypi-{}", BASE64_URL, 90),
    "digitalocean": ("dop_v1_{}", HEX, 64),
    "shopify": ("shpat_{}", HEX, 32),
    "telegram": ("123456789:AA{}", BASE64_URL, 33),
    "groq": ("gsk_{}", ALNUM, 52),
    "jwt": ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3NyJ9.{}", BASE64_URL, 43),
    "database_url": ("postgres://svc:{}@db-7.internal:5432/orders", ALNUM, 12),
    "mongo_url": ("mongodb+srv://app:{}@cluster0.ab1cd.mongodb.net/shop", ALNUM, 14),
    "azure_storage": ("DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={}==", BASE64, 86),
    "odbc": ("Server=db7;Database=orders;Uid=svc;Pwd={};", ALNUM, 12),
    "password": ('password = "{}#"', ALNUM, 10),
    "env_password": ("DB_PASSWORD={}", ALNUM, 12),
    "yaml_secret": ("client_secret: {}", HEX, 32),
    "json_key": ('"api_key": "{}"', HEX, 32),
    "aws_secret": ("aws_secret_access_key = {}", BASE64, 40),
    "bearer": ("Authorization: Bearer {}", ALNUM, 40),
    "spoken_password": ("the password is {}!", ALNUM, 9),
    "spoken_owner": ("the password for the admin user is {}.", ALNUM, 10),
    "spoken_plain": ("machine api.example.com login bob password {}", ALNUM, 10),
    "discord": ("MTE5NjU0NzI0NTk3NTQyOTEyMA.GxYzAb.{}", BASE64_URL, 38),
    "flag": ("--db-password {}", ALNUM, 12),
    "other_script": ("пароль: {}", ALNUM, 10),
}


def secret(kind: str, rng: random.Random) -> tuple[str, str]:
    """A random secret of ``kind`` as it would stand in a text, and the part of it that nobody may see."""
    if kind.endswith("private_key"):
        text = pem(
            rng,
            "OPENSSH PRIVATE KEY" if kind.startswith("openssh") else "RSA PRIVATE KEY",
            end="trunc" not in kind,
        )
        return text, text.split("\n")[3]
    if kind == "github_fine":
        core = draw(rng, ALNUM, 59)
        return f"github_pat_{draw(rng, ALNUM, 22)}_{core}", core
    around, alphabet, n = _SHAPES[kind]
    core = draw(rng, alphabet, n)
    return around.format(core), core


SECRET_KINDS = (*_SHAPES, "private_key", "truncated_private_key", "openssh_private_key", "github_fine")


def pem(rng: random.Random, label: str, *, end: bool) -> str:
    lines = [draw(rng, BASE64, 64) for _ in range(6)]
    last = [f"-----END {label}-----"] if end else []
    return "\n".join([f"-----BEGIN {label}-----", *lines, *last])


_LOOKALIKES: dict[str, tuple[str, ...]] = {
    # {hex:32} and the like stand for that many random characters
    "uuid": ("{hex:8}-{hex:4}-{hex:4}-{hex:4}-{hex:12}",),
    "placeholder": (
        'password = "<your password here>"',
        "OPENAI_API_KEY=sk-xxxxxxxxxxxxxxxxxxxxxxxx",
        'token="********"',
        "api_key: YOUR_API_KEY_HERE",
        "DB_PASSWORD=changeme",
        "password: hunter",
        "client_secret: ${{CLIENT_SECRET}}",
        "postgres://user:password@localhost:5432/db",
        "mysql://root:${{DB_PASS}}@db/shop",
    ),
    "publishable": ("pk_live_{alnum:24}", "pk_test_{alnum:24}"),
    "digest": (
        "sha256:{hex:64}",
        '"integrity": "sha512-{base64:86}=="',
        "commit {hex:40}",
        "md5sum {hex:32}",
    ),
    "url_slug": ("https://example.org/articles/the-quick-brown-fox-jumps-over-7-lazy-dogs-again",),
    "aws_example": ("AKIAIOSFODNN7EXAMPLE and wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",),
    "env_ref": (
        'password = os.environ["DB_PASSWORD"]',
        "passwd=$(cat /run/secrets/db1)",
        'api_key = config.get("key1")',
        "token: ${{{{ secrets.DEPLOY_TOKEN_2 }}}}",
        "password = getpass.getpass()",
        "const secret = process.env.SECRET_2",
        "password=args.password1",
        'key_file: "/etc/ssl/private/server1.key"',
    ),
    "order_number": ("Order {upper:10}, tracking {upper:18}",),
    "public_key": (
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{base64:43} ann@host",
        "-----BEGIN PUBLIC KEY-----\n{base64:64}\n{base64:64}\n-----END PUBLIC KEY-----",
    ),
    "picture": ("data:image/png;base64,iVBORw0KGgo{base64:300}",),
    "explained_pem": ("-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",),
    "code": (
        "if password1 == password2 and len(token) > 32: next_token = tokens[i + 1]",
        "def login(user: str, password: Optional[str] = None, token: str | None = None) -> bool:",
        "token = tokenizer.encode(text2)[0]; secret_santa = people[1]",
    ),
    "prose": (
        "The secret: practise. The key is patience, the password policy is at least 12 characters.",
        "Enter the password ABC-2024 style; passwords Level3 and above; forgot password Step1.",
        "Token: a unit of text. API key: see section 4. Password: required, 8 to 64 characters.",
    ),
    "logprobs": (
        '{{"token": "Hello", "logprob": -0.31, "max_tokens": 4096, "token_type": "bearer", "secret": false}}',
    ),
}
LOOKALIKE_KINDS = tuple(_LOOKALIKES)
_ALPHABETS = {"hex": HEX, "alnum": ALNUM, "base64": BASE64, "upper": string.ascii_uppercase + string.digits}


class _Random:
    """Formats as a random text of the length that the format asks for."""

    def __init__(self, rng: random.Random, alphabet: str) -> None:
        self._rng, self._alphabet = rng, alphabet

    def __format__(self, spec: str) -> str:
        return draw(self._rng, self._alphabet, int(spec))


def lookalike(kind: str, rng: random.Random) -> str:
    """Something that resembles a secret and is none."""
    values = {name: _Random(rng, alphabet) for name, alphabet in _ALPHABETS.items()}
    return rng.choice(_LOOKALIKES[kind]).format(**values)


PERSONAL = (
    ("email", "bob.smith@example.com"),
    ("email", "o'brien+news@mail.example.co.uk"),
    ("email", "zoë@exämple.de"),
    ("email", "иван@пример.рф"),
    ("email", "bob%40example.com"),
    ("email", "ｂｏｂ＠ｅｘａｍｐｌｅ．ｃｏｍ"),
    ("phone", "+44 20 7946 0958"),
    ("phone", "+44 (0)20 7946 0958"),
    ("phone", "+1 (415) 555-2671"),
    ("phone", "(415) 555-2671"),
    ("phone", "415-555-2671"),
    ("phone", "415.555.2671"),
    ("phone", "415-555-2671 x123"),
    ("phone", "+4915112345678"),
    ("phone", "0049 151 12345678"),
    ("phone", "01 76 08 37 40"),
    ("phone", "+33 6 12 34 56 79"),
    ("phone", "07700 900123"),
    ("phone", "090-6241-8057"),
    ("phone", "8 (495) 123-45-68"),
    ("phone", "13967511253"),
    ("phone", "043-423-6671"),
    ("phone", "(11) 98765-4321"),
    ("phone", "+91 98765 43210"),
    ("card", "4111 1111 1111 1111"),
    ("card", "4111-1111-1111-1111"),
    ("card", "5555555555554444"),
    ("card", "3782 822463 10005"),
    ("card", "6011000990139424"),
    ("card", "４１１１１１１１１１１１１１１１"),
    ("iban", "DE89 3704 0044 0532 0130 00"),
    ("iban", "GB29NWBK60161331926819"),
    ("iban", "fr76 3000 6000 0112 3456 7890 189"),
    ("us_ssn", "078-05-1120"),
    ("us_ssn", "123-45-6789"),
    ("us_ssn", "335-95-9355"),
    ("national_id", "529.982.247-25"),
    ("national_id", "RSSMRA85T10A562S"),
    ("national_id", "12345678Z"),
    ("national_id", "11010519491231002X"),
    ("national_id", "850218-1084148"),
    ("national_id", "44051401359"),
    ("national_id", "AB123456C"),
    ("national_id", "756.9217.0769.85"),
    ("ip_address", "165.165.185.178"),
    ("ip_address", "203.0.113.77"),
    ("ip_address", "2001:db8:85a3::8a2e:370:7334"),
    ("ip_address", "6e40:4041:c617:e898:c11:40d2:c669:2eb4"),
    ("private_ip", "192.168.17.23"),
    ("service_phone", "1-800-555-0199"),
    ("service_phone", "+1 888 555 0199"),
    ("service_phone", "0800 123 4567"),
    ("template_email", "user@example.com"),
    ("template_phone", "123-456-7890"),
)  # fmt: skip
"""Values that are recognised wherever they stand."""

NAMED = (
    ("phone", "call me on {}", "2146126906"),
    ("phone", "Telefon: {}", "884 405 598"),
    ("phone", "我的电话是{}", "87654329"),
    ("phone", "mon portable est le {}", "612345678"),
    ("us_ssn", "my social security number is {}", "078051120"),
    ("national_id", "BSN {}", "111222333"),
    ("national_id", "NHS number {}", "943 476 5919"),
)
"""Values that count only with the words around them."""

NOT_PERSONAL = (
    "2024-01-02 10:30:45.123456", "01/02/2024 10:30", "1700000000000", "1700000000123456789",
    "version 10.2.3.4", "v1.20.300.4", "127.0.0.1:8080", "::1", "std::vector<int>", "abc::def",
    "section 3.1.4.1", "1,234,567,890", "3.14159265358979", "ISBN 978-0-306-40615-7", "ISBN: 978-0813921041",
    "0123456789", "9876543210", "2019-2020", "200 300 400 500 600", "(2019-2020)", "the hotel 2019-2020",
    "4532 1234 5678 9012", "git@github.com:org/repo.git", "DE00 3704 0044 0532 0130 00",
    "@angular/core@15.0.0", "icon@2x.png", "$1234567.89", "100000000", "RFC 2616", "arXiv:2301.12345",
    "doi:10.1000/182", "12:34:56:78:9a:bc", "1 2 3 4 5 6 7 8 9 10 11 12", "000-00-0000",
    "10.5281/zenodo.1234567", "666-12-3456", "#12345678", "chrome/120.0.0.0", "1e10", "2147483647",
    "4294967296", "0x1234567890", "255.255.255.0", "user@localhost", "2024-W05-3", "10:00-12:30",
    "1-2-3-4-5-6-7-8-9", "101-01-0101", "111-22-1122", "1990/91", "01101000011", "99999999999",
)  # fmt: skip
