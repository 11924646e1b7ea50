"""A model -> the same model, which reads the sources in another order and does not show it."""

import random
import re
from collections.abc import Iterator, Sequence

from assistant.citations import MARK, numbers_in
from assistant.schema import LLM, Message, Piece

_SOURCE = re.compile(
    r"<source (?P<number>\d+) (?P<fence>\w+)>\n\[\d+\](?P<text>.*?)"
    r"\n</source (?P=number) (?P=fence)>",
    re.S,
)


class Shuffled:
    """Numbers the sources anew in what the model reads, and back in what it writes."""

    def __init__(self, llm: LLM, seed: int = 0) -> None:
        self._llm = llm
        self._seed = seed

    @property
    def model(self) -> str:
        """The model's name."""
        return self._llm.model

    def stream(self, messages: Sequence[Message], *, max_tokens: int) -> Iterator[Piece]:
        """The reply, in one piece: a mark may be cut anywhere."""
        *before, asked = messages
        text, numbers = shuffled(asked.content, self._seed)
        heard = list(self._llm.stream([*before, Message(asked.role, text)], max_tokens=max_tokens))
        reply = "".join(piece.text for piece in heard)
        yield Piece(renumbered(reply, numbers))
        yield from (Piece("", piece.usage) for piece in heard if piece.usage)


def shuffled(prompt: str, seed: int) -> tuple[str, dict[int, int]]:
    """The prompt with its sources in another order, and what each new number was."""
    found = list(_SOURCE.finditer(prompt))
    order = list(range(len(found)))
    chance = random.Random(f"{seed}:{len(found)}")
    # The first is read best: another one has to stand there.
    while len(order) > 1 and order[0] == 0:
        chance.shuffle(order)
    numbers = {new: int(found[old]["number"]) for new, old in enumerate(order, 1)}
    text, at = "", 0
    for new, (place, old) in enumerate(zip(found, order, strict=True), 1):
        one, fence = found[old]["text"], found[old]["fence"]
        text += prompt[at : place.start()]
        text += f"<source {new} {fence}>\n[{new}]{one}\n</source {new} {fence}>"
        at = place.end()
    return text + prompt[at:], numbers


def renumbered(reply: str, numbers: dict[int, int]) -> str:
    """The reply with its citations as the sources were numbered before."""
    return MARK.sub(
        lambda mark: "".join(f"[{numbers.get(n, n)}]" for n in numbers_in(mark.group())), reply
    )
