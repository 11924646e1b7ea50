"""The real corpus, the real engines and the real commands: what a newcomer meets."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from whole import (  # noqa: F401
    NOT_HERE,
    S_LORA,
    SERVING,
    Commands,
    commands,
    data,
    own_commands,
    ready,
    run,
    state,
)

from assistant import build
from assistant.catalog import Catalog
from assistant.config import version
from assistant.corpus import paper_id
from assistant.schema import Paper

VERDICTS = {
    "supported", "partial", "contradicted", "not_in_evidence", "uncited", "not_a_claim",
}  # fmt: skip
COMPARE = "How do S-LoRA and Hydra differ?"
FOLLOW_UP = {
    "id": "f1",
    "question": "And how does it change the pooling part?",
    "history": [
        {
            "user": "Which earlier architecture does ECAPA-TDNN enhance?",
            "assistant": "It enhances the x-vector architecture.",
        }
    ],
}
ECAPA = (
    "ECAPA-TDNN: Emphasized Channel Attention, Propagation and Aggregation in TDNN Based"
    " Speaker Verification"
)
SOURCE = {
    "title": "OwlEar: Hearing Night Migration",
    "abstract": "OwlEar detects flight calls 🦉 of birds. It detects 81.5 percent of the calls.",
}


@pytest.fixture(scope="session")
def papers(ready: Path) -> dict[str, Paper]:  # noqa: F811
    with Catalog.open(ready / build.CATALOG) as catalog:
        return {paper.paper_id: paper for paper in catalog.papers()}


def rows(*records: object) -> str:
    return "\n".join(one if isinstance(one, str) else json.dumps(one) for one in records)


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_hit(hit: dict[str, Any]) -> None:
    assert set(hit) == {"paper_id", "title", "score", "rank", "reasons"}
    assert is_number(hit["score"])
    assert set(hit["reasons"]) == {"dense", "lexical"}
    for reason in hit["reasons"].values():
        assert reason is None or (reason["rank"] >= 1 and is_number(reason["score"]))
    assert any(hit["reasons"].values())


def check_sentence(sentence: dict[str, Any], abstracts: dict[str, str]) -> None:
    assert sentence["verdict"] in VERDICTS
    assert is_number(sentence["score"])
    assert 0 <= sentence["score"] <= 1
    if evidence := sentence["evidence"]:
        assert set(evidence) == {"paper_id", "quote", "start", "end"}
        abstract = abstracts[evidence["paper_id"]]
        assert evidence["quote"] == abstract[evidence["start"] : evidence["end"]] != ""


def check_answer(record: dict[str, Any], papers: dict[str, Paper]) -> None:
    """Everything that other programs rely on."""
    assert set(record) == {
        "id", "question", "standalone_question", "answer", "sentences", "citations", "papers",
        "refused", "refusal", "model", "usage", "timings_ms", "receipt",
    }  # fmt: skip
    assert isinstance(record["answer"], str)
    assert record["answer"]
    abstracts = {id_: paper.abstract for id_, paper in papers.items()}
    for sentence in record["sentences"]:
        assert set(sentence) == {"text", "citations", "verdict", "score", "reason", "evidence"}
        check_sentence(sentence, abstracts)
    check_citations(record, papers)
    for hit in record["papers"]:
        check_hit(hit)
    check_refusal(record)
    assert set(record["usage"]) - {"cached"} == {"prompt_tokens", "completion_tokens", "requests"}
    assert record["usage"]["prompt_tokens"] > 0
    assert record["timings_ms"]["total"] > 0
    assert set(record["receipt"]) == {"corpus", "prompts", "encoder", "version"}
    assert record["receipt"]["version"] == version()


def check_citations(record: dict[str, Any], papers: dict[str, Paper]) -> None:
    """Numbers run from 1 in the order of first citation, and each stands for one paper."""
    numbers = [citation["number"] for citation in record["citations"]]
    marks = [int(mark) for mark in re.findall(r"\[(\d+)\]", record["answer"])]
    assert list(dict.fromkeys(marks)) == numbers == list(range(1, len(numbers) + 1))
    said = [number for one in record["sentences"] for number in one["citations"]]
    assert list(dict.fromkeys(said)) == numbers
    for citation in record["citations"]:
        assert set(citation) == {"number", "paper_id", "title", "quote", "url"}
        paper = papers[citation["paper_id"]]
        assert citation["title"] == paper.title
        assert citation["quote"] in paper.abstract
    cited = [citation["paper_id"] for citation in record["citations"]]
    assert [hit["paper_id"] for hit in record["papers"]][: len(cited)] == cited


def check_refusal(record: dict[str, Any]) -> None:
    refusal = record["refusal"]
    assert record["refused"] is (refusal is not None)
    if refusal:
        assert set(refusal) == {"kind", "reason", "nearest"}
        assert refusal["kind"] in {"not_in_corpus", "not_stated", "false_premise"}
        assert record["answer"] == refusal["reason"]
        assert not record["citations"]
        for hit in refusal["nearest"]:
            check_hit(hit)


# ask


def test_an_answer_is_cited_verified_and_quoted_from_the_abstract(
    cli: Commands, papers: dict[str, Paper]
) -> None:
    ran = cli("ask", SERVING, "--json", "--strict")
    assert (ran.code, ran.err) == (0, "")
    check_answer(ran.json, papers)
    assert ran.json["citations"][0]["title"] == S_LORA
    assert {one["verdict"] for one in ran.json["sentences"]} == {"supported"}
    assert (ran.json["model"], ran.json["usage"]["requests"]) == ("embedded", 0)
    assert ran.json["question"] == ran.json["standalone_question"] == SERVING
    assert len(ran.json["answer"].split()) <= 125


def test_a_person_sees_the_answer_its_sources_and_the_quoted_span(cli: Commands) -> None:
    ran = cli("ask", SERVING)
    answer, sources = ran.out.split("\nSources\n")
    assert (ran.code, ran.err) == (0, "")
    assert "main memory" in answer
    assert f"[1] {S_LORA}" in sources
    assert re.search(r"“[^”]+”", sources)
    assert "\x1b" not in ran.out


def test_a_comparison_cites_each_paper_once_in_the_order_of_its_numbers(
    cli: Commands, papers: dict[str, Paper]
) -> None:
    record = cli("ask", COMPARE, "--json").json
    check_answer(record, papers)
    titles = [citation["title"] for citation in record["citations"]]
    assert [title.split(":")[0] for title in titles] == ["S-LoRA", "Hydra"]


def test_a_question_without_an_answer_is_declined_with_the_nearest_papers(
    cli: Commands, papers: dict[str, Paper]
) -> None:
    ran = cli("ask", NOT_HERE, "--json")
    assert ran.code == 3
    check_answer(ran.json, papers)
    assert ran.json["refusal"]["kind"] == "not_in_corpus"
    assert len(ran.json["refusal"]["nearest"]) == 3
    shown = cli("ask", NOT_HERE)
    assert (shown.code, shown.out.count("\n  · ")) == (3, 3)
    assert shown.out.startswith(ran.json["refusal"]["reason"])


def test_the_paper_that_is_here_but_silent_is_named(
    cli: Commands, papers: dict[str, Paper]
) -> None:
    ran = cli("ask", "What equal error rate does ECAPA-TDNN get on VoxCeleb1?", "--json")
    assert ran.code == 3
    check_answer(ran.json, papers)
    assert ran.json["refusal"]["kind"] == "not_stated"
    assert ECAPA in ran.json["answer"]


def test_rows_keep_their_order_and_ids_and_one_that_fails_stops_none(
    cli: Commands, papers: dict[str, Paper]
) -> None:
    asked = rows(
        {"id": 7, "question": SERVING},
        {"id": "empty", "question": " "},
        FOLLOW_UP,
        '{"id": "broken", ',
        {"id": "unknown", "question": NOT_HERE},
    )
    ran = cli("ask", "--file", cli.write("in.jsonl", asked), "--json")
    assert ran.code == 1
    first, empty, follow_up, broken, unknown = ran.rows
    assert [row["id"] for row in ran.rows] == [7, "empty", "f1", None, "unknown"]
    assert set(empty) == set(broken) == {"id", "error"}
    assert "line 4" in broken["error"]
    for record in (first, follow_up, unknown):
        check_answer(record, papers)
    assert unknown["refused"] is True


def test_a_follow_up_finds_the_paper_of_the_conversation(cli: Commands) -> None:
    ran = cli("ask", "--file", "-", "--json", stdin=rows(FOLLOW_UP))
    assert ran.code == 0
    assert ran.json["question"] == FOLLOW_UP["question"]
    assert ECAPA in ran.json["standalone_question"]
    assert ran.json["citations"][0]["title"] == ECAPA
    assert "channel-dependent frame attention" in ran.json["answer"]


def test_a_declined_row_makes_the_exit_code_3(cli: Commands) -> None:
    asked = rows({"question": SERVING}, {"question": NOT_HERE})
    assert cli("ask", "--file", "-", "--json", stdin=asked).code == 3


def test_a_conversation_is_remembered(cli: Commands) -> None:
    ran = cli("chat", stdin="What is S-LoRA?\nWhere does it keep the adapters?\n/quit\n")
    assert ran.code == 0
    assert ran.out.count(f"[1] {S_LORA}") == 2
    assert "main memory" in ran.out


# search, show, verify


def test_search_ranks_ten_papers_with_reasons(cli: Commands, papers: dict[str, Paper]) -> None:
    record = cli("search", SERVING, "--json").json
    assert set(record) == {"id", "question", "papers"}
    assert [hit["rank"] for hit in record["papers"]] == list(range(1, 11))
    assert record["papers"][0]["title"] == S_LORA
    assert len({hit["paper_id"] for hit in record["papers"]}) == 10
    scores = [hit["score"] for hit in record["papers"]]
    assert scores == sorted(scores, reverse=True)
    for hit in record["papers"]:
        check_hit(hit)
        assert papers[hit["paper_id"]].title == hit["title"]


def test_rows_of_search_keep_their_ids(cli: Commands) -> None:
    asked = rows({"id": 1, "question": "diffusion"}, {"id": 2}, {"id": 3, "question": "speech"})
    ran = cli("search", "--file", "-", "--json", "-k", "3", stdin=asked)
    assert ran.code == 1
    assert [row["id"] for row in ran.rows] == [1, 2, 3]
    assert [len(row.get("papers", ())) for row in ran.rows] == [3, 0, 3]


def test_filters_hold_in_both_engines(cli: Commands, papers: dict[str, Paper]) -> None:
    since = cli("search", "language models", "--since", "2024", "--json").json["papers"]
    dates = [papers[hit["paper_id"]].date or "" for hit in since]
    assert dates
    assert min(dates) >= "2024"
    page = "000_19b122f9d2395400.txt"
    of_page = cli("search", "language models", "--page", page, "--json").json["papers"]
    seen = [{one.page for one in papers[hit["paper_id"]].sightings} for hit in of_page]
    assert len(seen) == 10
    assert all(page in pages for pages in seen)
    # S-LoRA's listing tells no date, so that no date can let it through.
    ran = cli("ask", SERVING, "--year", "2021", "--json")
    assert S_LORA not in [hit["title"] for hit in ran.json["papers"]]


def test_show_gives_a_paper_and_all_its_sightings(cli: Commands, papers: dict[str, Paper]) -> None:
    paper = max(papers.values(), key=lambda one: len(one.sightings))
    record = cli("show", paper.paper_id[:9], "--json").json
    assert (record["paper_id"], record["abstract"]) == (paper.paper_id, paper.abstract)
    assert len(record["sightings"]) == len(paper.sightings) > 1
    assert all(paper_id(one["title"]) == paper.paper_id for one in record["sightings"])
    shown = cli("show", paper.paper_id).out
    assert shown.startswith(paper.title)
    assert shown.count(", listing ") == len(paper.sightings)


def test_a_claim_is_held_against_its_own_sources(cli: Commands) -> None:
    claim = "OwlEar detects 81.5 percent of the calls. It detects 18.5 percent. Is it good?"
    asked = rows({"id": "c", "claim": claim, "sources": [SOURCE]})
    ran = cli("verify", "--file", "-", "--json", stdin=asked)
    assert (ran.code, ran.json["id"]) == (0, "c")
    first, second, question = ran.json["sentences"]
    for sentence in ran.json["sentences"]:
        assert set(sentence) == {"text", "verdict", "score", "reason", "evidence"}
        check_sentence(sentence, {"source-1": SOURCE["abstract"]})
    assert (first["verdict"], question["verdict"]) == ("supported", "not_a_claim")
    assert second["verdict"] == "contradicted"
    assert cli("verify", "--file", "-", "--strict", stdin=asked).code == 3


@pytest.mark.parametrize("sources", [[], [{"title": "", "abstract": ""}]])
def test_sources_that_hold_nothing_support_nothing(cli: Commands, sources: list[Any]) -> None:
    asked = rows({"claim": "OwlEar detects 81.5 percent of the calls.", "sources": sources})
    ran = cli("verify", "--file", "-", "--json", stdin=asked)
    assert ran.code == 0
    assert [one["verdict"] for one in ran.json["sentences"]] == ["not_in_evidence"]
    assert is_number(ran.json["sentences"][0]["score"])


def test_one_s_own_text_is_checked_against_the_corpus(
    cli: Commands, papers: dict[str, Paper]
) -> None:
    text = (
        "# Related work\n\nS-LoRA stores all adapters in the main memory [12]."
        " S-LoRA stores all adapters on magnetic tape.\n"
    )
    ran = cli("verify", "-", "--json", stdin=text)
    assert ran.code == 0
    for sentence in ran.json["sentences"]:
        check_sentence(sentence, {id_: paper.abstract for id_, paper in papers.items()})
    heading, right, wrong = ran.json["sentences"]
    assert heading["verdict"] == "not_a_claim"
    assert (right["verdict"], right["evidence"]["paper_id"]) == ("supported", paper_id(S_LORA))
    assert wrong["verdict"] not in ("supported", "uncited")
    shown = cli("verify", cli.write("text.txt", text), "--strict")
    assert shown.code == 3
    assert S_LORA in shown.out


# index, doctor, config


def test_indexing_again_reads_and_encodes_nothing(own: Commands) -> None:
    before = state(own.data)
    ran = own("index", "--json")
    report = ran.json
    assert (ran.code, report["listings"], report["papers"]) == (0, 306, 249)
    assert (report["pages"], report["pages_unchanged"], report["encoded"]) == (5, 5, 0)
    assert state(own.data) == before


def test_the_doctor_finds_nothing_to_mend(cli: Commands) -> None:
    ran = cli("doctor", "--json")
    findings = {one["name"]: one for one in ran.json["findings"]}
    assert ran.code == 0
    assert {one["state"] for one in findings.values()} == {"ok"}
    assert "249 papers on 5 pages" in findings["catalog"]["detail"]


def test_config_tells_where_each_value_comes_from(cli: Commands) -> None:
    shown = cli("config", "--json").json
    expected = {"value": str(cli.data), "from": "environment ASSISTANT_DATA__FOLDER"}
    assert shown["data.folder"] == expected
    assert shown["keys.openai"]["from"] == "not set"


# The same as processes of their own


def test_a_fresh_home_gets_a_cited_answer_from_one_command(
    tmp_path: Path, papers: dict[str, Paper]
) -> None:
    page = tmp_path / "my page 🦉.jsonl"
    page.write_text(json.dumps(SOURCE), encoding="utf-8")
    words = {"ASSISTANT_CORPUS__PATHS": str(page), "LC_ALL": "C"}
    ran = run("ask", "How many of the calls does OwlEar detect?", home=tmp_path, **words)
    assert ran.code == 0
    assert "81.5 percent of the calls. [1]" in ran.out
    assert ran.err == "Indexing the corpus, this once …\n"
    again = run("ask", "How many of the calls does OwlEar detect?", home=tmp_path, **words)
    assert (again.code, again.out, again.err) == (0, ran.out, "")


def test_a_process_answers_rows_from_a_pipe(
    ready: Path,  # noqa: F811
    tmp_path: Path,
    papers: dict[str, Paper],
) -> None:
    asked = rows({"id": "é", "question": SERVING}, {"id": 2, "question": NOT_HERE})
    where = {"ASSISTANT_DATA__FOLDER": str(ready)}
    ran = run("ask", "--file", "-", "--json", home=tmp_path, stdin=asked.encode(), **where)
    assert (ran.code, ran.err) == (3, "")
    assert [row["id"] for row in ran.rows] == ["é", 2]
    for record in ran.rows:
        check_answer(record, papers)


def test_papers_piped_in_packed_are_found_named_and_compared(own: Commands) -> None:
    versions = [
        {"title": title, "abstract": f"{text} {SOURCE['abstract']}", "arxiv_id": f"2401.00001v{n}"}
        for n, (title, text) in enumerate(((SOURCE["title"], "One."), ("OwlEar", "Two.")), 1)
    ]
    for number, one in enumerate(versions, 1):
        ran = own("index", "-", "--strict", stdin=gzip.compress(json.dumps(one).encode()))
        assert (ran.code, f"{2 - number} added, {number - 1} changed" in ran.out) == (0, True)
    shown = own("show", "arXiv:2401.00001", "--diff").out
    assert "From 1 to 2\n[-One.-] {+Two.+} OwlEar detects" in shown
    assert "https://arxiv.org/abs/2401.00001v2" in shown
    record = own("show", paper_id("OwlEar"), "--diff", "--json").json
    assert record["paper_id"] == paper_id(SOURCE["title"])
    assert record["identifiers"] == {"arxiv_id": "2401.00001v2"}
    assert [one["arxiv_id"][-2:] for one in record["versions"]] == ["v1", "v2"]
    assert own("show", "10.1000/none").code == 2
    ran = own("index", "-", "--strict", stdin=b'{"title": "T", "abstract": "A"}\n{\n')
    assert (ran.code, ran.err.count("line 2: not JSON")) == (1, 1)
    assert own("index", "*.ris").code == 2
