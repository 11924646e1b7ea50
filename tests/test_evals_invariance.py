"""The same question in other words, the same sources in another order: what stays is counted."""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from corpora import COMPOST, FIRST_PAGE, OWLS, SECOND_PAGE, Corpus
from fakes import FakeLLM
from test_rag import FREEZES, PROMPTS, WINTER, pipeline

from assistant.schema import Paper, Piece, ScoredPaper, Usage
from evals import invariance
from evals.__main__ import main
from evals.dataset import BadData, Sample
from evals.gate import Bounds
from evals.invariance import (
    ALL,
    ORDER,
    Stable,
    agreement,
    chosen,
    figures,
    missed,
    reordered,
    reworded,
)
from evals.metrics import Estimate
from evals.page_sections import stability
from evals.rewording import rewordings
from evals.shuffled import Shuffled, renumbered, shuffled

HITS = [
    ScoredPaper(Paper(f"p{n}", f"Net{n}", f"It has {n} layers."), n, 1.0 / n) for n in range(1, 5)
]


def test_a_question_is_reworded_in_each_way_that_changes_it() -> None:
    made = rewordings("How does S-LoRA serve thousands of adapters?")
    assert made == {
        "polite": "Please tell me: How does S-LoRA serve thousands of adapters?",
        "no capitals": "how does s-lora serve thousands of adapters?",
        "no question mark": "How does S-LoRA serve thousands of adapters",
        "in the paper": "In the paper on this, how does S-LoRA serve thousands of adapters?",
        "other opening": "In what way does S-LoRA serve thousands of adapters?",
        "typing errors": "How does S-LoRA serve thuosands of adapters?",
    }
    assert rewordings("GPT-4 is what?")["in the paper"] == "In the paper on this, GPT-4 is what?"
    assert "other opening" not in rewordings("Who owns it?")
    assert rewordings("Which papers count owls?").keys() >= {"polite", "no capitals"}


# The order of sources


def test_sources_are_numbered_anew_and_each_keeps_its_text() -> None:
    prompt = PROMPTS.answer(HITS, "How many layers?")[-1].content
    text, numbers = shuffled(prompt, 0)
    assert sorted(numbers) == sorted(numbers.values()) == [1, 2, 3, 4]
    assert numbers[1] != 1
    for new, old in numbers.items():
        assert f"[{new}] Title: Net{old}\nAbstract: It has {old} layers.\n</source {new} " in text
    assert text.endswith(prompt[prompt.rindex("Question:") :])
    alone, same = shuffled(PROMPTS.answer(HITS[:1], "How?")[-1].content, 0)
    assert same == {1: 1}
    assert "[1] Title: Net1" in alone


def test_citations_are_numbered_back() -> None:
    assert renumbered("A [1]. B [2, 3]. C [9].", {1: 3, 2: 1, 3: 2}) == "A [3]. B [1][2]. C [9]."


class Reads:
    """A model that cites the source in which it finds a word."""

    model = "reads"

    def __init__(self, word: str) -> None:
        self.word = word

    def stream(self, messages: Any, *, max_tokens: int) -> Iterator[Piece]:
        before = messages[-1].content.partition(self.word)[0]
        number = before[before.rindex("<source ") :].split()[1]
        yield Piece(f"{FREEZES[:-1]} [")
        yield Piece(f"{number}]")
        yield Piece(".", Usage(1, 1, 1))


def test_a_model_that_reads_cites_the_same_in_any_order(corpus: Corpus) -> None:
    reads = Reads("connectors")
    found = reordered(pipeline(corpus, reads), pipeline(corpus, Shuffled(reads)), [sample(WINTER)])
    assert found[ORDER] == [(True, True, True, 1.0)]


def test_a_model_that_takes_the_first_source_is_found_out(corpus: Corpus) -> None:
    reply = "It hears owls [1]."
    one, other = (FakeLLM(reply, reply) for _ in range(2))
    found = reordered(
        pipeline(corpus, one, strike=False), pipeline(corpus, Shuffled(other)), [sample(WINTER)]
    )
    assert not (found[ORDER][0].refusal and found[ORDER][0].papers)


# Agreement


def sample(question: str, **more: Any) -> Sample:
    return Sample("q", "mine", "fact", question, **more)


def test_agreement_is_told_of_refusals_papers_and_sentences(corpus: Corpus) -> None:
    asked = pipeline(corpus)
    winter, owls = asked.ask(WINTER).answer(), asked.ask("What does OwlEar detect?").answer()
    declined = asked.ask("How many litres does the BatEar hold?").answer()
    assert agreement(winter, winter) == (True, True, True, 1.0)
    assert agreement(winter, owls) == (True, False, False, 0.0)
    assert agreement(winter, declined) == (False, None, None, None)
    assert agreement(declined, declined) == (True, None, None, None)


