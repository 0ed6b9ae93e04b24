"""E-mail and IP addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

import re2

from detectors.redaction.budget import NETWORK_US
from detectors.redaction.hits import RANK_CHECKED, Hit
from detectors.redaction.matching import MASKED, Pattern, free_after, free_before
from detectors.redaction.views import View

_EMAIL = Pattern(
    r"([A-Za-z0-9_.+\-'%\xc0-\xff]+)(?:@|%40)((?:[A-Za-z0-9\-\xc0-\xff]+\.)+(?:xn--[A-Za-z0-9\-]{2,59}|[A-Za-z]{2,24}))"
)
_ANY_SCRIPT_EMAIL = re2.compile(
    r"([\p{Cyrillic}\p{Greek}\p{Latin}\p{Arabic}\p{Hebrew}\p{Devanagari}\p{M}0-9_.+\-]+)@"
    r"((?:[\p{L}\p{M}0-9\-]+\.)+(?:\p{Cyrillic}{2,}|\p{Greek}{2,}|\p{Arabic}{2,}|\p{Hebrew}{2,}|\p{Devanagari}[\p{Devanagari}\p{M}]+"
    r"|\p{Han}{2,4}|\p{Thai}{2,}|\p{Hangul}{2,}|[A-Za-z]{2,24}))"
)
WORTH_EMAIL = r"[A-Za-z0-9_.+\-'%?\x80-\xff](?:@|%40)[A-Za-z0-9\-?\x80-\xff]"
"""What no text with an e-mail address lacks; other scripts are ``?`` in a view."""
WORTH_IP = r"\d\.\d{1,3}\.\d{1,3}\.\d|[0-9A-Fa-f]::|(?:[0-9A-Fa-f]+:){7}"
"""What no text with an IP address lacks."""
_LOCAL_EDGES = ".-'%+"
_ENCODED_SEPARATORS = frozenset({
    "20", "22", "26", "2c", "2f", "3a", "3b", "3c", "3d", "3e", "3f",
})  # fmt: skip
_FILE_ENDINGS = frozenset({
    "png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "css", "js", "ts", "html", "php", "py", "java",
    "scala", "so", "dll", "exe", "zip", "tar", "gz", "pdf",
})  # fmt: skip
_REMOTE_USERS = frozenset({"git", "hg", "svn"})
_TEMPLATE_HOSTS = frozenset({
    "example.com", "example.org", "example.net", "example.edu", "test.com", "domain.com", "email.com",
    "mail.com", "yourdomain.com", "company.com", "yourcompany.com", "mydomain.com", "mycompany.com",
    "website.com", "yourwebsite.com", "site.com", "host.com", "server.com",
})  # fmt: skip
_TEMPLATE_USERS = frozenset({
    "user", "username", "email", "e-mail", "mail", "name", "someone", "somebody", "person", "you", "your",
    "me", "example", "sample", "test", "tester", "recipient", "sender", "from", "to", "noreply", "no-reply",
    "yourname", "your.name", "your_name", "your-name", "youremail", "your.email", "your_email", "your-email",
    "myemail", "my.email", "my_email", "myname", "firstname.lastname", "first.last", "recipient1",
    "recipient2", "user1", "user2", "foo", "bar", "foobar", "customer", "client", "info", "admin", "support",
    "contact", "sales", "hello", "help", "webmaster",
})  # fmt: skip

_IPV4 = Pattern(r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}")
_IPV6 = Pattern(
    r"(?:[0-9A-Fa-f]{1,4}:){2,7}:?[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{1,4}){0,6}|[0-9A-Fa-f]{1,4}::[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6}"
)
_VERSION_BEFORE = Pattern(
    r"(?:\b(?:v|ver|version|versions|release|build|firmware|chrome|safari|firefox|edge|opera|oid|section|chapter"
    r"|clause|figure)[ .:/=]{0,3}|[=~^><@]=? ?)$",
    ignore_case=True,
)
_WINDOW = 24
_LEAST_OCTET = 10
"""Four numbers of which one is smaller are more often a version, where ids and versions may stand."""


def emails(view: View) -> Iterator[Hit]:
    """E-mail addresses, also percent-encoded and in other scripts; not SSH remotes and file names."""
    data = view.data
    for match in _EMAIL.all(data, view.meter):
        start, end = match.span()
        local_start, local_end = match.span(1)
        start = _local_start(view.text, local_start, local_end)
        local, host = view.text[start:local_end], view.text[match.start(2) : end]
        if not local or not _is_address(view, local, host, end):
            continue
        yield Hit(start, end, email_type(local, host), f"{local}@{host}".lower(), RANK_CHECKED)
    if not view.text.isascii():
        yield from _any_script_emails(view)


def _local_start(text: str, start: int, end: int) -> int:
    """Where the local part begins: in a percent-encoded URL after the last encoded separator."""
    encoded = text.rfind("%", start, end)
    if encoded >= 0 and text[encoded + 1 : encoded + 3].lower() in _ENCODED_SEPARATORS:
        start = min(encoded + 3, end)
    while start < end and text[start] in _LOCAL_EDGES:
        start += 1
    return start


def _is_address(view: View, local: str, host: str, end: int) -> bool:
    if MASKED in local or local.lower() in _REMOTE_USERS:
        return False
    if host.rpartition(".")[2].lower() in _FILE_ENDINGS or host.startswith("-"):
        return False
    after = view.data[end : end + 1]
    return not (after.isdigit() or after in (b"_", b"\x01"))


def email_type(local: str, host: str) -> str:
    """``template_email`` for addresses that only documentation uses, else ``email``."""
    host = host.lower()
    template = local.lower() in _TEMPLATE_USERS and (
        host in _TEMPLATE_HOSTS or host.startswith(("your", "example."))
    )
    return "template_email" if template or local.lower().startswith("your") else "email"


def _any_script_emails(view: View) -> Iterator[Hit]:
    text = view.text
    if "@" not in text:
        return
    searchable = text.encode("utf-8", "replace").decode("utf-8")
    for match in _ANY_SCRIPT_EMAIL.finditer(searchable):
        end = match.end()
        local, host = match.group(1).lstrip(_LOCAL_EDGES), match.group(2)
        if (local + host).isascii() or not local:
            continue  # found above
        yield Hit(end - len(host) - 1 - len(local), end, "email", f"{local}@{host}".lower(), RANK_CHECKED)


def ip_addresses(view: View) -> Iterator[Hit]:
    """IPv4 and IPv6 addresses; not loopback, unspecified, masks, versions and section numbers."""
    data = view.data
    if b"." in data:
        for match in _IPV4.all(data, view.meter):
            start, end = match.span()
            if _is_ipv4(view, start, end):
                type_ = _ipv4_type(view.text[start:end])
                if type_ is not None:
                    value = view.text[start:end]
                    loose = type_ == "private_ip" or min(map(int, value.split("."))) < _LEAST_OCTET
                    yield Hit(start, end, type_, value, RANK_CHECKED, loose=loose)
    if data.count(b":") >= 2:
        for match in _IPV6.all(data, view.meter, NETWORK_US):
            start, end = match.span()
            if _is_ipv6(view, start, end):
                yield from _address(view, start, end)


def _is_ipv4(view: View, start: int, end: int) -> bool:
    data = view.data
    if not free_before(data, start) or not free_after(data, end):
        return False
    before, after = data[start - 1 : start], data[end : end + 2]
    if before == b"." or (after[:1] == b"." and after[1:].isalnum()):
        return False
    if after[:1] == b"-" and after[1:].isalpha():
        return False
    if before == b"-" and not data[start - 2 : start - 1].isdigit():
        return False  # a version in a file name; a range of addresses has a digit there
    text = view.text[start:end]
    parts = text.split(".")
    if not 10 <= max(map(int, parts)) <= 255:
        return False
    if (text[0] == "0" or ".0" in text) and any(len(p) > 1 and p[0] == "0" for p in parts):
        return False
    return not _VERSION_BEFORE.found(data[max(0, start - _WINDOW) : start])


def _is_ipv6(view: View, start: int, end: int) -> bool:
    data = view.data
    text = view.text[start:end]
    if (
        not free_before(data, start)
        or not free_after(data, end)
        or b":" in (data[start - 1 : start], data[end : end + 1])
    ):
        return False
    groups = [group for group in text.split(":") if group]
    if "::" not in text:
        return len(groups) == 8 and any(len(group) > 2 for group in groups)
    # a word such as dead::beef is C++; real addresses begin 2xxx, 3xxx, fcxx-fdxx, fe80
    return len(groups[0]) >= 3 and groups[0][0] in "23fF" and any(c.isdigit() for c in text)


_UNUSUAL = frozenset({0, 100, 127, 169, 172, 192, 198, 203, *range(224, 256)})
"""First octets of networks that are not, or not all, addresses of the public Internet or of 10.0.0.0/8."""
_PUBLIC_SECOND = {
    100: range(128), 169: range(254), 172: (*range(16), *range(32, 256)),
    192: (1, *range(3, 88), *range(169, 256)), 198: (*range(18), *range(20, 51), *range(52, 256)),
    203: range(1, 256),
}  # fmt: skip
"""Second octets by the first after which nothing is unusual."""
_PUBLIC = {first: frozenset(seconds) for first, seconds in _PUBLIC_SECOND.items()}


def _ipv4_type(text: str) -> str | None:
    """Type of an IPv4 address; ``None`` for one that is nobody's."""
    first, second = map(int, text.split(".", 2)[:2])
    if first == 10 or (first, second) == (192, 168):
        return "private_ip"
    if first not in _UNUSUAL or second in _PUBLIC.get(first, ()):
        return "ip_address"
    return _type(ipaddress.ip_address(text))


def _address(view: View, start: int, end: int) -> Iterator[Hit]:
    try:
        address = ipaddress.ip_address(view.text[start:end])
    except ValueError:
        return
    type_ = _type(address)
    if type_ is not None:
        loose = type_ == "private_ip" or (address.version == 4 and min(address.packed) < _LEAST_OCTET)
        yield Hit(start, end, type_, str(address), RANK_CHECKED, loose=loose)


def _type(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str | None:
    if (
        address.is_loopback
        or address.is_unspecified
        or address.is_multicast
        or str(address).startswith("255.")
    ):
        return None
    public = address in _DOCUMENTATION or not address.is_private
    return "ip_address" if public else "private_ip"


class _Networks:
    """Networks that are private by registry and yet stand for public ones in documentation."""

    def __init__(self, *networks: str) -> None:
        self._networks = [ipaddress.ip_network(network) for network in networks]

    def __contains__(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
        return any(address in network for network in self._networks)


_DOCUMENTATION = _Networks("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")
