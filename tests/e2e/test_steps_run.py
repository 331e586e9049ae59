"""RUN itself: its forms, heredocs, SHELL, USER, WORKDIR, VOLUME, and files of every kind."""

from __future__ import annotations

import pytest
from step_builds import Item, Steps, busybox_items, directory, write_image

pytestmark = pytest.mark.e2e


def test_shell_and_exec_forms(steps: Steps) -> None:
    steps.write({"own": "#!/bin/sh\necho ran > $1\n", "script": "#!/bin/sh\necho $0 > /relative\n"})
    (steps.context / "own").chmod(0o755)
    (steps.context / "script").chmod(0o755)
    built = steps.build(
        "FROM base\nARG WHO=arg\nENV PATH=/bin:/opt/own WORD=env\n"
        "COPY own /opt/own/\n"
        # Found in the PATH of the Dockerfile, not in the engine's.
        'RUN ["own", "/exec"]\n'
        'RUN ["sh", "-c", "echo \\"$0 $WHO $WORD \\u00e9 $1\\" > /quoted", "a b", "$WORD"]\n'
        "RUN echo one \\\n  # a comment inside\n\n  two ${WORD} \\\n  '$WORD' > /joined\n"
        "RUN echo \"tab\there\" 'it''s' \\$WORD `echo back` $(echo paren) > /special\n"
        "RUN [ -f /joined ] && echo [1] > /test\n"
        'SHELL ["/bin/sh", "-eux", "-c"]\n'
        "RUN case $- in *u*) echo strict > /strict;; esac\n"
        "CMD echo $WORD\n"
        "WORKDIR /dir\nCOPY script .\n"
        'RUN ["./script"]\n',
        same_on_vfs=True,
    )
    assert built.text("exec") == "ran\n"
    assert built.text("quoted") == "a b arg env é $WORD\n"
    assert built.text("joined") == "one two env $WORD\n"
    assert built.text("special") == "tab\there its $WORD back paren\n"
    assert built.text("test") == "[1]\n"
    assert built.text("strict") == "strict\n"
    assert built.text("relative") == "./script\n"
    assert built.config["config"]["Cmd"] == ["/bin/sh", "-eux", "-c", "echo $WORD"]


def test_heredocs(steps: Steps) -> None:
    built = steps.build(
        "FROM base\nARG A=arg\n"
        "RUN <<EOF\necho $A > /plain\nA=changed\necho $A >> /plain\nEOF\n"
        "RUN <<'EOF'\necho '$A' \"$A\" > /quoted\nEOF\n"
        "RUN <<-EOF\n\techo tabs > /tabs\n\tEOF\n"
        "RUN <<SCRIPT\n#!/bin/cat\nthis $A is shown\nSCRIPT\n"
        "RUN <<SCRIPT\n#!/bin/sh\necho $0 $# > /shebang; stat -c %a $0 >> /shebang\nSCRIPT\n"
        "RUN cat <<ONE > /one && cat <<'TWO' > /two\nfirst $A\nONE\nsecond $A\nTWO\n"
        "RUN sh <<EOF\necho piped > /piped\nEOF\n"
        "COPY <<one.txt <<'two.txt' /copied/\nexpanded $A ${A:+plus}\none.txt\nkept $A\ntwo.txt\n"
        "COPY --chmod=600 --chown=5:6 <<-EOF /new/name\n\tno tab\n\t\n\tEOF\n"
        'ADD <<EOF /added\n"quotes" \\$A \\ $UNSET.\nEOF\n',
        same_on_vfs=True,
    )
    text = built.text
    assert text("plain") == "arg\nchanged\n"
    assert text("quoted") == "$A arg\n"
    assert text("tabs") == "tabs\n"
    assert "this $A is shown" in built.stderr
    assert text("shebang") == "/dev/pipes/SCRIPT 0\n755\n"
    assert (text("one"), text("two")) == ("first arg\n", "second $A\n")
    assert text("piped") == "piped\n"
    assert (text("copied/one.txt"), text("copied/two.txt")) == ("expanded arg plus\n", "kept $A\n")
    assert built.layer["copied/one.txt"].mode == 0o644
    assert built.layer["new/name"] == Item(mode=0o600, owner=(5, 6), content=b"no tab\n\n")
    # A backslash takes itself away, as in every expanded text.
    assert text("added") == '"quotes" $A  .\n'


