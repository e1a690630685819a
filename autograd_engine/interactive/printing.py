"""A page as a PDF, printed by a browser of this computer, which sets the formulas better than anything else here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

# Edge is on every Windows. Firefox and Safari do not print without a window.
_PROGRAMS = (
    *("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"),
    *("microsoft-edge", "msedge"),
    *(f"/Applications/{name}.app/Contents/MacOS/{name}" for name in ("Google Chrome", "Chromium", "Microsoft Edge")),
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
_OPTIONS = (
    *("--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    "--no-pdf-header-footer",
)
_SECONDS = 120


def printed(page: str) -> bytes:
    """The HTML page as a PDF. Raises RuntimeError where there is no browser that prints, or where it does not."""
    browser = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if browser is None:
        raise RuntimeError(
            "a PDF is printed by Chrome, Chromium or Edge, and none of them is here: install one, or write the sheet "
            "as .html and print it from the browser that you have"
        )
    # As root, as in containers, the sandbox does not start; and the page has no script and loads nothing.
    sandbox = ["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        source, target = Path(folder, "page.html"), Path(folder, "page.pdf")
        source.write_text(page, encoding="utf-8")
        command = [browser, *_OPTIONS, *sandbox, f"--user-data-dir={folder}/profile", f"--print-to-pdf={target}"]
        try:
            done = subprocess.run([*command, source.as_uri()], capture_output=True, text=True, timeout=_SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RuntimeError(f"{browser} does not print: {error!s:.200}") from None
        if not target.exists():
            raise RuntimeError(f"{browser} does not print: {done.stderr.strip()[-200:]}")
        return target.read_bytes()
