"""The compatibility report in a real browser: filters, keyboard, print, light and dark."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from smbtorture_py.report.compatibility.matrix import Rule, build
from smbtorture_py.report.compatibility.page import compatibility_page
from smbtorture_py.results.outcome import Outcome, Verdict
from tests.made_records import result, run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.full

PROGRAM = "chromium"
READABLE = 4.5
"""The contrast that normal text needs ([WCAG] 1.4.3)."""
CONTRAST = """() => {
  const luminance = (text) => {
    const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map(Number).map((one) => {
      const part = one / 255; return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (element) => { for (let one = element; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor;
      if (!/rgba\\(.*, 0\\)/.test(colour)) return colour; } return "rgb(255, 255, 255)"; };
  return [...document.querySelectorAll("td, th, p, li span, label, small")].map((one) => {
    const both = [luminance(getComputedStyle(one).color), luminance(behind(one))];
    const [light, dark] = both.sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05); }).reduce((a, b) => Math.min(a, b)); }"""


@pytest.fixture(scope="module")
def browser(need: Callable[[str], None]) -> Iterator[Browser]:
    need(PROGRAM)
    need("playwright")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=shutil.which(PROGRAM), args=["--no-sandbox", "--disable-gpu"]
        )
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rule = Rule("3.3.5.5", "MUST", "A bind is not signed.", "It is refused.", {"windows": "later"})
    before = run([result("bind.unsigned"), result("bind.other")])
    samba = run(
        [
            result("bind.unsigned", Outcome.FAIL, behaviour="samba", actual="SUCCESS", verdict=Verdict.KNOWN),
            result("bind.other"),
            result("leases.key", Outcome.FAIL, behaviour=None, actual="0x7"),
            result("leases.warned", Outcome.WARN, behaviour="other"),
            result("leases.silent", Outcome.OBSERVED, behaviour="refused"),
            result("leases.lacking", Outcome.NOT_APPLICABLE),
        ],
        plan=["leases.cut-off"],
    )
    other = run(
        [result("bind.unsigned"), result("bind.other"), result("leases.key")],
        product="reference", target="reference",
    )  # fmt: skip
    matrix = build(
        [samba, other], previous=[before], rules={"SMB2-3.3.5.5-11": rule},
        evidence=lambda _, one: f"0.000 -> NEGOTIATE for {one.key}",
    )  # fmt: skip
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(compatibility_page(matrix), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser: Browser, report: Path) -> Iterator[Callable[..., Page]]:
    pages: list[Page] = []
    wrong: list[str] = []

    def open_page(query: str = "", **options: Any) -> Page:
        page = browser.new_page(**options)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
        page.on("request", lambda asked: wrong.append(asked.url) if asked.url[:4] == "http" else None)
        page.goto(report.as_uri() + query)
        page.wait_for_selector("html[data-ready]")
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert not wrong, "errors of the page, or a request to the network"


def shown(page: Page) -> list[str]:
    return page.eval_on_selector_all(
        "tr.row", "rows => rows.filter(one => one.offsetParent).map(one => one.dataset.case)"
    )


def test_search_and_filters(opened):
    page = opened()
    everything = shown(page)
    assert len(everything) == 7
    page.keyboard.press("/")
    page.keyboard.type("0x7")
    assert shown(page) == ["leases.key"]
    assert page.text_content("#count") == "1 of 7 cases"
    page.keyboard.press("Escape")
    assert shown(page) == everything
    page.select_option("#area", "bind")
    assert shown(page) == ["bind.unsigned", "bind.other"]
    page.select_option("#area", "")
    for value, cases in (
        ("failing", ["bind.unsigned", "leases.key", "leases.cut-off"]),
        ("unexpected", ["leases.key"]),
        ("differing", ["bind.unsigned", "leases.key"]),
        ("changed", ["bind.unsigned", "leases.key", "leases.warned", "leases.silent", "leases.lacking"]),
    ):
        page.select_option("#show", value)
        assert shown(page) == cases, value
    page.uncheck("input[data-column='0']")
    page.select_option("#show", "failing")
    assert shown(page) == [], "a run that is not shown does not count"


def test_groups_by_section(opened):
    page = opened()
    page.select_option("#by", "section")
    heads = page.eval_on_selector_all(
        "tbody.group", "all => all.filter(one => !one.hidden).map(one => one.dataset.name)"
    )
    assert heads == ["3.3.5.5"]
    assert len(shown(page)) == 7
    assert "by=section" in page.url
    page.select_option("#by", "area")
    assert page.locator("tbody[data-by=area]:not([hidden])").count() == 2


def test_the_keyboard_is_enough(opened):
    page = opened()
    page.focus("td[tabindex='0']")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open] h3")
    text = page.inner_text("dialog")
    for part in (
        "bind.unsigned on samba 4.17.12",
        "It is refused.",
        "fail (known): samba",
        "smbtorture-py run",
    ):
        assert part in text
    page.click("dialog summary")
    assert "NEGOTIATE for bind.unsigned" in page.inner_text("dialog pre.transcript")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "bind.unsigned:0", "the focus comes back"


def test_a_cell_has_an_address(opened):
    page = opened("#leases.key:0")
    page.wait_for_selector("dialog[open] h3")
    assert "0x7" in page.inner_text("dialog")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_in_light_and_dark(opened, tmp_path, scheme):
    page = opened(color_scheme=scheme, viewport={"width": 1280, "height": 900})
    assert page.evaluate(CONTRAST) >= READABLE
    picture = page.screenshot(path=tmp_path / f"{scheme}.png", full_page=True)
    assert len(picture) > 10_000
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(13, 17, 23)")


def test_it_prints_without_its_controls(opened):
    page = opened()
    page.emulate_media(media="print")
    assert not page.is_visible(".controls")
    assert page.is_visible("#matrix") and page.is_visible("#legend")
    assert page.pdf()[:5] == b"%PDF-"
