"""What `samebit verify` changes between two builds of the same thing: one file an axis."""
