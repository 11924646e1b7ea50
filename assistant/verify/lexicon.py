"""Words that change what a sentence claims: directions, negations, bounds and hedges."""

import re

# Rows end at `;`. The words of one side say the same direction; the other side is its contrary.
_OPPOSITES = """
increase increases increased increasing raise raises raised raising rise rises rose growing grows
grow boost boosts boosted enlarge enlarges expand expands expanded expanding widen widens widening
amplify amplifies elevate elevates gain gains enhance enhances enhancing improve improves
improving improved strengthen strengthens triples doubles quadruples maximize maximizes high
higher more | decrease decreases decreased decreasing reduce reduces reduced reducing reduction
lower lowers lowered lowering drop drops dropped shrink shrinks shrinking cut cuts cutting
diminish diminishes decline declines limit limits narrow narrows narrowed narrowing lessen lessens
curb curbs loses loss degrade degrades degrading worsen worsens halves minimize minimizes low
fewer less
;
more greater larger bigger higher additional extra | fewer less smaller lower reduced
;
higher high larger large bigger big greater great | lower low smaller small lesser little compact
tiny
;
faster fast quicker quick rapid rapidly speeds accelerate accelerates accelerated acceleration
speedup | slower slow slowly slows delay slowdown
;
better improve improves improved improving improvement improvements superior stronger enhances
enhance enhanced best outperform outperforms outperforming surpass surpasses exceed exceeds
exceeding beats beat | worse worsen worsens degrade degrades degraded degrading degradation
inferior weaker deteriorates harms hurt hurts underperform underperforms worst trails lags loses
;
before prior precedes earlier early first previous | after later subsequent follows following then
late last
;
early shallow initial lower bottom | later deep deeper final late top
;
local locally | global globally
;
cheaper cheap inexpensive affordable economical | costlier expensive costly pricier
;
easier easy simple simpler simplifies simplify | harder hard difficult complex complicated
complicates
;
strengthen strengthens encourage encourages enables enable allows allow permit permits promotes
supports | weaken weakens discourage discourages prevents prevent blocks block prohibits inhibits
forbids
;
same identical equal equally shared unchanged similar | different distinct separate varying
differing unlike
;
with including using | without lacking excluding absent
;
parallel simultaneous simultaneously concurrently concurrent | sequential sequentially serial
successive
;
static fixed frozen constant | dynamic adaptive changing varying
;
single one sole | multiple several many various
;
supervised labelled labeled | unsupervised unlabelled unlabeled
;
positive positively | negative negatively
;
maximum maximal maximise maximize maximizes highest most upper | minimum minimal minimise minimize
minimizes lowest least
;
short shorter shorten | long longer lengthen
;
narrow narrower | wide wider broad broader
;
sparse sparser | dense denser
;
coarse | fine
;
linear linearly | quadratic quadratically exponential exponentially cubic
;
online | offline
;
public open | private closed proprietary
;
homogeneous | heterogeneous
;
forward | backward
;
encoder encode encodes encoding | decoder decode decodes decoding
;
input inputs | output outputs
;
training train trains trained | inference testing test deployment
;
temporal | spatial
;
hardware | software
;
internal | external
;
manual manually hand handcrafted human | automatic automatically automated
;
continuous | discrete
;
add adds adding added insert inserts | remove removes removing removed delete deletes drop drops
;
success succeed succeeds successful successfully | fail fails failed failing failure unsuccessful
;
robust robustness reliable | fragile brittle vulnerable unreliable
;
source | target
;
teacher | student
;
strong | weak
"""
_UNIVERSAL = """
all every always any entirely completely fully never none whatsoever proven proves prove proving
guarantee guarantees guaranteed guaranteeing ensures everywhere everything universally perfect
perfectly best only solely exclusively alone first ever flawless flawlessly eliminates eliminate
eliminating definitively strictly clearly far vastly always unlimited arbitrary entire whole
no nothing zero regardless invariably certainly undoubtedly conclusively unprecedented impossible
each both solves solved exactly complete total
"""
_HEDGES = """
may might can could would should often sometimes generally typically usually mostly mainly
largely nearly almost approximately about around roughly suggest suggests suggesting indicate
indicates potential potentially possible possibly likely some several many most various partly
partially substantially comparable competitive similar close near up certain selected subset
preliminary help helps aim aims tend tends appear appears seem seems expected majority
significantly particularly especially limited depends when if under where
"""
_NEGATIONS = """
no not never none neither nor without cannot can't don't doesn't didn't isn't aren't wasn't weren't
won't nothing fail fails failed failing lack lacks lacking absence absent unable instead hardly
avoid avoids avoiding eliminate eliminates eliminating free rather unlike despite prevent prevents
impossible few little needless unnecessary
"""
_EARLIER_WORK = re.compile(
    r"\b(?:existing|previous|prior|current|conventional|traditional|earlier|recent|most|common"
    r"|state-of-the-art|other|standard|many|past)\b|\bhowever\b|\bdespite\b|\bchallenge|\bstruggle",
    re.I,
)
_OWN_WORK = re.compile(r"\b(?:we|our|ours|us|this (?:paper|work|study)|propos\w+|novel)\b", re.I)


def _rows() -> list[tuple[frozenset[str], frozenset[str]]]:
    rows = []
    for line in _OPPOSITES.split(";"):
        left, _, right = line.partition("|")
        rows.append((frozenset(left.split()), frozenset(right.split())))
    return rows


ROWS = tuple(_rows())
UNIVERSAL = frozenset(_UNIVERSAL.split())
HEDGES = frozenset(_HEDGES.split())
NEGATIONS = frozenset(_NEGATIONS.split())
# Where a word stands: the number of its row, and its side.
SIDES: dict[str, list[tuple[int, int]]] = {}
for _row, _pair in enumerate(ROWS):
    for _side, _words in enumerate(_pair):
        for _word in _words:
            SIDES.setdefault(_word, []).append((_row, _side))


def opposites(word: str) -> frozenset[str]:
    """The words that say the contrary of `word`, in small letters.

    >>> "slower" in opposites("faster")
    True
    """
    return frozenset().union(*(ROWS[row][1 - side] for row, side in SIDES.get(word, [])))


def alike(word: str) -> frozenset[str]:
    """The words that say the same direction as `word`, itself among them."""
    sides = SIDES.get(word, [])
    return frozenset({word}).union(*(ROWS[row][side] for row, side in sides))


def is_of_earlier_work(sentence: str) -> bool:
    """Whether `sentence` seems to tell of what others did."""
    return bool(_EARLIER_WORK.search(sentence)) and not _OWN_WORK.search(sentence)
