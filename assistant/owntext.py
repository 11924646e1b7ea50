"""A person's own text -> its sentences, and what sources that come with it say of each."""

from collections.abc import Mapping, Sequence

from assistant import sentences
from assistant.citations import without_marks
from assistant.errors import UsageError
from assistant.late import Passage
from assistant.readings import read_paper
from assistant.records import Source
from assistant.schema import Paper, Reader, Sentence, Verdict
from assistant.verify import Judge, is_claim

NO_CLAIM = Verdict("not_a_claim", 0.0)
"""What is said of a heading or a question."""
_LONGEST_CLAIM = 5_000


def verify_against(
    text: str, sources: Sequence[Source], reader: Reader, judge: Judge
) -> tuple[Sentence, ...]:
    """Every sentence of `text` with its verdict, from these sources alone."""
    papers = [
        Paper(f"source-{number}", source.title, source.abstract)
        for number, source in enumerate(sources, 1)
    ]
    passages = {paper.paper_id: read_paper(reader, paper) for paper in papers}
    titles = {paper.paper_id: paper.title for paper in papers}
    evidence: list[Passage] = [one for found in passages.values() for one in found]
    return tuple(
        Sentence(claim, (), _against(claim, evidence, titles, judge)) for claim in claims_of(text)
    )


def _against(
    claim: str, evidence: Sequence[Passage], titles: Mapping[str, str], judge: Judge
) -> Verdict:
    return judge.verdict(claim, evidence, titles) if is_claim(claim) else NO_CLAIM


def claims_of(text: str) -> list[str]:
    """The sentences of a text without their citations; at least one."""
    found = [without_marks(sentence) for sentence in sentences.texts(text)]
    if any(len(sentence) > _LONGEST_CLAIM for sentence in found):
        raise UsageError(
            f"a sentence of the text is longer than {_LONGEST_CLAIM:,} characters: break it up"
        )
    return [sentence for sentence in found if sentence] or [text.strip()]
