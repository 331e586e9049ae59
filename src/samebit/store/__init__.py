"""Content-addressed store: an OCI layout plus names and records; atomic, locked, verifiable."""

from samebit.store.home import default_home
from samebit.store.store import Store
from samebit.store.writer import BlobWriter

__all__ = ["BlobWriter", "Store", "default_home"]
