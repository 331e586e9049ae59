"""What several processes, and their deaths, do to one store."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from samebit.errors import MachineError
from samebit.model.digest import Digest
from samebit.store.store import Store

SOURCE = Path(__file__).parents[3] / "src"


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        stdout=subprocess.PIPE,
        text=True,
    )


TAGGER = """
import sys
from pathlib import Path
from samebit.model.descriptor import Descriptor
from samebit.store.store import Store
store = Store(Path(sys.argv[1]))
for number in range(30):
    name = f"{sys.argv[2]}-{number}"
    store.tag(name, Descriptor("x", store.put(name.encode()), len(name)))
"""


def test_processes_tagging_at_once_lose_nothing(tmp_path: Path) -> None:
    running = [start(TAGGER, tmp_path, who) for who in ("a", "b", "c")]
    for process in running:
        process.communicate(timeout=60)
        assert process.returncode == 0
    store = Store(tmp_path)
    assert len(store.tags()) == 90
    assert store.corrupt() == []


WRITER = """
import sys
from pathlib import Path
from samebit.store.store import Store
store = Store(Path(sys.argv[1]))
with store.writer() as writer, store.temporary_directory() as directory:
    (directory / "file").write_bytes(b"x")
    writer.write(b"half")
    print("ready", flush=True)
    sys.stdin.read()
    import time
    time.sleep(60)
"""


def test_killed_writer_leaves_only_what_the_next_start_cleans(tmp_path: Path) -> None:
    store = Store(tmp_path)
    kept = store.put(b"kept")
    process = start(WRITER, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    Store(tmp_path)
    assert len(os.listdir(tmp_path / "tmp")) == 2, "the files of a living writer were deleted"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert Store(tmp_path).read(kept) == b"kept"
    assert os.listdir(tmp_path / "tmp") == []
    assert os.listdir(tmp_path / "blobs" / "sha256") == [kept.hex]


CHURN = """
import os, sys
from pathlib import Path
from samebit.model.descriptor import Descriptor
from samebit.store.store import Store
store = Store(Path(sys.argv[1]))
print("ready", flush=True)
number = 0
while True:
    data = os.urandom(200_000)
    store.tag(f"n{number % 5}", Descriptor("x", store.put(data), len(data)))
    store.set_record("memo", f"k{number % 5}", data)
    number += 1
"""


def test_killed_at_any_moment_the_store_stays_whole(tmp_path: Path) -> None:
    for moment in range(12):
        process = start(CHURN, tmp_path)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.013 * moment)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        store = Store(tmp_path)
        assert os.listdir(tmp_path / "tmp") == []
        assert store.corrupt() == []
        for descriptor in store.tags().values():
            assert store.size(descriptor.digest) == descriptor.size
        for key in range(5):
            value = store.record("memo", f"k{key}")
            assert value is None or len(value) == 200_000


def test_threads_exclude_each_other(tmp_path: Path) -> None:
    store = Store(tmp_path)
    inside: list[int] = []
    worst: list[int] = []

    def work() -> None:
        with store.exclusive("some/name"):
            inside.append(1)
            worst.append(len(inside))
            time.sleep(0.01)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert worst == [1] * 5


def _same_blob(root: str) -> str:
    return Store(Path(root)).put(b"same" * 100_000).hex


def test_processes_adding_the_same_blob(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found = set(pool.map(_same_blob, [str(tmp_path)] * 8))
    assert found == {Digest.of(b"same" * 100_000).hex}
    assert Store(tmp_path).corrupt() == []


FULL = """
import os, sys
from pathlib import Path
from samebit.errors import MachineError
from samebit.model.descriptor import Descriptor
from samebit.store.store import Store
store = Store(Path(sys.argv[1]))
kept = store.put(b"kept")
store.tag("kept", Descriptor("x", kept, 4))
attempts = {
    "writer": lambda: store.put(os.urandom(4 << 20)),
    "record": lambda: store.set_record("memo", "k", os.urandom(4 << 20)),
    "tag": lambda: [store.tag("n" * 4000 + str(n), Descriptor("x", kept, 4)) for n in range(999)],
}
for name, attempt in attempts.items():
    try:
        attempt()
    except MachineError as error:
        assert "No space left" in error.what and error.fix, error
        print(name)
assert os.listdir(store.root / "tmp") == []
assert store.read(kept) == b"kept" and store.resolve("kept") and store.corrupt() == []
assert store.record("memo", "k") is None
"""


@pytest.mark.e2e
def test_full_disk_is_a_clear_error_and_leaves_the_store_whole(tmp_path: Path) -> None:
    mount = 'mount -t tmpfs -o size=1m samebit-test "$1" || exit 77; exec "$2" -c "$3" "$1"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mount, "sh", tmp_path, sys.executable, FULL],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("cannot mount a small file system here")
    assert (done.returncode, done.stdout) == (0, "writer\nrecord\ntag\n"), done.stderr


def test_a_file_where_the_store_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(MachineError, match="cannot open the store"):
        Store(tmp_path / "file")


def test_reading_creates_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    assert store.resolve("x") is None
    assert store.record("memo", "x") is None
    store.untag("x")
    assert store.tags() == {}
    assert sorted(p.name for p in tmp_path.rglob("*")) == before