def test_users_by_name_and_number(steps: Steps) -> None:
    built = steps.build(
        "FROM base\n"
        "RUN chmod 777 /home\n"
        "RUN id > /home/start\n"
        "USER app\nRUN id > /home/name; id -G > /home/groups\n"
        "USER app:extra\nRUN id > /home/pair\n"
        "USER 1001\nRUN id -u > /home/known; id -g >> /home/known; id -G > /home/known-groups\n"
        "USER 77\nRUN id -u > /home/unknown; id -g >> /home/unknown\n"
        "USER 77:88\nRUN id -u > /home/both; id -g >> /home/both\n"
        "ARG WHO=app\nUSER $WHO\nRUN id -u > /home/arg\n"
        "USER root\nRUN id -u > /home/root\n"
        "USER app\n",
        same_on_vfs=True,
    )
    assert built.text("home/start").startswith("uid=0(root) gid=0(root)")
    assert built.text("home/name").startswith("uid=1001(app) gid=1002(app)")
    assert set(built.text("home/groups").split()) == {"1002", "1003"}
    assert built.text("home/pair").startswith("uid=1001(app) gid=1003(extra)")
    assert built.lines("home/known") == ["1001", "1002"]
    assert built.lines("home/unknown") == ["77", "0"]
    assert built.lines("home/both") == ["77", "88"]
    assert built.text("home/arg") == "1001\n"
    assert built.layer["home/name"].owner == (1001, 1002)
    assert built.config["config"]["User"] == "app"


def test_users_that_the_build_itself_makes(steps: Steps) -> None:
    steps.write({"f": "x"})
    built = steps.build(
        "FROM base\n"
        "RUN echo new:x:7:8::/home/new:/bin/sh >> /etc/passwd && echo mates:x:9:new >> /etc/group\n"
        "COPY --chown=new:mates f /copied\n"
        "USER new\nWORKDIR /made\nRUN id > who; echo $HOME >> who\n"
        "FROM base\nCOPY --from=0 --chown=app /made /taken\n",
        same_on_vfs=True,
    )
    assert built.layer["taken/who"].owner == (1001, 1002)
    assert built.text("taken/who") == "uid=7(new) gid=8 groups=8,9(mates)\n/home/new\n"
    first = steps.build((steps.context / "Dockerfile").read_text(), "--target=0")
    assert first.layer["copied"].owner == (7, 9)
    assert first.layer["made"].owner == (7, 8)


def test_what_no_build_may_do_is_told_with_its_line(steps: Steps) -> None:
    for flag in ("--security=insecure", "--device=vendor.example/dev=x"):
        said = steps.fails(f"FROM base\nRUN {flag} true\n", code=6)
        assert "Dockerfile:2" in said
        assert flag.partition("=")[0] in said


def test_users_on_scratch_and_unknown_ones(steps: Steps) -> None:
    built = steps.build(
        "FROM scratch\nCOPY --from=base /bin /bin\nWORKDIR /w\nRUN chmod 777 .\n"
        "USER 5:6\nRUN touch mine\n"
    )
    assert built.layer["w/mine"].owner == (5, 6)
    said = steps.fails("FROM base\nUSER nobody-here\nRUN true\n", code=3)
    assert "Dockerfile:3" in said
    assert "nobody-here" in said


def test_workdir_makes_directories_owned_by_the_user_in_force(steps: Steps) -> None:
    built = steps.build(
        "FROM base\nENV DIR=var\n"
        "WORKDIR /srv/a/b\nRUN pwd > /tmp/one\n"
        "USER app\nWORKDIR /srv/$DIR/own\nRUN pwd > /tmp/two && touch here\n"
        "WORKDIR relative/../other\nRUN pwd > /tmp/three\n"
        # One that exists is left as it is.
        "WORKDIR /root/\n"
        "USER root\nRUN ln -s /srv/a /link\nWORKDIR /link/sub\nRUN pwd -P > /tmp/four\n"
        "WORKDIR /gone\nRUN rmdir /gone\n",
        same_on_vfs=True,
    )
    assert built.text("tmp/one") == "/srv/a/b\n"
    assert built.text("tmp/two") == "/srv/var/own\n"
    assert built.text("tmp/three") == "/srv/var/own/other\n"
    assert built.text("tmp/four") == "/srv/a/sub\n"
    assert built.shape("srv") == {
        "srv": ("directory", "755", (0, 0)),
        "srv/a": ("directory", "755", (0, 0)),
        "srv/a/b": ("directory", "755", (0, 0)),
        "srv/a/sub": ("directory", "755", (0, 0)),
        "srv/var": ("directory", "755", (1001, 1002)),
        "srv/var/own": ("directory", "755", (1001, 1002)),
        "srv/var/own/here": ("file", "644", (1001, 1002)),
        "srv/var/own/other": ("directory", "755", (1001, 1002)),
    }
    assert "root" not in built.layer
    assert "gone" not in built.layer
    assert built.config["config"]["WorkingDir"] == "/gone"


