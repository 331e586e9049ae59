"""Detectors of secrets and true randomness, one kind a file."""
