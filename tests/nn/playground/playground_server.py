"""A playground that runs in a thread of the tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from nn.playground import server


@contextmanager
def serving() -> Iterator[int]:
    """The port of a server."""
    with server.listen(0) as listener:
        port = listener.getsockname()[1]
        running = server.server(port)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield port
        finally:
            running.should_exit = True
            thread.join()
