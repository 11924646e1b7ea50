import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from stub_assistant import HIT, PAPER, Cli, Report, StubAssistant, sentence

from assistant.config import version
from assistant.errors import (
    ConfigError,
    Locked,
    ProviderInterrupted,
    ProviderTimeout,
    StoreError,
)
from assistant.schema import Filters, Refusal, Turn

HOSTILE = "\x1b[31mred\x1b[0m [/red] [bold]x[/bold] \x9b2J \u202eltr \x07 :smile:"
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")
HEAVY = [
    "chromadb", "openai", "llama_index", "numpy", "pydantic", "tantivy", "onnxruntime",
    "tokenizers", "rich", "gradio",
]  # fmt: skip
ROOT = Path(__file__).parents[1]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path) -> Cli:
    return Cli(monkeypatch, capsys, tmp_path)


def run_python(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return result.stdout


# The outermost function


def test_no_word_at_all_shows_the_help(cli: Cli) -> None:
    ran = cli()
    assert ran.code == 0
    assert "Usage: assistant" in ran.out


@pytest.mark.parametrize(
    ("words", "typer_s_own"), [(["--help"], set()), (["ask", "-h"], {"pydantic"})]
)
def test_help_imports_nothing_heavy(words: list[str], typer_s_own: set[str]) -> None:
    code = f"""
import sys
from assistant.cli import main
main({words})
print([name for name in {HEAVY} if name in sys.modules])
"""
    assert set(json.loads(run_python(code).splitlines()[-1].replace("'", '"'))) == typer_s_own


@pytest.mark.parametrize(
    "verb", ["index", "ask", "chat", "search", "show", "verify", "doctor", "config"]
)
def test_every_verb_has_help_with_an_example(cli: Cli, verb: str) -> None:
    ran = cli(verb, "-h")
    assert ran.code == 0
    assert f"\n    assistant {verb}" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 100


def test_version_is_ours(cli: Cli) -> None:
    assert cli("--version").out == f"assistant {version()}\n"


def test_a_misspelt_verb_names_the_near_one_and_exits_2(cli: Cli) -> None:
    ran = cli("aks", "x")
    assert (ran.code, ran.out) == (2, "")
    assert "Did you mean 'ask'?" in ran.err


def test_an_unknown_option_is_one_line_and_exits_2(cli: Cli) -> None:
    ran = cli("ask", "--jason", "x")
    assert ran.code == 2
    assert "--json" in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("a key is missing: set it"), 4),
        (ProviderTimeout("too slow: ask again"), 5),
        (StoreError("no room: make some"), 6),
        (Locked("another indexes: wait"), 75),
    ],
)
def test_each_error_is_one_line_with_its_own_exit_code(
    cli: Cli, error: Exception, code: int
) -> None:
    cli.assistant.fault = error
    ran = cli("ask", "x", "--json")
    assert (ran.code, ran.out, ran.err) == (code, "", f"error: {error}\n")


def test_a_bug_is_one_line_and_verbose_shows_where(cli: Cli) -> None:
    cli.assistant.fault = ZeroDivisionError("oh")
    assert cli("ask", "x").err == "error: unexpected ZeroDivisionError: oh (-v shows where)\n"
    assert "Traceback" in cli("ask", "x", "-v").err
    assert cli("ask", "x").code == 1


def test_an_error_shows_no_control_character(cli: Cli) -> None:
    cli.assistant.fault = StoreError(HOSTILE + "\nsecond line")
    ran = cli("search", "x")
    assert not CONTROL.search(ran.err)
    assert ran.err.count("\n") == 1


def test_an_interrupt_exits_130(cli: Cli) -> None:
    cli.assistant.fault = KeyboardInterrupt()
    assert cli("ask", "x").code == 130


