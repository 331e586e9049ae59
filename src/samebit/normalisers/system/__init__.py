"""Normalisers of what the tools of distributions leave behind, one topic a file."""
