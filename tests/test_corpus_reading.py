"""Files and folders: every one is read, noted or refused in one line that names its cure."""

import codecs
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from assistant.corpus import ParsedCorpus, read_paths
from assistant.errors import CorpusError, UsageError

ABSTRACT = (
    "We study how saved pages can be read back. Our reader looks at the form of each line and never"
    " at its words. Experiments on thirty thousand real abstracts show that it loses none of them."
)
LISTING = f"One Paper\n{ABSTRACT}\n"
RECORD = json.dumps({"title": "One Paper", "abstract": ABSTRACT})
CONTENTS = {
    "a.txt": LISTING,
    "b.jsonl": RECORD,
    "c.ndjson": RECORD,
    "d.json": f"[{RECORD}]",
    "e.csv": f'title,abstract\nOne Paper,"{ABSTRACT}"\n',
    "f.tsv": f"title\tabstract\nOne Paper\t{ABSTRACT}\n",
    "g.bib": f"% a comment\n@misc{{k, title={{One Paper}}, abstract={{{ABSTRACT}}}}}",
}


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def keys(corpus: ParsedCorpus) -> list[str]:
    return [page.page for page in corpus.pages]


def refusal(path: Path) -> str:
    with pytest.raises(CorpusError) as error:
        read_paths([path])
    message = str(error.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize("name", CONTENTS)
def test_every_format_is_read_by_suffix_and_by_sight(tmp_path: Path, name: str) -> None:
    named = read_paths([write(tmp_path / name, CONTENTS[name])])
    sniffed = read_paths([write(tmp_path / "unnamed.data", CONTENTS[name])])
    for corpus in (named, sniffed):
        assert [(s.title, s.abstract) for s in corpus.sightings] == [("One Paper", ABSTRACT)]
    assert sniffed.pages[0].format == named.pages[0].format


def test_a_page_is_reported_with_its_hash_path_and_count(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", LISTING)
    (page,) = read_paths([str(path)]).pages
    assert (page.page, page.path, page.found) == ("a.txt", path, 1)
    assert page.sha256 == hashlib.sha256(LISTING.encode()).hexdigest()


def test_a_folder_is_read_in_name_order_under_relative_keys(tmp_path: Path) -> None:
    for name in ("z.txt", "sub/b.jsonl", "a.txt", ".hidden.txt", ".git/c.txt"):
        write(tmp_path / name, LISTING if name.endswith("txt") else RECORD)
    assert keys(read_paths([tmp_path])) == ["a.txt", "sub/b.jsonl", "z.txt"]


def test_other_files_in_a_folder_are_noted_as_skipped(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", LISTING)
    write(tmp_path / "b.pdf", b"%PDF-1.7")
    write(tmp_path / "c", "x")
    _, pdf, bare = read_paths([tmp_path], strict=True).pages
    assert (pdf.found, pdf.notes[0].kind) == (0, "skipped")
    assert pdf.notes[0].text == "no format of ours ends in .pdf"
    assert bare.notes[0].text == "no format of ours ends in nothing"


def test_a_bad_file_in_a_folder_is_a_note_and_the_rest_go_on(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", b"caf\xe9")
    write(tmp_path / "b.txt", LISTING)
    bad, good = read_paths([tmp_path]).pages
    assert (bad.found, bad.notes[0].kind, good.found) == (0, "unreadable", 1)
    assert bad.sha256 == hashlib.sha256(b"caf\xe9").hexdigest()
    assert "not UTF-8" in bad.notes[0].text
    with pytest.raises(CorpusError, match=r"a\.txt: not UTF-8"):
        read_paths([tmp_path], strict=True)


def test_a_file_given_twice_is_read_once(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", LISTING)
    assert keys(read_paths([path, tmp_path, tmp_path / "." / "a.txt"])) == ["a.txt"]


def test_files_of_one_name_get_keys_of_their_own(tmp_path: Path) -> None:
    paths = [write(tmp_path / folder / "a.txt", LISTING) for folder in ("x", "y", "z/y")]
    corpus = read_paths(paths)
    assert keys(corpus) == ["a.txt", "y/a.txt", "z/y/a.txt"]
    assert keys(read_paths([tmp_path / "x", tmp_path / "y"])) == ["a.txt", "y/a.txt"]


def test_merging_is_noted_on_the_page_that_gave_way(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", LISTING.replace("saved", "stored"))
    write(tmp_path / "b.txt", LISTING)
    older, newer = read_paths([tmp_path]).pages
    assert [(note.kind, note.line) for note in older.notes] == [
        ("abstract_differs", 1),
        ("merged", 1),
    ]
    assert "b.txt:1" in older.notes[0].text
    assert newer.notes == ()


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
    ],
)
def test_a_byte_order_mark_tells_the_encoding(tmp_path: Path, mark: bytes, encoding: str) -> None:
    path = write(tmp_path / "a.txt", mark + LISTING.replace("O", "\u00d6").encode(encoding))
    corpus = read_paths([path])
    assert corpus.sightings[0].title == "\u00d6ne Paper"
    assert corpus.pages[0].notes == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty: save the page again, with its papers"),
        (b" \n\t\r\n", "empty: save the page again, with its papers"),
        (b"One\0Two", "binary, not text: give its text, or JSON, CSV or BibTeX records"),
        (b"%PDF-1.7 text", "binary, not text: give its text, or JSON, CSV or BibTeX records"),
        (b"a\n\xe9t\xe9", "not UTF-8 (byte 0xe9 at offset 2, line 2): save it as UTF-8"),
        (b"\xff\xfea\0b", "not UTF-16 (byte 0x62 at offset 4, line 1): save it as UTF-8"),
        (
            b"new\nSubscribe\n",
            'no paper found (line 1: the page\'s own words: "new"):'
            " give titles with their abstracts",
        ),
        (
            b"Only a Title\n",
            'no paper found (line 1: no abstract follows: "Only a Title"):'
            " give titles with their abstracts",
        ),
        (
            "\u200b".encode(),
            "no paper found (no line reads like a title above an abstract):"
            " give titles with their abstracts",
        ),
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_a_page_that_cannot_be_read_is_refused_in_one_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    assert refusal(write(tmp_path / "a.txt", content)) == message


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", "{\n{", "no paper found (line 1: not JSON"),
        ("a.json", "{", "not JSON at line 1"),
        ("a.json", "[]", "no paper found (no line"),
        ("a.json", '{"a": {}}', "holds no list of papers"),
        ("a.csv", "a,b\n1,2\n", "has no column for the title"),
        ("a.bib", "text", "holds no BibTeX entry"),
        ("a.bib", "@misc{a, title={T", "no paper found (line 1: not BibTeX"),
    ],
)
def test_a_record_file_that_cannot_be_read_is_refused_in_one_line(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    assert refusal(write(tmp_path / name, content)).startswith(message)


def test_a_file_over_the_limit_is_refused_and_one_at_the_limit_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", LISTING)
    assert read_paths([path], max_bytes=len(LISTING)).sightings
    with pytest.raises(CorpusError, match=r"a\.txt: larger than .* MB: split it"):
        read_paths([path], max_bytes=len(LISTING) - 1)
    write(tmp_path / "big.txt", b"x" * (50 * 1024 * 1024 + 1))
    assert refusal(tmp_path / "big.txt") == "larger than 50 MB: split it into smaller files"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing.txt", r"missing\.txt is not there: check the spelling"),
        ("pages/*.txt", r"\*\.txt is not there: no file matches this pattern"),
        ("a\nb\x1b", "a b is not there"),
        ("x" * 5000, "x: File name too long: check"),
    ],
    ids=["missing", "pattern", "odd", "long"],
)
def test_a_path_that_is_not_there_is_a_usage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=message) as error:
        read_paths([path])
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 400


def test_no_path_at_all_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no file is given: name a file or a folder"):
        read_paths([])


def test_a_folder_without_papers_names_the_first_cause(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no paper in .*: give files of papers \(\.html"):
        read_paths([tmp_path])
    write(tmp_path / "a.txt", "")
    with pytest.raises(CorpusError, match=r"no paper in .* \(a\.txt: empty: save .*\): give files"):
        read_paths([tmp_path])


def test_a_file_that_cannot_be_opened_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.txt", LISTING)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert refusal(path) == "cannot be opened (Permission denied): check its permissions"


def test_a_folder_that_cannot_be_opened_is_a_note_and_the_rest_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "a.txt", LISTING)
    closed = write(tmp_path / "shut" / "b.txt", LISTING).parent
    shut(monkeypatch, closed)
    page, folder = read_paths([tmp_path]).pages
    assert (page.found, folder.page, folder.found) == (1, "shut", 0)
    why = "cannot be opened (Permission denied): check its permissions"
    assert (folder.notes[0].kind, folder.notes[0].text) == ("unreadable", why)
    with pytest.raises(CorpusError, match="shut: cannot be opened"):
        read_paths([tmp_path], strict=True)
    with pytest.raises(CorpusError, match=r"no paper in .*shut \(shut: cannot be opened"):
        read_paths([closed])


def shut(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Nobody may look into the folder; who runs the tests may be allowed everything."""
    scan = os.scandir

    def refusing(path: str | Path) -> Any:
        if Path(path) == folder:
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)


def test_links_are_told_of_where_they_lead_nowhere_or_to_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.txt", LISTING)
    write(tmp_path / "out" / "b.txt", LISTING)
    (tmp_path / "in" / "c").symlink_to(tmp_path / "out")
    (tmp_path / "in" / "d.txt").symlink_to(tmp_path / "nowhere")
    (tmp_path / "in" / "e.txt").symlink_to(tmp_path / "out" / "b.txt")
    corpus = read_paths([tmp_path / "in"])
    told = [
        (page.page, page.found, [note.text[:20] for note in page.notes]) for page in corpus.pages
    ]
    assert told == [
        ("a.txt", 1, ["same paper as e.txt:"]),
        ("c", 0, ["a link to a folder i"]),
        ("d.txt", 0, ["cannot be opened (No"]),
        ("e.txt", 1, []),
    ]


@pytest.mark.parametrize(
    "name", ["\U0001f4c4 page.txt", "caf\u0065\u0301.txt", "-rf.txt", "[x]*.txt", "a\u202etxt.txt"]
)
def test_odd_file_names_are_read_under_clean_keys(tmp_path: Path, name: str) -> None:
    corpus = read_paths([write(tmp_path / name, LISTING)])
    assert corpus.sightings[0].page == corpus.pages[0].page
    assert corpus.pages[0].page.isprintable()


def test_a_file_name_that_is_not_utf8_gets_a_key_that_can_be_stored(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt"))
    corpus = read_paths([write(path, LISTING)])
    assert corpus.pages[0].page.encode() == b"caf.txt"
