"""Judges of 15.14 to 15.21: batches, pages, an engine, streams, percentiles, who goes next."""

import statistics

import numpy as np
import pytest

from course.grading.marks import exercise


def whole(draw, low, high):
    """One number."""
    return int(draw.integers(1, low=low, high=high)[0])


# 15.14


def arrivals(draw, most, patience, count):
    """Offers and questions at times that are exact in binary, also at deadlines exactly."""
    now, script = 0.0, []
    for item in range(count):
        now += whole(draw, 0, 6) / 8
        kind = whole(draw, 0, 5)
        if kind < 3:
            script.append(["offer", item, now])
        elif kind == 3:
            script.append(["wake", now])
        else:
            script += [["due", now], ["wake", now]]
    return [*script, ["due", now + patience], ["wake", now + patience], ["due", now + patience]]


@exercise("15.14")
@pytest.mark.parametrize("most,patience", [(1, 1.0), (3, 0.5), (4, 2.0), (3, 0.0)])
def test_batches(check, draw, most, patience):
    """Full, late, or neither; the order stays."""
    check("batches", most=most, patience=patience, script=arrivals(draw, most, patience, 60))


@exercise("15.14")
def test_one_that_comes_at_the_deadline(check):
    """It goes along, if it is there before somebody asks; and one too many waits on."""
    for most in (2, 3, 9):
        script = [
            ["due", 0.0],
            ["wake", 0.0],
            ["offer", 7, 1.0],
            ["offer", 8, 1.25],
            ["wake", 1.25],
            ["due", 1.375],
            ["offer", 9, 1.5],
            ["wake", 1.5],
            ["due", 1.5],
            ["wake", 1.5],
            ["due", 1.5],
            ["due", 2.0],
            ["offer", 5, 9.0],
            ["wake", 11.0],
            ["due", 11.0],
        ]
        check("batches", most=most, patience=0.5, script=script)


@exercise("15.14")
def test_a_crowd(check):
    """Many batches are due at once; each question gets one of them."""
    script = [["offer", item, 3.0] for item in range(10)]
    for now in (3.0, 3.0, 3.0, 3.25, 4.0, 4.0):
        script += [["wake", now], ["due", now]]
    check("batches", most=4, patience=1.0, script=script)


# 15.15


