import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from provider import Provider, says, serve_provider  # noqa: F401
from pydantic import SecretStr
from stub_assistant import answer, sentence
from whole import NOT_HERE, SERVING, Commands, data, own_commands, ready  # noqa: F401

from assistant import config
from assistant.cache import Answers, Asked, KeptJudge, Shelf, keys
from assistant.cache import answers as kept_answers
from assistant.catalog import Catalog
from assistant.config import Settings
from assistant.errors import ProviderInterrupted
from assistant.late import Passage
from assistant.prompts import Prompts
from assistant.schema import Answer, Filters, Turn, Usage, Verdict
from assistant.stream import AnswerStream
from assistant.verify import Judge

QUESTION = "What does LoRA freeze?"
KEY, OTHER = b"k" * 32, b"o" * 32
MB = 1_000_000


def settings(**flags: Any) -> Settings:
    named = {name.replace("__", "."): value for name, value in flags.items()}
    return config.load(flags=named, environ={})


def asked(**changes: Any) -> Asked:
    return Asked(QUESTION, (), Filters(), None, "gpt-test")._replace(**changes)


def taken(key: bytes | None, *changed: bytes | None) -> None:
    """All of these are keys, and no two of them alike."""
    everything = (key, *changed)
    assert None not in everything
    assert len(set(everything)) == len(everything)


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path / "cache.sqlite", MB)
    yield made
    made.close()


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(tmp_path / "catalog.sqlite") as opened:
        opened.set_meta("generation", "g0001")
        opened.set_meta("contents", "words")
        opened.set_meta("encoder", "minilm")
        yield opened


@pytest.fixture
def prompts() -> Prompts:
    return Prompts.load(config.resource("prompts"))


@pytest.fixture
def answers(shelf: Shelf, catalog: Catalog, prompts: Prompts) -> Answers:
    return Answers(shelf, settings(), catalog, prompts)


class Made:
    """Makes an answer each time it is called for one, and counts how often."""

    def __init__(self, made: Answer | None = None, fault: Exception | None = None) -> None:
        self.times, self._fault = 0, fault
        self._made = made or answer(QUESTION, sentence("It freezes the weights [1]."))

    def __call__(self) -> AnswerStream:
        self.times += 1
        return AnswerStream(self._steps())

    def _steps(self) -> Any:
        yield "It freezes "
        if self._fault:
            raise self._fault
        yield "the weights [1]."
        return self._made


def given(answers: Answers, made: Made, **how: Any) -> Answer:
    options = {"fresh": False, "sound": lambda: True} | how
    return answers.stream(asked(), made, **options).answer()


# Answers


def test_an_answer_is_given_again_whole_at_once_and_for_nothing(answers: Answers) -> None:
    made = Made(answer(QUESTION, sentence("It freezes the weights [1].")))
    first = given(answers, made)
    stream = answers.stream(asked(), made, fresh=False, sound=lambda: True)
    assert list(stream) == [first.text]
    again = stream.answer()
    assert (made.times, first.cached, again.cached) == (1, False, True)
    same = ("text", "sentences", "citations", "papers", "refusal", "receipt", "model", "struck")
    assert [getattr(again, name) for name in same] == [getattr(first, name) for name in same]
    assert again.usage == first.usage
    assert set(again.timings_ms) == {"cache", "total"}


def test_verdicts_come_beside_the_stream_of_an_answer_that_is_kept(answers: Answers) -> None:
    made = Made()
    judged = sentence("It freezes the weights [1].")

    def steps() -> Any:
        yield "It freezes the weights [1]."
        yield judged
        return made._made

    stream = answers.stream(asked(), lambda: AnswerStream(steps()), fresh=False, sound=lambda: True)
    assert list(stream.parts()) == ["It freezes the weights [1].", judged]
    assert given(answers, made).cached


def test_what_a_model_wrote_costs_no_tokens_again(answers: Answers) -> None:
    written = Made(
        Answer(**{**_fields(answer(QUESTION)), "model": "gpt-test", "usage": Usage(900, 80, 2)})
    )
    assert given(answers, written).usage == Usage(900, 80, 2)
    assert given(answers, written).usage == Usage(0, 0, 0)


def _fields(made: Answer) -> dict[str, Any]:
    return {name: getattr(made, name) for name in made.__slots__}


def test_a_fresh_answer_is_made_and_takes_the_place_of_the_one_before(answers: Answers) -> None:
    given(answers, Made())
    newer = Made(answer(QUESTION, sentence("It freezes all of them [1].")))
    assert given(answers, newer, fresh=True).text == "It freezes all of them [1]."
    assert given(answers, Made()).text == "It freezes all of them [1]."


