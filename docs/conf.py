"""How the documentation is built: the pages of operators and rules, and the results, are generated first."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

import generate
import measured

from fusedstep import __version__

project = "fusedstep"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "measured"]
autodoc_typehints = "none"
autodoc_member_order = "bysource"
# Else what stands before a colon under Returns: is looked for as a type.
napoleon_use_rtype = False
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"fusedstep {__version__}"
html_show_copyright = False
html_static_path = ["_static"]
html_css_files = ["tables.css"]


def write_pages(app: Any) -> None:
    """Writes what is generated, before Sphinx looks for pages."""
    generate.write(Path(app.srcdir))
    measured.write(Path(app.srcdir))


def escape(app: Any, what: str, name: str, described: Any, options: Any, lines: list[str]) -> None:
    """Makes plain sentences of the catalogue safe to be read as markup."""
    generate.escape_differences(lines)


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", escape)
