"""What tests of compiled statements share."""

import pytest

from autograd_engine.compiler.trace import traced


@pytest.fixture
def every_function_is_long(monkeypatch):
    """Functions of a few operations are traced as long ones are: their for statements stay loops."""
    monkeypatch.setattr(traced, "LONG", 30)
