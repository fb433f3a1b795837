"""What people really write in chapter 12. Parsed, never imported: see CONTRIBUTING.md."""


@misconception(
    "12.1",
    "The soft hyphen, byte 173, is no visible character: it is moved behind 256 like the controls.",
)
def byte_letters():
    letters, free = [], 256
    for byte in range(256):
        if 33 <= byte <= 126 or 161 <= byte:
            letters.append(chr(byte))
        else:
            letters.append(chr(free))
            free += 1
    return letters


@misconception(
    "12.1",
    "You add 256 to each byte that is not visible. The free code points are taken one after the "
    "other: the space, the 33rd such byte, is 256 + 32, but byte 127 is 256 + 33.",
)
def byte_letters():
    letters = []
    for byte in range(256):
        if 33 <= byte <= 126 or 161 <= byte <= 172 or byte >= 174:
            letters.append(chr(byte))
        else:
            letters.append(chr(256 + byte))
    return letters


@misconception(
    "12.1",
    "You take characters instead of bytes. There are 150,000 characters, and no vocabulary has all "
    "of them; encode the text as UTF-8 first.",
)
def to_letters(text):
    letters, _ = tables()
    return "".join(letters[ord(c)] if ord(c) < 256 else c for c in text)


@misconception(
    "12.1",
    "You leave out what is the letter of no byte. A vocabulary that is not one of bytes would decode "
    "to nothing, without a word.",
)
def to_bytes(letters):
    _, bytes_of = tables()
    return bytes(bytes_of[letter] for letter in letters if letter in bytes_of)


@misconception(
    "12.2",
    "The last run is lost if it goes up to the end of Unicode: it has to be closed, too.",
)
def ranges(belongs):
    found, first = [], None
    for point in range(LAST + 1):
        inside = belongs(chr(point))
        if inside and first is None:
            first = point
        elif not inside and first is not None:
            found.append(rf"\U{first:08x}-\U{point - 1:08x}")
            first = None
    return "".join(found)


@misconception(
    "12.2",
    "A run ends before the first character that is not in it.",
)
def ranges(belongs):
    found, first = [], None
    for point in range(LAST + 2):
        inside = point <= LAST and belongs(chr(point))
        if inside and first is None:
            first = point
        elif not inside and first is not None:
            found.append(rf"\U{first:08x}-\U{min(point, LAST):08x}")
            first = None
    return "".join(found)


@misconception(
    "12.2",
    "You put brackets around a class that already stands between brackets: [^[...]] means something "
    "else.",
)
def translated(pattern):
    parts, inside, at = [], False, 0
    for match in re.finditer(r"\\[pP]\{(\w+)\}|\\.|\[|\]", pattern, re.DOTALL):
        parts.append(pattern[at : match.start()])
        at, token = match.end(), match[0]
        if token in "[]":
            inside = token == "["
        elif token[1] in "pPsS" and (match[1] or token[1] in "sS"):
            if inside and token[1].isupper():
                raise ValueError("between square brackets")
            token = written(SPACE if match[1] is None else of_category(match[1]), token, False)
        parts.append(token)
    return "".join([*parts, pattern[at:]])


@misconception(
    "12.2",
    r"You leave \s to Python, whose white space has four control characters more than Unicode's.",
)
def translated(pattern):
    parts, inside, at = [], False, 0
    for match in re.finditer(r"\\[pP]\{(\w+)\}|\\.|\[|\]", pattern, re.DOTALL):
        parts.append(pattern[at : match.start()])
        at, token = match.end(), match[0]
        if token in "[]":
            inside = token == "["
        elif token == r"\S" and inside:
            raise ValueError("between square brackets")
        elif token[1] in "pP" and match[1]:
            token = written(of_category(match[1]), token, inside)
        parts.append(token)
    return "".join([*parts, pattern[at:]])


@misconception(
    "12.2",
    "You do not see that a backslash may take away the meaning of what follows: an escaped bracket "
    "opens nothing, and behind an escaped backslash there is no class.",
)
def translated(pattern):
    parts, inside, at = [], False, 0
    for match in re.finditer(r"\\[pP]\{(\w+)\}|\\[sS]|\[|\]", pattern, re.DOTALL):
        parts.append(pattern[at : match.start()])
        at, token = match.end(), match[0]
        if token in "[]":
            inside = token == "["
        else:
            token = written(SPACE if match[1] is None else of_category(match[1]), token, inside)
        parts.append(token)
    return "".join([*parts, pattern[at:]])


@misconception(
    "12.2",
    r"\P is the opposite of \p: all characters that are not of the category.",
)
def translated(pattern):
    parts, inside, at = [], False, 0
    for match in re.finditer(r"\\[pP]\{(\w+)\}|\\.|\[|\]", pattern, re.DOTALL):
        parts.append(pattern[at : match.start()])
        at, token = match.end(), match[0]
        if token in "[]":
            inside = token == "["
        elif token[1] in "pPsS" and (match[1] or token[1] in "sS"):
            if inside and token[1].isupper():
                raise ValueError("between square brackets")
            token = written(
                SPACE if match[1] is None else of_category(match[1]), token.lower(), inside
            )
        parts.append(token)
    return "".join([*parts, pattern[at:]])


@misconception(
    "12.3",
    "You count each word once. A word that occurs a hundred times has its pairs a hundred times.",
)
def count_pairs(words):
    counts = {}
    for tokens, _ in words:
        for pair in zip(tokens, tokens[1:]):
            counts[pair] = counts.get(pair, 0) + 1
    return counts


@misconception(
    "12.3",
    "You count a pair once for each word, even if it stands in it several times.",
)
def count_pairs(words):
    counts = {}
    for tokens, times in words:
        for pair in {*zip(tokens, tokens[1:])}:
            counts[pair] = counts.get(pair, 0) + times
    return counts


@misconception(
    "12.3",
    "You count pairs that overlap once only. In a a a the pair (a, a) occurs twice.",
)
def count_pairs(words):
    counts = {}
    for tokens, times in words:
        last = None
        for i, pair in enumerate(zip(tokens, tokens[1:])):
            if last == (i - 1, pair):
                last = None
                continue
            counts[pair] = counts.get(pair, 0) + times
            last = (i, pair)
    return counts


@misconception(
    "12.3",
    "You join letters without looking where tokens end: the pair (a, bc) has the same letters as "
    "(ab, c), and is another pair.",
)
def count_pairs(words):
    counts, first = {}, {}
    for tokens, times in words:
        for pair in zip(tokens, tokens[1:]):
            key = first.setdefault("".join(pair), pair)
            counts[key] = counts.get(key, 0) + times
    return counts


@misconception(
    "12.3",
    "You step over one token after a merge instead of two: the second half is still there.",
)
def merged(tokens, pair):
    found, i = [], 0
    while i < len(tokens):
        if tuple(tokens[i : i + 2]) == pair:
            found.append(pair[0] + pair[1])
        else:
            found.append(tokens[i])
        i += 1
    return found


@misconception(
    "12.3",
    "You stop one token too early: the last one of a word is lost.",
)
def merged(tokens, pair):
    found, i = [], 0
    while i < len(tokens) - 1:
        if tuple(tokens[i : i + 2]) == pair:
            found.append(pair[0] + pair[1])
            i += 2
        else:
            found.append(tokens[i])
            i += 1
    return found


@misconception(
    "12.3",
    "You merge only the first occurrence.",
)
def merged(tokens, pair):
    for i in range(len(tokens) - 1):
        if (tokens[i], tokens[i + 1]) == pair:
            return [*tokens[:i], pair[0] + pair[1], *tokens[i + 2 :]]
    return list(tokens)


@misconception(
    "12.4",
    "Of equally frequent pairs you take the one that happens to come first in a dictionary. Another "
    "order of the words gives other merges; the numbers of the tokens decide.",
)
def learn_merges(words, count, letters, least=1):
    for word in words:
        for letter in word:
            if letter not in letters:
                raise ValueError("none of the letters")
    tokens, times = [list(word) for word in words], list(words.values())
    counts, places = count_pairs(zip(tokens, times)), {}
    for i, word in enumerate(tokens):
        for pair in zip(word, word[1:]):
            places.setdefault(pair, set()).add(i)
    order = {pair: i for i, pair in enumerate(counts)}
    queue = [(-n, order[pair], pair) for pair, n in counts.items()]
    heapify(queue)
    merges = {}
    while queue and len(merges) < count:
        negative, _, pair = heappop(queue)
        if -negative != counts[pair]:
            continue
        if -negative < max(least, 1):
            break
        merges[pair] = None
        changed = set()
        for i in sorted(places.pop(pair)):
            changed |= replace(i, pair, tokens, times[i], counts, places)
        for other in sorted(changed):
            order.setdefault(other, len(order))
            heappush(queue, (-counts[other], order[other], other))
    return list(merges)


@misconception(
    "12.4",
    "Of equally frequent pairs you take the one with the highest numbers. The lowest are asked for.",
)
def learn_merges(words, count, letters, least=1):
    numbers = {letter: i for i, letter in enumerate(letters)}
    for word in words:
        for letter in word:
            if letter not in numbers:
                raise ValueError("none of the letters")
    tokens, times = [list(word) for word in words], list(words.values())
    counts, places = count_pairs(zip(tokens, times)), {}
    for i, word in enumerate(tokens):
        for pair in zip(word, word[1:]):
            places.setdefault(pair, set()).add(i)

    def entry(pair):
        return -counts[pair], -numbers[pair[0]], -numbers[pair[1]], pair

    queue = [entry(pair) for pair in counts]
    heapify(queue)
    merges = {}
    while queue and len(merges) < count:
        negative, _, _, pair = heappop(queue)
        if -negative != counts[pair]:
            continue
        if -negative < max(least, 1):
            break
        merges[pair] = None
        numbers.setdefault(pair[0] + pair[1], len(numbers))
        changed = set()
        for i in places.pop(pair):
            changed |= replace(i, pair, tokens, times[i], counts, places)
        for other in changed:
            heappush(queue, entry(other))
    return list(merges)


@misconception(
    "12.4",
    "You decide between equally frequent pairs by their letters, in the order of the alphabet. Their "
    "numbers decide, and a new token has a higher one than every letter.",
)
def learn_merges(words, count, letters, least=1):
    numbers = {letter: i for i, letter in enumerate(letters)}
    for word in words:
        for letter in word:
            if letter not in numbers:
                raise ValueError("none of the letters")
    tokens, times = [list(word) for word in words], list(words.values())
    counts, places = count_pairs(zip(tokens, times)), {}
    for i, word in enumerate(tokens):
        for pair in zip(word, word[1:]):
            places.setdefault(pair, set()).add(i)
    queue = [(-n, pair) for pair, n in counts.items()]
    heapify(queue)
    merges = {}
    while queue and len(merges) < count:
        negative, pair = heappop(queue)
        if -negative != counts[pair]:
            continue
        if -negative < max(least, 1):
            break
        merges[pair] = None
        changed = set()
        for i in places.pop(pair):
            changed |= replace(i, pair, tokens, times[i], counts, places)
        for other in changed:
            heappush(queue, (-counts[other], other))
    return list(merges)


@misconception(
    "12.4",
    "You count all pairs of all words again for every merge. That is right, and takes hours on a "
    "megabyte: only the words with the merged pair have changed.",
)
def learn_merges(words, count, letters, least=1):
    numbers = {letter: i for i, letter in enumerate(letters)}
    for word in words:
        for letter in word:
            if letter not in numbers:
                raise ValueError("none of the letters")
    tokens, times, merges = [list(word) for word in words], list(words.values()), {}
    while len(merges) < count:
        counts = count_pairs(zip(tokens, times))
        if not counts or max(counts.values()) < max(least, 1):
            break
        pair = min(counts, key=lambda p: entry(p, counts[p], numbers))
        merges[pair] = None
        numbers.setdefault(pair[0] + pair[1], len(numbers))
        tokens = [merged(word, pair) for word in tokens]
    return list(merges)


@misconception(
    "12.4",
    "You merge pairs that occur less often than least.",
)
def learn_merges(words, count, letters, least=1):
    numbers = {letter: i for i, letter in enumerate(letters)}
    for word in words:
        for letter in word:
            if letter not in numbers:
                raise ValueError("none of the letters")
    tokens, times = [list(word) for word in words], list(words.values())
    counts, places = count_pairs(zip(tokens, times)), {}
    for i, word in enumerate(tokens):
        for pair in zip(word, word[1:]):
            places.setdefault(pair, set()).add(i)
    queue = [entry(pair, n, numbers) for pair, n in counts.items()]
    heapify(queue)
    merges = {}
    while queue and len(merges) < count:
        negative, _, _, pair = heappop(queue)
        if -negative != counts[pair]:
            continue
        if -negative < 1:
            break
        merges[pair] = None
        numbers.setdefault(pair[0] + pair[1], len(numbers))
        changed = set()
        for i in places.pop(pair):
            changed |= replace(i, pair, tokens, times[i], counts, places)
        for other in changed:
            heappush(queue, entry(other, counts[other], numbers))
    return list(merges)


@misconception(
    "12.4",
    "You add the new pairs, but the old ones keep their counts, as if they were still there.",
)
def replace(i, pair, tokens, times, counts, places):
    after = merged(tokens[i], pair)
    new = list(zip(after, after[1:]))
    old = list(zip(tokens[i], tokens[i][1:]))
    for other in new:
        if other not in old:
            counts[other] = counts.get(other, 0) + times
        places.setdefault(other, set()).add(i)
    tokens[i] = after
    return {*old, *new}


@misconception(
    "12.4",
    "You change counts by one. The word occurs as often as times says.",
)
def replace(i, pair, tokens, times, counts, places):
    before, after = tokens[i], merged(tokens[i], pair)
    old, new = list(zip(before, before[1:])), list(zip(after, after[1:]))
    for other in old:
        counts[other] -= 1
    for other in new:
        counts[other] = counts.get(other, 0) + 1
        places.setdefault(other, set()).add(i)
    tokens[i] = after
    return {*old, *new}


@misconception(
    "12.4",
    "You do not note that the word has the new pairs: when one of them is merged, this word is "
    "forgotten.",
)
def replace(i, pair, tokens, times, counts, places):
    before, after = tokens[i], merged(tokens[i], pair)
    old, new = list(zip(before, before[1:])), list(zip(after, after[1:]))
    for other in old:
        counts[other] -= times
    for other in new:
        counts[other] = counts.get(other, 0) + times
        if other not in old:
            places.setdefault(other, set())
    tokens[i] = after
    return {*old, *new}


@misconception(
    "12.4",
    "You take what comes out of the queue as it is. A count may have changed since it was "
    "pushed: an entry that does not have the present one is thrown away.",
)
def learn_merges(words, count, letters, least=1):
    numbers = {letter: i for i, letter in enumerate(letters)}
    for word in words:
        for letter in word:
            if letter not in numbers:
                raise ValueError(f"[learn_merges] {letter!r} is none of the letters.")
    tokens, times = [list(word) for word in words], list(words.values())
    counts = count_pairs(zip(tokens, times))
    places = {}
    for i, parts in enumerate(tokens):
        for pair in zip(parts, parts[1:]):
            places.setdefault(pair, set()).add(i)
    queue = [entry(pair, n, numbers) for pair, n in counts.items()]
    heapify(queue)
    merges = []
    while queue and len(merges) < count:
        negative, _, _, pair = heappop(queue)
        if pair not in places:
            continue
        if -negative < max(least, 1):
            break
        merges.append(pair)
        numbers[pair[0] + pair[1]] = len(numbers)
        changed = set()
        for i in places.pop(pair):
            changed |= replace(i, pair, tokens, times[i], counts, places)
        for other in changed:
            heappush(queue, entry(other, counts[other], numbers))
    return merges


@misconception(
    "12.4",
    "Counts are kept, but for each merge you look through all pairs for the greatest. A "
    "large text has hundreds of thousands; a heap gives it at once.",
)
def learn_merges(words, count, letters, least=1):
    numbers = {letter: i for i, letter in enumerate(letters)}
    for word in words:
        for letter in word:
            if letter not in numbers:
                raise ValueError(f"[learn_merges] {letter!r} is none of the letters.")
    tokens, times = [list(word) for word in words], list(words.values())
    counts = count_pairs(zip(tokens, times))
    places = {}
    for i, parts in enumerate(tokens):
        for pair in zip(parts, parts[1:]):
            places.setdefault(pair, set()).add(i)
    merges = []
    while counts and len(merges) < count:
        pair = min(counts, key=lambda p: (-counts[p], numbers[p[0]], numbers[p[1]]))
        if counts[pair] < max(least, 1):
            break
        merges.append(pair)
        numbers[pair[0] + pair[1]] = len(numbers)
        for i in places.pop(pair):
            replace(i, pair, tokens, times[i], counts, places)
    return merges


