"""Removing what RUN steps leave behind and no program needs; docs/normalisers.md lists it all."""
