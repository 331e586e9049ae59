"""The lock: model, reading, writing, staleness."""
