"""What the tools of programming languages leave behind: caches, logs, dates in metadata."""
