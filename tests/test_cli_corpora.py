from typing import Any

import pytest
from keeping import BATS, MOTHS, OWLS, WORMS, Keeping, keeping, kept, record, write_page  # noqa: F401

from assistant import build, config
from assistant.build import Assistant
from assistant.errors import ConfigError, UsageError
from assistant.indexer import writing

SNAILS = {"title": "SnailTrack", "abstract": "SnailTrack follows snails across a wall."}
SLUGS = {"title": "SlugTrack", "abstract": "SlugTrack follows slugs across a lawn."}


@pytest.fixture
def two(keep: Keeping) -> Keeping:
    """A second corpus, "bio", beside the four papers."""
    write_page(keep.folder / "bio" / "snails.jsonl", SNAILS)
    assert keep("index", "bio", "--corpus", "bio").code == 0
    return keep


def test_each_corpus_has_papers_of_its_own(two: Keeping) -> None:
    assert two.found("animals", "--corpus", "bio") == ["SnailTrack"]
    assert set(two.found("animals")) == {OWLS, BATS, MOTHS, WORMS}
    assert two.found("animals", "--corpus", "default") == two.found("animals")
    two.set("ASSISTANT_CORPUS", "Bio")
    assert two.found("animals") == ["SnailTrack"]
    assert set(two.found("animals", "--corpus", "default")) == {OWLS, BATS, MOTHS, WORMS}
    assert two("show", two.id_of(OWLS)).code == 2
    assert two("history", "--json").rows[0]["papers"] == 1


def test_the_name_may_stand_before_the_verb_or_in_a_file(two: Keeping) -> None:
    assert two("--corpus", "bio", "search", "animals", "--json").json["papers"][0]["rank"] == 1
    two.write("own.toml", '[corpus]\nname = "bio"\n')
    assert two.found("animals", "--config", "own.toml") == ["SnailTrack"]
    assert two("config", "--corpus", "bio", "--json").json["corpus.name"]["value"] == "bio"


COMMANDS = (
    ("ask", "x"), ("search", "x"), ("show", "x"), ("remove", "x"), ("history",), ("chat",),
    ("export",), ("backup", "b.sqlite"), ("serve",), ("mcp",), ("index", "--dry-run"),
    ("corpora", "--remove", "boi"), ("verify", "text"), ("new", "x", "--since", "2020"),
    ("first", "x"),
)  # fmt: skip


def test_a_wrong_name_says_which_there_are_and_makes_nothing(two: Keeping) -> None:
    two.write("text", "Snails are slow.")
    for words in COMMANDS:
        ran = two(*words, "--corpus", "boi")
        assert (ran.code, ran.out) == (2, ""), words
        assert "there is no corpus 'boi': there are default, bio" in ran.err
    assert not (two.data / "corpora" / "boi").exists()


def test_a_name_that_is_no_name_is_refused(keep: Keeping) -> None:
    for name in ("../up", "a/b", ".hidden", "a" * 65, "ü", "a.", " - "):
        ran = keep("index", str(keep.pages), "--corpus", name)
        assert (ran.code, "letters, digits and hyphens" in ran.err) == (2, True), name
        with pytest.raises(ConfigError, match="letters, digits"):
            config.load(flags={"corpus.name": name})


def test_a_name_is_cleaned_where_it_enters_and_an_error_repeats_little_of_it(keep: Keeping) -> None:
    assert config.load(flags={"corpus.name": "bi\u200bo\u202e"}).corpus.name == "bio"
    ran = keep("search", "x", "--corpus", "\x1b]0;x\x07" * 1000)
    assert (ran.code, "\x1b" in ran.err, len(ran.err) < 600) == (2, False, True)
    with Assistant(config.load()) as assistant, pytest.raises(UsageError) as told:
        assistant.corpus("\u202e/" * 1000)
    assert len(str(told.value)) < 600


def test_a_corpus_is_read_again_from_its_own_files(two: Keeping) -> None:
    write_page(two.folder / "bio" / "slugs.jsonl", SLUGS)
    ran = two("index", "--corpus", "bio", "--json")
    assert (ran.json["added"], ran.json["papers"], ran.json["encoded"]) == (1, 2, 1)
    (two.folder / "bio" / "snails.jsonl").unlink()
    assert two("index", "--prune", "--corpus", "bio", "--json").json["removed"] == 1
    assert two.found("animals", "--corpus", "bio") == ["SlugTrack"]


