"""An assistant -> a server of the Model Context Protocol, over HTTP and over standard streams."""

import logging
import os
import signal
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any, cast

import anyio
from anyio import from_thread
from anyio.abc import TaskStatus
from anyio.lowlevel import EventLoopToken, current_token
from anyio.streams.memory import MemoryObjectSendStream
from fastapi import FastAPI
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from assistant.api.tools import INSTRUCTIONS, TOOLS, Found, read_input
from assistant.api.turns import Turns
from assistant.api.wrong import Journal
from assistant.config import version
from assistant.errors import UsageError

if TYPE_CHECKING:
    from assistant.build import Assistant

PATH = "/mcp"
_LOG = logging.getLogger(__name__)
_LEAVING_S = 1.0
# Who may ask at all, by host, origin and token, the app has decided before we are called.
_ELSEWHERE = TransportSecuritySettings(enable_dns_rebinding_protection=False)


def make_server(assistant: "Assistant", turns: Turns, journal: Journal) -> "Server[Any]":
    """A server of the four tools; a call takes its turn, the journal words its failure."""
    tools = {tool.name: tool for tool in TOOLS}

    async def on_list_tools(
        _: ServerRequestContext[Any], __: PaginatedRequestParams | None
    ) -> ListToolsResult:
        return ListToolsResult(tools=_described())

    async def on_call_tool(
        _: ServerRequestContext[Any], call: CallToolRequestParams
    ) -> CallToolResult:
        try:
            tool = tools.get(call.name)
            if tool is None:
                raise UsageError(f"there is no tool {call.name[:40]!r}: use {', '.join(tools)}")
            asked = read_input(tool, call.arguments or {})
            with turns.submit(partial(tool.run, assistant, asked)) as job:
                return _given(await job.last())
        except Exception as error:
            return _failed(journal.wrong(error).message)

    return Server(
        "assistant",
        title="Answers over paper abstracts",
        version=version(),
        instructions=INSTRUCTIONS,
        on_list_tools=on_list_tools,
        on_call_tool=on_call_tool,
    )


def mount_mcp(
    app: FastAPI,
    assistant: "Assistant",
    turns: Turns,
    journal: Journal,
    body_limit: int = 1_000_000,
) -> None:
    """Adds POST /mcp to the app; the app's own lifespan starts and ends it."""
    address = _Address(make_server(assistant, turns, journal), body_limit)
    app.router.routes.append(Route(PATH, address, methods=["POST"], include_in_schema=False))
    before = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(whole: Any) -> AsyncIterator[Any]:
        async with before(whole) as state, address.running():
            yield state

    app.router.lifespan_context = lifespan


async def serve_stdio(assistant: "Assistant") -> int:
    """Serves one client over standard input and output; 0 at its end, or a signal's exit code."""
    limits = assistant.settings.server
    turns = Turns(limits.concurrent, limits.waiting)
    server = make_server(assistant, turns, Journal())
    signals: list[int] = []
    try:
        async with anyio.create_task_group() as tasks:
            await tasks.start(_end_at_a_signal, tasks.cancel_scope, signals)
            await _talk(server)
            tasks.cancel_scope.cancel()
    finally:
        # What a thread still asked of a loop that is ending is never begun, and need not be told.
        warnings.filterwarnings("ignore", r"coroutine .* was never awaited", RuntimeWarning)
        turns.stop()
        turns.join(_LEAVING_S)
    return 128 + signals[0] if signals else 0


async def _talk(server: "Server[Any]") -> None:
    try:
        async with stdio_server(stdin=cast(Any, _Input())) as (read, write):
            await server.run(read, write, server.create_initialization_options())
    except* BrokenPipeError:
        _LOG.debug("the client left before its reply")


async def _end_at_a_signal(
    scope: anyio.CancelScope, signals: list[int], *, task_status: TaskStatus[None]
) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
        task_status.started()
        async for number in received:
            signals.append(number)
            scope.cancel()


class _Address:
    """The ASGI end: each request stands alone, and its reply is one JSON object."""

    def __init__(self, server: "Server[Any]", body_limit: int) -> None:
        self._server, self._body_limit = server, body_limit
        self._manager: StreamableHTTPSessionManager | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        # A manager runs once, but an app may be started again.
        self._manager = StreamableHTTPSessionManager(
            self._server,
            json_response=True,
            stateless=True,
            security_settings=_ELSEWHERE,
            max_request_body_size=self._body_limit,
        )
        async with self._manager.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._manager, "the app's lifespan has begun"
        push, pull = anyio.create_memory_object_stream[Message]()
        async with push, pull, anyio.create_task_group() as tasks:
            # A client that leaves takes its work with it.
            tasks.start_soon(_forward, receive, push, tasks.cancel_scope)
            await self._manager.handle_request(scope, pull.receive, send)
            tasks.cancel_scope.cancel()


async def _forward(
    receive: Receive, push: MemoryObjectSendStream[Message], scope: anyio.CancelScope
) -> None:
    while (message := await receive())["type"] != "http.disconnect":
        await push.send(message)
    scope.cancel()


class _Input:
    """The lines of standard input, read by a thread that holds up no ending."""

    async def __aiter__(self) -> AsyncIterator[str]:
        push, pull = anyio.create_memory_object_stream[str]()
        # A descriptor of its own: at the end Python closes its standard input, and would wait.
        arguments = (os.dup(0), push, current_token())
        Thread(target=_read_lines, args=arguments, daemon=True).start()
        async with pull:
            async for line in pull:
                yield line


def _read_lines(descriptor: int, push: MemoryObjectSendStream[str], token: EventLoopToken) -> None:
    try:
        with open(descriptor, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                from_thread.run(push.send, line, token=token)
        from_thread.run(push.aclose, token=token)
    except (anyio.BrokenResourceError, anyio.RunFinishedError):
        # Nobody listens any more.
        return


def _described() -> list[Tool]:
    hints = ToolAnnotations(
        read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
    )
    return [
        Tool(
            name=tool.name,
            title=tool.title,
            description=tool.description,
            input_schema=tool.takes.model_json_schema(),
            output_schema=tool.gives,
            annotations=hints,
        )
        for tool in TOOLS
    ]


def _given(found: str | Found) -> CallToolResult:
    assert isinstance(found, Found), "a tool ends with what it found"
    text = TextContent(type="text", text=found.text)
    return CallToolResult(content=[text], structured_content=found.record)


def _failed(line: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=line)], is_error=True)
