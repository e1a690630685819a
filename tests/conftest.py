"""Settings of hypothesis: the same examples in every run, no deadlines, since machines are noisy.

`pytest --hypothesis-profile=thorough` looks longer, and elsewhere each time.
"""

import gc
import os
import signal
import sys

import pytest
from hypothesis import settings

from tests.browser import browser as browser
from tests.browser import page as page

# Containers often keep Python from writing bytecode: each program that tests start would compile the package anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

settings.register_profile("project", deadline=None, derandomize=True)
settings.register_profile("thorough", deadline=None, max_examples=2000)
settings.load_profile("project")


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """The tests stay to the end: looking for garbage among them, again and again, took a fifth of the time.

    Nor is garbage looked for as often while they run. Tests that count what is left collect it themselves.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000)
        gc.enable()


def pytest_collection_modifyitems(items):
    """The notebooks come first, which take longest of what one worker does alone: as nearly the last they kept it busy
    when the others had nothing left to do.
    """
    items.sort(key=lambda item: item.path.stem != "test_notebooks")


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_interrupts():
    """Also where a shell has started the tests in the background, which makes them and their programs ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _kernels_of_this_run(tmp_path_factory):
    """Compiled functions are kept for one run of the tests, and not where the user's are."""
    before = os.environ.get("AUTOGRAD_ENGINE_CACHE")
    os.environ["AUTOGRAD_ENGINE_CACHE"] = str(tmp_path_factory.mktemp("kernels"))
    yield
    if before is None:
        del os.environ["AUTOGRAD_ENGINE_CACHE"]
    else:
        os.environ["AUTOGRAD_ENGINE_CACHE"] = before
