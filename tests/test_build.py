import json
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from provider import Provider
from whole import NOT_HERE, S_LORA, SERVING, data, one_encoder, ready, run  # noqa: F401

from assistant import Assistant, build, config, floor
from assistant.config import Settings
from assistant.encoder import OpenAIEncoder
from assistant.errors import ConfigError, IndexMissing, StoreError, UsageError
from assistant.generation import Server
from assistant.llm import OpenAILLM
from assistant.records import Source
from assistant.schema import Answer, Filters, Message, Piece, Sentence, Turn, Usage

OWLS = {"title": "OwlEar: Hearing Owls at Night", "abstract": "OwlEar hears 81 percent of owls."}
BATS = {"title": "BatEar: Hearing Bats at Dusk", "abstract": "BatEar hears 64 percent of bats."}


class FakeLLM:
    """Says one thing, and keeps what it was asked."""

    model = "fake"

    def __init__(self, reply: str) -> None:
        self.reply = reply
        self.asked: list[Sequence[Message]] = []

    def stream(self, messages: Sequence[Message], *, max_tokens: int) -> Iterator[Piece]:
        self.asked.append(messages)
        for word in self.reply.split(" "):
            yield Piece(f"{word} ")
        yield Piece("", Usage(5, 6, 1))


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "MiniLM", one_encoder)


def settings(**flags: Any) -> Settings:
    named = {name.replace("__", "."): value for name, value in flags.items()}
    return config.load(flags=named, environ={})


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.jsonl"
    path.write_text(json.dumps(OWLS), encoding="utf-8")
    return path


@pytest.fixture
def small(tmp_path: Path, page: Path) -> Iterator[Assistant]:
    chosen = settings(data__folder=str(tmp_path / "data"), corpus__paths=str(page))
    with Assistant.open(settings=chosen) as assistant:
        yield assistant


@pytest.fixture
def whole(ready: Path) -> Iterator[Assistant]:  # noqa: F811
    with Assistant(settings(data__folder=str(ready))) as assistant:
        yield assistant


# Opening


def test_opening_reads_and_writes_nothing(tmp_path: Path) -> None:
    Assistant(settings(data__folder=str(tmp_path / "data"))).close()
    assert list(tmp_path.iterdir()) == []


def test_a_config_file_may_be_given(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[retrieval]\ntop_k = 2\n", encoding="utf-8")
    assert Assistant.open(file).settings.retrieval.top_k == 2
    with pytest.raises(ConfigError, match=r"none\.toml"):
        Assistant.open(tmp_path / "none.toml")


def test_nothing_indexed_is_said_with_its_cure(small: Assistant) -> None:
    with pytest.raises(IndexMissing, match="run `assistant index`"):
        small.ask("Why?")


def test_the_configured_corpus_is_indexed_once(small: Assistant) -> None:
    stages: list[str] = []
    report = small.ensure_indexed(lambda stage, done, total: stages.append(stage))
    assert report
    assert (report.papers, report.generation) == (1, "g0001")
    assert list(dict.fromkeys(stages)) == ["read", "encode", "store"]
    assert small.ensure_indexed() is None


def test_a_floor_that_cannot_be_fitted_leaves_the_corpus_indexed(
    small: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def fails(*_: Any) -> None:
        tried.append(1)
        raise StoreError("the disk is gone")

    monkeypatch.setattr(floor, "FEWEST", 1)
    monkeypatch.setattr(floor, "fit", fails)
    assert small.index().papers == 1
    assert small.index([], rebuild=True).encoded == 0
    assert tried == [1, 1]


def test_a_closed_assistant_opens_again_when_asked(small: Assistant) -> None:
    small.index()
    assert small.search("owls").papers
    small.close()
    small.close()
    assert small.search("owls").papers


# Asking


def test_an_answer_is_written_as_it_is_read(whole: Assistant) -> None:
    stream = whole.ask(SERVING)
    pieces = iter(stream)
    first = next(pieces)
    answer = stream.answer()
    assert isinstance(answer, Answer)
    assert answer.text.startswith(first)
    assert "".join([first, *pieces]) == first
    assert stream.answer() is answer
    assert "".join(whole.ask(SERVING)) == answer.text
    assert answer.citations[0].title == S_LORA


def test_a_refusal_streams_its_reason(whole: Assistant) -> None:
    stream = whole.ask(NOT_HERE)
    assert "".join(stream) == stream.answer().text
    assert stream.answer().refused


def test_history_and_filters_are_heeded(whole: Assistant) -> None:
    history = [Turn("What is S-LoRA?", "A system that serves adapters [1].")]
    follow_up = whole.ask("Where does it keep the adapters?", history=history).answer()
    assert S_LORA in follow_up.standalone_question
    found = whole.search("language models", filters=Filters(since="2025"), top_k=4).papers
    assert len(found) == 4
    assert all((hit.paper.date or "") >= "2025" for hit in found)


def test_many_threads_get_the_same_answer(whole: Assistant) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: whole.ask(SERVING).answer(), range(8)))
    assert len({(one.text, one.sentences, one.citations) for one in answers}) == 1


