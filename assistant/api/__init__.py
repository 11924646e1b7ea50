"""The address: an assistant -> an ASGI app that answers programs, and holds the page."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route

from assistant.api import completions, native
from assistant.api.events import Gone
from assistant.api.frame import Ending, SafeHeaders, Sizes
from assistant.api.guard import PROGRAMS, Failures, Login, Names
from assistant.api.mcp import mount_mcp
from assistant.api.rate import Paces
from assistant.api.served import Served
from assistant.api.turns import Turns
from assistant.api.wrong import Journal, Wrong, invalid
from assistant.config import Settings, version
from assistant.errors import AssistantError

if TYPE_CHECKING:
    from assistant.build import Assistant

__all__ = ["create_app"]

_ABOUT = (
    "Answers questions over paper abstracts; every sentence is cited and verified. Where a token is"
    " set, send it as `Authorization: Bearer …`."
)
_HUNG_UP = 499


def create_app(assistant: "Assistant", *, page: bool = True) -> FastAPI:
    """The app: JSON under /api, OpenAI's under /v1, MCP at /mcp, and the page at /."""
    settings = assistant.settings
    turns = Turns(settings.server.concurrent, settings.server.waiting)
    served = Served(assistant, turns, Journal())
    app = FastAPI(
        title="assistant",
        version=version(),
        description=_ABOUT,
        openapi_url="/api/openapi.json",
        # Their pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        middleware=_middleware(settings, served),
    )
    app.state.turns = turns
    _add_handlers(app, served.journal)
    routers = (native.routes(served), completions.routes(served))
    for router in routers:
        app.include_router(router)
    mount_mcp(app, assistant, turns, served.journal, settings.server.body_kb * 1000)
    _close_rest(app, [*app.router.routes, *(one for router in routers for one in router.routes)])
    if page:
        # Gradio takes seconds to import.
        from assistant.ui import mount

        mount(app, assistant)
    return app


def _middleware(settings: Settings, served: Served) -> list[Middleware]:
    """What stands before every route, the first outermost."""
    server, keys = settings.server, settings.keys
    # Beside the file itself an upload has a few lines.
    page_limit = (server.upload_mb + 1) * 1024 * 1024
    return [
        Middleware(SafeHeaders),
        Middleware(Ending, journal=served.journal, turns=served.turns),
        Middleware(Names, host=server.host, names=server.names),
        Middleware(
            Login,
            user=server.user,
            password=keys.password,
            token=keys.token,
            failures=Failures(server.failed_logins),
        ),
        Middleware(Sizes, page_limit=page_limit, body_limit=server.body_kb * 1000),
        Middleware(
            Paces,
            per_minute=server.per_minute,
            per_session=server.per_session,
            page_limit=page_limit,
        ),
    ]


def _add_handlers(app: FastAPI, journal: Journal) -> None:
    async def known(request: Request, error: Exception) -> Response:
        return journal.wrong(error).response(request.url.path)

    async def unfit(request: Request, error: Exception) -> Response:
        errors = cast(RequestValidationError, error).errors()
        return invalid(list(errors)).response(request.url.path)

    async def gone(_request: Request, _error: Exception) -> Response:
        return Response(status_code=_HUNG_UP)

    app.add_exception_handler(AssistantError, known)
    app.add_exception_handler(HTTPException, known)
    app.add_exception_handler(RequestValidationError, unfit)
    app.add_exception_handler(Gone, gone)


def _close_rest(app: FastAPI, known: Iterable[BaseRoute]) -> None:
    """Whatever else programs ask for is not there, rather than the page's to answer."""
    known = list(known)

    async def nothing(request: Request) -> Response:
        path, methods = request.url.path, _methods(known, request)
        if methods:
            message = f"{request.method} is not known here: use {' or '.join(methods)}"
            return Wrong(405, message, 2).response(path, Allow=", ".join(methods))
        return Wrong(404, "there is nothing here: see /api/openapi.json", 2).response(path)

    every = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    for start in PROGRAMS:
        for path in (start, start + "/{rest:path}"):
            app.router.routes.append(Route(path, nothing, methods=every, include_in_schema=False))


def _methods(routes: Iterable[BaseRoute], request: Request) -> list[str]:
    partly = (one for one in routes if one.matches(request.scope)[0] is Match.PARTIAL)
    return sorted({method for one in partly for method in getattr(one, "methods", None) or ()})
