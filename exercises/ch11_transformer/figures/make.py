"""Draws the lesson's figures: ``main(out)`` writes them as SVG files into the folder ``out``."""

import json
from pathlib import Path

import mlx.core as mx
import numpy as np

from tinymlx import core, nn, optimizers, plotting
from tinymlx.core import array
from tinymlx.core.arrays import wrap
from tinymlx.core.attention.masks import causal_mask, padding_mask
from tinymlx.data import sequences
from tinymlx.models import decoder
from tinymlx.models.caches import RotatingKVCache

INK = "#333333"
MEASURED = json.loads((Path(__file__).parent / "measured.json").read_text(encoding="utf-8"))
TINTS = ("#CFE5F3", "#FBE6BF", "#CDEBDF", "#F5C6A8", "#EEEEEE")


def save(fig, out: Path, name: str) -> None:
    plotting.save(fig, out, name, formats=("svg",))


def main(out: Path) -> None:
    scale(out)
    masks(out)
    positions(out)
    blocks(out)
    caches(out)
    tiles(out)
    bugs(out)
    tasks(out)
    maps(out)
    copying(out)
    heads(out)
    induction(out)


def note(ax, x: float, y: float, text: str, colour: str = INK, **style) -> None:
    style = {"ha": "center", "va": "center", "color": colour, "fontsize": 11, **style}
    ax.text(x, y, text, **style)


# The scale


def scale(out: Path) -> None:
    """What the best of 16 random keys gets, by the number of features."""
    core.random.seed(0)
    dims = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]
    fig, ax = plotting.figure(width=7.0, height=3.8)
    kinds = (
        ("no scale", lambda d: 1.0, plotting.RED),
        ("divided by the root of D", lambda d: d**-0.5, plotting.BLUE),
        ("divided by D", lambda d: 1 / d, plotting.ORANGE),
    )
    draws = {d: core.random.normal((500, 16, d)) @ core.random.normal((500, d, 1)) for d in dims}
    for name, factor, colour in kinds:
        best = [
            core.mean(core.max(core.softmax(draws[d] * factor(d), axis=1), axis=1)).item()
            for d in dims
        ]
        ax.plot(dims, best, "o-", color=colour, markersize=4)
        plotting.direct_label(ax, dims[-1], best[-1], name, colour)
    ax.plot([1, 1024], [1 / 16] * 2, color=plotting.GREY, linestyle="--", linewidth=1)
    ax.set(xlabel="features D", ylabel="mean share of the best key", xscale="log", ylim=(0, 1.05))
    ax.set(xlim=(0.9, 40000))
    ax.set_xticks([1, 4, 16, 64, 256, 1024], ["1", "4", "16", "64", "256", "1024"])
    ax.minorticks_off()
    save(fig, out, "scale")


# Masks


def masks(out: Path) -> None:
    """Four tables: rows are queries, columns are keys."""
    cache = RotatingKVCache(4, 1)
    x = core.zeros((1, 1, 8, 1))
    cache.update_and_fetch(x, x)
    tables = {
        "causal": causal_mask(6, 6),
        "causal, 4 keys in a cache": causal_mask(2, 6),
        "padding: 4 of 6 keys": core.broadcast_to(padding_mask(array([4]), 6)[0, 0], (6, 6)),
        "window of 3, and the first": cache.mask(8),
    }
    fig, axes = plotting.figure(1, 4, width=10.6, height=3.0)
    for ax, (name, table) in zip(axes, tables.items()):
        cells = np.array(table.astype(core.float32).tolist())
        ax.imshow(cells, cmap="Blues", vmin=0, vmax=1.4)
        rows, columns = cells.shape
        for y in range(rows + 1):
            ax.axhline(y - 0.5, color="white", linewidth=1.5)
        for x in range(columns + 1):
            ax.axvline(x - 0.5, color="white", linewidth=1.5)
        ax.set(xticks=[], yticks=[], xlabel="keys")
        ax.set_title(name, fontsize=10.5)
        ax.grid(False)
        for spine in ax.spines.values():
            spine.set_visible(False)
    axes[0].set_ylabel("queries")
    save(fig, out, "masks")


# Positions


def positions(out: Path) -> None:
    """Waves, how alike they are, and linear biases."""
    fig, (left, middle, right) = plotting.figure(1, 3, width=11.0, height=3.6)
    waves = nn.SinusoidalPositionalEncoding(64, scale=1.0)(core.arange(64))
    left.imshow(np.array(waves.tolist()), cmap="RdBu", vmin=-1, vmax=1, aspect="auto")
    left.set(xlabel="feature", ylabel="position", title="waves")
    left.grid(False)
    whole = nn.SinusoidalPositionalEncoding(64)(core.arange(201))
    middle.plot(range(-100, 101), (whole @ whole[100]).tolist(), color=plotting.BLUE)
    middle.set(xlabel="distance", ylabel="scalar product", title="how alike two waves are")
    biases = nn.ALiBi.create_alibi_matrix(40, 40, 4)[0, :, -1]
    for head, colour in enumerate(plotting.COLOURS[:4]):
        right.plot(range(39, -1, -1), biases[head].tolist(), color=colour, label=f"head {head + 1}")
    right.set(xlabel="distance", ylabel="added to the score", title="linear biases")
    right.legend(loc="lower left")
    save(fig, out, "positions")