@misconception(
    "12.4",
    "You look at the old neighbours of each merged pair. Where two merges stand side by "
    "side, as in abab, the neighbour is a new token, too: compare the whole word before and "
    "after.",
)
def replace(i, pair, tokens, times, counts, places):
    before, after = tokens[i], merged(tokens[i], pair)
    changed = set()
    at, new = 0, pair[0] + pair[1]
    while at < len(before) - 1:
        if (before[at], before[at + 1]) == pair:
            counts[pair] -= times
            changed.add(pair)
            if at > 0:
                old, now = (before[at - 1], pair[0]), (before[at - 1], new)
                counts[old] = counts.get(old, 0) - times
                counts[now] = counts.get(now, 0) + times
                places.setdefault(now, set()).add(i)
                changed |= {old, now}
            if at + 2 < len(before):
                old, now = (pair[1], before[at + 2]), (new, before[at + 2])
                counts[old] = counts.get(old, 0) - times
                counts[now] = counts.get(now, 0) + times
                places.setdefault(now, set()).add(i)
                changed |= {old, now}
            at += 2
        else:
            at += 1
    tokens[i] = after
    return changed


@misconception(
    "12.5",
    "Of a pair that is listed twice the last place wins, as dict(zip(...)) has it. It was learned "
    "when it was listed first.",
)
def ranks_of(merges):
    return {pair: i for i, pair in enumerate(merges)}


@misconception(
    "12.5",
    "You take the most frequent pair of the word. That is how merges are learned; they are applied in "
    "the order in which they were learned, the lowest rank first.",
)
def apply_merges(letters, ranks):
    tokens = list(letters)
    while True:
        counts = {}
        for pair in zip(tokens, tokens[1:]):
            if pair in ranks:
                counts[pair] = counts.get(pair, 0) + 1
        if not counts:
            return tokens
        pair = max(counts, key=counts.get)
        found, i = [], 0
        while i < len(tokens):
            if tuple(tokens[i : i + 2]) == pair:
                found.append(pair[0] + pair[1])
                i += 2
            else:
                found.append(tokens[i])
                i += 1
        tokens = found


@misconception(
    "12.5",
    "You take the longest token that fits, from left to right. That is WordPiece; here the merge of "
    "the lowest rank comes first, wherever it is.",
)
def apply_merges(letters, ranks):
    known = {*letters, *(a + b for a, b in ranks)}
    tokens, start = [], 0
    text = "".join(letters)
    while start < len(text):
        for end in range(len(text), start, -1):
            if text[start:end] in known:
                break
        tokens.append(text[start:end])
        start = end
    return tokens


@misconception(
    "12.5",
    "You merge the first pair from the left that may be merged, whatever its rank.",
)
def apply_merges(letters, ranks):
    tokens, i = list(letters), 0
    while i < len(tokens) - 1:
        if (tokens[i], tokens[i + 1]) in ranks:
            tokens[i : i + 2] = [tokens[i] + tokens[i + 1]]
            i = 0
        else:
            i += 1
    return tokens


@misconception(
    "12.5",
    "You go through the merges once, in their order. A merge may become possible after one of higher "
    "rank has been applied.",
)
def apply_merges(letters, ranks):
    tokens = list(letters)
    for pair in sorted(ranks, key=ranks.get):
        found, i = [], 0
        while i < len(tokens):
            if tuple(tokens[i : i + 2]) == pair:
                found.append(pair[0] + pair[1])
                i += 2
            else:
                found.append(tokens[i])
                i += 1
        tokens = found
    return tokens


@misconception(
    "12.5",
    "You look at the whole word again after each merge. That is right, but quadratic: a word of "
    "11,000 characters takes seconds. Only the neighbours of the merged pair are new.",
)
def apply_merges(letters, ranks):
    tokens = list(letters)
    while len(tokens) > 1:
        best, place = None, None
        for i in range(len(tokens) - 1):
            rank = ranks.get((tokens[i], tokens[i + 1]))
            if rank is not None and (best is None or rank < best):
                best, place = rank, i
        if place is None:
            break
        tokens[place : place + 2] = [tokens[place] + tokens[place + 1]]
    return tokens


@misconception(
    "12.5",
    "You merge what the queue says without looking whether it is still there: one of the two tokens "
    "may have become part of another one.",
)
def apply_merges(letters, ranks):
    tokens = list(letters)
    n = len(tokens)
    before, after = list(range(-1, n - 1)), list(range(1, n + 1))
    queue = []

    def look(i, j):
        if i >= 0 and j < n and (tokens[i], tokens[j]) in ranks:
            heappush(queue, (ranks[tokens[i], tokens[j]], i, (tokens[i], tokens[j])))

    for i in range(n - 1):
        look(i, i + 1)
    while queue:
        _, i, pair = heappop(queue)
        j = after[i]
        if j >= n or tokens[i] is None or tokens[j] is None:
            continue
        tokens[i], tokens[j] = tokens[i] + tokens[j], None
        after[i] = after[j]
        if after[j] < n:
            before[after[j]] = i
        look(before[i], i)
        look(i, after[i])
    return [token for token in tokens if token is not None]


@misconception(
    "12.6",
    "You do not cut the text into pieces, so merges cross spaces: dog and dog. become unrelated "
    "tokens, and the memo remembers whole sentences.",
)
def encode(self, text):
    numbers = []
    for part in self.specials.split(text) if self.special else [text]:
        if part in self.special:
            numbers.append(self.special[part])
        elif part:
            numbers += self.numbers_of(to_letters(part))
    return numbers


@misconception(
    "12.6",
    "You treat special tokens as text. A model that was trained with one number for the end gets five "
    "letters.",
)
def encode(self, text):
    numbers = []
    for piece in self.cut(text):
        if piece not in self.known:
            if len(self.known) >= REMEMBERED:
                self.known.clear()
            self.known[piece] = self.numbers_of(to_letters(piece))
        numbers += self.known[piece]
    return numbers


@misconception(
    "12.6",
    "You remember nothing: every piece is merged again each time it comes, and the is every 20th "
    "word of English.",
)
def encode(self, text):
    numbers = []
    for part in self.specials.split(text) if self.special else [text]:
        if part in self.special:
            numbers.append(self.special[part])
            continue
        for piece in self.cut(part):
            numbers += self.numbers_of(to_letters(piece))
    return numbers


@misconception(
    "12.6",
    "You remember without end. A server that encodes texts for a month has them all in memory.",
)
def encode(self, text):
    numbers = []
    for part in self.specials.split(text) if self.special else [text]:
        if part in self.special:
            numbers.append(self.special[part])
            continue
        for piece in self.cut(part):
            if piece not in self.known:
                self.known[piece] = self.numbers_of(to_letters(piece))
            numbers += self.known[piece]
    return numbers


@misconception(
    "12.6",
    "You add the numbers of the next piece to the list that is remembered for the first one.",
)
def encode(self, text):
    numbers = None
    for part in self.specials.split(text) if self.special else [text]:
        if part in self.special:
            numbers = [*(numbers or []), self.special[part]]
            continue
        for piece in self.cut(part):
            if piece not in self.known:
                if len(self.known) >= REMEMBERED:
                    self.known.clear()
                self.known[piece] = self.numbers_of(to_letters(piece))
            if numbers is None:
                numbers = self.known[piece]
            else:
                numbers += self.known[piece]
    return numbers or []


@misconception(
    "12.6",
    "You read each token as text by itself. A character may be divided among tokens; join their "
    "bytes first.",
)
def decode(self, numbers):
    return "".join(self.bytes_of(n).decode("utf-8", errors="replace") for n in numbers)


@misconception(
    "12.6",
    "You leave out what is no character, so that half a character vanishes without a trace.",
)
def decode(self, numbers):
    return b"".join([self.bytes_of(n) for n in numbers]).decode("utf-8", errors="ignore")


@misconception(
    "12.6",
    "Half a character at the end stops your decoder with an error. Whoever reads a model's tokens "
    "while they come has such a half every other time.",
)
def decode(self, numbers):
    return b"".join([self.bytes_of(n) for n in numbers]).decode("utf-8")


@misconception(
    "12.6",
    "You turn the vocabulary round for every call: 50,000 steps to show one number. "
    "`bytes_of` has it turned already.",
)
def decode(self, numbers):
    tokens = {number: token for token, number in self.vocabulary.items()}
    special = {number: token for token, number in self.special.items()}
    parts = []
    for number in numbers:
        if number in special:
            parts.append(special[number].encode("utf-8"))
        elif number in tokens:
            parts.append(to_bytes(tokens[number]))
        else:
            raise ValueError(f"[decode] {number} is the number of no token.")
    return b"".join(parts).decode("utf-8", errors="replace")


@misconception(
    "12.6",
    "You leave special tokens out. They are written as they are; who does not want them "
    "takes them away before.",
)
def decode(self, numbers):
    parts = [self.bytes_of(number) for number in numbers if number not in self.named]
    return b"".join(parts).decode("utf-8", errors="replace")


@misconception(
    "12.6",
    "`numbers = numbers + more` copies all that was there for each piece: twice the text, "
    "four times the work. `+=` makes the list longer.",
)
def encode(self, text):
    numbers = []
    for part in self.specials.split(text) if self.special else [text]:
        if part in self.special:
            numbers = numbers + [self.special[part]]
            continue
        for piece in self.cut(part):
            if piece not in self.known:
                found = self.numbers_of(to_letters(piece))
                if len(self.known) >= REMEMBERED:
                    self.known.clear()
                self.known[piece] = found
            numbers = numbers + self.known[piece]
    return numbers


@misconception(
    "12.7",
    "You leave out the last batch of each length where it is not full. In every epoch other pairs are "
    "never seen.",
)
def plan(self):
    keys = core.random.split(core.random.key(self.seed + 1000 * self.epoch), 2)
    place = {
        p: i for i, p in enumerate(core.random.permutation(len(self.sources), key=keys[0]).tolist())
    }
    batches = []
    for length, pairs in self.buckets.items():
        pairs, rows = sorted(pairs, key=place.__getitem__), self.rows(length)
        batches += [(length, pairs[i : i + rows]) for i in range(0, len(pairs) - rows + 1, rows)]
    return [batches[i] for i in core.random.permutation(len(batches), key=keys[1]).tolist()]


@misconception(
    "12.7",
    "Your epochs all have the same order: the key has to follow from the number of the epoch, too.",
)
def plan(self):
    keys = core.random.split(core.random.key(self.seed), 2)
    place = {
        p: i for i, p in enumerate(core.random.permutation(len(self.sources), key=keys[0]).tolist())
    }
    batches = []
    for length, pairs in self.buckets.items():
        pairs, rows = sorted(pairs, key=place.__getitem__), self.rows(length)
        batches += [(length, pairs[i : i + rows]) for i in range(0, len(pairs), rows)]
    return [batches[i] for i in core.random.permutation(len(batches), key=keys[1]).tolist()]


@misconception(
    "12.7",
    "Short batches come first and long ones last, so every epoch ends with a model for long "
    "sentences. Mix the batches as well.",
)
def plan(self):
    key = core.random.key(self.seed + 1000 * self.epoch)
    place = {
        p: i for i, p in enumerate(core.random.permutation(len(self.sources), key=key).tolist())
    }
    batches = []
    for length, pairs in self.buckets.items():
        pairs, rows = sorted(pairs, key=place.__getitem__), self.rows(length)
        batches += [(length, pairs[i : i + rows]) for i in range(0, len(pairs), rows)]
    return batches


@misconception(
    "12.7",
    "The batches are mixed, but the same pairs are always together in one. Mix the pairs of each "
    "length before you cut.",
)
def plan(self):
    key = core.random.key(self.seed + 1000 * self.epoch)
    batches = []
    for length, pairs in self.buckets.items():
        rows = self.rows(length)
        batches += [(length, pairs[i : i + rows]) for i in range(0, len(pairs), rows)]
    return [batches[i] for i in core.random.permutation(len(batches), key=key).tolist()]


@misconception(
    "12.7",
    "You draw from the global random state. Who goes on with a run in the middle then has another "
    "order, and everything random in the model changes with the batches.",
)
def plan(self):
    core.random.seed(self.seed + 1000 * self.epoch)
    place = {p: i for i, p in enumerate(core.random.permutation(len(self.sources)).tolist())}
    batches = []
    for length, pairs in self.buckets.items():
        pairs, rows = sorted(pairs, key=place.__getitem__), self.rows(length)
        batches += [(length, pairs[i : i + rows]) for i in range(0, len(pairs), rows)]
    return [batches[i] for i in core.random.permutation(len(batches)).tolist()]


@misconception(
    "12.7",
    "You fill up in front. Then the first token of a sentence is at another position in every batch; "
    "padding goes behind.",
)
def filled(self, sentences, length, pairs):
    rows = [[*[self.pad] * (length - len(sentences[i])), *sentences[i]] for i in pairs]
    rows += [[self.pad] * length] * (self.rows(length) - len(rows))
    return core.array(rows)


@misconception(
    "12.7",
    "The last batch of a length has fewer rows: a shape more, for which a compiled step is compiled "
    "once more. Fill it up with rows of padding.",
)
def filled(self, sentences, length, pairs):
    return core.array([[*sentences[i], *[self.pad] * (length - len(sentences[i]))] for i in pairs])


@misconception(
    "12.7",
    "You fill up to the longest sentence of the batch, so that nearly every batch has another shape.",
)
def filled(self, sentences, length, pairs):
    length = max(len(sentences[i]) for i in pairs)
    rows = [[*sentences[i], *[self.pad] * (length - len(sentences[i]))] for i in pairs]
    return core.array(rows)


@misconception(
    "12.7",
    "You look for each pair in the list of the mixed ones: as many comparisons as pairs, "
    "for each pair. A dictionary has the places at once.",
)
def plan(self):
    keys = core.random.split(core.random.key(self.seed + 1000 * self.epoch), 2)
    mixed = core.random.permutation(len(self.sources), key=keys[0]).tolist()
    batches = []
    for length, pairs in self.buckets.items():
        pairs, rows = sorted(pairs, key=mixed.index), self.rows(length)
        batches += [(length, pairs[i : i + rows]) for i in range(0, len(pairs), rows)]
    return [batches[i] for i in core.random.permutation(len(batches), key=keys[1]).tolist()]


@misconception(
    "12.7",
    "To come to an epoch you walk through all before it. A run that goes on in epoch 1000 "
    "waits: the key follows from the number itself.",
)
def plan(self):
    key = core.random.key(self.seed)
    for _ in range(self.epoch):
        key, _ = core.random.split(key, 2)
    keys = core.random.split(key, 3)[1:]
    mixed = core.random.permutation(len(self.sources), key=keys[0]).tolist()
    place = {pair: i for i, pair in enumerate(mixed)}
    batches = []
    for length, pairs in self.buckets.items():
        pairs, rows = sorted(pairs, key=place.__getitem__), self.rows(length)
        batches += [(length, pairs[i : i + rows]) for i in range(0, len(pairs), rows)]
    return [batches[i] for i in core.random.permutation(len(batches), key=keys[1]).tolist()]


@misconception(
    "12.7",
    "You fill up with 0. `pad` says which number it is; 0 may be a word.",
)
def filled(self, sentences, length, pairs):
    rows = [[*sentences[i], *[0] * (length - len(sentences[i]))] for i in pairs]
    rows += [[0] * length] * (self.rows(length) - len(rows))
    return core.array(rows)


@misconception(
    "12.8",
    "The goal of a place is the token that is read there: a copy task, whose loss soon is 0, and "
    "which teaches nothing. It is the one behind.",
)
def shifted(sentences):
    return sentences[:, :-1], sentences[:, :-1]


@misconception(
    "12.8",
    "You shift twice: the goal is the token after the next one.",
)
def shifted(sentences):
    return sentences[:, :-2], sentences[:, 2:]


@misconception(
    "12.8",
    "You shift the wrong way: the model is to say what it read one place earlier.",
)
def shifted(sentences):
    return sentences[:, 1:], sentences[:, :-1]


@misconception(
    "12.8",
    "Padding counts in your loss. Half of all places are padding, the model learns to write it, and "
    "the loss looks small.",
)
def smoothed_loss(logits, goals, pad, smoothing=0.0):
    each = cross_entropy(logits.astype(core.float32), goals, label_smoothing=smoothing)
    return core.mean(each).astype(logits.dtype)


@misconception(
    "12.8",
    "You set the loss of padding to 0, but divide by all places: a batch with much padding then "
    "counts less.",
)
def smoothed_loss(logits, goals, pad, smoothing=0.0):
    each = cross_entropy(logits.astype(core.float32), goals, label_smoothing=smoothing)
    return core.mean(core.where(goals != pad, each, 0)).astype(logits.dtype)


