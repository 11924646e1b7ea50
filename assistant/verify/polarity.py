"""Words of more and less -> whether claim and evidence point the same way."""

import re
from collections.abc import Sequence

import numpy as np

from assistant.verify.alignment import Aligned

FEATURES = (
    "sign_least", "sign_sum", "sign_count", "sign_product", "sign_claim", "denials_claim",
    "denials_there", "denials_differ", "evidence_sentences", "first_sentence", "second_sentence",
    "middle_sentence",
)  # fmt: skip
_MORE = re.compile(
    r"^(?:increas|high|elevat|great|more$|promot|enhanc|activat|induc|stimulat|up-?regulat|improv"
    r"|gain|benefi|augment|amplif|facilitat|accelerat|strengthen|positiv|larg|better|fast|rais"
    r"|ris(?:e|es|ing)$|rose$|grow|boost|exceed|outperform|superior|strong|sufficien|success"
    r"|support|additional|expan|widen|longer|maxim|surpass|robust|abundan|overestimat|enabl"
    r"|encourag|allow|present$|presence)"
)
_LESS = re.compile(
    r"^(?:decreas|reduc|low(?:er|ers|ered|est)?$|diminish|less|fewer|inhibit|suppress|block|impair"
    r"|prevent|down-?regulat|attenuat|loss|los[et]|lack|deficien|absen|wors|degrad|declin|negativ"
    r"|small|slow|weak|limit|fail|abolish|delay|disrupt|poor|trivial|unrelat|insufficien|drop"
    r"|shrink|short|minim|underestimat|discourag|hinder|remov|eliminat|cut|inferior|underperform"
    r"|hamper|curb|halv)"
)
_TURNS_WORDS = """
not no never neither nor without cannot don't doesn't didn't isn't aren't wasn't weren't won't
hardly rarely none longer
"""
_TURNS = frozenset(_TURNS_WORDS.split())
_DENIALS_WORDS = """
not no never neither nor without cannot can't don't doesn't didn't isn't aren't wasn't weren't
won't fail fails failed failing lack lacks lacking unable hardly none rarely seldom barely
scarcely absence absent nothing nobody unlike rather instead neglects neglected
"""
DENIALS = frozenset(_DENIALS_WORDS.split())
_NEAR_CLAIM, _NEAR_THERE, _LEAST_LIKENESS = 5, 7, 0.5


def signs(lows: Sequence[str]) -> list[int]:
    """For each word, in small letters, 1 if it says more, -1 if less; a denial before turns it.

    >>> signs("it does not increase what is low".split())
    [0, 0, 0, -1, 0, 0, -1]
    """
    found = []
    for at, word in enumerate(lows):
        sign = 1 if _MORE.match(word) else -1 if _LESS.match(word) else 0
        turned = sign and any(before in _TURNS for before in lows[max(0, at - 3) : at])
        found.append(-sign if turned else sign)
    return found


def row(aligned: Aligned) -> list[float]:
    """The claim's direction beside that of its evidence, as `FEATURES` names it."""
    claim = [word.text.lower() for word in aligned.words]
    there = [word.text.lower() for word in aligned.there]
    here, said = signs(claim), signs(there)
    kept = [_kept(aligned, at, here, said) for at, sign in enumerate(here) if sign]
    best = [at for at, home in enumerate(aligned.home) if home == aligned.chosen[0]]
    denied = sum(word in DENIALS for word in claim)
    denied_there = sum(there[at] in DENIALS for at in best)
    covered = np.sort(aligned.cosines.T @ aligned.weights)
    return [
        min(kept, default=0.0),
        sum(kept),
        float(len(kept)),
        float(np.sign(sum(here)) * np.sign(sum(said[at] for at in best))),
        float(sum(here)),
        float(denied),
        float(denied_there),
        float(bool(denied) != bool(denied_there)),
        float(min(len(aligned.passages), 30)),
        float(covered[-1]),
        float(covered[-2]) if len(covered) > 1 else 0.0,
        float(np.median(covered)),
    ]


def _kept(aligned: Aligned, at: int, here: Sequence[int], said: Sequence[int]) -> float:
    """How surely the evidence says the same direction of the same things, from -1 to 1."""
    best = (0.0, 0.0)
    reach = range(max(0, at - _NEAR_CLAIM), min(len(here), at + _NEAR_CLAIM + 1))
    signed = [place for place, sign in enumerate(said) if sign]
    for near in reach:
        if near == at or here[near] or aligned.words[near].is_stop:
            continue
        line = aligned.likeness[near]
        for target in np.argsort(-line)[:2].tolist():
            if line[target] < _LEAST_LIKENESS:
                continue
            for place in signed:
                apart = abs(place - target)
                if apart <= _NEAR_THERE and aligned.home[place] == aligned.home[target]:
                    sure = float(line[target]) / (1 + apart / 4) / (1 + abs(near - at) / 4)
                    best = max(best, (sure, sure * here[at] * said[place]))
    return best[1]