def test_a_corpus_without_files_asks_for_some(keep: Keeping) -> None:
    ran = keep("index", "--corpus", "new")
    assert (ran.code, "name some" in ran.err) == (2, True)
    ran = keep("search", "x", "--corpus", "new")
    assert (ran.code, "assistant index PATH --corpus new" in ran.err) == (6, True)


def test_a_file_may_name_a_corpus_and_its_pages(keep: Keeping) -> None:
    write_page(keep.folder / "bio" / "snails.jsonl", SNAILS)
    keep.write("own.toml", '[corpus]\nname = "bio"\npaths = ["bio"]\n')
    keep._monkeypatch.delenv("ASSISTANT_CORPUS__PATHS")
    assert keep("index", "--config", "own.toml", "--json").json["papers"] == 1
    ran = keep("index", "--config", "own.toml", "--corpus", "other")
    assert (ran.code, "name some" in ran.err) == (2, True)


def test_the_corpora_are_listed(two: Keeping) -> None:
    rows = two("corpora", "--json").rows
    assert [(row["name"], row["papers"]) for row in rows] == [("default", 4), ("bio", 1)]
    assert all(row["finished"] and row["bytes"] > 10_000 for row in rows)
    own = [path for path in two.data.rglob("*") if path.is_file() and "corpora" not in path.parts]
    assert rows[0]["bytes"] == sum(path.stat().st_size for path in own)
    (two.data / "corpora" / "bio" / build.CATALOG).write_bytes(b"\xff" * 9_000)
    lines = two("corpora").out.splitlines()
    assert lines[0].startswith("default: 4 papers, indexed 20")
    assert "damaged" in lines[1]


def test_a_corpus_is_removed_whole_after_a_word(two: Keeping) -> None:
    assert "1 paper?" in two("corpora", "--remove", "bio").err
    assert (two.data / "corpora" / "bio").exists()
    with writing(two.data / "corpora" / "bio"):
        assert two("corpora", "--remove", "bio", "--yes").code == 75
    assert two.found("animals", "--corpus", "bio") == ["SnailTrack"]
    assert two("corpora", "--remove", "BIO", "--yes").code == 0
    assert list((two.data / "corpora").iterdir()) == []
    assert [row["name"] for row in two("corpora", "--json").rows] == ["default"]
    assert two("corpora", "--remove", "default", "--yes").code == 2
    assert len(two.titles()) == 4


def test_a_catalog_goes_from_one_corpus_to_another(two: Keeping) -> None:
    two("export", "bio.jsonl", "--corpus", "bio")
    assert two("import", "bio.jsonl", "--corpus", "copy").code == 0
    assert two("backup", "bio.sqlite", "--corpus", "bio").code == 0
    assert two("restore", "bio.sqlite", "--corpus", "third").code == 0
    for name in ("copy", "third"):
        assert two.found("animals", "--corpus", name) == ["SnailTrack"]


# From Python


def test_one_assistant_answers_from_each_with_the_same_models(two: Keeping) -> None:
    with Assistant(config.load()) as assistant:
        bio = assistant.corpus("bio")
        assert [hit.paper.title for hit in bio.search("animals").papers] == ["SnailTrack"]
        assert assistant.corpus("bio") is bio
        assert assistant.corpus("default") is bio.corpus("default") is assistant.corpus(None)
        assert bio.corpus(None) is bio
        assert bio._minilm is assistant._minilm
        assert assistant.corpora() == ["default", "bio"]
        for wrong in ("boi", "../x"):
            with pytest.raises(UsageError):
                assistant.corpus(wrong)


def test_a_corpus_made_again_under_its_name_is_another(two: Keeping) -> None:
    with Assistant(config.load()) as assistant:
        assert assistant.corpus("bio").catalog.count() == 1
        two("corpora", "--remove", "bio", "--yes")
        with pytest.raises(UsageError):
            assistant.corpus("bio")
        write_page(two.folder / "bio" / "slugs.jsonl", SLUGS)
        two("index", "bio", "--corpus", "bio")
        assert assistant.corpus("bio").catalog.count() == 2


def test_the_evals_hear_of_the_corpus(two: Keeping, monkeypatch: pytest.MonkeyPatch) -> None:
    from evals import __main__ as evals

    seen: list[Any] = []
    monkeypatch.setenv("ASSISTANT_CORPUS", "")
    monkeypatch.setattr(evals, "main", lambda *_, **__: seen.append(config.load().corpus.name) or 0)
    two("--corpus", "bio", "eval", "check")
    assert seen == ["bio"]
