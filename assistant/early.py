"""A reply as it is written -> each of its sentences, judged as soon as it is whole.

The judge works in a thread beside the stream: no piece of text ever waits for a verdict.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from assistant.citations import CitedSentence, Draft, Renumbering, cited_sentences
from assistant.grounding import Grounded
from assistant.schema import ScoredPaper, Sentence


class Sentences:
    """The sentences of a text that comes in pieces, each once nothing can change it any more."""

    def __init__(self) -> None:
        self._line = ""
        self._given = 0

    def feed(self, piece: str) -> Iterator[CitedSentence]:
        """Those that this piece completes: another one, or another line, has begun behind them."""
        *lines, self._line = f"{self._line}{piece}".split("\n")
        for line in lines:
            yield from cited_sentences(line)[self._given :]
            self._given = 0
        for sentence in cited_sentences(self._line)[self._given : -1]:
            self._given += 1
            yield sentence

    def end(self) -> Iterator[CitedSentence]:
        """What is left."""
        return self.feed("\n")


class Early:
    """Verdicts beside the stream of one reply."""

    def __init__(
        self, papers: Sequence[ScoredPaper], ground: Callable[[Draft], Grounded], order: Renumbering
    ) -> None:
        self._papers = papers
        self._ground = ground
        self._order = order
        self._sentences = Sentences()
        self._waiting: deque[Future[Sentence]] = deque()

    def beside(self, steps: Generator[str, None, Draft]) -> Generator[str | Sentence, None, Draft]:
        """The same text, each sentence of it behind the piece with which its verdict was there."""
        thread = ThreadPoolExecutor(1, "verdicts")
        try:
            draft = yield from self._beside(steps, thread)
        finally:
            # Who stops listening waits for no verdict either.
            steps.close()
            thread.shutdown(wait=False, cancel_futures=True)
        return draft

    def _beside(
        self, steps: Generator[str, None, Draft], thread: ThreadPoolExecutor
    ) -> Generator[str | Sentence, None, Draft]:
        while True:
            try:
                piece = next(steps)
            except StopIteration as end:
                draft: Draft = end.value
                break
            yield piece
            self._judge(self._sentences.feed(piece), thread)
            while self._waiting and self._waiting[0].done():
                yield self._waiting.popleft().result()
        if not draft.refused:
            self._judge(self._sentences.end(), thread)
            yield from (one.result() for one in self._waiting)
        return draft

    def _judge(self, complete: Iterator[CitedSentence], thread: ThreadPoolExecutor) -> None:
        for sentence in complete:
            cited = [self._papers[number - 1] for number in self._order.order]
            self._waiting.append(thread.submit(self._judged, sentence, cited))

    def _judged(self, sentence: CitedSentence, cited: Sequence[ScoredPaper]) -> Sentence:
        """The sentence, held against what the whole answer will hold it against."""
        numbers = tuple(number for number in sentence.numbers if number <= len(cited))
        rest = tuple(hit for hit in self._papers if hit not in cited)
        alone = CitedSentence(sentence.text, numbers)
        (judged,) = self._ground(Draft(sentence.text, (alone,), tuple(cited), rest)).sentences
        return replace(judged, citations=numbers)