@misconception(
    "12.8",
    "Of a place of padding you leave out the likelihood, but its smoothing still counts.",
)
def smoothed_loss(logits, goals, pad, smoothing=0.0):
    if not 0 <= smoothing < 1:
        raise ValueError("smoothing")
    logits32 = logits.astype(core.float32)
    keep = goals != pad
    right = cross_entropy(logits32, goals)
    spread = core.logsumexp(logits32, axis=-1) - core.mean(logits32, axis=-1)
    count = core.maximum(core.sum(keep), 1)
    total = (1 - smoothing) * core.sum(core.where(keep, right, 0)) + smoothing * core.sum(spread)
    return (total / count).astype(logits.dtype)


@misconception(
    "12.8",
    "Without a goal you divide by 0, and the loss is nan for ever after.",
)
def smoothed_loss(logits, goals, pad, smoothing=0.0):
    each = cross_entropy(logits.astype(core.float32), goals, label_smoothing=smoothing)
    keep = goals != pad
    return (core.sum(core.where(keep, each, 0)) / core.sum(keep)).astype(logits.dtype)


@misconception(
    "12.8",
    "You sum in the dtype of the logits. In half precision a few thousand losses are infinite "
    "together, or are rounded away.",
)
def smoothed_loss(logits, goals, pad, smoothing=0.0):
    each = cross_entropy(logits, goals, label_smoothing=smoothing)
    keep = goals != pad
    total = core.sum(core.where(keep, each, core.zeros_like(each)))
    return total / core.maximum(core.sum(keep), 1).astype(logits.dtype)


@misconception(
    "12.9",
    "Your first step has the rate 0 and is wasted. After step s there are s + 1 steps.",
)
def inverse_square_root(peak, warm_up):
    if warm_up < 1:
        raise ValueError(f"[inverse_square_root] warm_up {warm_up} is below 1.")

    def schedule(step):
        made = core.array(step * 1.0)
        return peak * core.minimum(made / warm_up, (warm_up / core.maximum(made, 1)) ** 0.5)

    return schedule


@misconception(
    "12.9",
    "You fall with the number of steps. With its root the rate falls more and more slowly.",
)
def inverse_square_root(peak, warm_up):
    if warm_up < 1:
        raise ValueError(f"[inverse_square_root] warm_up {warm_up} is below 1.")

    def schedule(step):
        made = core.array(step + 1.0)
        return peak * core.minimum(made / warm_up, warm_up / made)

    return schedule


@misconception(
    "12.9",
    "You forget the factor that makes both parts meet: at the top the rate jumps down.",
)
def inverse_square_root(peak, warm_up):
    if warm_up < 1:
        raise ValueError(f"[inverse_square_root] warm_up {warm_up} is below 1.")

    def schedule(step):
        made = core.array(step + 1.0)
        return peak * core.where(made <= warm_up, made / warm_up, made**-0.5)

    return schedule


@misconception(
    "12.9",
    "An if decides about an array. In a compiled step there is no number yet to decide about.",
)
def inverse_square_root(peak, warm_up):
    if warm_up < 1:
        raise ValueError(f"[inverse_square_root] warm_up {warm_up} is below 1.")

    def schedule(step):
        made = step + 1.0
        if made < warm_up:
            return core.array(peak * made / warm_up)
        return core.array(peak * (warm_up / made) ** 0.5)

    return schedule


@misconception(
    "12.9",
    "That is the formula of the paper, in which the factor is not the peak: at the top it "
    "has 1 / sqrt(warm_up) of it.",
)
def inverse_square_root(peak, warm_up):
    if warm_up < 1:
        raise ValueError(f"[inverse_square_root] warm_up should be at least 1; it is {warm_up}.")

    def schedule(step):
        made = core.array(step + 1.0)
        return peak * core.minimum(made * warm_up**-1.5, made**-0.5)

    return schedule


@misconception(
    "12.9",
    "You count the fall from the end of the rise. It goes with the root of all steps made, "
    "else the rate is at half of the peak after three.",
)
def inverse_square_root(peak, warm_up):
    if warm_up < 1:
        raise ValueError(f"[inverse_square_root] warm_up should be at least 1; it is {warm_up}.")

    def schedule(step):
        made = core.array(step + 1.0)
        return peak * core.minimum(made / warm_up, core.maximum(made - warm_up + 1, 1) ** -0.5)

    return schedule


@misconception(
    "12.9",
    "You look at `warm_up` in the first step. The mistake is known when the schedule is "
    "made, before a model has been loaded.",
)
def inverse_square_root(peak, warm_up):
    def schedule(step):
        if warm_up < 1:
            raise ValueError(
                f"[inverse_square_root] warm_up should be at least 1; it is {warm_up}."
            )
        made = core.array(step + 1.0)
        return peak * core.minimum(made / warm_up, (warm_up / made) ** 0.5)

    return schedule


@misconception(
    "12.10",
    "You add sines as large as 1 to rows whose numbers are near 1 / sqrt(dims): the words drown. "
    "Multiply the rows by sqrt(dims) first.",
)
def embed(self, tokens, start=0):
    positions = self.positions(core.arange(start, start + tokens.shape[1]))
    return self.dropout(self.embedding(tokens) + positions)


@misconception(
    "12.10",
    "You forget start: a token that comes later by itself is told that it is the first.",
)
def embed(self, tokens, start=0):
    positions = self.positions(core.arange(tokens.shape[1]))
    return self.dropout(self.embedding(tokens) * math.sqrt(self.dims) + positions)


@misconception(
    "12.10",
    "You multiply the positions as well. Only the rows of the table are too small.",
)
def embed(self, tokens, start=0):
    positions = self.positions(core.arange(start, start + tokens.shape[1]))
    return self.dropout((self.embedding(tokens) + positions) * math.sqrt(self.dims))


@misconception(
    "12.10",
    "You never drop anything of the vectors.",
)
def embed(self, tokens, start=0):
    positions = self.positions(core.arange(start, start + tokens.shape[1]))
    return self.embedding(tokens) * math.sqrt(self.dims) + positions


@misconception(
    "12.10",
    "Your mask is true at padding. True means: may be asked.",
)
def encode(self, source):
    keep = (source == self.pad)[:, None, None]
    return self.transformer.encoder(self.embed(source), keep), keep


@misconception(
    "12.10",
    "The encoder sees padding: the same sentence means something else in a longer batch.",
)
def encode(self, source):
    keep = (source != self.pad)[:, None, None]
    return self.transformer.encoder(self.embed(source), None), keep


@misconception(
    "12.10",
    "The decoder sees the future: it reads each token that it is to say. A mask for the padding is "
    "not enough.",
    symbol="Translator.__call__",
)
def __call__(self, source, target):
    memory, keep = self.encode(source)
    x = self.transformer.decoder(self.embed(target), memory, None, keep)
    return self.embedding.as_linear(x)


@misconception(
    "12.10",
    "The decoder asks the padding of the source.",
    symbol="Translator.__call__",
)
def __call__(self, source, target):
    memory, keep = self.encode(source)
    x = self.transformer.decoder(self.embed(target), memory, "causal", None)
    return self.embedding.as_linear(x)


@misconception(
    "12.10",
    "You hide from word t of the translation what stands behind place t of the source. Only the "
    "translation is causal; the last word of a German sentence may be the second of the English one.",
    symbol="Translator.__call__",
)
def __call__(self, source, target):
    memory, keep = self.encode(source)
    places = core.arange(source.shape[1]) <= core.arange(target.shape[1])[:, None]
    x = self.transformer.decoder(self.embed(target), memory, "causal", keep & places)
    return self.embedding.as_linear(x)


@misconception(
    "12.11",
    "You take the keys and values of the memory from the self attention's matrices.",
    symbol="Translator.start",
)
def start(self, source):
    memory, keep = self.encode(source)
    layers = [
        {"memory": projected(layer.self_attention, memory), "past": None}
        for layer in self.transformer.decoder.layers
    ]
    return {"keep": keep, "layers": layers}


@misconception(
    "12.11",
    "Every token has position 0. Its position is the number of keys that are there already.",
    symbol="Translator.step",
)
def step(self, tokens, state):
    x = self.embed(tokens[:, None], 0)
    layers = []
    for layer, kept in zip(self.transformer.decoder.layers, state["layers"]):
        y = layer.ln1(x)
        past = extended(kept["past"], projected(layer.self_attention, y))
        x = x + attended(layer.self_attention, y, past, None)
        y = layer.ln2(x)
        x = x + attended(layer.cross_attention, y, kept["memory"], state["keep"])
        x = x + layer.feed_forward(layer.ln3(x))
        layers.append({"memory": kept["memory"], "past": past})
    x = self.transformer.decoder.ln(x)
    return self.embedding.as_linear(x)[:, 0], {"keep": state["keep"], "layers": layers}


@misconception(
    "12.11",
    "You change the state that was given. Beams go on from one state several times.",
    symbol="Translator.step",
)
def step(self, tokens, state):
    past = state["layers"][0]["past"]
    x = self.embed(tokens[:, None], 0 if past is None else past[0].shape[2])
    for layer, kept in zip(self.transformer.decoder.layers, state["layers"]):
        y = layer.ln1(x)
        kept["past"] = extended(kept["past"], projected(layer.self_attention, y))
        x = x + attended(layer.self_attention, y, kept["past"], None)
        y = layer.ln2(x)
        x = x + attended(layer.cross_attention, y, kept["memory"], state["keep"])
        x = x + layer.feed_forward(layer.ln3(x))
    x = self.transformer.decoder.ln(x)
    return self.embedding.as_linear(x)[:, 0], state


@misconception(
    "12.11",
    "You keep nothing of the past: each token sees only itself and the source.",
    symbol="Translator.step",
)
def step(self, tokens, state):
    at = state.get("at", 0)
    x = self.embed(tokens[:, None], at)
    for layer, kept in zip(self.transformer.decoder.layers, state["layers"]):
        y = layer.ln1(x)
        x = x + attended(layer.self_attention, y, projected(layer.self_attention, y), None)
        y = layer.ln2(x)
        x = x + attended(layer.cross_attention, y, kept["memory"], state["keep"])
        x = x + layer.feed_forward(layer.ln3(x))
    x = self.transformer.decoder.ln(x)
    return self.embedding.as_linear(x)[:, 0], {**state, "at": at + 1}


@misconception(
    "12.11",
    "The step asks the padding of the source: the mask of the state is not used.",
    symbol="Translator.step",
)
def step(self, tokens, state):
    past = state["layers"][0]["past"]
    x = self.embed(tokens[:, None], 0 if past is None else past[0].shape[2])
    layers = []
    for layer, kept in zip(self.transformer.decoder.layers, state["layers"]):
        y = layer.ln1(x)
        past = extended(kept["past"], projected(layer.self_attention, y))
        x = x + attended(layer.self_attention, y, past, None)
        y = layer.ln2(x)
        x = x + attended(layer.cross_attention, y, kept["memory"], None)
        x = x + layer.feed_forward(layer.ln3(x))
        layers.append({"memory": kept["memory"], "past": past})
    x = self.transformer.decoder.ln(x)
    return self.embedding.as_linear(x)[:, 0], {"keep": state["keep"], "layers": layers}


@misconception(
    "12.11",
    "You forget the last norm of the decoder, which a whole pass has.",
    symbol="Translator.step",
)
def step(self, tokens, state):
    past = state["layers"][0]["past"]
    x = self.embed(tokens[:, None], 0 if past is None else past[0].shape[2])
    layers = []
    for layer, kept in zip(self.transformer.decoder.layers, state["layers"]):
        y = layer.ln1(x)
        past = extended(kept["past"], projected(layer.self_attention, y))
        x = x + attended(layer.self_attention, y, past, None)
        y = layer.ln2(x)
        x = x + attended(layer.cross_attention, y, kept["memory"], state["keep"])
        x = x + layer.feed_forward(layer.ln3(x))
        layers.append({"memory": kept["memory"], "past": past})
    return self.embedding.as_linear(x)[:, 0], {"keep": state["keep"], "layers": layers}


@misconception(
    "12.11",
    "You stop when the first row has ended, and cut off all others.",
)
def greedy(step, state, count, begin, end, length):
    tokens, found = core.full((count,), begin, core.int32), [[] for _ in range(count)]
    for _ in range(length):
        logits, state = step(tokens, state)
        tokens = core.argmax(logits, axis=-1).astype(core.int32)
        if end in tokens.tolist():
            break
        for text, token in zip(found, tokens.tolist()):
            text.append(token)
    return found


@misconception(
    "12.11",
    "A row that has ended goes on writing behind its end.",
)
def greedy(step, state, count, begin, end, length):
    tokens, found = core.full((count,), begin, core.int32), [[] for _ in range(count)]
    ended = set()
    for _ in range(length):
        logits, state = step(tokens, state)
        tokens = core.argmax(logits, axis=-1).astype(core.int32)
        for i, token in enumerate(tokens.tolist()):
            if token == end:
                ended.add(i)
            else:
                found[i].append(token)
        if len(ended) == count:
            break
    return found


@misconception(
    "12.11",
    "The token that ends a sentence is part of your result.",
)
def greedy(step, state, count, begin, end, length):
    tokens, found = core.full((count,), begin, core.int32), [[] for _ in range(count)]
    going = set(range(count))
    for _ in range(length):
        logits, state = step(tokens, state)
        tokens = core.argmax(logits, axis=-1).astype(core.int32)
        for i, token in enumerate(tokens.tolist()):
            if i in going:
                found[i].append(token)
            if token == end:
                going.discard(i)
        if not going:
            break
    return found


@misconception(
    "12.11",
    "You always make length steps, also when all sentences ended long ago.",
)
def greedy(step, state, count, begin, end, length):
    tokens, found = core.full((count,), begin, core.int32), [[] for _ in range(count)]
    going = set(range(count))
    for _ in range(length):
        logits, state = step(tokens, state)
        tokens = core.argmax(logits, axis=-1).astype(core.int32)
        for i, token in enumerate(tokens.tolist()):
            if token == end:
                going.discard(i)
            elif i in going:
                found[i].append(token)
    return found


@misconception(
    "12.12",
    "You repeat the sentences one after the other, s1 s2 s3 s1 s2 s3, but read the rows as s1 s1 "
    "s1 s2 s2 s2: beams of one sentence go on with the state of another.",
)
def beams(step, state, count, begin, end, length, width, penalty=1.0):
    if width < 1 or length < 1:
        raise ValueError(f"[beams] width {width} or length {length} is below 1.")
    state = rows(state, core.tile(core.arange(count), width))
    tokens = core.full((count * width,), begin, core.int32)
    # At first all continuations of a sentence are the same: only one of them counts.
    scores = core.array([[0.0] + [-core.inf] * (width - 1)] * count)
    texts = [[[] for _ in range(width)] for _ in range(count)]
    done = [[] for _ in range(count)]
    for n in range(1, length + 1):
        logits, state = step(tokens, state)
        size = logits.shape[-1]
        log_p = logits - core.logsumexp(logits, axis=-1, keepdims=True)
        total = (scores.reshape(-1, 1) + log_p).reshape(count, width * size)
        best = greatest(total, 2 * width)
        values = core.take_along_axis(total, best, axis=-1).tolist()
        chosen = []
        for i, candidates in enumerate(best.tolist()):
            going = []
            for value, candidate in zip(values[i], candidates):
                parent, token = divmod(candidate, size)
                if value == -core.inf or len(going) == width:
                    break
                if token != end:
                    going.append((value, parent, token))
                elif len(done[i]) < width:
                    done[i].append(Found(texts[i][parent], value / n**penalty))
            going += [(-core.inf, 0, end)] * (width - len(going))
            texts[i] = [[*texts[i][parent], token] for _, parent, token in going]
            if n == length and len(done[i]) < width:
                done[i] += [
                    Found(text, value / n**penalty)
                    for text, (value, _, _) in zip(texts[i], going)
                    if value > -core.inf
                ]
            chosen += [(value, i * width + parent, token) for value, parent, token in going]
        if all(len(found) >= width for found in done):
            break
        scores = core.array([value for value, _, _ in chosen])
        tokens = core.array([token for _, _, token in chosen], core.int32)
        state = rows(state, core.array([parent for _, parent, _ in chosen]))
    return [max(found, key=lambda f: f.score) for found in done]


