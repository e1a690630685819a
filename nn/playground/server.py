"""The server of the playground: the files of the page, and a WebSocket with a session of its own for each page.

It is for the person at this computer and nobody else: it listens on 127.0.0.1, and it refuses what a page of
another site could send, by the headers Host (against DNS rebinding) and Origin (against foreign pages).
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from anyio import to_thread
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from uvicorn.protocols.http.h11_impl import H11Protocol

from autograd_engine.explanations import mathml
from nn.json_text import to_json
from nn.playground.session import Answer, Session, welcome

_log = logging.getLogger(__name__)

HOST = "127.0.0.1"
STATIC = Path(__file__).parent / "static"
MOST_PAGES = 16
LARGEST_FRAME = 1 << 20  # bytes of a WebSocket message; what is longer than a session takes is answered up to here
FRAME_SECONDS = 1 / 60
TRAINING_SHARE = 0.7  # of a frame's time, the rest is for the picture
FRAMES_AHEAD = 2  # that the page has not yet shown
REQUEST_SECONDS = 10  # for a request to come whole
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class Guard:
    """Lets requests through that the page itself makes, and gives every response the headers that protect it."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self.app = app
        self.hosts = {f"{name}:{port}" for name in (HOST, "localhost")} | ({HOST, "localhost"} if port == 80 else set())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with status 403."""
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if not self._allowed(scope):
            refuse = PlainTextResponse("This page is for the browser on this computer only.\n", status_code=403)
            if scope["type"] == "websocket":
                return await WebSocket(scope, receive, send).close()  # before it is accepted: status 403
            return await refuse(scope, receive, send)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *((k.encode(), v.encode()) for k, v in HEADERS.items())]
            await send(message)

        await self.app(scope, receive, send_with_headers)

    def _allowed(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        host, origin = headers.get("host"), headers.get("origin")
        if host not in self.hosts:
            return False
        # A browser always names the origin of a page that opens a WebSocket.
        return origin == f"http://{host}" or (origin is None and scope["type"] == "http")


class Page:
    """One open page: its messages come into an inbox, one after the other they are answered, and in between the
    session trains. Whatever takes time happens in a thread of the page, so that no page waits for another."""

    def __init__(self, websocket: WebSocket) -> None:
        self.websocket = websocket
        self.session = Session()
        self.thread = ThreadPoolExecutor(max_workers=1)
        self.inbox: asyncio.Queue[str] = asyncio.Queue(maxsize=32)
        self.frames_ahead = 0

    async def run(self) -> None:
        """Until the page is closed. Its thread ends with what it is at."""
        try:
            await self._talk()
        finally:
            self.thread.shutdown(wait=False)

    async def _talk(self) -> None:
        await self.websocket.send_text(to_json(welcome()))
        reader, worker = asyncio.create_task(self._read()), asyncio.create_task(self._work())
        done, pending = await asyncio.wait((reader, worker), return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        for task in done:
            if not isinstance(task.exception(), (WebSocketDisconnect, type(None))):
                task.result()

    async def _read(self) -> None:
        while True:
            message = await self.websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            await self.inbox.put("" if text is None else text)  # "" is answered as no JSON, which bytes are not

    async def _work(self) -> None:
        clock = asyncio.get_running_loop().time
        due = clock()
        while True:
            if self.session.playing and self.frames_ahead < FRAMES_AHEAD and self.inbox.empty():
                await self._answer(lambda: self.session.advance(TRAINING_SHARE * FRAME_SECONDS))
                due = max(due + FRAME_SECONDS, clock())
                await asyncio.sleep(due - clock())
            elif (text := await self.inbox.get()) == SHOWN:
                self.frames_ahead = max(self.frames_ahead - 1, 0)
            else:
                await self._answer(lambda text=text: self.session.answer(text))  # type: ignore[misc]

    async def _answer(self, work: Callable[[], list[Answer]]) -> None:
        """Do the work in a thread and send what comes of it. A fault in it is said, and the page lives on."""
        try:
            answers = await asyncio.get_running_loop().run_in_executor(self.thread, work)
        except Exception as error:
            _log.exception("a page of the playground met a fault")
            self.session.playing = False
            fault = {"type": "error", "message": f"a fault in the program: {type(error).__name__}: {error}"}
            answers = [self.session.state(), fault]
        for answer in answers:
            if isinstance(answer, bytes):
                self.frames_ahead += 1
                await self.websocket.send_bytes(answer)
            else:
                await self.websocket.send_text(to_json(answer))


SHOWN = '{"type":"shown"}'
"""What the page says when it has shown a frame; so it gets as many as it can show, and no more."""


@asynccontextmanager
async def _one_thread_for_files(_: Starlette) -> AsyncIterator[None]:
    to_thread.current_default_thread_limiter().total_tokens = 1  # of 40, which would wait for files from then on
    yield


def application(port: int) -> ASGIApp:
    """The ASGI application for a server that listens on `port`."""
    open_pages = 0

    async def connect(websocket: WebSocket) -> None:
        nonlocal open_pages
        await websocket.accept()
        if open_pages >= MOST_PAGES:
            await websocket.send_text(to_json({"type": "full", "message": f"{MOST_PAGES} pages are open; close one"}))
            await websocket.close(1013)
            return
        open_pages += 1
        try:
            await Page(websocket).run()
        finally:
            open_pages -= 1

    async def formulas(_: Request) -> Response:
        return Response(mathml.STYLE, media_type="text/css")

    routes = [
        WebSocketRoute("/session", connect),
        Route("/formulas.css", formulas),
        Mount("/", StaticFiles(directory=STATIC, html=True)),
    ]
    return Guard(Starlette(routes=routes, lifespan=_one_thread_for_files), port)


class Requests(H11Protocol):
    """The requests of a connection. Each comes whole within `timeout_keep_alive` seconds, or the connection is closed.

    Uvicorn itself waits for as long only between a response and the first byte of the next request.
    """

    _due: float | None = None  # when the request that has begun must be whole

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take what has come of a request, and wait for the rest."""
        super().data_received(data)
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering or self.transport.is_closing() or self.transport.get_protocol() is not self:  # but a WebSocket's
            self._due = None
        else:
            self._wait()

    def _wait(self) -> None:
        self._unset_keepalive_if_required()
        self._due = self._due or self.loop.time() + self.timeout_keep_alive
        self.timeout_keep_alive_task = self.loop.call_at(self._due, self.timeout_keep_alive_handler)


def listen(port: int) -> socket.socket:
    """A socket on `port` of 127.0.0.1, any free one for 0. Raises OSError if the port is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def server(port: int) -> uvicorn.Server:
    """The server for the application; `run(sockets=[...])` serves until Ctrl-C."""
    config = uvicorn.Config(
        application(port),
        http=Requests,
        timeout_keep_alive=REQUEST_SECONDS,
        ws="websockets-sansio",
        ws_max_size=LARGEST_FRAME,
        ws_per_message_deflate=False,  # to the same computer it costs more than it saves
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


def serve(listener: socket.socket) -> None:
    """Serve the playground on a socket until Ctrl-C."""
    server(listener.getsockname()[1]).run(sockets=[listener])
