# ruff: noqa: INP001, T201 - a script that prints
"""apt, pip and npm through the recorder and the player against the plain network.

They are this machine's own, run without an engine, each time with empty caches, in the network
that a step would have. Rounds of plain, recorded and replayed runs follow each other; what is
printed are the medians of the ratios within a round. As root, with the registries in reach.

Where nginx is installed, apt and npm also get the recorded bytes from files that it serves over
plain HTTP on loopback. Such a run is the client's own time: no player can be faster.
"""

from __future__ import annotations

import json
import os
import pickle
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote, urlsplit

from samebit.lock.fetch import LockedFetch
from samebit.store.store import Store

ROUNDS = int(os.environ.get("ROUNDS", "3"))

# The network of a build in a process of its own: it says how to enter it, and in the end what it
# has used. What is recorded is kept in the folder for a replay.
NETWORK = """
import json, os, pickle, resource, sys
from pathlib import Path
from samebit.debian.network import ArchiveNetwork, enter_network
from samebit.model.platform import Platform
from samebit.network.session import open_network
from samebit.store.store import Store
home, record = Path(sys.argv[1]), sys.argv[2] == "record"
known = home / "fetches"
fetches = () if record else pickle.loads(known.read_bytes())
store = Store(home / "store")
with store.temporary_directory() as private, open_network(
    store, fetches, Platform.native(), private, record=record, environment=os.environ
) as network:
    network.marker.write_text("0/1".ljust(32))
    authority = network.files["/dev/.samebit/ca.pem"]
    entered = ArchiveNetwork(network.namespace, network.resolver, authority, private, not record)
    variables = {}
    for name, value in network.variables.items():
        for inside, outside in network.files.items():
            value = value.replace(inside, str(outside))
        variables[name] = value
    print(json.dumps([enter_network(entered, []), variables]), flush=True)
    sys.stdin.read()
    problems, fetches = network.problems(), network.fetches()
    store.sync(fetch.digest for fetch in fetches)
known.write_bytes(pickle.dumps(fetches))
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({
    "problems": [str(p) for p in problems], "requests": len(fetches),
    "size": sum(f.size for f in fetches), "memory": used.ru_maxrss * 1024,
    "processor": used.ru_utime + used.ru_stime,
}), flush=True)
"""


NGINX = """
user root; daemon off; pid {folder}/pid; error_log stderr error; worker_processes 1;
events {{}}
http {{
    access_log off; sendfile on; keepalive_requests 100000;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    server {{ listen 127.0.0.1:{port}; root {folder}/$host; }}
}}
"""


@dataclass(frozen=True)
class Workload:
    """A shell script that downloads into its working directory, and what a replay may take.

    With `serves` it takes everything from the server on loopback at $PORT, where that is set.
    """

    program: str
    script: str
    prepare: str
    limit: float
    serves: bool = False


@dataclass(frozen=True)
class Spent:
    """What a client took, in seconds: by the clock, and of the processor."""

    wall: float
    processor: float


WORKLOADS = {
    "apt": Workload(
        "apt-get",
        """
mkdir -p lists/partial archives/partial
: > status
options="-qq -o Dir::State::lists=$PWD/lists -o Dir::State::status=$PWD/status -o Dir::Cache=$PWD
 -o APT::Sandbox::User=root -o Debug::NoLocking=1 -o APT::Update::Post-Invoke::= "
options="$options ${PORT:+-o Acquire::http::Proxy=http://127.0.0.1:$PORT}"
apt-get $options update
apt-get $options --yes --download-only --no-install-recommends install \
    build-essential default-jre-headless > log
""",
        "",
        0.8,
        serves=True,
    ),
    "pip": Workload(
        sys.executable,
        f"{sys.executable} -m pip --disable-pip-version-check --quiet download --no-cache-dir"
        " --only-binary :all: --dest got numpy==2.2.6 scipy==1.15.3 pandas==2.2.3 pyarrow==20.0.0"
        " matplotlib==3.10.3",
        "",
        0.8,
    ),
    "npm": Workload(
        "npm",
        """
cp ../package.json ../package-lock.json .
[ -z "$PORT" ] || sed -i "s,https://,http://127.0.0.1:$PORT/," package-lock.json
npm ci --ignore-scripts --no-audit --no-fund --silent
""",
        """
cat > package.json <<'END'
{"name": "own", "version": "1.0.0", "dependencies": {"express": "5.1.0", "webpack": "5.99.9",
 "webpack-dev-server": "5.2.2", "eslint": "9.28.0", "jest": "29.7.0", "mocha": "11.5.0",
 "typescript": "5.8.3", "lodash": "4.17.21", "react": "19.1.0", "prettier": "3.5.3"}}
END
npm install --package-lock-only --ignore-scripts --no-audit --no-fund --silent
rm -rf .npm
""",
        1.0,
        serves=True,
    ),
}