def test_a_termination_exits_143(cli: Cli) -> None:
    class Terminating(StubAssistant):
        def ask(self, question: str, **options: Any) -> Any:
            os.kill(os.getpid(), signal.SIGTERM)
            return super().ask(question, **options)

    sys.modules["assistant.build"].Assistant = Terminating()  # type: ignore[attr-defined]
    assert cli("ask", "x").code == 143


def test_the_module_is_the_command() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "assistant", "--version"], cwd=ROOT, capture_output=True, text=True
    )
    assert (ran.returncode, ran.stdout) == (0, f"assistant {version()}\n")


def test_a_reader_that_leaves_early_ends_it_quietly() -> None:
    command = f"{sys.executable} -m assistant config --json | true; exit ${{PIPESTATUS[0]}}"
    ran = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode in (0, 1)
    assert ran.stderr == ""


# ask


def test_an_answer_comes_with_its_sources_and_no_colour_in_a_pipe(cli: Cli) -> None:
    ran = cli("ask", "What", "is", "LoRA?")
    assert ran.code == 0
    assert cli.assistant.asked[0]["question"] == "What is LoRA?"
    assert ran.out.startswith("LoRA freezes the weights [1].\n")
    assert "[1] LoRA: Low-Rank Adaptation" in ran.out
    assert "“LoRA freezes the weights.”" in ran.out
    assert not CONTROL.search(ran.out + ran.err)
    assert cli.assistant.closed == 1


def test_an_answer_on_a_terminal_streams_wraps_and_says_what_it_took(cli: Cli) -> None:
    cli.terminal()
    cli.assistant.sentences = (sentence(" ".join(["word"] * 40) + " [1]."),)
    ran = cli("ask", "x")
    plain = re.sub("\x1b\\[[0-9;?]*[A-Za-z]", "", ran.out)
    assert max(map(len, plain.splitlines())) <= 60
    assert plain.count("word") == 40
    assert "1 of 1 claims supported · embedded · 12 + 34 tokens · 0.0 s" in ran.err


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("contradicted", "contradicted: “It trains all.”"),
        ("partial", "only partly in the abstract: “It trains all.”"),
        ("not_in_evidence", "not in the abstract: “It trains all.”"),
        ("uncited", "no source given: “It trains all.”"),
    ],
)
def test_an_unsupported_sentence_is_marked_in_words(cli: Cli, label: str, words: str) -> None:
    cli.assistant.sentences = (
        sentence("LoRA freezes the weights [1]."),
        sentence("It trains all.", label, 0.1, "differs: all"),
    )
    ran = cli("ask", "x")
    assert words in ran.out
    assert "differs: all" in ran.out
    assert ("the abstract says “LoRA freezes" in ran.out) == (label == "contradicted")


def test_ask_as_json_is_one_record(cli: Cli) -> None:
    record = cli("ask", "x", "--json").json
    assert record["answer"] == "LoRA freezes the weights [1]."
    assert record["id"] is None


def test_a_declined_question_exits_3_and_names_the_nearest(cli: Cli) -> None:
    cli.assistant.refusal = Refusal("not_in_corpus", "Nothing is near.", (HIT,))
    ran = cli("ask", "x")
    assert ran.code == 3
    assert "The corpus is silent." in ran.out
    assert PAPER.paper_id in ran.out
    assert "assistant search" in ran.err


@pytest.mark.parametrize(("label", "code"), [("supported", 0), ("partial", 3), ("uncited", 3)])
def test_strict_wants_every_claim_supported(cli: Cli, label: str, code: int) -> None:
    cli.assistant.sentences = (
        sentence("One."),
        sentence("Two.", label),
        sentence("?", "not_a_claim"),
    )
    assert cli("ask", "x", "--strict").code == code
    assert cli("ask", "x").code == 0


