"""Text -> words as two texts can be compared by them: stems, names and quantities."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from assistant.words import STOP_WORDS

_TOKEN = re.compile(
    r"(?P<number>(?<![\w.])[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?|(?<![\w.])[+-]?\d+(?:\.\d+)?(?!\.?\d)"
    r"(?=[^\w-]|$|\s|-\d|-(?:bit|fold|times|shot|way|year|point|layer|step|hour|day)"
    r"|(?:x|k|m|b|g|t|ms|s|gb|mb|kb|fps|hz|khz|mhz|ghz|nm|mm|cm|km|w|mw|db|pp|th|mb/s|bit|fold|times)\b))"
    r"|(?P<word>[^\W_](?:[\w'’+/&]|(?<=\w)[-–.](?=\w))*[+]*)",
    re.I,
)
_UNIT = re.compile(
    r"\s*(?:\\?(?P<percent>%|percent\b|percentage points?\b|\bpp\b|per cent\b)"
    r"|\\?(?P<times>(?:x|×|times|fold)(?![\w])|-fold\b|\s?\\times|\$\\times\$|-times)"
    r"|(?P<million>m(?:illions?)?\b)|(?P<billion>(?:b(?:illions?)?)\b)|(?P<thousand>k\b|thousand\b)"
    r"|(?P<trillion>t\b|trillion\b)|-?(?P<unit>ms\b|milliseconds?\b|s\b|seconds?\b"
    r"|minutes?\b|hours?\b"
    r"|days?\b|fps\b|gb\b|mb\b|kb\b|hz\b|khz\b|mhz\b|ghz\b|db\b|bits?\b|gflops\b|flops\b|g\b))",
    re.I,
)
_SCALES = {"million": 1e6, "billion": 1e9, "thousand": 1e3, "trillion": 1e12}
_WORD_NUMBERS = {
    "zero": 0.0, "one": 1.0, "two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0, "six": 6.0,
    "seven": 7.0, "eight": 8.0, "nine": 9.0, "ten": 10.0, "eleven": 11.0, "twelve": 12.0,
    "twenty": 20.0, "thirty": 30.0, "forty": 40.0, "fifty": 50.0, "hundred": 100.0,
    "thousand": 1000.0, "dozen": 12.0,
}  # fmt: skip
_MULTIPLES = {
    "twice": 2.0, "double": 2.0, "doubles": 2.0, "doubled": 2.0, "doubling": 2.0, "twofold": 2.0,
    "triple": 3.0, "triples": 3.0, "tripled": 3.0, "tripling": 3.0, "threefold": 3.0,
    "quadruple": 4.0, "quadruples": 4.0, "fourfold": 4.0, "quintuple": 5.0, "quintuples": 5.0,
    "fivefold": 5.0, "tenfold": 10.0,
}  # fmt: skip
_FRACTIONS = {"half": 50.0, "halves": 50.0, "halved": 50.0, "halving": 50.0}
_SPLIT = re.compile(r"[-–/&]")
_SUFFIXES = (
    "ization", "isation", "ations", "ation", "ments", "ment", "ingly", "edly", "izing", "ising",
    "ized", "ised", "izes", "ises", "ness", "ively", "ive", "ally", "able", "ibly", "ible", "ably",
    "ions", "ion", "ings", "ing", "ers", "ors", "ies", "ied", "ed", "er", "or", "ely", "ly", "es",
    "ize", "ise", "al", "ity", "ous", "ate", "ates", "ated", "e", "s", "y",
)  # fmt: skip


class Word(NamedTuple):
    """One word of a text, and where it stands."""

    text: str
    start: int
    end: int
    stem: str
    is_stop: bool
    is_name: bool
    """Inner capitals, digits among letters, or a capital within a sentence."""


class Quantity(NamedTuple):
    """A number of a text with its unit; `times`, `%`, a unit's letters or nothing."""

    value: float
    unit: str
    start: int
    end: int
    text: str
    is_spelt: bool
    """Whether it is written as a word."""


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """`word` in small letters without its ending.

    >>> stem("reconstructions") == stem("reconstructed")
    True
    """
    word = word.lower().replace("’", "'").removesuffix("'s").replace("'", "")
    if any(letter.isdigit() for letter in word):
        return compact(word)
    for _ in range(2):
        for suffix in _SUFFIXES:
            if word.endswith(suffix) and len(word) - len(suffix) >= 3:
                word = word[: -len(suffix)]
                break
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    return word[:8] if len(word) > 8 else word


