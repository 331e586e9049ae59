"""The canonical form: JSON, tar header codec, compressor. Pure functions over bytes."""
