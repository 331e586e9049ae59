"""The use cases: build, lock, base, diff."""
