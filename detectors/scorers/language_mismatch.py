"""Whether an answer is in another language than the question, where nobody asked for that.

Left out where either is undetermined, for answers that are code or figures and only seem to be in a
language, for prompts that speak of translation or name a language (in fifteen languages), and for prompts
that hold code or a long text, whose language need not be the asker's. Languages that are easily taken for
each other, as Danish and Norwegian, count as one. An application told to answer in one language whatever it
is asked has a high level here; its change counts.

Some 2 us, the languages being known.
"""

from __future__ import annotations

from itertools import permutations

import re2

from detectors.encodable import encodable
from detectors.scorers.code_parts import code_in
from detectors.scorers.language import UNDETERMINED
from detectors.scorers.words import words

LONGEST_QUESTION = 1500
"""Characters of a prompt; longer ones hold a text that someone wants something done with."""

_LETTERS = 0.5
"""Share of the characters of prose that stand in words; marks that write vowels are no letters."""

_ALIKE = (
    "da nb nn", "nb sv", "hr sr bs", "sl hr", "bg mk", "cs sk", "id ms jv su", "pt gl", "es gl", "es ca",
    "af nl", "ru uk", "ru be", "uk be", "hi mr ne", "zh zh-Hant ja", "tr az", "fa ur", "fa ar", "xh zu",
    "rw rn", "en sco",
)  # fmt: skip
_TAKEN_FOR = frozenset(pair for group in _ALIKE for pair in permutations(group.split(), 2))
_OTHER_LANGUAGE = re2.compile(
    r"(?i)translat|traduc|traduz|tradui|übersetz|vertaal|översätt|oversæt|oversett|przetłumacz|tłumacz|перевед|перевод|перекла"
    r"|翻译|翻譯|翻訳|訳し|번역|ترجم|अनुवाद|dịch|çevir|terjemah|แปล"
    r"|english|french|german|spanish|italian|portuguese|dutch|russian|chinese|mandarin|japanese|korean|arabic|hindi|turkish|polish|latin"
    r"|anglais|français|allemand|espagnol|englisch|französisch|deutsch|spanisch|inglés|francés|alemán|español|inglese|francese"
    r"|tedesco|spagnolo|inglês|francês|alemão|engels|frans\b|duits|английск|французск|немецк|русск|英語|英语|日本語|中文|中国語|法语|德语|영어|일본어|한국어|중국어"
    r"|language|langue|sprache|idioma|lingua|język|язык|语言|言語|언어"
)


def mismatch(prompt: str, output: str, asked: str, answered: str) -> bool | None:
    """Whether ``output`` is in another language than ``prompt``; ``None`` if that cannot be said.

    ``asked`` and ``answered`` are the languages of the two.
    """
    if len(prompt) > LONGEST_QUESTION or "```" in prompt:
        return None
    if UNDETERMINED in (asked, answered) or _OTHER_LANGUAGE.search(encodable(prompt)):
        return None
    if asked == answered or (asked, answered) in _TAKEN_FOR:
        return False
    return None if _is_no_prose(output) else True


def _is_no_prose(text: str) -> bool:
    """Whether ``text`` is code, or hardly letters (colours, tables of numbers): its language is chance."""
    letters = sum(len(word) for word in words(text) if word.isalpha())
    visible = len("".join(text.split()))
    return bool(code_in(text)) or letters < _LETTERS * visible
