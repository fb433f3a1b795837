"""The book in a real browser: as wide as a desk and as a phone, by light and in the dark."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import axe_core_python
import pytest
from books import Site, built
from browsers import WIDTHS, overflowing, resize, start
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from course.book.playing import figures
from course.cli.book import listening
from course.paths import Project
from course.registry import Registry

AXE = Path(axe_core_python.__file__).parent / "axe.min.js"
LOOKED_AT = (
    "index.html",
    "contents.html",
    "exercises/ch02_environment/lesson.html",
    "exercises/ch07_cnn/lesson.html",
    "exercises/ch17_forecasting/brief.html",
    "exercises/GLOSSARY.html",
    "appendices/a2_formulas.html",
    "appendices/a3_apple_silicon.html",
    "appendices/benchmarks.html",
    "starters/basics/regression.html",
    "INSTRUCTORS.html",
)
# A page of each kind, and none of the longest, over which axe-core takes many seconds.
LONG = ("exercises/ch07_cnn/lesson.html", "INSTRUCTORS.html", "appendices/a2_formulas.html")
JUDGED = tuple(page for page in LOOKED_AT if page not in LONG)
# Formulas are left out: each is hidden from those who listen, who get MathML instead.
JUDGE = """
const [rules, done] = arguments, asked = { resultTypes: ["violations"] };
if (rules.length) asked.runOnly = rules;
axe.run({ exclude: [[".katex"]] }, asked).then(result => done(
  result.violations.filter(v => ["serious", "critical"].includes(v.impact))
    .map(v => `${v.id}: ${v.nodes[0].html.slice(0, 200)}`)));
"""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, project: Project, registry: Registry) -> Site:
    return built(tmp_path_factory, project, registry)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    driver = start(tmp_path_factory.mktemp("profile"))
    driver.set_script_timeout(60)
    yield driver
    driver.quit()


def show(
    browser: webdriver.Chrome, address: str, width: str = "wide", scheme: str = "light"
) -> None:
    """Open a page at a width and in a colour scheme; what the last one said is forgotten."""
    resize(browser, *WIDTHS[width])
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get("about:blank")  # or an address that differs only behind its # is not loaded
    browser.get_log("browser")
    browser.get(address)


def until(browser: webdriver.Chrome, script: str, seconds: float = 20.0) -> object:
    """What a script says as soon as it says anything."""
    end = time.monotonic() + seconds
    while not (said := browser.execute_script(script)):
        assert time.monotonic() < end, script
        time.sleep(0.05)
    return said


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_pages_are_quiet_and_stay_in_the_window(
    browser: webdriver.Chrome, site: Site, width: str, scheme: str
) -> None:
    """No message, nothing that sticks out, nothing from another host, a figure for each ground."""
    for page in LOOKED_AT:
        show(browser, (site.root / page).as_uri(), width, scheme)
        assert browser.get_log("browser") == [], page
        assert overflowing(browser) == [], page
        script = "return performance.getEntriesByType('resource').map(entry => entry.name)"
        assert all(name.startswith("file://") for name in browser.execute_script(script)), page
        other = {"light": "in-dark", "dark": "in-light"}[scheme]
        hidden = f"return [...document.querySelectorAll('.{other}')].every(e => !e.offsetParent)"
        assert browser.execute_script(hidden), page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_stands_in_anybodys_way(
    browser: webdriver.Chrome, site: Site, scheme: str
) -> None:
    """Contrast, names, structure, as axe-core judges them; in the dark contrast is what changes."""
    rules = ["color-contrast"] if scheme == "dark" else []
    for page in JUDGED:
        show(browser, (site.root / page).as_uri(), "wide", scheme)
        browser.execute_script(AXE.read_text(encoding="utf-8"))
        assert browser.execute_async_script(JUDGE, rules) == [], page


def test_it_works_under_a_path_of_its_own(browser: webdriver.Chrome, site: Site) -> None:
    """A host serves it from a folder: every address is relative."""
    server = listening(site.root.parent.parent, 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        host = f"http://127.0.0.1:{server.server_address[1]}/"
        show(browser, f"{host}{site.root.parent.name}/")
        until(browser, "return location.pathname.endsWith('/en/index.html')")
        link = "[...document.links].find(link => link.textContent.trim() === 'Read chapter 1')"
        until(browser, f"return document.readyState === 'complete' && {link}")
        browser.execute_script(f"return {link}").click()
        until(browser, "return document.querySelector('aside.card')")
        script = "return performance.getEntriesByType('resource').map(entry => entry.name)"
        assert all(name.startswith(host) for name in browser.execute_script(script))
        assert browser.get_log("browser") == []
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


SEARCHED = {
    "softmax": "softmax",
    "nn.Linear": "a1_api.html#nn.Linear",
    "chain rule": "a2_formulas.html#formula-the-chain-rule",
    "Exercise 4.3": "ch04_neural_networks/lesson.html#exercise-43",
    "value_and_grad": "",
    "broadcasting": "",
    "Nesterov": "ch04",
    "perplexity": "",
    "roofline": "",
    "no-such-word-anywhere": None,
    "scaled_dot_product_attention": "",
    "mx.compile": "a1_api.html#core.compile",
}


def test_searching_finds_what_is_there(browser: webdriver.Chrome, site: Site) -> None:
    """Ten terms, by keyboard alone: an API name, a formula's name, an exercise; and one of none."""
    show(browser, (site.root / "exercises/ch01_machine_learning/lesson.html").as_uri())
    ActionChains(browser).send_keys("/").perform()
    box = browser.switch_to.active_element
    assert box.get_attribute("id") == "book--query"
    for words, where in SEARCHED.items():
        box.send_keys(Keys.CONTROL, "a")
        box.send_keys(words)
        said = str(until(browser, "return document.getElementById('book--found').textContent"))
        found = [
            link.get_attribute("href")
            for link in browser.find_elements(By.CSS_SELECTOR, "#book--results a")
        ]
        if where is None:
            assert not found and "Nothing" in said
        else:
            assert found and any(where in address for address in found[:3]), (words, found[:3])
        for address in found:
            path, _, place = address.removeprefix("file://").partition("#")
            assert place in Path(path).read_text(encoding="utf-8"), address
    box.send_keys(Keys.ENTER)
    until(browser, "return !document.getElementById('book--search').open")


