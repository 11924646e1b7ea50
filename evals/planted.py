"""Samples with an instruction to plant -> a second index in which these papers carry theirs."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from assistant import sentences
from assistant.build import Assistant
from assistant.records import dumps
from assistant.schema import Paper
from evals.dataset import BadData, Plant, Sample

# Of two undated listings the one on the later page wins, and this page is the last.
_PAGE = "zzzz-planted.jsonl"


@dataclass(frozen=True, slots=True)
class Planted:
    """An assistant over the same corpus, in which some papers carry an instruction."""

    assistant: Assistant
    aside: Mapping[str, tuple[str, ...]]
    """By the id of a sample: the untouched originals of papers whose title was changed."""
    titles: Mapping[str, str]
    """Changed titles, and the true ones."""


@contextmanager
def planted(assistant: Assistant, samples: Sequence[Sample]) -> Iterator[Planted]:
    """The index with the instructions of `samples`, made for this and gone afterwards."""
    settings, papers = assistant.settings, {one.title: one for one in assistant.catalog.papers()}
    with TemporaryDirectory(ignore_cleanup_errors=True) as passing:
        folder, page = Path(passing) / "data", Path(passing) / _PAGE
        shutil.copytree(settings.data.folder, folder, ignore=shutil.ignore_patterns("*.lock"))
        copies = [(one.plant, papers[one.plant.into]) for one in samples if one.plant]
        page.write_text("".join(_line(plant, paper) for plant, paper in copies), encoding="utf-8")
        data = settings.data.model_copy(update={"folder": folder})
        with Assistant(settings.model_copy(update={"data": data})) as other:
            other.index([page])
            # Read everything now: a long run has to end with the models that it began with.
            other.search("ready", top_k=1)
            yield _planted(other, samples, papers)


def _planted(
    assistant: Assistant, samples: Sequence[Sample], papers: Mapping[str, Paper]
) -> Planted:
    there = {paper.title: paper.paper_id for paper in assistant.catalog.papers()}
    renamed: dict[str, str] = {}
    for sample in samples:
        if sample.plant and sample.plant.where == "title":
            paper = papers[sample.plant.into]
            renamed[with_instruction(paper, sample.plant)[0]] = paper.title
    if lost := [title for title in renamed if title not in there]:
        raise BadData(f"the planted title {lost[0]!r} did not come through: use plain characters")
    # Where a copy was taken for its original under another title, there is one paper.
    originals = tuple(there[title] for title in renamed.values() if title in there)
    return Planted(assistant, {sample.id: originals for sample in samples}, renamed)


def with_instruction(paper: Paper, plant: Plant) -> tuple[str, str]:
    """Title and abstract of a paper with the instruction in its place."""
    title, abstract, text = paper.title, paper.abstract, plant.text
    if plant.where == "title":
        return f"{title} {text}", abstract
    if plant.where == "start":
        return title, f"{text} {abstract}"
    if plant.where == "end":
        return title, f"{abstract} {text}"
    said = sentences.texts(abstract)
    middle = (len(said) + 1) // 2
    return title, " ".join([*said[:middle], text, *said[middle:]])


def _line(plant: Plant, paper: Paper) -> str:
    title, abstract = with_instruction(paper, plant)
    return dumps({"title": title, "abstract": abstract}) + "\n"
