"""The page of `samebit diff --html` in a real browser: on a desk and a phone, by day and night."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import CHROMIUM, Browser, browser
from differing_images import differing_images
from samebit_command import Samebit
from verified_page import verified_page

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.prove,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
DESK, PHONE = (1280, 800), (390, 844)
# Text and the ground that it stands on, as WCAG 2.2 (1.4.3) measures them.
CONTRAST = """
(() => {
  const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const levels = (color) => {
    paint.clearRect(0, 0, 1, 1);
    paint.fillStyle = color;
    paint.fillRect(0, 0, 1, 1);
    return [...paint.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => v / 255)
      .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const found = levels(getComputedStyle(at).backgroundColor);
      if (found[3] === 255) return found;
    }
    return [255, 255, 255, 255];
  };
  const weak = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    if (element.matches("script, style")) continue;
    const [a, b] = [light(levels(getComputedStyle(element).color)), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) weak.push(ratio.toFixed(2) + " " + walker.currentNode.data.trim());
  }
  return weak;
})()
"""
FOCUS = """
(() => {
  const at = document.activeElement, style = getComputedStyle(at);
  return [at.tagName, at.id || at.name || at.className || "", parseFloat(style.outlineWidth)];
})()
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, Path]]:
    work = tmp_path_factory.mktemp("html")
    a, b = differing_images(work)
    samebit = Samebit(work / "home")
    done = samebit.run("diff", f"oci:{a}", f"oci:{b}", "--html", work / "page.html")
    assert done.returncode == 1, done.stderr
    with browser() as running:
        yield running, work / "page.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [DESK, PHONE], ids=["desk", "phone"])
def test_it_fits_and_can_be_read(
    page: tuple[Browser, Path], screen: tuple[int, int], scheme: str
) -> None:
    running, file = page
    running.open(file)
    running.look(*screen, scheme)
    running.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert running.evaluate("document.documentElement.scrollWidth") <= screen[0]
    assert running.evaluate(CONTRAST) == []
    # The page was open before the scheme changed.
    offered = "Light" if scheme == "dark" else "Dark"
    assert running.evaluate("document.getElementById('theme').textContent") == offered
    shade = running.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(shade.removeprefix("rgb(").split(",")[0]) < 128) is (scheme == "dark")
    small = running.evaluate(
        "[...document.querySelectorAll('button, input, select, summary')].filter((one) =>"
        " one.checkVisibility() && one.getBoundingClientRect().height < 24).length"
    )
    # WCAG 2.2, 2.5.8: what a finger has to hit.
    assert small == 0
    text = running.evaluate("document.body.innerText")
    for words in ("clock/text", "random/key", "path/temporary", "archive/times", "2026-05-04"):
        assert words in text


def test_a_verification_fits_and_tells_its_axes(tmp_path: Path) -> None:
    file = verified_page(tmp_path)
    with browser() as running:
        for screen in (DESK, PHONE):
            for scheme in ("light", "dark"):
                running.open(file)
                running.look(*screen, scheme)
                running.evaluate(
                    "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
                )
                assert running.evaluate("document.documentElement.scrollWidth") <= screen[0]
                assert running.evaluate(CONTRAST) == []
        text = running.evaluate("document.body.innerText")
    for words in ("Not varied", "varied-host-1", "Dockerfile:2", "copied by", "alone makes it"):
        assert words in text, words


def test_it_asks_for_nothing_and_makes_no_error(page: tuple[Browser, Path]) -> None:
    running, file = page
    running.open(file)
    running.look(*DESK, "light")
    asked = [
        event["params"]["request"]["url"]
        for event in running.events
        if event.get("method") == "Network.requestWillBeSent"
    ]
    assert asked == [file.as_uri()]
    assert not [event for event in running.events if event.get("method") == "Log.entryAdded"]
    assert not [event for event in running.events if "exceptionThrown" in event.get("method", "")]


def test_it_works_by_keyboard_alone(page: tuple[Browser, Path]) -> None:
    running, file = page
    running.open(file)
    running.look(*DESK, "light")
    visited = []
    entries = "[...document.querySelectorAll('.entry')].filter((one) => !one.hidden).length"
    everything = running.evaluate(entries)
    for _ in range(80):
        running.press("Tab")
        tag, name, outline = running.evaluate(FOCUS)
        if tag == "BODY":
            break
        assert outline >= 2, f"nobody sees that {tag} {name} has the focus"
        visited.append((tag, name))
        if name == "theme":
            running.press("Enter")
            assert running.evaluate("document.documentElement.dataset.theme") == "dark"
            running.press("Enter")
        if name == "path":
            for letter in "etc":
                running.press(letter, letter)
            assert 0 < running.evaluate(entries) < everything
            assert "shown" in running.evaluate("document.querySelector('output').textContent")
        if (
            tag == "SUMMARY"
            and running.evaluate("document.activeElement.parentElement.className") == "entry"
        ):
            running.press("Enter")
            assert running.evaluate("document.activeElement.parentElement.open") is True
            break
    assert [name for _, name in visited if name in ("theme", "path", "cause", "kind", "all")] == [
        *("theme", "path", "cause", "kind", "all")
    ]
    assert visited[-1][0] == "SUMMARY"
