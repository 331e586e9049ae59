"""Naming the causes of differences: one file a cause below `causes`, each proved by its bytes."""
