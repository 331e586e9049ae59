"""Which package each file of a tree belongs to, and what kinds of files seldom serve anybody."""