def needed(positions, size):
    """Pages for so many positions."""
    return -(-positions // size)


def judge_pages(found, count, size, script):
    """Each answer, and that the table is in order after it."""
    lengths, before = {}, None
    for step, (what, text, *more) in zip(found, script, strict=True):
        own = dict(step["pages"])
        told = f"after {what}({', '.join(map(str, [text, *more]))})"
        used = [page for p in own.values() for page in p]
        new = more[0] if what in ("grow", "missing") else 0
        length = lengths.get(text, 0)
        more_pages = needed(length + new, size) - needed(length, size)
        if what == "missing":
            assert step["said"] == more_pages, f"missing({text}, {new}) is {step['said']}"
        elif what == "places":
            start = more[0] if more else 0
            pages = own[text]
            wanted = [pages[i // size] * size + i % size for i in range(start, length)]
            assert step["said"] == wanted, f"places of {length} positions in pages {pages}"
        elif what == "release":
            lengths.pop(text, None)
        else:
            free = count - sum(needed(n, size) for n in lengths.values())
            if more_pages > free:
                assert step["said"] == "out", f"{told}: {more_pages} pages, {free} are free"
                kept = {k: v for k, v in step.items() if k != "said"}
                assert before is None or kept == before, f"{told} failed, and changed something"
            else:
                assert step["said"] is None, f"{told}: {step['said']}"
                lengths[text] = length + new
        assert dict(step["lengths"]) == lengths, f"lengths {told}"
        assert {t: needed(n, size) for t, n in lengths.items()} == {
            t: len(p) for t, p in own.items()
        }, f"{told} the texts have the pages {own}, and the lengths {lengths}"
        assert sorted(used + step["free"]) == list(range(count)), (
            f"{told} the pages are {own}, free are {step['free']}: each of {count} pages is "
            "somewhere, and nowhere twice"
        )
        if before is not None:
            for t, pages in before["pages"]:
                if t in own:
                    assert own[t][: len(pages)] == pages, f"{told} pages of text {t} have moved"
        before = {k: v for k, v in step.items() if k != "said"}


@exercise("15.15")
@pytest.mark.parametrize("count,size", [(9, 4), (5, 1), (1, 8), (12, 3)])
def test_pages_come_and_go(probe, draw, count, size):
    """Texts grow, leave, come back, and find nothing left."""
    script, known = [], {}
    for _ in range(80):
        text, kind = whole(draw, 0, 4), whole(draw, 0, 8)
        new = whole(draw, 1, 2 * size + 2)
        if kind < 4:
            free = count - sum(needed(n, size) for n in known.values())
            length = known.get(text, 0)
            script += [["missing", text, new], ["grow", text, new]]
            if needed(length + new, size) - needed(length, size) <= free:
                known[text] = length + new
        elif kind < 6 and text in known:
            script.append(["places", text, whole(draw, 0, known[text] + 1)])
        elif kind == 6:
            script.append(["release", text])
            known.pop(text, None)
    judge_pages(probe("paged", count=count, size=size, script=script)["steps"], count, size, script)


@exercise("15.15")
def test_exactly_full_and_one_too_many(probe):
    """A page is not taken before somebody stands on it, and a failure takes none."""
    script = [
        ["missing", 3, 4],
        ["grow", 3, 4],
        ["missing", 3, 0],
        ["missing", 3, 1],
        ["grow", 3, 1],
        ["missing", 3, 3],
        ["grow", 8, 4],
        ["grow", 9, 5],
        ["grow", 8, 5],
        ["grow", 3, 3],
        ["places", 3],
        ["places", 3, 8],
        ["release", 77],
        ["release", 3],
        ["grow", 9, 8],
        ["places", 9, 3],
        ["release", 8],
        ["release", 8],
        ["release", 9],
    ]
    judge_pages(probe("paged", count=3, size=4, script=script)["steps"], 3, 4, script)


@exercise("15.15")
def test_the_last_page_is_taken_first(probe):
    """What was given back last goes out next: the list is a stack."""
    script = [["grow", 1, 1], ["grow", 2, 1], ["release", 1], ["grow", 3, 1], ["grow", 4, 1]]
    steps = probe("paged", count=4, size=2, script=script)["steps"]
    judge_pages(steps, 4, 2, script)
    taken = [dict(steps[i]["pages"])[text] for i, text in ((0, 1), (1, 2), (3, 3), (4, 4))]
    assert taken == [[0], [1], [0], [2]], f"pages were taken in the order {taken}"


@exercise("15.15")
def test_the_price_of_a_page(probe):
    """Free pages are not gone through, and the pages of a text are not copied."""
    found = probe("price_of_a_page", count=500)
    assert found["same"], "the list of free pages was replaced by a copy"
    assert found["stayed"], "the list of a text's pages was replaced by a copy"
    assert found["walks"] == 0, f"the free pages were gone through {found['walks']} times"


# 15.16


@exercise("15.16")
@pytest.mark.parametrize("new", [[1, 1, 1], [3, 1, 5], [7, 2, 5]], ids=str)
def test_where_a_step_reads_and_writes(probe, new):
    """Unequal lengths, unequal news: padding stands in front of both."""
    size, lengths = 4, {5: 7, 6: 2, 9: 5}
    grown = [[5, 3], [6, 1], [9, 5], [5, 4], [6, 1]]
    if new[1] == 2:
        order = [5, 6, 9]
    else:
        order = [9, 6, 5]
        new = [new[2], new[1], new[0]]
    found = probe("plan_of", texts=grown, size=size, new=new, order=order)
    rows = []
    for text, pages in zip(order, found["pages"], strict=True):
        rows.append([pages[i // size] * size + i % size for i in range(lengths[text])])
    longest, most = max(map(len, rows)), max(new)
    read = [[0] * (longest - len(row)) + row for row in rows]
    written = [row[len(row) - n :] for row, n in zip(rows, new)]
    write = [[found["nowhere"]] * (most - len(row)) + row for row in written]
    for name, wanted in (("read", read), ("write", write)):
        assert found[name].tolist() == wanted, f"{name}: {found[name].tolist()}, not {wanted}"
    assert found["padding"].tolist() == [longest - len(row) for row in rows]
    assert found["offset"] == longest - most


def crowd(draw, count, steps, longest, most, ends):
    """Requests of many lengths that come at many steps."""
    found = []
    for _ in range(count):
        prompt = draw.integers(whole(draw, 1, longest + 1), low=0, high=50).tolist()
        ending = draw.integers(ends, low=0, high=61).tolist() if ends else []
        found.append([whole(draw, 0, steps), prompt, whole(draw, 1, most + 1), ending])
    return found


@exercise("15.16")
@pytest.mark.parametrize(
    "count,rows,budget", [(200, 4, 1000), (200, 8, 20), (9, 5, 1000), (9, 3, 12)], ids=str
)
def test_every_step_of_a_crowd(check, draw, count, rows, budget):
    """Who runs, who waits, what the model is asked, and each token: with pages, and with few."""
    coming = crowd(draw, 10, 8, 9, 12, 3)
    leaving = [[3, 1], [5, 99], [6, 4]]
    inputs = {"size": 3, "rows": rows, "budget": budget, "coming": coming, "leaving": leaving}
    check("served", count=count, **inputs)


@exercise("15.16")
def test_pages_run_out(check):
    """The last one let in gives way, waits in front, and loses no token."""
    coming = [[0, [1, 2, 3], 9, []], [0, [4, 5], 9, []], [1, [6], 8, []], [2, [7, 8], 3, []]]
    for count in (4, 5, 6):
        inputs = {"size": 3, "rows": 8, "budget": 99, "coming": coming, "leaving": []}
        check("served", count=count, **inputs)


@exercise("15.16")
def test_the_last_page_is_for_who_runs(check):
    """Somebody comes in the step in which the one who runs needs the last page."""
    coming = [[0, [1, 2, 3], 3, []], [1, [7, 8], 2, []]]
    inputs = {"size": 3, "rows": 8, "budget": 99, "coming": coming, "leaving": []}
    check("served", count=2, **inputs)


@exercise("15.16")
def test_alone_and_a_long_prompt_first(check):
    """One request; a prompt above the budget comes alone; nobody overtakes it."""
    for coming in (
        [[0, [3], 1, []]],
        [[0, [1] * 9, 2, []], [0, [2], 2, []], [0, [3], 2, []]],
        [[0, [2], 2, []], [0, [1] * 9, 2, []], [0, [3], 2, []]],
        [[0, [1, 2], 4, []], [2, [1] * 11, 3, []], [2, [2], 2, []]],
    ):
        inputs = {"size": 4, "rows": 3, "budget": 6, "coming": coming, "leaving": []}
        check("served", count=4, **inputs)


@exercise("15.16")
def test_room_for_several_positions(check):
    """Nobody has to go, one, two, or the row itself."""
    for new in (1, 2, 6, 8, 10, 14):
        for turn in (0, 1, 2):
            check("room_for", count=7, size=3, lengths=[4, 5, 3], turn=turn, new=new)


# 15.17


def cut(draw, text):
    """A text in pieces, also empty ones."""
    pieces = []
    while text:
        end = whole(draw, 0, min(len(text), 4) + 1)
        pieces.append(text[:end])
        text = text[end:]
    return pieces


def letters(draw, count, low=1):
    """A text of three different characters."""
    return "".join("ab\n"[i] for i in draw.integers(whole(draw, low, count + 1), low=0, high=3))


@exercise("15.17")
def test_random_texts_in_random_pieces(check, draw):
    """Nothing of a sequence is handed on, and nothing that cannot become one is held back."""
    for _ in range(25):
        sequences = [letters(draw, 4, 2) for _ in range(whole(draw, 0, 4))]
        text = letters(draw, 10)
        check("stopped", sequences=sequences, texts=[*cut(draw, text), "b"])


@exercise("15.17")
@pytest.mark.parametrize(
    "sequences,texts",
    [
        (["\n\nUser:"], ["Hi\n", "\nUs", "e", "d\n\n", "User", ":", "more"]),
        (["aab"], ["aa", "a", "b", "c"]),
        (["abcd", "bc"], ["xab", "c", "d"]),
        (["abc", "bc"], ["xab", "c"]),
        (["bc", "abc"], ["xab", "c"]),
        (["c", "abcd"], ["ab", "cd"]),
        (["ab"], ["xxabyyab"]),
        (["aba", "b"], ["xa", "b", "a"]),
        (["stop"], ["sto"]),
        (["stop"], ["s", "", "top", "", "s"]),
        ([], ["all ", "of it"]),
        (["x"], ["", "yx", "z"]),
        (["one two", "two three"], ["one tw", "o three"]),
    ],
    ids=str,
)
def test_texts_that_nearly_stop(check, sequences, texts):
    """Overlapping sequences, beginnings that come to nothing, several at once, none."""
    check("stopped", sequences=sequences, texts=texts)


@exercise("15.17")
def test_a_long_answer_is_not_kept(check):
    """What waits is all that is remembered."""
    texts = ["the sea and "] * 50 + ["the sa", "il"]
    check("stopped", sequences=["the sail", "and no"], texts=texts)


# 15.18


def in_pieces(draw, text):
    """Bytes in pieces of one to three."""
    found, data = [], list(text)
    while data:
        count = whole(draw, 0, 4)
        found.append(data[:count])
        data = data[count:]
    return found


@exercise("15.18")
@pytest.mark.parametrize("sequences", [[], ["海n"], ["n", "é\n"], ["\ufffd"]], ids=str)
def test_letters_in_pieces(check, draw, sequences):
    """Characters of one to four bytes, in tokens that end in the middle of them."""
    parts = ["a", "n", "é", "海", "\n", "🐚"]
    for _ in range(8):
        chosen = draw.integers(whole(draw, 1, 9), low=0, high=len(parts))
        text = "".join(parts[i] for i in chosen).encode()
        check("shown", sequences=sequences, pieces=[*in_pieces(draw, text), [ord("b")]])


@exercise("15.18")
@pytest.mark.parametrize("sequences", [[], ["b\ufffd"], ["\ufffd"], ["\ufffd\ufffd"]], ids=str)
def test_broken_bytes(check, sequences):
    """Bytes that are no text; a character that never comes to its end may complete a sequence."""
    for pieces in (
        [[0x61, 0xF0, 0x9F], [0x90, 0x61], [0xFF], [0x62]],
        [[0x61, 0x62, 0xE6], [0xB5]],
        [[0x61, 0x62], [0xC3], []],
        [[0x80], [0xE6, 0xE6], [0x61]],
        [[0x62, 0xF0], [], [0x9F]],
        [[0x61, 0x62]],
    ):
        check("shown", sequences=sequences, pieces=pieces)


@exercise("15.18")
def test_the_end_of_what_waits(check):
    """Half of a sequence is text after all; after a whole one nothing comes."""
    stop = list(b"stop")
    check("shown", sequences=["stop"], pieces=[[0x61], stop[:3]])
    check("shown", sequences=["stop"], pieces=[[0x61], stop[:3], [0xC3]])
    check("shown", sequences=["stop"], pieces=[[0x61], stop, [0xC3]])


# 15.19


@exercise("15.19")
def test_events_are_sent(check):
    """Line breaks of three kinds, and characters that only look like one."""
    texts = [
        "one",
        "",
        "\n",
        "a\nb",
        "a\n\nb\n",
        " two",
        "c\r\nd\re",
        "\u2028f\x0b\x85",
        "data: g",
        "é海",
    ]
    check("sent", texts=[*texts, "\n\r\n\r\r"])


@exercise("15.19")
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_events_in_pieces(check, draw, end):
    """Fields of all kinds, cut anywhere: in a line, in a character, in a line break."""
    kinds = [
        "data: a",
        "data:  b ",
        "data",
        "data:",
        ": ping",
        "id: 7",
        "",
        "",
        "é 海",
        "data: c: d",
    ]
    kinds += ["data:é", " data: no", "databases: no"]
    for _ in range(12):
        lines = [kinds[i] for i in draw.integers(14, low=0, high=len(kinds))]
        data = end.join(["data: first", "", *lines, "data: last", "", "data: rest"])
        check("heard", pieces=in_pieces(draw, data.encode()))


@exercise("15.19")
def test_events_at_once_and_byte_by_byte(check):
    """Several in one piece, none in many; what has not ended is nothing yet; broken bytes."""
    text = (
        b"data: a\n\n:\n\ndata: b\ndata: c\r\r\n\ndata: \xff\xe6\n\n\n\n"
        b"data: [DONE]\r\n\r\ndata: d\n"
    )
    check("heard", pieces=[list(text), [], list(b"\n"), list(b"\n")])
    check("heard", pieces=[[byte] for byte in text])


# 15.20


@exercise("15.20")
@pytest.mark.parametrize("count", [1, 2, 3, 10, 101])
def test_percentiles(check, draw, count):
    """In any order, which stays; also of a single value."""
    values = (draw.uniform(count) ** 4).astype(np.float32)
    check("percentiles", values=values, shares=[0, 1, 25, 50, 62.5, 95, 99, 99.9, 100])
    check("percentiles", values=np.array([2.0, 2.0, 7.0], np.float32), shares=[0, 50, 75, 100])


@exercise("15.20")
@pytest.mark.parametrize("values,q", [([], 50), ([1.0], -1), ([1.0], 100.5)], ids=str)
def test_no_percentile(check, values, q):
    check.raises("percentiles", "ValueError", values=np.array(values, np.float32), shares=[q])


@exercise("15.20")
def test_how_many_at_a_time(check, draw):
    """Windows that cut requests, that none touches, that lie inside of one."""
    starts = [x / 8 for x in draw.integers(12, low=0, high=80).tolist()]
    ends = [a + x / 8 for a, x in zip(starts, draw.integers(12, low=0, high=40).tolist())]
    windows = [[min(starts), max(ends)], [2.0, 5.0], [-4.0, 30.0], [4.0, 4.125], [3.0, 9.5]]
    check("flying", starts=starts, ends=ends, windows=windows)
    check("flying", starts=[1.0, 7.0], ends=[3.0, 7.0], windows=[[0.0, 4.0], [3.0, 6.0], [0, 1]])


@exercise("15.20")
@pytest.mark.parametrize(
    "starts,ends,window",
    [
        ([2.0], [1.0], [0, 3]),
        ([0.5, 2.0, 0.5], [1.0, 1.0, 1.0], [0, 3]),
        ([1.0], [2.0], [3, 3]),
        ([], [], [1, 0]),
        ([1.0, 2.0], [3.0], [0, 4]),
    ],
    ids=str,
)
def test_no_window(check, starts, ends, window):
    check.raises("flying", "ValueError", starts=starts, ends=ends, windows=[window])


# 15.21


def first_come(jobs, budget):
    """First come, first served: shares of ``{number: [prompt, written]}``."""
    found = {}
    for number, (prompt, _) in jobs.items():
        share = min(prompt or 1, budget - sum(found.values()))
        if share:
            found[number] = share
    return found


class Server:
    """What came of a schedule: first tokens, longest waits of those that write, and the rules."""

    def __init__(self, coming, budget):
        self.coming, self.budget = coming, budget
        self.jobs, self.waited, self.first, self.last = {}, {}, {}, {}
        self.longest, self.steps = 0, 0

    @property
    def idle(self):
        return not self.jobs and all(step < self.steps for step, *_ in self.coming)

    def arrive(self):
        for number, (step, prompt, _) in enumerate(self.coming):
            if step == self.steps:
                self.jobs[number], self.waited[number] = [prompt, 0], 0

    def advance(self, got):
        told = f"in step {self.steps} the shares are {got}"
        assert set(got) <= set(self.jobs), f"{told}; there are only the jobs {list(self.jobs)}"
        room = {number: prompt or 1 for number, (prompt, _) in self.jobs.items()}
        assert all(1 <= share <= room[n] for n, share in got.items()), (
            f"{told}; the jobs can take {room}"
        )
        total = sum(got.values())
        assert total <= self.budget, f"{told}, together {total}; the budget is {self.budget}"
        assert total == min(self.budget, sum(room.values())), (
            f"{told}, together {total} of {self.budget}, and more could be taken: {room}"
        )
        for number, job in list(self.jobs.items()):
            share = got.get(number, 0)
            self.waited[number] = 0 if share else self.waited[number] + 1
            if not share:
                if not job[0]:
                    self.longest = max(self.longest, self.waited[number])
                continue
            job[0] = max(job[0] - share, 0)
            if not job[0]:
                job[1] += 1
                self.first.setdefault(number, self.steps)
            if job[1] == self.coming[number][2]:
                del self.jobs[number]
                self.last[number] = self.steps
        self.steps += 1


def judged(probe, coming, budget):
    """The server under the reader's schedule; every rule is looked at on the way."""
    server = Server(coming, budget)
    found = probe("scheduled", coming=coming, budget=budget, most=400)["steps"]
    for got in found:
        server.arrive()
        shares = dict(got)
        assert len(shares) == len(got), "a job has two shares"
        server.advance(shares)
    assert server.idle, f"after {len(found)} steps there are still {len(server.jobs)} jobs"
    return server


def served_in_order(coming, budget):
    server = Server(coming, budget)
    while not server.idle:
        server.arrive()
        server.advance(first_come(server.jobs, budget))
    return server


def mixed(draw, count):
    """One prompt in ten is long."""
    step, found = 0, []
    for number in range(count):
        step += whole(draw, 0, 5)
        long = number % 10 == 0
        prompt = whole(draw, 700, 1200) if long else whole(draw, 4, 24)
        found.append([step, prompt, whole(draw, 5, 40)])
    return found


@exercise("15.21")
def test_short_ones_first_and_no_time_lost(probe, draw):
    """Short prompts have their first token in half the time; everything is done as soon."""
    coming = mixed(draw, 90)
    own, plain = judged(probe, coming, 64), served_in_order(coming, 64)

    def median(server):
        short = [n for n, (_, prompt, _) in enumerate(coming) if prompt < 100]
        return statistics.median(server.first[n] - coming[n][0] + 1 for n in short)

    assert own.steps <= 1.1 * plain.steps, f"{own.steps} steps; {plain.steps} in order"
    assert median(own) <= 0.5 * median(plain), (
        f"half of the short prompts have waited {median(own)} steps for their first token, and "
        f"{median(plain)} in order"
    )


@exercise("15.21")
@pytest.mark.parametrize("budget", [8, 64])
def test_a_long_prompt_in_a_flood_of_short_ones(probe, budget):
    """However many short ones come, the oldest prompt comes to its end."""
    coming = [[0, 6 * budget, 3]]
    coming += [[step, budget // 2, 2] for step in range(70) for _ in range(2)]
    own = judged(probe, coming, budget)
    assert own.first[0] < 60, f"its first token came in step {own.first[0] + 1}; alone in step 6"


@exercise("15.21")
@pytest.mark.parametrize("budget", [8, 64])
def test_more_who_write_than_the_budget_has_tokens(probe, budget):
    """A prompt comes through a crowd that writes, and everybody in the crowd gets on."""
    coming = [[0, 1, 40] for _ in range(2 * budget - 1)] + [[5, 3 * budget, 2]]
    own = judged(probe, coming, budget)
    number = len(coming) - 1
    assert own.first[number] < 5 + 30, f"its first token came in step {own.first[number] + 1}"
    assert own.longest < 8, f"somebody who writes has waited for {own.longest} steps"


@exercise("15.21")
def test_prompts_do_not_stop_those_who_write(probe):
    """One long prompt after the other, and some answers that are half written."""
    coming = [[0, 2, 90] for _ in range(6)] + [[step, 200, 2] for step in range(2, 40, 3)]
    own = judged(probe, coming, 64)
    assert own.longest < 8, f"somebody who writes has waited for {own.longest} steps"


@exercise("15.21")
def test_nobody_there_and_too_small_a_budget(check, probe):
    """A step in which nobody is there; a budget that is none."""
    own = judged(probe, [[3, 5, 2], [9, 70, 1]], 8)
    assert own.first == {0: 3, 1: 17} and own.last == {0: 4, 1: 17}
    assert probe("asked_for_shares", budget=8)["share"] == 5
    check.raises("asked_for_shares", "ValueError", budget=7)
