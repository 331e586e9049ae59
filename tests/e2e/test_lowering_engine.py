"""Lowered Dockerfiles, built by the real engine: the trees are what docker build would give."""

import http.server
import os
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from lowering_lab import (
    BASE_IMAGE,
    BUSYBOX,
    PAYLOAD,
    Engine,
    below,
    write,
)

from samebit.errors import MachineError
from samebit.model.digest import Digest

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        not (shutil.which("buildah") and shutil.which("runc") and BUSYBOX.exists())
        or os.geteuid() != 0,
        reason="needs buildah, runc and busybox-static, as root",
    ),
]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    made = Engine(tmp_path_factory.mktemp("engine"))
    base = made.root / "base"
    (base / "bin").mkdir(parents=True)
    shutil.copy(BUSYBOX, base / "bin" / "busybox")
    for name in ("sh", "cat", "mkdir", "id", "cp", "ln", "chown", "date"):
        (base / "bin" / name).symlink_to("busybox")
    write(
        base,
        {
            "etc/passwd": "root:x:0:0::/:/bin/sh\napp:x:77:88::/:/bin/sh\n",
            "etc/group": "root:x:0:\napp:x:88:\nextra:x:99:app\n",
        },
    )
    made.build_text(base, "FROM scratch\nCOPY bin /bin\nCOPY etc /etc\n", BASE_IMAGE)
    yield made
    for directory in (made.root / "root", made.root / "run"):
        subprocess.run(["umount", "-q", directory / "overlay"], check=False)
    shutil.rmtree(made.root, ignore_errors=True)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    path = tmp_path / "context"
    path.mkdir()
    return path


def test_heredocs(engine: Engine, context: Path) -> None:
    tree = engine.build(
        r"""
FROM base
ARG WHO=world
ENV SEEN="a b"
RUN <<EOF
echo "hello $WHO" > /one
echo 'quoted $WHO' >> /one
EOF
RUN <<EOF cat > /two
$SEEN "x" \ `echo sub`
EOF
RUN <<'EOF' cat > /three && echo done >> /three
$SEEN \\ "x"
EOF
RUN <<EOF
#!/bin/busybox sh
echo "script $0 $WHO" > /script
EOF
RUN <<-A cat > /four; cat <<-B >> /four
	first
	A
	second
	B
COPY <<EOF /inline
hello $WHO \$WHO
EOF
COPY <<"EOF" /raw
$WHO \\
EOF
COPY <<one.txt <<two.txt /many/
1
one.txt
2
two.txt
COPY --chmod=+x --chown=app <<EOF /made/run.sh
#!/bin/sh
EOF
""",
        context,
    )
    assert tree["/one"].content == "hello world\nquoted $WHO\n"
    assert tree["/two"].content == 'a b "x" \\ sub\n'
    assert tree["/three"].content == '$SEEN \\\\ "x"\ndone\n'
    assert tree["/script"].content == "script /dev/pipes/EOF world\n"
    assert tree["/four"].content == "first\nsecond\n"
    assert tree["/inline"].content == "hello world $WHO\n"
    assert tree["/raw"].content == "$WHO \\\\\n"
    assert (tree["/many/one.txt"].content, tree["/many/two.txt"].content) == ("1\n", "2\n")
    assert tree["/inline"].mode == 0o644
    assert (tree["/made/run.sh"].mode, tree["/made/run.sh"].owner) == (0o755, (77, 88))
    assert "/dev/pipes" not in tree


