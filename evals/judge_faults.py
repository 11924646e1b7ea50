"""One fault put into a true sentence: numbers, names, negation, direction, bounds, inventions."""

import random
import re

from assistant import sentences
from assistant.verify import lexicon
from assistant.verify.wording import quantities, words


def foreign_tail(abstract: str) -> str | None:
    """The end of some sentence, from its last comma or `and`."""
    for text in reversed(sentences.texts(abstract)):
        tail = re.split(r",\s+|\s(?=and\s)", text.rstrip(". "))[-1]
        if 3 < len(tail.split()) < 14:
            return tail
    return None


def other_word(text: str, abstract: str, chance: random.Random) -> str | None:
    """A word that tells replaced by another of the abstract, with the same ending."""
    mine = [word for word in words(text) if not word.is_stop and len(word.text) > 3]
    if not mine:
        return None
    word = chance.choice(mine)
    stems = {one.stem for one in words(text)}
    pool = [
        one.text
        for one in words(abstract)
        if not one.is_stop
        and one.stem not in stems
        and one.is_name == word.is_name
        and (one.is_name or one.text[-2:] == word.text[-2:] or one.text[-1:] == word.text[-1:])
    ]
    return text[: word.start] + chance.choice(pool) + text[word.end :] if pool else None


def swapped_words(text: str, chance: random.Random) -> str | None:
    """Two words that tell, each of the same ending, exchanged."""
    mine = [word for word in words(text) if not word.is_stop and len(word.text) > 3]
    chance.shuffle(mine)
    for left in mine[:6]:
        for right in mine:
            alike = left.text[-1:] == right.text[-1:] and left.is_name == right.is_name
            if alike and right.start > left.end + 2 and left.stem != right.stem:
                return _swap(text, left.start, left.end, right.start, right.end)
    return None


def trim(text: str) -> str:
    """`text` without its opening adverb and its brackets."""
    opening = r"^(?:However|Moreover|Furthermore|Specifically|In addition|Finally|Firstly), "
    bare = re.sub(opening, "", text)
    bare = re.sub(r"\s*\([^()]*\)", "", bare)
    return bare[:1].upper() + bare[1:]


def wrong_number(text: str, chance: random.Random) -> str | None:
    """One number changed."""
    found = [one for one in quantities(text) if not one.is_spelt and one.value]
    if not found:
        return None
    one = chance.choice(found)
    digits = re.match(r"[+-]?[\d.,]*\d", text[one.start :])
    if not digits:
        return None
    old = digits.group()
    factor = chance.choice((0.1, 10, 0.5, 1.5, 2, 1.1, 0.8))
    decimals = len(old.partition(".")[2])
    new = f"{float(old.replace(',', '')) * factor:.{decimals}f}"
    return text[: one.start] + new + text[one.start + len(old) :] if new != old else None


def swapped_numbers(text: str, chance: random.Random) -> str | None:
    """Two numbers exchanged."""
    found = [one for one in quantities(text) if not one.is_spelt]
    if len(found) < 2:
        return None
    left, right = sorted(chance.sample(found, 2), key=lambda one: one.start)
    return _swap(text, left.start, left.end, right.start, right.end)


def _swap(text: str, a: int, b: int, c: int, d: int) -> str | None:
    if text[a:b] == text[c:d] or b > c:
        return None
    return text[:a] + text[c:d] + text[b:c] + text[a:b] + text[d:]


def negated(text: str, chance: random.Random) -> str | None:
    """A negation put in, or one taken out."""
    for pattern, new in (
        (r"\b(?:not|never) ", ""),
        (r"\bwithout\b", "with"),
        (r"\bcannot\b", "can"),
    ):
        if re.search(pattern, text):
            return re.sub(pattern, new, text, count=1)
    for pattern, new in (
        (r"\b(is|are|was|were|can|does|do|has been|have been|will)\b", r"\1 not"),
        (r"\bwith\b", "without"),
        (r"\b(we) (\w+)\b", r"\1 do not \2"),
        (
            r"\b(\w+(?:ches|zes|ves|ses|tes|des|ces|ns|ts|ms|rs)) (the|a|an|both|high|state)\b",
            r"never \1 \2",
        ),
    ):
        if re.search(pattern, text):
            return re.sub(pattern, new, text, count=1)
    return None


