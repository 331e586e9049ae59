"""Distribution client: authentication, streaming digests, push and pull."""
