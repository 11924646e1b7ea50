from dataclasses import replace

import bibtexparser
import pytest
from stub_assistant import ABSTRACT, HIT, PAPER, answer, sentence

from assistant.errors import UsageError
from assistant.export import FORMATS, exported
from assistant.schema import Refusal

ANSWERED = answer(
    "How does LoRA <b>train</b>?",
    sentence("LoRA freezes the weights [1]."),
    sentence("It is 3 times smaller [1].", "contradicted", 0.1, "10,000, not 3"),
)
REFUSED = answer("Q?", refusal=Refusal("not_stated", "The abstract does not say.", (HIT,)))


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_is_named_after_its_question(format: str) -> None:
    file = exported(ANSWERED, format)
    assert file.name == f"how-does-lora-b-train-b.{format}"
    assert file.text.strip()


def test_a_question_without_letters_still_gives_a_name() -> None:
    assert exported(answer("数据？", sentence("It [1].")), "md").name == "answer.md"


def test_a_format_that_is_none_names_those_that_are() -> None:
    with pytest.raises(UsageError, match="no format 'pdf': choose one of md, bib, html"):
        exported(ANSWERED, "pdf")


def test_markdown_holds_answer_doubt_quote_and_what_made_it() -> None:
    text = exported(ANSWERED, "md").text
    assert r"LoRA freezes the weights \[1\]." in text
    assert "✗ contradicted (10,000, not 3)" in text
    assert "1. **LoRA&#58; Low-Rank Adaptation**, 2021-06" in text
    assert "   > LoRA freezes the weights." in text
    assert "corpus c, prompts p, encoder e" in text


def test_markdown_shows_markup_of_a_question_as_text() -> None:
    assert "<b>" not in exported(ANSWERED, "md").text


def test_bibtex_can_be_read_again() -> None:
    library = bibtexparser.parse_string(exported(ANSWERED, "bib").text)
    (entry,) = library.entries
    fields = {field.key: field.value for field in entry.fields}
    assert (entry.key, fields["title"]) == ("lora2021", "{LoRA: Low-Rank Adaptation}")
    assert (fields["year"], fields["month"], fields["url"]) == ("2021", "06", PAPER.url)


def test_bibtex_survives_signs_that_mean_something_to_latex() -> None:
    hit = replace(HIT, paper=replace(PAPER, title="50% of R&D_1 {is #2"))
    text = exported(replace(ANSWERED, papers=(hit,)), "bib").text
    assert r"50\% of R\&D\_1 is \#2" in text
    assert not bibtexparser.parse_string(text).failed_blocks


def test_two_papers_of_one_name_have_keys_of_their_own() -> None:
    twin = replace(HIT, paper=replace(PAPER, paper_id="other"))
    cited = (*ANSWERED.citations, replace(ANSWERED.citations[0], number=2, paper_id="other"))
    text = exported(replace(ANSWERED, papers=(HIT, twin), citations=cited), "bib").text
    assert {entry.key for entry in bibtexparser.parse_string(text).entries} == {
        "lora2021",
        "lora2021x",
    }


def test_a_refusal_exports_the_nearest_papers() -> None:
    assert "Low-Rank" in exported(REFUSED, "bib").text
    assert "The corpus is silent." in exported(REFUSED, "html").text


def test_the_page_holds_each_abstract_and_asks_nothing_of_the_network() -> None:
    text = exported(ANSWERED, "html").text
    assert ABSTRACT in text
    assert "<b>train" not in text
    assert "default-src 'none'" in text
    assert "src=" not in text.replace("default-src", "")
