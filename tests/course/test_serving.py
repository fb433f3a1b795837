"""Pages, the engine, stop sequences, batches, percentiles: against simple models of each."""

from __future__ import annotations

import importlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from course.cli.project import implementation
from course.paths import Project
from course.registry import Registry
from course.serve.text import Speaking

PARTS = "pages engine chunks requests stops streams events batching latency"


@pytest.fixture(scope="module")
def s(project: Project, registry: Registry) -> Iterator[Any]:
    class Served:
        pass

    with implementation(project, registry, "solutions"):
        for name in PARTS.split():
            setattr(Served, name, importlib.import_module(f"tinymlx.serving.{name}"))
        Served.core = importlib.import_module("tinymlx.core")
        Served.llama = importlib.import_module("tinymlx.models.language.llama")
        Served.loop = importlib.import_module("tinymlx.text.generation.loop")
        yield Served


@pytest.fixture(scope="module")
def model(s: Any) -> Any:
    config = s.llama.LlamaConfig(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
    )
    s.core.random.seed(3)
    model = s.llama.Llama(config)
    s.core.eval(model.parameters())
    return model


def alone(s: Any, model: Any, prompt: list[int], count: int) -> list[int]:
    """What the model writes for one prompt by itself."""
    text = s.loop.tokens(model, prompt)
    return [next(text) for _ in range(count)]