def test_the_same_question_twice_gives_the_same_receipt(whole: Assistant) -> None:
    first, second = (whole.ask(SERVING).answer() for _ in range(2))
    assert first.receipt == second.receipt
    assert first.receipt.corpus == whole.catalog.fingerprint()[:16]
    assert first.receipt.encoder == str(one_encoder().identity)


def test_a_model_given_is_asked_in_place_of_the_configured_one(ready: Path) -> None:  # noqa: F811
    llm = FakeLLM("S-LoRA stores all adapters in the main memory [1].")
    with Assistant(settings(data__folder=str(ready)), llm=llm) as assistant:
        answer = assistant.ask(SERVING).answer()
    assert (answer.model, answer.usage, len(llm.asked)) == ("fake", Usage(5, 6, 1), 1)
    assert answer.sentences[0].verdict.label == "supported"


def test_verifying_against_sources_needs_no_index(tmp_path: Path) -> None:
    with Assistant(settings(data__folder=str(tmp_path / "data"))) as assistant:
        (said,) = assistant.verify(
            "OwlEar hears 81 percent of owls.", sources=[Source(OWLS["title"], OWLS["abstract"])]
        )
    assert isinstance(said, Sentence)
    assert said.verdict.label == "supported"
    assert not (tmp_path / "data").exists()


# Indexing


