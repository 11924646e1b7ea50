"""The routes under /api: the commands' questions, and their JSON."""

from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from assistant.api.asked import AskBody, SearchBody, VerifyBody
from assistant.api.events import Streamed, finished
from assistant.api.served import Served, judging, over
from assistant.api.wrong import Wrong
from assistant.config import DEFAULT, version
from assistant.errors import IndexMissing, UsageError
from assistant.records import (
    Record,
    answer_record,
    dumps,
    paper_record,
    plain,
    search_record,
    sentence_record,
    verify_record,
)
from assistant.schema import Answer, Paper, Sentence
from assistant.sightings import versions

if TYPE_CHECKING:
    from assistant.rag import SearchResult

_SEARCHED = 10
PaperId = Annotated[str, Path(max_length=200, description="A paper's id, or how it begins.")]
Limit = Annotated[int, Query(ge=1, le=500, description="How many papers.")]
Offset = Annotated[int, Query(ge=0, description="How many to leave out first.")]

Diff = Annotated[bool, Query(description="With every version of the abstract, as `versions`.")]
InCorpus = Annotated[str | None, Query(max_length=200, description="One of /api/corpora.")]


class Failure(BaseModel):
    """What a failed request is told."""

    error: str
    """One line: the thing, then its cure."""
    code: int
    """The code with which the same error ends a command."""
    kind: str


FAILURES: dict[int | str, dict[str, Any]] = {
    400: {"model": Failure, "description": "The request cannot be used."},
    401: {"model": Failure, "description": "A token is needed, or it is not right."},
    413: {"model": Failure, "description": "The body is too large."},
    429: {"model": Failure, "description": "Too many attempts, or the model asks to slow down."},
    500: {"model": Failure, "description": "A setting is wrong, or something failed here."},
    502: {"model": Failure, "description": "The model's server failed."},
    503: {"model": Failure, "description": "Too many wait, or the index cannot be used."},
    504: {"model": Failure, "description": "The model took too long."},
}
_STREAM = (
    "The answer, with the verdict of every sentence. With `stream` true these events come:"
    " `piece` with {text}; between those of a model `sentence`, as in the record, as soon as it is"
    " judged; then `answer` with the whole record, or `error` with {error, code, kind} where the"
    " answer broke off. A stream that ends without one of these two was cut. The record counts"
    " where it says other than what came before: citations may be found after the text, and a"
    " reply that its sources do not bear out is asked for again."
)


class _Events:
    """Our own events."""

    def opening(self) -> str:
        return ""

    def item(self, item: str | Sentence | Answer) -> str:
        if isinstance(item, Answer):
            return _event("answer", answer_record(item))
        if isinstance(item, Sentence):
            return _event("sentence", sentence_record(item))
        return _event("piece", {"text": item})

    def failure(self, wrong: Wrong) -> str:
        return _event("error", wrong.record)


def routes(served: Served) -> APIRouter:
    """The routes, over what is served."""
    router = APIRouter(prefix="/api", responses=FAILURES)
    _add_questions(router, served)
    _add_papers(router, served)
    return router


def _add_questions(router: APIRouter, served: Served) -> None:
    assistant, turns, journal = served

    @router.post("/ask", summary="A question, answered", description=_STREAM)
    async def ask(body: AskBody, request: Request) -> Response:
        asked = partial(
            judging,
            over(assistant, body.corpus),
            body.question,
            history=body.turns,
            filters=body.filters,
            top_k=body.top_k,
            model=body.model,
            **({"fresh": True} if body.fresh else {}),
        )
        if body.stream:
            return Streamed(turns, asked, _Events(), journal)
        answer = await finished(request, turns, asked)
        assert isinstance(answer, Answer), "the answer comes last"
        return as_json(answer_record(answer))

    @router.post("/search", summary="The papers nearest to a question")
    async def search(body: SearchBody, request: Request) -> Response:
        filters, top_k = body.filters, body.top_k or _SEARCHED
        chosen = over(assistant, body.corpus)

        def work() -> Generator["SearchResult", None, None]:
            yield chosen.search(body.question, filters=filters, top_k=top_k)

        _, papers, trouble = await finished(request, turns, work)
        return as_json(search_record(body.question, papers, trouble=trouble))

    @router.post("/verify", summary="Your own text, sentence by sentence")
    async def verify(body: VerifyBody, request: Request) -> Response:
        chosen, then = over(assistant, body.corpus), body.then

        def work() -> Generator[tuple[Sentence, ...], None, None]:
            yield chosen.verify(body.text, sources=body.given, as_of=then)

        sentences = await finished(request, turns, work)
        trouble = chosen.trouble if body.given is None else ""
        return as_json(verify_record(sentences, trouble=trouble))


def _add_papers(router: APIRouter, served: Served) -> None:
    assistant = served.assistant

    @router.get("/papers", summary="All papers, by title")
    def papers(limit: Limit = 50, offset: Offset = 0, corpus: InCorpus = None) -> Response:
        catalog = over(assistant, corpus).catalog
        shown = [_listed(paper) for paper in catalog.some_papers(limit, offset)]
        page = {"total": catalog.count(), "limit": limit, "offset": offset}
        return as_json({**page, "papers": shown})

    @router.get("/papers/{paper_id}", summary="One paper", responses={404: {"model": Failure}})
    async def paper(paper_id: PaperId, corpus: InCorpus = None, diff: Diff = False) -> Response:
        try:
            catalog = over(assistant, corpus).catalog
            found = await run_in_threadpool(catalog.paper, paper_id)
        except UsageError as error:
            wrong = served.journal.wrong(error)
            return wrong._replace(status=404).response("/api/papers")
        if not diff:
            return as_json(paper_record(found))
        told = await run_in_threadpool(versions, catalog.database, found)
        return as_json({**paper_record(found), "versions": plain(told)})

    @router.get("/corpora", summary="The corpora side by side")
    def corpora() -> Response:
        usual = assistant.settings.corpus.name or DEFAULT
        return as_json({"corpora": assistant.corpora(), "usual": usual})

    @router.get("/health", summary="Whether questions can be answered")
    async def health() -> Response:
        return as_json(await run_in_threadpool(_health, served))


def _health(served: Served) -> Record:
    assistant, turns, _ = served
    papers = assistant.catalog.count()
    if not papers or assistant.catalog.meta("generation") is None:
        raise IndexMissing("nothing is indexed yet: run `assistant index`, or drop a page on ours")
    models = [name for name in assistant.models() if name]
    return {
        "status": "ready",
        "papers": papers,
        "mode": assistant.settings.mode,
        "models": models,
        "version": version(),
        "running": turns.running,
        "waiting": turns.waiting,
        **({"trouble": assistant.trouble} if assistant.trouble else {}),
    }


def _listed(paper: Paper) -> Record:
    pages = list(dict.fromkeys(seen.page for seen in paper.sightings))
    return {
        "paper_id": paper.paper_id,
        "title": paper.title,
        "date": paper.date,
        "year_inferred": paper.year_inferred,
        "pages": pages,
    }


def as_json(record: Record) -> Response:
    """The record as a response."""
    return Response(dumps(record), media_type="application/json")


def _event(name: str, record: Record) -> str:
    return f"event: {name}\ndata: {dumps(record)}\n\n"