@misconception(
    "12.12",
    "At first all beams of a sentence count, so the same continuation is chosen width times, and "
    "stays so.",
)
def beams(step, state, count, begin, end, length, width, penalty=1.0):
    if width < 1 or length < 1:
        raise ValueError(f"[beams] width {width} or length {length} is below 1.")
    state = rows(state, core.repeat(core.arange(count), width))
    tokens = core.full((count * width,), begin, core.int32)
    # At first all continuations of a sentence are the same: only one of them counts.
    scores = core.zeros((count, width))
    texts = [[[] for _ in range(width)] for _ in range(count)]
    done = [[] for _ in range(count)]
    for n in range(1, length + 1):
        logits, state = step(tokens, state)
        size = logits.shape[-1]
        log_p = logits - core.logsumexp(logits, axis=-1, keepdims=True)
        total = (scores.reshape(-1, 1) + log_p).reshape(count, width * size)
        best = greatest(total, 2 * width)
        values = core.take_along_axis(total, best, axis=-1).tolist()
        chosen = []
        for i, candidates in enumerate(best.tolist()):
            going = []
            for value, candidate in zip(values[i], candidates):
                parent, token = divmod(candidate, size)
                if value == -core.inf or len(going) == width:
                    break
                if token != end:
                    going.append((value, parent, token))
                elif len(done[i]) < width:
                    done[i].append(Found(texts[i][parent], value / n**penalty))
            going += [(-core.inf, 0, end)] * (width - len(going))
            texts[i] = [[*texts[i][parent], token] for _, parent, token in going]
            if n == length and len(done[i]) < width:
                done[i] += [
                    Found(text, value / n**penalty)
                    for text, (value, _, _) in zip(texts[i], going)
                    if value > -core.inf
                ]
            chosen += [(value, i * width + parent, token) for value, parent, token in going]
        if all(len(found) >= width for found in done):
            break
        scores = core.array([value for value, _, _ in chosen])
        tokens = core.array([token for _, _, token in chosen], core.int32)
        state = rows(state, core.array([parent for _, parent, _ in chosen]))
    return [max(found, key=lambda f: f.score) for found in done]


@misconception(
    "12.12",
    "A continuation that has ended goes on: it takes a place, and gets tokens behind its end.",
)
def beams(step, state, count, begin, end, length, width, penalty=1.0):
    if width < 1 or length < 1:
        raise ValueError(f"[beams] width {width} or length {length} is below 1.")
    state = rows(state, core.repeat(core.arange(count), width))
    tokens = core.full((count * width,), begin, core.int32)
    # At first all continuations of a sentence are the same: only one of them counts.
    scores = core.array([[0.0] + [-core.inf] * (width - 1)] * count)
    texts = [[[] for _ in range(width)] for _ in range(count)]
    done = [[] for _ in range(count)]
    for n in range(1, length + 1):
        logits, state = step(tokens, state)
        size = logits.shape[-1]
        log_p = logits - core.logsumexp(logits, axis=-1, keepdims=True)
        total = (scores.reshape(-1, 1) + log_p).reshape(count, width * size)
        best = greatest(total, 2 * width)
        values = core.take_along_axis(total, best, axis=-1).tolist()
        chosen = []
        for i, candidates in enumerate(best.tolist()):
            going = []
            for value, candidate in zip(values[i], candidates):
                parent, token = divmod(candidate, size)
                if value == -core.inf or len(going) == width:
                    break
                if True:
                    going.append((value, parent, token))
                if token == end and len(done[i]) < width:
                    done[i].append(Found(texts[i][parent], value / n**penalty))
            going += [(-core.inf, 0, end)] * (width - len(going))
            texts[i] = [[*texts[i][parent], token] for _, parent, token in going]
            if n == length and len(done[i]) < width:
                done[i] += [
                    Found(text, value / n**penalty)
                    for text, (value, _, _) in zip(texts[i], going)
                    if value > -core.inf
                ]
            chosen += [(value, i * width + parent, token) for value, parent, token in going]
        if all(len(found) >= width for found in done):
            break
        scores = core.array([value for value, _, _ in chosen])
        tokens = core.array([token for _, _, token in chosen], core.int32)
        state = rows(state, core.array([parent for _, parent, _ in chosen]))
    return [max(found, key=lambda f: f.score) for found in done]


@misconception(
    "12.12",
    "You compare sums of different lengths, and so prefer short sentences, whatever penalty says.",
)
def beams(step, state, count, begin, end, length, width, penalty=1.0):
    if width < 1 or length < 1:
        raise ValueError(f"[beams] width {width} or length {length} is below 1.")
    state = rows(state, core.repeat(core.arange(count), width))
    tokens = core.full((count * width,), begin, core.int32)
    # At first all continuations of a sentence are the same: only one of them counts.
    scores = core.array([[0.0] + [-core.inf] * (width - 1)] * count)
    texts = [[[] for _ in range(width)] for _ in range(count)]
    done = [[] for _ in range(count)]
    for n in range(1, length + 1):
        logits, state = step(tokens, state)
        size = logits.shape[-1]
        log_p = logits - core.logsumexp(logits, axis=-1, keepdims=True)
        total = (scores.reshape(-1, 1) + log_p).reshape(count, width * size)
        best = greatest(total, 2 * width)
        values = core.take_along_axis(total, best, axis=-1).tolist()
        chosen = []
        for i, candidates in enumerate(best.tolist()):
            going = []
            for value, candidate in zip(values[i], candidates):
                parent, token = divmod(candidate, size)
                if value == -core.inf or len(going) == width:
                    break
                if token != end:
                    going.append((value, parent, token))
                elif len(done[i]) < width:
                    done[i].append(Found(texts[i][parent], value))
            going += [(-core.inf, 0, end)] * (width - len(going))
            texts[i] = [[*texts[i][parent], token] for _, parent, token in going]
            if n == length and len(done[i]) < width:
                done[i] += [
                    Found(text, value)
                    for text, (value, _, _) in zip(texts[i], going)
                    if value > -core.inf
                ]
            chosen += [(value, i * width + parent, token) for value, parent, token in going]
        if all(len(found) >= width for found in done):
            break
        scores = core.array([value for value, _, _ in chosen])
        tokens = core.array([token for _, _, token in chosen], core.int32)
        state = rows(state, core.array([parent for _, parent, _ in chosen]))
    return [max(found, key=lambda f: f.score) for found in done]


@misconception(
    "12.12",
    "A penalty of 1 means a mean here. Which one means none depends on the formula: with this one "
    "it is 0.",
)
def beams(step, state, count, begin, end, length, width, penalty=1.0):
    if width < 1 or length < 1:
        raise ValueError(f"[beams] width {width} or length {length} is below 1.")
    state = rows(state, core.repeat(core.arange(count), width))
    tokens = core.full((count * width,), begin, core.int32)
    # At first all continuations of a sentence are the same: only one of them counts.
    scores = core.array([[0.0] + [-core.inf] * (width - 1)] * count)
    texts = [[[] for _ in range(width)] for _ in range(count)]
    done = [[] for _ in range(count)]
    for n in range(1, length + 1):
        logits, state = step(tokens, state)
        size = logits.shape[-1]
        log_p = logits - core.logsumexp(logits, axis=-1, keepdims=True)
        total = (scores.reshape(-1, 1) + log_p).reshape(count, width * size)
        best = greatest(total, 2 * width)
        values = core.take_along_axis(total, best, axis=-1).tolist()
        chosen = []
        for i, candidates in enumerate(best.tolist()):
            going = []
            for value, candidate in zip(values[i], candidates):
                parent, token = divmod(candidate, size)
                if value == -core.inf or len(going) == width:
                    break
                if token != end:
                    going.append((value, parent, token))
                elif len(done[i]) < width:
                    done[i].append(Found(texts[i][parent], value / n ** (penalty - 1)))
            going += [(-core.inf, 0, end)] * (width - len(going))
            texts[i] = [[*texts[i][parent], token] for _, parent, token in going]
            if n == length and len(done[i]) < width:
                done[i] += [
                    Found(text, value / n ** (penalty - 1))
                    for text, (value, _, _) in zip(texts[i], going)
                    if value > -core.inf
                ]
            chosen += [(value, i * width + parent, token) for value, parent, token in going]
        if all(len(found) >= width for found in done):
            break
        scores = core.array([value for value, _, _ in chosen])
        tokens = core.array([token for _, _, token in chosen], core.int32)
        state = rows(state, core.array([parent for _, parent, _ in chosen]))
    return [max(found, key=lambda f: f.score) for found in done]


@misconception(
    "12.12",
    "The token that ends a sentence has a probability in the sum, so it counts in the length, too.",
)
def beams(step, state, count, begin, end, length, width, penalty=1.0):
    if width < 1 or length < 1:
        raise ValueError(f"[beams] width {width} or length {length} is below 1.")
    state = rows(state, core.repeat(core.arange(count), width))
    tokens = core.full((count * width,), begin, core.int32)
    # At first all continuations of a sentence are the same: only one of them counts.
    scores = core.array([[0.0] + [-core.inf] * (width - 1)] * count)
    texts = [[[] for _ in range(width)] for _ in range(count)]
    done = [[] for _ in range(count)]
    for n in range(1, length + 1):
        logits, state = step(tokens, state)
        size = logits.shape[-1]
        log_p = logits - core.logsumexp(logits, axis=-1, keepdims=True)
        total = (scores.reshape(-1, 1) + log_p).reshape(count, width * size)
        best = greatest(total, 2 * width)
        values = core.take_along_axis(total, best, axis=-1).tolist()
        chosen = []
        for i, candidates in enumerate(best.tolist()):
            going = []
            for value, candidate in zip(values[i], candidates):
                parent, token = divmod(candidate, size)
                if value == -core.inf or len(going) == width:
                    break
                if token != end:
                    going.append((value, parent, token))
                elif len(done[i]) < width:
                    done[i].append(Found(texts[i][parent], value / max(n - 1, 1) ** penalty))
            going += [(-core.inf, 0, end)] * (width - len(going))
            texts[i] = [[*texts[i][parent], token] for _, parent, token in going]
            if n == length and len(done[i]) < width:
                done[i] += [
                    Found(text, value / n**penalty)
                    for text, (value, _, _) in zip(texts[i], going)
                    if value > -core.inf
                ]
            chosen += [(value, i * width + parent, token) for value, parent, token in going]
        if all(len(found) >= width for found in done):
            break
        scores = core.array([value for value, _, _ in chosen])
        tokens = core.array([token for _, _, token in chosen], core.int32)
        state = rows(state, core.array([parent for _, parent, _ in chosen]))
    return [max(found, key=lambda f: f.score) for found in done]


@misconception(
    "12.12",
    "You choose the rows of the state by the number of the parent within its sentence. Those of "
    "the second sentence begin at width.",
)
def beams(step, state, count, begin, end, length, width, penalty=1.0):
    if width < 1 or length < 1:
        raise ValueError(f"[beams] width {width} or length {length} is below 1.")
    state = rows(state, core.repeat(core.arange(count), width))
    tokens = core.full((count * width,), begin, core.int32)
    # At first all continuations of a sentence are the same: only one of them counts.
    scores = core.array([[0.0] + [-core.inf] * (width - 1)] * count)
    texts = [[[] for _ in range(width)] for _ in range(count)]
    done = [[] for _ in range(count)]
    for n in range(1, length + 1):
        logits, state = step(tokens, state)
        size = logits.shape[-1]
        log_p = logits - core.logsumexp(logits, axis=-1, keepdims=True)
        total = (scores.reshape(-1, 1) + log_p).reshape(count, width * size)
        best = greatest(total, 2 * width)
        values = core.take_along_axis(total, best, axis=-1).tolist()
        chosen = []
        for i, candidates in enumerate(best.tolist()):
            going = []
            for value, candidate in zip(values[i], candidates):
                parent, token = divmod(candidate, size)
                if value == -core.inf or len(going) == width:
                    break
                if token != end:
                    going.append((value, parent, token))
                elif len(done[i]) < width:
                    done[i].append(Found(texts[i][parent], value / n**penalty))
            going += [(-core.inf, 0, end)] * (width - len(going))
            texts[i] = [[*texts[i][parent], token] for _, parent, token in going]
            if n == length and len(done[i]) < width:
                done[i] += [
                    Found(text, value / n**penalty)
                    for text, (value, _, _) in zip(texts[i], going)
                    if value > -core.inf
                ]
            chosen += [(value, parent, token) for value, parent, token in going]
        if all(len(found) >= width for found in done):
            break
        scores = core.array([value for value, _, _ in chosen])
        tokens = core.array([token for _, _, token in chosen], core.int32)
        state = rows(state, core.array([parent for _, parent, _ in chosen]))
    return [max(found, key=lambda f: f.score) for found in done]


@misconception(
    "12.12",
    "You stop a sentence at its first continuation that ends. A longer one may have a better "
    "score.",
)
def beams(step, state, count, begin, end, length, width, penalty=1.0):
    if width < 1 or length < 1:
        raise ValueError(f"[beams] width {width} or length {length} is below 1.")
    state = rows(state, core.repeat(core.arange(count), width))
    tokens = core.full((count * width,), begin, core.int32)
    # At first all continuations of a sentence are the same: only one of them counts.
    limit = 1
    scores = core.array([[0.0] + [-core.inf] * (width - 1)] * count)
    texts = [[[] for _ in range(width)] for _ in range(count)]
    done = [[] for _ in range(count)]
    for n in range(1, length + 1):
        logits, state = step(tokens, state)
        size = logits.shape[-1]
        log_p = logits - core.logsumexp(logits, axis=-1, keepdims=True)
        total = (scores.reshape(-1, 1) + log_p).reshape(count, width * size)
        best = greatest(total, 2 * width)
        values = core.take_along_axis(total, best, axis=-1).tolist()
        chosen = []
        for i, candidates in enumerate(best.tolist()):
            going = []
            for value, candidate in zip(values[i], candidates):
                parent, token = divmod(candidate, size)
                if value == -core.inf or len(going) == width:
                    break
                if token != end:
                    going.append((value, parent, token))
                elif len(done[i]) < limit:
                    done[i].append(Found(texts[i][parent], value / n**penalty))
            going += [(-core.inf, 0, end)] * (width - len(going))
            texts[i] = [[*texts[i][parent], token] for _, parent, token in going]
            if n == length and len(done[i]) < limit:
                done[i] += [
                    Found(text, value / n**penalty)
                    for text, (value, _, _) in zip(texts[i], going)
                    if value > -core.inf
                ]
            chosen += [(value, i * width + parent, token) for value, parent, token in going]
        if all(len(found) >= limit for found in done):
            break
        scores = core.array([value for value, _, _ in chosen])
        tokens = core.array([token for _, _, token in chosen], core.int32)
        state = rows(state, core.array([parent for _, parent, _ in chosen]))
    return [max(found, key=lambda f: f.score) for found in done]


@misconception(
    "12.12",
    "After the last step you forget what has not ended as soon as anything else has: where fewer "
    "than width have ended, the rest competes, too.",
)
def beams(step, state, count, begin, end, length, width, penalty=1.0):
    if width < 1 or length < 1:
        raise ValueError(f"[beams] width {width} or length {length} is below 1.")
    state = rows(state, core.repeat(core.arange(count), width))
    tokens = core.full((count * width,), begin, core.int32)
    # At first all continuations of a sentence are the same: only one of them counts.
    scores = core.array([[0.0] + [-core.inf] * (width - 1)] * count)
    texts = [[[] for _ in range(width)] for _ in range(count)]
    done = [[] for _ in range(count)]
    for n in range(1, length + 1):
        logits, state = step(tokens, state)
        size = logits.shape[-1]
        log_p = logits - core.logsumexp(logits, axis=-1, keepdims=True)
        total = (scores.reshape(-1, 1) + log_p).reshape(count, width * size)
        best = greatest(total, 2 * width)
        values = core.take_along_axis(total, best, axis=-1).tolist()
        chosen = []
        for i, candidates in enumerate(best.tolist()):
            going = []
            for value, candidate in zip(values[i], candidates):
                parent, token = divmod(candidate, size)
                if value == -core.inf or len(going) == width:
                    break
                if token != end:
                    going.append((value, parent, token))
                elif len(done[i]) < width:
                    done[i].append(Found(texts[i][parent], value / n**penalty))
            going += [(-core.inf, 0, end)] * (width - len(going))
            texts[i] = [[*texts[i][parent], token] for _, parent, token in going]
            if n == length and not done[i]:
                done[i] += [
                    Found(text, value / n**penalty)
                    for text, (value, _, _) in zip(texts[i], going)
                    if value > -core.inf
                ]
            chosen += [(value, i * width + parent, token) for value, parent, token in going]
        if all(len(found) >= width for found in done):
            break
        scores = core.array([value for value, _, _ in chosen])
        tokens = core.array([token for _, _, token in chosen], core.int32)
        state = rows(state, core.array([parent for _, parent, _ in chosen]))
    return [max(found, key=lambda f: f.score) for found in done]


