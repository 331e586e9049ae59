"""What a machine offers samebit, found out by trying: one file a kind of thing."""