#: What is done with each figure, by keyboard, and what it then says.
DRIVEN = {
    "broadcasting": ("input[type=text]", "(2, 3)", "neither is 1"),
    "graph": ("input[type=text]", "x * x", "slope is"),
    "optimizers": ("input[type=range]", Keys.END, "is lost at step"),
    "convolution": ("input[type=range]", Keys.HOME, "1 places on each side"),
    "attention": ("input[type=checkbox]", Keys.SPACE, "Each row sums to 1"),
    "schedule": ("input[type=range]", Keys.END, "Signal to noise"),
}


@pytest.mark.parametrize("figure", figures(), ids=lambda figure: figure["name"])
def test_a_figure_moves(browser: webdriver.Chrome, site: Site, figure: dict[str, str]) -> None:
    show(browser, (site.root / f"{figure['page']}.html").as_uri())
    place = f"figure.play[data-figure={figure['name']}]"
    until(browser, f"return document.querySelector('{place}').dataset.live")
    drawn = f"return document.querySelector('{place} svg').outerHTML"
    before, (control, keys, said) = browser.execute_script(drawn), DRIVEN[figure["name"]]
    control_ = browser.find_element(By.CSS_SELECTOR, f"{place} {control}")
    if control == "input[type=text]":
        control_.send_keys(Keys.CONTROL, "a")
    control_.send_keys(keys)
    assert browser.execute_script(drawn) != before
    assert said in browser.find_element(By.CSS_SELECTOR, f"{place} .said").text
    assert browser.get_log("browser") == []


def test_a_wrong_entry_is_one_sentence(browser: webdriver.Chrome, site: Site) -> None:
    show(browser, (site.root / "exercises/ch03_tensors_autodiff/lesson.html").as_uri())
    place = "figure.play[data-figure=graph]"
    box = browser.find_element(By.CSS_SELECTOR, f"{place} input[type=text]")
    for words, said in [("foo(x)", "no function foo"), ("x +", "missing at the end"), ("x )", ")")]:
        box.send_keys(Keys.CONTROL, "a")
        box.send_keys(words)
        assert said in browser.find_element(By.CSS_SELECTOR, f"{place} .said.bad").text
    assert browser.get_log("browser") == []


def test_the_menu_of_a_phone_opens_by_keyboard(browser: webdriver.Chrome, site: Site) -> None:
    show(browser, (site.root / "exercises/ch02_environment/lesson.html").as_uri(), "phone")
    menu = browser.find_element(By.CSS_SELECTOR, ".menu")
    menu.send_keys(Keys.ENTER)
    assert menu.get_attribute("aria-expanded") == "true"
    here = browser.switch_to.active_element
    assert here.get_attribute("aria-current") == "page" and here.is_displayed()
    here.send_keys(Keys.ESCAPE)
    assert menu.get_attribute("aria-expanded") == "false"


def test_chosen_colours_stay_and_hints_open(browser: webdriver.Chrome, site: Site) -> None:
    address = (site.root / "exercises/ch01_machine_learning/lesson.html").as_uri()
    show(browser, address)
    ground = "return getComputedStyle(document.body).backgroundColor"
    assert browser.execute_script(ground) == "rgb(255, 255, 255)"
    button = browser.find_element(By.ID, "book--colours")
    button.send_keys(Keys.ENTER)
    button.send_keys(Keys.ENTER)
    show(browser, address)
    assert browser.execute_script(ground) == "rgb(22, 24, 27)"
    button = browser.find_element(By.ID, "book--colours")
    button.send_keys(Keys.ENTER)
    summary = browser.find_element(By.CSS_SELECTOR, "aside.card summary")
    hint = browser.find_element(By.CSS_SELECTOR, "aside.card details p")
    assert not hint.is_displayed()
    summary.send_keys(Keys.ENTER)
    assert hint.is_displayed()


def test_a_chapter_on_paper(browser: webdriver.Chrome, site: Site) -> None:
    """Light colours, no margins of links, no hints; code whole."""
    show(browser, (site.root / "exercises/ch02_environment/lesson.html").as_uri(), scheme="dark")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    script = """
    const seen = selector => [...document.querySelectorAll(selector)].some(e => e.offsetParent);
    return [...[".pages", ".here", ".card details", ".in-dark", ".in-light"].map(seen),
      getComputedStyle(document.querySelector("pre")).whiteSpace]"""
    assert browser.execute_script(script) == [False, False, False, False, True, "pre-wrap"]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