@misconception(
    "12.12",
    "You return the continuation that ended first, and not the one with the best score.",
)
def beams(step, state, count, begin, end, length, width, penalty=1.0):
    if width < 1 or length < 1:
        raise ValueError(f"[beams] width {width} or length {length} is below 1.")
    state = rows(state, core.repeat(core.arange(count), width))
    tokens = core.full((count * width,), begin, core.int32)
    # At first all continuations of a sentence are the same: only one of them counts.
    scores = core.array([[0.0] + [-core.inf] * (width - 1)] * count)
    texts = [[[] for _ in range(width)] for _ in range(count)]
    done = [[] for _ in range(count)]
    for n in range(1, length + 1):
        logits, state = step(tokens, state)
        size = logits.shape[-1]
        log_p = logits - core.logsumexp(logits, axis=-1, keepdims=True)
        total = (scores.reshape(-1, 1) + log_p).reshape(count, width * size)
        best = greatest(total, 2 * width)
        values = core.take_along_axis(total, best, axis=-1).tolist()
        chosen = []
        for i, candidates in enumerate(best.tolist()):
            going = []
            for value, candidate in zip(values[i], candidates):
                parent, token = divmod(candidate, size)
                if value == -core.inf or len(going) == width:
                    break
                if token != end:
                    going.append((value, parent, token))
                elif len(done[i]) < width:
                    done[i].append(Found(texts[i][parent], value / n**penalty))
            going += [(-core.inf, 0, end)] * (width - len(going))
            texts[i] = [[*texts[i][parent], token] for _, parent, token in going]
            if n == length and len(done[i]) < width:
                done[i] += [
                    Found(text, value / n**penalty)
                    for text, (value, _, _) in zip(texts[i], going)
                    if value > -core.inf
                ]
            chosen += [(value, i * width + parent, token) for value, parent, token in going]
        if all(len(found) >= width for found in done):
            break
        scores = core.array([value for value, _, _ in chosen])
        tokens = core.array([token for _, _, token in chosen], core.int32)
        state = rows(state, core.array([parent for _, parent, _ in chosen]))
    return [found[0] for found in done]


@misconception(
    "12.12",
    "The scores are logits, not logarithms of probabilities: they cannot be added from step to "
    "step. Subtract the logsumexp.",
)
def beams(step, state, count, begin, end, length, width, penalty=1.0):
    if width < 1 or length < 1:
        raise ValueError(f"[beams] width {width} or length {length} is below 1.")
    state = rows(state, core.repeat(core.arange(count), width))
    tokens = core.full((count * width,), begin, core.int32)
    # At first all continuations of a sentence are the same: only one of them counts.
    scores = core.array([[0.0] + [-core.inf] * (width - 1)] * count)
    texts = [[[] for _ in range(width)] for _ in range(count)]
    done = [[] for _ in range(count)]
    for n in range(1, length + 1):
        logits, state = step(tokens, state)
        size = logits.shape[-1]
        log_p = logits
        total = (scores.reshape(-1, 1) + log_p).reshape(count, width * size)
        best = greatest(total, 2 * width)
        values = core.take_along_axis(total, best, axis=-1).tolist()
        chosen = []
        for i, candidates in enumerate(best.tolist()):
            going = []
            for value, candidate in zip(values[i], candidates):
                parent, token = divmod(candidate, size)
                if value == -core.inf or len(going) == width:
                    break
                if token != end:
                    going.append((value, parent, token))
                elif len(done[i]) < width:
                    done[i].append(Found(texts[i][parent], value / n**penalty))
            going += [(-core.inf, 0, end)] * (width - len(going))
            texts[i] = [[*texts[i][parent], token] for _, parent, token in going]
            if n == length and len(done[i]) < width:
                done[i] += [
                    Found(text, value / n**penalty)
                    for text, (value, _, _) in zip(texts[i], going)
                    if value > -core.inf
                ]
            chosen += [(value, i * width + parent, token) for value, parent, token in going]
        if all(len(found) >= width for found in done):
            break
        scores = core.array([value for value, _, _ in chosen])
        tokens = core.array([token for _, _, token in chosen], core.int32)
        state = rows(state, core.array([parent for _, parent, _ in chosen]))
    return [max(found, key=lambda f: f.score) for found in done]


@misconception(
    "12.12",
    "Your penalty is ((5 + n) / 6) to the power, that of another program. Here the sum is "
    "divided by a power of n: a number without its formula says nothing.",
)
def beams(step, state, count, begin, end, length, width, penalty=1.0):
    if width < 1 or length < 1:
        raise ValueError(f"[beams] width {width} or length {length} is below 1.")
    state = rows(state, core.repeat(core.arange(count), width))
    tokens = core.full((count * width,), begin, core.int32)
    # At first all continuations of a sentence are the same: only one of them counts.
    scores = core.array([[0.0] + [-core.inf] * (width - 1)] * count)
    texts: list[list[list[int]]] = [[[] for _ in range(width)] for _ in range(count)]
    done: list[list[Found]] = [[] for _ in range(count)]
    for n in range(1, length + 1):
        logits, state = step(tokens, state)
        size = logits.shape[-1]
        log_p = logits - core.logsumexp(logits, axis=-1, keepdims=True)
        total = (scores.reshape(-1, 1) + log_p).reshape(count, width * size)
        best = greatest(total, 2 * width)
        values = core.take_along_axis(total, best, axis=-1).tolist()
        chosen = []
        for i, candidates in enumerate(best.tolist()):
            going: list[tuple[float, int, int]] = []
            for value, candidate in zip(values[i], candidates):
                parent, token = divmod(candidate, size)
                if value == -core.inf or len(going) == width:
                    break
                if token != end:
                    going.append((value, parent, token))
                elif len(done[i]) < width:
                    done[i].append(Found(texts[i][parent], value / ((5 + n) / 6) ** penalty))
            going += [(-core.inf, 0, end)] * (width - len(going))
            texts[i] = [[*texts[i][parent], token] for _, parent, token in going]
            if n == length and len(done[i]) < width:
                done[i] += [
                    Found(text, value / ((5 + n) / 6) ** penalty)
                    for text, (value, _, _) in zip(texts[i], going)
                    if value > -core.inf
                ]
            chosen += [(value, i * width + parent, token) for value, parent, token in going]
        if all(len(found) >= width for found in done):
            break
        scores = core.array([value for value, _, _ in chosen])
        tokens = core.array([token for _, _, token in chosen], core.int32)
        state = rows(state, core.array([parent for _, parent, _ in chosen]))
    return [max(found, key=lambda f: f.score) for found in done]


@misconception(
    "12.12",
    "You take the logarithm of the softmax. A probability of exp(-150) is 0 in float32, and "
    "its logarithm infinite; z - logsumexp(z) is a number.",
)
def beams(step, state, count, begin, end, length, width, penalty=1.0):
    if width < 1 or length < 1:
        raise ValueError(f"[beams] width {width} or length {length} is below 1.")
    state = rows(state, core.repeat(core.arange(count), width))
    tokens = core.full((count * width,), begin, core.int32)
    # At first all continuations of a sentence are the same: only one of them counts.
    scores = core.array([[0.0] + [-core.inf] * (width - 1)] * count)
    texts: list[list[list[int]]] = [[[] for _ in range(width)] for _ in range(count)]
    done: list[list[Found]] = [[] for _ in range(count)]
    for n in range(1, length + 1):
        logits, state = step(tokens, state)
        size = logits.shape[-1]
        log_p = core.log(core.softmax(logits, axis=-1))
        total = (scores.reshape(-1, 1) + log_p).reshape(count, width * size)
        best = greatest(total, 2 * width)
        values = core.take_along_axis(total, best, axis=-1).tolist()
        chosen = []
        for i, candidates in enumerate(best.tolist()):
            going: list[tuple[float, int, int]] = []
            for value, candidate in zip(values[i], candidates):
                parent, token = divmod(candidate, size)
                if value == -core.inf or len(going) == width:
                    break
                if token != end:
                    going.append((value, parent, token))
                elif len(done[i]) < width:
                    done[i].append(Found(texts[i][parent], value / n**penalty))
            going += [(-core.inf, 0, end)] * (width - len(going))
            texts[i] = [[*texts[i][parent], token] for _, parent, token in going]
            if n == length and len(done[i]) < width:
                done[i] += [
                    Found(text, value / n**penalty)
                    for text, (value, _, _) in zip(texts[i], going)
                    if value > -core.inf
                ]
            chosen += [(value, i * width + parent, token) for value, parent, token in going]
        if all(len(found) >= width for found in done):
            break
        scores = core.array([value for value, _, _ in chosen])
        tokens = core.array([token for _, _, token in chosen], core.int32)
        state = rows(state, core.array([parent for _, parent, _ in chosen]))
    return [max(found, key=lambda f: f.score) for found in done]


@misconception(
    "12.12",
    "The tokens go on with other continuations, the state stays where it was: after the "
    "first step the model reads the history of another row.",
)
def beams(step, state, count, begin, end, length, width, penalty=1.0):
    if width < 1 or length < 1:
        raise ValueError(f"[beams] width {width} or length {length} is below 1.")
    state = rows(state, core.repeat(core.arange(count), width))
    tokens = core.full((count * width,), begin, core.int32)
    # At first all continuations of a sentence are the same: only one of them counts.
    scores = core.array([[0.0] + [-core.inf] * (width - 1)] * count)
    texts: list[list[list[int]]] = [[[] for _ in range(width)] for _ in range(count)]
    done: list[list[Found]] = [[] for _ in range(count)]
    for n in range(1, length + 1):
        logits, state = step(tokens, state)
        size = logits.shape[-1]
        log_p = logits - core.logsumexp(logits, axis=-1, keepdims=True)
        total = (scores.reshape(-1, 1) + log_p).reshape(count, width * size)
        best = greatest(total, 2 * width)
        values = core.take_along_axis(total, best, axis=-1).tolist()
        chosen = []
        for i, candidates in enumerate(best.tolist()):
            going: list[tuple[float, int, int]] = []
            for value, candidate in zip(values[i], candidates):
                parent, token = divmod(candidate, size)
                if value == -core.inf or len(going) == width:
                    break
                if token != end:
                    going.append((value, parent, token))
                elif len(done[i]) < width:
                    done[i].append(Found(texts[i][parent], value / n**penalty))
            going += [(-core.inf, 0, end)] * (width - len(going))
            texts[i] = [[*texts[i][parent], token] for _, parent, token in going]
            if n == length and len(done[i]) < width:
                done[i] += [
                    Found(text, value / n**penalty)
                    for text, (value, _, _) in zip(texts[i], going)
                    if value > -core.inf
                ]
            chosen += [(value, i * width + parent, token) for value, parent, token in going]
        if all(len(found) >= width for found in done):
            break
        scores = core.array([value for value, _, _ in chosen])
        tokens = core.array([token for _, _, token in chosen], core.int32)
        return [max(found, key=lambda f: f.score) for found in done]


@misconception(
    "12.12",
    "Two continuations of one parent share its list: what you append to one is in the other "
    "as well. Make a new list.",
)
def beams(step, state, count, begin, end, length, width, penalty=1.0):
    if width < 1 or length < 1:
        raise ValueError(f"[beams] width {width} or length {length} is below 1.")
    state = rows(state, core.repeat(core.arange(count), width))
    tokens = core.full((count * width,), begin, core.int32)
    # At first all continuations of a sentence are the same: only one of them counts.
    scores = core.array([[0.0] + [-core.inf] * (width - 1)] * count)
    texts: list[list[list[int]]] = [[[] for _ in range(width)] for _ in range(count)]
    done: list[list[Found]] = [[] for _ in range(count)]
    for n in range(1, length + 1):
        logits, state = step(tokens, state)
        size = logits.shape[-1]
        log_p = logits - core.logsumexp(logits, axis=-1, keepdims=True)
        total = (scores.reshape(-1, 1) + log_p).reshape(count, width * size)
        best = greatest(total, 2 * width)
        values = core.take_along_axis(total, best, axis=-1).tolist()
        chosen = []
        for i, candidates in enumerate(best.tolist()):
            going: list[tuple[float, int, int]] = []
            for value, candidate in zip(values[i], candidates):
                parent, token = divmod(candidate, size)
                if value == -core.inf or len(going) == width:
                    break
                if token != end:
                    going.append((value, parent, token))
                elif len(done[i]) < width:
                    done[i].append(Found(texts[i][parent], value / n**penalty))
            going += [(-core.inf, 0, end)] * (width - len(going))
            texts[i] = [texts[i][parent] for _, parent, token in going]
        for t, (_, _, token) in zip(texts[i], going):
            t.append(token)
            if n == length and len(done[i]) < width:
                done[i] += [
                    Found(text, value / n**penalty)
                    for text, (value, _, _) in zip(texts[i], going)
                    if value > -core.inf
                ]
            chosen += [(value, i * width + parent, token) for value, parent, token in going]
        if all(len(found) >= width for found in done):
            break
        scores = core.array([value for value, _, _ in chosen])
        tokens = core.array([token for _, _, token in chosen], core.int32)
        state = rows(state, core.array([parent for _, parent, _ in chosen]))
    return [max(found, key=lambda f: f.score) for found in done]


@misconception(
    "12.13",
    "You count a run as often as the translation has it: the the the the would be perfect. At most "
    "as often as the reference has it.",
)
def matches(words, reference, n):
    ours, theirs = runs(words, n), runs(reference, n)
    return sum(count for run, count in ours.items() if run in theirs), sum(ours.values())


@misconception(
    "12.13",
    "You count different runs, each once, however often it occurs.",
)
def matches(words, reference, n):
    ours, theirs = {*runs(words, n)}, {*runs(reference, n)}
    return len(ours & theirs), len(ours)


@misconception(
    "12.13",
    "You divide by the runs of the reference. That is recall; precision divides by those of the "
    "translation, and the brevity sees to short ones.",
)
def matches(words, reference, n):
    ours, theirs = runs(words, n), runs(reference, n)
    return sum(min(count, theirs[run]) for run, count in ours.items()), sum(theirs.values())


@misconception(
    "12.13",
    "You take the mean of the precisions of sentences. Counts are summed over the corpus before "
    "anything is divided.",
)
def bleu(translations, references):
    if not translations or len(translations) != len(references):
        raise ValueError("[bleu] translations need one reference each")
    pairs = [(words_13a(t), words_13a(r)) for t, r in zip(translations, references)]
    length, wanted = (sum(len(pair[side]) for pair in pairs) for side in (0, 1))
    precisions, halvings = [], 1.0
    for n in range(1, LONGEST + 1):
        counts = [matches(*pair, n) for pair in pairs]
        right, total = (sum(side) for side in zip(*counts))
        if n == 1 and right == 0:
            precisions = [0.0] * LONGEST
            break
        if right == 0:
            halvings *= 2 if total else 1
            precisions.append(100 / halvings / total if total else 0.0)
            continue
        each = [a / b for a, b in counts if b]
        precisions.append(100 * sum(each) / len(each))
    brevity = 1.0 if length >= wanted else math.exp(1 - wanted / length) if length else 0.0
    score = 0.0
    if min(precisions) > 0:
        score = brevity * math.exp(sum(map(math.log, precisions)) / LONGEST)
    return Bleu(score, tuple(precisions), brevity, length, wanted)


@misconception(
    "12.13",
    "Without a penalty for brevity a translation of one sure word is perfect.",
)
def bleu(translations, references):
    if not translations or len(translations) != len(references):
        raise ValueError("[bleu] translations need one reference each")
    pairs = [(words_13a(t), words_13a(r)) for t, r in zip(translations, references)]
    length, wanted = (sum(len(pair[side]) for pair in pairs) for side in (0, 1))
    precisions, halvings = [], 1.0
    for n in range(1, LONGEST + 1):
        counts = [matches(*pair, n) for pair in pairs]
        right, total = (sum(side) for side in zip(*counts))
        if n == 1 and right == 0:
            precisions = [0.0] * LONGEST
            break
        if right == 0 and total > 0:
            halvings *= 2
            right = 1 / halvings
        precisions.append(100 * right / total if total else 0.0)
    score = 0.0
    if min(precisions) > 0:
        score = math.exp(sum(map(math.log, precisions)) / LONGEST)
    return Bleu(score, tuple(precisions), 1.0, length, wanted)


@misconception(
    "12.13",
    "Translations that are too long are punished by their precisions already: the brevity is at most 1.",
)
def bleu(translations, references):
    if not translations or len(translations) != len(references):
        raise ValueError("[bleu] translations need one reference each")
    pairs = [(words_13a(t), words_13a(r)) for t, r in zip(translations, references)]
    length, wanted = (sum(len(pair[side]) for pair in pairs) for side in (0, 1))
    precisions, halvings = [], 1.0
    for n in range(1, LONGEST + 1):
        counts = [matches(*pair, n) for pair in pairs]
        right, total = (sum(side) for side in zip(*counts))
        if n == 1 and right == 0:
            precisions = [0.0] * LONGEST
            break
        if right == 0 and total > 0:
            halvings *= 2
            right = 1 / halvings
        precisions.append(100 * right / total if total else 0.0)
    brevity = math.exp(1 - wanted / length) if length else 0.0
    score = 0.0
    if min(precisions) > 0:
        score = brevity * math.exp(sum(map(math.log, precisions)) / LONGEST)
    return Bleu(score, tuple(precisions), brevity, length, wanted)


