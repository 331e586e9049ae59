"""Content-addressed store: an OCI layout plus names and records; atomic, locked, verifiable."""