def test_flags_reach_the_assistant(cli: Cli) -> None:
    cli("ask", "x", "--since", "2021", "--until", "2022-03", "--year", "2021", "--page", "p",
        "-k", "3", "--model", "m", "--base-url", "http://localhost:1/v1")  # fmt: skip
    asked = cli.assistant.asked[0]
    assert asked["filters"] == Filters("2021", "2022-03", 2021, "p")
    assert asked["top_k"] == 3
    assert cli.assistant.settings is not None
    assert cli.assistant.settings.answering_model == "m"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--since", "21"], "--since '21' is no date"),
        (["--until", "2021-13"], "--until '2021-13' is no date"),
        (["--since", "2022", "--until", "2021-12"], "swap them"),
        (["--year", "99"], "--year"),
        (["--top-k", "0"], "--top-k"),
    ],
)
def test_a_filter_that_cannot_be_is_a_usage_error(cli: Cli, flags: list[str], words: str) -> None:
    ran = cli("ask", "x", *flags)
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert words in ran.err


def test_a_range_within_one_year_is_no_contradiction(cli: Cli) -> None:
    assert cli("search", "x", "--since", "2021-05", "--until", "2021").code == 0


def test_the_question_comes_from_standard_input(cli: Cli) -> None:
    cli("ask", "-", stdin="What?\n")
    cli("ask", stdin="\ufeffHow?")
    assert [asked["question"] for asked in cli.assistant.asked] == ["What?", "How?"]


@pytest.mark.parametrize(
    ("words", "stdin", "said"),
    [
        (["   "], b"", "the question is empty"),
        ([], b"", "the question is empty"),
        (["x" * 100_000], b"", "the question has 100,000 characters: shorten it to 10,000"),
        (["-"], b"\xff\xfe", "no UTF-8"),
        (["x", "--file", "q.jsonl"], b"", "not both"),
    ],
)
def test_a_question_that_cannot_be_asked_is_one_line(
    cli: Cli, words: list[str], stdin: bytes, said: str
) -> None:
    ran = cli("ask", *words, stdin=stdin)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert said in ran.err


@pytest.mark.parametrize(
    ("cut", "code"), [(KeyboardInterrupt(), 130), (ProviderInterrupted("cut: ask again"), 5)]
)
def test_an_answer_that_breaks_off_says_it_is_partial(
    cli: Cli, cut: BaseException, code: int
) -> None:
    cli.terminal()
    cli.assistant.cut = cut
    ran = cli("ask", "x")
    assert ran.code == code
    assert "LoRA" in ran.out
    assert "this answer is partial" in ran.out


def test_a_terminal_marks_a_sentence_while_the_rest_still_comes(cli: Cli) -> None:
    wrong = sentence("It trains all.", "contradicted", 0.1, "few, not all")
    cli.assistant.early = (sentence("LoRA freezes the weights."), wrong)
    cli.assistant.sentences = (*cli.assistant.early, sentence("So it is small."))
    assert "few, not all" not in cli("ask", "x", "--json").out.split('"answer"')[0]
    piped = cli("ask", "x").out
    assert piped.count("few, not all") == 1
    cli.terminal()
    shown = " ".join(re.sub("\x1b\\[[0-9;?]*[A-Za-z]", "", cli("ask", "x").out).split())
    assert shown.startswith(
        "LoRA freezes the weights. It trains all. So it is"
        " ✗ contradicted “It trains all.”: few, not all small. ✗ contradicted: “It trains all.”"
    )


def test_hostile_text_reaches_no_terminal(cli: Cli) -> None:
    cli.assistant.sentences = (sentence(HOSTILE, "contradicted", 0.1, HOSTILE),)
    cli.assistant.refusal = None
    ran = cli("ask", HOSTILE)
    assert not CONTROL.search(ran.out)
    assert "[/red]" in ran.out
    assert ":smile:" in ran.out
    cli.terminal()
    cli.assistant.early = cli.assistant.sentences
    assert "\x1b[31mred" not in cli("ask", "x").out


def test_no_color_is_honoured(cli: Cli) -> None:
    cli.terminal()
    cli.assistant.sentences = (sentence("It.", "contradicted"),)
    assert "\x1b[1;31m" in cli("ask", "x").out
    cli.monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search("\x1b\\[[0-9;]*3[0-9]", cli("ask", "x").out)


