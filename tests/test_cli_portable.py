import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from keeping import BATS, MOTHS, OWLS, TEXTS, WORMS, Keeping, keeping, kept, record, write_page  # noqa: F401
from whole import one_encoder, ready  # noqa: F401

from assistant import build
from assistant.encoder import MiniLM
from assistant.indexer import writing

EVERY = {OWLS, BATS, MOTHS, WORMS}


def exported(keep: Keeping, *options: str, name: str = "out.jsonl") -> Path:
    ran = keep("export", name, *options)
    assert (ran.code, ran.out) == (0, ""), ran.err
    return keep.folder / name


def elsewhere(keep: Keeping, name: str = "other machine") -> None:
    keep.data = keep.folder / name
    keep.set("ASSISTANT_DATA__FOLDER", str(keep.data))
    keep.set("ASSISTANT_CORPUS__PATHS", str(keep.folder / "nothing here"))


def test_another_machine_gets_the_same_catalog(keep: Keeping) -> None:
    keep("remove", keep.id_of(WORMS), "--yes")
    file = exported(keep)
    with keep.open() as catalog:
        before = catalog.papers(), catalog.pages(), catalog.fingerprint()
    elsewhere(keep)
    ran = keep("import", str(file))
    assert (ran.code, ran.out) == (0, "3 papers, 3 texts newly embedded\n"), ran.err
    with keep.open() as catalog:
        assert (catalog.papers(), catalog.pages(), catalog.fingerprint()) == before
    assert keep.found("OwlEar hears owls at night")[0] == OWLS
    assert exported(keep, name="again.jsonl").read_bytes() == file.read_bytes()
    assert str(keep.folder) not in file.read_text(encoding="utf-8")
    assert keep("history", "--json").rows[0]["kind"] == "import"
    assert "no paper was removed" not in keep("remove", "--undo", "a0").err


def test_a_page_that_changed_since_is_taken_for_the_imported_one(keep: Keeping) -> None:
    file = exported(keep)
    elsewhere(keep)
    keep("import", str(file))
    write_page(keep.pages / "first.jsonl", record(OWLS))
    assert keep("index", str(keep.pages)).code == 0
    with keep.open() as catalog:
        assert set(catalog.pages()) == {"first.jsonl", "second.jsonl"}


def test_the_same_catalog_gives_the_same_bytes_packed_and_plain(keep: Keeping) -> None:
    plain = exported(keep).read_bytes()
    assert exported(keep, name="again.jsonl").read_bytes() == plain
    packed = exported(keep, name="a.jsonl.gz").read_bytes()
    assert exported(keep, name="b.jsonl.gz").read_bytes() == packed
    assert gzip.decompress(packed) == plain
    # What was made on the way, and when, is no part of it.
    keep("index", "--rebuild")
    keep("remove", keep.id_of(OWLS), "--yes")
    keep("remove", "--undo", keep.id_of_any(OWLS))
    assert exported(keep).read_bytes() == plain