@misconception(
    "12.13",
    "You take the arithmetic mean of the precisions. BLEU is the geometric one: a corpus without a "
    "single run of four right is near 0.",
)
def bleu(translations, references):
    if not translations or len(translations) != len(references):
        raise ValueError("[bleu] translations need one reference each")
    pairs = [(words_13a(t), words_13a(r)) for t, r in zip(translations, references)]
    length, wanted = (sum(len(pair[side]) for pair in pairs) for side in (0, 1))
    precisions, halvings = [], 1.0
    for n in range(1, LONGEST + 1):
        counts = [matches(*pair, n) for pair in pairs]
        right, total = (sum(side) for side in zip(*counts))
        if n == 1 and right == 0:
            precisions = [0.0] * LONGEST
            break
        if right == 0 and total > 0:
            halvings *= 2
            right = 1 / halvings
        precisions.append(100 * right / total if total else 0.0)
    brevity = 1.0 if length >= wanted else math.exp(1 - wanted / length) if length else 0.0
    score = brevity * sum(precisions) / LONGEST if min(precisions) > 0 else 0.0
    return Bleu(score, tuple(precisions), brevity, length, wanted)


@misconception(
    "12.13",
    "You cut texts at spaces only. A full stop then is a part of its word, and quotation marks alone "
    "are worth a point; words_13a is what scores are compared in.",
)
def bleu(translations, references):
    if not translations or len(translations) != len(references):
        raise ValueError("[bleu] translations need one reference each")
    pairs = [(t.split(), r.split()) for t, r in zip(translations, references)]
    length, wanted = (sum(len(pair[side]) for pair in pairs) for side in (0, 1))
    precisions, halvings = [], 1.0
    for n in range(1, LONGEST + 1):
        counts = [matches(*pair, n) for pair in pairs]
        right, total = (sum(side) for side in zip(*counts))
        if n == 1 and right == 0:
            precisions = [0.0] * LONGEST
            break
        if right == 0 and total > 0:
            halvings *= 2
            right = 1 / halvings
        precisions.append(100 * right / total if total else 0.0)
    brevity = 1.0 if length >= wanted else math.exp(1 - wanted / length) if length else 0.0
    score = 0.0
    if min(precisions) > 0:
        score = brevity * math.exp(sum(map(math.log, precisions)) / LONGEST)
    return Bleu(score, tuple(precisions), brevity, length, wanted)


@misconception(
    "12.13",
    "Where nothing matches you leave the precision at 0. It is smoothed: half a match the first time, "
    "a quarter the second.",
)
def bleu(translations, references):
    if not translations or len(translations) != len(references):
        raise ValueError("[bleu] translations need one reference each")
    pairs = [(words_13a(t), words_13a(r)) for t, r in zip(translations, references)]
    length, wanted = (sum(len(pair[side]) for pair in pairs) for side in (0, 1))
    precisions = []
    for n in range(1, LONGEST + 1):
        counts = [matches(*pair, n) for pair in pairs]
        right, total = (sum(side) for side in zip(*counts))
        precisions.append(100 * right / total if total else 0.0)
    brevity = 1.0 if length >= wanted else math.exp(1 - wanted / length) if length else 0.0
    score = 0.0
    if min(precisions) > 0:
        score = brevity * math.exp(sum(map(math.log, precisions)) / LONGEST)
    return Bleu(score, tuple(precisions), brevity, length, wanted)


@misconception(
    "12.13",
    "You punish each sentence for being short. The brevity compares the lengths of all "
    "translations and all references together: one may be short if another is long.",
)
def bleu(translations, references):
    if not translations or len(translations) != len(references):
        raise ValueError(
            f"[bleu] {len(translations)} translations need one reference each; there are "
            f"{len(references)}."
        )
    pairs = [(words_13a(t), words_13a(r)) for t, r in zip(translations, references)]
    length, wanted = (sum(len(pair[side]) for pair in pairs) for side in (0, 1))
    precisions, halvings = [], 1.0
    for n in range(1, LONGEST + 1):
        counts = [matches(*pair, n) for pair in pairs]
        right, total = (sum(side) for side in zip(*counts))
        if n == 1 and right == 0:
            precisions = [0.0] * LONGEST
            break
        if right == 0 and total > 0:
            halvings *= 2
            right = 1 / halvings
        precisions.append(100 * right / total if total else 0.0)
    brevity = sum(min(1.0, math.exp(1 - len(r) / len(t))) if t else 0.0 for t, r in pairs) / len(
        pairs
    )
    score = 0.0
    if min(precisions) > 0:
        score = brevity * math.exp(sum(map(math.log, precisions)) / LONGEST)
    return Bleu(score, tuple(precisions), brevity, length, wanted)


@misconception(
    "12.13",
    "Every empty precision gets half a match in yours. It is a half the first time, a "
    "quarter the second, an eighth the third.",
)
def bleu(translations, references):
    if not translations or len(translations) != len(references):
        raise ValueError(
            f"[bleu] {len(translations)} translations need one reference each; there are "
            f"{len(references)}."
        )
    pairs = [(words_13a(t), words_13a(r)) for t, r in zip(translations, references)]
    length, wanted = (sum(len(pair[side]) for pair in pairs) for side in (0, 1))
    precisions, halvings = [], 1.0
    for n in range(1, LONGEST + 1):
        counts = [matches(*pair, n) for pair in pairs]
        right, total = (sum(side) for side in zip(*counts))
        if n == 1 and right == 0:
            precisions = [0.0] * LONGEST
            break
        if right == 0 and total > 0:
            halvings = 2
            right = 1 / halvings
        precisions.append(100 * right / total if total else 0.0)
    brevity = 1.0 if length >= wanted else math.exp(1 - wanted / length) if length else 0.0
    score = 0.0
    if min(precisions) > 0:
        score = brevity * math.exp(sum(map(math.log, precisions)) / LONGEST)
    return Bleu(score, tuple(precisions), brevity, length, wanted)


@misconception(
    "12.13",
    "You leave an empty precision out of the mean, so that translations without a run of "
    "four are measured by their words. If no translation has four words, BLEU is 0.",
)
def bleu(translations, references):
    if not translations or len(translations) != len(references):
        raise ValueError(
            f"[bleu] {len(translations)} translations need one reference each; there are "
            f"{len(references)}."
        )
    pairs = [(words_13a(t), words_13a(r)) for t, r in zip(translations, references)]
    length, wanted = (sum(len(pair[side]) for pair in pairs) for side in (0, 1))
    precisions, halvings = [], 1.0
    for n in range(1, LONGEST + 1):
        counts = [matches(*pair, n) for pair in pairs]
        right, total = (sum(side) for side in zip(*counts))
        if n == 1 and right == 0:
            precisions = [0.0] * LONGEST
            break
        if right == 0 and total > 0:
            halvings *= 2
            right = 1 / halvings
        precisions.append(100 * right / total if total else 0.0)
    brevity = 1.0 if length >= wanted else math.exp(1 - wanted / length) if length else 0.0
    score = 0.0
    there = [p for p in precisions if p > 0]
    if there:
        score = brevity * math.exp(sum(map(math.log, there)) / len(there))
    return Bleu(score, tuple(precisions), brevity, length, wanted)


@misconception(
    "12.13",
    "You join the words of a run without anything between: ab c and a bc are the same then.",
)
def matches(words, reference, n):
    join = lambda found: (
        Counter({})
        if not found
        else sum((Counter({"".join(r): c}) for r, c in found.items()), Counter())
    )
    ours, theirs = join(runs(words, n)), join(runs(reference, n))
    return sum(min(count, theirs[run]) for run, count in ours.items()), sum(ours.values())


@misconception(
    "12.14",
    "You show the model the reference while it translates: each word follows from the right one "
    "before. When it is used nobody knows the reference, and its mistakes lead to others.",
)
def evaluated(model, tokenizer, sources, references, begin, **options):
    found = []
    for source, reference in zip(sources, references):
        read = filled([[*tokenizer.encode(source), tokenizer.eos]], model.pad)
        written = core.array([[begin, *tokenizer.encode(reference)]])
        tokens = core.argmax(model(read, written), axis=-1)[0].tolist()
        if tokenizer.eos in tokens:
            tokens = tokens[: tokens.index(tokenizer.eos)]
        found.append(tokenizer.decode(tokens))
    return bleu(found, references)


@misconception(
    "12.14",
    "You compare pieces of words instead of words: BLEU of tokens depends on the tokenizer, and is "
    "comparable with nothing.",
)
def evaluated(model, tokenizer, sources, references, begin, **options):
    def tokens(texts):
        return [" ".join(str(n) + " ." for n in tokenizer.encode(text)) for text in texts]

    return bleu(tokens(translated(model, tokenizer, sources, begin, **options)), tokens(references))


@misconception(
    "12.14",
    "You exchange translations and references: precision becomes recall, and the brevity looks at the "
    "wrong side.",
)
def evaluated(model, tokenizer, sources, references, begin, **options):
    return bleu(references, translated(model, tokenizer, sources, begin, **options))


@misconception(
    "12.14",
    "Translations come back in the order of their lengths, and each is compared with the reference of "
    "another sentence.",
)
def translated(model, tokenizer, sources, begin, length=64, width=1, penalty=1.0, batch=100):
    tokens = [[*tokenizer.encode(text), tokenizer.eos] for text in sources]
    tokens.sort(key=len)
    found = []
    for first in range(0, len(tokens), batch):
        part = tokens[first : first + batch]
        state = model.start(filled(part, model.pad))
        common = (model.step, state, len(part), begin, tokenizer.eos, length)
        if width == 1:
            texts = greedy(*common)
        else:
            texts = [best.tokens for best in beams(*common, width, penalty)]
        found += [tokenizer.decode(text) for text in texts]
    return found


@misconception(
    "12.14",
    "The sources have no token that ends them, though the model has never read a sentence without.",
)
def translated(model, tokenizer, sources, begin, length=64, width=1, penalty=1.0, batch=100):
    tokens = [tokenizer.encode(text) for text in sources]
    order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
    found = [""] * len(tokens)
    for first in range(0, len(order), batch):
        part = order[first : first + batch]
        state = model.start(filled([tokens[i] for i in part], model.pad))
        common = (model.step, state, len(part), begin, tokenizer.eos, length)
        if width == 1:
            texts = greedy(*common)
        else:
            texts = [best.tokens for best in beams(*common, width, penalty)]
        for i, text in zip(part, texts):
            found[i] = tokenizer.decode(text)
    return found


@misconception(
    "12.14",
    "You never use beams, whatever width says.",
)
def translated(model, tokenizer, sources, begin, length=64, width=1, penalty=1.0, batch=100):
    tokens = [[*tokenizer.encode(text), tokenizer.eos] for text in sources]
    order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
    found = [""] * len(tokens)
    for first in range(0, len(order), batch):
        part = order[first : first + batch]
        state = model.start(filled([tokens[i] for i in part], model.pad))
        texts = greedy(model.step, state, len(part), begin, tokenizer.eos, length)
        for i, text in zip(part, texts):
            found[i] = tokenizer.decode(text)
    return found


@misconception(
    "12.15",
    "You add in the dtype of the files. In float16 the sum of ten weights has lost its last digits, "
    "or is infinite.",
)
def averaged(files):
    if not files:
        raise ValueError("[averaged] There is no file.")
    total = {}
    for file in files:
        weights = core.load(file)
        if not total:
            total = {name: core.zeros(w.shape, w.dtype) for name, w in weights.items()}
        if {n: w.shape for n, w in weights.items()} != {n: w.shape for n, w in total.items()}:
            raise ValueError(f"[averaged] {file} has other weights.")
        total = {name: total[name] + w for name, w in weights.items()}
        core.eval(total)
    return {name: w / len(files) for name, w in total.items()}


@misconception(
    "12.15",
    "Your mean is float32, twice as large as the weights that were stored.",
)
def averaged(files):
    if not files:
        raise ValueError("[averaged] There is no file.")
    total = {}
    for file in files:
        weights = core.load(file)
        if not total:
            total = {name: core.zeros(w.shape) for name, w in weights.items()}
        if {n: w.shape for n, w in weights.items()} != {n: w.shape for n, w in total.items()}:
            raise ValueError(f"[averaged] {file} has other weights.")
        total = {name: total[name] + w.astype(core.float32) for name, w in weights.items()}
        core.eval(total)
    return {name: w / len(files) for name, w in total.items()}


@misconception(
    "12.15",
    "You read all files before you add. Of ten models of a gigabyte ten are in memory; add one after "
    "the other, and have each sum computed.",
)
def averaged(files):
    if not files:
        raise ValueError("[averaged] There is no file.")
    models = [core.load(file) for file in files]
    core.eval(models)
    shapes = {n: w.shape for n, w in models[0].items()}
    for file, model in zip(files, models):
        if {n: w.shape for n, w in model.items()} != shapes:
            raise ValueError(f"[averaged] {file} has other weights.")
    return {
        name: core.mean(core.stack([m[name].astype(core.float32) for m in models]), axis=0).astype(
            models[0][name].dtype
        )
        for name in shapes
    }


@misconception(
    "12.15",
    "The mean of the mean so far and the next file gives half of the weight to the last file.",
)
def averaged(files):
    if not files:
        raise ValueError("[averaged] There is no file.")
    mean, dtypes = {}, {}
    for file in files:
        weights = core.load(file)
        if not mean:
            dtypes = {name: w.dtype for name, w in weights.items()}
            mean = {name: w.astype(core.float32) for name, w in weights.items()}
        if {n: w.shape for n, w in weights.items()} != {n: w.shape for n, w in mean.items()}:
            raise ValueError(f"[averaged] {file} has other weights.")
        mean = {name: (mean[name] + w.astype(core.float32)) / 2 for name, w in weights.items()}
        core.eval(mean)
    return {name: w.astype(dtypes[name]) for name, w in mean.items()}


@misconception(
    "12.15",
    "You average what the first file has, and do not notice that another file is of another model.",
)
def averaged(files):
    if not files:
        raise ValueError("[averaged] There is no file.")
    total, dtypes = {}, {}
    for file in files:
        weights = core.load(file)
        if not total:
            dtypes = {name: w.dtype for name, w in weights.items()}
            total = {name: core.zeros(w.shape) for name, w in weights.items()}
        for name in total.keys() & weights.keys():
            total[name] = total[name] + weights[name].astype(core.float32)
        core.eval(total)
    return {name: (w / len(files)).astype(dtypes[name]) for name, w in total.items()}


@misconception(
    "12.16",
    "You take the exact gelu. GPT-2 was trained with the form that has a tanh in it, and says so: "
    "gelu_new. The difference is small, and grows from layer to layer.",
    symbol="FeedForward.__call__",
)
def __call__(self, x):
    return self.c_proj(nn.gelu(self.c_fc(x)))


@misconception(
    "12.16",
    "You take gelu's form with tanh whatever the configuration says.",
    symbol="FeedForward.__call__",
)
def __call__(self, x):
    return self.c_proj(nn.gelu_approx(self.c_fc(x)))


@misconception(
    "12.16",
    "The activation stands between the two layers, not behind them.",
    symbol="FeedForward.__call__",
)
def __call__(self, x):
    return self._activation(self.c_proj(self.c_fc(x)))


@misconception(
    "12.16",
    "GPT-2's matrices are stored as (in, out), and linear layers here have (out, in). The square ones "
    "fit both ways, and only the output is nonsense.",
    symbol="GPT2.sanitize",
)
def sanitize(weights):
    found = {}
    for name, weight in weights.items():
        name = name.removeprefix("transformer.")
        if name.endswith((".attn.bias", ".attn.masked_bias")) or name == "lm_head.weight":
            continue
        if name.endswith((".c_attn.weight", ".c_fc.weight", ".mlp.c_proj.weight")):
            weight = core.swapaxes(weight, 0, 1)
        found[f"model.{name}"] = weight
    return found


@misconception(
    "12.16",
    "You transpose every matrix. The tables of tokens and positions have a row for each of them "
    "already.",
    symbol="GPT2.sanitize",
)
def sanitize(weights):
    found = {}
    for name, weight in weights.items():
        name = name.removeprefix("transformer.")
        if name.endswith((".attn.bias", ".attn.masked_bias")) or name == "lm_head.weight":
            continue
        if weight.ndim == 2:
            weight = core.swapaxes(weight, 0, 1)
        found[f"model.{name}"] = weight
    return found


@misconception(
    "12.16",
    "attn.bias is no bias: it is the causal mask, stored by an old version. Nothing here has that "
    "name.",
    symbol="GPT2.sanitize",
)
def sanitize(weights):
    found = {}
    for name, weight in weights.items():
        name = name.removeprefix("transformer.")
        if name == "lm_head.weight":
            continue
        if name.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")):
            weight = core.swapaxes(weight, 0, 1)
        found[f"model.{name}"] = weight
    return found