def test_quiet_says_nothing_but_the_result(cli: Cli) -> None:
    cli.assistant.indexed = False
    assert "Indexing the corpus" in cli("ask", "x").err
    cli.assistant.indexed = False
    assert cli("-q", "ask", "x").err == ""


def test_verbose_tells_what_made_the_answer(cli: Cli) -> None:
    assert "made by Receipt" in cli("-v", "ask", "x").err


def test_the_first_use_shows_a_bar_on_a_terminal(cli: Cli) -> None:
    cli.terminal()
    cli.assistant.indexed = False
    assert "2/2" in cli("ask", "x").err


def test_a_real_terminal_gets_the_answer(cli: Cli) -> None:
    master, slave = pty.openpty()
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from types import ModuleType\nfrom stub_assistant import StubAssistant\n"
        "build = ModuleType('assistant.build'); build.Assistant = StubAssistant()\n"
        "sys.modules['assistant.build'] = build\n"
        "from assistant.cli import main\nraise SystemExit(main(['ask', 'x']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=slave, stdout=slave, stderr=slave
    )
    os.close(slave)
    seen = b""
    while True:
        try:
            block = os.read(master, 4096)
        except OSError:
            break
        if not block:
            break
        seen += block
    os.close(master)
    assert process.wait() == 0
    assert b"LoRA freezes the weights [1]." in seen
    assert b"Sources" in seen


# Rows of a file


def test_rows_keep_their_order_and_their_ids(cli: Cli) -> None:
    file = cli.write(
        "q.jsonl",
        {"id": "b", "question": "B?", "history": [{"user": "u", "assistant": "a"}]},
        "",
        {"id": 7, "question": "A?", "gold_titles": ["left alone"]},
    )
    ran = cli("ask", "--file", file, "--json")
    assert ran.code == 0
    assert [(row["id"], row["question"]) for row in ran.rows] == [("b", "B?"), (7, "A?")]
    assert cli.assistant.asked[0]["history"] == (Turn("u", "a"),)


def test_a_row_that_fails_stops_no_other_and_exits_1(cli: Cli) -> None:
    file = cli.write(
        "q.jsonl",
        {"id": 1, "question": ""},
        "{broken",
        "[1]",
        {"id": 4, "question": 5},
        {"id": 5, "question": "x", "history": "y"},
        {"id": 6, "question": "fine"},
    )
    ran = cli("ask", "--file", file, "--json")
    assert ran.code == 1
    assert [row["id"] for row in ran.rows] == [1, None, None, 4, 5, 6]
    assert [set(row) for row in ran.rows[:5]] == [{"id", "error"}] * 5
    assert "line 2 is no JSON" in ran.rows[1]["error"]
    assert ran.rows[5]["answer"]


def test_a_row_that_meets_a_bug_stops_no_other(cli: Cli) -> None:
    cli.assistant.fault = ZeroDivisionError("oh")
    ran = cli("search", "--file", cli.write("q.jsonl", {"id": 1, "question": "x"}), "--json")
    assert ran.code == 1
    assert ran.rows == [{"id": 1, "error": "unexpected ZeroDivisionError('oh')"}]


def test_a_declined_row_exits_3(cli: Cli) -> None:
    cli.assistant.refusal = Refusal("not_stated", "It does not say.")
    ran = cli("ask", "--file", cli.write("q.jsonl", {"id": 1, "question": "x"}), "--json")
    assert ran.code == 3
    assert ran.json["refusal"] == {
        "kind": "not_stated", "reason": "It does not say.", "nearest": []
    }  # fmt: skip


def test_rows_for_a_person_are_blocks_under_headings(cli: Cli) -> None:
    file = cli.write("q.jsonl", {"id": 1, "question": "A?"}, "broken", {"question": "B?"})
    ran = cli("ask", "--file", file)
    assert "# 1: A?\nLoRA" in ran.out
    assert "\n\n# B?\n" in ran.out
    assert "error: line 2: line 2 is no JSON" in ran.err
    assert "# 1: A?\n 1. LoRA" in cli("search", "--file", file).out


