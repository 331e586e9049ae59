"""The build context: ignore rules, private staging, git facts, fetched and selected sources."""
