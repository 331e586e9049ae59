"""Normalisers of file formats, one format a file."""