def turned(text: str, chance: random.Random) -> str | None:
    """A direction word turned into its contrary."""
    found = [word for word in words(text) if word.text.lower() in lexicon.SIDES]
    if not found:
        return None
    word = chance.choice(found)
    row, side = chance.choice(lexicon.SIDES[word.text.lower()])
    new = chance.choice(sorted(lexicon.ROWS[row][1 - side]))
    return text[: word.start] + new + text[word.end :]


def swapped_names(text: str, chance: random.Random) -> str | None:
    """Two names, or two nouns either side of a comparison, exchanged."""
    names = [word for word in words(text) if word.is_name]
    if len(names) < 2:
        return None
    left, right = sorted(chance.sample(names, 2), key=lambda one: one.start)
    return _swap(text, left.start, left.end, right.start, right.end)


_NAMES = [
    "ImageNet",
    "CIFAR-10",
    "COCO",
    "BERT",
    "ResNet-50",
    "GPT-4",
    "LSTM",
    "U-Net",
    "Transformer",
    "MNIST",
    "Kinetics",
    "LLaMA",
]


def other_name(text: str, chance: random.Random) -> str | None:
    """A name replaced by one of another paper."""
    names = [word for word in words(text) if word.is_name]
    if not names:
        return None
    word = chance.choice(names)
    new = chance.choice([name for name in _NAMES if name.lower() not in text.lower()])
    return text[: word.start] + new + text[word.end :]


def sides_swapped(text: str, chance: random.Random) -> str | None:
    """What stands left and right of a comparison or a verb exchanged."""
    pattern = (
        r"\b((?:\w[\w-]* ){1,3}\w[\w-]*) (outperforms?|surpass(?:es)?|than|exceeds?"
        r"|leads? to|improves?|from"
        r"|enables?|requires?|rather than|instead of|uses?|using|over|by|into)"
        r" ((?:\w[\w-]* ){1,2}\w[\w-]*)"
    )
    match = re.search(pattern, text)
    return _swap(text, *match.span(1), *match.span(3)) if match else None


def overclaimed(text: str, chance: random.Random) -> str | None:
    """A hedge taken away, or a bound made universal."""
    for pattern, new in (
        (r"\b(?:may|might|can|could) (\w+)", r"always \1"),
        (r"\b(?:some|many|most|several|various)\b", "all"),
        (r"\b(?:often|usually|generally|typically)\b", "always"),
        (r"\b(?:nearly|almost|approximately|about) ", ""),
        (r"\b(?:reduces|mitigates|alleviates)\b", "completely eliminates"),
        (r"\b(?:suggests?|indicates?)\b", "proves"),
        (r"\bcomparable\b", "far superior"),
        (
            r"\b(\w+) (datasets|tasks|benchmarks|models|domains|methods)\b",
            r"all \1 \2 without exception",
        ),
    ):
        if re.search(pattern, text):
            return re.sub(pattern, new, text, count=1)
    return None


_CLAUSES = (
    "and it was deployed in production by two companies", "while halving the training time",
    "as confirmed by a study with thirty users", "without any loss of accuracy",
    "and it runs in real time on a phone", "which the authors release as open source",
    "with a mean accuracy of 92%", "in under ten seconds", "and it needs no labelled data",
    "corrected by two experts",
    "plus reinforcement learning from feedback", "across five languages",
)  # fmt: skip


def clause_added(text: str, chance: random.Random) -> str | None:
    """A clause put at the end that the abstract knows nothing of."""
    return (
        text.rstrip(". ") + (", " if chance.random() < 0.5 else " ") + chance.choice(_CLAUSES) + "."
    )


CORRUPTIONS = {
    "number": wrong_number, "numbers_swapped": swapped_numbers, "negation": negated,
    "direction": turned, "names_swapped": swapped_names, "name": other_name,
    "sides": sides_swapped, "overclaim": overclaimed, "clause": clause_added,
}  # fmt: skip
MADE = {**CORRUPTIONS, "words_swapped": swapped_words}
