"""A playground that runs, and windows on it."""

import pytest

from tests.nn.playground.playground_server import serving
from tests.nn.playground.window import Window


@pytest.fixture(scope="module")
def port():
    with serving() as number:
        yield number


@pytest.fixture
def window(browser):
    """Opens windows; at the end their consoles are empty."""
    windows = []

    def make(**options):
        windows.append(Window(browser, **options))
        return windows[-1]

    yield make
    for one in windows:
        one.context.close()
    for one in windows:
        assert one.errors == []