@misconception(
    "12.16",
    "You keep the head as a weight of its own. It is tied: the table of tokens once more.",
    symbol="GPT2.sanitize",
)
def sanitize(weights):
    found = {}
    for name, weight in weights.items():
        name = name.removeprefix("transformer.")
        if name.endswith((".attn.bias", ".attn.masked_bias")):
            continue
        if name.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")):
            weight = core.swapaxes(weight, 0, 1)
        found[name if name == "lm_head.weight" else f"model.{name}"] = weight
    return found


@misconception(
    "12.16",
    "You leave out every bias of the attention together with the mask: c_attn.bias is a real one.",
    symbol="GPT2.sanitize",
)
def sanitize(weights):
    found = {}
    for name, weight in weights.items():
        name = name.removeprefix("transformer.")
        if (".attn." in name and name.endswith("bias")) or name == "lm_head.weight":
            continue
        if name.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")):
            weight = core.swapaxes(weight, 0, 1)
        found[f"model.{name}"] = weight
    return found


@misconception(
    "12.16",
    "The first files of GPT-2 have no transformer. in front of their names, and yours are not found.",
    symbol="GPT2.sanitize",
)
def sanitize(weights):
    found = {}
    for name, weight in weights.items():
        if not name.startswith("transformer."):
            continue
        name = name.removeprefix("transformer.")
        if name.endswith((".attn.bias", ".attn.masked_bias")):
            continue
        if name.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")):
            weight = core.swapaxes(weight, 0, 1)
        found[f"model.{name}"] = weight
    return found


@misconception(
    "12.16",
    "You do not see weights that nobody asked for. They may be the whole point of the file.",
)
def fitted(own, found, what):
    wrong = []
    if missing := sorted(own.keys() - found.keys()):
        wrong.append(f"{len(missing)} missing ({listed(missing)})")
    shapes = [
        f"{n} is {found[n].shape} where the model has {own[n].shape}"
        for n in sorted(own.keys() & found.keys())
        if found[n].shape != own[n].shape
    ]
    if shapes:
        wrong.append(f"{len(shapes)} of another shape ({listed(shapes)})")
    if wrong:
        raise ValueError(f"The weights of {what} do not fit its config.json: {'; '.join(wrong)}.")
    return found


@misconception(
    "12.16",
    "You stop at the first kind of mistake. Who has mended it meets the next one.",
)
def fitted(own, found, what):
    if missing := sorted(own.keys() - found.keys()):
        raise ValueError(f"{what}: {len(missing)} missing ({listed(missing)})")
    if extra := sorted(found.keys() - own.keys()):
        raise ValueError(f"{what}: {len(extra)} unexpected ({listed(extra)})")
    shapes = [
        f"{n} is {found[n].shape} where the model has {own[n].shape}"
        for n in sorted(own.keys())
        if found[n].shape != own[n].shape
    ]
    if shapes:
        raise ValueError(f"{what}: {len(shapes)} of another shape ({listed(shapes)})")
    return found


@misconception(
    "12.16",
    "You compare how many numbers a weight has, not its shape: a matrix that lies on its side fits.",
)
def fitted(own, found, what):
    wrong = []
    if missing := sorted(own.keys() - found.keys()):
        wrong.append(f"{len(missing)} missing ({listed(missing)})")
    if extra := sorted(found.keys() - own.keys()):
        wrong.append(f"{len(extra)} unexpected ({listed(extra)})")
    shapes = [
        f"{n} is {found[n].shape} where the model has {own[n].shape}"
        for n in sorted(own.keys() & found.keys())
        if found[n].size != own[n].size
    ]
    if shapes:
        wrong.append(f"{len(shapes)} of another shape ({listed(shapes)})")
    if wrong:
        raise ValueError(f"The weights of {what} do not fit its config.json: {'; '.join(wrong)}.")
    return found


@misconception(
    "12.17",
    "You rotate after the cache: keys that were rotated when they came are rotated again with every "
    "new token.",
    symbol="Attention.__call__",
)
def __call__(self, x, mask, cache, padding):
    n, length, _ = x.shape
    q = self.q_proj(x).reshape(n, length, self.heads, -1)
    k = self.k_proj(x).reshape(n, length, self.kv_heads, -1)
    v = self.v_proj(x).reshape(n, length, self.kv_heads, -1)
    if "q_norm" in self:
        q, k = self.q_norm(q), self.k_norm(k)
    q, k, v = (a.transpose(0, 2, 1, 3) for a in (q, k, v))
    offset = 0 if cache is None else cache.offset
    if padding is not None:
        offset = offset - padding
    if cache is not None:
        k, v = cache.update_and_fetch(k, v)
    q, k = self.rope(q, offset), self.rope(k, offset)
    y = core.fast.scaled_dot_product_attention(q, k, v, scale=self.scale, mask=mask)
    return self.o_proj(y.transpose(0, 2, 1, 3).reshape(n, length, -1))


@misconception(
    "12.17",
    "Every piece begins at position 0 again: the offset of the cache is not used.",
    symbol="Attention.__call__",
)
def __call__(self, x, mask, cache, padding):
    n, length, _ = x.shape
    q = self.q_proj(x).reshape(n, length, self.heads, -1)
    k = self.k_proj(x).reshape(n, length, self.kv_heads, -1)
    v = self.v_proj(x).reshape(n, length, self.kv_heads, -1)
    if "q_norm" in self:
        q, k = self.q_norm(q), self.k_norm(k)
    q, k, v = (a.transpose(0, 2, 1, 3) for a in (q, k, v))
    offset = 0 if padding is None else -padding
    q, k = self.rope(q, offset), self.rope(k, offset)
    if cache is not None:
        k, v = cache.update_and_fetch(k, v)
    y = core.fast.scaled_dot_product_attention(q, k, v, scale=self.scale, mask=mask)
    return self.o_proj(y.transpose(0, 2, 1, 3).reshape(n, length, -1))


@misconception(
    "12.17",
    "Queries are rotated, keys are not. What counts is the difference of their angles.",
    symbol="Attention.__call__",
)
def __call__(self, x, mask, cache, padding):
    n, length, _ = x.shape
    q = self.q_proj(x).reshape(n, length, self.heads, -1)
    k = self.k_proj(x).reshape(n, length, self.kv_heads, -1)
    v = self.v_proj(x).reshape(n, length, self.kv_heads, -1)
    if "q_norm" in self:
        q, k = self.q_norm(q), self.k_norm(k)
    q, k, v = (a.transpose(0, 2, 1, 3) for a in (q, k, v))
    offset = 0 if cache is None else cache.offset
    if padding is not None:
        offset = offset - padding
    q = self.rope(q, offset)
    if cache is not None:
        k, v = cache.update_and_fetch(k, v)
    y = core.fast.scaled_dot_product_attention(q, k, v, scale=self.scale, mask=mask)
    return self.o_proj(y.transpose(0, 2, 1, 3).reshape(n, length, -1))


@misconception(
    "12.17",
    "The scale is that of the width of the model, not of one head.",
    symbol="Attention.__call__",
)
def __call__(self, x, mask, cache, padding):
    n, length, dims = x.shape
    q = self.q_proj(x).reshape(n, length, self.heads, -1)
    k = self.k_proj(x).reshape(n, length, self.kv_heads, -1)
    v = self.v_proj(x).reshape(n, length, self.kv_heads, -1)
    if "q_norm" in self:
        q, k = self.q_norm(q), self.k_norm(k)
    q, k, v = (a.transpose(0, 2, 1, 3) for a in (q, k, v))
    offset = 0 if cache is None else cache.offset
    if padding is not None:
        offset = offset - padding
    q, k = self.rope(q, offset), self.rope(k, offset)
    if cache is not None:
        k, v = cache.update_and_fetch(k, v)
    y = core.fast.scaled_dot_product_attention(q, k, v, scale=dims**-0.5, mask=mask)
    return self.o_proj(y.transpose(0, 2, 1, 3).reshape(n, length, -1))


@misconception(
    "12.17",
    "You cut heads out of the wrong axis: (N, L, H D) becomes (N, H, L, D) by a transpose, not by a "
    "reshape, which mixes places and heads.",
    symbol="Attention.__call__",
)
def __call__(self, x, mask, cache, padding):
    n, length, _ = x.shape
    q = self.q_proj(x).reshape(n, self.heads, length, -1)
    k = self.k_proj(x).reshape(n, self.kv_heads, length, -1)
    v = self.v_proj(x).reshape(n, self.kv_heads, length, -1)
    if "q_norm" in self:
        q, k = self.q_norm(q), self.k_norm(k)
    offset = 0 if cache is None else cache.offset
    if padding is not None:
        offset = offset - padding
    q, k = self.rope(q, offset), self.rope(k, offset)
    if cache is not None:
        k, v = cache.update_and_fetch(k, v)
    y = core.fast.scaled_dot_product_attention(q, k, v, scale=self.scale, mask=mask)
    return self.o_proj(y.transpose(0, 2, 1, 3).reshape(n, length, -1))


@misconception(
    "12.17",
    "You leave the norms of queries and keys out, which Qwen 3 has.",
    symbol="Attention.__call__",
)
def __call__(self, x, mask, cache, padding):
    n, length, _ = x.shape
    q = self.q_proj(x).reshape(n, length, self.heads, -1)
    k = self.k_proj(x).reshape(n, length, self.kv_heads, -1)
    v = self.v_proj(x).reshape(n, length, self.kv_heads, -1)
    q, k, v = (a.transpose(0, 2, 1, 3) for a in (q, k, v))
    offset = 0 if cache is None else cache.offset
    if padding is not None:
        offset = offset - padding
    q, k = self.rope(q, offset), self.rope(k, offset)
    if cache is not None:
        k, v = cache.update_and_fetch(k, v)
    y = core.fast.scaled_dot_product_attention(q, k, v, scale=self.scale, mask=mask)
    return self.o_proj(y.transpose(0, 2, 1, 3).reshape(n, length, -1))


@misconception(
    "12.17",
    "You leave the rows as they are in the file. Pairs of neighbours are then rotated as halves, no "
    "shape complains, and the model says nothing sensible.",
)
def unpermuted(weight, heads):
    if heads < 1 or weight.shape[0] % (2 * heads):
        raise ValueError("no pairs")
    return weight