def test_an_answer_that_broke_off_or_was_left_is_not_kept(answers: Answers) -> None:
    with pytest.raises(ProviderInterrupted):
        given(answers, Made(fault=ProviderInterrupted("cut")))
    stream = answers.stream(asked(), Made(), fresh=False, sound=lambda: True)
    next(iter(stream))
    stream.close()
    whole = Made()
    assert not given(answers, whole).cached
    assert whole.times == 1


def test_an_answer_made_while_something_was_amiss_is_not_kept(answers: Answers) -> None:
    given(answers, Made(), sound=lambda: False)
    assert not given(answers, Made()).cached


def test_an_answer_during_which_the_index_moved_is_not_kept(
    answers: Answers, catalog: Catalog
) -> None:
    stream = answers.stream(asked(), Made(), fresh=False, sound=lambda: True)
    next(iter(stream))
    catalog.set_meta("generation", "g0002")
    stream.answer()
    assert not given(answers, Made()).cached
    catalog.set_meta("generation", "g0001")
    assert not given(answers, Made()).cached


@pytest.mark.parametrize(
    "change",
    [
        {"question": f"{QUESTION}?"},
        {"history": (Turn("What is LoRA?", "A method."),)},
        {"top_k": 7},
        {"model": "gpt-other"},
        *(
            {"filters": Filters(**{name: value})}
            for name, value in (
                ("since", "2021"),
                ("until", "2021"),
                ("year", 2021),
                ("page", "2021"),
                ("without", ("2021",)),
                ("as_of", "2021"),
            )
        ),
    ],
    ids=str,
)
def test_another_question_has_another_answer(answers: Answers, change: dict[str, Any]) -> None:
    taken(answers.key(asked()), answers.key(asked(**change)))


def test_histories_that_differ_in_who_said_what_are_two(answers: Answers) -> None:
    turns = ((Turn("a", "b"),), (Turn("ab", ""),), (Turn("a", ""), Turn("b", "")))
    taken(*(answers.key(asked(history=history)) for history in turns))


@pytest.mark.parametrize("name", ["generation", "contents", "encoder", "floor"])
def test_another_corpus_or_index_has_another_answer(
    answers: Answers, catalog: Catalog, name: str
) -> None:
    before = answers.key(asked())
    catalog.set_meta(name, "another")
    taken(before, answers.key(asked()))


def test_another_catalog_has_another_answer(answers: Answers, catalog: Catalog) -> None:
    before, path = answers.key(asked()), catalog.database.path
    # The same rows, but a catalog that was made anew.
    copy = path.with_name("copy.sqlite")
    shutil.copy(path, copy)
    copy.replace(path)
    taken(before, answers.key(asked()))


SETTINGS: dict[str, Any] = {
    "retrieval.top_k": 6,
    "retrieval.candidates": 50,
    "retrieval.dense_weight": 0.4,
    "answer.base_url": "http://127.0.0.1:9/v1",
    "answer.api_version": "2030-01-01",
    "answer.max_tokens": 801,
    "answer.context_tokens": 6001,
    "answer.temperature": 0.1,
    "answer.max_words": 151,
    "answer.repairs": 0,
    "answer.unsupported": "strike",
    "refusal.floor": 0.31,
    "refusal.stated_floor": 0.51,
    "verify.threshold": 0.44,
    "encoder.kind": "openai",
    "encoder.model": "other",
    "encoder.base_url": "http://127.0.0.1:9/v1",
    "store.url": "http://127.0.0.1:9",
}


def test_every_setting_that_decides_an_answer_matters(
    shelf: Shelf, catalog: Catalog, prompts: Prompts
) -> None:
    chosen = [settings()] + [config.load(flags={n: v}, environ={}) for n, v in SETTINGS.items()]
    warm = {"answer.temperature": 0.5}
    chosen += [config.load(flags={**warm, "answer.samples": n}, environ={}) for n in (1, 2)]
    taken(*(Answers(shelf, one, catalog, prompts).key(asked()) for one in chosen))


def test_settings_that_decide_no_answer_do_not(
    shelf: Shelf, catalog: Catalog, prompts: Prompts
) -> None:
    chosen = [settings(), settings(server__port=7861, cache__size_mb=5)]
    first, second = (Answers(shelf, one, catalog, prompts).key(asked()) for one in chosen)
    assert first == second is not None


