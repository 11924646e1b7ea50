"""The steps to an answer -> its text as it comes, and in the end the answer."""

from collections.abc import Generator, Iterator

from assistant.schema import Answer, Sentence


class AnswerStream:
    """An answer on its way: iterate over its text, or take it whole."""

    def __init__(self, steps: Generator[str | Sentence, None, Answer]) -> None:
        self._steps = steps
        self._answer: Answer | None = None
        self._failure: BaseException | None = None

    def __iter__(self) -> Iterator[str]:
        return (part for part in self.parts() if isinstance(part, str))

    def parts(self) -> Iterator[str | Sentence]:
        """The text as it comes, and each sentence that a model wrote as soon as it is judged.

        What stands in the end is told by `answer()`: a reply may be asked for again.
        """
        while self._answer is None:
            if self._failure:
                raise self._failure
            try:
                part = next(self._steps)
            except StopIteration as end:
                self._answer = end.value
                return
            except BaseException as failure:
                # Steps that failed are over, and would go on as if they had ended.
                self._failure = failure
                raise
            yield part

    def close(self) -> None:
        """Stop where it is, and let go of the model's reply."""
        self._steps.close()

    def answer(self) -> Answer:
        """The finished answer; what was not yet asked for is done now."""
        for _ in self:
            pass
        assert self._answer is not None, "iteration ends with the answer or raises"
        return self._answer
