"""The page of ``tinymlx compare`` in a real browser: sort, filter, open a pair."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from browsers import WIDTHS, heights, overflowing, resize, start
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from small import Mini

from course.compare.collect import Row
from course.compare.page import page

EVIL = "</script><script>document.title = 'broken'</script><!--"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    driver = start(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()


def passed(name: str, error: float, speed: float, **more: object) -> Row:
    row = Row(name, "passed", 3, 3, 2, 2, error, 0.0, speed, speed / 2, 2 * speed, 24, 0.001, 1.0)
    return replace(row, complexity=2, **more)


def rows(count: int = 6) -> list[Row]:
    made = [
        passed("ada", 0.1, 1.0, lines=3, operations=["exp", "sum"], text="a\nb\nc"),
        Row(
            "bob",
            "failed",
            1,
            3,
            forward_error=9e17,
            misconceptions=["You forgot the softmax."],
            text="a\nx\nc",
        ),
        Row(f"eve {EVIL}", "to do", text=f"x = '{EVIL}'", notes=[EVIL]),
    ]
    made += [
        passed(f"s{i:03d}", i / 100, 1 + i / 50, lines=i % 9, text="y = 1")
        for i in range(count - len(made))
    ]
    return made


def open_page(browser: webdriver.Chrome, mini: Mini, made: list[Row]) -> None:
    path = mini.root / "compare.html"
    path.write_text(page(mini.registry["1.2"], made), encoding="utf-8")
    browser.get(path.as_uri())


def names(browser: webdriver.Chrome) -> list[str]:
    cells = browser.find_elements(By.CSS_SELECTOR, "#rows tbody tr td.name")
    return [cell.text for cell in cells]


def test_sort_filter_and_open_a_pair(browser: webdriver.Chrome, mini: Mini) -> None:
    open_page(browser, mini, rows())
    assert names(browser)[:2] == ["ada", "bob"] and len(names(browser)) == 6
    browser.find_element(By.CSS_SELECTOR, "button[data-key=forward_error]").click()
    assert names(browser)[:3] == ["s000", "s001", "s002"]
    browser.find_element(By.CSS_SELECTOR, "button[data-key=forward_error]").click()
    assert names(browser)[0] == "bob"
    box = browser.find_element(By.ID, "filter")
    box.send_keys("softmax")
    assert names(browser) == ["bob"]
    assert browser.find_element(By.ID, "count").text == "1 of 6"
    box.send_keys(Keys.CONTROL, "a")
    box.send_keys(Keys.BACKSPACE)
    for wanted in ("ada", "bob"):
        cells = browser.find_elements(By.CSS_SELECTOR, "#rows tbody tr td.name")
        next(cell for cell in cells if cell.text == wanted).click()
    titles = [h.text for h in browser.find_elements(By.CSS_SELECTOR, "#pair h2")]
    assert titles == ["ada: passed", "bob: failed"]
    marked = [s.text for s in browser.find_elements(By.CSS_SELECTOR, "#pair span.other")]
    assert marked == ["b", "x"]
    browser.find_element(By.ID, "clear").click()
    assert not browser.find_elements(By.CSS_SELECTOR, "#pair h2")


def test_names_and_code_cannot_act(browser: webdriver.Chrome, mini: Mini) -> None:
    open_page(browser, mini, rows())
    assert browser.title == "1.2 Picking from a softmax"
    assert any(name.startswith("eve </script>") for name in names(browser))
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_sticks_out_and_rows_are_of_one_height(
    browser: webdriver.Chrome, mini: Mini, width: str
) -> None:
    words = "A long sentence about what went wrong, with `names` and figures in it. " * 6
    text = "\n".join(f"y{i} = {i}  # {'a long line ' * 30}" for i in range(200))
    more = [
        passed("n" * 200, 1e17, 1e9, notes=[words], text=text),
        Row("a name of many words " * 9, "wrong when timed", 3, 3, 0, 2, misconceptions=[words]),
        Row("i" * 90, "failed", notes=["x" * 400], like_others=[("o" * 90, 0.9)] * 9, text=text),
    ]
    resize(browser, *WIDTHS[width])
    open_page(browser, mini, [*more, *rows(12)])
    assert overflowing(browser) == []
    assert len(set(heights(browser, "#rows tbody tr"))) == 1
    seen = {c.text for c in browser.find_elements(By.CSS_SELECTOR, "#rows th") if c.is_displayed()}
    assert {"name", "verdict", "points", "time"} <= seen
    assert ("memory" in seen) == (width == "wide")
    for number in (0, 2):
        browser.find_elements(By.CSS_SELECTOR, "td.open button")[number].click()
        browser.find_elements(By.CSS_SELECTOR, "tr.row td.verdict")[number].click()
    assert len(set(heights(browser, "tr.row"))) == 1
    folds = browser.find_elements(By.CSS_SELECTOR, "details")
    assert len(folds) == 4 and not any(fold.get_attribute("open") for fold in folds)
    assert [f.find_element(By.TAG_NAME, "summary").text for f in folds] == ["200 lines of text"] * 4
    browser.execute_script("for (const d of document.querySelectorAll('details')) d.open = true")
    assert overflowing(browser) == []
    assert words.strip() in browser.find_element(By.CSS_SELECTOR, "tr.fold").text


def test_a_bar_has_a_colour_only_beyond_chance(browser: webdriver.Chrome, mini: Mini) -> None:
    made = [
        passed("solutions", 0.0, 1.0),  # 0.5 to 2
        passed("noise", 0.0, 2.5),  # 1.25 to 5
        passed("slow", 0.0, 5.0),  # 2.5 to 10
        passed("fast", 0.0, 0.2),  # 0.1 to 0.4
    ]
    open_page(browser, mini, made)
    bars = browser.find_elements(By.CSS_SELECTOR, ".bar i")
    assert [bar.get_attribute("class") for bar in bars] == ["", "", "slow", "fast"]
    assert [s.text for s in browser.find_elements(By.CSS_SELECTOR, ".spread")][2] == "2.50 to 10.0"


def test_two_hundred_rows_open_at_once(browser: webdriver.Chrome, mini: Mini) -> None:
    started = time.monotonic()
    open_page(browser, mini, rows(200))
    assert len(names(browser)) == 200
    loaded = browser.execute_script(
        "const t = performance.getEntriesByType('navigation')[0];return t.domComplete - t.startTime"
    )
    assert loaded < 1000 and time.monotonic() - started < 20


def test_the_page_of_a_real_comparison(
    browser: webdriver.Chrome, mini: Mini, tmp_path: Path
) -> None:
    for name, body in (("ada", "rows.softmax(x)[index]"), ("bob", "x[index]")):
        shutil.copytree(mini.root / "solutions/tinymlx", tmp_path / "class" / name / "tinymlx")
        path = tmp_path / "class" / name / "tinymlx/rows/softmax.py"
        text = path.read_text().replace("return rows.softmax(x)[index]", f"return {body}")
        path.write_text(text)
    result = mini.tinymlx("compare", "1.2", str(tmp_path / "class"), "--html", "page.html")
    assert result.returncode == 0, result.stderr
    assert "You forgot the softmax." in result.stdout
    browser.get((mini.root / "page.html").as_uri())
    assert set(names(browser)) == {"ada", "bob", "solutions"}
    assert browser.get_log("browser") == []