def test_with_vectors_nothing_is_encoded_again(
    keep: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep.write("old.jsonl", json.dumps({"title": "Old", "abstract": "Soon to be gone."}))
    keep("index", "old.jsonl")
    keep("index", "--prune")
    file = exported(keep, "--vectors", name="out.jsonl.gz")
    head = json.loads(gzip.decompress(file.read_bytes()).splitlines()[0])
    assert head["rows"]["vectors"] == head["rows"]["readings"] == 4
    elsewhere(keep)

    class Idle(MiniLM):
        def encode_and_read(self, texts: Any) -> Any:
            assert not any(part in text for text in texts for part in TEXTS.values())
            return super().encode_and_read(texts)

    monkeypatch.setattr(build, "MiniLM", lambda: Idle())
    ran = keep("import", str(file))
    assert (ran.code, ran.out) == (0, "4 papers, 0 texts newly embedded\n"), ran.err
    assert keep.found("OwlEar hears owls at night")[0] == OWLS
    assert exported(keep, "--vectors", name="c.jsonl.gz").read_bytes() == file.read_bytes()


def test_the_shipped_corpus_comes_through_whole(keep: Keeping, ready: Path) -> None:  # noqa: F811
    keep.set("ASSISTANT_DATA__FOLDER", str(ready))
    file = exported(keep, "--vectors")
    elsewhere(keep)
    assert keep("import", str(file)).code == 0
    again = exported(keep, "--vectors", name="again.jsonl")
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(file.read_bytes()).digest()


def test_export_may_go_to_a_pipe_and_come_from_one(keep: Keeping) -> None:
    ran = keep("export")
    assert ran.out.encode() == exported(keep).read_bytes()
    assert "4 papers" in ran.err
    elsewhere(keep)
    assert keep("import", "-", stdin=ran.out).code == 0
    assert keep.titles() == EVERY


def test_a_catalog_that_holds_papers_is_not_overwritten_by_itself(keep: Keeping) -> None:
    file = str(exported(keep))
    keep("remove", keep.id_of(OWLS), "--yes")
    ran = keep("import", file)
    assert (ran.code, "add --replace" in ran.err) == (2, True)
    assert "add --yes" in keep("import", file, "--replace").err
    assert keep.titles() == EVERY - {OWLS}
    assert keep("import", file, "--replace", "--yes").code == 0
    assert keep.titles() == EVERY
    assert keep.found("OwlEar hears owls at night")[0] == OWLS


def test_an_import_that_was_cut_off_is_finished_at_the_next_question(
    keep: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = exported(keep)
    elsewhere(keep)

    class Pulled(MiniLM):
        def encode_and_read(self, texts: Any) -> Any:
            raise KeyboardInterrupt

    monkeypatch.setattr(build, "MiniLM", lambda: Pulled())
    assert keep("import", str(file)).code == 130
    monkeypatch.setattr(build, "MiniLM", one_encoder)
    assert keep.found("OwlEar hears owls at night")[0] == OWLS


def line(text: str) -> Callable[[list[bytes]], list[bytes]]:
    return lambda lines: [*lines, text.encode() + b"\n"]


def edited(table: str, **values: Any) -> Callable[[list[bytes]], list[bytes]]:
    """The first row of a table with other values."""

    def edit(lines: list[bytes]) -> list[bytes]:
        at = next(n for n, one in enumerate(lines) if one.startswith(f'{{"{table}"'.encode()))
        row = json.loads(lines[at])
        row[table] |= values
        return [*lines[:at], json.dumps(row).encode() + b"\n", *lines[at + 1 :]]

    return edit


SPOILED = {
    "empty": lambda _: [],
    "no export": lambda _: [b'{"title": "A", "abstract": "B."}\n'],
    "newer": lambda lines: [lines[0].replace(b'catalog":1', b'catalog":9'), *lines[1:]],
    "cut short": lambda lines: lines[:-1],
    "cut in a line": lambda lines: [*lines[:-1], lines[-1][:-9]],
    "twice": lambda lines: [*lines, lines[-1]],
    "no JSON": line("{"),
    "no object": line("[1]"),
    "no UTF-8": lambda lines: [*lines, b'{"papers": "\xff"}\n'],
    "another table": line('{"sqlite_master": {"name": "x"}}'),
    "our own facts": line('{"meta": {"key": "generation", "value": "g0009"}}'),
    "another column": edited("papers", rank=1),
    "another type": edited("papers", title=7),
    "nothing": edited("papers", abstract=None),
    "authors": edited("papers", authors="7"),
    "too large": edited("papers", author_count=2**70),
    "foreign page": edited("sightings", page="nowhere.txt"),
    "no bytes": edited("vectors", vector={"base64": "!"}),
    "short vector": edited("vectors", vector={"base64": "AAAA"}),
    "short reading": edited("readings", starts={"base64": "AAAA"}),
}


@pytest.mark.parametrize("fault", SPOILED)
def test_a_file_that_is_not_whole_takes_nothing_in(keep: Keeping, fault: str) -> None:
    lines = exported(keep, "--vectors").read_bytes().splitlines(keepends=True)
    (keep.folder / "spoiled.jsonl").write_bytes(b"".join(SPOILED[fault](lines)))
    before = keep("export").out
    ran = keep("import", "spoiled.jsonl", "--replace", "--yes")
    assert (ran.code, ran.err.count("error: ")) == (1, 1), ran.err
    assert "unexpected" not in ran.err
    assert keep("export").out == before


def test_a_packed_file_that_is_cut_short_takes_nothing_in(keep: Keeping) -> None:
    packed = exported(keep, name="a.jsonl.gz")
    packed.write_bytes(packed.read_bytes()[:-20])
    ran = keep("import", "a.jsonl.gz", "--replace", "--yes")
    assert (ran.code, "cut short" in ran.err) == (1, True)
    assert keep.titles() == EVERY
    assert keep("import", "nowhere.jsonl", "--replace", "--yes").code == 2


def test_what_hides_in_a_file_is_cleaned_as_it_comes_in(keep: Keeping) -> None:
    lines = exported(keep).read_bytes().splitlines(keepends=True)
    hidden = {"title": "Ow\u202els", "extra": json.dumps({"no\u200bte": "a\u202eb"})}
    (keep.folder / "in.jsonl").write_bytes(b"".join(edited("papers", **hidden)(lines)))
    assert keep("import", "in.jsonl", "--replace", "--yes").code == 0
    with keep.open() as catalog:
        [paper] = [one for one in catalog.papers() if one.title == "Owls"]
    assert paper.extra == {"note": "ab"}


def test_a_file_that_cannot_be_written_leaves_nothing_and_the_old_one_stays(
    keep: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = exported(keep).read_bytes()
    assert keep("export", "nowhere/out.jsonl").code == 6

    def full(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    from assistant.upkeep import portable

    monkeypatch.setattr(portable, "_write", full)
    ran = keep("export", "out.jsonl")
    assert (ran.code, "No space left" in ran.err) == (6, True)
    assert (keep.folder / "out.jsonl").read_bytes() == whole
    assert [path.name for path in keep.folder.glob("*.part")] == []
    assert [path.name for path in keep.folder.glob(".*.part")] == []


def test_nothing_is_exported_where_nothing_is(keep: Keeping) -> None:
    elsewhere(keep)
    assert keep("export", "out.jsonl").code == 6
    assert not (keep.folder / "out.jsonl").exists()


def test_an_import_waits_for_no_other_writer(keep: Keeping) -> None:
    file = str(exported(keep))
    with writing(keep.data):
        assert keep("import", file, "--replace", "--yes").code == 75


def test_rebuilding_makes_the_indexes_of_the_catalog_alone(keep: Keeping) -> None:
    for page in keep.pages.iterdir():
        page.unlink()
    for seal in (keep.data / "index").rglob("seal.json"):
        seal.write_text("broken")
    # The next question would mend it by itself.
    ran = keep("index", "--rebuild")
    assert (ran.code, "0 newly embedded" in ran.out) == (0, True)
    assert "made anew of the catalog: 4 papers" in ran.out
    assert keep.found("OwlEar hears owls at night")[0] == OWLS
