"""Generation, speculation, constraints and adapters, against transformers, re and mathematics."""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from test_language import close, ids, load_model, published

from course.cli.project import implementation
from course.paths import Project
from course.registry import Registry


@pytest.fixture(scope="module", autouse=True)
def solutions(project: Project, registry: Registry) -> Iterator[None]:
    with implementation(project, registry, "solutions"):
        yield


# Filters


@pytest.mark.parametrize("p", [0.01, 0.3, 1.0])
def test_least_share_of_the_best(p: float) -> None:
    from tinymlx.text.generation import min_p

    logits = np.random.default_rng(0).normal(size=(3, 50)).astype(np.float32)
    warp = transformers.generation.MinPLogitsWarper(p)
    expected = warp(torch.zeros(3, 1, dtype=torch.long), torch.tensor(logits))
    np.testing.assert_array_equal(np.array(min_p(ids(logits), p)), expected.numpy())


@pytest.mark.parametrize("penalty", [1.0, 1.3, 0.7])
def test_a_price_on_repetition(penalty: float) -> None:
    from tinymlx.text.generation import repetition_penalty

    rng = np.random.default_rng(1)
    logits = rng.normal(size=(3, 20)).astype(np.float32)
    seen = rng.integers(0, 20, (3, 30))
    process = transformers.RepetitionPenaltyLogitsProcessor(penalty)
    expected = process(torch.tensor(seen), torch.tensor(logits))
    close(repetition_penalty(ids(logits), ids(seen), penalty), expected)


def test_filters_refuse_nonsense() -> None:
    from tinymlx.text.generation import min_p, repetition_penalty

    z = ids(np.zeros((1, 3), np.float32))
    for p in (0.0, -1.0, 1.1):
        with pytest.raises(ValueError, match=r"\[min_p\]"):
            min_p(z, p)
    with pytest.raises(ValueError, match=r"\[repetition_penalty\]"):
        repetition_penalty(z, ids(np.zeros((1, 1), int)), 0.0)


# The loop


@pytest.mark.parametrize("family", ["GPT-2", "Llama 3", "Mistral", "Qwen 3"])
def test_greedy_text_is_equal_token_by_token(family: str, tmp_path: Path) -> None:
    from tinymlx.text.generation import tokens, tokens_of_batch

    theirs = published(family, tmp_path)
    ours = load_model(tmp_path)
    prompts = [[5, 17, 3, 80, 41], [9, 9], [33]]
    alone = []
    for prompt in prompts:
        with torch.no_grad():
            expected = theirs.generate(
                torch.tensor([prompt]),
                attention_mask=torch.ones(1, len(prompt)),
                max_new_tokens=20,
                do_sample=False,
                pad_token_id=0,
                eos_token_id=None,
            )[0, len(prompt) :].tolist()
        alone.append(list(islice(tokens(ours, prompt, piece=2), 20)))
        assert alone[-1] == expected
    assert tokens_of_batch(ours, prompts, 20) == alone
    end = alone[0][7]
    cut = tokens_of_batch(ours, prompts, 20, end=end)
    assert cut == [t[: t.index(end)] if end in t else t for t in alone]


@pytest.mark.parametrize("length", [60, 62, 64])
def test_up_to_the_last_place_of_the_context(length: int, tmp_path: Path) -> None:
    """The token behind the last place is known, and comes before the error does."""
    from tinymlx.text.generation import tokens

    theirs = published("GPT-2", tmp_path)
    prompt = np.random.default_rng(3).integers(0, 96, length).tolist()
    text = tokens(load_model(tmp_path), prompt)
    whole = prompt + [next(text) for _ in range(65 - length)]
    with torch.no_grad():
        best = theirs(torch.tensor([whole[:-1]])).logits[0].argmax(-1).tolist()
    assert whole[length:] == best[length - 1 :]
    with pytest.raises(ValueError, match="65 tokens are more than the 64 positions"):
        next(text)


@pytest.mark.parametrize("wrong", [96, -1])
def test_numbers_of_another_tokenizer(wrong: int, tmp_path: Path) -> None:
    from tinymlx.text.generation import tokens, tokens_of_batch

    published("Qwen 3", tmp_path)
    model = load_model(tmp_path)
    words = f"{wrong} is no token of the model, which knows 96"
    for call in (
        lambda: tokens(model, [1, wrong]),
        lambda: tokens_of_batch(model, [[1], [wrong]], 2),
    ):
        with pytest.raises(ValueError, match=words):
            call()


