"""Judges of 12.1 to 12.6: bytes as letters, pieces, merges, a tokenizer."""

import pytest

from course.grading.marks import exercise


@exercise("12.1")
def test_the_letters(check):
    """All 256, each once; spaces, controls and the soft hyphen moved to where they are seen."""
    check("letters_of_bytes")


@exercise("12.1")
@pytest.mark.parametrize("text", ["To be, or not", "Zürich, 東京 and 🙂!", "a\tb\n\u00ad\u00a0¡"])
def test_a_text_in_letters(check, text):
    """One letter for each byte of UTF-8, and back."""
    check("as_letters", text=text)


@exercise("12.1")
def test_no_letter(check, probe):
    """A space is the letter of no byte; nor is a character of Japanese. Nothing at all is fine."""
    assert probe("as_bytes", letters="Ġa")["bytes"] == [32, 97]
    assert probe("as_bytes", letters="")["bytes"] == []
    for wrong in ("a b", "東"):
        check.raises("as_bytes", "ValueError", match="letter", letters=wrong)


@exercise("12.2")
@pytest.mark.parametrize("which", ["digits", "vowels and the last", "from the first"])
def test_runs_of_code_points(check, which):
    """Runs, single ones, the first and the last code point of all."""
    check("in_ranges", which=which)


TEXT = "Der Öl-Preis (½ von 12 €) fällt\x1c\u00a0heute\u2003um 3,5 %: s\\x Ⅷ 東京\n'n"
PATTERNS = {
    "letters": r"\p{L}+",
    "a letter in front": r"Der|um\s",
    "capitals": r"\p{Lu}[a-zä]*",
    "all but letters": r"\P{L}+",
    "spaces": r"\s",
    "no spaces": r"\S+",
    "inside": r"[^\s\p{L}\p{N}]+",
    "inside and behind": r"[\p{L}_']+|\p{N}{1,2}|[\s(]+",
    "escaped": r"\\x|\(|\p{N}",
    "a bracket escaped": r"[\[\]\p{N}]+|\]|\p{Lu}",
    "GPT-2": r"'s|'n| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
}


@exercise("12.2")
@pytest.mark.parametrize("name", PATTERNS)
def test_what_a_pattern_finds(check, name):
    """Classes alone and between brackets, escaped signs, white space as Unicode means it."""
    check("found_by", pattern=PATTERNS[name], text=TEXT)


@exercise("12.2")
@pytest.mark.parametrize("wrong", [r"[\S]", r"a[^\P{L}b]"])
def test_others_between_brackets(check, probe, wrong):
    """What cannot be said is an error; outside of brackets it can be said."""
    assert probe("translated_pattern", pattern=r"[ab]\S\P{N}")["pattern"] > 20
    check.raises("translated_pattern", "ValueError", match="between square brackets", pattern=wrong)


@exercise("12.3")
def test_pairs_are_counted(check):
    """Each as often as its word; overlapping ones, too; none across words, none of one letter."""
    words = ["aaa", "abab", "b", "", "ba", "xy"]
    check("neighbours", words=[list(w) for w in words], times=[2, 5, 9, 4, 1, 3])


@exercise("12.3")
def test_pairs_of_tokens(check):
    """Tokens of several letters: (ab, c) is another pair than (a, bc)."""
    words = [["ab", "c"], ["a", "bc"], ["ab", "c", "ab", "c"], ["c", "ab"]]
    check("neighbours", words=words, times=[3, 4, 1, 2])


@exercise("12.3")
@pytest.mark.parametrize(
    "tokens, pair",
    [
        ("aaaaa", "aa"),
        ("abcab", "ab"),
        ("cabab", "ba"),
        ("a", "aa"),
        ("abc", "ca"),
        ("aaab", "ab"),
    ],
)
def test_one_token_of_two(check, tokens, pair):
    """From left to right, also at the ends; what has been merged is no part of another pair."""
    check("joined", tokens=list(tokens), pair=list(pair))


@exercise("12.3")
def test_merged_tokens_are_no_part(check):
    """aa of a and a is not the token aa that the pair asks for."""
    check("joined", tokens=["a", "a", "b", "aa", "b", "aa"], pair=["aa", "b"])
    check("joined", tokens=["a", "a", "a", "a"], pair=["a", "aa"])
    check("joined", tokens=["a", "aa", "aa"], pair=["a", "aa"])