# Blocks


def blocks(out: Path) -> None:
    """Two schools, and the gradient that reaches each layer."""
    fig, (left, right) = plotting.figure(
        1, 2, width=10.4, height=4.4, gridspec_kw={"width_ratios": [1, 1.15]}
    )
    left.set(xlim=(0, 10), ylim=(11, 0))
    left.axis("off")
    chain(left, 2.4, "norm first", ("norm", "attention", "+", "norm", "feed-forward", "+"))
    chain(left, 7.4, "norm after", ("attention", "+", "norm", "feed-forward", "+", "norm"))
    for norm_first, name, colour in (
        (True, "norm first", plotting.BLUE),
        (False, "norm after", plotting.RED),
    ):
        sizes = streams(norm_first)
        right.plot(range(len(sizes)), sizes, "o-", color=colour, label=name)
    right.set(xlabel="blocks", ylabel="root mean square of what flows on", ylim=(0, None))
    right.legend(loc="best")
    save(fig, out, "blocks")


def chain(ax, x: float, name: str, parts: tuple[str, ...]) -> None:
    """One block from top to bottom, with the road past its parts."""
    from matplotlib.patches import FancyBboxPatch

    note(ax, x, 0.5, name, fontweight="bold")
    line = {"arrowstyle": "-|>", "color": INK, "lw": 1.2, "shrinkA": 0, "shrinkB": 0}
    y, start = 1.9, 1.3
    for part in parts:
        ax.annotate("", (x, y), (x, y - 0.55), arrowprops=line)
        if part == "+":
            ax.text(x, y + 0.35, "+", ha="center", va="center", fontsize=14, color=plotting.RED)
            ax.plot([x, x - 1.9, x - 1.9], [start, start, y + 0.35], color=plotting.RED, lw=1.6)
            road = {**line, "color": plotting.RED, "lw": 1.6}
            ax.annotate("", (x - 0.3, y + 0.35), (x - 1.9, y + 0.35), arrowprops=road)
            start = y + 0.85
        else:
            colour = TINTS[1] if part == "norm" else TINTS[0]
            style = "round,pad=0,rounding_size=0.15"
            corner = (x - 1.35, y)
            ax.add_patch(
                FancyBboxPatch(corner, 2.7, 0.75, boxstyle=style, facecolor=colour, edgecolor=INK)
            )
            note(ax, x, y + 0.38, part, fontsize=10)
            if part == "norm" and name == "norm after":
                start = y + 1.0
        y += 1.4
    ax.annotate("", (x, y + 0.05), (x, y - 0.6), arrowprops=line)


def streams(norm_first: bool, layers: int = 12) -> list[float]:
    """The size of what goes into each block and comes out of the last one, before training."""
    core.random.seed(1)
    model = nn.TransformerEncoder(layers, 64, 4, norm_first=norm_first)
    x, found = core.random.normal((4, 16, 64)), []
    for layer in model.layers:
        found.append(core.sqrt(core.mean(core.square(x))).item())
        x = layer(x, "causal")
    return [*found, core.sqrt(core.mean(core.square(x))).item()]


# Caches


def caches(out: Path) -> None:
    """Rows that are copied, and which position stands where."""
    fig, (left, right) = plotting.figure(1, 2, width=10.4, height=3.8)
    steps = range(1, 2001)
    joined = [t * (t + 1) / 2 for t in steps]
    written, total, room = [], 0, 0
    for t in steps:
        if t > room:
            total, room = total + room, room + 256
        total += 1
        written.append(total)
    left.plot(steps, joined, color=plotting.RED)
    left.plot(steps, written, color=plotting.BLUE)
    left.set(xlabel="tokens written", ylabel="rows copied", yscale="log", xlim=(0, 2900))
    plotting.direct_label(left, 2000, joined[-1], "joined", plotting.RED)
    plotting.direct_label(left, 2000, written[-1], "room of 256", plotting.BLUE)
    cache = RotatingKVCache(6, 2)
    x = core.zeros((1, 1, 1, 1))
    for t in range(12):
        cache.update_and_fetch(x, x)
        for place, position in enumerate(cache.positions):
            first, new = position < 2, position == t
            colour = TINTS[1] if first else TINTS[3] if new else TINTS[0]
            right.add_patch(
                mpl_box(place + 0.05, t + 0.08, 0.9, 0.84, facecolor=colour, edgecolor="white")
            )
            note(right, place + 0.5, t + 0.5, str(position), fontsize=9)
    right.set(xlim=(0, 6), ylim=(12, 0), xlabel="place (the first two stay)", ylabel="step")
    right.set_xticks([i + 0.5 for i in range(6)], [str(i) for i in range(6)])
    right.set_yticks([i + 0.5 for i in range(0, 12, 2)], [str(i) for i in range(0, 12, 2)])
    right.grid(False)
    save(fig, out, "caches")


