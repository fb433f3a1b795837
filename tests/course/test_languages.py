"""Other languages: what must be the same is, what is old is named, both books are built."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from books import Site, broken
from small import Mini

from course.book import playing
from course.book.build import build
from course.languages import cards, mistakes, parity
from course.languages.sections import sections, stamped
from course.languages.usage import mainland
from course.paths import Project
from course.registry import Registry

ENGLISH = """# Rows

Where [from](#a-softmax)? See `nn.softmax`, $x_i$ and

$$y = e^x \\qquad \\text{for each } x$$

## A softmax

```python
# not a heading
print(1)
```

```output
1
```

![a picture](figures/one.svg)

### Exercise 1.1: A softmax that cannot overflow

Write it.

### Exercise 1.2: Picking from a softmax

Use it.

### Exercise 1.3: A counter of rows

Count.
"""
CHINESE = """# 列

從[哪裡](#a-softmax)來？請看 $x_i$、`nn.softmax` 與

$$y = e^x \\qquad \\text{對每個 } x$$

## 一個 softmax

```python
# not a heading
print(1)
```

```output
1
```

![一張圖](figures/one.svg)

### 練習 1.1：不會溢位的 softmax

寫出來。

### 練習 1.2：從 softmax 中挑選

用它。

### 練習 1.3：數列

數一數。
"""
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="10pt" height="10pt"></svg>'


@pytest.fixture
def two(mini: Mini) -> Mini:
    """The small course with a lesson in two languages, stamped."""
    folder = mini.root / "exercises/ch01_rows"
    (folder / "figures").mkdir()
    (folder / "figures/one.svg").write_text(PICTURE)
    (folder / "lesson.md").write_text(ENGLISH, encoding="utf-8")
    (folder / "lesson.zh-TW.md").write_text(stamped(ENGLISH, CHINESE), encoding="utf-8")
    return mini


def test_translations_of_the_course_agree_with_it(project: Project, registry: Registry) -> None:
    """What is missing or stale is listed by `tinymlx dev translations`; it is no failure."""
    found = list[parity.Difference]()
    for path in parity.translated(project.root):
        found += parity.differences(path, path.name.split(".")[-2])
    for language in {path.name.split(".")[-2] for path in cards.translated(project)}:
        for chapter in registry.chapters:
            found += cards.differences(project, chapter, language)
            found += mistakes.differences(project, registry, chapter, language)
    assert [d for d in found if d.is_broken] == []


def test_a_page_is_cut_at_its_headings() -> None:
    found = sections(ENGLISH)
    assert [(s.level, s.title) for s in found][:3] == [
        (1, "Rows"),
        (2, "A softmax"),
        (3, "Exercise 1.1: A softmax that cannot overflow"),
    ]
    assert len(found) == 5 and "# not a heading" in found[1].text
    again = sections(stamped(ENGLISH, CHINESE))
    assert [s.of for s in again] == [s.hash for s in found]
    assert stamped(ENGLISH, stamped(ENGLISH, CHINESE)) == stamped(ENGLISH, CHINESE)


@pytest.mark.parametrize(
    "old, new, kind",
    [
        ("print(1)", "print(2)", "code blocks"),
        ("# not a heading", "# 不是標題", "code blocks"),
        ("$x_i$", "$x_j$", "formulas"),
        ("(#a-softmax)", "(#softmax)", "links and figures"),
        ("one.svg", "two.svg", "links and figures"),
        ("`nn.softmax`", "`softmax`", "names in code"),
        ("練習 1.2", "練習 1.3", "exercise"),
        ("### 練習 1.3", "#### 練習 1.3", "headings"),
        ("\n### 練習 1.3：數列\n", "\n", "headings"),
    ],
)
def test_what_differs_is_found(two: Mini, old: str, new: str, kind: str) -> None:
    path = two.root / "exercises/ch01_rows/lesson.zh-TW.md"
    assert list(parity.differences(path, "zh-TW")) == []
    path.write_text(path.read_text("utf-8").replace(old, new, 1), encoding="utf-8")
    assert kind in {d.kind for d in parity.differences(path, "zh-TW") if d.is_broken}


def test_what_is_old_is_named_and_stamped_again(two: Mini) -> None:
    folder = two.root / "exercises/ch01_rows"
    lesson, other = folder / "lesson.md", folder / "lesson.zh-TW.md"
    lesson.write_text(lesson.read_text("utf-8").replace("Use it.", "Use it well."), "utf-8")
    (found,) = parity.differences(other, "zh-TW")
    assert found.kind == "stale" and "Picking from a softmax" in found.sentence
    said = two.tinymlx("dev", "translations")
    assert said.returncode == 0 and "0 differences, 1 sections" in said.stdout
    assert two.tinymlx("dev", "translations", "--stamp", str(other)).returncode == 0
    assert list(parity.differences(other, "zh-TW")) == []
    refused = two.tinymlx("dev", "translations", "--stamp", str(lesson))
    assert refused.returncode == 2 and "is no translation" in refused.stderr


def test_a_stamp_leaves_code_as_it_is() -> None:
    page = "# One\n\n```python\nx = 1\n\n\n# two lines above\n```\n\n## Two\n\n## Three\n\nText.\n"
    made = stamped(page, page)
    assert "x = 1\n\n\n# two" in made and "-->\n\n## Three" in made
    assert stamped(page, made) == made


def test_cards_in_another_language(two: Mini) -> None:
    chapter = two.registry.chapters[0]
    path = cards.path_of(two.project, chapter, "zh-TW")
    first = chapter.exercises[0]
    path.write_text(
        f'[chapter]\ntitle = "列"\nsummary = "..."\nof = "{cards.chapter_hash(chapter)}"\n'
        f'[[exercise]]\nid = "1.1"\ntitle = "不會溢位的 softmax"\nof = "{cards.card_hash(first)}"\n'
        'hints = ["exp(1000) 是多少？", "減去最大值。", "e = exp(x - max(x))"]\n'
        '[[exercise]]\nid = "1.9"\ntitle = "沒有這題"\nhints = ["", "", ""]\n',
        encoding="utf-8",
    )
    shown = cards.in_language(two.project, two.registry, "zh-TW")
    assert (
        shown["1.1"].title == "不會溢位的 softmax"
        and shown["1.2"].title == "Picking from a softmax"
    )
    assert shown.chapters[0].title == "列"
    assert shown["1.1"].anchor == two.registry["1.1"].anchor
    kinds = [(d.kind, d.is_broken) for d in cards.differences(two.project, chapter, "zh-TW")]
    assert kinds == [("missing", False), ("missing", False), ("card", True)]


def test_cards_are_stamped_again(two: Mini) -> None:
    chapter = two.registry.chapters[0]
    path = cards.path_of(two.project, chapter, "zh-TW")
    hints = 'hints = ["一", "二", "三"]'
    tables = [f'[[exercise]]\nid = "{e.id}"\nof = "0"\n{hints}\n' for e in chapter.exercises]
    path.write_text('[chapter]\ntitle = "列"\n' + "\n".join(tables), encoding="utf-8")
    assert two.tinymlx("dev", "translations", "--stamp", str(path)).returncode == 0
    assert list(cards.differences(two.project, chapter, "zh-TW")) == []
    assert path.read_text("utf-8").count('title = "列"') == 1
    path.write_text(path.read_text("utf-8").replace('id = "1.1"', 'id = "1.9"'), "utf-8")
    refused = two.tinymlx("dev", "translations", "--stamp", str(path))
    assert refused.returncode == 2 and "1.9 is no exercise" in refused.stderr


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("這個算法處理數據", ["演算法", "資料"]),
        ("演算法在記憶體裡推導出變異數", []),
        ("迴歸不會回歸到原點，方差卻會", ["變異數"]),
        ("调用函数", ["正體字"]),
        ("运行", ["正體字"]),
    ],
)
def test_words_of_another_usage(text: str, found: list[str]) -> None:
    """Named, and good words that look alike are left alone."""
    assert sorted({good for _, good in mainland(text)}) == sorted(found)


def test_emphasis_that_does_not_end(two: Mini) -> None:
    path = two.root / "exercises/ch01_rows/lesson.zh-TW.md"
    text = path.read_text("utf-8")
    for wrong, kinds in (("**重點。**然後", {"emphasis"}), ("**重點**。然後", set())):
        path.write_text(text.replace("\n\n", f"\n\n{wrong}\n\n", 1), encoding="utf-8")
        assert {d.kind for d in parity.differences(path, "zh-TW") if d.is_broken} == kinds


def test_figures_that_move_have_words_in_every_language() -> None:
    """Each sentence and label of the scripts, and the picture's and the caption's words."""
    for language in ("zh-TW",):
        table, english = playing.say(language), playing.figures()
        for mine, other in zip(english, playing.figures(language)):
            assert mine["name"] == other["name"] and mine["caption"] != other["caption"]
            assert mine["alt"] != other["alt"]
        spoken = set()
        for path in playing.STILLS.glob("*.js"):
            text = re.sub(r"^\s*//.*$", "", path.read_text("utf-8"), flags=re.M)
            plain = re.findall(r'\bt\("((?:[^"\\]|\\.)*)"\)', text)
            plain += re.findall(r'\b(?:slider|choice|field|check)\("([^"]+)"', text)
            spoken |= set(plain)
        assert spoken - set(table) <= {"name"}, spoken - set(table)
        for key, said in table.items():
            assert key.count("{}") == len(re.findall(r"\{\d*\}", said)), key


def test_both_books_are_built_with_the_same_addresses(two: Mini, tmp_path: Path) -> None:
    """Anchors are English in both; each page leads to the other; headings and words are Chinese."""
    assert build(two.project, two.registry, tmp_path) == []
    ids = []
    for language in ("en", "zh-TW"):
        site = Site(tmp_path / language, [])
        # The link to the other language leads out of the site, to a page that is there.
        out = [
            line
            for line in broken(site)
            if f"../{'zh-TW' if language == 'en' else 'en'}/" not in line
        ]
        assert out == []
        page = site.root / "exercises/ch01_rows/lesson.html"
        text = page.read_text("utf-8")
        ids.append(re.findall(r'<section id="([^"]+)"', text))
        (address,) = re.findall(r'<link rel="alternate" hreflang="[^"]+" href="([^"]+)"', text)
        assert (page.parent / address).resolve().is_file()
        assert f'<html lang="{language}">' in text and text.count('<aside class="card"') == 3
    assert ids[0] == ids[1] and "a-softmax" in ids[0]
    chinese = (tmp_path / "zh-TW/exercises/ch01_rows/lesson.html").read_text("utf-8")
    assert "提示 1：一個問題" in chinese and "不會溢位的 softmax" in chinese


def test_commands_speak_the_readers_language(two: Mini) -> None:
    """Lessons without what they record of the English one; English where nothing is translated."""
    for variables, expected in (
        ({"TINYMLX_LANG": "zh-TW"}, "練習 1.2"),
        ({"TINYMLX_LANG": "", "LC_ALL": "zh_TW.UTF-8"}, "練習 1.2"),
        ({"TINYMLX_LANG": "fr", "LC_ALL": "zh_TW.UTF-8"}, "Exercise 1.2"),
    ):
        told = two.tinymlx("lesson", "1.2", **variables).stdout
        assert expected in told and "<!--" not in told
    assert "提示 1" in two.tinymlx("hint", "1.1", TINYMLX_LANG="zh-TW").stdout
