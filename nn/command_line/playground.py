"""The command `playground`: a page in the browser on which a network is trained and explained."""

import webbrowser
from contextlib import suppress
from typing import Annotated

from cyclopts import Parameter

from nn.command_line.options import CommandError, at_least
from nn.extras import extra

HIGHEST_PORT = 65535


def playground(
    *,
    port: Annotated[int, at_least(0)] = 8000,
    browser: Annotated[bool, Parameter(negative="--no-browser", show_default=False)] = True,
) -> int:
    """Train a small network in the browser, and click on any neuron or weight for its graph and its chain rule.

    The page is for this computer only. Ctrl-C ends it.

    Parameters
    ----------
    port
        Port to listen on; 0 is any free one.
    browser
        Open the page, or only print its address.
    """
    with extra("playground"):
        from nn.playground.server import HOST, listen, serve  # here, because only this needs it

    if port > HIGHEST_PORT:
        raise CommandError(f"--port {port}: a port is a number up to {HIGHEST_PORT}")
    try:
        listener = listen(port)
    except OSError as error:
        raise CommandError(f"--port {port}: {error.strerror}; choose another, or 0 for any free one") from None
    with listener:
        address = f"http://{HOST}:{listener.getsockname()[1]}/"
        print(f"The playground is at {address} (Ctrl-C ends it)", flush=True)
        if browser:
            webbrowser.open(address)  # it waits in the socket's queue until the server runs
        with suppress(KeyboardInterrupt):  # the usual way to end it
            serve(listener)
    return 0
