"""What is handed in: honest forms get their points, the others end in one sentence."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import handed_in
import pytest
from handed_in import FORMS, folder, repository, tarred, tree, zipped
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small import MINI, Mini

from course.errors import CourseError
from course.gradebook.sheets import guarded
from course.grading.campaign import Campaign, Plan
from course.grading.door import haul
from course.grading.door.names import safe_name, shown
from course.grading.door.placing import Shelf
from course.grading.door.reader import read
from course.grading.door.reading import Reading, Submission, read_submission
from course.grading.door.sources import Source, find_sources, source_of
from course.grading.exports import outcome
from course.paths import Project
from course.registry import load_registry

COURSE = Project(MINI)
SHELF = Shelf(
    frozenset(("__init__.py", "rows/__init__.py", "rows/softmax.py", "rows/counter.py")),
    tuple((s.file, s.qualname) for e in load_registry(COURSE).exercises for s in e.symbols),
)


def only(base: Path) -> Submission:
    """What the single submission in ``base`` is read as."""
    (source,) = find_sources(base)
    return read_submission(source, SHELF)


# Honest forms


@pytest.mark.parametrize("name", FORMS)
def test_an_honest_form_is_read(tmp_path: Path, name: str) -> None:
    FORMS[name].make(tmp_path / "ada")
    submission = only(tmp_path)
    assert submission.student.startswith("ada") and not submission.problem, submission.problem
    wanted = {s.file for e in load_registry(COURSE).exercises for s in e.symbols
              if e.id in FORMS[name].exercises}  # fmt: skip
    assert wanted <= set(submission.files), (submission.files.keys(), submission.notes)


def test_every_honest_form_gets_its_points(mini: Mini, tmp_path: Path) -> None:
    """Forms that are read alike are graded once: the record follows from the content."""
    forms: dict[str, list[str]] = {}
    sources: dict[str, Source] = {}
    for number, (name, form) in enumerate(FORMS.items()):
        base = tmp_path / "class" / f"{number:02d}"
        base.mkdir(parents=True)
        form.make(base / f"ada{number:02d}")
        (source,) = find_sources(base)
        content = read_submission(source, SHELF).content
        forms.setdefault(content, []).append(name)
        sources.setdefault(content, source)
    plan = Plan(mini.registry.exercises, seeds=(1,), jobs=2)
    campaign = Campaign(mini.project, mini.registry, plan, mini.root / "report")
    campaign.run(list(sources.values()))
    wrong = []
    for content, names in forms.items():
        record = campaign.record(sources[content].student)
        assert record is not None and record["content"] == content
        for name in names:
            lost = [n for n in FORMS[name].exercises if outcome(record, n) != "passed"]
            lost = [n for n in lost if outcome(record, n) != "passed alone"]
            wrong += [(name, lost, record["notes"])] if lost else []
    assert not wrong
    assert len(FORMS) >= 30


def test_canvas_takes_a_students_files_apart(tmp_path: Path) -> None:
    softmax, counter = handed_in.SOFTMAX.encode(), handed_in.COUNTER.encode()
    names = {"lovelaceada_77_501_softmax.py": softmax, "lovelaceada_77_502_counter-1.py": counter}
    folder(tmp_path, {**names, "boole_LATE_78_503_hw.zip": zipped(tree())})
    ada, boole = sorted(find_sources(tmp_path), key=lambda source: -len(source.paths))
    assert (ada.student, boole.student) == ("lovelaceada_77", "boole_78")
    assert set(read_submission(ada, SHELF).files) == {"rows/softmax.py", "rows/counter.py"}
    assert "rows/softmax.py" in read_submission(boole, SHELF).files


def test_two_that_would_have_one_name_keep_their_endings(tmp_path: Path) -> None:
    folder(tmp_path / "ada", tree())
    (tmp_path / "ada.zip").write_bytes(zipped(tree()))
    (tmp_path / "bob.tar.gz").write_bytes(tarred(tree(), "w:gz"))
    assert [s.student for s in find_sources(tmp_path)] == ["ada", "ada.zip", "bob"]


def test_of_two_copies_the_more_written_counts_then_the_nearer(tmp_path: Path) -> None:
    starters = handed_in.starters
    half = {**starters("a/tinymlx/"), "a/tinymlx/rows/counter.py": handed_in.COUNTER.encode()}
    folder(tmp_path / "ada", {**half, **tree("z/deep/tinymlx/"), **starters("tinymlx/")})
    submission = only(tmp_path)
    assert submission.files["rows/softmax.py"] == handed_in.SOFTMAX
    assert any("3 copies" in n and "z/deep/tinymlx was graded" in n for n in submission.notes)
    near, far = {"b/tinymlx/rows/softmax.py": b"near = 1\n"}, {"a/a/tinymlx/rows/softmax.py": b""}
    shutil.rmtree(tmp_path / "ada")
    folder(tmp_path / "ada", {**far, **near})
    assert only(tmp_path).files == {"rows/softmax.py": "near = 1\n"}


def test_line_ends_and_characters_are_kept(tmp_path: Path) -> None:
    text = "# \u20ac\r\nx = '\x0c'\r\n"
    folder(tmp_path / "ada", {"softmax.py": b"\xef\xbb\xbf" + text.encode()})
    assert only(tmp_path).files == {"rows/softmax.py": text}


# Damaged and hostile ones

BOMB = zipped({"tinymlx/rows/softmax.py": b"#" * (64 << 20), **tree("tinymlx/")})
GZ, XZ, TAR, ZIP = tarred(tree(), "w:gz"), tarred(tree(), "w:xz"), tarred(tree()), zipped(tree())


def _file(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda base: (base / name).write_bytes(content)


def _repository(change: Callable[[Path], object]) -> Callable[[Path], object]:
    def make(base: Path) -> None:
        work = repository(base / ".work", tree())
        target = base / "eve.git"
        subprocess.run(["git", "clone", "-q", "--bare", "--no-local", work, target], check=True)
        change(target)

    return make


def _borrow(git: Path) -> None:
    (git / "objects/info").mkdir(exist_ok=True)
    (git / "objects/info/alternates").write_text(f"{git.parent}/.work/.git/objects\n")
    shutil.rmtree(git / "objects/pack")


def _linked(name: str) -> Callable[[Path], None]:
    def change(git: Path) -> None:
        path = git / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        path.symlink_to(git.parent / ".work/.git" / name)

    return change


def _elsewhere(base: Path) -> None:
    folder(base / "eve", {".git": b"gitdir: /somewhere/else\n"})


def _thin(base: Path) -> None:
    work = repository(base / ".work", tree())
    folder(work, {"more.py": b"x = 1\n"})
    for command in (("add", "."), ("commit", "-qm", "y")):
        subprocess.run([*handed_in.GIT, *command], cwd=work, check=True)
    target = base / "eve.bundle"
    subprocess.run(["git", "bundle", "create", "-q", target, "HEAD~1..HEAD"], cwd=work, check=True)


HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (_file("eve.zip", b""), "empty"),
    "no zip": (_file("eve.zip", b"no zip at all"), "damaged"),
    "zip cut": (_file("eve.zip", ZIP[:-40]), "damaged"),
    "gzip head": (_file("eve.tar.gz", b"\x1f\x8b broken"), "damaged"),
    "gzip cut": (_file("eve.tar.gz", GZ[:60]), "damaged"),
    "gzip flipped": (_file("eve.tar.gz", GZ[:40] + b"\xff\xff" + GZ[42:]), "damaged"),
    "xz cut": (_file("eve.tar.xz", XZ[:80]), "damaged"),
    "xz flipped": (_file("eve.tar.xz", XZ[:40] + b"\xff\xff\xff" + XZ[43:]), "damaged"),
    "LZMA": (_file("eve.tar.lzma", b"\x5d\0\0\x80\0" + b"\xff" * 60), "damaged"),
    "tar cut": (_file("eve.tar", TAR[:300]), "cut off|damaged"),
    "tar of noise": (_file("eve.tar", os.urandom(5000)), "damaged"),
    "7z": (_file("eve.7z", b"7z\xbc\xaf\x27\x1c\0\4"), "7-Zip archive, which cannot be read here"),
    "rar": (_file("eve.rar", b"Rar!\x1a\x07\x01\0"), "RAR archive, which cannot be read here"),
    "rar in a folder": (
        lambda base: folder(base / "eve", {"hw.rar": b"Rar!"}), "hw.rar: .rar is not readable here",
    ),
    "rar named zip": (_file("eve.zip", b"Rar!\x1a\x07\x01\0"), "RAR archive"),
    "zst": (_file("eve.tar.zst", b"\x28\xb5\x2f\xfd"), "Zstandard"),
    "no notebook": (_file("eve.ipynb", b"{not json"), "no notebook|belongs to the course"),
    "deep notebook": (_file("eve.ipynb", b"[" * 100_000), "no notebook|belongs to the course"),
    "no bundle": (_file("eve.bundle", b"nothing"), "git cannot read it"),
    "thin bundle": (_thin, "git cannot read it: Repository lacks"),
    "no work": (_file("eve.zip", zipped({"essay.docx": b"PK"})), "no Python file"),
    "other work": (_file("eve.py", b"print('hello')\n"), "belongs to the course"),
    "alternates": (_repository(_borrow), r"borrows from another one \(objects/info/alternates\)"),
    "linked refs": (_repository(_linked("packed-refs")), "symbolic link"),
    "linked head": (_repository(_linked("HEAD")), "symbolic link|no Python file"),
    "linked objects": (_repository(_linked("objects")), "symbolic link"),
    "linked pack": (_repository(_linked("objects/pack")), "symbolic link"),
    "common folder": (
        _repository(lambda git: (git / "commondir").write_text("../.work/.git")), "commondir",
    ),
    "head outside": (
        _repository(lambda git: [
            (git / "packed-refs").write_text(""), (git / "HEAD").write_text("ref: ../../x\n"),
        ]),
        "no commit",
    ),
    "worktree": (_elsewhere, "repository lies elsewhere"),
    "a link": (lambda base: (base / "eve").symlink_to(MINI / "solutions"), "symbolic link"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, name: str) -> None:
    make, sentence = HOSTILE[name]
    make(tmp_path)
    submission = only(tmp_path)
    assert not submission.files
    assert re.search(sentence, submission.problem), submission.problem
    assert "\n" not in submission.problem and "Traceback" not in submission.problem
    assert str(tmp_path) not in submission.problem and len(submission.problem) < 300


def test_a_bad_part_costs_what_is_in_it_and_no_more(tmp_path: Path) -> None:
    """A damaged member, a bomb and impossible names beside good files."""
    names = {"tinymlx/" + "x" * 300 + ".py": b"", "tinymlx/a-b.py": b"", "tinymlx/x.py": b"x = 1\n",
             "tinymlx/x.py/y.py": b"", "../out.py": b"", "/abs.py": b"", "C:\\y.py": b"",
             "tinymlx/../../up.py": b"", "tinymlx/rows/\udcff.py": b""}  # fmt: skip
    raw = zipped({**tree(), **{n: c for n, c in names.items() if n.isascii()}})
    at = raw.index(b"tinymlx/rows/counter.py") + 40
    (tmp_path / "a.zip").write_bytes(raw[:at] + bytes([raw[at] ^ 0xFF]) + raw[at + 1 :])
    (tmp_path / "b.tar").write_bytes(tarred({**tree(), **names}))
    (tmp_path / "c.zip").write_bytes(BOMB)
    by_name = {s.student: read_submission(s, SHELF) for s in find_sources(tmp_path)}
    assert by_name["a"].files["rows/softmax.py"] == handed_in.SOFTMAX
    assert "rows/counter.py" not in by_name["a"].files
    assert any("counter.py: it is damaged" in note for note in by_name["a"].notes)
    assert by_name["b"].files["rows/counter.py"] == handed_in.COUNTER
    for student in "ab":
        notes = by_name[student].notes
        assert sum("leaves the submission" in note for note in notes) == 4, notes
        assert "x.py" in by_name[student].files and all(note.isprintable() for note in notes)
    assert "rows/counter.py" in by_name["c"].files


def test_links_devices_and_sparse_files_stay_behind(tmp_path: Path) -> None:
    base = folder(tmp_path / "evil", {"tinymlx/rows/softmax.py": b"x = 1\n"})
    (base / "tinymlx" / "link.py").symlink_to("/etc/passwd")
    (base / "loop").symlink_to(base)
    os.mkfifo(base / "tinymlx" / "pipe.py")
    with open(base / "tinymlx" / "big.py", "wb") as stream:
        stream.truncate(10 << 30)
    started = time.monotonic()
    submission = only(tmp_path)
    assert submission.files == {"rows/softmax.py": "x = 1\n"} and time.monotonic() - started < 20
    text = "\n".join(submission.notes)
    assert "link.py: it is a link" in text and "pipe.py: it is a link or a device" in text
    assert "big.py: it has 10737418240 bytes" in text and "loop/*.py: its folder is a link" in text


def test_links_and_locked_members_of_a_zip_stay_behind(tmp_path: Path) -> None:
    path = tmp_path / "evil.zip"
    path.write_bytes(zipped(tree()))
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("tinymlx/link.py")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    submission = only(tmp_path)
    assert "link.py" not in submission.files and "rows/softmax.py" in submission.files
    assert any("link.py: it is a link" in note for note in submission.notes)


def test_bombs_are_cut_off(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "many.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(60):
            archive.writestr(f"tinymlx/rows/part{number}.py", b"#" * (1 << 20))
        archive.writestr("tinymlx/rows/softmax.py", b"x = 1\n")
    packed = zlib.compressobj(wbits=31)
    blocks = -(-len(TAR.rstrip(b"\0")) // 512)  # without the end of the archive
    head = tarfile.TarInfo("big.bin")
    head.size = 8 << 30
    with open(tmp_path / "long.tar.gz", "wb") as stream:
        stream.write(packed.compress(TAR[: 512 * blocks] + head.tobuf()))
        for _ in range(64):
            stream.write(packed.compress(bytes(1 << 20)))
        stream.write(packed.flush())
    by_name = {s.student: read_submission(s, SHELF) for s in find_sources(tmp_path)}
    assert sum(map(len, by_name["many"].files.values())) <= 32 << 20
    assert any("too large" in note for note in by_name["many"].remarks)
    assert any("more than 6 GB" in note for note in by_name["long"].notes)
    assert "rows/softmax.py" in by_name["long"].files


def test_too_many_entries_are_not_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(haul, "MOST_SCANNED", 300)
    data = TAR[: 512 * -(-len(TAR.rstrip(b"\0")) // 512)]
    (tmp_path / "a.tar").write_bytes(data + 400 * tarfile.TarInfo("notes.txt").tobuf())
    record = read([tmp_path / "a.tar"], SHELF, tmp_path)
    assert "only the first 300 entries were looked at" in record["notes"]
    assert "rows/softmax.py" in record["files"]


def test_what_was_read_before_the_time_was_over_is_kept() -> None:
    taken = haul.Haul()

    def entries() -> Iterator[haul.Entry]:
        yield haul.Entry("tinymlx/x.py", 3, lambda limit: b"x=1")
        raise haul.OutOfTime

    taken.take(entries(), "slow.tar.bz2")
    assert taken.files == {"tinymlx/x.py": b"x=1"} and "took too long" in taken.problems[0]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "too much time or memory"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended by SIGSEGV"),
        ("raise MemoryError('no room')", "MemoryError: no room"),
        ("print('{')", "It could not be read"),
        ("import time; time.sleep(60)", "too much time or memory"),
    ],
)
def test_a_reader_that_dies_leaves_a_sentence(tmp_path: Path, body: str, sentence: str) -> None:
    folder(tmp_path / "ada", tree())
    reading = Reading(
        source_of(tmp_path / "ada"), SHELF, tmp_path / "scratch", (sys.executable, "-c", body)
    )
    reading.deadline = time.monotonic() + 3
    while not reading.is_over():
        time.sleep(0.01)
    submission = reading.result()
    assert not submission.files and sentence in submission.problem


def test_hostile_neighbours_cost_nobody_anything(mini: Mini, tmp_path: Path) -> None:
    base = folder(tmp_path / "class", {})
    base.mkdir()
    for number, name in enumerate(("zip cut", "LZMA", "7z", "a link", "worktree")):
        inner = tmp_path / str(number)
        inner.mkdir()
        HOSTILE[name][0](inner)
        (entry,) = inner.iterdir()
        entry.rename(base / entry.name.replace("eve", f"eve{number}"))
    folder(base / "ada", tree())
    os.mkdir(os.fsencode(base) + b"/zo\xeb")
    plan = Plan(mini.registry.select("1.3"), seeds=(1,), jobs=2)
    campaign = Campaign(mini.project, mini.registry, plan, mini.root / "report")
    sources = find_sources(base)
    campaign.run(sources)
    assert "zo\\xeb" in [source.student for source in sources]
    for source in sources:
        record = campaign.record(source.student)
        assert record is not None, source
        passed = outcome(record, "1.3") == "passed"
        assert passed == (source.student == "ada"), record
        assert passed or record["problem"]


# Mutated archives


def _valid() -> dict[str, bytes]:
    """A valid archive of each kind, whose bytes are then changed."""
    with tempfile.TemporaryDirectory() as scratch:
        FORMS["a bundle"].make(Path(scratch) / "x")
        bundle = (Path(scratch) / "x.bundle").read_bytes()
    zips = zipped({**tree(), "in.zip": zipped(tree("a/tinymlx/"))})
    book = handed_in.notebook(*handed_in.CELLS)
    made = {"x.zip": zips, "x.tar": TAR, "x.tar.gz": GZ, "x.tar.xz": XZ, "x.bundle": bundle}
    return {**made, "x.tar.bz2": tarred(tree(), "w:bz2"), "x.ipynb": book, "x.py": ACCENTED}


ACCENTED = (handed_in.ACCENT + handed_in.SOFTMAX).encode("utf-16")
VALID = _valid()
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(("set", "cut", "drop", "repeat", "insert")),
        st.floats(0, 1, exclude_max=True),
        st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=4,
)


def changed(data: bytes, changes: list[tuple[str, float, bytes]]) -> bytes:
    for kind, where, some in changes:
        at = int(where * len(data))
        if kind == "set":
            data = data[:at] + some + data[at + len(some) :]
        elif kind == "cut":
            data = data[:at]
        elif kind == "drop":
            data = data[:at] + data[at + 8 * len(some) :]
        elif kind == "repeat":
            data = data[:at] + data[at : at + 600] * 2 + data[at + 600 :]
        else:
            data = data[:at] + some + data[at:]
    return data


@settings(
    max_examples=int(os.environ.get("TINYMLX_FUZZ", "300")),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(name=st.sampled_from(sorted(VALID)), changes=CHANGES)
def test_changed_bytes_always_end_in_a_record(name: str, changes: list) -> None:
    with tempfile.TemporaryDirectory(prefix="tinymlx-fuzz-") as scratch:
        path = Path(scratch) / name
        path.write_bytes(changed(VALID[name], changes))
        inner = Path(scratch) / "scratch"
        inner.mkdir()
        record = read([path], SHELF, inner)
    assert set(record) == {"files", "notes", "problem"}
    assert bool(record["files"]) != bool(record["problem"])
    for file, text in record["files"].items():
        assert (
            all(part.isidentifier() for part in file[:-3].split("/")) and text.encode() is not None
        )
    for sentence in (*record["notes"], record["problem"]):
        assert sentence.isprintable() and len(sentence) < 500


# Names


def test_names_cannot_act() -> None:
    assert safe_name("=HYPERLINK('x')\x1b[31m[bold]") == "_HYPERLINK__x____31m_bold_"
    assert safe_name("../../etc") == "_.._etc" and safe_name("\n") == "_"
    assert shown("a\x1b[2Jb") == "a\\x1b[2Jb"
    assert guarded("=1+1") == "'=1+1" and guarded("-3") == "'-3" and guarded(-3) == -3


def test_a_folder_without_submissions_is_refused(mini: Mini, tmp_path: Path) -> None:
    result = mini.tinymlx("grade", str(tmp_path / "nowhere"))
    assert result.returncode == 2 and "is no folder of submissions" in result.stderr
    (tmp_path / "empty").mkdir()
    with pytest.raises(CourseError, match="holds no submissions"):
        find_sources(tmp_path / "empty")
