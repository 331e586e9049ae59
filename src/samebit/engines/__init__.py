"""Engines that execute RUN steps: the protocol, buildah and the OCI runtime shim."""
