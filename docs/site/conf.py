"""The documentation as a site: the Markdown pages of `docs`, the notebooks, and pages made from the code.

From the top of a clone, with the extra `docs`: `sphinx-build -W -c docs/site . build/site`.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from pages.sources import linkcode_resolve as linkcode_resolve  # noqa: E402

import autograd_engine  # noqa: E402

project = "autograd-engine"
author = "The autograd-engine authors"
project_copyright = f"2026 {author}"
version = release = autograd_engine.__version__

# The repository is the source, so that a relative link leads to the same page on GitHub and on the site.
root_doc = "docs/README"
include_patterns = ["README.md", "docs/*.md", "docs/reference/*.md", "notebooks/*.ipynb", "CHANGELOG.md"]
exclude_patterns = ["build", ".*", "*.egg-info", "tests", "autograd_engine", "nn"]
extensions = [
    "myst_nb",
    "sphinx.ext.linkcode",
    "sphinx_copybutton",
    "pages.contents",
    "pages.mathml",
    "pages.reference",
    "pages.accuracy",
    "pages.gallery",
    "pages.sources",
    "pages.links",
]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
smartquotes = False  # f' is a derivative, and -- begins an option
nb_merge_streams = True  # what a cell prints is stored in as many pieces as it happened to arrive in
nb_execution_mode = "off"  # the tests hold the stored outputs to what the cells show
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
add_module_names = False
python_maximum_signature_line_length = 100
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = "autograd-engine"
html_static_path = [str(HERE / "static")]
html_css_files = ["site.css"]
html_js_files = ["from_disk.js"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sphinx = False
templates_path = [str(HERE / "templates")]
html_additional_pages = {"index": "start.html"}
