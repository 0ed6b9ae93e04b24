"""Redaction of one text: find, resolve overlaps, replace, and say where what was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache

import orjson

from detectors.redaction import addresses, assignments, iban, keyed, national_ids, pem, secrets
from detectors.redaction import numbers as digit_groups
from detectors.redaction.addresses import emails, ip_addresses
from detectors.redaction.assignments import other_scripts, secret_assignments
from detectors.redaction.budget import CHARACTERS_PER_US, FOUND_US, VALUE_US, Budget, Meter, OverBudget
from detectors.redaction.hits import Hit, without_overlap
from detectors.redaction.iban import ibans
from detectors.redaction.json_shape import backslashes, enclosing_strings, number_in_json
from detectors.redaction.keyed import keyed_ids
from detectors.redaction.kinds import WITHHELD
from detectors.redaction.matching import MASKED, Pattern, one_byte_each
from detectors.redaction.national_ids import lettered_ids
from detectors.redaction.numbers import numbers
from detectors.redaction.pem import private_keys
from detectors.redaction.policy import RedactionPolicy
from detectors.redaction.pseudonyms import Pseudonymiser, spans_like_placeholders
from detectors.redaction.secrets import url_passwords, vendor_tokens
from detectors.redaction.views import View, folded, spend, unescaped

SEARCHES: tuple[tuple[str, Callable[[View], Iterable[Hit]]], ...] = (
    (pem.WORTH, private_keys),
    (secrets.WORTH_URL, url_passwords),
    (secrets.WORTH_TOKEN, vendor_tokens),
    (addresses.WORTH_EMAIL, emails),
    (iban.WORTH, ibans),
    (addresses.WORTH_IP, ip_addresses),
    (national_ids.WORTH, lettered_ids),
    (digit_groups.WORTH, numbers),
    (assignments.WORTH, secret_assignments),
)
"""Every search that a text's bytes tell the need of, and a pattern that no text worth searching lacks.