@misconception(
    "12.17",
    "You go the other way: from halves to neighbours. That is what was done when the file was written.",
)
def unpermuted(weight, heads):
    rows, *rest = weight.shape
    if heads < 1 or rows % (2 * heads):
        raise ValueError("no pairs")
    pairs = weight.reshape(heads, 2, rows // heads // 2, *rest)
    return pairs.swapaxes(1, 2).reshape(rows, *rest)


@misconception(
    "12.17",
    "You permute all rows together. Each head has pairs of its own.",
)
def unpermuted(weight, heads):
    rows, *rest = weight.shape
    if heads < 1 or rows % (2 * heads):
        raise ValueError("no pairs")
    pairs = weight.reshape(rows // 2, 2, *rest)
    return pairs.swapaxes(0, 1).reshape(rows, *rest)


@misconception(
    "12.17",
    "You copy the keys as k1 k2 k1 k2. Neighbouring heads share one: k1 k1 k2 k2. No shape "
    "tells, and the model says nothing sensible.",
    symbol="Attention.__call__",
)
def __call__(self, x, mask, cache, padding):
    n, length, _ = x.shape
    q = self.q_proj(x).reshape(n, length, self.heads, -1)
    k = self.k_proj(x).reshape(n, length, self.kv_heads, -1)
    v = self.v_proj(x).reshape(n, length, self.kv_heads, -1)
    if "q_norm" in self:
        q, k = self.q_norm(q), self.k_norm(k)
    q, k, v = (a.transpose(0, 2, 1, 3) for a in (q, k, v))  # (N, H, L, D / H)
    offset: int | array = 0 if cache is None else cache.offset
    if padding is not None:
        offset = offset - padding
    q, k = self.rope(q, offset), self.rope(k, offset)
    if cache is not None:
        k, v = cache.update_and_fetch(k, v)
    k, v = (core.tile(a, (1, self.heads // self.kv_heads, 1, 1)) for a in (k, v))
    y = core.fast.scaled_dot_product_attention(q, k, v, scale=self.scale, mask=mask)
    return self.o_proj(y.transpose(0, 2, 1, 3).reshape(n, length, -1))


@misconception(
    "12.17",
    "You normalize behind the rotation. The weights of the norm belong to features that "
    "have not been turned into each other yet.",
    symbol="Attention.__call__",
)
def __call__(self, x, mask, cache, padding):
    n, length, _ = x.shape
    q = self.q_proj(x).reshape(n, length, self.heads, -1)
    k = self.k_proj(x).reshape(n, length, self.kv_heads, -1)
    v = self.v_proj(x).reshape(n, length, self.kv_heads, -1)
    q, k, v = (a.transpose(0, 2, 1, 3) for a in (q, k, v))  # (N, H, L, D / H)
    offset: int | array = 0 if cache is None else cache.offset
    if padding is not None:
        offset = offset - padding
    q, k = self.rope(q, offset), self.rope(k, offset)
    if "q_norm" in self:
        q, k = self.q_norm(q), self.k_norm(k)
    if cache is not None:
        k, v = cache.update_and_fetch(k, v)
    y = core.fast.scaled_dot_product_attention(q, k, v, scale=self.scale, mask=mask)
    return self.o_proj(y.transpose(0, 2, 1, 3).reshape(n, length, -1))


@misconception(
    "12.17",
    "You add the padding to the position. It stands in front of the text: the first word "
    "has the position of the place less the padding.",
    symbol="Attention.__call__",
)
def __call__(self, x, mask, cache, padding):
    n, length, _ = x.shape
    q = self.q_proj(x).reshape(n, length, self.heads, -1)
    k = self.k_proj(x).reshape(n, length, self.kv_heads, -1)
    v = self.v_proj(x).reshape(n, length, self.kv_heads, -1)
    if "q_norm" in self:
        q, k = self.q_norm(q), self.k_norm(k)
    q, k, v = (a.transpose(0, 2, 1, 3) for a in (q, k, v))  # (N, H, L, D / H)
    offset: int | array = 0 if cache is None else cache.offset
    if padding is not None:
        offset = offset + padding
    q, k = self.rope(q, offset), self.rope(k, offset)
    if cache is not None:
        k, v = cache.update_and_fetch(k, v)
    y = core.fast.scaled_dot_product_attention(q, k, v, scale=self.scale, mask=mask)
    return self.o_proj(y.transpose(0, 2, 1, 3).reshape(n, length, -1))


@misconception(
    "12.17",
    "You ask the cache for its offset after it has grown: the queries stand behind the keys "
    "of their own tokens.",
    symbol="Attention.__call__",
)
def __call__(self, x, mask, cache, padding):
    n, length, _ = x.shape
    q = self.q_proj(x).reshape(n, length, self.heads, -1)
    k = self.k_proj(x).reshape(n, length, self.kv_heads, -1)
    v = self.v_proj(x).reshape(n, length, self.kv_heads, -1)
    if "q_norm" in self:
        q, k = self.q_norm(q), self.k_norm(k)
    q, k, v = (a.transpose(0, 2, 1, 3) for a in (q, k, v))  # (N, H, L, D / H)
    offset: int | array = 0 if cache is None else cache.offset
    if padding is not None:
        offset = offset - padding
    k = self.rope(k, offset)
    if cache is not None:
        k, v = cache.update_and_fetch(k, v)
        offset = cache.offset if padding is None else cache.offset - padding
    q = self.rope(q, offset)
    y = core.fast.scaled_dot_product_attention(q, k, v, scale=self.scale, mask=mask)
    return self.o_proj(y.transpose(0, 2, 1, 3).reshape(n, length, -1))


@misconception(
    "12.17",
    "You copy the keys for all heads. The values are right; but a cache is small because "
    "heads share keys, and `scaled_dot_product_attention` divides them without a copy.",
    symbol="Attention.__call__",
)
def __call__(self, x, mask, cache, padding):
    n, length, _ = x.shape
    q = self.q_proj(x).reshape(n, length, self.heads, -1)
    k = self.k_proj(x).reshape(n, length, self.kv_heads, -1)
    v = self.v_proj(x).reshape(n, length, self.kv_heads, -1)
    if "q_norm" in self:
        q, k = self.q_norm(q), self.k_norm(k)
    q, k, v = (a.transpose(0, 2, 1, 3) for a in (q, k, v))  # (N, H, L, D / H)
    offset: int | array = 0 if cache is None else cache.offset
    if padding is not None:
        offset = offset - padding
    q, k = self.rope(q, offset), self.rope(k, offset)
    if cache is not None:
        k, v = cache.update_and_fetch(k, v)
    k, v = (core.repeat(a, self.heads // self.kv_heads, axis=1) for a in (k, v))
    y = core.fast.scaled_dot_product_attention(q, k, v, scale=self.scale, mask=mask)
    return self.o_proj(y.transpose(0, 2, 1, 3).reshape(n, length, -1))


@misconception(
    "12.18",
    "You compare with p itself. The share is one of the most probable token's probability: where the "
    "model is unsure, nothing would be left.",
)
def min_p(logits, p):
    if not 0 < p <= 1:
        raise ValueError(f"[min_p] p should be above 0 and at most 1; it is {p}.")
    return core.where(core.softmax(logits, axis=-1) < p, -core.inf, logits)


@misconception(
    "12.18",
    "You multiply logits by p. A share of probabilities is a difference of logits, log p.",
)
def min_p(logits, p):
    if not 0 < p <= 1:
        raise ValueError(f"[min_p] p should be above 0 and at most 1; it is {p}.")
    return core.where(logits < p * core.max(logits, axis=-1, keepdims=True), -core.inf, logits)


@misconception(
    "12.18",
    "You look for the most probable token in all rows together.",
)
def min_p(logits, p):
    if not 0 < p <= 1:
        raise ValueError(f"[min_p] p should be above 0 and at most 1; it is {p}.")
    return core.where(logits < core.max(logits) + math.log(p), -core.inf, logits)


@misconception(
    "12.18",
    "A token that is exactly p times as probable stays: compare with <, not with <=.",
)
def min_p(logits, p):
    if not 0 < p <= 1:
        raise ValueError(f"[min_p] p should be above 0 and at most 1; it is {p}.")
    least = core.max(logits, axis=-1, keepdims=True) + math.log(p)
    return core.where(logits <= least, -core.inf, logits)


@misconception(
    "12.18",
    "You divide all logits. A negative one, divided by 1.3, is nearer to 0: the token has become more "
    "probable.",
)
def repetition_penalty(logits, seen, penalty):
    if not penalty > 0:
        raise ValueError(f"[repetition_penalty] The penalty should be above 0; it is {penalty}.")
    z = core.take_along_axis(logits, seen, axis=-1)
    return core.put_along_axis(logits, seen, z / penalty, axis=-1)


@misconception(
    "12.18",
    "You exchange the two cases: what was said is encouraged.",
)
def repetition_penalty(logits, seen, penalty):
    if not penalty > 0:
        raise ValueError(f"[repetition_penalty] The penalty should be above 0; it is {penalty}.")
    z = core.take_along_axis(logits, seen, axis=-1)
    lowered = core.where(z > 0, z * penalty, z / penalty)
    return core.put_along_axis(logits, seen, lowered, axis=-1)


@misconception(
    "12.18",
    "A token that was said five times is punished five times. Once is asked for.",
)
def repetition_penalty(logits, seen, penalty):
    if not penalty > 0:
        raise ValueError(f"[repetition_penalty] The penalty should be above 0; it is {penalty}.")
    for i in range(seen.shape[1]):
        z = core.take_along_axis(logits, seen[:, i : i + 1], axis=-1)
        lowered = core.where(z > 0, z / penalty, z * penalty)
        logits = core.put_along_axis(logits, seen[:, i : i + 1], lowered, axis=-1)
    return logits


@misconception(
    "12.18",
    "You punish the tokens of all texts in every text.",
)
def repetition_penalty(logits, seen, penalty):
    if not penalty > 0:
        raise ValueError(f"[repetition_penalty] The penalty should be above 0; it is {penalty}.")
    every = core.broadcast_to(seen.reshape(1, -1), (logits.shape[0], seen.size))
    z = core.take_along_axis(logits, every, axis=-1)
    lowered = core.where(z > 0, z / penalty, z * penalty)
    return core.put_along_axis(logits, every, lowered, axis=-1)


@misconception(
    "12.19",
    "You accept a proposal if it is the large model's most probable token. Then nothing else is ever "
    "accepted, and the distribution is another one.",
)
def accepted(p, q, proposed, uniform, key=None):
    count = proposed.shape[0]
    good = (core.argmax(p[:count], axis=-1) == proposed).astype(core.int32)
    passed = int(core.sum(core.cumprod(good)).item())
    rest = p[count] if passed == count else core.maximum(p[passed] - q[passed], 0)
    return passed, int(core.random.categorical(core.log(rest), key=key).item())


@misconception(
    "12.19",
    "After a refusal you draw from p. What p and q have in common has had its chance already: draw "
    "from what p has more, max(p - q, 0).",
)
def accepted(p, q, proposed, uniform, key=None):
    count = proposed.shape[0]
    of_p = core.take_along_axis(p[:count], proposed[:, None], axis=-1)[:, 0]
    of_q = core.take_along_axis(q, proposed[:, None], axis=-1)[:, 0]
    good = (uniform * of_q < of_p).astype(core.int32)
    passed = int(core.sum(core.cumprod(good)).item())
    return passed, int(core.random.categorical(core.log(p[passed]), key=key).item())


@misconception(
    "12.19",
    "You count all proposals that would pass. After the first one that is refused the rest stands "
    "behind a token that is not there.",
)
def accepted(p, q, proposed, uniform, key=None):
    count = proposed.shape[0]
    of_p = core.take_along_axis(p[:count], proposed[:, None], axis=-1)[:, 0]
    of_q = core.take_along_axis(q, proposed[:, None], axis=-1)[:, 0]
    passed = int(core.sum(uniform * of_q < of_p).item())
    rest = p[count] if passed == count else core.maximum(p[passed] - q[passed], 0)
    return passed, int(core.random.categorical(core.log(rest), key=key).item())


@misconception(
    "12.19",
    "Your ratio is the wrong way round: q / p accepts what the large model finds improbable.",
)
def accepted(p, q, proposed, uniform, key=None):
    count = proposed.shape[0]
    of_p = core.take_along_axis(p[:count], proposed[:, None], axis=-1)[:, 0]
    of_q = core.take_along_axis(q, proposed[:, None], axis=-1)[:, 0]
    good = (uniform * of_p < of_q).astype(core.int32)
    passed = int(core.sum(core.cumprod(good)).item())
    rest = p[count] if passed == count else core.maximum(p[passed] - q[passed], 0)
    return passed, int(core.random.categorical(core.log(rest), key=key).item())


@misconception(
    "12.19",
    "You draw from what q has more than p. The token that was refused is the one that q has too much "
    "of.",
)
def accepted(p, q, proposed, uniform, key=None):
    count = proposed.shape[0]
    of_p = core.take_along_axis(p[:count], proposed[:, None], axis=-1)[:, 0]
    of_q = core.take_along_axis(q, proposed[:, None], axis=-1)[:, 0]
    good = (uniform * of_q < of_p).astype(core.int32)
    passed = int(core.sum(core.cumprod(good)).item())
    rest = p[count] if passed == count else core.maximum(q[passed] - p[passed], 0)
    return passed, int(core.random.categorical(core.log(rest), key=key).item())


@misconception(
    "12.19",
    "What was refused stays in the caches: from then on both models read a text that nobody wrote. "
    "Trim it away.",
)
def rounds(target, draft, prompt, ahead, temperature):
    caches = target.make_cache(), draft.make_cache()
    if len(prompt) > 1:
        for model, cache in zip((target, draft), caches):
            core.eval(model(core.array([prompt[:-1]]), cache))
    unread = prompt[-1:]
    while True:
        proposed, q = proposals(draft, caches[1], unread, ahead, temperature)
        logits = target(core.array([[unread[-1], *proposed.tolist()]]), caches[0])[0]
        p = core.softmax(tempered(logits, temperature).astype(core.float32), axis=-1)
        passed, token = accepted(p, q, proposed, core.random.uniform(shape=(ahead,)))
        text = [*proposed.tolist()[:passed], token]
        unread = text[-2:] if passed == ahead else text[-1:]
        yield from text


@misconception(
    "12.19",
    "You empty the caches after a refusal and read the whole text again. Roll back only what was "
    "refused: the rest is still right.",
)
def rounds(target, draft, prompt, ahead, temperature):
    text = list(prompt)
    while True:
        caches = target.make_cache(), draft.make_cache()
        for model, cache in zip((target, draft), caches):
            for layer in cache:
                layer.trim(layer.offset)
            if len(text) > 1:
                core.eval(model(core.array([text[:-1]]), cache))
        proposed, q = proposals(draft, caches[1], text[-1:], ahead, temperature)
        logits = target(core.array([[text[-1], *proposed.tolist()]]), caches[0])[0]
        p = core.softmax(tempered(logits, temperature).astype(core.float32), axis=-1)
        passed, token = accepted(p, q, proposed, core.random.uniform(shape=(ahead,)))
        for layer in caches[0]:
            layer.trim(ahead - passed)
        for layer in caches[1]:
            layer.trim(max(ahead - 1 - passed, 0))
        new = [*proposed.tolist()[:passed], token]
        text += new
        yield from new


@misconception(
    "12.19",
    "You trim the draft's cache like the target's. The draft has not read its last proposal, so it "
    "loses a token that belongs to the text.",
)
def rounds(target, draft, prompt, ahead, temperature):
    caches = target.make_cache(), draft.make_cache()
    if len(prompt) > 1:
        for model, cache in zip((target, draft), caches):
            core.eval(model(core.array([prompt[:-1]]), cache))
    unread = prompt[-1:]
    while True:
        proposed, q = proposals(draft, caches[1], unread, ahead, temperature)
        logits = target(core.array([[unread[-1], *proposed.tolist()]]), caches[0])[0]
        p = core.softmax(tempered(logits, temperature).astype(core.float32), axis=-1)
        passed, token = accepted(p, q, proposed, core.random.uniform(shape=(ahead,)))
        text = [*proposed.tolist()[:passed], token]
        for cache in caches:
            for layer in cache:
                layer.trim(ahead - passed)
        unread = text[-2:] if passed == ahead else text[-1:]
        yield from text


@misconception(
    "12.19",
    "If all proposals pass, the draft has one token still to read: its last proposal. You give it "
    "only the token behind, and it misses one for ever.",
)
def rounds(target, draft, prompt, ahead, temperature):
    caches = target.make_cache(), draft.make_cache()
    if len(prompt) > 1:
        for model, cache in zip((target, draft), caches):
            core.eval(model(core.array([prompt[:-1]]), cache))
    unread = prompt[-1:]
    while True:
        proposed, q = proposals(draft, caches[1], unread, ahead, temperature)
        logits = target(core.array([[unread[-1], *proposed.tolist()]]), caches[0])[0]
        p = core.softmax(tempered(logits, temperature).astype(core.float32), axis=-1)
        passed, token = accepted(p, q, proposed, core.random.uniform(shape=(ahead,)))
        text = [*proposed.tolist()[:passed], token]
        for layer in caches[0]:
            layer.trim(ahead - passed)
        for layer in caches[1]:
            layer.trim(max(ahead - 1 - passed, 0))
        unread = text[-1:]
        yield from text


@misconception(
    "12.20",
    "You scale by alpha. The sum over the rank grows with it, and alpha / rank takes that back; with "
    "alpha alone training runs away at a larger rank.",
    symbol="LoRALinear.__init__",
)
def __init__(self, linear, rank=8, alpha=16.0, dropout=0.0):
    super().__init__()
    outputs, inputs = linear.weight.shape
    check_rank(rank)
    self.linear = linear
    self.dropout = nn.Dropout(dropout)
    self.scale = alpha
    bound = 1 / math.sqrt(inputs)
    self.lora_a = core.random.uniform(-bound, bound, (inputs, rank))
    self.lora_b = core.zeros((rank, outputs))
    linear.freeze()


@misconception(
    "12.20",
    "B is random: the model is disturbed before it has learned anything. One of the two begins at "
    "zero.",
    symbol="LoRALinear.__init__",
)
def __init__(self, linear, rank=8, alpha=16.0, dropout=0.0):
    super().__init__()
    outputs, inputs = linear.weight.shape
    check_rank(rank)
    self.linear = linear
    self.dropout = nn.Dropout(dropout)
    self.scale = alpha / rank
    bound = 1 / math.sqrt(inputs)
    self.lora_a = core.random.uniform(-bound, bound, (inputs, rank))
    self.lora_b = core.random.uniform(-bound, bound, (rank, outputs))
    linear.freeze()


@misconception(
    "12.20",
    "A and B are both zero: the slope of each is a product with the other, so nothing is ever learned.",
    symbol="LoRALinear.__init__",
)
def __init__(self, linear, rank=8, alpha=16.0, dropout=0.0):
    super().__init__()
    outputs, inputs = linear.weight.shape
    check_rank(rank)
    self.linear = linear
    self.dropout = nn.Dropout(dropout)
    self.scale = alpha / rank
    self.lora_a = core.zeros((inputs, rank))
    self.lora_b = core.zeros((rank, outputs))
    linear.freeze()


@misconception(
    "12.20",
    "The layer is not frozen: you train all its numbers, and a few more.",
    symbol="LoRALinear.__init__",
)
def __init__(self, linear, rank=8, alpha=16.0, dropout=0.0):
    super().__init__()
    outputs, inputs = linear.weight.shape
    check_rank(rank)
    self.linear = linear
    self.dropout = nn.Dropout(dropout)
    self.scale = alpha / rank
    bound = 1 / math.sqrt(inputs)
    self.lora_a = core.random.uniform(-bound, bound, (inputs, rank))
    self.lora_b = core.zeros((rank, outputs))


@misconception(
    "12.20",
    "A is drawn with bounds of the rank. It is a layer with inputs inputs, and starts like one.",
    symbol="LoRALinear.__init__",
)
def __init__(self, linear, rank=8, alpha=16.0, dropout=0.0):
    super().__init__()
    outputs, inputs = linear.weight.shape
    check_rank(rank)
    self.linear = linear
    self.dropout = nn.Dropout(dropout)
    self.scale = alpha / rank
    bound = 1 / math.sqrt(rank)
    self.lora_a = core.random.uniform(-bound, bound, (inputs, rank))
    self.lora_b = core.zeros((rank, outputs))
    linear.freeze()


@misconception(
    "12.20",
    "The scale is missing.",
    symbol="LoRALinear.__call__",
)
def __call__(self, x):
    y = self.linear(x)
    return y + ((self.dropout(x) @ self.lora_a) @ self.lora_b).astype(y.dtype)


@misconception(
    "12.20",
    "The narrow way takes the place of the layer instead of standing beside it.",
    symbol="LoRALinear.__call__",
)
def __call__(self, x):
    y = (self.dropout(x) @ self.lora_a) @ self.lora_b
    return (self.scale * y).astype(x.dtype)


@misconception(
    "12.20",
    "You drop inputs of the layer, too. It is not trained, and needs all of them.",
    symbol="LoRALinear.__call__",
)
def __call__(self, x):
    x = self.dropout(x)
    y = self.linear(x)
    return y + (self.scale * ((x @ self.lora_a) @ self.lora_b)).astype(y.dtype)


@misconception(
    "12.20",
    "You drop what the narrow way returns. Its inputs are dropped, so that each sum lacks others.",
    symbol="LoRALinear.__call__",
)
def __call__(self, x):
    y = self.linear(x)
    return y + self.dropout(self.scale * ((x @ self.lora_a) @ self.lora_b)).astype(y.dtype)


@misconception(
    "12.20",
    "The output is float32 where the layer's is of half precision: everything behind it becomes "
    "slower.",
    symbol="LoRALinear.__call__",
)
def __call__(self, x):
    return self.linear(x) + self.scale * ((self.dropout(x) @ self.lora_a) @ self.lora_b)


@misconception(
    "12.20",
    "You add to the layer's own weight: it is changed, and merged twice if somebody asks twice.",
    symbol="LoRALinear.merged",
)
def merged(self):
    weight = self.linear.weight
    outputs, inputs = weight.shape
    layer = nn.Linear(inputs, outputs, bias="bias" in self.linear)
    change = self.scale * (self.lora_a @ self.lora_b).T
    self.linear.weight = (weight + change).astype(weight.dtype)
    layer.weight = self.linear.weight
    if "bias" in self.linear:
        layer.bias = self.linear.bias
    return layer


@misconception(
    "12.20",
    "The merged layer has lost its bias, or has a new one.",
    symbol="LoRALinear.merged",
)
def merged(self):
    weight = self.linear.weight
    outputs, inputs = weight.shape
    layer = nn.Linear(inputs, outputs, bias=False)
    change = self.scale * (self.lora_a @ self.lora_b).T
    layer.weight = (weight + change).astype(weight.dtype)
    return layer


@misconception(
    "12.20",
    "The merged weight lacks the scale.",
    symbol="LoRALinear.merged",
)
def merged(self):
    weight = self.linear.weight
    outputs, inputs = weight.shape
    layer = nn.Linear(inputs, outputs, bias="bias" in self.linear)
    layer.weight = (weight + (self.lora_a @ self.lora_b).T).astype(weight.dtype)
    if "bias" in self.linear:
        layer.bias = self.linear.bias
    return layer
