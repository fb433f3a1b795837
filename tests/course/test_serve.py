"""The server: OpenAI's own client, hostile bodies, limits, cancellation, a load, the page."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest
import transformers
from browsers import WIDTHS, overflowing, resize, start
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from course.cli import serve
from course.cli.project import implementation
from course.errors import CourseError
from course.paths import Project
from course.registry import Registry
from course.serve.loopback import on_loopback
from course.serve.wire import Limits


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published model of a few thousand weights, whose tokens are bytes."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    transformers.set_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=257,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=0.3,
    )
    model = transformers.LlamaForCausalLM(config)
    model.lm_head.weight.data[256] = 0  # it hardly ever ends by itself
    model.save_pretrained(folder)
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = {letter: i for i, letter in enumerate(bytes_to_unicode().values())}
    (folder / "vocab.json").write_text(json.dumps({**letters, "<|endoftext|>": 256}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    told = {"eos_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    return folder


@contextmanager
def serving(*models: str, limits: Limits | None = None, **changes: Any) -> Iterator[str]:
    """A server in a thread; its address."""
    options: dict[str, Any] = {
        "host": "127.0.0.1", "port": 0, "token": None, "rows": 16, "pages": 400, "page": 8,
        "queue": 300, "tokens": 128, "seconds": 60.0, "impl": "solutions",
    }  # fmt: skip
    wanted = serve.Wanted(list(models), **{**options, **changes})
    with ExitStack() as stack:
        server = serve.prepared(wanted, wanted.token, stack)
        if limits is not None:
            server.limits = limits
        yield stack.enter_context(on_loopback(server))


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with serving(str(folder), "digits") as address:
        yield address


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=60) as client:
        yield client


def alone(folder: Path, project: Project, registry: Registry, prompt: str, count: int) -> str:
    """What the reader's own loop writes, one request at a time."""
    with implementation(project, registry, "solutions"):
        from tinymlx.models.language.loading import load
        from tinymlx.text.generation.loop import tokens

        model, tokenizer = load(folder)
        found, text = [], tokens(model, tokenizer.encode(prompt))
        for token in text:
            if token == tokenizer.eos or len(found) == count:
                break
            found.append(token)
        return b"".join(tokenizer.bytes_of(t) for t in found).decode("utf-8", "replace")


def test_the_official_client(
    address: str, folder: Path, project: Project, registry: Registry
) -> None:
    with openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client:
        assert {m.id for m in client.models.list()} == {"tiny", "classifier-digits"}
        wanted = alone(folder, project, registry, "Hello", 20)
        asked: dict[str, Any] = {"model": "tiny", "max_tokens": 20, "temperature": 0}
        whole = client.completions.create(prompt="Hello", **asked)
        assert whole.choices[0].text == wanted
        assert whole.choices[0].finish_reason == "length"
        assert whole.usage is not None
        assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (5, 20)
        pieces = list(
            client.completions.create(
                prompt="Hello", stream=True, stream_options={"include_usage": True}, **asked
            )
        )
        assert "".join(p.choices[0].text for p in pieces if p.choices) == wanted
        assert pieces[-1].usage == whole.usage
        assert [p.choices[0].finish_reason for p in pieces if p.choices][-1] == "length"
        stop = wanted[5:7]
        cut = client.completions.create(prompt="Hello", stop=stop, **asked)
        assert cut.choices[0].text == wanted[: wanted.index(stop)]
        assert cut.choices[0].finish_reason == "stop"
        messages: Any = [{"role": "user", "content": "Hi"}]
        chat = client.chat.completions.create(messages=messages, **asked)
        streamed = client.chat.completions.create(messages=messages, stream=True, **asked)
        said = "".join(p.choices[0].delta.content or "" for p in streamed)
        assert said == chat.choices[0].message.content and said
        draws = [
            client.completions.create(
                model="tiny", prompt="Hello", max_tokens=12, temperature=1.5, seed=seed
            ).choices[0].text
            for seed in (1, 1, 2)
        ]  # fmt: skip
        assert draws[0] == draws[1] != draws[2]
        with pytest.raises(openai.BadRequestError, match="temperature should be a number"):
            client.completions.create(model="tiny", prompt="Hello", temperature=7)


