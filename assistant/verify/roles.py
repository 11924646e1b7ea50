"""Who does what to whom, and how far it goes -> whether the claim kept it."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from assistant.verify import lexicon
from assistant.verify.alignment import Aligned
from assistant.verify.polarity import DENIALS
from assistant.verify.tracing import Trail, region
from assistant.verify.wording import words

FEATURES = (
    "voice_differs", "crossed", "crossed_near", "crossed_verb", "crossed_verb_near", "verbs_kept",
    "denials_gained", "denials_odd", "denial_new", "denial_lost", "wider", "wider_than_all",
    "narrower_lost", "limit_lost", "contrary_put", "contrary_traced", "own_as_earlier",
    "earlier_as_own", "earlier_first", "own_first", "subject_home", "subject_before",
    "coverage_spread", "worst_three_below", "same_words", "other_words_likeness", "other_words",
    "first_above_middle",
)  # fmt: skip
_WIDER_WORDS = """
all every any always only solely never none each both entire entirely completely fully exclusively
universally regardless single one no everywhere perfect perfectly alone first
best guarantees must
"""
_WIDER = frozenset(_WIDER_WORDS.split())
_NARROWER_WORDS = """
some many most several up only nearly near almost when if under without certain part partly
partially least potential potentially may might can could often sometimes usually typically
generally mostly mainly about around approximately over more than toward towards specific selected
comparable competitive similar relatively few subset given particularly especially
possible possibly suggest suggests
"""
_NARROWER = frozenset(_NARROWER_WORDS.split())
_LIMITS = ("some", "up", "many", "without", "only", "when", "most")
_EARLIER = re.compile(
    r"\b(?:existing|previous|previously|prior|current|currently|conventional|traditional"
    r"|traditionally|earlier|recent|state-of-the-art|baselines?|standard|others?|competing|popular"
    r"|common|commonly|classical|past|widely)\b",
    re.I,
)
_OWN = re.compile(
    r"\b(?:we|our|ours|us|this (?:paper|work|study|thesis|dissertation|survey)|propos\w+|novel"
    r"|introduc\w+|present)\b",
    re.I,
)
_SELF = re.compile(
    r"\b(?:we|our|the authors?|this (?:paper|work|study)|proposed|it|its|their|they)\b", re.I
)
_VERB = re.compile(
    r"^(?:than|outperform\w*|surpass\w*|exceed\w*|beats?|better|worse|higher|lower|faster|slower"
    r"|more|less|fewer|superior|inferior|improv\w+|over|versus|compared|reduc\w+|increas\w+"
    r"|achiev\w+|while|whereas|instead|rather|unlike|into|from|by|with|to|leads?|caus\w+|because"
    r"|due|result\w*|enabl\w+|requir\w+|replac\w+|then|after|before|using|uses|as)$"
)
_PASSIVE = re.compile(r"\b\w+(?:ed|wn|ven|en)\s+(?:\w+\s+){0,2}by\b", re.I)


def row(aligned: Aligned, trail: Trail) -> list[float]:
    """All of it, as `FEATURES` names it."""
    return [
        *_crossings(aligned, trail),
        *_scope(aligned, trail),
        *_contraries(aligned, trail),
        *_whose(aligned),
        *_subject(aligned, trail),
        *_spread(aligned, trail),
    ]


def _crossings(aligned: Aligned, trail: Trail) -> tuple[float, ...]:
    """How far what stands left and right of a word has changed sides; the most of any word."""
    places = {at: to for at, to in zip(trail.told, trail.places, strict=True) if to >= 0}
    twins = _twins(aligned)
    crossed, crossed_verb, kept = {4: 0.0, 2: 0.0}, {4: 0.0, 2: 0.0}, []
    for at, word in enumerate(aligned.words):
        is_verb = bool(_VERB.match(word.text.lower()))
        pivots = [places[at]] if at in places else twins[at]
        if not 0 < len(pivots) < 4 or (word.is_stop and not is_verb):
            continue
        for reach in (4, 2):
            sides = [_sides(aligned, places, at, pivot, reach) for pivot in pivots]
            turned = min(side[0] for side in sides)
            crossed[reach] = max(crossed[reach], turned)
            if is_verb:
                crossed_verb[reach] = max(crossed_verb[reach], turned)
                if reach == 4:
                    kept.append(max(side[1] for side in sides))
    voices = [bool(_PASSIVE.search(text)) for text in (aligned.claim, aligned.best.text)]
    return (
        float(voices[0] != voices[1]),
        crossed[4],
        crossed[2],
        crossed_verb[4],
        crossed_verb[2],
        float(np.mean(kept)) if kept else 0.5,
    )


def _twins(aligned: Aligned) -> list[list[int]]:
    """For each word of the claim the places of the same word, or of one with its stem."""
    by_text: dict[str, list[int]] = {}
    by_stem: dict[str, list[int]] = {}
    for at, word in enumerate(aligned.there):
        by_text.setdefault(word.text.lower(), []).append(at)
        by_stem.setdefault(word.stem, []).append(at)
    return [by_text.get(word.text.lower()) or by_stem.get(word.stem, []) for word in aligned.words]


def _sides(
    aligned: Aligned, places: Mapping[int, int], at: int, pivot: int, reach: int
) -> tuple[float, float]:
    """The shares that changed sides, multiplied; and those that kept them."""
    home = aligned.home
    near = [
        one for one in places if abs(one - at) <= 2 * reach and home[places[one]] == home[pivot]
    ]
    left = [places[one] for one in near if one < at][-reach:]
    right = [places[one] for one in near if one > at][:reach]
    if not left or not right:
        return 0.0, 0.0
    moved_right = sum(place > pivot for place in left) / len(left)
    moved_left = sum(place < pivot for place in right) / len(right)
    return moved_right * moved_left, (1 - moved_right) * (1 - moved_left)


def _scope(aligned: Aligned, trail: Trail) -> tuple[float, ...]:
    """Denials and bounds put in or left out, beside the part that the claim was taken from."""
    claim = [word.text.lower() for word in aligned.words]
    there = [word.text.lower() for word in aligned.there]
    part = _part(aligned, trail)
    said = {there[at] for at in part}
    gained = sum(word in DENIALS for word in claim) - sum(there[at] in DENIALS for at in part)
    mine, everything = set(claim), set(there)
    lost = said - mine
    return (
        float(gained),
        float(gained % 2),
        float(gained > 0),
        float(gained < 0),
        float(len((mine - said) & _WIDER)),
        float(len((mine - everything) & _WIDER)),
        float(len(lost & _NARROWER)),
        float(sum(word in lost for word in _LIMITS)),
    )


def _part(aligned: Aligned, trail: Trail) -> list[int]:
    """The part of the main sentence that was used, and two words either side."""
    used = region(aligned, trail.steps)
    if not used:
        return []
    around = range(max(0, used.start - 2), min(len(aligned.there), used.stop + 1))
    return [at for at in around if aligned.home[at] == aligned.home[used.start]]


def _contraries(aligned: Aligned, trail: Trail) -> tuple[float, float]:
    """How many words stand where the evidence says their contrary, and are traced to it."""
    there = [word.text.lower() for word in aligned.there]
    put = traced = 0
    for at, (place, own) in enumerate(zip(trail.told, trail.places, strict=True)):
        against = lexicon.opposites(aligned.words[place].text.lower())
        spots = [one for one, word in enumerate(there) if word in against]
        if not spots:
            continue
        beside = [to for to in _beside(trail, at)[:2] if to >= 0]
        kept = own >= 0 and there[own] not in against and _is_near(aligned, [own], beside)
        put += _is_near(aligned, spots, beside) and not kept
        traced += own >= 0 and there[own] in against
    return float(put), float(traced)


def _beside(trail: Trail, at: int) -> list[int]:
    """The places of the neighbours that were traced, the next ones first."""
    order = (at - 1, at + 1, at - 2, at + 2)
    inside = (trail.places[one] for one in order if 0 <= one < len(trail.places))
    return [place for place in inside if place >= 0]


def _is_near(aligned: Aligned, spots: Sequence[int], places: Sequence[int]) -> bool:
    home = aligned.home
    return any(abs(a - b) <= 3 and home[a] == home[b] for a in spots for b in places)


def _whose(aligned: Aligned) -> tuple[float, ...]:
    """Whether earlier work is said of the paper's own, and the other way round."""
    best, claim = aligned.best.text, aligned.claim
    names = {word.stem for word in words(re.split(r"[:,]", aligned.titles)[0]) if word.is_name}
    named_there = any(word.stem in names for word in words(best))
    opens = any(word.stem in names for word in aligned.words[:4])
    own = bool(_SELF.search(claim)) or any(word.stem in names for word in aligned.words)
    earlier, earlier_there = bool(_EARLIER.search(claim)), bool(_EARLIER.search(best))
    own_there = bool(_OWN.search(best)) or named_there
    return (
        float(own and not earlier and earlier_there and not own_there),
        float(earlier and not earlier_there),
        float(
            bool(_EARLIER.search(claim[: len(claim) // 2]))
            and not _EARLIER.search(best[: len(best) // 2])
        ),
        float(opens and not named_there),
    )


def _subject(aligned: Aligned, trail: Trail) -> tuple[float, float]:
    """Whether the first three words come from the sentence of the others, and before them."""
    homes = [int(aligned.home[place]) if place >= 0 else -9 for place in trail.places]
    rest = [home for home in homes[3:] if home >= 0]
    if len(homes) < 5:
        return 0.5, 0.5
    if not rest:
        return 0.0, 0.5
    main = max(sorted(set(rest)), key=rest.count)
    first = [place for place, home in zip(trail.places[:3], homes[:3], strict=True) if home == main]
    others = [p for p, home in zip(trail.places[3:], homes[3:], strict=True) if home == main]
    before = [a < b for a in first for b in others]
    share = sum(home == main for home in homes[:3]) / 3
    return share, sum(before) / len(before) if before else 0.5


def _spread(aligned: Aligned, trail: Trail) -> tuple[float, ...]:
    """Whether all words are covered alike: other words all through, or one strange among many."""
    best, weights = aligned.cosines.max(axis=1), aligned.weights
    mean = float(weights @ best) if len(weights) else 0.0
    told = list(trail.told)
    stems = {word.stem for word in aligned.there}
    other = [at for at in told if aligned.words[at].stem not in stems]
    covered = aligned.cosines.T @ weights
    return (
        float(np.sqrt(max(0.0, float(weights @ (best - mean) ** 2)))),
        float(np.sort(best[told])[:3].mean() - mean) if told else 0.0,
        1 - len(other) / len(told) if told else 0.0,
        float(best[other].mean()) if other else 1.0,
        float(min(len(other), 15)),
        float(covered.max() - np.median(covered)),
    )