def test_shells_and_quoting(engine: Engine, context: Path) -> None:
    write(context, {"we ird $x\"q'.txt": "weird", "ünï/cödé": "unicode", "back\\slash": "b"})
    write(context, {"arr[0].txt": "array", "-dash": "dash"})
    tree = engine.build(
        r"""
FROM base
ENV A='$HOME "x" \ y' B=ünï
RUN echo "$A|$B" > /env; echo '$A' >> /env
RUN ["/bin/sh", "-c", "echo \"$0 $1 <<EOF\" > /exec", "$A", "#x"]
SHELL ["/bin/busybox", "sh", "-ec"]
RUN false || true; \
    # a comment inside
    echo shell > /shell
COPY ["we ird \\$x\\\"q\\'.txt", "/de st/we ird \\$y.txt"]
COPY ünï/cödé /ünï/
COPY ["back\\\\slash", "/back/"]
COPY arr[[]0].txt /arr/
COPY *.txt /txt/
COPY -dash /dash
WORKDIR "/w $A/ünï q"
RUN echo here > here
USER app
RUN id -u > /dev/null && [ "$(id -u):$(id -G)" = "77:88 99" ]
WORKDIR owned
""",
        context,
    )
    assert tree["/env"].content == '$HOME "x" \\ y|ünï\n$A\n'
    assert tree["/exec"].content == "$A #x <<EOF\n"
    assert tree["/shell"].content == "shell\n"
    assert tree["/de st/we ird $y.txt"].content == "weird"
    assert tree["/ünï/cödé"].content == "unicode"
    assert tree["/back/back\\slash"].content == "b"
    assert tree["/arr/arr[0].txt"].content == "array"
    assert tree["/dash"].content == "dash"
    assert below(tree, "/txt/") == ["arr[0].txt", "we ird $x\"q'.txt"]
    workdir = '/w $HOME "x" \\ y/ünï q'
    assert tree[f"{workdir}/here"].content == "here\n"
    assert tree[f"{workdir}/owned"].owner == (77, 88)


def test_copy_flags(engine: Engine, context: Path) -> None:
    write(context, {f"src/{n}": n for n in ("a.txt", "b.png", "sub/c.txt", "sub/d.png")})
    write(context, {"run.sh": "#!/bin/sh\n", "only.json": "{}"})
    (context / "src" / "a.txt").chmod(0o755)
    tree = engine.build(
        """
FROM base
COPY --link src /link
COPY --parents ./src/./sub/*.txt src/**/*.png /parents/
COPY --exclude=*.png --exclude=sub src /exclude
COPY --chmod=u=rwX,go=rX --chown=5:6 src /symbolic/
COPY --chmod=4711 run.sh /octal
COPY --chmod=+x run.sh /plus
COPY package.json* only.json /optional/
COPY nothing* /never/
COPY src/*.txt src/s* /glob/
COPY --exclude=** src /none/
COPY . /all
""",
        context,
    )
    assert {n: e.mode for n, e in tree.items() if n.startswith("/link/")} == {
        "/link/a.txt": 0o755, "/link/b.png": 0o644, "/link/sub": 0o755,
        "/link/sub/c.txt": 0o644, "/link/sub/d.png": 0o644,
    }  # fmt: skip
    assert below(tree, "/parents/") == [
        "src", "src/b.png", "src/sub", "src/sub/d.png", "sub", "sub/c.txt",
    ]  # fmt: skip
    assert below(tree, "/exclude/") == ["a.txt"]
    assert {n: (e.mode, e.owner) for n, e in tree.items() if n.startswith("/symbolic")} == {
        "/symbolic": (0o755, (5, 6)), "/symbolic/a.txt": (0o755, (5, 6)),
        "/symbolic/b.png": (0o644, (5, 6)), "/symbolic/sub": (0o755, (5, 6)),
        "/symbolic/sub/c.txt": (0o644, (5, 6)), "/symbolic/sub/d.png": (0o644, (5, 6)),
    }  # fmt: skip
    assert tree["/octal"].mode == 0o4711
    assert tree["/plus"].mode == 0o755
    assert below(tree, "/optional/") == ["only.json"]
    assert "/never" not in tree
    assert below(tree, "/glob/") == ["a.txt", "c.txt", "d.png"]
    assert below(tree, "/none/") == []
    assert "/none" in tree
    assert below(tree, "/all/") == [
        "only.json", "run.sh", "src", "src/a.txt", "src/b.png", "src/sub", "src/sub/c.txt",
        "src/sub/d.png",
    ]  # fmt: skip