BAD: list[tuple[str, Any, int, str]] = [
    ("completions", b"{", 400, "no JSON"),
    ("completions", b"[" * 100_000, 400, "no JSON"),
    ("completions", b"\xff\xfe", 400, "no JSON"),
    ("completions", [], 400, "JSON object"),
    ("completions", {}, 400, "prompt should be a text"),
    ("completions", {"prompt": ""}, 400, "The prompt is empty"),
    ("completions", {"prompt": 7}, 400, "prompt should be a text"),
    ("completions", {"prompt": "a", "max_tokens": 0}, 400, "max_tokens should be a whole number"),
    ("completions", {"prompt": "a", "max_tokens": 10**9}, 400, "from 1 to 128"),
    ("completions", {"prompt": "a", "max_tokens": 1.5}, 400, "whole number"),
    ("completions", {"prompt": "a", "max_tokens": True}, 400, "whole number"),
    ("completions", {"prompt": "a", "temperature": "hot"}, 400, "temperature"),
    ("completions", {"prompt": "a", "top_p": 0}, 400, "top_p"),
    ("completions", {"prompt": "a", "n": 2}, 400, "one answer"),
    ("completions", {"prompt": "a", "stop": ["a"] * 5}, 400, "at most four"),
    ("completions", {"prompt": "a", "stop": ""}, 400, "at least one character"),
    ("completions", {"prompt": "a", "stream": "yes"}, 400, "stream should be"),
    ("completions", {"prompt": "a" * 5000}, 400, "at most 3200"),
    ("completions", {"prompt": "a", "model": "gpt-4"}, 404, "no model gpt-4 here; there is tiny"),
    ("completions", {"prompt": "a", "seed": 2**64}, 400, "to 9223372036854775808; it is"),
    ("completions", b'{"prompt": "\\ud800"}', 400, "half of a character"),
    ("completions", b'{"prompt": "a", "temperature": NaN}', 400, "temperature"),
    ("chat/completions", {"messages": []}, 400, "at least one message"),
    ("chat/completions", {"messages": ["hi"]}, 400, "A message should be"),
    ("chat/completions", {"messages": [{"role": "robot", "content": "x"}]}, 400, "role"),
    ("chat/completions", {"messages": [{"role": "user", "content": [1]}]}, 400, "a text"),
    ("classify", b"GIF89a nothing", 400, "no picture"),
    ("classify", {"image": "?"}, 400, "base64"),
    ("classify", {"picture": ""}, 400, "base64"),
]


@pytest.mark.parametrize(("path", "body", "status", "said"), BAD, ids=str)
def test_bad_requests(client: httpx.Client, path: str, body: Any, status: int, said: str) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = client.post(f"/v1/{path}", content=content)
    assert answer.status_code == status
    assert said in answer.json()["error"]["message"]
    assert client.get("/healthz").json() == {"status": "ok"}


def test_what_is_not_there(client: httpx.Client) -> None:
    found = client.get("/v1/nothing")
    assert found.status_code == 404 and "no path /v1/nothing" in found.json()["error"]["message"]
    found = client.get("/v1/completions")
    assert found.status_code == 405 and "does not answer GET" in found.json()["error"]["message"]
    assert found.headers["allow"] == "POST"
    large = b"x" * 1_000_001
    assert client.post("/v1/completions", content=large).status_code == 413

    def pieces() -> Iterator[bytes]:
        for _ in range(200):
            yield b"x" * 10_000

    assert client.post("/v1/completions", content=pieces()).status_code == 413


def test_random_bytes_never_end_it(client: httpx.Client) -> None:
    rng = random.Random(0)
    good = json.dumps({"prompt": "abc", "max_tokens": 2, "stop": ["x"], "stream": True}).encode()
    for path in ("completions", "chat/completions", "classify"):
        for _ in range(30):
            body = bytearray(good)
            for _ in range(rng.randrange(1, 4)):
                body[rng.randrange(len(body))] = rng.randrange(256)
            assert client.post(f"/v1/{path}", content=bytes(body)).status_code in (200, 400)
    with socket.create_connection((client.base_url.host, client.base_url.port)) as raw:
        raw.sendall(b"\x00\x01GARBAGE\r\n\r\n")
    assert client.get("/healthz").json() == {"status": "ok"}