def test_pages_are_given_and_taken_back(s: Any) -> None:
    rng = random.Random(0)
    table, lengths = s.pages.PageTable(12, 4), {}
    for _ in range(500):
        text = rng.randrange(5)
        if rng.random() < 0.25:
            table.release(text)
            lengths.pop(text, None)
            continue
        new = rng.randrange(1, 9)
        used = sum(-(-n // 4) for n in lengths.values())
        needed = -(-(lengths.get(text, 0) + new) // 4) - -(-lengths.get(text, 0) // 4)
        if needed > 12 - used:
            before = (sorted(table.free), dict(table.lengths))
            with pytest.raises(s.pages.OutOfPages):
                table.grow(text, new)
            assert before == (sorted(table.free), dict(table.lengths))
        else:
            table.grow(text, new)
            lengths[text] = lengths.get(text, 0) + new
        assert table.lengths == lengths
        places = [place for t in lengths for place in table.places(t)]
        assert len(set(places)) == len(places) == sum(lengths.values())
        assert all(0 <= place < 48 for place in places)
        assert len(table.free) == 12 - sum(-(-n // 4) for n in lengths.values())


def run(s: Any, engine: Any, coming: list[tuple[int, Any]]) -> dict[int, list[int]]:
    """Let requests come at their steps; the tokens of each, and why it ended."""
    found: dict[int, list[int]] = {request.number: [] for _, request in coming}
    reasons: dict[int, str] = {}
    for step in range(2000):
        for at, request in coming:
            if at == step:
                engine.submit(request)
        for event in engine.step():
            assert event.number not in reasons
            if event.token is not None:
                found[event.number].append(event.token)
            if event.reason is not None:
                reasons[event.number] = event.reason
        if engine.idle and all(at <= step for at, _ in coming):
            break
    assert set(reasons) == set(found) and engine.idle
    return found


def engine_of(s: Any, model: Any, kind: str, pages: int, rows: int) -> Any:
    """An engine with pages of 4 positions; one that computes in parts has its own scheduler."""
    table = s.pages.PageTable(pages, 4)
    if kind == "whole":
        return s.engine.Engine(model, table, rows)
    return s.chunks.ChunkedEngine(model, table, rows, budget=9)


@pytest.mark.parametrize("kind", ["whole", "parts"])
@pytest.mark.parametrize("pages", [400, 14])
def test_in_company_as_alone(s: Any, model: Any, pages: int, kind: str) -> None:
    """Requests of all lengths come and go; with few pages some have to wait in between."""
    rng = random.Random(pages)
    prompts = [[rng.randrange(50) for _ in range(rng.randrange(1, 14))] for _ in range(12)]
    counts = [rng.randrange(1, 16) for _ in prompts]
    coming = [
        (rng.randrange(12), s.requests.Request(i, prompt, most))
        for i, (prompt, most) in enumerate(zip(prompts, counts))
    ]
    engine = engine_of(s, model, kind, pages, 5)
    found = run(s, engine, coming)
    for i, (prompt, most) in enumerate(zip(prompts, counts)):
        assert found[i] == alone(s, model, prompt, most), i
    assert len(engine.table.free) == pages and not engine.table.pages


@pytest.mark.parametrize("kind", ["whole", "parts"])
def test_draws_do_not_depend_on_company(s: Any, model: Any, kind: str) -> None:
    """Some are drawn alike, some with another temperature, some are not drawn."""

    def request(number: int, seed: int, temperature: float = 1.5) -> Any:
        return s.requests.Request(number, [3, 1, 4], 12, temperature, p=0.9, seed=seed)

    single = run(s, engine_of(s, model, kind, 50, 4), [(0, request(0, 2**31 - 1))])[0]
    coming = [(i, request(i, i, (1.5, 0.0, 0.7)[i % 3])) for i in range(5)]
    coming.insert(2, (2, request(9, 2**31 - 1)))
    many = run(s, engine_of(s, model, kind, 11, 4), coming)
    assert many[9] == single
    assert many[0] != single
    assert many[1] == alone(s, model, [3, 1, 4], 12)


def test_draws_are_those_of_one_row(s: Any, model: Any) -> None:
    """Rows that are drawn together get what each of them would draw with its key."""
    sample = importlib.import_module("tinymlx.text.sampling").sample
    logits = 3 * s.core.random.normal((6, 50))
    rows = []
    for i in range(6):
        request = s.requests.Request(
            i, [1], 9, (0.0, 0.8, 2.0)[i % 3], 20, (None, 0.7)[i % 2], i**9
        )
        rows.append(s.requests.Row(request, [0] * i))
    found = s.engine.chosen(rows, logits).tolist()
    for i, row in enumerate(rows):
        asked = row.request
        key = s.core.random.key(asked.seed * 1_000_003 + i)
        wanted = s.core.argmax(logits[i])
        if asked.temperature:
            wanted = sample(logits[i], asked.temperature, asked.k, asked.p, key)
        assert found[i] == wanted.item(), i


def test_parts_are_called_with_their_like(s: Any) -> None:
    """Writers together, nothing padded to more than four times its length, nothing lost."""
    rng = random.Random(4)
    for _ in range(200):
        parts = [(i, rng.choice([1, 1, rng.randrange(1, 90)])) for i in range(rng.randrange(1, 9))]
        groups = s.chunks.alike(parts)
        assert sorted(part for group in groups for part in group) == sorted(parts)
        for group in groups:
            counts = [count for _, count in group]
            assert max(counts) <= 4 * min(counts) and (1 not in counts or max(counts) == 1)
    with pytest.raises(ValueError, match="at least 8"):
        s.chunks.ChunkedEngine(None, s.pages.PageTable(1, 1), 1, budget=7)


def test_no_token_that_nobody_can_write(s: Any, model: Any) -> None:
    """The table of the model has more rows than its tokenizer has tokens."""
    speaking = Speaking(model, 3)
    engine = s.chunks.ChunkedEngine(speaking, s.pages.PageTable(20, 4), 4)
    for number in range(4):
        engine.submit(s.requests.Request(number, [1, 2], most=9, temperature=9.0, seed=number))
    found = set()
    while not engine.idle:
        found |= {event.token for event in engine.step()}
    assert found == {0, 1, 2}


def test_an_end_and_a_cancellation(s: Any, model: Any) -> None:
    text = alone(s, model, [5, 6], 8)
    end = text[3]
    first = text.index(end)
    engine = s.engine.Engine(model, s.pages.PageTable(50, 4), rows=2)
    Request = s.requests.Request
    assert run(s, engine, [(0, Request(1, [5, 6], 8, ends=frozenset({end})))])[1] == text[:first]
    for number in (1, 2, 3):
        engine.submit(Request(number, [5, 6], 8))
    engine.step()
    engine.cancel(3)
    engine.cancel(1)
    engine.cancel(99)
    left = {event.number for _ in range(12) for event in engine.step()}
    assert left == {2} and engine.idle and len(engine.table.free) == 50


def test_what_cannot_be_answered(s: Any, model: Any) -> None:
    engine = s.engine.Engine(model, s.pages.PageTable(3, 4), rows=2)
    Request = s.requests.Request
    for request, said in [
        (Request(1, [], 3), "empty"),
        (Request(1, [1], 0), "At least 1 token"),
        (Request(1, [1] * 9, 4), "at most 12"),
        (Request(1, [1], 1, temperature=-1.0), "temperature"),
        (Request(1, [1], 1, temperature=float("nan")), "temperature"),
        (Request(1, [1], 1, k=0), "top_k"),
        (Request(1, [1], 1, p=0.0), "top_p"),
    ]:
        with pytest.raises(ValueError, match=said):
            engine.submit(request)
    assert engine.idle
    assert len(run(s, engine, [(0, Request(1, [1] * 8, 4))])[1]) == 4


def test_stop_sequences_in_any_pieces(s: Any) -> None:
    rng = random.Random(1)
    for _ in range(3000):
        text = "".join(rng.choice("ab\n") for _ in range(rng.randrange(14)))
        stops = ["".join(rng.choice("ab\n") for _ in range(rng.randrange(1, 5))) for _ in range(3)]
        stops = stops[: rng.randrange(4)]
        ends = [(text.find(stop) + len(stop), text.find(stop)) for stop in stops if stop in text]
        wanted = text[: min(ends)[1]] if ends else text
        stream, said, rest = s.stops.Stops(stops), "", text
        while rest:
            cut = rng.randrange(len(rest) + 1)
            said += stream.feed(rest[:cut])
            rest = rest[cut:]
            assert wanted.startswith(said)
            if not stream.stopped:
                # Nothing waits that could be no beginning.
                waiting = stream.waiting
                assert not waiting or any(x.startswith(waiting) for x in stops)
        assert stream.stopped == bool(ends)
        assert said + stream.finish() == wanted
    with pytest.raises(ValueError, match="at least one character"):
        s.stops.Stops(["a", ""])


def test_events_are_read_as_the_official_client_reads_them(s: Any) -> None:
    from openai._streaming import SSEDecoder

    rng = random.Random(2)
    parts = [
        "data: a",
        "data:  b",
        "data",
        "data:",
        ": ping",
        "id: 7",
        "",
        "",
        "é 海",
        "data: c: d",
    ]
    for _ in range(300):
        lines = [rng.choice(parts) for _ in range(rng.randrange(12))]
        data = "".join(line + rng.choice(["\n", "\r\n"]) for line in lines).encode()
        sent = [x.data for x in SSEDecoder().iter_bytes(iter([data])) if x.data]
        reader, found, rest = s.events.EventReader(), [], data
        while rest:
            cut = rng.randrange(1, 4)
            found += reader.feed(rest[:cut])
            rest = rest[cut:]
        assert [x for x in found if x] == sent
    for text in ("", "a\nb", "\n", " c", "d\r\n\re", "\u2028f\x0b", "data: g"):
        plain = text.replace("\r\n", "\n").replace("\r", "\n")
        assert s.events.EventReader().feed(s.events.event(text)) == [plain]


def test_a_batch_is_due(s: Any) -> None:
    batcher = s.batching.Batcher(3, 0.5)
    assert batcher.due(0.0) == [] and batcher.wake_up(0.0) is None
    batcher.offer("a", 1.0)
    assert batcher.due(1.25) == [] and batcher.wake_up(1.25) == 0.25
    batcher.offer("b", 1.375)
    assert batcher.due(1.5) == ["a", "b"]
    assert batcher.due(9.0) == []
    for i in range(7):
        batcher.offer(i, 10.0)
    assert batcher.wake_up(10.0) == 0
    assert batcher.due(10.0) == [0, 1, 2] and batcher.due(10.0) == [3, 4, 5]
    assert batcher.due(10.25) == [] and batcher.due(10.5) == [6]
    for most, patience in ((0, 1.0), (1, -1.0), (1, float("nan"))):
        with pytest.raises(ValueError, match="most should be"):
            s.batching.Batcher(most, patience)


def test_percentiles_are_those_of_numpy(s: Any) -> None:
    rng = np.random.default_rng(0)
    for count in (1, 2, 3, 10, 101):
        values = rng.exponential(size=count)
        for q in (0, 1, 50, 95, 99, 99.9, 100):
            wanted = np.percentile(values, q)
            assert s.latency.percentile(list(values), q) == pytest.approx(wanted, rel=1e-12)
    for values, q in (([], 50), ([1.0], -1), ([1.0], 101)):
        with pytest.raises(ValueError, match="percentile"):
            s.latency.percentile(values, q)


def test_little(s: Any) -> None:
    """Three at a time, each for two seconds, for ten seconds: 1.5 in a second."""
    starts = [2.0 * i for i in range(5) for _ in range(3)]
    found = s.latency.load(starts, [start + 2 for start in starts])
    assert found.throughput == pytest.approx(1.5) and found.in_flight == pytest.approx(3)
    assert found.in_flight == pytest.approx(found.throughput * found.mean)
    assert found.median == found.p99 == 2
    with pytest.raises(ValueError, match="before it begins"):
        s.latency.load([1.0], [0.5])
    with pytest.raises(ValueError, match="should be requests"):
        s.latency.load([], [])
