"""Draws the lesson's figures: ``main(out)`` writes them as SVG files into the folder ``out``."""

from pathlib import Path

from tinymlx import core, nn, optimizers, plotting
from tinymlx.core import array
from tinymlx.core.recurrence import cells
from tinymlx.core.recurrence.loop import unrolled
from tinymlx.data import markov
from tinymlx.models.char_rnn import CharRNN
from tinymlx.models.recurrent_memory import influence
from tinymlx.text import Vocabulary, windows

INK = "#333333"
TINTS = ("#CFE5F3", "#FBE6BF", "#CDEBDF", "#F5C6A8")

# What `tinymlx run 8` measured on two cores, in nats: tables of 1 to 4 characters, and after each
# epoch training and held-out text.
TABLES = (2.486, 2.049, 1.774, 1.669)
EPOCHS = ((1.918, 1.734), (1.546, 1.649), (1.468, 1.616), (1.436, 1.608))


def save(fig, out: Path, name: str) -> None:
    plotting.save(fig, out, name, formats=("svg",))


def main(out: Path, quick: bool = False) -> None:
    """``quick``: for a test that asks only whether all is drawn."""
    lanes(out)
    time(out)
    memory(out)
    bugs(out, 1 if quick else 5)
    plays(out)


# Pieces


def blank(width: float, height: float, right: float, bottom: float):
    """A figure without axes; the origin is top left."""
    fig, ax = plotting.figure(width=width, height=height)
    ax.set(xlim=(0, right), ylim=(bottom, 0))
    ax.axis("off")
    return fig, ax


def box(ax, x: float, y: float, text: str, colour: str, width: float = 0.9, height: float = 0.8):
    """A box centred at a point."""
    from matplotlib.patches import FancyBboxPatch

    style = "round,pad=0,rounding_size=0.1"
    corner = (x - width / 2, y - height / 2)
    ax.add_patch(
        FancyBboxPatch(corner, width, height, boxstyle=style, facecolor=colour, edgecolor=INK, lw=1)
    )
    note(ax, x, y, text)


def note(ax, x: float, y: float, text: str, colour: str = INK, **style) -> None:
    style = {"ha": "center", "va": "center", "color": colour, "fontsize": 11, **style}
    ax.text(x, y, text, **style)


def arrow(ax, start, end, colour: str = INK, bend: float = 0.0) -> None:
    line = {"arrowstyle": "-|>", "color": colour, "lw": 1.4, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, start, arrowprops={**line, "connectionstyle": f"arc3,rad={bend}"})


# Lanes


def lanes(out: Path) -> None:
    """A text, and the same in two lanes."""
    fig, ax = blank(9, 3.7, 13.4, 5.6)
    text = "to_be_or_no"
    for i, c in enumerate(text):
        colour = TINTS[0] if i < 5 else TINTS[1] if i < 10 else "white"
        box(ax, 2 + i, 0.6, c, colour)
    note(ax, 1.3, 0.6, "text", ha="right")
    for row in (0, 1):
        for i in range(5):
            x = 2 + i + (0.4 if i > 2 else 0)
            box(ax, x, 2.4 + row, text[5 * row + i], TINTS[row])
            box(ax, x + 6.2, 2.4 + row, text[5 * row + i + 1], TINTS[row])
        note(ax, 1.3, 2.4 + row, f"lane {row}", ha="right")
        arrow(ax, (4.5, 2.4 + row), (4.93, 2.4 + row), plotting.RED)
    note(ax, 4.2, 1.65, "x, what is read")
    note(ax, 10.4, 1.65, "y, the targets")
    for x, words in ((3, "window 1"), (5.9, "window 2")):
        note(ax, x, 4.25, words)
        note(ax, x + 6.2, 4.25, words)
    note(ax, 4.7, 5.0, "the state goes on, in each lane", plotting.RED)
    save(fig, out, "lanes")


# Forwards and backwards


def time(out: Path) -> None:
    """Three steps, and the ways back."""
    fig, ax = blank(9, 4.4, 13.6, 7.0)
    xs = (2.4, 6.2, 10.0)
    for k, x in enumerate(xs):
        box(ax, x, 1.4, "cell", TINTS[0], 1.4)
        arrow(ax, (x, 2.6), (x, 1.85))
        note(ax, x, 2.85, f"$x_{k}$")
        note(ax, x + 1.9, 1.05, f"$h_{k + 1}$")
        arrow(ax, (x + 0.72, 1.4), (x + 3.08, 1.4))
        if k < 2:
            arrow(ax, (x + 1.9, 1.4), (x + 3.1, 1.7), bend=0.5)
            note(ax, x + 2.35, 2.05, "$W_h$", fontsize=10)
        box(ax, x, 4.9, "pull", TINTS[3], 1.4)
        arrow(ax, (x, 5.35), (x, 6.1), plotting.RED)
        note(ax, x, 6.4, f"$\\bar x_{k}$, $\\bar p_{k}$", plotting.RED)
        arrow(ax, (x + 3.08, 4.75), (x + 0.72, 4.75), plotting.RED)
        if k < 2:
            note(ax, x + 1.9, 4.4, "carried", plotting.RED, fontsize=10)
            arrow(ax, (x + 3.1, 5.25), (x + 0.72, 5.1), plotting.RED, bend=-0.35)
            note(ax, x + 1.9, 5.95, "through $W_h$", plotting.RED, fontsize=10)
        arrow(ax, (x + 1.9, 3.7), (x + 0.75, 4.5), plotting.GREY)
        note(ax, x + 2.2, 3.5, f"$g_{k + 1}$", plotting.GREY)
    note(ax, 0.8, 1.05, "$h_0$")
    arrow(ax, (0.6, 1.4), (1.68, 1.4))
    arrow(ax, (1.68, 4.75), (0.6, 4.75), plotting.RED)
    note(ax, 0.8, 4.4, "$\\bar h_0$", plotting.RED)
    save(fig, out, "time")