def main() -> None:
    """Measure, and print one line a figure. Arguments are the names of clients; none means all."""
    wanted = sys.argv[1:] or list(WORKLOADS)
    if os.geteuid() != 0:
        print("apt, pip, npm: not measured, needs root")
        return
    for name in wanted:
        workload = WORKLOADS[name]
        if shutil.which(workload.program) is None:
            print(f"{name}: not measured, there is no {workload.program}")
            continue
        with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
            _measure(name, workload, Path(folder))


def _measure(name: str, workload: Workload, folder: Path) -> None:
    if workload.prepare:
        _run(workload.prepare, folder, [], {})
    times: dict[str, list[float]] = {"plain": [], "record": [], "replay": [], "files": []}
    own: dict[str, list[float]] = {mode: [] for mode in times}
    used = {}
    for number in range(ROUNDS):
        home = folder / f"home-{number}"
        home.mkdir()
        # Each is first once, so that a machine that gets slower or faster favours none.
        order = ["plain", "record", "replay"]
        if number % 2:
            order = ["record", "replay", "plain"]
        if workload.serves and shutil.which("nginx"):
            order.append("files")
        for mode in order:
            seconds, report = _timed(workload, folder, home, mode)
            times[mode].append(seconds.wall)
            own[mode].append(seconds.processor)
            if report:
                assert not report["problems"], report["problems"]
                used[mode] = report
        shutil.rmtree(home)
    plain = statistics.median(times["plain"])
    recorded = used["record"]
    print(
        f"{name}: {recorded['requests']} requests, {recorded['size'] / 1e6:.0f} MB, plain"
        f" {plain:.1f} s ({min(times['plain']):.1f} to {max(times['plain']):.1f}),"
        f" {statistics.median(own['plain']):.1f} s of the client's CPU",
        flush=True,
    )
    for mode, limit in (("record", 1.2), ("replay", workload.limit)):
        print(
            f"{name}: {mode} {_ratio(times, mode, limit)};"
            f" {statistics.median(times[mode]):.1f} s, {used[mode]['processor']:.1f} s of CPU,"
            f" {statistics.median(own[mode]):.1f} s of the client's,"
            f" peak memory {used[mode]['memory'] / 1e6:.0f} MB",
            flush=True,
        )
    if times["files"]:
        print(
            f"{name}: from files {_ratio(times, 'files', None)};"
            f" {statistics.median(times['files']):.1f} s,"
            f" {statistics.median(own['files']):.1f} s of the client's CPU",
            flush=True,
        )


def _ratio(times: dict[str, list[float]], mode: str, limit: float | None) -> str:
    ratios = [one / other for one, other in zip(times[mode], times["plain"], strict=True)]
    ratio = statistics.median(ratios)
    said = f"{ratio:.2f} of plain ({min(ratios):.2f} to {max(ratios):.2f})"
    if limit is None:
        return said
    return f"{said}, at most {limit}: {'reached' if ratio <= limit else 'MISSED'}"


def _timed(
    workload: Workload, folder: Path, home: Path, mode: str
) -> tuple[Spent, dict[str, object]]:
    work = folder / "work"
    work.mkdir()
    try:
        if mode == "plain":
            return _run(workload.script, work, [], {}), {}
        if mode == "files":
            with _served(home, folder / "site") as port:
                return _run(workload.script, work, [], {"PORT": str(port)}), {}
        with subprocess.Popen(
            [sys.executable, "-c", NETWORK, str(home), mode],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            enter, variables = json.loads(process.stdout.readline())
            try:
                seconds = _run(workload.script, work, enter, variables)
            finally:
                told, _ = process.communicate("")
            return seconds, json.loads(told)
    finally:
        shutil.rmtree(work)


@contextmanager
def _served(home: Path, site: Path) -> Iterator[int]:
    """Serve what was recorded by nginx; gives its port."""
    site.mkdir()
    # Asked without a proxy, its own address is the host, and the folders are the hosts'.
    (site / "127.0.0.1").symlink_to(".")
    store = Store(home / "store")
    fetches: tuple[LockedFetch, ...] = pickle.loads((home / "fetches").read_bytes())  # noqa: S301
    for fetch in fetches:
        if fetch.status == HTTPStatus.OK and fetch.key.method == "GET":
            url = urlsplit(fetch.key.url)
            path = site / url.netloc / unquote(url.path).lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            with store.open_verified(fetch.digest) as source, path.open("wb") as target:
                shutil.copyfileobj(source, target)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    configuration = site / "nginx.conf"
    configuration.write_text(NGINX.format(folder=site, port=port))
    site.chmod(0o755)
    server = subprocess.Popen(["nginx", "-p", site, "-c", configuration])
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert server.poll() is None, "nginx does not start"
                time.sleep(0.05)
        yield port
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(site)


def _run(script: str, work: Path, enter: list[str], variables: dict[str, str]) -> Spent:
    environment = {n: v for n, v in os.environ.items() if n != "PIP_FIND_LINKS"}
    environment |= {"HOME": str(work), "PORT": "", **variables}
    before = _children()
    begin = time.monotonic()
    subprocess.run(
        [*enter, "sh", "-ec", script],
        cwd=work,
        env=environment,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return Spent(time.monotonic() - begin, _children() - before)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
