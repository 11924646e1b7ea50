"""`assistant doctor`: what is configured, reachable, indexed, out of date; each with its cure."""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import typer

from assistant.cli import options
from assistant.cli.session import Session, verb
from assistant.errors import AssistantError, IndexMissing
from assistant.plural import counted

if TYPE_CHECKING:
    from assistant.build import Assistant
    from assistant.config import Settings
    from assistant.corpus import PageReport

_SIGNS = {"ok": ("✓", "green"), "warn": ("⚠", "yellow"), "fault": ("✗", "bold red")}
# A person waits for the doctor: a server that needs longer is a finding.
_PATIENCE_S = 10.0
_LONGEST = 500


class Finding(NamedTuple):
    """What one check found, and what mends it."""

    name: str
    state: Literal["ok", "warn", "fault"]
    detail: str
    cure: str = ""


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    verb(app, "doctor", "assistant doctor", "assistant doctor --json")(doctor)


def doctor(session: Session, as_json: options.Json = False) -> int:
    """Checks settings, data, index and model.

    Each fault comes with the command that mends it.
    """
    findings = []
    for finding in examine(session):
        findings.append(finding)
        if not as_json:
            _show(session, finding)
    if as_json:
        session.print_json({"findings": [finding._asdict() for finding in findings]})
    return 1 if any(finding.state == "fault" for finding in findings) else 0


def examine(session: Session) -> Iterator[Finding]:
    """The findings, each as soon as it is known; a fault in one check leaves the others be."""
    settings = session.settings()
    yield check_config(settings)
    yield check_keys(settings)
    yield _guarded("data", lambda: check_data(settings.data.folder))
    yield _guarded("prompts", check_prompts)
    yield _guarded("encoder", lambda: check_encoder(settings))
    yield _guarded("model", lambda: check_model(settings))
    try:
        with session.open(indexed=False) as assistant:
            yield _guarded("catalog", lambda: check_catalog(assistant))
            if settings.store.url:
                yield _guarded("server", lambda: check_server(assistant))
            yield _guarded("index", lambda: check_index(assistant))
            yield _guarded("refusals", lambda: check_refusals(assistant, settings))
            yield from check_pages(assistant, settings)
    except AssistantError as error:
        yield _fault("catalog", error)


def check_config(settings: "Settings") -> Finding:
    """Which files and variables had a say."""
    from assistant.config import provenance

    changed = [one for one in provenance(settings) if one.source not in ("default", "not set")]
    said = ", ".join(f"{one.name} ({one.source})" for one in changed)
    return Finding("config", "ok", said or "every setting has its default")


def check_keys(settings: "Settings") -> Finding:
    """Which keys and passwords are set, each by its last four characters."""
    from assistant.config import provenance
    from assistant.config.sources import STANDARD

    names = {name: variable for variable, (name, *_) in STANDARD.items()}
    told = [one for one in provenance(settings) if one.name.startswith("keys.") and one.value]
    said = ", ".join(f"{names[one.name]} {one.value}" for one in told)
    return Finding("keys", "ok", said or "none is set")