def png(picture: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray((picture * 255).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def test_digits_are_classified(client: httpx.Client) -> None:
    from sklearn.datasets import load_digits

    data = load_digits()
    right = 0
    for i in range(30):
        large = np.kron(data.images[i] / 16, np.ones((14, 14)))
        body: Any = {"content": png(large)}
        if i % 2:
            url = "data:image/png;base64," + base64.b64encode(png(large)).decode()
            body = {"json": {"image": url}}
        found = client.post("/v1/classify", **body).json()["classes"]
        assert sum(x["probability"] for x in found) == pytest.approx(1, abs=1e-5)
        assert found == sorted(found, key=lambda x: -x["probability"]) and len(found) == 10
        right += found[0]["name"] == str(data.target[i])
    assert right >= 26  # measured: 29


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    driver = start(tmp_path / "profile")
    yield driver
    driver.quit()


def test_the_network_of_a_chapter(browser: Any, tmp_path: Path) -> None:
    """`tinymlx serve 7`, also in its page, and numbers of chapters that have no such network."""
    from skimage import data

    with serving("7") as address:
        picture = data.chelsea()[:300, 60:360] / 255
        answer = httpx.post(f"{address}/v1/classify", content=png(picture), timeout=60).json()
        assert answer["model"] == "classifier-chapter-7" and len(answer["classes"]) == 10
        assert answer["classes"][0]["name"] == "cat"
        assert sum(x["probability"] for x in answer["classes"]) == pytest.approx(1, abs=1e-5)
        (tmp_path / "cat.png").write_bytes(png(picture))
        browser.get(address)
        wait = WebDriverWait(browser, 30)
        wait.until(lambda b: b.find_element(By.ID, "file").is_displayed())
        assert not browser.find_element(By.ID, "writing").is_displayed()
        browser.find_element(By.ID, "file").send_keys(str(tmp_path / "cat.png"))
        first = "#classes tr:first-child td:first-child"
        wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, first))
        assert browser.find_element(By.CSS_SELECTOR, first).text == "cat"
    with pytest.raises(CourseError, match="that of chapter 7 does"), serving("3"):
        pass
    with pytest.raises(CourseError, match="no chapter 99"), serving("99"):
        pass
    with pytest.raises(CourseError, match="One classifier at a time"), serving("7", "digits"):
        pass


def test_a_client_that_leaves_is_forgotten(address: str, client: httpx.Client) -> None:
    def running() -> float:
        text = client.get("/metrics").text
        lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
        return float(lines["tinymlx_running"]) + float(lines["tinymlx_waiting"])

    for stream in (True, False):
        body = {"prompt": "x", "max_tokens": 128, "temperature": 0, "stream": stream}
        text = json.dumps(body)
        head = f"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(text)}\r\n\r\n"
        with socket.create_connection((client.base_url.host, client.base_url.port)) as raw:
            raw.sendall((head + text).encode())
            if stream:
                assert raw.recv(10)
        start = time.monotonic()
        while running():
            assert time.monotonic() - start < 20
            time.sleep(0.02)


def test_a_load(address: str, folder: Path, project: Project, registry: Registry) -> None:
    """64 clients, 256 requests: all are answered, and as if they were alone."""
    prompts = [f"{i * i} is" for i in range(8)]
    wanted = [alone(folder, project, registry, p, 1 + i) for i, p in enumerate(prompts)]

    async def load() -> list[tuple[int, str]]:
        limits = httpx.Limits(max_connections=64)
        async with httpx.AsyncClient(base_url=address, timeout=120, limits=limits) as client:

            async def one(i: int) -> tuple[int, str]:
                which = i % 8
                body = {"prompt": prompts[which], "max_tokens": 1 + which, "temperature": 0}
                answer = await client.post("/v1/completions", json=body)
                assert answer.status_code == 200
                return which, answer.json()["choices"][0]["text"]

            return list(await asyncio.gather(*(one(i) for i in range(256))))

    found = asyncio.run(load())
    assert len(found) == 256
    assert all(text == wanted[which] for which, text in found)
    metrics = httpx.get(f"{address}/metrics").text
    assert 'tinymlx_requests_total{path="/v1/completions",status="200"}' in metrics
    assert "tinymlx_request_seconds_bucket" in metrics


