"""The documentation as a site: built without a warning, complete, readable on a phone, and searchable from disk."""

import html
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

for module in ("furo", "myst_nb", "sphinx_copybutton"):
    pytest.importorskip(module, reason="needs the extra docs")

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of a site built anew, with every warning as an error; a link that leads nowhere is one."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-c", "docs/site", ".", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def pages(monkeypatch):
    """The extensions of Sphinx that the site has."""
    monkeypatch.syspath_prepend(ROOT / "docs" / "site")
    return importlib.import_module("pages")


def test_every_page_and_every_notebook_is_on_it(site):
    written = {path.relative_to(site).with_suffix("") for path in site.rglob("*.html")}
    sources = [*(ROOT / "docs").glob("*.md"), *(ROOT / "notebooks").glob("*.ipynb")]
    assert {path.relative_to(ROOT).with_suffix("") for path in sources} <= written


def test_every_public_name_is_in_the_reference(site, pages):
    reference = importlib.import_module("pages.reference")
    text = "".join(path.read_text(encoding="utf-8") for path in (site / "docs" / "reference").glob("*.html"))
    packages = map(importlib.import_module, reference.PUBLIC)
    names = [f"{package.__name__}.{name}" for package in packages for name in reference.public_names(package)]
    assert len(names) > 200
    assert [name for name in names if f'id="{name}"' not in text] == []
    assert "importorskip" not in text


def test_a_module_without_a_page_is_said(pages, monkeypatch):
    reference = importlib.import_module("pages.reference")
    monkeypatch.delitem(reference.THEMES, "autograd_engine.series")
    with pytest.raises(LookupError, match=r"autograd_engine\.series has public names, but no page"):
        reference.pages()


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_what_a_notebook_stores_is_shown(site, path):
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    outputs = [output for cell in cells for output in cell["outputs"]]
    page = (site / "notebooks" / f"{path.stem}.html").read_text(encoding="utf-8")
    text = html.unescape(re.sub("<[^>]+>", "", page))
    printed = [line.strip() for output in outputs for line in "".join(output.get("text", "")).splitlines()]
    assert printed
    assert [line for line in printed if line not in text] == []
    pictures = [output for output in outputs if {"image/png", "image/svg+xml"} & output.get("data", {}).keys()]
    assert page.count("../_images/") >= len(pictures)


def test_formulas_are_read_and_spaced_as_in_tex(pages):
    formula = importlib.import_module("pages.mathml").formula
    assert formula(r"\tfrac12") == formula(r"\tfrac{1}{2}")
    assert formula(r"x \sin 2x").count("<mspace") == 2
    assert formula(r"\sin(x) + \ln\left(x\right)").count("<mspace") == 0
    assert formula(r"a + \dots + \big(b\big)") == formula(r"a + \ldots + (b)")


def test_links_that_lead_nowhere_are_found(pages, tmp_path):
    faults = importlib.import_module("pages.links").faults
    (tmp_path / "a.html").write_text('<h1 id="top"><a href="b.html#here">b</a><a href="#top">a</a></h1>')
    (tmp_path / "b.html").write_text(
        '<p id="here"><a class="x" href="a.html#no"><a href="c.html"><a href="https://a.b/">'
    )
    (tmp_path / "d.html").write_text(
        '<script src="https://a.b/c.js"></script><img alt="" src="data:image/png;base64,">'
    )
    assert list(faults(tmp_path)) == [
        "b.html: the link to a.html#no leads nowhere",
        "b.html: the link to c.html leads nowhere",
        "d.html loads https://a.b/c.js",
    ]


def test_the_search_works_from_disk(site, page):
    page.goto((site / "docs" / "README.html").as_uri())
    page.fill("input[name=q]", "jacobian")
    page.press("input[name=q]", "Enter")
    page.locator("#search-results li a", has_text="autograd_engine.jacobian").click()
    page.wait_for_url("**/derivatives.html*#autograd_engine.jacobian")


def test_no_page_is_wider_than_a_phone(site, page):
    page.set_viewport_size({"width": 390, "height": 844})
    wide = []
    for path in [*sorted((site / "docs").rglob("*.html")), *sorted((site / "notebooks").glob("*.html"))]:
        page.goto(path.as_uri())
        if page.evaluate("document.documentElement.scrollWidth") > 390:
            wide.append(path.name)
    assert wide == []
