"""The page of ``tinymlx compare`` in a real browser: sort, filter, open a pair."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsers import start
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


def rows(count: int = 6) -> list[Row]:
    made = [
        Row("ada", "passed", 3, 3, 0.1, 0.2, 1.0, 0.001, 1.0, 3, 1, ["exp", "sum"], text="a\nb\nc"),
        Row("bob", "failed", 1, 3, 9.0, misconceptions=["You forgot the softmax."], text="a\nx\nc"),
        Row(f"eve {EVIL}", "to do", text=f"x = '{EVIL}'", notes=[EVIL]),
    ]
    made += [
        Row(f"s{i:03d}", "passed", 3, 3, i / 100, 0.0, 1 + i / 50, 0.1, 1.0, i % 9, 2, text="y = 1")
        for i in range(count - len(made))
    ]
    return made


def open_page(browser: webdriver.Chrome, mini: Mini, made: list[Row]) -> None:
    path = mini.root / "compare.html"
    path.write_text(page(mini.registry["1.2"], made), encoding="utf-8")
    browser.get(path.as_uri())


def names(browser: webdriver.Chrome) -> list[str]:
    cells = browser.find_elements(By.CSS_SELECTOR, "#rows tbody tr td:first-child")
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
        cells = browser.find_elements(By.CSS_SELECTOR, "#rows tbody tr td:first-child")
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


def test_it_reads_on_a_phone(browser: webdriver.Chrome, mini: Mini) -> None:
    open_page(browser, mini, rows())
    browser.set_window_size(500, 800)
    width = browser.execute_script("return document.documentElement.scrollWidth")
    view = browser.execute_script("return document.documentElement.clientWidth")
    assert width <= view + 1
    browser.set_window_size(1200, 900)


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