def test_limits_and_a_token(folder: Path) -> None:
    limits = Limits(queue=2, tokens=3000, seconds=0.1)
    with serving(str(folder), limits=limits, token="secret", rows=2) as address:
        slow = {"prompt": "x", "max_tokens": 3000, "temperature": 0}
        good = {"Authorization": "Bearer secret"}
        with httpx.Client(base_url=address, timeout=60) as client:
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "ä".encode()}):
                answer = client.post("/v1/completions", json=slow, headers=headers)
                assert answer.status_code == 401 and "token" in answer.json()["error"]["message"]
            assert client.get("/healthz").status_code == 200
            answer = client.post("/v1/completions", json=slow, headers=good)
            assert answer.status_code == 504 and "longer than 0.1" in answer.text
            streamed = client.post("/v1/completions", json={**slow, "stream": True}, headers=good)
            assert "longer than 0.1" in streamed.text and "[DONE]" not in streamed.text
            assert client.post("/v1/classify", content=b"", headers=good).status_code == 404

        async def crowd() -> list[int]:
            async with httpx.AsyncClient(base_url=address, timeout=60, headers=good) as client:
                posts = [client.post("/v1/completions", json=slow) for _ in range(6)]
                return [answer.status_code for answer in await asyncio.gather(*posts)]

        assert set(asyncio.run(crowd())) == {429, 504}


def test_a_shutdown_answers_who_is_running(folder: Path) -> None:
    found: list[httpx.Response] = []
    with serving(str(folder)) as address:
        body = {"prompt": "x", "max_tokens": 100, "temperature": 0}
        post = lambda: found.append(httpx.post(f"{address}/v1/completions", json=body, timeout=60))  # noqa: E731
        thread = threading.Thread(target=post)
        thread.start()
        while "tinymlx_tokens_total 0.0" in httpx.get(f"{address}/metrics").text:
            time.sleep(0.005)
    thread.join(30)
    assert found[0].status_code == 200 and found[0].json()["usage"]["completion_tokens"] > 0


def test_what_cannot_be_served(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="There is no model nowhere"), serving("nowhere"):
        pass
    with pytest.raises(CourseError, match=r"lacks config\.json"), serving(str(tmp_path)):
        pass
    with pytest.raises(CourseError, match="One language model"), serving(str(folder), str(folder)):
        pass
    with serve.listening("127.0.0.1", 0) as taken:
        assert taken.proto == socket.IPPROTO_TCP  # or answers wait for acknowledgements
        port = taken.getsockname()[1]
        with pytest.raises(CourseError, match="choose another one with --port"):
            serve.listening("127.0.0.1", port)
    for host in ("203.0.113.7", "999.1.1.1"):
        with pytest.raises(CourseError, match=r"Nothing can listen.*an address of this machine"):
            serve.listening(host, 0)
    loopback = [serve.is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0")]
    assert loopback == [True, True, True, False]


def test_the_page(browser: Any, address: str) -> None:
    """A prompt goes on while one watches, and a drawing is classified while it is drawn."""
    wait = WebDriverWait(browser, 30)
    for size in WIDTHS.values():
        resize(browser, *size)
        browser.get(address)
        wait.until(lambda b: b.find_element(By.ID, "writing").is_displayed())
        assert browser.find_element(By.ID, "drawing").is_displayed()
        assert overflowing(browser) == []
    browser.find_element(By.ID, "prompt").clear()
    browser.find_element(By.ID, "prompt").send_keys("Hello")
    browser.find_element(By.ID, "go").click()
    wait.until(lambda b: b.find_element(By.ID, "go").is_enabled())
    assert len(browser.find_element(By.ID, "text").text) > 20
    canvas = browser.find_element(By.ID, "canvas")
    pen = ActionChains(browser).move_to_element_with_offset(canvas, 0, -70).click_and_hold()
    for _ in range(7):
        pen.move_by_offset(0, 20)
    pen.release().perform()
    first = "#classes tr:first-child td:first-child"
    wait.until(lambda b: b.find_element(By.CSS_SELECTOR, first).text == "1")
    browser.find_element(By.ID, "most").clear()
    browser.find_element(By.ID, "most").send_keys("100000")
    browser.find_element(By.ID, "go").click()
    wait.until(lambda b: "max_tokens should be" in b.find_element(By.ID, "said").text)
    errors = [line for line in browser.get_log("browser") if "favicon" not in line["message"]]
    assert [line for line in errors if "400 (Bad Request)" not in line["message"]] == []