def test_rows_may_come_from_standard_input(cli: Cli) -> None:
    ran = cli("search", "--file", "-", "--json", stdin='{"id": 1, "question": "x"}\n')
    assert ran.json["id"] == 1


def test_a_file_of_rows_that_is_not_there_is_a_usage_error(cli: Cli) -> None:
    for name in ("nowhere.jsonl", ".", "a\0b"):
        ran = cli("ask", "--file", name)
        assert (ran.code, ran.err.count("\n")) == (2, 1)


# search, show, verify, index, config


def test_search_ranks_ten_papers_with_reasons(cli: Cli) -> None:
    ran = cli("search", "x")
    assert cli.assistant.asked[0]["top_k"] == 10
    assert " 1. LoRA: Low-Rank Adaptation\n" in ran.out
    assert "2021-06 · 8 authors · 0123456789ab · #1 by meaning · #2 by words" in ran.out
    assert cli("search", "x", "--json", "--top-k", "1").json["papers"][0]["rank"] == 1


def test_search_that_finds_nothing_says_why(cli: Cli) -> None:
    cli.assistant.hits = ()
    ran = cli("search", "x", "--year", "1999")
    assert (ran.code, ran.out) == (0, "")
    assert "widen" in ran.err


def test_search_shows_the_start_of_a_long_abstract_or_all_of_it(cli: Cli) -> None:
    import dataclasses

    long = dataclasses.replace(PAPER, abstract="word " * 100)
    cli.assistant.hits = (dataclasses.replace(HIT, paper=long), HIT)
    assert "word …" in cli("search", "x").out
    assert "…" not in cli("search", "x", "-v").out


def test_show_prints_a_paper_and_where_it_was_seen(cli: Cli) -> None:
    ran = cli("show", "0123")
    assert "venue: ICLR" in ran.out
    assert "  page-1.txt, listing 3, line 17, 2021-06" in ran.out
    assert cli("show", "0123", "--json").json["sightings"][0]["position"] == 3


def test_show_of_an_unknown_id_is_one_line(cli: Cli) -> None:
    ran = cli("show", "zzz")
    assert (ran.code, ran.err) == (2, "error: no paper 'zzz': did you mean 0123456789ab?\n")


def test_verify_marks_each_sentence_of_a_text(cli: Cli) -> None:
    cli.assistant.sentences = (
        sentence("LoRA freezes the weights."),
        sentence("It trains all.", "contradicted", 0.1, "differs: all"),
        sentence("Why?", "not_a_claim"),
    )
    ran = cli("verify", "-", stdin="LoRA freezes the weights. It trains all. Why?")
    assert ran.code == 0
    assert "✓ supported: LoRA freezes the weights." in ran.out
    assert "✗ contradicted: It trains all." in ran.out
    assert "LoRA: Low-Rank Adaptation (0123456789ab)" in ran.out
    assert "· no claim: Why?" in ran.out
    assert "1 of 2 claims supported" in ran.err
    assert (
        cli(
            "verify",
            stdin="x",
        ).code
        == 0
    )
    assert cli("verify", "-", "--strict", stdin="x").code == 3


def test_verify_reads_a_file(cli: Cli) -> None:
    (cli.folder / "text.txt").write_text("A claim.", encoding="utf-8")
    assert cli("verify", "text.txt", "--json").json["sentences"][0]["verdict"] == "supported"
    assert cli.assistant.asked[0] == {"text": "A claim.", "sources": None}


@pytest.mark.parametrize("name", ["nowhere.txt", "bad.txt", ".", "a\0b"])
def test_verify_of_a_text_that_cannot_be_read_is_one_line(cli: Cli, name: str) -> None:
    (cli.folder / "bad.txt").write_bytes(b"\xff\xfe\x00")
    ran = cli("verify", name)
    assert (ran.code, ran.err.count("\n")) == (2, 1)


