"""What the judge is fitted on."""

import random
from collections import Counter
from pathlib import Path

import pytest

from assistant.corpus import merge, read_paths
from evals import judge_data
from evals.judge_data import Case

DATA = Path(judge_data.__file__).parent / "data"
CORPUS = DATA.parents[1] / "corpus"
OWN = ("paraphrased", "borrowed", "pairs")


@pytest.fixture(scope="module")
def papers() -> dict[str, str]:
    return {paper.title: paper.abstract for paper in merge(read_paths([CORPUS]).sightings)}


@pytest.mark.parametrize("name", OWN)
def test_every_sentence_has_its_paper_and_its_own_id(name: str, papers: dict[str, str]) -> None:
    rows = judge_data.json_lines(DATA / f"judge_{name}.jsonl")
    assert all(row["title"] in papers for row in rows)
    assert max(Counter(row["id"] for row in rows).values()) == 1


@pytest.mark.parametrize("name", OWN)
def test_no_sentence_is_about_a_paper_that_measures(name: str) -> None:
    measured = {row["title"] for row in judge_data.json_lines(DATA / "adversarial.jsonl")}
    assert not measured & {
        row["title"] for row in judge_data.json_lines(DATA / f"judge_{name}.jsonl")
    }


def test_a_pair_differs_and_its_fault_is_marked(papers: dict[str, str]) -> None:
    rows = judge_data.json_lines(DATA / "judge_pairs.jsonl")
    cases = list(judge_data.written(rows, papers))
    assert [case.supported for case in cases] == [True, False] * len(rows)
    assert all(case.claim != row["supported"] for case, row in zip(cases[1::2], rows, strict=True))


def test_what_is_true_in_other_words_is_false_of_other_papers(papers: dict[str, str]) -> None:
    titles = sorted(papers)
    near = {title: [other for other in titles if other != title] for title in titles}
    case = Case("paraphrased", titles[0], "a", "paraphrase", "It wins.", titles[0], "x", True)
    found = [one for seed in range(40) for one in judge_data.misplaced([case], papers, near, seed)]
    assert [one.kind for one in found] == ["near", "far", "near"] * 40
    assert not any(one.supported or one.title in titles[:3] for one in found)


def test_the_same_cases_stay_whatever_else_is_there() -> None:
    cases = [Case("c", "t", "a", "k", f"claim {n}", "t", "x", True) for n in range(400)]
    kept = list(judge_data.thinned(cases, 45))
    assert 140 < len(kept) < 220
    random.Random(1).shuffle(cases)
    assert set(judge_data.thinned(cases[:200], 45)) == set(kept) & set(cases[:200])