def mpl_box(x: float, y: float, width: float, height: float, **style):
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), width, height, **style)


# Tiles


def tiles(out: Path) -> None:
    """Which tiles are looked at, and what it saves."""
    fig, (left, right) = plotting.figure(1, 2, width=10.4, height=4.0)
    side, count = 3, 5
    for i in range(count):
        for j in range(count):
            kind = 2 if j > i else 1 if j == i else 0
            colour = (TINTS[0], TINTS[1], TINTS[4])[kind]
            left.add_patch(
                mpl_box(j * side, i * side, side, side, facecolor=colour, edgecolor=INK, lw=1.2)
            )
    for i in range(side * count):
        for j in range(side * count):
            if j <= i:
                left.plot(j + 0.5, i + 0.5, ".", color=plotting.BLUE, markersize=3)
    left.set(xlim=(0, side * count), ylim=(side * count, 0), xlabel="keys", ylabel="queries")
    left.set(xticks=[], yticks=[], aspect="equal", title="grey tiles are skipped")
    left.grid(False)
    found = MEASURED["memory"]  # MB, of 4 heads of 64 features in float32, with a causal mask
    for name, colour in (("all scores", plotting.RED), ("tiles", plotting.BLUE)):
        right.plot(found["tokens"], found[name], "o-", color=colour)
        plotting.direct_label(right, found["tokens"][-1], found[name][-1], name, colour)
    right.set(xlabel="tokens", ylabel="memory of value and derivative (MB)")
    right.set_xscale("log", base=2)
    right.set(yscale="log", xlim=(400, 30000))
    right.set_xticks(found["tokens"], [str(n) for n in found["tokens"]])
    save(fig, out, "tiles")


# What the bug looks like


BUG_VOCABULARY, BUG_LENGTH, BUG_STEPS = 24, 10, 600
COLOURS = {
    "right": plotting.BLUE,
    "times the root of D": plotting.ORANGE,
    "mask off by one": plotting.RED,
    "heads by reshape": plotting.PURPLE,
}


def bugs(out: Path) -> None:
    """Four programs on sequences that repeat."""
    fig, ax = plotting.figure(width=7.4, height=4.2)
    floor = sequences.first_half_floor(BUG_VOCABULARY, BUG_LENGTH) / 2
    for kind, nats in MEASURED["bugs"].items():
        steps = [40 * i + 20 for i in range(len(nats))]
        ax.plot(steps, nats, color=COLOURS[kind])
        lower = 0.16 if kind == "heads by reshape" else 0  # two of them end together
        plotting.direct_label(ax, steps[-1], nats[-1] - lower, kind, COLOURS[kind])
    ax.axhline(floor, color=plotting.GREY, linestyle="--", linewidth=1.2)
    note(ax, 790, floor + 0.1, "the floor", plotting.GREY, ha="right")
    ax.set(xlabel="step", ylabel="training loss (nats a token)", ylim=(-0.35, 3.4), xlim=(0, 800))
    save(fig, out, "bugs")


def trained(kind: str) -> list[float]:
    """The training loss of one program, as means of 40 steps: it takes half a minute, and what it
    returned stands in ``measured.json``."""
    core.random.seed(0)
    model = decoder.Decoder(BUG_VOCABULARY, 64, 8, 2, hidden=0, positions="alibi")
    kept = decoder.split_heads
    if kind == "times the root of D":
        for block in model.blocks:
            block.attention.scale = 1 / block.attention.scale
    if kind == "mask off by one":
        model.mask = lambda length, offset=0: wrap(
            mx.arange(length)[:, None] + 1 >= mx.arange(length)
        )
    if kind == "heads by reshape":
        decoder.split_heads = lambda x, heads: x.reshape(x.shape[0], heads, x.shape[1], -1)

    def loss(tokens: array, counted: array) -> array:
        each = nn.losses.cross_entropy(model(tokens[:, :-1]), tokens[:, 1:])
        return core.sum(each * counted) / core.sum(counted)

    gradient = nn.value_and_grad(model, loss)
    optimizer, found = optimizers.Adam(optimizers.linear_schedule(1e-4, 4e-3, 40)), []
    try:
        for step in range(BUG_STEPS):
            rows = sequences.repeated(BUG_VOCABULARY, BUG_LENGTH, 48, mx.random.key(step))
            tokens = core.array(rows.tokens)
            counted = (tokens[:, 1:] != sequences.START).astype(core.float32)
            value, gradients = gradient(tokens, counted)
            optimizer.update(model, gradients)
            core.eval(value, model.state, optimizer.state)
            found.append(value.item())
    finally:
        decoder.split_heads = kept
    return [round(sum(found[i : i + 40]) / 40, 3) for i in range(0, BUG_STEPS, 40)]


