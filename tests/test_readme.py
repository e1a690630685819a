"""The README's code runs and prints what it says."""

import doctest
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

from autograd_engine import PRIMITIVES

README = Path(__file__).parent.parent / "README.md"
PARSERS = [SkipParser(), PythonCodeBlockParser(doctest_optionflags=doctest.ELLIPSIS)]
BLOCKS = list(Sybil(PARSERS).parse(README).examples())


@pytest.fixture(scope="module", autouse=True)
def elsewhere(tmp_path_factory):
    """A folder for what the examples write; primitives that they define go again."""
    known = set(PRIMITIVES)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("readme"))
        yield
    for name in PRIMITIVES.keys() - known:
        del PRIMITIVES[name]


# In order: a block may use what an earlier one defined.
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"line {block.line}")
def test_block(block):
    block.evaluate()


def test_readme_has_examples():
    assert len(BLOCKS) >= 8