@lru_cache(maxsize=20_000)
def compact(text: str) -> str:
    """The letters and digits of `text` alone, small."""
    plain = unicodedata.normalize("NFKD", text.lower())
    return "".join(letter for letter in plain if letter.isalnum())


@lru_cache(maxsize=2_000)
def words(text: str) -> tuple[Word, ...]:
    """The words of `text`, compounds in their parts unless they are names."""
    found: list[Word] = []
    for match in _TOKEN.finditer(text):
        token = match.group().rstrip(".-'’/&")
        if match.lastgroup == "number" or not token:
            continue
        begins = not found or text[: match.start()].rstrip()[-1:] in (".", "!", "?", ":", "")
        found += _parts(token, match.start(), begins)
    return tuple(found)


def _parts(token: str, start: int, begins: bool) -> list[Word]:
    parts = [part for part in _SPLIT.split(token) if part]
    if _is_name(token, begins and len(parts) == 1) and any(c.isdigit() for c in token):
        return [_word(token, start, begins)]
    found, at = [], 0
    for part in parts:
        at = token.index(part, at)
        found.append(_word(part, start + at, begins and at == 0))
        at += len(part)
    return found


def _word(token: str, start: int, begins: bool) -> Word:
    low = token.lower()
    is_name = _is_name(token, begins)
    stop = (low in STOP_WORDS or len(low) < 2) and not is_name
    return Word(token, start, start + len(token), stem(token), stop, is_name)


def _is_name(token: str, begins: bool) -> bool:
    # Most words are plain ones, and this is asked of every word.
    if token.isalpha() and token.islower():
        return False
    if any(c.isdigit() for c in token) and any(c.isalpha() for c in token):
        return True
    inner = any(c.isupper() for c in token[1:])
    return inner or (token[0].isupper() and not begins and len(token) > 1)


@lru_cache(maxsize=2_000)
def quantities(text: str) -> tuple[Quantity, ...]:
    """The numbers of `text` with their units, in order.

    >>> [(q.value, q.unit) for q in quantities("5.2M parameters, 3x and twice, 14 %")]
    [(5200000.0, ''), (3.0, 'times'), (2.0, 'times'), (14.0, '%')]
    """
    found = []
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "number":
            found.append(_numeral(text, match))
        else:
            found += _spelt(text, match)
    return tuple(found)


def _numeral(text: str, match: re.Match[str]) -> Quantity:
    digits = match.group().lstrip("+-").replace(",", "")
    value, unit, end = float(digits), "", match.end()
    if after := _UNIT.match(text, match.end()):
        kind = after.lastgroup or ""
        value *= _SCALES.get(kind, 1.0)
        named = after.group().strip(" -").lower().rstrip("s")
        unit = {"percent": "%", "times": "times"}.get(kind, "" if kind in _SCALES else named)
        end = after.end()
    return Quantity(value, unit, match.start(), end, text[match.start() : end].strip(), False)


def _spelt(text: str, match: re.Match[str]) -> list[Quantity]:
    found = []
    for part in re.finditer(r"[^\W\d_]+", match.group()):
        low, start = part.group().lower(), match.start() + part.start()
        for table, unit in ((_WORD_NUMBERS, ""), (_MULTIPLES, "times"), (_FRACTIONS, "%")):
            if low in table and low not in ("one", "zero"):
                end = start + len(low)
                found.append(Quantity(table[low], unit, start, end, part.group(), True))
    return found


def same(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities are one number; a missing unit agrees with any."""
    close = abs(one.value - other.value) <= 1e-9 * max(1.0, abs(one.value))
    if not close and not _scaled(one, other):
        return False
    units = {one.unit, other.unit} - {""}
    return len(units) < 2 or one.unit[:1] == other.unit[:1]


def _scaled(one: Quantity, other: Quantity) -> bool:
    """Whether one gives the scale (5M) that the other leaves to a word apart (5, millions)."""
    low, high = sorted((one.value, other.value))
    return low > 0 and any(abs(high - low * scale) < 1e-6 * high for scale in (1e6, 1e9))


def holds(quantity: Quantity, others: Sequence[Quantity]) -> bool:
    """Whether `quantity` is among `others`."""
    return any(same(quantity, other) for other in others)
