"""A playground that runs, and windows on it."""

import time

import pytest

from nn.playground import server
from nn.playground.session import Session
from tests.nn.playground.playground_server import serving
from tests.nn.playground.window import Window

LATE = 0.03  # seconds


class LateSession(Session):
    """Answers late: a test that reads before the answer has come fails everywhere, not on busy machines alone."""

    def answer(self, text):
        time.sleep(LATE)
        return super().answer(text)


@pytest.fixture(scope="module")
def port():
    with serving() as number:
        yield number


@pytest.fixture
def window(browser, monkeypatch):
    """Opens windows; at the end their consoles are empty."""
    monkeypatch.setattr(server, "Session", LateSession)
    windows = []

    def make(**options):
        windows.append(Window(browser, **options))
        return windows[-1]

    yield make
    for one in windows:
        one.context.close()
    for one in windows:
        assert one.errors == []