def words_of(draw, count, letters="abcd", longest=9):
    """Different words with how often they occur."""
    found = {}
    while len(found) < count:
        n = int(draw.integers(1, low=1, high=longest)[0])
        word = "".join(letters[i] for i in draw.integers(n, low=0, high=len(letters)))
        found[word] = int(draw.integers(1, low=1, high=30)[0])
    return {"words": list(found), "times": list(found.values())}


@exercise("12.4")
@pytest.mark.parametrize("letters, longest", [("abcd", 9), ("ab", 12), ("abcdefgh", 6)])
def test_merges_are_learned(check, draw, letters, longest):
    """The same as by counting everything again, to the last pair."""
    found = words_of(draw, 40, letters, longest)
    check("learned", **found, count=60, letters=list(letters), least=2)


@exercise("12.4")
def test_equally_frequent(check):
    """The lowest numbers decide: the first token's, then the second's; new tokens come last."""
    letters = list("dcba")
    words = ["ab", "cd", "dc", "ad", "aba", "db"]
    check("learned", words=words, times=[3] * 6, count=8, letters=letters, least=1)
    words = ["zz", "bz", "az", "bz"][:3]
    check("learned", words=words, times=[1, 1, 1], count=3, letters=list("abz"), least=1)


@exercise("12.4")
def test_one_word_often(check):
    """A word counts as often as it occurs; a long row of one letter is counted with overlaps."""
    words = ["aaaaaaa", "abcab", "bc", "xbc"]
    for times in ([1, 50, 3, 2], [9, 1, 1, 30]):
        check("learned", words=words, times=times, count=7, letters=list("abcx"), least=1)


@exercise("12.4")
@pytest.mark.parametrize("least", [0, 1, 4, 5, 6])
def test_the_rarest_pair(check, least):
    """A pair that occurs exactly ``least`` times is merged; one that never does is not."""
    check(
        "learned",
        words=["ab", "cd", "ef"],
        times=[5, 4, 9],
        count=9,
        letters=list("abcdef"),
        least=least,
    )


@exercise("12.4")
@pytest.mark.parametrize("count", [0, 1, 3])
def test_how_many_merges(check, probe, count):
    """Never more than asked for; by default a pair may occur once."""
    words, letters = ["abcabc", "abd"], list("abcd")
    found = {"words": words, "times": [1, 1], "letters": letters}
    assert len(probe("learned_with_the_default", **found, count=9)["merges"]) > 3
    check("learned_with_the_default", **found, count=count)


@exercise("12.4")
def test_a_strange_letter(check, probe):
    """A letter that has no number is an error in the beginning, not in the middle."""
    common = {"count": 2, "letters": list("ab"), "least": 1}
    assert probe("learned", words=["ab"], times=[1], **common)["merges"] == [["a", "b"]]
    assert probe("learned", words=["a", "b"], times=[1, 2], **common)["merges"] == []
    check.raises("learned", "ValueError", match="letters", words=["abx"], times=[1], **common)
    check.raises(
        "learned",
        "ValueError",
        match="letters",
        words=["ab", "axb"],
        times=[9, 1],
        **common,
    )


@exercise("12.4")
def test_one_word_changes(check):
    """The counts of its old pairs go, those of its new ones come; overlapping ones, too."""
    tokens = [["x", "a"], ["a", "b", "a", "b", "c", "a", "b"], ["a", "a", "a", "a", "b"]]
    counts = [["x", "a", 2], ["a", "b", 10], ["b", "a", 3], ["b", "c", 3], ["c", "a", 5]]
    others = [["x", "a", 0], ["c", "a", 7]]
    check("replaced", i=1, pair=["a", "b"], tokens=tokens, times=3, counts=counts, others=others)
    counts = [["a", "a", 12], ["a", "b", 4], ["aa", "b", 1]]
    check("replaced", i=2, pair=["a", "a"], tokens=tokens, times=4, counts=counts, others=others)


