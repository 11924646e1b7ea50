"""Titles found and titles wanted -> the measures of retrieval, by ir_measures."""

from collections.abc import Sequence
from functools import cache

import ir_measures
from ir_measures import RR, Qrel, R, ScoredDoc, Success, nDCG

MEASURES = {
    "r_at_1": R @ 1,
    "r_at_5": R @ 5,
    "ndcg_at_10": nDCG @ 10,
    "rr": RR,
    "success_at_1": Success @ 1,
}
_ONE = "q"


@cache
def measures(ranked: tuple[str, ...], relevant: tuple[str, ...]) -> dict[str, float]:
    """Each measure of one ranking, in which every relevant paper is worth the same."""
    wanted = [Qrel(_ONE, title, 1) for title in dict.fromkeys(relevant)]
    # A higher score is nearer; the library breaks ties by name, so that there are none.
    found = [
        ScoredDoc(_ONE, title, float(len(ranked) - place)) for place, title in enumerate(ranked)
    ]
    values = ir_measures.calc_aggregate(list(MEASURES.values()), wanted, found)
    return {name: float(values[measure]) for name, measure in MEASURES.items()}


def first_rank(ranked: Sequence[str], relevant: Sequence[str]) -> int | None:
    """The rank of the first relevant paper, from 1; none where none was found."""
    return next((rank for rank, one in enumerate(ranked, 1) if one in relevant), None)