The patterns together are one, looked for first: most texts have none of it and are done with.
"""

_WORTH = tuple(Pattern(worth) for worth, _ in SEARCHES)

MAX_PASSES = 6
"""Passes over one text: a value may show only once its neighbour is replaced. Rarely more than two."""


@dataclass(frozen=True, slots=True)
class Found:
    """A value of ``type`` stood at ``start`` to ``end`` (characters) of the original text."""

    type: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Redactor:
    """A policy under a key.

    ``keep_foreign`` leaves placeholders made under unknown keys as they are, for files that were redacted
    elsewhere; a gateway never does that. A text that costs more than ``budget`` is withheld.
    """

    policy: RedactionPolicy
    pseudonymiser: Pseudonymiser
    keep_foreign: bool = False
    budget: Budget = field(default_factory=Budget)


@dataclass(slots=True)
class _Placed:
    """A hit with its offsets in the original text."""

    start: int
    end: int
    hit: Hit


@dataclass(slots=True)
class _Edit:
    """Replace ``start`` to ``end`` of the original by ``text``; ``type`` is ``None`` for a literal mark."""

    start: int
    end: int
    text: str
    type: str | None


def redact_text(
    text: str,
    redactor: Redactor,
    *,
    exempt: bool = False,
    place: bool = False,
    allowance: Meter | None = None,
) -> tuple[str, list[Found]]:
    """Replace every sensitive value in ``text`` by its placeholder.

    ``exempt`` leaves out loose shapes (for values of id keys), ``place`` addresses of the network as well
    (for names of machines, and versions). Returns the redacted text and what was found, by position in the
    original text. Redacting the result again changes nothing. Any string is accepted, lone surrogates
    included; the time taken is linear in its length. A text over the redactor's budget is withheld: it
    becomes one placeholder, and its length. ``allowance`` is what all texts of a request may cost together.

    Raises
    ------
    OverBudget
        If ``allowance`` ends before the text's own budget does.
    """
    if len(text) < 6:  # shorter than anything searched
        return text, []
    if place:
        redactor = _without_addresses(redactor)
    budget = redactor.budget
    if len(text) > budget.text_chars:
        return withheld(text, redactor)
    most_us = budget.us_for(len(text))
    meter = Meter(most_us if allowance is None else min(most_us, allowance.left_us))
    given_us = meter.left_us
    edits: list[_Edit] | None
    try:
        edits = _search(text, redactor, meter, exempt=exempt)
    except OverBudget:
        if given_us < most_us:
            raise
        edits = None
    if allowance is not None:
        allowance.spend(min(given_us - meter.left_us, given_us))
    if edits is None:
        return withheld(text, redactor)
    if not edits:
        return text, []
    return _applied(text, edits), [Found(e.type, e.start, e.end) for e in edits if e.type is not None]


def withheld(text: str, redactor: Redactor) -> tuple[str, list[Found]]:
    """What stands in place of a text that is too costly to search: its keyed hash and its length."""
    mark = redactor.pseudonymiser.placeholder(WITHHELD, text)
    return f"{mark} {len(text):,} characters", [Found(WITHHELD, 0, len(text))]


def _search(text: str, redactor: Redactor, meter: Meter, *, exempt: bool) -> list[_Edit]:
    """Every edit of the original; the placeholders that one pass makes are known to the next."""
    edits: list[_Edit] = []
    made: set[str] = set()
    current = text
    for _ in range(MAX_PASSES):
        new = _pass(current, redactor, meter, made, exempt=exempt)
        if not new:
            break
        edits = _combined(edits, new)
        current = _applied(text, edits)
    return edits


@lru_cache(maxsize=64)
def _without_addresses(redactor: Redactor) -> Redactor:
    policy = redactor.policy
    return replace(redactor, policy=replace(policy, types=policy.types - {"ip_address", "private_ip"}))


def _pass(text: str, redactor: Redactor, meter: Meter, made: set[str], *, exempt: bool) -> list[_Edit]:
    own, foreign = _placeholders(text, redactor, meter, made)
    view = folded(_masked(text, own), meter)
    places = _hits(view, redactor.policy, exempt=exempt, is_json=_is_json(text))
    edits = _edits(text, places, redactor, made) if places else []
    marks = [_Edit(start + 1, start + 1, "literal ", None) for start, _ in foreign]
    return _with_marks(edits, marks) if marks else edits


def _with_marks(edits: list[_Edit], marks: list[_Edit]) -> list[_Edit]:
    """Both in order of position, without the marks that fall into a replaced value."""
    kept = []
    index = 0
    for mark in marks:
        while index < len(edits) and edits[index].end <= mark.start:
            index += 1
        if index == len(edits) or mark.start <= edits[index].start:
            kept.append(mark)
    return sorted([*edits, *kept], key=lambda e: (e.start, e.end))


def _placeholders(
    text: str, redactor: Redactor, meter: Meter, made: set[str]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Spans of placeholders of ours and of others'."""
    if "[" not in text or ":" not in text:
        return [], []
    own: list[tuple[int, int]] = []
    foreign: list[tuple[int, int]] = []
    for start, end in spans_like_placeholders(one_byte_each(text)):
        mark = text[start:end]
        if mark in made:
            own.append((start, end))
            continue
        meter.spend(FOUND_US + VALUE_US)
        is_own = redactor.keep_foreign or redactor.pseudonymiser.is_ours(mark)
        (own if is_own else foreign).append((start, end))
    return own, foreign


def _masked(text: str, spans: list[tuple[int, int]]) -> str:
    pieces, done = [], 0
    for start, end in spans:
        pieces += [text[done:start], MASKED * (end - start)]
        done = end
    return "".join([*pieces, text[done:]]) if spans else text


def _is_json(text: str) -> bool:
    """Whether ``text`` is JSON with escapes: then it says nothing that it does not say unescaped."""
    if "\\" not in text or text[:1] not in ("{", "[", '"'):
        return False
    try:
        orjson.loads(text)
    except ValueError:  # lone surrogates too
        return False
    return True


def _hits(first: View, policy: RedactionPolicy, *, exempt: bool, is_json: bool) -> list[_Placed]:
    """Hits by original offset; where levels of escapes disagree, the more deeply unescaped one is right."""
    view: View | None = first
    placed: list[_Placed] = []
    while view is not None:
        only_keys = is_json and view.level == 0
        hits = without_overlap(_searched(view, policy, exempt=exempt, only_keys=only_keys))
        if hits:
            spend(view, VALUE_US * len(hits))
            placed = _preferring([_place(view, hit) for hit in hits], placed)
        view = unescaped(view)
    return placed


