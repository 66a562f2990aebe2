"""How the manual is built: `nox -s docs`."""

from __future__ import annotations

import importlib.metadata

project = "Patronage"
author = "The Patronage authors"
copyright = author
release = importlib.metadata.version("patronage")
version = release

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"Patronage {release}"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# In docstrings a single backtick is code, and a name in stars is a parameter.
default_role = "literal"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_default_options = {"members": True, "show-inheritance": True}