# The project


def tasks(out: Path) -> None:
    """How many questions are answered without a mistake, on the way."""
    found = MEASURED["tasks"]
    fig, ax = plotting.figure(width=7.4, height=4.0)
    for task, colour in zip(("copy", "sort", "add"), plotting.COLOURS):
        shares = [100 * n for n in found[task]]
        ax.plot(found["step"], shares, "o-", color=colour, markersize=3, label=task)
    ax.set(xlabel="step", ylabel="answers without a mistake (%)", ylim=(-3, 105))
    ax.legend(loc="lower right")
    save(fig, out, "tasks")


def picture(ax, rows: list[str]) -> None:
    """Attention in tenths."""
    cells = np.array([[int(c) for c in row] for row in rows])
    ax.imshow(cells, cmap="Blues", vmin=0, vmax=9, aspect="auto")
    ax.grid(False)


def maps(out: Path) -> None:
    """Where each digit of an answer looks, in the last layer."""
    fig, axes = plotting.figure(3, 4, width=11.0, height=7.6)
    for (task, found), row in zip(MEASURED["maps"].items(), axes):
        signs, first = [sequences.SIGNS[t] for t in found["tokens"]], found["first"]
        for head, ax in enumerate(row):
            picture(ax, [line[:-1] for line in found["heads"][head]])
            ax.set_xticks(range(len(signs) - 1), signs[:-1])
            ax.set_yticks(range(len(signs) - first), signs[first:])
            ax.tick_params(labelsize=8, length=0)
            if task == "copy":
                ax.set_title(f"head {head}")
        row[0].set_ylabel(f"{task}: writes", fontsize=10)
    axes[-1][0].set_xlabel("looks at", fontsize=10)
    save(fig, out, "maps")


def copying(out: Path) -> None:
    """Right tokens of the second half, for two layers and for one."""
    found, blind = MEASURED["copying"], 100 * sum(1 / n for n in range(1, 13)) / 12
    fig, ax = plotting.figure(width=7.4, height=4.0)
    for name, colour in (("two layers", plotting.BLUE), ("one layer", plotting.ORANGE)):
        shares = [100 * n for n in found[name]]
        ax.plot(found["step"], shares, "o-", color=colour, markersize=4)
        plotting.direct_label(ax, found["step"][-1], shares[-1], name, colour)
    ax.axhline(blind, color=plotting.GREY, linestyle="--", linewidth=1.2)
    words = "who knows which, but not in which order"
    note(ax, 480, blind + 4, words, plotting.GREY, ha="left", fontsize=10)
    ax.set(xlabel="step", ylabel="repeated tokens right (%)", ylim=(-3, 105), xlim=(50, 1200))
    save(fig, out, "copying")


def heads(out: Path) -> None:
    """Every head: where it looks, and what is left without it."""
    fig, axes = plotting.figure(3, 1, width=8.4, height=5.4, sharex=True)
    for ax, (label, values) in zip(axes, MEASURED["heads"].items()):
        colours = [plotting.SKY if i < 8 else plotting.BLUE for i in range(len(values))]
        ax.bar(range(len(values)), values, color=colours)
        ax.set(ylim=(0, 1.05), ylabel=label)
    axes[-1].set_xticks(range(16), [f"{i // 8 + 1}.{i % 8}" for i in range(16)])
    axes[-1].set_xlabel("layer.head")
    save(fig, out, "heads")


def induction(out: Path) -> None:
    """The attention of the head that was found."""
    found = MEASURED["induction"]
    fig, ax = plotting.figure(width=6.4, height=6.0)
    picture(ax, found["map"])
    names = ["|" if t == sequences.START else str(t) for t in found["tokens"]]
    ax.set_xticks(range(len(names)), names, fontsize=8)
    ax.set_yticks(range(len(names)), names, fontsize=8)
    half = len(names) / 2 - 0.5
    ax.axhline(half, color=plotting.RED, linewidth=1)
    ax.axvline(half, color=plotting.RED, linewidth=1)
    ax.set(xlabel="looks at", ylabel="token")
    save(fig, out, "induction")


if __name__ == "__main__":
    main(Path(__file__).parent)
