"""The page of a difference: everything in it, nothing from outside, nothing of others that runs."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

from sample_report import REPORT, A, B

from samebit.errors import Place
from samebit.model.image_difference import DiffReport, EntriesDifference, Grade, Side
from samebit.model.verification import (
    AsBuilt,
    BuildOutcome,
    Expectation,
    Instruction,
    PathDifference,
    UnvariedAxis,
    VariedAxis,
    Verification,
)
from samebit.report.diff_html import diff_html

NO_END = {"meta", "br", "input"}
LOADING = {"src", "srcset", "action", "data", "poster", "background"}


class Page(HTMLParser):
    """Collects what a browser would see, and fails on tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in NO_END:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in {"style", "script"}:
            self.text += data


def with_path(path: str) -> DiffReport:
    (image,) = REPORT.images
    layers = []
    for layer in image.layers:
        entries: EntriesDifference | None = layer.entries
        if entries is not None:
            changed = tuple(replace(change, path=path) for change in entries.changed)
            layers.append(replace(layer, entries=replace(entries, changed=changed)))
    return replace(REPORT, images=(replace(image, layers=tuple(layers)),))


def test_everything_is_told() -> None:
    text = Page(diff_html(REPORT)).text
    for words in (
        "Different",
        A,
        "oci:a",
        "config.Env.X",
        "/etc/f",
        "/etc/g",
        "xattr user.x",
        "only in B",
        "/new",
        "The time is in it",
        "Write another time",
        "tomorrow",
        "1 place without a known cause",
        "00000000  61 62 0a",
        "diff ID equal, blob differs",
        "gzip, 3 members",
        "And 1 more changed",
    ):
        assert words in text, words


def test_nothing_is_loaded() -> None:
    page = Page(diff_html(REPORT))
    policy = next(a["content"] for t, a in page.tags if "http-equiv" in a)
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    for tag, attributes in page.tags:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base"}
        assert not LOADING & attributes.keys()


def test_names_are_text() -> None:
    hostile = "/<script>alert(1)</script>\"onclick='x'"
    page = Page(diff_html(with_path(hostile)))
    assert hostile in page.text
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert hostile in {attributes.get("data-path") for _, attributes in page.tags}


def test_identical() -> None:
    side = Side("oci:a", A, "application/vnd.oci.image.manifest.v1+json")
    page = Page(diff_html(DiffReport(side, side, Grade.BITWISE)))
    assert "Identical, byte for byte" in page.text
    assert "Causes" not in page.text


def test_a_verification_tells_axes_lines_and_blame() -> None:
    host = VariedAxis("host-name", "varied-host-1")
    run = Instruction(Place("Dockerfile", 4), "RUN hostname > /f <&1")
    copy = Instruction(Place("Dockerfile", 9), "COPY --from=one /etc /etc")
    verification = Verification(
        digest=A,
        builds=(BuildOutcome(A, ()), BuildOutcome(B, (host,))),
        axes=(host,),
        not_varied=(UnvariedAxis("runtime", "crun is not installed"),),
        seconds_apart=70,
        as_built=AsBuilt(),
        builds_made=2,
        differences=(
            PathDifference("/etc/f", axes=("host-name",), instruction=copy, origin=run),
            PathDifference("/new", unvaried=True),
        ),
        difference_count=2,
        bisected=True,
    )
    text = Page(diff_html(REPORT, verification)).text
    for words in (
        "Different: 2 paths not the same in 2 builds",
        "varied-host-1",
        "crun is not installed",
        "Dockerfile:4\u2002RUN hostname > /f <&1",
        "copied by Dockerfile:9",
        "host-name alone makes it differ.",
    ):
        assert words in text, words
    # The digest that the store knows it by says nothing that is not there.
    assert f"A build 1 {A}" in " ".join(text.split())
    assert "Not varied" not in Page(diff_html(REPORT)).text


def test_builds_that_are_not_the_expected_image_are_its_other_side() -> None:
    """The plain build is side A when builds differ, and side B beside what was expected."""
    verification = Verification(
        digest=B,
        builds=(BuildOutcome(B, ()), BuildOutcome(B, (VariedAxis("path", "other folders"),))),
        axes=(VariedAxis("path", "other folders"),),
        not_varied=(),
        seconds_apart=70,
        as_built=AsBuilt(),
        builds_made=2,
        expectation=Expectation("oci:a", A),
    )
    page = diff_html(REPORT, verification)
    assert page.count(f'<td class="path b">{B}</td>') == 2
    assert "oci:a" in Page(page).text


def test_controls_have_names() -> None:
    """What a keyboard reaches is a link, a button, a summary or a labelled field."""
    page = Page(diff_html(REPORT))
    for tag, attributes in page.tags:
        if "tabindex" in attributes:
            assert attributes.get("aria-label")
        assert tag != "div" or "onclick" not in attributes
    assert sum(tag == "label" for tag, _ in page.tags) == sum(
        tag in {"input", "select"} for tag, _ in page.tags
    )