def test_each_way_of_asking_has_its_figures_and_all_of_them_together(corpus: Corpus) -> None:
    samples = [sample(WINTER), sample("How many flight calls does OwlEar detect?")]
    steps: list[tuple[int, int]] = []
    found = reworded(pipeline(corpus), samples, lambda *step: steps.append(step))
    assert steps == [(1, 2), (2, 2)]
    told = figures(found)
    assert told[ALL].refusal.n == sum(len(mine) for way, mine in found.items() if way != ALL)
    assert told["no question mark"].papers.value == 1.0
    assert missed(told, {"refusal": 0.2}) == []
    assert missed(told, {"refusal": 1.0})[0].startswith("same refusal reworded: low end ")


def test_questions_that_hang_on_others_or_on_an_index_of_their_own_are_left_out() -> None:
    asked = [sample("a?"), sample("b?", without=("T",)), sample("c?", history=(("u", "a"),))]
    assert [one.question for one in chosen(asked)] == ["a?"]


def test_the_verb_prints_a_table_and_keeps_the_figures_for_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = tmp_path / "pages"
    pages.mkdir()
    for name, papers in (("one", FIRST_PAGE), ("two", SECOND_PAGE)):
        lines = [
            json.dumps({"title": title, "abstract": abstract})
            for title, (abstract, *_) in ((t, p) for t, p in papers.items() if t in (OWLS, COMPOST))
        ]
        (pages / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    settings = tmp_path / "config.toml"
    settings.write_text(f"[corpus]\npaths = ['{pages}']\n", encoding="utf-8")
    row = {"id": "q", "kind": "fact", "question": WINTER, "gold_titles": [COMPOST], "must": []}
    questions = tmp_path / "questions.jsonl"
    questions.write_text(json.dumps({**row, "answer": "Water."}), encoding="utf-8")
    given = ["invariance", "--config", str(settings), "--questions", str(questions)]
    assert main([*given, "--out", str(tmp_path / "run")]) == 0
    out = capsys.readouterr().out
    assert "same papers" in out
    assert ORDER in out
    kept = invariance.load_figures(tmp_path / "run" / invariance.FILE)
    assert kept[ORDER].papers.value == kept[ORDER].sentences.value == 1.0
    assert kept[ORDER].refusal.n == 1
    assert invariance.load_figures(tmp_path / "nowhere") == {}


def test_the_page_shows_what_stays_or_how_to_measure_it() -> None:
    assert "assistant eval invariance --out" in stability({})
    one = Estimate(0.75, 0.5, 0.9, 8)
    html = stability({ALL: Stable(one, one, one, one)})
    assert html.count("75") >= 4
    assert "reworded, all" in html


def test_the_gate_holds_what_stays(tmp_path: Path) -> None:
    bounds = tmp_path / "gate.toml"
    bounds.write_text("[stable]\npapers = 0.5\n", encoding="utf-8")
    assert Bounds.load(bounds).stable == {"papers": 0.5}
    bounds.write_text("[stable]\nmoods = 0.5\n", encoding="utf-8")
    with pytest.raises(BadData, match="unknown moods"):
        Bounds.load(bounds)


def test_an_answer_that_turns_with_the_words_shuts_the_gate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("evals.run.run", lambda *_: None)
    one = Estimate(0.75, 0.5, 0.9, 8)
    found = {ALL: Stable(one, one, one, one)}
    monkeypatch.setattr(invariance, "of_a_few", lambda *_: found)
    bounds = tmp_path / "gate.toml"
    for floor, code in ((0.4, 0), (0.6, 1)):
        bounds.write_text(f"[stable]\npapers = {floor}\n", encoding="utf-8")
        assert main(["gate", "--no-card", "--bounds", str(bounds)]) == code
        out = capsys.readouterr().out
        assert "reworded, all" in out
        assert ("same papers reworded: low end 0.500 is below 0.600" in out) is bool(code)


def test_the_few_that_the_gate_rewords_are_of_all_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Sample] = []
    monkeypatch.setattr(invariance, "opened", lambda *_, **__: nullcontext())
    monkeypatch.setattr(invariance, "quoting", nullcontext)
    monkeypatch.setattr(invariance, "reworded", lambda _, samples, __: asked.extend(samples) or {})
    assert invariance.of_a_few(Path(), None, lambda done, of: None) == {}
    assert 16 <= len(asked) <= 18
    assert {one.kind for one in asked} >= {"unanswerable", "compare", "result", "method"}