def test_verify_with_sources_needs_no_index(cli: Cli) -> None:
    cli.assistant.indexed = False
    source = {"title": "T", "abstract": "A."}
    file = cli.write("c.jsonl", {"id": 1, "claim": "A.", "sources": [source]})
    ran = cli("verify", "--file", file, "--json")
    assert ran.json["id"] == 1
    assert not cli.assistant.indexed
    assert cli.assistant.asked[0]["sources"][0].title == "T"


def test_verify_without_sources_makes_the_index_once(cli: Cli) -> None:
    cli.assistant.indexed = False
    file = cli.write("c.jsonl", {"id": 1, "claim": "A."}, {"id": 2, "claim": "B.", "sources": []})
    ran = cli("verify", "--file", file)
    assert cli.assistant.indexed
    assert "# 1: A.\n✓ supported" in ran.out


def test_verify_rows_strictly_exit_3(cli: Cli) -> None:
    cli.assistant.sentences = (sentence("A.", "partial"),)
    file = cli.write("c.jsonl", {"id": 1, "claim": "A."})
    assert cli("verify", "--file", file, "--json").code == 0
    assert cli("verify", "--file", file, "--json", "--strict").code == 3


def test_index_says_what_it_did(cli: Cli) -> None:
    ran = cli("index")
    assert ran.out.splitlines() == [
        "5 pages read, 0 of them unchanged",
        "306 listings, 249 papers: 249 added, 0 changed, 0 removed",
        "482 chunks, 482 newly embedded, 4.2 s",
    ]
    assert "1 note on what" in ran.err
    assert "page-1.txt:3: merged: again" in cli("index", "-v").err
    assert cli("index", "--json").json["notes"][0]["page"] == "page-1.txt"
    cli.assistant.report = Report(pages_removed=1, notes=())
    ran = cli("index")
    assert "0 removed, 1 page gone" in ran.out
    assert "notes" not in ran.err


def test_index_takes_paths_and_flags(cli: Cli) -> None:
    (cli.folder / "p.txt").touch()
    cli("index", "p.txt", "--rebuild", "--prune")
    assert cli.assistant.asked == [{"paths": [Path("p.txt")], "rebuild": True, "prune": True}]
    cli("index")
    assert cli.assistant.asked[1]["paths"] is None


def test_index_of_a_missing_path_opens_nothing(cli: Cli) -> None:
    ran = cli("index", "nowhere")
    assert (ran.code, ran.err) == (
        2,
        "error: nowhere: no such file or folder: give the page's path\n",
    )
    assert cli.assistant.closed == 0


def test_config_shows_values_sources_and_no_key(cli: Cli) -> None:
    cli.monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
    ran = cli("config", "show")
    assert "environment OPENAI_API_KEY" in ran.out
    assert "canary" not in ran.out
    assert cli("config", "--json").json["retrieval.top_k"] == {"value": "5", "from": "default"}


def test_a_config_file_may_be_named_before_or_after_the_verb(cli: Cli) -> None:
    Path("own.toml").write_text("[retrieval]\ntop_k = 9\n", encoding="utf-8")
    for words in (["--config", "own.toml", "config"], ["config", "--config", "own.toml"]):
        assert cli(*words, "--json").json["retrieval.top_k"]["value"] == "9"


def test_output_is_utf8_whatever_the_locale(tmp_path: Path) -> None:
    environment = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii",
                   "ASSISTANT_DATA__FOLDER": str(tmp_path / "dätä 📄")}  # fmt: skip
    ran = subprocess.run(
        [sys.executable, "-m", "assistant", "config", "--json"],
        cwd=ROOT,
        capture_output=True,
        env=environment,
    )
    assert ran.returncode == 0
    assert "dätä 📄" in json.loads(ran.stdout.decode("utf-8"))["data.folder"]["value"]