@exercise("12.4")
def test_cost_of_a_merge(probe, draw):
    """Thirty merges in a few words cost as much beside 1500 other words as beside none.

    The other words have some two thousand different pairs, which nobody needs to look at again.
    """
    others = [chr(0x4E00 + i) for i in range(60)]
    letters = [*(chr(97 + i) for i in range(26)), *others]
    few = words_of(draw, 20, "abcdefgh", 8)
    few["times"] = [10_000 + n for n in few["times"]]
    many = words_of(draw, 1500, others, 9)
    alone = probe("cost_of_learning", **few, letters=letters, counts=[0, 30])
    both = {key: few[key] + many[key] for key in few}
    beside = probe("cost_of_learning", **both, letters=letters, counts=[0, 30])
    assert alone["merges"] == beside["merges"] == [0, 30]
    cost, more = (found["lines"][1] - found["lines"][0] for found in (alone, beside))
    assert more < 3 * cost + 3000, (
        f"30 merges took {cost} lines of Python, and {more} when there were 1500 words more that "
        f"have none of the pairs"
    )


@exercise("12.5")
def test_ranks(check):
    """The place in the list; of a pair that is listed twice the first one."""
    merges = [["a", "b"], ["ab", "c"], ["b", "c"], ["a", "b"], ["b", "c"], ["b", "a"]]
    check("ranked", merges=merges)


HELLO = [["l", "o"], ["H", "e"], ["l", "lo"], ["He", "l"], ["Hel", "lo"], ["e", "l"], ["el", "lo"]]


@exercise("12.5")
@pytest.mark.parametrize("word", ["Hello", "elo", "Hellello", "", "H", "x", "lolo", "Hel"])
def test_the_lowest_rank(check, probe, word):
    """Not the longest token, not the first pair, not the most frequent one."""
    assert probe("applied", letters="lo", merges=HELLO)["tokens"] == ["lo"]
    check("applied", letters=word, merges=HELLO)


@exercise("12.5")
def test_the_last_token_of_a_word(check):
    """What was possible before the last token became a part of another one is so no longer."""
    check("applied", letters="abc", merges=[["a", "bc"], ["b", "c"], ["a", "b"]])


@exercise("12.5")
@pytest.mark.parametrize("letters", ["ab", "abc"])
def test_any_merges(check, draw, letters):
    """Merges in any order: one that becomes possible may have a lower rank than the last."""
    tokens, merges = list(letters), []
    while len(merges) < 24:
        a, b = (tokens[int(i)] for i in draw.integers(2, low=0, high=len(tokens)))
        if [a, b] not in merges and len(a + b) < 9:
            merges.append([a, b])
            tokens = list(dict.fromkeys([*tokens, a + b]))
    order = [merges[i] for i in draw.permutation(24)]
    word = "".join(letters[i] for i in draw.integers(60, low=0, high=len(letters)))
    check("applied", letters=word, merges=order)
    check("applied", letters=word, merges=merges)


@exercise("12.5")
def test_from_the_left(check):
    """Of one pair that overlaps with itself the left one is merged."""
    merges = [["a", "a"], ["aa", "a"], ["aa", "aa"]]
    for n in (2, 3, 5, 7, 8):
        check("applied", letters="a" * n, merges=merges)


@exercise("12.5")
def test_cost_of_a_long_word(probe):
    """Eight times the length costs less than 12 times the lines of Python, not 64 times."""
    merges, token = [["a", "b"]], "ab"
    while len(token) < 64:
        merges.append([token, token])
        token += token
    found = probe("cost_of_merging", merges=merges, part="ab" * 8, sizes=[16, 128])
    assert found["tokens"] == [4, 32] and found["first"] == token
    few, many = found["lines"]
    assert many < 12 * few, f"{few} lines for 256 letters, {many} for 2048"


VOCABULARY = "a b c d e f Ġ Ģ Ã ¤ ¼ ab Ġa Ġab cd Ã¤ Ġabcd 1 2 12 < > E aĠ Ġb".split()
MERGES = [["a", "b"], ["Ġ", "ab"], ["c", "d"], ["Ã", "¤"], ["Ġab", "cd"], ["1", "2"], ["a", "Ġ"]]
SPECIAL = {"<E>": 40, "<EE>": 41, "<": 42}
WORDS = " ?[a-fä]+| ?[0-9]+|[ ]+|[^a-fä0-9 ]+"


def tokenizer(special=SPECIAL, pattern=WORDS, merges=MERGES):
    numbers = {token: i for i, token in enumerate(VOCABULARY)}
    return {"vocabulary": numbers, "merges": merges, "special": special, "pattern": pattern}


