"""The house: imports point down, each heavy library has its door, and no module grows too long.

15 cli
14 api
13 ui
12 build  interop
11 upkeep  assembled
10 rag  indexer
9  repairing  sides
8  refusal  answerability  selection  condense  answering  grounding  news  cache
7  retriever  quoting  verify  opening  encoding  mirror
6  readings  generation  contents  relevance  gathering  removed  mentions
5  corpus  catalog  chunking  encoder  store  lexical  llm  prompts  citations  late  question
4  sightings
3  rows  journal  budget  export  feedback  least  orders  recall  restored  titles  blended
2  config  records  tokens  sentences  words  logistic  period  lookup  damage  database  marks
   trees  clock  stream
1  identifiers  tables
0  schema  errors  redact  clean  origins  difference  plural
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "assistant"
CEILING = 350

LAYERS = {
    name: layer
    for layer, names in enumerate(
        (
            "schema errors redact clean origins difference plural",
            "identifiers tables",
            "config records tokens sentences words logistic period lookup damage database marks"
            " trees clock stream",
            "rows journal budget export feedback least orders recall restored titles blended",
            "sightings",
            "corpus catalog chunking encoder store lexical llm prompts citations late question",
            "readings generation contents relevance gathering removed mentions",
            "retriever quoting verify opening encoding mirror",
            "premise",
            "owntext refusal answerability selection condense answering grounding news cache",
            "floor",
            "early sides",
            "repairing",
            "rag indexer",
            "upkeep assembled",
            "build interop",
            "ui",
            "api",
            "cli",
            # The root hands Assistant on, `python -m assistant` the command; nobody imports them.
            "__init__ __main__",
        )
    )
    for name in names.split()
}
# Who may import what weighs much or must stay replaceable.
DOORS = {
    "bibtexparser": {"corpus", "export"},
    "chromadb": {"store"},
    "defusedxml": {"corpus"},
    "dotenv": {"config"},
    "fastapi": {"api", "ui"},
    "filelock": {"budget", "feedback", "indexer"},
    "gradio": {"ui"},
    "httpx": {"llm", "store"},
    "justhtml": {"corpus"},
    "llama_index": {"chunking", "interop"},
    "mcp": {"api"},
    "onnxruntime": {"encoder"},
    "openai": {"llm", "encoder"},
    "platformdirs": {"config"},
    "pydantic": {"config", "api", "cache"},
    "rich": {"cli"},
    "rispy": {"corpus"},
    "sqlite3": {"cache", "database", "upkeep"},
    "starlette": {"api", "ui"},
    "tantivy": {"lexical"},
    "tiktoken": {"tokens"},
    "tokenizers": {"encoder"},
    "torch": set(),
    "typer": {"cli"},
    "uvicorn": {"api", "ui"},
    "watchfiles": {"upkeep"},
    "zstandard": {"corpus"},
}
# These cost a second or more: they wait inside the function that needs them.
LAZY = {"chromadb", "gradio", "llama_index", "openai"}
EAGER = {"interop", "ui", "api"}


class Import(NamedTuple):
    """One imported name, and how it is imported."""

    target: str
    line: int
    for_types: bool
    at_once: bool


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imports_of(node: ast.AST, for_types: bool = False, at_once: bool = True) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, for_types, at_once)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"line {child.lineno}: imports are absolute"
            for alias in child.names:
                yield Import(f"{child.module}.{alias.name}", child.lineno, for_types, at_once)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from imports_of(
                child, for_types or is_type_checking(child), at_once and not inside
            )


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, Path]:
    return {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def imports(name: str) -> tuple[Import, ...]:
    return tuple(imports_of(ast.parse(modules()[name].read_text(encoding="utf-8"))))


def room(name: str) -> str:
    """The part of the house that a module stands in: `llm` for assistant.llm.client."""
    return [*name.split("."), "__init__"][1]


def module_imported(target: str) -> str | None:
    """The module of ours that an imported name is, or stands in."""
    while target and target not in modules():
        target = target.rpartition(".")[0]
    return target or None


def is_imported_late(name: str) -> bool:
    """Whether a function has to run before any of us imports this module."""
    uses = [one for other in modules() for one in imports(other) if not one.for_types]
    uses = [one for one in uses if module_imported(one.target) == name]
    return bool(uses) and not any(one.at_once for one in uses)


every_module = pytest.mark.parametrize("name", modules())


@every_module
def test_a_module_has_a_layer(name: str) -> None:
    assert room(name) in LAYERS, f"give {name} a layer in tests/test_layers.py"


@every_module
def test_imports_point_down(name: str) -> None:
    for one in imports(name):
        target = module_imported(one.target)
        if target and room(target) != room(name):
            assert LAYERS[room(target)] < LAYERS[room(name)], f"line {one.line}: {one.target}"


@every_module
def test_nothing_is_imported_from_our_own_root(name: str) -> None:
    rooted = [one for one in imports(name) if module_imported(one.target) == "assistant"]
    assert rooted == []


@every_module
def test_heavy_libraries_come_through_their_doors(name: str) -> None:
    for one in imports(name):
        doors = DOORS.get(one.target.partition(".")[0])
        assert doors is None or room(name) in doors, f"line {one.line}: {one.target}"


@every_module
def test_slow_libraries_wait_until_they_are_needed(name: str) -> None:
    if room(name) in EAGER or is_imported_late(name):
        return
    slow = [one for one in imports(name) if one.target.partition(".")[0] in LAZY]
    assert [one for one in slow if one.at_once and not one.for_types] == []


@every_module
def test_a_module_fits_the_ceiling(name: str) -> None:
    assert len(modules()[name].read_text(encoding="utf-8").splitlines()) <= CEILING


def test_no_module_needs_itself() -> None:
    """Imports for types alone are left out: they are none when the program runs."""
    graph = {
        name: {
            target
            for one in imports(name)
            if not one.for_types and (target := module_imported(one.target)) not in (None, name)
        }
        for name in modules()
    }
    while leaves := {name for name, needs in graph.items() if not needs & graph.keys()}:
        graph = {name: needs for name, needs in graph.items() if name not in leaves}
    assert sorted(graph) == [], "a cycle runs through these, or they lead to one"


def test_evals_are_imported_by_the_command_line_alone_and_late() -> None:
    for name in modules():
        for one in imports(name):
            if one.target.partition(".")[0] == "evals":
                assert room(name) == "cli"
                assert not one.at_once


def test_the_table_would_notice() -> None:
    tree = ast.parse(
        "import typing\nif typing.TYPE_CHECKING:\n    import chromadb\n"
        "def f():\n    from assistant.cli import app\n"
    )
    assert list(imports_of(tree)) == [
        Import("typing", 1, False, True),
        Import("chromadb", 3, True, True),
        Import("assistant.cli.app", 5, False, False),
    ]
    assert module_imported("assistant.cli.app") == "assistant.cli"
    assert room("assistant.llm.client") == "llm"
    assert room("assistant") == "__init__"
