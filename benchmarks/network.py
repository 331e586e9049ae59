# ruff: noqa: INP001, T201 - a script that prints
"""The recorder and the player against the plain network, on this machine.

Everything is on loopback: a server in a process of its own, a client in the build's namespace, the
network between them in a third. Figures of one run are to be compared with each other only.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SUPPORT = Path(__file__).resolve().parents[1] / "tests" / "support"
sys.path.insert(0, str(SUPPORT))

GIGABYTE = 1 << 30
REQUESTS = 2000
SIZE = 20_000

SERVER = """
import sys
from pathlib import Path
from fake_internet import Page, fake_internet
with fake_internet(Path(sys.argv[1])) as internet:
    internet.pages["http://a.example.org/big"] = Page(size=int(sys.argv[2]))
    internet.pages["https://a.example.org/big"] = Page(size=int(sys.argv[2]))
    for number in range(int(sys.argv[3])):
        body = b"%08d" % number * (int(sys.argv[4]) // 8)
        internet.pages[f"https://a.example.org/{number}"] = Page(body)
    print(internet.address, flush=True)
    sys.stdin.read()
"""

# A client of its own process. Without a namespace it asks the server's proxy, as samebit does.
CLIENT = """
import ctypes, http.client, os, ssl, socket, sys, threading
namespace, address, trust, scheme, paths, threads = sys.argv[1:]
if namespace != "-":
    assert ctypes.CDLL(None).setns(os.open(namespace, os.O_RDONLY), 0x40000000) == 0
context = ssl.create_default_context(cafile=trust)
def connect():
    if namespace == "-":
        host, _, port = address.partition(":")
        raw = socket.create_connection((host, int(port)))
        if scheme == "https":
            raw.sendall(b"CONNECT a.example.org:443 HTTP/1.1\\r\\n\\r\\n")
            raw.recv(10000)
    else:
        raw = socket.create_connection((address, 443 if scheme == "https" else 80))
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(raw, server_hostname="a.example.org") if scheme == "https" else raw
prefix = "http://a.example.org" if namespace == "-" and scheme == "http" else ""
todo = ["big"] if paths == "big" else [str(n) for n in range(int(paths))]
lock = threading.Lock()
def work():
    connection = http.client.HTTPConnection("a.example.org")
    connection.sock = connect()
    while True:
        with lock:
            if not todo:
                return
            path = todo.pop()
        connection.request("GET", f"{prefix}/{path}")
        response = connection.getresponse()
        assert response.status == 200, response.reason
        while response.readinto(buffer := bytearray(1 << 18)):
            pass
workers = [threading.Thread(target=work) for _ in range(int(threads))]
for w in workers: w.start()
for w in workers: w.join()
"""

PROXY = """
import pickle, resource, sys
from pathlib import Path
from samebit.model.platform import Platform
from samebit.network.session import open_network
from samebit.store.store import Store
home, mode, proxy = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
known = home / "fetches"
fetches = pickle.loads(known.read_bytes()) if mode == "replay" else ()
environment = {"HTTP_PROXY": "http://" + proxy, "HTTPS_PROXY": "http://" + proxy}
store = Store(home / "store")
with store.temporary_directory() as private, open_network(
    store, fetches, Platform.native(), private, record=mode == "record", environment=environment
) as network:
    network.marker.write_text("0/1")
    trust = network.files["/dev/.samebit/ca.pem"]
    print(network.namespace, network.names.address("a.example.org"), trust, flush=True)
    sys.stdin.read()
    assert not network.problems(), network.problems()
known.write_bytes(pickle.dumps(network.fetches()))
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_maxrss * 1024, used.ru_utime + used.ru_stime, flush=True)
"""


def main() -> None:
    """Measure, and print one line a figure."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as text:
        folder = Path(text)
        server, address = _start(SERVER, folder / "internet", GIGABYTE, REQUESTS, SIZE)
        trust = folder / "internet" / "internet.pem"
        os.environ["SSL_CERT_FILE"] = str(trust)
        try:
            for scheme in ("http", "https"):
                _compare(folder, (address, trust), scheme, "big", 1)
            _compare(folder, (address, trust), "https", str(REQUESTS), 8)
        finally:
            _end(server)
    _hashing()


def _compare(folder: Path, server: tuple[str, Path], scheme: str, paths: str, threads: int) -> None:
    address, trust = server
    what = f"1 GB over {scheme}" if paths == "big" else f"{paths} requests over kept-alive TLS"
    home = folder / f"{scheme}-{paths}"
    home.mkdir()
    plain = _time(("-", address, str(trust)), scheme, paths, threads)
    print(f"{what}: plain {plain:.2f} s")
    for mode in ("record", "replay"):
        proxy, told = _start(PROXY, home, mode, address)
        namespace, name, ca = told.split()
        seconds = _time((namespace, name, ca), scheme, paths, threads)
        peak, processor = map(float, _end(proxy).split())
        rate = "" if paths == "big" else f", {int(paths) / seconds:.0f} requests/s"
        print(
            f"{what}: {mode} {seconds:.2f} s, {seconds / plain:.2f} of plain{rate},"
            f" {processor:.2f} s of processor, peak memory {peak / 1e6:.0f} MB"
        )


def _time(place: tuple[str, str, str], scheme: str, paths: str, threads: int) -> float:
    begin = time.monotonic()
    command = [sys.executable, "-c", CLIENT, *place, scheme, paths, str(threads)]
    subprocess.run(command, check=True)
    return time.monotonic() - begin


def _start(script: str, *arguments: object) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SUPPORT)},
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def _end(process: subprocess.Popen[str]) -> str:
    told, _ = process.communicate("")
    return told.strip()


def _hashing() -> None:
    data = os.urandom(1 << 26)
    begin = time.process_time()
    hashlib.sha256(data).digest()
    print(f"sha256 alone: {len(data) / (time.process_time() - begin) / 1e6:.0f} MB/s")


if __name__ == "__main__":
    main()
