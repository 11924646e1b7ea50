"""Prompt files and untrusted text -> what a model is told, and whether it declined."""

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from assistant import orders
from assistant.clean import for_prompt
from assistant.errors import ConfigError
from assistant.schema import Message, ScoredPaper, Turn

CANNOT_ANSWER = "The abstracts given do not say."
"""What a model replies, and nothing else, when the sources do not hold the answer."""

# The words of each file, and the variables it has to use: all of these, and no other.
_VARIABLES: Mapping[str, frozenset[str]] = {
    "answer.system": frozenset({"refusal"}),
    "answer.user": frozenset({"sources", "fence", "question", "refusal"}),
    "condense.system": frozenset(),
    "condense.user": frozenset({"history", "question"}),
    "repair.user": frozenset({"sentences", "refusal"}),
}
_REFUSAL = re.compile(
    r"\b(?:the |these |any of the )?(?:given |provided )?(?:abstracts?|sources?)"
    r"(?: given| provided)?(?: here)? (?:do not|does not|don't|doesn't|did not) (?:say|tell|state)"
    r"(?: so| this| that| it)?(?=\s*(?:[.!:;\[(]|$))"
)
_CITATION = re.compile(r"\[\d")


@dataclass(frozen=True, slots=True)
class Prompts:
    """The checked words of every prompt."""

    templates: Mapping[str, Template]
    sha256: str

    @classmethod
    def load(cls, folder: Path) -> "Prompts":
        """Read and check every prompt, before any model is paid."""
        texts = {name: _read(folder, name) for name in _VARIABLES}
        fingerprint = hashlib.sha256()
        for name, text in texts.items():
            fingerprint.update(f"{name}\0{text}\0".encode())
        templates = {name: _checked(folder, name, text) for name, text in texts.items()}
        return cls(templates, fingerprint.hexdigest())

    def render(self, name: str, **variables: str) -> str:
        """The prompt `name` with its variables filled in; $refusal always is."""
        if name not in self.templates:
            raise ConfigError(f"no prompt is called {name!r}: {_one_of('prompts', self.templates)}")
        given = {"refusal": CANNOT_ANSWER, **variables}
        wanted = _VARIABLES[name]
        wrong = (wanted - given.keys()) | (variables.keys() - wanted)
        if wrong:
            which = ", ".join(f"${variable}" for variable in sorted(wrong))
            raise ConfigError(f"{which} does not fit the prompt {name}: {_known(name)}")
        return self.templates[name].substitute(given).strip()

    def answer(self, papers: Sequence[ScoredPaper], question: str) -> list[Message]:
        """What to ask for an answer from these papers."""
        fence = new_fence()
        asked = self.render(
            "answer.user",
            sources=sources_block(papers, fence),
            fence=fence,
            question=for_prompt(question, fence),
        )
        return [Message("system", self.render("answer.system")), Message("user", asked)]

    def condense(self, turns: Sequence[Turn], question: str) -> list[Message]:
        """What to ask for a question that can be understood without its history."""
        fence = new_fence()
        asked = self.render(
            "condense.user",
            history=history_block(turns, fence),
            question=for_prompt(question, fence),
        )
        return [Message("system", self.render("condense.system")), Message("user", asked)]


def new_fence() -> str:
    """A delimiter that no text can know beforehand; one for each request."""
    return secrets.token_hex(8)


def sources_block(papers: Sequence[ScoredPaper], fence: str) -> str:
    """The papers numbered from 1 in the order given, each within its own tags."""
    return "\n\n".join(_source(number, paper, fence) for number, paper in enumerate(papers, 1))


def history_block(turns: Sequence[Turn], fence: str) -> str:
    """Earlier turns, oldest first, within one pair of tags."""
    lines = [
        f"{role}: {' '.join(for_prompt(text, fence).split())}"
        for turn in turns
        for role, text in turn._asdict().items()
    ]
    return "\n".join([f"<history {fence}>", *lines, f"</history {fence}>"])


def is_refusal(text: str) -> bool:
    """Whether a model declined, in our sentence or nearly.

    >>> is_refusal("**The given abstracts don't say.**")
    True
    >>> is_refusal("The abstracts given do not say how large it is, but it reaches 71 mAP [1].")
    False
    """
    plain = " ".join(
        re.sub(r"[*_`\"\u201c\u201d>#-]", " ", text.replace("\u2019", "'")).lower().split()
    )
    if not (found := _REFUSAL.search(plain)):
        return False
    opens = not plain[: found.start()].strip(" .,:;'([")
    return opens or not _CITATION.search(text)


def _source(number: int, scored: ScoredPaper, fence: str) -> str:
    paper = scored.paper
    abstract = orders.told(paper.abstract)
    fields = {f"[{number}] Title": paper.title, "Date": paper.date, "Abstract": abstract}
    lines = [
        f"{label}: {' '.join(for_prompt(text, fence).split())}"
        for label, text in fields.items()
        if text is not None
    ]
    return "\n".join([f"<source {number} {fence}>", *lines, f"</source {number} {fence}>"])


def _read(folder: Path, name: str) -> str:
    path = folder / f"{name}.md"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"the prompt {path} is missing: put it back; {_one_of('prompts', _VARIABLES)}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no UTF-8 text"
        raise ConfigError(f"the prompt {path} cannot be read ({reason}): put it back") from None
    # A checkout on Windows must give the same fingerprint.
    return text.replace("\r\n", "\n")


def _checked(folder: Path, name: str, text: str) -> Template:
    template, path = Template(text), folder / f"{name}.md"
    if not template.is_valid():
        raise ConfigError(f"a $ in {path} starts no variable: write $$ for a dollar sign")
    used = set(template.get_identifiers())
    if unknown := used - _VARIABLES[name]:
        raise ConfigError(f"{path} uses the unknown ${min(unknown)}: {_known(name)}")
    if missing := _VARIABLES[name] - used:
        raise ConfigError(f"{path} does not use ${min(missing)}: {_known(name)}")
    return template


def _known(name: str) -> str:
    variables = ", ".join(f"${variable}" for variable in sorted(_VARIABLES[name]))
    return f"its variables are {variables}" if variables else "it has no variables"


def _one_of(what: str, names: Mapping[str, object]) -> str:
    return f"the {what} are {', '.join(sorted(names))}"
