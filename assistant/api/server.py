"""An app and a socket -> a server that says when it is ready, and ends cleanly."""

import asyncio
import errno
import logging
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn

from assistant.api import create_app
from assistant.api.guard import check_binding
from assistant.api.turns import THREAD
from assistant.errors import ConfigError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from assistant.api.turns import Turns
    from assistant.build import Assistant
    from assistant.config import Settings

_GRACE_S = 1
_WORD_S = 0.4
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def bind(settings: "Settings") -> socket.socket:
    """The socket that the settings ask for; nobody is let in by it before the server runs."""
    check_binding(settings)
    host, port = settings.server.host.strip("[]"), settings.server.port
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError):
        raise _nowhere(host) from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(place)
        # Only who listens keeps others from the port.
        bound.listen()
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRNOTAVAIL:
            raise _nowhere(host) from None
        raise ConfigError(
            f"port {port} of {host} cannot be used ({error.strerror}): stop what listens there, or"
            " choose another with --port, 0 for a free one"
        ) from None
    return bound


def _nowhere(host: str) -> ConfigError:
    return ConfigError(f"this machine has no address {host!r}: set server.host, or --host")


def url_of(bound: socket.socket) -> str:
    """Where a browser on this machine finds the socket."""
    host, port = bound.getsockname()[:2]
    host = _EVERYWHERE.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(
    assistant: "Assistant",
    bound: socket.socket,
    ready: Callable[[], None],
    *,
    page: bool = True,
    verbose: bool = False,
) -> int:
    """Serves until a signal comes; the exit code for it, and 1 where it never started."""
    app = create_app(assistant, page=page)
    if verbose:
        logging.basicConfig(format="%(message)s")
        logging.getLogger("uvicorn").setLevel(logging.INFO)
    server = Running(app, ready, verbose=verbose)
    server.run(sockets=[bound])
    app.state.turns.join(_GRACE_S)
    return server.exit_code


def lingering() -> bool:
    """Whether threads are left that the end of the program would wait for, or tear apart."""
    others = (one for one in threading.enumerate() if one is not threading.main_thread())
    return any(not thread.daemon or thread.name == THREAD for thread in others)


class Running(uvicorn.Server):
    """The server; it tells when it is ready, and tells streams when it stops."""

    def __init__(self, app: "FastAPI", ready: Callable[[], None], *, verbose: bool = False) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=verbose,
                ws="none",
                # Whoever asks could write another address there, and escape the count of failures.
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=_GRACE_S,
            )
        )
        self._turns: Turns = app.state.turns
        self._ready = ready
        self.exit_code = 1

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins, and says so."""
        await super().startup(sockets)
        if self.started:
            self.exit_code = 0
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends every stream with a word, and then the server."""
        self._turns.stop()
        # What the page holds open would otherwise be cut by uvicorn, with a traceback for each.
        asyncio.get_running_loop().call_later(_WORD_S, self._cut)
        await super().shutdown(sockets)

    def _cut(self) -> None:
        for task in list(self.server_state.tasks):
            task.cancel()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Notes the signal; a second Ctrl-C waits for nothing."""
        # uvicorn would raise it again at the end, past those who close what they opened.
        self.exit_code = 128 + sig
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True
