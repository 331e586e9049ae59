"""Terminal, JSON and other renderings of the same report values."""