def check_data(folder: Path) -> Finding:
    """Whether the data folder can be written."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        cure = f"make {there} writable, or set data.folder"
        return Finding("data", "fault", f"{folder} cannot be written", cure)
    new = "" if there == folder else ", made at first use"
    return Finding("data", "ok", f"{folder}{new}")


def check_prompts() -> Finding:
    """Whether the prompts are whole, and which they are."""
    from assistant.config import resource
    from assistant.prompts import Prompts

    prompts = Prompts.load(resource("prompts"))
    return Finding("prompts", "ok", f"{len(prompts.templates)} files, {prompts.sha256[:12]}")


def check_encoder(settings: "Settings") -> Finding:
    """Whether the encoder that travels with us is whole; a remote one is met by its model."""
    if settings.encoder.kind != "minilm":
        return Finding("encoder", "ok", f"{settings.encoder.model or 'the default'}, on a server")
    from assistant.encoder import MiniLM

    encoder = MiniLM()
    # Reading the model checks its hash.
    encoder.encode(["whole"])
    return Finding("encoder", "ok", str(encoder.identity))


def check_model(settings: "Settings") -> Finding:
    """Whether a question would reach its model."""
    if settings.mode == "embedded":
        cure = "set OPENAI_API_KEY, or answer.base_url, for answers written by a model"
        return Finding("model", "ok", "none: answers quote the abstracts", cure)
    from assistant.llm import OpenAILLM, check_server

    answer, key = settings.answer, settings.api_key
    llm = OpenAILLM(
        settings.answering_model,
        base_url=answer.base_url or None,
        api_key=key.get_secret_value() if key else None,
        api_version=answer.api_version or None,
        timeout_s=min(_PATIENCE_S, answer.timeout_s),
        max_retries=0,
    )
    report = check_server(llm)
    if report.problem:
        return Finding("model", "fault", report.problem)
    return Finding("model", "ok", f"{llm.model or 'the first there'} at {llm.server.host}")


def check_catalog(assistant: "Assistant") -> Finding:
    """Whether the catalog is whole, and what it holds."""
    assistant.catalog.check()
    papers, pages = assistant.catalog.count(), len(assistant.catalog.pages())
    if not papers:
        return Finding("catalog", "warn", "holds no papers yet", "run `assistant index`")
    holds = f"{counted(papers, 'paper')} on {counted(pages, 'page')}"
    return Finding("catalog", "ok", f"{holds}, whole")


def check_server(assistant: "Assistant") -> Finding:
    """Whether the Chroma server that holds the vectors can be used."""
    assistant.reach_server()
    return Finding("server", "ok", f"{assistant.settings.store.url} answers")


def check_index(assistant: "Assistant") -> Finding:
    """Whether the index is there, and made by the encoder in use."""
    known = assistant.catalog.some_papers(1, 0)
    try:
        # Words that are there are found even while a server that knows the meaning is away.
        hits = assistant.search(known[0].title[:_LONGEST] if known else "doctor", top_k=1).papers
    except IndexMissing as error:
        return Finding("index", "warn", str(error), "run `assistant index`")
    if not hits:
        return Finding("index", "fault", "finds nothing", "run `assistant index --rebuild`")
    return Finding("index", "ok", "answers searches, made by this encoder")


def check_refusals(assistant: "Assistant", settings: "Settings") -> Finding:
    """Below which probability quoted answers are declined, and what that is worth here."""
    from assistant.floor import FEWEST, floor_of, known

    usual = settings.refusal.stated_floor
    found = known(assistant.catalog)
    if found is None:
        many = assistant.catalog.count() >= FEWEST
        cure = "run `assistant index` to fit it to this corpus" if many else ""
        return Finding("refusals", "ok", f"below {usual:.2f}, as shipped", cure)
    return Finding(
        "refusals",
        "ok",
        f"below {floor_of(assistant.catalog, usual):.2f}; of {found.n} questions made from this"
        f" corpus {found.declined:.0%} are declined, of {found.n_absent} that it does not answer"
        f" {found.answered:.0%} answered",
    )


def check_pages(assistant: "Assistant", settings: "Settings") -> Iterator[Finding]:
    """Which pages of the configured corpus changed since, and what was cleaned out of them."""
    from assistant.corpus import read_reports

    try:
        pages = read_reports(settings.corpus.paths)
    except AssistantError as error:
        yield _fault("pages", error)
        return
    known = assistant.catalog.pages()
    stale = [one.page for one in pages if one.found and known.get(one.page) != one.sha256]
    if stale and known:
        named = ", ".join(stale[:5]) + (" …" if len(stale) > 5 else "")
        yield Finding("pages", "warn", f"changed or new: {named}", "run `assistant index`")
    else:
        yield Finding("pages", "ok", f"{len(pages):,} in the configured corpus")
    yield from _check_text(pages)


def _check_text(pages: "tuple[PageReport, ...]") -> Iterator[Finding]:
    kinds = Counter(note.kind for page in pages for note in page.notes)
    if kinds["unreadable"]:
        detail = f"{kinds['unreadable']:,} lines or files cannot be read"
        yield Finding("text", "warn", detail, "run `assistant index -v` to see which")
    yield Finding("text", "ok", _cleaned(pages))


def _cleaned(pages: "tuple[PageReport, ...]") -> str:
    """How many hidden characters of which kind were taken out on the way in."""
    removed: Counter[str] = Counter()
    for page in pages:
        for note in page.notes:
            if note.kind == "cleaned":
                counts = re.findall(r"(\d+) (\w+)", note.text)
                removed.update({kind: int(count) for count, kind in counts})
    said = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in removed.most_common())
    return f"hidden characters taken out: {said}" if said else "no hidden characters"


def _guarded(name: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except (AssistantError, OSError) as error:
        return _fault(name, error)


def _fault(name: str, error: Exception) -> Finding:
    return Finding(name, "fault", str(error))


def _show(session: Session, finding: Finding) -> None:
    sign, style = _SIGNS[finding.state]
    first = f"{sign} {finding.name:<9}"
    session.out.put((finding.detail, "" if finding.state == "ok" else style), first=first)
    if finding.cure:
        session.out.put((f"→ {finding.cure}", "dim"), first=" " * len(first))