def test_an_empty_prompt(tmp_path: Path) -> None:
    from tinymlx.text.generation import tokens, tokens_of_batch

    published("Llama 2", tmp_path)
    model = load_model(tmp_path)
    for call in (lambda: tokens(model, []), lambda: tokens_of_batch(model, [[1], []], 3),
                 lambda: tokens_of_batch(model, [], 3)):  # fmt: skip
        with pytest.raises(ValueError, match="at least one token"):
            call()


# Speculation


def test_what_is_accepted_has_the_distribution_of_the_large_model() -> None:
    """All outcomes of one proposal, summed exactly: no draw, no luck."""
    from tinymlx.text.generation import accepted

    p, q = np.array([[0.2, 0.5, 0.3], [0.1, 0.6, 0.3]]), np.array([[0.6, 0.1, 0.3]])
    found = np.zeros(3)
    steps = 200
    for x in range(3):
        for u in (np.arange(steps) + 0.5) / steps:
            passed, token = accepted(
                ids(p.astype(np.float32)),
                ids(q.astype(np.float32)),
                ids(np.array([x])),
                ids(np.array([u], np.float32)),
            )
            if passed:
                found[x] += q[0, x] / steps
            else:  # what is left of p has one token only
                found[token] += q[0, x] / steps
    np.testing.assert_allclose(found, p[0], atol=1 / steps)


def test_speculation_is_plain_sampling(tmp_path: Path) -> None:
    """Pairs of tokens of 1,500 texts against their exact probabilities; a right program fails with
    probability 1e-6 (chi-squared, 35 degrees of freedom, bound 103), and seeds are fixed."""
    from scipy.stats import chi2

    from tinymlx import core
    from tinymlx.models.language.llama import Llama, LlamaConfig
    from tinymlx.text.generation import speculative

    def small(seed: int, layers: int) -> Any:
        core.random.seed(seed)
        return Llama(LlamaConfig(6, 8, 12, layers, 2, 1, 4, tie_word_embeddings=True)).eval()

    target, draft = small(0, 2), small(1, 1)
    for model in (target, draft):
        model.model.embed_tokens.weight = 1.5 * core.random.normal((6, 8))
    first = core.softmax(target(core.array([[1, 4]]))[0, -1])
    rows = core.softmax(target(core.array([[1, 4, t] for t in range(6)]))[:, -1], axis=-1)
    exact = np.array(first)[:, None] * np.array(rows)
    core.random.seed(2)
    counts, n = np.zeros((6, 6)), 1500
    for _ in range(n):
        a, b = islice(speculative(target, draft, [1, 4], ahead=3), 2)
        counts[a, b] += 1
    distance = ((counts - n * exact) ** 2 / (n * exact)).sum()
    assert distance < chi2.isf(1e-6, 35), distance


def test_a_model_that_proposes_to_itself_is_always_accepted(tmp_path: Path) -> None:
    """Every proposal passes, so the caches must be right after every round, refused or not."""
    from tinymlx import core
    from tinymlx.text.generation import speculative, tokens

    published("Llama 2", tmp_path)
    model = load_model(tmp_path)
    core.random.seed(0)
    cold = list(islice(speculative(model, model, [3, 5], ahead=3, temperature=1e-4), 17))
    assert cold == list(islice(tokens(model, [3, 5]), 17))
    published("Qwen 3", tmp_path / "other")
    other = load_model(tmp_path / "other")
    mixed = list(islice(speculative(model, other, [3, 5], ahead=3, temperature=1e-4), 17))
    assert mixed == cold


# Regular expressions

PATTERNS = ["ab*c", "(a|b)+", "[a-c]{2,3}", r"\d+\.\d{2}", "a?b?c?", "[^a]b", "(ab|ac)*d", ".x",
            r"[\d_-]+", "[]a]", "", "a{0}b", "(a*)*", r"\w\s\S"]  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_expressions_agree_with_re(pattern: str) -> None:
    from tinymlx.text.generation.expressions import after, expression

    rng = np.random.default_rng(0)
    alphabet = list("abcdx1234._- ]\n")
    for _ in range(3000):
        text = "".join(rng.choice(alphabet, rng.integers(0, 6)))
        left = expression(pattern)
        for character in text:
            left = after(left, character)
        assert left.empty == bool(re.fullmatch(pattern, text)), text