def test_the_contexts_own_ignore_files_are_not_applied_again(engine: Engine, context: Path) -> None:
    write(context, {".dockerignore": "*.log\n!keep.log\n", ".containerignore": "wanted\n"})
    write(context, {"wanted": "w", "keep.log": "k", "drop.log": "d"})
    tree = engine.build("FROM base\nCOPY . /all/\nADD . /added/\n", context)
    names = [n for n in tree if n.startswith(("/all/", "/added/"))]
    assert names == [
        f"/{directory}/{name}"
        for directory in ("added", "all")
        for name in (".containerignore", ".dockerignore", "keep.log", "wanted")
    ]


def test_links_in_the_context_stay_inside(engine: Engine, context: Path) -> None:
    write(context, {"real/file": "f"})
    (context / "absolute").symlink_to("/real")
    (context / "relative").symlink_to("real/file")
    tree = engine.build("FROM base\nCOPY absolute /a\nCOPY relative /r\nADD relative /d\n", context)
    assert tree["/a/file"].content == tree["/r"].content == tree["/d"].content == "f"
    with pytest.raises(MachineError, match="symlink"):
        engine.build("FROM base\nADD absolute /a\n", context)


class _Handler(http.server.BaseHTTPRequestHandler):
    body = PAYLOAD

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


@pytest.fixture
def server() -> Iterator[tuple[str, type[_Handler]]]:
    handler = type("Handler", (_Handler,), {})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}", handler
        running.shutdown()
        thread.join()


def test_add(
    engine: Engine, context: Path, tmp_path: Path, server: tuple[str, type[_Handler]]
) -> None:
    url, handler = server
    (tmp_path / "member").write_text("member\n")
    with tarfile.open(context / "local.tgz", "w:gz") as writer:
        writer.add(tmp_path / "member", "inner/member")
    write(context, {"dir/plain": "p"})
    shutil.copy(context / "local.tgz", context / "dir" / "nested.tgz")
    tree = engine.build(
        f"""
FROM base
ADD --checksum={Digest.of(PAYLOAD)} {url}/a/some%20file?x=1 /into/
ADD --chmod=755 --chown=app:extra {url}/tool /usr/tool
ADD local.tgz /unpacked
ADD --unpack=false local.tgz /packed/
ADD dir /dir/
""",
        context,
    )
    assert (tree["/into/some file"].content, tree["/into/some file"].mode) == ("payload\n", 0o600)
    assert (tree["/usr/tool"].mode, tree["/usr/tool"].owner) == (0o755, (77, 99))
    assert tree["/unpacked/inner/member"].content == "member\n"
    assert "/packed/local.tgz" in tree
    assert "/dir/nested.tgz" in tree
    handler.body = (context / "local.tgz").read_bytes()
    tree = engine.build(
        f"FROM base\nADD --unpack=true {url}/x.tgz /u/\nADD --unpack {url}/y /v/\n", context
    )
    assert tree["/u/inner/member"].content == tree["/v/inner/member"].content == "member\n"