def _searched(view: View, policy: RedactionPolicy, *, exempt: bool, only_keys: bool) -> Iterator[Hit]:
    one_pass_us = len(view.data) // CHARACTERS_PER_US
    spend(view, one_pass_us)
    if _any_worth(policy).found(view.data):
        spend(view, one_pass_us)
        for hit in keyed_ids(view, policy):
            spend(view, FOUND_US)
            if hit.type in policy.types:
                yield hit
        for worth, (_, search) in zip(_WORTH, SEARCHES, strict=True) if not only_keys else ():
            spend(view, one_pass_us)
            for hit in search(view) if worth.found(view.data) else ():
                spend(view, FOUND_US)
                if hit.type in policy.types and not (exempt and hit.loose):
                    yield hit
    for hit in other_scripts(view) if not only_keys else ():
        if hit.type in policy.types and not (exempt and hit.loose):
            yield hit


@lru_cache(maxsize=64)
def _any_worth(policy: RedactionPolicy) -> Pattern:
    return Pattern("|".join([keyed.worth(policy), *(worth for worth, _ in SEARCHES)]))


def _place(view: View, hit: Hit) -> _Placed:
    """Original offsets of ``hit``, moved outwards so that no escape sequence of its level is cut in two."""
    start, end = hit.start, hit.end
    if backslashes(view.text, start) % 2:
        start -= 1
    if end - start > 1 and backslashes(view.text, end) % 2:
        end -= 1
    return _Placed(*view.span(start, end), hit)


def _preferring(first: list[_Placed], second: list[_Placed]) -> list[_Placed]:
    """All of ``first``, and of ``second`` what does not overlap it; both in order of position."""
    kept: list[_Placed] = []
    index = 0
    for place in second:
        while index < len(first) and first[index].end <= place.start:
            index += 1
        if index == len(first) or first[index].start >= place.end:
            kept.append(place)
    merged = sorted([*first, *kept], key=lambda p: p.start)
    return [
        p
        for p, before in zip(merged, [None, *merged], strict=False)
        if before is None or before.end <= p.start
    ]


def _edits(text: str, places: list[_Placed], redactor: Redactor, made: set[str]) -> list[_Edit]:
    """Placeholders, also added to ``made``, for the values, in quotes where they replace a number in JSON."""
    edits = []
    strings = (
        enclosing_strings(text, [p.start for p in places]) if _may_be_json(text) else [(0, 0)] * len(places)
    )
    for place, (depth, string_start) in zip(places, strings, strict=True):
        start, end = place.start, place.end
        new = redactor.pseudonymiser.placeholder(place.hit.type, place.hit.value)
        made.add(new)
        if number_in_json(text, start, end, string_start):
            if text[start - 1] == "-":
                start -= 1
            quote = "\\" * (2**depth - 1) + '"'
            new = f"{quote}{new}{quote}"
        edits.append(_Edit(start, end, new, place.hit.type))
    return edits


def _may_be_json(text: str) -> bool:
    return "{" in text or "[" in text


def _applied(text: str, edits: list[_Edit]) -> str:
    pieces, done = [], 0
    for edit in edits:
        pieces += [text[done : edit.start], edit.text]
        done = edit.end
    return "".join([*pieces, text[done:]])


def _combined(old: list[_Edit], new: list[_Edit]) -> list[_Edit]:
    """Edits of the original that do what ``old`` and then ``new`` (of the text that ``old`` made) do."""
    if not old:
        return new
    shift, moved, index = 0, [], 0
    kept: list[_Edit] = []
    for edit in new:
        while index < len(old) and old[index].start + shift + len(old[index].text) <= edit.start:
            shift += len(old[index].text) - (old[index].end - old[index].start)
            kept.append(old[index])
            index += 1
        start = edit.start - shift
        while index < len(old) and old[index].start + shift < edit.end:  # a literal mark inside the new value
            shift += len(old[index].text) - (old[index].end - old[index].start)
            index += 1
        moved.append(_Edit(start, edit.end - shift, edit.text, edit.type))
    return sorted([*kept, *old[index:], *moved], key=lambda e: (e.start, e.end))