def test_a_page_open_finds_what_another_process_indexes(
    data: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    with Assistant(settings(data__folder=str(data))) as assistant:
        assert assistant.ask("How many owls does OwlEar hear?").answer().refused
        other = tmp_path / "other.jsonl"
        other.write_text(json.dumps(OWLS), encoding="utf-8")
        environment = {"ASSISTANT_DATA__FOLDER": str(data)}
        assert run("index", str(other), home=tmp_path, **environment).code == 0
        answer = assistant.ask("How many owls does OwlEar hear?").answer()
        assert answer.citations[0].title == OWLS["title"]
        assert "81 percent" in answer.text
        assert assistant.ask(SERVING).answer().citations[0].title == S_LORA


def test_pages_come_change_and_go(small: Assistant, page: Path, tmp_path: Path) -> None:
    small.index()
    more = tmp_path / "more.jsonl"
    more.write_text(json.dumps(BATS), encoding="utf-8")
    assert small.index([more]).added == 1
    page.write_text(json.dumps({**OWLS, "abstract": "OwlEar hears 90 percent of owls."}))
    report = small.index([page])
    assert (report.changed, report.encoded, report.papers) == (1, 1, 2)
    assert "90 percent" in small.ask("How many owls does OwlEar hear?").answer().text
    assert small.index([page], prune=True).papers == 1
    assert [hit.paper.title for hit in small.search("hearing").papers] == [OWLS["title"]]
    assert small.index([], rebuild=True).encoded == 0


# What settings become


def test_an_encoder_on_a_server_is_one_of_openai_s(tmp_path: Path) -> None:
    chosen = settings(data__folder=str(tmp_path), encoder__kind="openai")
    encoder = Assistant(chosen)._encoder
    assert isinstance(encoder, OpenAIEncoder)
    assert "text-embedding-3-small" in str(encoder)


def test_a_key_or_an_address_makes_answers_a_model_s(tmp_path: Path) -> None:
    chosen = settings(data__folder=str(tmp_path), answer__base_url="http://127.0.0.1:9/v1")
    llm = Assistant(chosen)._llm
    assert isinstance(llm, OpenAILLM)
    assert llm.server.host == "127.0.0.1:9"
    embedded = settings(data__folder=str(tmp_path), answer__model="embedded")
    assert Assistant(embedded)._llm is None


def test_a_store_s_address_makes_it_a_server_s(tmp_path: Path) -> None:
    chosen = settings(data__folder=str(tmp_path), store__url="http://127.0.0.1:9")
    assert Assistant(chosen)._server == Server("http://127.0.0.1:9")
    assert Assistant(settings(data__folder=str(tmp_path)))._server is None


def test_an_encoder_given_is_used(ready: Path, tmp_path: Path) -> None:  # noqa: F811
    shutil.copytree(ready, tmp_path / "data")
    encoder = one_encoder()
    with Assistant(settings(data__folder=str(tmp_path / "data")), encoder=encoder) as assistant:
        assert assistant.search("owls", top_k=1).papers
        with pytest.raises(UsageError, match="is empty"):
            assistant.search(" ")


# Who answers


def test_without_a_model_quoting_is_all_there_is(small: Assistant) -> None:
    assert small.models() == ("embedded",)


def test_the_model_of_the_settings_comes_first_and_quoting_last(tmp_path: Path) -> None:
    chosen = settings(
        data__folder=str(tmp_path), answer__model="one", answer__models="two, three, one"
    )
    with Assistant(chosen) as assistant:
        assert assistant.models() == ("one", "two", "three", "embedded")


def test_a_question_chooses_who_answers_it(tmp_path: Path, page: Path) -> None:
    chosen = settings(data__folder=str(tmp_path / "data"), corpus__paths=str(page))
    with Assistant(chosen, llm=FakeLLM("It hears 81 percent of owls [1].")) as assistant:
        assistant.ensure_indexed()
        question = "How many owls does OwlEar hear?"
        assert assistant.models() == ("fake", "embedded")
        assert assistant.ask(question).answer().model == "fake"
        assert assistant.ask(question, model="fake").answer().model == "fake"
        assert assistant.ask(question, model="embedded").answer().model == "embedded"
        with pytest.raises(UsageError, match="no model 'gpt-9' here: choose one of fake, embedded"):
            assistant.ask(question, model="gpt-9")


def test_a_further_model_is_asked_at_the_same_address(tmp_path: Path, page: Path) -> None:
    with Provider(lambda body: f"{body['model']} says 81 percent of owls [1].") as provider:
        chosen = settings(
            data__folder=str(tmp_path / "data"),
            corpus__paths=str(page),
            answer__model="one",
            answer__models=("two",),
            answer__base_url=provider.url,
        )
        with Assistant(chosen) as assistant:
            assistant.ensure_indexed()
            answer = assistant.ask("How many owls does OwlEar hear?", model="two").answer()
    assert answer.model == "two"
    assert [seen.body["model"] for seen in provider.requests] == ["two"]


def test_a_paper_put_aside_is_not_used(whole: Assistant) -> None:
    first = whole.ask(SERVING).answer()
    aside = first.citations[0].paper_id
    again = whole.ask(SERVING, filters=Filters(without=(aside,))).answer()
    assert aside not in {hit.paper.paper_id for hit in again.papers}


def test_a_stream_that_is_closed_says_no_more(whole: Assistant) -> None:
    stream = whole.ask(SERVING)
    next(iter(stream))
    stream.close()
    with pytest.raises(AssertionError):
        stream.answer()
