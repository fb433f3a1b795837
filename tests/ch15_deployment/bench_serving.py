"""A load test: 64 clients and ten thousand requests over loopback, and nobody is lost.

``python tests/ch15_deployment/bench_serving.py`` does all of it; ``tinymlx bench 15`` races the
engine alone. Serving runs in a process of its own, on the solutions unless ``--impl`` says else.
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np

from course.cli.project import implementation
from course.grading.marks import exercise
from course.paths import Project
from course.registry import load_registry

PROJECT = Project(Path(__file__).resolve().parents[2])
CONFIG = {
    "model_type": "llama",
    "vocab_size": 257,
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "rms_norm_eps": 1e-6,
}
WORDS = "the sea is wide and who goes next over a small green island in the evening".split()


def write_model(folder, seed=0):
    """A GPT of chapter 12's kind as models are published, with weights made from a seed."""
    from tinymlx import core
    from tinymlx.models.language.llama import Llama
    from tinymlx.text.tokenizer.learning import alphabet
    from tinymlx.utils import tree_flatten

    core.random.seed(seed)
    model = Llama.from_config(CONFIG)
    weights = tree_flatten(model.parameters(), destination={})
    # Larger than at the start of training: answers shall differ, and not hang on roundings.
    weights = {name: 3 * w if w.ndim == 2 else w for name, w in weights.items()}
    weights["lm_head.weight"][256] = 0.0  # it hardly ever ends by itself
    core.save_safetensors(str(folder / "model.safetensors"), weights)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    numbers = {letter: i for i, letter in enumerate(alphabet())}
    (folder / "vocab.json").write_text(json.dumps({**numbers, "<|endoftext|>": 256}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    told = {"eos_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(told))


def questions(count, seed=1):
    """Bodies of requests: prompts of 8 to 40 characters, answers of 4 to 28 tokens."""
    draw = random.Random(seed)
    found = []
    for _ in range(count):
        prompt = " ".join(draw.choices(WORDS, k=draw.randint(2, 8)))
        body = {"prompt": prompt, "max_tokens": draw.randint(4, 28), "temperature": 0}
        found.append(body)
    return found


class Line:
    """A connection of a client, kept open: HTTP/1.1 in its fewest words.

    A load test has to know what its clients cost. With httpx and 64 connections in one pool a
    request took them 8.6 ms of a core (it looks through the pool each time), more than it took the
    engine; this one takes 0.15 ms.
    """

    def __init__(self, address):
        self.host = address.removeprefix("http://")

    async def __aenter__(self):
        name, port = self.host.split(":")
        self.reader, self.writer = await asyncio.open_connection(name, int(port))
        return self

    async def __aexit__(self, *_):
        self.writer.close()
        await self.writer.wait_closed()

    async def post(self, path, body):
        """The answer's JSON; an error if its status is another than 200, or if it lacks bytes."""
        sent = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Length: {len(sent)}\r\n\r\n"
        self.writer.write(head.encode() + sent)
        told = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        lengths = [line.partition(":")[2] for line in told if line.startswith("content-length:")]
        found = await self.reader.readexactly(int(lengths[0]))
        assert told[0].split()[1] == "200", found
        return json.loads(found)


async def ask(line, body, times):
    """One request; its text, and when it came and went."""
    start = time.perf_counter()
    found = await line.post("/v1/completions", body)
    times.append((start, time.perf_counter()))
    return found["choices"][0]["text"], found["usage"]["completion_tokens"]


async def crowd(address, bodies, clients):
    """So many clients, each of which asks again as soon as it has its answer."""
    left = iter(enumerate(bodies))
    texts, times = {}, []

    async def one():
        async with Line(address) as line:
            for number, body in left:
                texts[number] = await ask(line, body, times)

    await asyncio.gather(*(one() for _ in range(clients)))
    return texts, times


async def leave(address, bodies):
    """Clients that go away in the middle of a stream."""
    async with httpx.AsyncClient(base_url=address, timeout=60) as client:

        async def one(body):
            body = {**body, "max_tokens": 200, "stream": True}
            async with client.stream("POST", "/v1/completions", json=body) as answer:
                async for _ in answer.aiter_lines():
                    return

        await asyncio.gather(*(one(body) for body in bodies))


def running(address):
    """Rows that are computed or wait, as the metrics say."""
    text = httpx.get(f"{address}/metrics").text
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
    return float(lines["tinymlx_running"]) + float(lines["tinymlx_waiting"])


class Serving:
    """``tinymlx serve`` in a process of its own."""

    def __init__(self, folder, rows, impl):
        command = [sys.executable, "-m", "course.cli.main", "serve", str(folder), "--port", "0"]
        command += ["--rows", str(rows), "--impl", impl, "--pages", "1024"]
        self.process = subprocess.Popen(
            command, cwd=PROJECT.root, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        for line in self.process.stdout:
            if "http://" in line:
                self.address = line[line.index("http://") :].split()[0]
                return
        raise RuntimeError("the server did not start")

    def __enter__(self):
        return self.address

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)


def load_test(requests, clients, alone, rows, impl):
    """All of it; the numbers."""
    with implementation(PROJECT, load_registry(PROJECT), impl):
        from tinymlx.serving.latency import load

        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_model(folder)
            bodies = questions(requests)
            with Serving(folder, rows, impl) as address:
                asyncio.run(crowd(address, bodies[:8], 1))  # warm
                few, few_times = asyncio.run(crowd(address, bodies[:alone], 1))
                some, some_times = asyncio.run(crowd(address, bodies[: 4 * alone], 16))
                many, times = asyncio.run(crowd(address, bodies, clients))
                asyncio.run(leave(address, bodies[:40]))
                start = time.perf_counter()
                while running(address) and time.perf_counter() - start < 30:
                    time.sleep(0.05)
                after, _ = asyncio.run(crowd(address, bodies[:alone], 16))
    assert len(many) == requests, f"{requests - len(many)} requests were lost"
    wrong = [i for i in few if many[i] != few[i] or some[i] != few[i] or after[i] != few[i]]
    found = {}
    for label, part in (("alone", few_times), ("16 clients", some_times), ("all", times)):
        starts, ends = np.array(part).T.tolist()
        found[label] = load(starts, ends)
    return found, len(wrong), [end - start for start, end in times]


def main():
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--requests", type=int, default=10_000)
    told.add_argument("--clients", type=int, default=64)
    told.add_argument("--alone", type=int, default=200, help="requests one at a time")
    told.add_argument("--rows", type=int, default=64)
    told.add_argument("--impl", default="solutions")
    told.add_argument("--out", type=Path, help="where the latencies go, as JSON")
    given = told.parse_args()
    found, wrong, latencies = load_test(
        given.requests, given.clients, given.alone, given.rows, given.impl
    )
    for label, x in found.items():
        print(
            f"{label:>10}: {x.throughput:7.1f} requests a second, p50 {1e3 * x.median:6.0f} ms, "
            f"p95 {1e3 * x.p95:6.0f} ms, p99 {1e3 * x.p99:6.0f} ms, {x.in_flight:5.1f} at a time"
        )
    first = found["alone"].throughput
    for label in ("16 clients", "all"):
        print(f"{label}: {found[label].throughput / first:.1f} times one at a time")
    print(f"{wrong} of {given.alone} answers differ from those one at a time")
    if given.out:
        given.out.write_text(json.dumps([round(x, 4) for x in latencies]))


@exercise("15.22")
def bench_engine(race):
    """32 requests of 20 tokens: all together, and one at a time."""

    def engine(rows):
        def make(_tinymlx):
            from tinymlx import core
            from tinymlx.models.language.llama import Llama
            from tinymlx.serving.chunks import ChunkedEngine
            from tinymlx.serving.pages import PageTable
            from tinymlx.serving.requests import Request

            core.random.seed(0)
            model = Llama.from_config(CONFIG)
            core.eval(model.parameters())

            def run():
                machine = ChunkedEngine(model, PageTable(512, 16), rows)
                for number in range(32):
                    machine.submit(Request(number, [number + 1] * (4 + number % 9), 20))
                while not machine.idle:
                    machine.step()

            return run

        return make

    race(tiny=engine(32), tiny_one_at_a_time=engine(1))


if __name__ == "__main__":
    main()
