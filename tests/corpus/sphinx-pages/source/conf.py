"""The manual's settings."""

project = "greet"
author = "Somebody"
html_last_updated_fmt = "%Y-%m-%d %H:%M"
extensions = ["sphinx.ext.autodoc"]
man_pages = [("index", "greet", "prints a greeting", [author], 1)]