# How far back


def memory(out: Path) -> None:
    """The influence of the states before, for three matrices and for a cell with open gates."""
    core.random.seed(0)
    q = nn.init.orthogonal()(core.zeros((32, 32)))
    x = 0.1 * core.random.normal((50, 1, 32))
    fig, ax = plotting.figure(width=7.4, height=4.2)
    back = range(50)
    for factor, colour in ((0.9, plotting.BLUE), (1.0, plotting.GREEN), (1.3, plotting.RED)):
        (states,) = unrolled(cells.RNN, x, factor * q, None, None, [core.zeros((1, 32))])
        norms = influence(factor * q, states[:, 0]).tolist()[::-1]
        ax.plot(back, norms, color=colour)
        plotting.direct_label(ax, 49, norms[-1], f"{factor} times orthogonal", colour)
    shares = [0.99**t for t in back]
    ax.plot(back, shares, color=plotting.PURPLE, linestyle="--")
    plotting.direct_label(ax, 49, shares[-1], "a cell, forget gate 0.99", plotting.PURPLE)
    ax.set(xlabel="steps back", ylabel="influence on the last state", yscale="log", xlim=(0, 74))
    save(fig, out, "influence")


# What the bug looks like


def reading(kind: str, epochs: int) -> list[float]:
    """Training loss in bits, with a mistake or without one."""
    source = markov.drawn()
    vocabulary = Vocabulary(source.letters)
    tokens = array(vocabulary.encode(source.text(12_000, seed=1)))
    core.random.seed(0)
    model = CharRNN(len(vocabulary), 32)

    def loss(x: array, y: array, state: object) -> tuple[array, object]:
        logits, state = model(x, state)
        return nn.losses.cross_entropy(logits, y, reduction="mean"), state

    gradient = nn.value_and_grad(model, loss)
    optimizer = optimizers.Adam(0.01)
    found = []
    for epoch in range(epochs):
        state = None
        batches = list(windows(tokens, 16, 4))
        if kind == "lanes are shuffled":
            order = core.random.permutation(len(batches), key=core.random.key(epoch)).tolist()
            batches = [batches[i] for i in order]
        for x, y in batches:
            if x.shape[1] < 4:
                continue
            target = x if kind == "targets are not shifted" else y
            (value, state), gradients = gradient(x, target, state)
            optimizer.update(model, gradients)
            core.eval(value, state, model.state, optimizer.state)
            found.append(value.item() / 0.6931)
    return [sum(found[i : i + 40]) / 40 for i in range(0, len(found) - 40, 20)]


def bugs(out: Path, epochs: int = 5) -> None:
    """Three runs on the text whose floor is known."""
    fig, ax = plotting.figure(width=7.4, height=4.2)
    kinds = {
        "right": plotting.BLUE,
        "lanes are shuffled": plotting.ORANGE,
        "targets are not shifted": plotting.RED,
    }
    for kind, colour in kinds.items():
        bits = reading(kind, epochs)
        steps = [20 * i + 20 for i in range(len(bits))]
        ax.plot(steps, bits, color=colour)
        plotting.direct_label(ax, steps[-1], bits[-1], kind, colour)
    ax.axhline(markov.drawn().entropy_rate(), color=plotting.GREY, linestyle="--", linewidth=1.2)
    note(ax, 40, markov.drawn().entropy_rate() - 0.1, "the floor", plotting.GREY, ha="left")
    ax.set(xlabel="step", ylabel="training loss (bits a letter)", ylim=(-0.2, 3.3), xlim=(0, 1250))
    save(fig, out, "bugs")


# The project


def plays(out: Path) -> None:
    """What the project measured on the plays."""
    fig, ax = plotting.figure(width=7.4, height=4.2)
    epochs = range(1, len(EPOCHS) + 1)
    ax.plot(epochs, [a for a, _ in EPOCHS], "o-", color=plotting.BLUE, label="training")
    ax.plot(epochs, [b for _, b in EPOCHS], "s-", color=plotting.ORANGE, label="held out")
    for order, height in enumerate(TABLES, start=1):
        ax.axhline(height, color=plotting.GREY, linestyle="--", linewidth=1)
        place = (len(EPOCHS) + 0.1, height + 0.01)
        note(ax, *place, f"table of {order}", plotting.GREY, ha="left", va="bottom", fontsize=10)
    ax.set(
        xlabel="epoch", ylabel="nats a character", xlim=(0.8, len(EPOCHS) + 0.9), ylim=(1.38, 2.6)
    )
    ax.set_xticks(list(epochs))
    ax.legend(loc="upper center")
    save(fig, out, "plays")


if __name__ == "__main__":
    main(Path(__file__).parent)
