"""A claim and its evidence -> the verdict that the judge gave before."""

from collections.abc import Mapping, Sequence
from functools import cache

from pydantic import TypeAdapter, ValidationError

from assistant.cache.keys import key_of, program
from assistant.cache.shelf import Shelf
from assistant.config.settings import EncoderSettings
from assistant.late import Passage
from assistant.schema import Reader, Verdict
from assistant.verify import Judge


class KeptJudge(Judge):
    """A judge that says the same again, at once."""

    def __init__(
        self, reader: Reader, threshold: float, shelf: Shelf, encoder: EncoderSettings
    ) -> None:
        super().__init__(reader, threshold)
        self._shelf = shelf
        # The encoder decides where a long abstract is cut, and so what a sentence is read with.
        made_by = (str(reader.identity), encoder.model_dump(mode="json"))
        self._made_by = (program(), *made_by, self.threshold)

    def verdict(
        self,
        claim: str,
        passages: Sequence[Passage],
        titles: Mapping[str, str] | None = None,
        *,
        is_cited: bool = True,
    ) -> Verdict:
        """What `passages`, all sentences of all abstracts cited, say of `claim`."""
        said = [(one.paper_id, one.start, one.text, len(one.states)) for one in passages]
        titled = list((titles or {}).items())
        key = key_of("verdict", self._made_by, claim, said, titled, is_cited)
        if kept := _read(self._shelf.get(key)):
            return kept
        found = super().verdict(claim, passages, titles, is_cited=is_cited)
        self._shelf.put(key, _values().dump_json(found))
        return found


@cache
def _values() -> TypeAdapter[Verdict]:
    return TypeAdapter(Verdict)


def _read(raw: bytes | None) -> Verdict | None:
    try:
        return None if raw is None else _values().validate_json(raw)
    except ValidationError:
        return None
