"""Draws the lesson's figures: ``main(out)`` writes them as SVG files into the folder ``out``."""

import ast
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from tinymlx import core, nn, optimizers, plotting
from tinymlx.core import array
from tinymlx.data import numerals
from tinymlx.models.translation import Translator
from tinymlx.text import targets
from tinymlx.text.buckets import PairBatches
from tinymlx.text.evaluation import translated
from tinymlx.text.tokenizer import ByteLevelTokenizer, ranks_of
from tinymlx.text.tokenizer.merging import apply_merges
from tinymlx.training.schedules import inverse_square_root

INK = "#333333"
TINTS = ("#CFE5F3", "#FBE6BF", "#CDEBDF", "#F5C6A8")
MISCONCEPTIONS = Path(__file__).parents[1] / "misconceptions.py"
PAD, BEGIN, END = 0, 1, 2


def save(fig, out: Path, name: str) -> None:
    plotting.save(fig, out, name, formats=("svg",))


def main(out: Path, quick: bool = False) -> None:
    """``quick``: for a test that asks only whether all is drawn."""
    merges(out)
    bugs(out, 3 if quick else 12)
    tuning(out)


# A word, joined


def merges(out: Path) -> None:
    """A word after each merge; the merges are cut off after 0, 1, 2, ... of them."""
    from matplotlib.patches import FancyBboxPatch

    listed = [("l", "o"), ("e", "r"), ("w", "er"), ("lo", "wer"), ("Ġ", "s"), ("Ġs", "lower")]
    word = "Ġslower"
    fig, ax = plotting.figure(width=8.0, height=4.2)
    ax.set(xlim=(-2.6, 7.4), ylim=(len(listed) + 0.6, -0.6))
    ax.axis("off")
    for row in range(len(listed) + 1):
        tokens = apply_merges(word, ranks_of(listed[:row]))
        at = 0
        for token in tokens:
            new = row > 0 and token == "".join(listed[row - 1])
            colour = TINTS[1] if new else TINTS[0]
            corner = (at + 0.06, row - 0.34)
            style = "round,pad=0,rounding_size=0.12"
            ax.add_patch(
                FancyBboxPatch(
                    corner,
                    len(token) - 0.12,
                    0.68,
                    boxstyle=style,
                    facecolor=colour,
                    edgecolor=INK,
                    linewidth=1,
                )
            )
            ax.text(at + len(token) / 2, row, token, ha="center", va="center", color=INK)
            at += len(token)
        text = "letters" if row == 0 else f"rank {row - 1}: {' + '.join(listed[row - 1])}"
        ax.text(-0.25, row, text, ha="right", va="center", color=INK)
    save(fig, out, "merges")


# What the bug looks like


def wrong(name: str, words: str, module: ModuleType) -> Callable:
    """A misconception's function, in the module that it belongs to."""
    for node in ast.parse(MISCONCEPTIONS.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            if words in ast.literal_eval(node.decorator_list[0].args[1]):
                node.decorator_list = []
                space = dict(vars(module))
                exec(compile(ast.Module([node], []), str(MISCONCEPTIONS), "exec"), space)
                return space[name]
    raise LookupError(f"No misconception {name} says {words!r}.")


def bugs(out: Path, epochs: int = 12) -> None:
    """The same training three times: right, goals not shifted, padding in the mean."""
    words = [numerals.in_words(n) for n in range(1000)]
    test = range(3, 1000, 7)
    train = [n for n in range(1000) if n % 7 != 3]
    special = ["<pad>", "<begin>", "<end>"]
    tokenizer = ByteLevelTokenizer.learned([words[n] for n in train], 300, special, "<end>")
    sources = [[*tokenizer.encode(words[n]), END] for n in train]
    goals = [[BEGIN, *tokenizer.encode(str(n)), END] for n in train]
    kinds = {
        "right": (targets.shifted, targets.smoothed_loss),
        "not shifted": (wrong("shifted", "a copy task", targets), targets.smoothed_loss),
        "padding counts": (targets.shifted, wrong("smoothed_loss", "Padding counts", targets)),
    }
    fig, (left, right) = plotting.figure(1, 2, width=10.0, height=4.0)
    colours = (plotting.GREEN, plotting.RED, plotting.ORANGE)
    for (name, (shift, loss_of)), colour in zip(kinds.items(), colours, strict=True):
        core.random.seed(0)
        batches = PairBatches(sources, goals, (8, 12, 16), 800)
        model = Translator(tokenizer.size, 48, 4, 1, 96, 0.0)
        schedule = inverse_square_root(0.01, 40)
        adam = optimizers.Adam(schedule, betas=[0.9, 0.98], bias_correction=True)

        def loss(x: array, y: array, model=model, shift=shift, loss_of=loss_of) -> array:
            inputs, later = shift(y)
            return loss_of(model(x, inputs), later, PAD, 0.0)

        gradient, losses, shares = nn.value_and_grad(model, loss), [], [(0, 0.0)]
        for epoch in range(epochs if name != "not shifted" else epochs // 2):
            model.train()
            for x, y in batches:
                value, gradients = gradient(x, y)
                adam.update(model, gradients)
                core.eval(value, model.state, adam.state)
                losses.append(value.item())
            if epoch % 3 == 2:
                model.eval()
                found = translated(model, tokenizer, [words[n] for n in test], BEGIN, length=8)
                share = sum(a == str(n) for a, n in zip(found, test, strict=True)) / len(test)
                shares.append((epoch + 1, 100 * share))
        left.plot(losses, color=colour, linewidth=1.3, label=name)
        right.plot(*zip(*shares, strict=True), "o-", color=colour, label=name)
    left.set(xlabel="step", ylabel="what the program calls its loss", yscale="log")
    right.set(xlabel="epoch", ylabel="test numbers translated (%)", ylim=(-4, 104))
    right.legend(loc="center left")
    save(fig, out, "bugs")


# Published weights


def tuning(out: Path) -> None:
    """What ``tinymlx run 12 --full --parts tuning`` measured on one GPU: held-out losses."""
    file = Path(__file__).parent / "tuning.json"
    measured = json.loads(file.read_text(encoding="utf-8"))
    fig, ax = plotting.figure(width=7.0, height=4.0)
    for name, colour in (
        ("random weights", plotting.GREEN),
        ("published weights", plotting.BLUE),
        ("adapters", plotting.ORANGE),
    ):
        steps, _, losses = zip(*measured[name], strict=True)
        ax.plot(steps, losses, color=colour, label=name)
    ax.set(xlabel="step", ylabel="held-out loss (nats a token)", ylim=(2.5, 11.5))
    ax.legend(loc="best")
    save(fig, out, "tuning")
