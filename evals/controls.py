"""An answer's claims -> the score of each beside the score of the same claim spoilt.

A judge that is worth listening to scores what is spoilt lower. Every spoiling is one fault of one
kind, put into a claim that the judge supported.
"""

import random
import re
from collections.abc import Callable, Mapping, Sequence

from assistant import sentences
from assistant.schema import Paper
from evals import judge_faults
from evals.local_judge import Holds, best_of
from evals.row import Claim

Papers = Mapping[str, Paper]
"""The papers shown for an answer, by title."""
Spoilt = tuple[str, Sequence[Paper]]
Spoil = Callable[[Claim, Sequence[Claim], Papers, random.Random], Spoilt | None]


def controls(
    name: str, claims: Sequence[Claim], papers: Papers, judge: Holds
) -> dict[str, tuple[float, float]]:
    """By spoiling: the scores of the first claim that it fits, as it is and spoilt.

    `name` seeds the choices, so that a question always meets the same faults.
    """
    found: dict[str, tuple[float, float]] = {}
    sound: dict[Claim, float] = {}
    held = [one for one in claims if one.verdict == "supported" and _is_known(one, papers)]
    for kind, spoil in SPOILINGS.items():
        chance = random.Random(f"{name}:{kind}")
        for claim in held:
            if spoilt := spoil(claim, claims, papers, chance):
                if claim not in sound:
                    cited = [papers[title] for title in claim.cited]
                    sound[claim] = _score((claim.text, cited), judge)
                found[kind] = (sound[claim], _score(spoilt, judge))
                break
    return found


def _score(spoilt: Spoilt, judge: Holds) -> float:
    return round(float(best_of(*spoilt, judge).score), 4)


def _is_known(claim: Claim, papers: Papers) -> bool:
    return bool(claim.cited) and all(title in papers for title in claim.cited)


def _evidence_swapped(
    claim: Claim, _: Sequence[Claim], papers: Papers, chance: random.Random
) -> Spoilt | None:
    others = [paper for title, paper in papers.items() if title not in claim.cited]
    return (claim.text, [chance.choice(others)]) if others else None


def _citations_shuffled(
    claim: Claim, claims: Sequence[Claim], papers: Papers, chance: random.Random
) -> Spoilt | None:
    """Another claim's citations in place of its own."""
    mine = set(claim.cited)
    others = [one.cited for one in claims if _is_known(one, papers) and not mine & set(one.cited)]
    return (claim.text, [papers[one] for one in chance.choice(others)]) if others else None


def _foreign_sentence(
    claim: Claim, _: Sequence[Claim], papers: Papers, chance: random.Random
) -> Spoilt | None:
    others = [paper for title, paper in papers.items() if title not in claim.cited]
    if not others:
        return None
    said = [text for text in sentences.texts(chance.choice(others).abstract) if _is_long(text)]
    return (chance.choice(said), [papers[one] for one in claim.cited]) if said else None


def _is_long(text: str) -> bool:
    return len(text.split()) > 5


def _reworded(change: Callable[[str, random.Random], str | None]) -> Spoil:
    """The claim changed, its evidence left as it is."""

    def spoil(
        claim: Claim, _: Sequence[Claim], papers: Papers, chance: random.Random
    ) -> Spoilt | None:
        text = change(claim.text, chance)
        if not text or text == claim.text:
            return None
        return text, [papers[title] for title in claim.cited]

    return spoil


_UNITS = {
    "ms": "s", "milliseconds": "minutes", "seconds": "hours", "minutes": "days", "hours": "weeks",
    "days": "months", "GB": "MB", "MB": "GB", "KB": "GB", "GFLOPs": "TFLOPs", "MFLOPs": "GFLOPs",
    "M": "B", "B": "M", "million": "billion", "billion": "million", "%": " points", "dB": "%",
    "mAP": "FPS", "FPS": "mAP", "fps": "mAP", "points": "%", "times": "%", "x": "%",
}  # fmt: skip
_UNIT = re.compile(
    r"(?<=\d)(\s?)(" + "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True)) + r")(?!\w)"
)


def _wrong_unit(text: str, _: random.Random) -> str | None:
    found = _UNIT.search(text)
    if not found:
        return None
    return f"{text[: found.start()]}{found[1]}{_UNITS[found[2]]}{text[found.end() :]}"


_HEDGES = (
    (r"\b(?:may|might|could) be\b", "is"),
    (r"\b(?:may|might|could) not\b", "does not"),
    (r"\b(?:may|might|could|can) (?!be\b|not\b)(\w+)", r"always \1"),
    (r"\b(?:often|usually|generally|typically|sometimes|largely|mostly)\b", "always"),
    (r"\b(?:suggests?|indicates?|hints?)\b", "proves"),
    (r"\b(?:nearly|almost|approximately|roughly|about) (?=\d)", "exactly "),
    (r"\bpotential(?:ly)? ", "certain "),
)


def _hedge_removed(text: str, _: random.Random) -> str | None:
    return _first(text, _HEDGES)


_POPULATIONS = (
    (r"\b(?:images|image)\b", "audio recordings"),
    (r"\b(?:videos|video)\b", "radio"),
    (r"\b(?:humans|human|people|users|participants)\b", "animals"),
    (r"\b(?:English)\b", "Finnish"),
    (r"\b(?:mobile|edge|embedded) (?:devices|phones|platforms|hardware)\b", "server clusters"),
    (r"\b(?:language models|LLMs)\b", "decision trees"),
    (r"\b(?:convolutional (?:neural )?networks|CNNs)\b", "support vector machines"),
    (r"\b(?:patients|clinicians|medical)\b", "agricultural"),
    (r"\b(?:students|developers|researchers|programmers)\b", "pilots"),
)


def _population_swapped(text: str, _: random.Random) -> str | None:
    return _first(text, _POPULATIONS)


_CAUSES = (
    (
        r"\b(?:is|are|was|were) (?:strongly |highly |closely |positively )?"
        r"(?:correlated|associated|linked) (?:with|to)\b",
        "causes",
    ),
    (r"\bcorrelates? (?:well |strongly |highly )?with\b", "causes"),
    (r"\b(?:relates?|related) to\b", "caused by"),
    (r"\bassociation between\b", "causation between"),
    (r"\bcorrelations? (?:between|with|of)\b", "causal effect of"),
)


def _made_causal(text: str, _: random.Random) -> str | None:
    return _first(text, _CAUSES)


def _first(text: str, rules: Sequence[tuple[str, str]]) -> str | None:
    for pattern, new in rules:
        if re.search(pattern, text):
            return re.sub(pattern, new, text, count=1)
    return None


SPOILINGS: Mapping[str, Spoil] = {
    "evidence_swap": _evidence_swapped,
    "citation_shuffle": _citations_shuffled,
    "foreign_sentence": _foreign_sentence,
    "number": _reworded(judge_faults.wrong_number),
    "unit": _reworded(_wrong_unit),
    "negation": _reworded(judge_faults.negated),
    "direction": _reworded(judge_faults.turned),
    "entity": _reworded(judge_faults.other_name),
    "hedge_removed": _reworded(_hedge_removed),
    "population_swap": _reworded(_population_swapped),
    "causation": _reworded(_made_causal),
}
