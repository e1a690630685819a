"""The plugin for pytest: where a comparison with `approx` fails, the paths and numbers that differ are shown.

An installation has a copy of this file outside of the package, `autograd_engine_pytest`, which pytest loads. It imports
nothing: the package comes only with the tests that use it.
"""

from __future__ import annotations

import sys
from typing import Any


def pytest_assertrepr_compare(op: str, left: Any, right: Any) -> list[str] | None:
    """Lines that explain a comparison, None where nothing of ours is compared."""
    testing = sys.modules.get("autograd_engine.testing")
    if testing is None or op != "==":
        return None
    for near, other in ((right, left), (left, right)):
        if isinstance(near, testing.Approx):
            return ["the numbers are not approximately those expected", *near.differences(other)]
    return None