def test_volume_keeps_later_changes_and_makes_no_directory(steps: Steps) -> None:
    own = write_image(
        steps.base.parent / "volume", busybox_items({"data": directory()}),
        {"Env": ["PATH=/bin"], "Volumes": {"/data": {}}},
    )  # fmt: skip
    built = steps.build(
        "FROM volume AS a\nRUN echo inherited > /data/one\n"
        'VOLUME ["/early", "/never"]\nRUN mkdir /early && echo kept > /early/file\n'
        "FROM a\nRUN echo next > /early/next\nVOLUME /late /more\n",
        f"--build-context=volume=oci-layout://{own}",
        same_on_vfs=True,
    )
    assert set(built.paths()) == {
        "data", "data/one", "early", "early/file", "early/next",
    }  # fmt: skip
    volumes = {"/data", "/early", "/never", "/late", "/more"}
    assert set(built.config["config"]["Volumes"]) == volumes


def test_files_of_every_kind(steps: Steps) -> None:
    built = steps.build(
        "FROM base\n"
        "RUN mkdir /k && cd /k && mkfifo -m 640 fifo && mknod -m 600 null c 1 3"
        " && mknod block b 7 9 && ln -s /nowhere dangling && echo one > first && ln first second"
        " && touch setuid && chmod 6755 setuid && mkdir -m 1777 sticky && mkdir -m 2750 group"
        " && chown 70000:80000 group && touch \"$(printf 'bad\\377name')\""
        " && touch \"$(printf 'line\\nbreak')\"\n"
        "RUN echo more >> /k/second\n"
        "RUN rm /bin/xargs && rm -r /home && mkdir /home && rm /bin/wc && mkdir /bin/wc\n",
        same_on_vfs=True,
    )
    assert built.shape("k/") == {
        "k/bad\udcffname": ("file", "644", (0, 0)),
        "k/block": ("block device", "644", (0, 0)),
        "k/dangling": ("symlink", "777", (0, 0)),
        "k/fifo": ("fifo", "640", (0, 0)),
        "k/first": ("file", "644", (0, 0)),
        "k/group": ("directory", "2750", (70000, 80000)),
        "k/line\nbreak": ("file", "644", (0, 0)),
        "k/null": ("character device", "600", (0, 0)),
        "k/second": ("hard link", "644", (0, 0)),
        "k/setuid": ("file", "6755", (0, 0)),
        "k/sticky": ("directory", "1777", (0, 0)),
    }
    assert built.text("k/first") == "one\nmore\n"
    assert built.layer["k/second"].link == "k/first"
    assert {path for path in built.layer if not path.startswith("k")} == {
        "bin", "bin/.wh.xargs", "bin/wc", "home", "home/.wh.app",
    }  # fmt: skip


def test_a_long_command_and_output_without_an_end(steps: Steps) -> None:
    long = "x" * 100_000
    built = steps.build(
        f"FROM base\nRUN echo {long} | wc -c > /size; printf end\n"
        f"RUN <<EOF\n: {long}\necho done > /done\nEOF\n"
    )
    assert built.text("size") == "100001\n"
    assert built.text("done") == "done\n"


def test_run_is_given_no_terminal_and_no_input(steps: Steps) -> None:
    built = steps.build(
        "FROM base\nRUN cat | wc -c > /in; test -t 0 || test -t 1 || echo no > /t\n"
    )
    assert built.text("in") == "0\n"
    assert built.text("t") == "no\n"
