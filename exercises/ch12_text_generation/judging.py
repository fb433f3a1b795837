"""Project 12: what a trained translator says of sentences that it has not seen, and pictures."""

import json
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from tinymlx import core, plotting
from tinymlx.models.recurrent_translation import RecurrentTranslator
from tinymlx.models.translation import asked
from tinymlx.text.bleu import bleu
from tinymlx.text.chrf import chrf
from tinymlx.text.evaluation import evaluated, filled, translated
from tinymlx.utils import tree_flatten, tree_reduce

from .settings import BEGIN, END, PAD, SPECIAL, Numbers
from .training import TranslationTraining


def judged(console: Console, training: TranslationTraining) -> Numbers:
    """What the averaged model makes of the test set."""
    setting, test, model = training.setting, training.data.test, training.model
    common = (model, training.tokenizer, test.sources)
    model.eval()
    alone = evaluated(*common, test.targets, BEGIN).score
    training.mixed()
    numbers = {
        "parameters": float(tree_reduce(lambda n, w: n + w.size, model.parameters(), 0)),
        "validation loss": training.curve[-1]["validation"],
        "BLEU of the last checkpoint, greedy": alone,
        "BLEU, greedy": evaluated(*common, test.targets, BEGIN).score,
    }
    found = translated(*common, BEGIN, width=setting.width, penalty=setting.penalty)
    numbers[f"BLEU, {setting.width} beams"] = bleu(found, test.targets).score
    numbers["chrF"] = chrf(found, test.targets)
    numbers |= by_length(test.sources, found, test.targets)
    exact = [a == b for a, b in zip(found, test.targets, strict=True)]
    numbers["exactly right"] = sum(exact) / len(exact)
    by_width = {w: evaluated(*common, test.targets, BEGIN, width=w).score for w in setting.widths}
    numbers |= {f"BLEU, width {w}": score for w, score in by_width.items()}
    console.print(
        f"Test set: BLEU {numbers['BLEU, greedy']:.2f} word for word (the last checkpoint alone "
        f"{alone:.2f}), {numbers[f'BLEU, {setting.width} beams']:.2f} with {setting.width} beams; "
        f"chrF {numbers['chrF']:.1f}; {numbers['exactly right']:.1%} are what the human wrote."
    )
    console.print("BLEU is corpus BLEU of plain text in the words of 13a, case counts, smoothed.")
    lines = []
    for ours, theirs, source in list(zip(found, test.targets, test.sources, strict=True))[:20]:
        lines += [source, f"  machine: {ours}", f"  human:   {theirs}"]
    (training.out / "translations.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    console.print("\n".join(lines[:9]), markup=False, highlight=False)
    draw_beams(training.out, by_width)
    draw_attention(training, found)
    weights = {n: w.astype(core.float16) for n, w in tree_flatten(model.parameters())}
    told = {"setting": json.dumps(asdict(setting)), "numbers": json.dumps(numbers)}
    told["text"] = training.data.source
    core.save_safetensors(str(training.out / "weights.safetensors"), weights, told)
    return numbers


def by_length(sources: list[str], found: list[str], targets: list[str]) -> Numbers:
    """BLEU of the shortest, the middle and the longest third of the sentences."""
    order = sorted(range(len(sources)), key=lambda i: len(sources[i].split()))
    numbers, third = {}, len(order) // 3
    parts = (order[:third], order[third : len(order) - third], order[len(order) - third :])
    for name, part in zip(("shortest", "middle", "longest"), parts, strict=True):
        score = bleu([found[i] for i in part], [targets[i] for i in part]).score
        numbers[f"BLEU, {name} third"] = score
    return numbers


# Pictures


def draw_curve(out: Path, curve: list[Numbers]) -> None:
    """Losses after each epoch, and BLEU where it was measured."""
    fig, (left, right) = plotting.figure(1, 2, width=10.0, height=4.0)
    epochs = range(1, len(curve) + 1)
    marker = "o" if len(curve) < 20 else None
    for name, colour in (("training", plotting.BLUE), ("validation", plotting.ORANGE)):
        label = f"{name}, smoothed goals" if name == "training" else f"{name}, plain"
        left.plot(epochs, [c[name] for c in curve], marker=marker, color=colour, label=label)
    left.set(xlabel="epoch", ylabel="loss (nats a token)")
    left.legend(loc="best")
    scores = [(i, c["BLEU"]) for i, c in zip(epochs, curve, strict=True) if "BLEU" in c]
    right.plot(*zip(*scores, strict=True), "o-", color=plotting.GREEN)
    right.set(xlabel="epoch", ylabel="BLEU of the validation set, greedy")
    for ax in (left, right):
        ax.xaxis.get_major_locator().set_params(integer=True)
    plotting.save(fig, out, "curve")


def draw_beams(out: Path, by_width: dict[int, float]) -> None:
    """BLEU against the width of the beam."""
    fig, ax = plotting.figure(width=6.0, height=4.0)
    places = range(len(by_width))
    ax.plot(places, list(by_width.values()), "o-", color=plotting.BLUE)
    ax.set_xticks(places, [str(width) for width in by_width])
    ax.set(xlabel="beams", ylabel="BLEU of the test set")
    plotting.save(fig, out, "beams")


def draw_attention(training: TranslationTraining, found: list[str]) -> None:
    """Which words of the source each written token asked, in the last layer of the decoder."""
    test, encode = training.data.test, training.tokenizer.encode
    lengths = [len(encode(text)) for text in test.sources]
    chosen = min(range(len(lengths)), key=lambda i: (abs(lengths[i] - 12), i))
    source = [*encode(test.sources[chosen]), END]
    target = [BEGIN, *encode(found[chosen])]
    arrays = [filled([tokens], PAD) for tokens in (source, target)]
    model = training.model
    if isinstance(model, RecurrentTranslator):
        weights = model.asked(*arrays)[0]
    else:
        weights = core.mean(asked(model, *arrays)[0], axis=0)  # of the heads
    fig, ax = plotting.figure(width=7.5, height=0.36 * len(target) + 1.8)
    ax.imshow(weights.tolist(), cmap="Blues", aspect="auto", vmin=0)
    show = [
        [training.tokenizer.decode([t]).strip() or "·" for t in side] for side in (source, target)
    ]
    ax.set_xticks(range(len(source)), show[0], rotation=60, ha="right")
    ax.set_yticks(range(len(target)), [*show[1][1:], SPECIAL[END]])
    ax.set(xlabel="asked: the source", ylabel="written: the translation")
    ax.grid(False)
    plotting.save(fig, training.out, "attention")
