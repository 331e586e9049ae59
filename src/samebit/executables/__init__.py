"""Compiled executables, libraries and scripts: what they are and what their making left in them."""