@exercise("12.6")
@pytest.mark.parametrize("special", [SPECIAL, {}], ids=["special", "plain"])
def test_there_and_back(check, special):
    """Pieces are merged by themselves, nothing across a space; texts come back as they were."""
    texts = ["ab abcd", "a b", "ca  ab12", "ä abä", "ab ab ab", "12 12a", "b"]
    check("encoded", **tokenizer(special), texts=texts)


@exercise("12.6")
@pytest.mark.parametrize("text", ["ab<E>cd", "<EE><E>", "a<E E>", "<<E>>", "<E>", "ab<E> ab <EE>"])
def test_special_tokens(check, text):
    """Each is one number wherever it stands, and of two that begin at one place the longer one."""
    check("encoded", **tokenizer(), texts=[text, ""])


@exercise("12.6")
def test_pieces_come_again(probe):
    """Each is merged once, and no more are remembered than there is room for."""
    found = {**tokenizer(), "texts": ["ab cd ab cd", " cd ab ab", "cd"], "room": 100}
    del found["special"]
    once = probe("remembered", **found)
    assert once["merged"] == once["known"] == 4, "ab, cd with a space, ab with a space, cd"
    assert once["numbers"][0] != once["numbers"][1] and any(once["numbers"][0])
    found["texts"] = ["a b c d e f ab", "a b c d e f ab"]
    free = probe("remembered", **found)
    for room in (3, 5):
        full = probe("remembered", **{**found, "room": room})
        assert full["numbers"] == free["numbers"]
        assert full["known"] <= room and full["most"] <= room
    assert free["known"] == 7 and free["merged"] == 7


@exercise("12.6")
@pytest.mark.parametrize("part", ["<E>ab", " ab cd 12"])
def test_cost_of_a_long_text(probe, part):
    """Ten times the text: less than 15 times the lines, and what is there is not copied again."""
    numbers = {**tokenizer(), "part": part, "sizes": [100, 1000]}
    found = probe("cost_of_encoding", **numbers)
    few, many = found["lines"]
    (one, ten), (first, last) = found["numbers"], found["sums"]
    assert ten - 1 == 10 * (one - 1) > 0 and last - 4 == 10 * (first - 4)  # 4 is the e alone
    assert many < 15 * few, f"{few} lines for {len(part) * 100} letters, {many} for 10 times them"
    assert found["copies"][1] < 20, (
        f"of a text with {len(part) * 1000} letters {found['copies'][1]:.0f} times as many were "
        f"copied, letters or numbers"
    )


@exercise("12.6")
def test_cost_of_a_number(probe):
    """Text is shown while it comes: one number costs the same with 20,000 tokens as with 256."""
    found = probe("cost_of_decoding", vocabularies=[256, 20_000, 256], sizes=[2, 2, 1500])
    assert len(set(found["texts"][0])) == 2 and found["texts"][0] == found["texts"][1]
    few, many, _ = found["lines"]
    assert many < 2 * few + 50, f"{few} lines with 256 tokens, {many} with 20,000"
    assert found["copies"][2] < 20, (
        f"each of 1500 bytes was copied {found['copies'][2]:.0f} times to join them"
    )


@exercise("12.6")
def test_parts_of_characters(check):
    """Bytes are joined before they are read; what is no character is replaced."""
    numbers = {token: i for i, token in enumerate(VOCABULARY)}
    e1, e2, part, whole = (numbers[t] for t in ("Ã", "¤", "Ģ", "Ã¤"))
    lists = [[e1, e2], [whole, e1], [e2, 0], [part, part, 0], [e1, 0, e2], [40, e1, e2, 41], []]
    found = {"vocabulary": numbers, "special": SPECIAL}
    check("decoded", **found, numbers=[n for n in lists if n] + [[]])


@exercise("12.6")
def test_numbers_and_tokens_that_are_none(check, probe):
    """A number without a token, and a letter that the vocabulary lacks; the message shows it."""
    found = {"vocabulary": {"a": 0}, "special": {"<E>": 3}}
    assert probe("decoded", **found, numbers=[[0, 3]])["texts"] == ["a<E>"]
    for wrong in (1, -1, 4):
        check.raises("decoded", "ValueError", match="token", **found, numbers=[[0, wrong]])
    lacking = {**tokenizer(), "texts": ["abz"]}
    check.raises("encoded", "ValueError", match="token", **lacking)
