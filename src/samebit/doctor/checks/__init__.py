"""Each module has a `CHECK`, and that is all it takes."""
