"""Without the other framework, one sentence says what to install."""

import sys

import pytest

from autograd_engine import bridges


@pytest.mark.parametrize(("name", "package"), [("to_torch", "torch"), ("to_jax", "jax"), ("to_scipy", "scipy")])
def test_without_the_framework(monkeypatch, name, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        ImportError, match=rf"^{name}\(\) needs {package}: pip install {package} \(the extra \w+ brings it\)$"
    ):
        getattr(bridges, name)(abs)
