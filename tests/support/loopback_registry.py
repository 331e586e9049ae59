"""The real registry of the distribution project, on loopback, for as long as a test needs it."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)


@dataclass
class LoopbackRegistry:
    """A running registry; `address` is its host and port."""

    address: str
    folder: Path
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, folder: Path) -> LoopbackRegistry:
        folder.mkdir(parents=True)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        (folder / "config.yml").write_text(
            "version: 0.1\n"
            f"storage: {{filesystem: {{rootdirectory: {folder}/data}},"
            " delete: {enabled: true}}\n"
            f"http: {{addr: '{address}'}}\n"
        )
        with open(folder / "log", "wb") as log:
            process = subprocess.Popen(
                ["docker-registry", "serve", folder / "config.yml"], stdout=log, stderr=log
            )
        host, _, port = address.partition(":")
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection((host, int(port)), 1).close()
                return cls(address, folder, process)
            except OSError:
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, "the registry does not start"
                time.sleep(0.05)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)

    def add(self, source: str, name: str, *options: str) -> str:
        """Copy what skopeo calls `source` to `name`; gives the reference with this address."""
        reference = f"{self.address}/{name}"
        command = ["skopeo", "copy", "--quiet", "--dest-tls-verify=false", *options]
        done = subprocess.run(
            [*command, source, f"docker://{reference}"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return reference

    def manifest(self, name: str, reference: str) -> bytes:
        """Give the bytes served for a tag or digest of the repository `name`."""
        request = urllib.request.Request(
            f"http://{self.address}/v2/{name}/manifests/{reference}",
            headers={"Accept": ", ".join(_MANIFESTS)},
        )
        with urllib.request.urlopen(request, timeout=20) as response:
            return bytes(response.read())

    def blob(self, name: str, digest: str) -> bytes:
        url = f"http://{self.address}/v2/{name}/blobs/{digest}"
        with urllib.request.urlopen(url, timeout=20) as response:
            return bytes(response.read())

    def delete(self, name: str, digest: str) -> None:
        """Take a manifest out of a repository."""
        request = urllib.request.Request(
            f"http://{self.address}/v2/{name}/manifests/{digest}", method="DELETE"
        )
        urllib.request.urlopen(request, timeout=20).close()

    def layers(self, name: str, reference: str) -> list[str]:
        """Give the digests of the layers of an image, as they are served."""
        document = json.loads(self.manifest(name, reference))
        return [layer["digest"] for layer in document["layers"]]

    def uploads(self) -> int:
        """Count the blobs that were really sent, from the registry's own log."""
        return (self.folder / "log").read_text().count("blob upload")
