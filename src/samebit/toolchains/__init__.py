"""What each language needs for reproducible executables: one data file a language."""
