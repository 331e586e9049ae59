"""samebit: bit-for-bit reproducible OCI images from Dockerfiles as they are."""

__version__ = "0.1.0"
