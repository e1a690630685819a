"""A headless Chromium for tests of pages: the fixtures `browser` and `page`, which conftest.py makes known.

Tests that use them are skipped where there is no Chromium or no Playwright, and say so.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

SECONDS = 300  # that something may take where many share the machine
# The first one is Chromium without what is around a page, and takes a third of the time.
PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The list of suggestions under the address bar, which nobody sees here, is two pages more for every window. A later
# list takes the place of Playwright's, so of that one there is what keeps a browser still.
FEATURES = [
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "PaintHolding", "DestroyProfileOnBrowserClose", "HttpsUpgrades"),
    *("HttpsFirstBalancedModeAutoEnable", "MediaRouter", "OptimizationHints", "NetworkTimeServiceQuerying"),
    *("AimEnabled", "PreconnectToSearch", "AvoidUnnecessaryBeforeUnloadCheckSync", "LensOverlay"),
]
# No sandbox, since in a container there is none to be had; and nothing that talks to the network by itself.
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", f"--disable-features={','.join(FEATURES)}"),
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium as Playwright's object, one for all tests."""
    reason = "needs Playwright: pip install playwright"
    playwright = pytest.importorskip("playwright.sync_api", reason=reason)
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("needs Chromium: apt-get install chromium-headless-shell")
    with playwright.sync_playwright() as driver:
        # Without a language, as in containers, letters typed into a list of choices would have to have its case.
        environment = {**os.environ, "LC_ALL": "en_US.UTF-8"}
        chromium = driver.chromium.launch(executable_path=program, args=FLAGS, env=environment)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A fresh page of 1280 by 800 pixels without a network. An error on its console fails the test."""
    errors: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 800}, offline=True)
    page = context.new_page()
    page.set_default_timeout(1000 * SECONDS)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type in ("error", "warning") else None)
    yield page
    context.close()
    assert errors == []