@pytest.mark.parametrize(
    "pattern", ["(a", "a)", "[a", "*a", "a{2", "a{3,2}", "a{x}", "\\", r"\b", "[b-a]", "^a"]
)
def test_no_expressions(pattern: str) -> None:
    from tinymlx.text.generation.expressions import expression

    with pytest.raises(ValueError, match=r"\[expression\]"):
        expression(pattern)


def test_constrained_text(tmp_path: Path) -> None:
    """A random model writes dates."""
    from tinymlx import core
    from tinymlx.text.generation import Constraint, random, tokens

    published("Llama 2", tmp_path)
    words = ["", *map(chr, range(33, 126)), "20", "-1"]
    model, end = load_model(tmp_path), 0
    pattern = r"20\d\d-(0[1-9]|1[0-2])-\d{2}"
    constraint = Constraint(pattern, words, end)
    core.random.seed(0)
    for _ in range(5):
        text = ""
        for token in tokens(model, [40], constraint.choice(random())):
            if token == end:
                break
            text += words[token]
        assert re.fullmatch(pattern, text), text


# Adapters


def test_adapters(tmp_path: Path) -> None:
    from tinymlx import core, nn, optimizers
    from tinymlx.models.lora import adapt, merge
    from tinymlx.utils import tree_flatten

    published("Llama 2", tmp_path)
    model = load_model(tmp_path)
    x = ids(np.random.default_rng(0).integers(0, 96, (4, 9)))
    before = np.array(model(x))
    paths = adapt(model, rank=2, alpha=4.0)
    assert len(paths) == 4
    np.testing.assert_array_equal(np.array(model(x)), before)
    names = [name for name, _ in tree_flatten(model.trainable_parameters())]
    assert sorted({name.rpartition(".")[2] for name in names}) == ["lora_a", "lora_b"]
    optimizer = optimizers.Adam(1e-2)
    step = nn.value_and_grad(
        model, lambda: nn.losses.cross_entropy(model(x[:, :-1]), x[:, 1:], reduction="mean")
    )
    first, _ = step()
    for _ in range(20):
        loss, gradients = step()
        optimizer.update(model, gradients)
        core.eval(model.state, optimizer.state)
    assert loss.item() < first.item() - 0.1
    adapted = np.array(model(x))
    merge(model)
    close(model(x), adapted)
    assert np.abs(adapted - before).max() > 0.1
    with pytest.raises(ValueError, match="No linear layer"):
        adapt(model, chosen=lambda name: False)


def test_an_adapted_embedding() -> None:
    from tinymlx import core, nn
    from tinymlx.models.lora import LoRAEmbedding

    table = nn.Embedding(7, 4)
    adapted = LoRAEmbedding(table, rank=2)
    tokens = core.array([[1, 6], [0, 1]])
    np.testing.assert_array_equal(np.array(adapted(tokens)), np.array(table(tokens)))
    adapted.lora_a = core.random.normal((7, 2))
    x = core.random.normal((3, 4))
    close(adapted.merged()(tokens), adapted(tokens))
    close(adapted.merged().as_linear(x), adapted.as_linear(x))


def test_preference_loss() -> None:
    """By the formula in float64, also far from zero."""
    from tinymlx.text.preference import log_probability, preference_loss

    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=5) * 100 for _ in range(4)]
    margin = torch.tensor(arrays[0] - arrays[1] - arrays[2] + arrays[3])
    expected = -torch.nn.functional.logsigmoid(0.3 * margin).mean()
    close(preference_loss(*(ids(a.astype(np.float32)) for a in arrays), beta=0.3), expected)
    logits, targets = rng.normal(size=(2, 3, 4)).astype(np.float32), rng.integers(0, 4, (2, 3))
    keep = np.array([[True, True, False], [False, True, True]])
    each = torch.log_softmax(torch.tensor(logits), -1).gather(-1, torch.tensor(targets)[..., None])
    close(
        log_probability(ids(logits), ids(targets), ids(keep)),
        (each[..., 0] * torch.tensor(keep)).sum(-1),
    )