def test_other_prompts_another_version_and_other_code_have_other_answers(
    answers: Answers, shelf: Shelf, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = answers.key(asked())
    other = Answers(shelf, settings(), catalog, Prompts({}, "another hash")).key(asked())
    monkeypatch.setattr(kept_answers, "version", lambda: "99.0")
    newer = answers.key(asked())
    monkeypatch.setattr(kept_answers, "program", lambda: "another hash")
    taken(before, other, newer, answers.key(asked()))


def test_code_and_models_are_told_from_others(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    for name in ("rag.py", "models/judge.json", "models/notes.txt"):
        (tmp_path / name).write_text("1")

    def told() -> set[str]:
        return {path.name for path in keys._files(tmp_path)}

    assert told() == {"rag.py", "judge.json"}
    before = keys._seen(tmp_path / "rag.py")
    (tmp_path / "rag.py").write_text("12")
    assert keys._seen(tmp_path / "rag.py") != before
    assert keys.program() == keys.program() != ""


def test_a_secret_matters_and_stands_nowhere(
    shelf: Shelf, catalog: Catalog, prompts: Prompts, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[Any] = []

    def key_of(*parts: Any) -> bytes:
        hashed.append(parts)
        return keys.key_of(*parts)

    monkeypatch.setattr(kept_answers, "key_of", key_of)
    secrets = ("", "sk-canary-1", "sk-canary-2")
    chosen = [
        settings().model_copy(update={"keys": config.Keys(**{name: SecretStr(secret)})})
        for name in ("openai", "azure")
        for secret in secrets[1:]
    ]
    made = [Answers(shelf, one, catalog, prompts) for one in (settings(), *chosen)]
    taken(*(one.key(asked()) for one in made))
    assert "canary" not in repr(hashed)
    for one in made:
        given(one, Made())
    shelf.close()
    assert b"canary" not in shelf.path.read_bytes()


def test_what_decides_is_not_known_of_a_model_that_was_handed_in_or_has_no_name(
    shelf: Shelf, catalog: Catalog, prompts: Prompts
) -> None:
    handed_in = Answers(shelf, settings(), catalog, prompts, given=True)
    assert handed_in.key(asked()) is None
    # The settings name no model, so that without the one handed in answers would be quoted.
    assert handed_in.key(asked(model=None)) is None
    assert handed_in.key(asked(model="embedded")) is not None
    first_listed = Answers(
        shelf, settings(answer__base_url="http://127.0.0.1:9/v1"), catalog, prompts
    )
    assert first_listed.key(asked(model=None)) is None
    assert first_listed.key(asked(model="named")) is not None


def test_nothing_is_kept_of_an_index_that_is_not_there_or_lags_behind(
    answers: Answers, catalog: Catalog
) -> None:
    catalog.database.change("INSERT INTO stale_papers VALUES ('0123456789ab')")
    assert answers.key(asked()) is None
    catalog.database.change("DELETE FROM stale_papers")
    assert answers.key(asked()) is not None
    catalog.database.change("DELETE FROM meta WHERE key = 'generation'")
    assert answers.key(asked()) is None


def test_an_answer_of_another_shape_is_made_again(answers: Answers, shelf: Shelf) -> None:
    key = answers.key(asked())
    assert key
    shelf.put(key, b'{"question": 1}')
    assert not given(answers, Made()).cached
    assert given(answers, Made()).cached


# Verdicts


PASSAGES = [Passage("p1", 0, 12, "LoRA freezes", None), Passage("p1", 13, 20, "weights", None)]  # type: ignore[arg-type]


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The claims that the judge itself was asked about."""
    heard: list[str] = []

    def verdict(self: Judge, claim: str, *_: Any, **__: Any) -> Verdict:
        heard.append(claim)
        return Verdict("supported", 0.123456789012345)

    monkeypatch.setattr(Judge, "verdict", verdict)
    return heard


class Reads:
    """A reader that is known by its name."""

    def __init__(self, identity: str) -> None:
        self.identity = identity


def judge(shelf: Shelf, reader: str = "r", threshold: float = 0.4, **encoder: Any) -> KeptJudge:
    chosen = settings(**{f"encoder__{name}": value for name, value in encoder.items()})
    return KeptJudge(Reads(reader), threshold, shelf, chosen.encoder)  # type: ignore[arg-type]


def states(*passages: Passage) -> list[Passage]:
    import numpy as np

    return [one._replace(states=np.zeros((len(one.text), 64), np.float32)) for one in passages]


def test_a_verdict_is_given_again_to_the_last_digit(shelf: Shelf, judged: list[str]) -> None:
    found = [judge(shelf).verdict("LoRA freezes.", states(*PASSAGES)) for _ in range(2)]
    assert found[0] == found[1] == Verdict("supported", 0.123456789012345)
    assert judged == ["LoRA freezes."]


def test_everything_that_decides_a_verdict_matters(shelf: Shelf, judged: list[str]) -> None:
    there = states(*PASSAGES)
    moved = [there[0], there[1]._replace(start=14, end=21)]
    worded = [there[0], there[1]._replace(text="Weights")]
    longer = [there[0], there[1]._replace(states=there[0].states)]
    of_another = [there[0], there[1]._replace(paper_id="p2")]
    ask: list[Callable[[], Verdict]] = [
        lambda: judge(shelf).verdict("LoRA", there),
        lambda: judge(shelf).verdict("LoRa", there),
        lambda: judge(shelf).verdict("LoRA", there, is_cited=False),
        lambda: judge(shelf).verdict("LoRA", there, {"p1": "A title"}),
        lambda: judge(shelf).verdict("LoRA", there, {"p1": "Another"}),
        lambda: judge(shelf).verdict("LoRA", there[:1]),
        lambda: judge(shelf).verdict("LoRA", there[::-1]),
        *(
            (lambda one=one: judge(shelf).verdict("LoRA", one))  # type: ignore[misc]
            for one in (moved, worded, longer, of_another)
        ),
        lambda: judge(shelf, reader="another").verdict("LoRA", there),
        lambda: judge(shelf, threshold=0.5).verdict("LoRA", there),
        lambda: judge(shelf, kind="openai").verdict("LoRA", there),
    ]
    for one in ask * 2:
        one()
    assert len(judged) == len(ask)


# The whole path


def test_a_repeat_is_answered_from_the_file_unless_it_is_not_to_be(own: Commands) -> None:
    first, again = (own("ask", SERVING, "--json") for _ in range(2))
    assert "cached" not in first.json["usage"]
    assert again.json["usage"] == {**first.json["usage"], "cached": True}
    assert again.json["timings_ms"]["total"] == again.json["timings_ms"]["cache"] < 1000
    told = ("answer", "sentences", "citations", "papers", "refusal", "receipt", "question")
    assert [again.json[name] for name in told] == [first.json[name] for name in told]
    assert (own("ask", NOT_HERE, "--json").code, own("ask", NOT_HERE, "--json").code) == (3, 3)
    before = (own.data / "cache.sqlite").read_bytes()
    assert "cached" not in own("ask", SERVING, "--json", "--no-cache").json["usage"]
    own.set("ASSISTANT_CACHE__SIZE_MB", "0")
    assert "cached" not in own("ask", SERVING, "--json").json["usage"]
    assert (own.data / "cache.sqlite").read_bytes() == before


def test_papers_that_are_gone_are_not_answered_from(own: Commands) -> None:
    (cited,) = {one["paper_id"] for one in own("ask", SERVING, "--json").json["citations"]}
    own("remove", cited, "--yes")
    left = own("ask", SERVING, "--json").json
    assert "cached" not in left["usage"]
    assert cited not in {one["paper_id"] for one in left["papers"]}


def test_a_model_is_not_asked_again(own: Commands, provider: Provider) -> None:
    own.set("ASSISTANT_ANSWER__BASE_URL", provider.url)
    own.set("ASSISTANT_ANSWER__MODEL", "test-model")
    provider.enqueue(says("S-LoRA stores all adapters in the main memory [1]."))
    first, again = (own("ask", SERVING, "--json").json for _ in range(2))
    assert len(provider.questions) == 1
    assert again["answer"] == first["answer"]
    nothing = {"prompt_tokens": 0, "completion_tokens": 0, "requests": 0}
    assert again["usage"] == {**nothing, "cached": True}


# The file


def test_only_its_owner_may_read_the_file(shelf: Shelf) -> None:
    shelf.put(KEY, b"1")
    files = list(shelf.path.parent.glob("cache.sqlite*"))
    assert len(files) == 3
    assert {one.stat().st_mode & 0o777 for one in files} == {0o600}


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    path.touch(0o644)
    Shelf(path, MB).put(KEY, b"1")
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_file_stays_within_its_bound_and_keeps_what_was_used_last(tmp_path: Path) -> None:
    now = [0.0]
    shelf = Shelf(tmp_path / "cache.sqlite", MB, now=lambda: now[0])
    # What does not pack.
    noise = random.Random(0).randbytes(20_000)
    shelf.put(KEY, b"used again and again")
    for number in range(400):
        now[0] += 61
        assert shelf.get(KEY) == b"used again and again"
        shelf.put(number.to_bytes(32, "big"), noise + bytes([number % 256]))
    shelf.close()
    assert shelf.path.stat().st_size <= MB
    assert shelf.get((399).to_bytes(32, "big")) is not None
    assert shelf.get((1).to_bytes(32, "big")) is None


def test_what_would_push_out_the_rest_is_not_kept(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "cache.sqlite", 200_000)
    shelf.put(KEY, b"small")
    shelf.put(OTHER, random.Random(0).randbytes(30_000))
    assert (shelf.get(KEY), shelf.get(OTHER)) == (b"small", None)


def damages() -> dict[str, Callable[[Path], object]]:
    def cut(path: Path) -> None:
        path.write_bytes(path.read_bytes()[:5000])

    def flip(path: Path) -> None:
        raw = bytearray(path.read_bytes())
        at = raw.index(b"v" * 300) if b"v" * 300 in raw else len(raw) - 40
        raw[at + 8] ^= 1
        path.write_bytes(raw)

    def newer(path: Path) -> None:
        with sqlite3.connect(path) as file:
            file.execute("PRAGMA user_version = 99")
        file.close()

    def bare(path: Path) -> None:
        with sqlite3.connect(path) as file:
            file.execute("DROP TABLE entries")
        file.close()

    return {
        "cut short": cut,
        "a bit flipped": flip,
        "no database": lambda path: path.write_bytes(b"not a database " * 900),
        "of a newer version": newer,
        "without its table": bare,
    }


@pytest.mark.parametrize("damage", damages())
def test_a_damaged_file_is_thrown_away_and_made_again(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "cache.sqlite"
    shelf = Shelf(path, MB)
    for number in range(30):
        shelf.put(number.to_bytes(32, "big"), b"%d " % number * 200)
    shelf.put(KEY, b"1")
    shelf.close()
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    file.close()
    damages()[damage](path)
    every = [number.to_bytes(32, "big") for number in range(30)]
    for key in [KEY, *every]:
        assert shelf.get(key) in (None, b"1", *(b"%d " % n * 200 for n in range(30)))
    shelf.put(OTHER, b"2")
    assert shelf.get(OTHER) == b"2"
    shelf.close()


def test_a_value_under_the_key_of_another_is_damage(shelf: Shelf) -> None:
    shelf.put(KEY, b"1")
    shelf.close()
    with sqlite3.connect(shelf.path) as file:
        file.execute("UPDATE entries SET key = ?", (OTHER,))
    file.close()
    assert shelf.get(OTHER) is None
    assert not shelf.path.exists()


def test_a_folder_that_is_not_there_or_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    nowhere = Shelf(tmp_path / "gone" / "cache.sqlite", MB)
    nowhere.put(KEY, b"1")
    assert nowhere.get(KEY) is None
    (tmp_path / "cache.sqlite").mkdir()
    taken_place = Shelf(tmp_path / "cache.sqlite", MB)
    taken_place.put(KEY, b"1")
    assert taken_place.get(KEY) is None


def test_a_file_that_another_process_made_anew_is_found(shelf: Shelf) -> None:
    shelf.put(KEY, b"1")
    for end in ("", "-wal", "-shm"):
        shelf.path.with_name(shelf.path.name + end).unlink()
    other = Shelf(shelf.path, MB)
    other.put(KEY, b"2")
    assert shelf.get(KEY) == b"2"
    other.close()


def test_who_writes_keeps_no_reader_waiting(shelf: Shelf) -> None:
    shelf.put(KEY, b"1")
    with sqlite3.connect(shelf.path, isolation_level=None) as file:
        file.execute("BEGIN IMMEDIATE")
        assert shelf.get(KEY) == b"1"
        # Nor is a busy file an error, nor damage.
        shelf.put(OTHER, b"2")
        file.execute("ROLLBACK")
    file.close()
    assert (shelf.get(KEY), shelf.get(OTHER)) == (b"1", None)


def _writes(path: Path, process: int) -> int:
    shelf = Shelf(path, 300_000)
    seen = 0
    for number in range(60):
        shelf.put(number.to_bytes(32, "big"), b"%d" % number * 900)
        for wanted in range(number):
            found = shelf.get(wanted.to_bytes(32, "big"))
            assert found in (None, b"%d" % wanted * 900)
            seen += found is not None
    shelf.close()
    return seen


def test_several_processes_share_the_file(tmp_path: Path) -> None:
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        seen = list(pool.map(_writes, [tmp_path / "cache.sqlite"] * 2, range(2)))
    assert min(seen) > 100
