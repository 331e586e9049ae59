"""Debian base images: packages installed by mmdebstrap, without what differs between runs."""