def test_mounts(engine: Engine, context: Path) -> None:
    write(context, {"src/a": "from context", "lib/b": "from lib"})
    tree = engine.build(
        """
FROM base AS tool
RUN mkdir -p /out/deep && echo built > /out/deep/x
FROM base
WORKDIR /work
RUN --mount=type=bind,source=src,target=sub cat sub/a > /bound
RUN --mount=from=tool,source=/out,target=/mnt/tool cat /mnt/tool/deep/x > /staged
RUN --mount=type=cache,target=/root/c,id=../../etc,sharing=locked,uid=7 echo cached > /root/c/f
RUN --mount=type=cache,target=/other/c,id=../../etc cat /other/c/f > /cached
RUN --mount=type=tmpfs,target=/scratch,size=1m echo gone > /scratch/x
RUN --mount=type=bind,source=lib,target=/lib2,rw echo changed > /lib2/b && cat /lib2/b > /written
RUN --mount=type=bind,source=lib,target=/lib2 cat /lib2/b > /unchanged
RUN --mount=type=secret,id=none cat /run/secrets/none 2>/dev/null || echo none > /secret
RUN --mount=type=ssh echo ssh > /ssh
""",
        context,
    )
    assert tree["/bound"].content == "from context"
    assert tree["/staged"].content == "built\n"
    assert tree["/cached"].content == "cached\n"
    assert tree["/written"].content == "changed\n"
    assert tree["/unchanged"].content == "from lib"
    assert tree["/secret"].content == "none\n"
    assert "/scratch/x" not in tree
    assert "/other/c/f" not in tree


def test_selection_from_a_stage_makes_phases(engine: Engine, context: Path) -> None:
    tree = engine.build(
        r"""
FROM base AS build
RUN mkdir -p /app/bin /app/doc && echo 1 > /app/bin/tool && echo 2 > /app/doc/notes.md \
 && ln /app/bin/tool /app/bin/alias && chown 3:4 /app/bin/tool \
 && cat /proc/sys/kernel/random/uuid > /app/bin/stamp
FROM build AS again
RUN cp /app/bin/stamp /stamp2
FROM base AS final
COPY --from=build --parents /app/./**/tool /out/
COPY --from=build --exclude=**/*.md --exclude=bin/stamp /app /app
COPY --from=build --chmod=a=r,u+w /app/bin/tool /usr/local/tool
COPY --from=again /stamp2 /app/bin/stamp /stamps/
RUN --mount=type=bind,from=build,source=/app,target=/m,rw echo x > /m/new && cat /m/bin/tool > /m2
RUN --mount=type=cache,from=build,source=/app/bin,target=/c,id=c echo y > /c/extra
RUN --mount=type=cache,from=build,source=/app/bin,target=/c,id=c cat /c/extra /c/tool > /c2
""",
        context,
    )
    phases = engine.plans[-1].phases
    assert [phase.image is None for phase in phases] == [False, False, True]
    assert tree["/out/bin/tool"].owner == (3, 4)
    assert set(below(tree, "/app/")) == {"bin", "bin/tool", "bin/alias", "doc"}
    assert tree["/usr/local/tool"].mode == 0o644
    # Each stage ran once only.
    assert tree["/stamps/stamp2"].content == tree["/stamps/stamp"].content
    assert tree["/m2"].content == "1\n"
    assert tree["/c2"].content == "y\n1\n"


def test_a_script_longer_than_the_engines_line(engine: Engine, context: Path) -> None:
    lines = "\n".join(f"# {i} \\ $x {'y' * 40}" for i in range(2000))
    tree = engine.build(f"FROM base\nRUN <<EOF\n{lines}\necho end > /end\nEOF\n", context)
    assert tree["/end"].content == "end\n"


def test_workdir_alone_makes_the_directory(engine: Engine, context: Path) -> None:
    tree = engine.build("FROM base\nUSER app\nWORKDIR /only/this\n", context)
    assert tree["/only/this"].owner == (77, 88)


def test_scratch_target_and_unneeded_stages(engine: Engine, context: Path) -> None:
    write(context, {"f": "1"})
    tree = engine.build(
        "FROM base AS unused\nRUN false\nFROM base AS b\nRUN echo 2 > /two\n"
        'FROM scratch\nCOPY f /f\nCOPY --from=1 /two /\nVOLUME /f\nEXPOSE 80\nCMD ["x"]\n',
        context,
    )
    assert {n for n in tree if n in ("/f", "/two", "/bin")} == {"/f", "/two"}
