"""One page with all tables and pictures."""

import html
from pathlib import Path

STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:58rem;
margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .8rem;border-bottom:1px solid
#ccc; text-align:right}td:first-child,th:first-child{text-align:left}img{max-width:100%}"""
CAPTIONS = {
    "curves": "Held-out accuracy after each epoch.",
    "confusion": "Which class the best network takes for which.",
    "reliability": "Confidence against accuracy, after temperature scaling.",
    "corruptions": "Accuracy on damaged test pictures.",
    "looks": "What the transformer's attention passed on, and what a covered square takes away.",
    "mistakes": "The wrong answers of which the best network was surest.",
}


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table in HTML."""
    lines = [f"<th>{html.escape(name)}</th>" for name in head]
    body = ["<tr>" + "".join(f"<td>{html.escape(x)}</td>" for x in row) + "</tr>" for row in rows]
    return f"<table><tr>{''.join(lines)}</tr>{''.join(body)}</table>"


def percent(x: float) -> str:
    return f"{100 * x:.1f} %"


def write(
    out: Path,
    source: str,
    facts: list[str],
    networks: dict[str, dict[str, float]],
    pairs: dict[str, float],
    damaged: dict[str, list[float]],
) -> Path:
    """Write ``report.html`` beside the pictures."""
    head = ["network", "parameters", "MFLOP", "accuracy", "95 % interval", "temperature",
            "calibration error", "tempered"]  # fmt: skip
    rows = [
        [
            name,
            f"{n['parameters']:,.0f}",
            f"{n['flops'] / 1e6:.1f}",
            percent(n["accuracy"]),
            f"{percent(n['low'])} to {percent(n['high'])}",
            f"{n['temperature']:.2f}",
            percent(n["calibration error"]),
            percent(n["calibration error, tempered"]),
        ]
        for name, n in networks.items()
    ]
    parts = [
        f"<h1>Image classification</h1><p>{html.escape(source)}.</p>",
        *(f"<p>{html.escape(fact)}</p>" for fact in facts),
        "<h2>The networks</h2>",
        table(head, rows),
        "<p>Is the difference more than chance? McNemar's exact test:</p>",
        table(["pair", "p-value"], [[name, f"{p:.2g}"] for name, p in pairs.items()]),
        "<h2>Damaged pictures</h2>",
        table(
            ["corruption, strength", *networks],
            [[name, *(percent(x) for x in row)] for name, row in damaged.items()],
        ),
    ]
    for name, caption in CAPTIONS.items():
        if (out / f"{name}.png").is_file():
            parts.append(f'<h2>{caption}</h2><img src="{name}.png" alt="{html.escape(caption)}">')
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Image classification</title>'
    )
    path = out / "report.html"
    path.write_text(f"{page}<style>{STYLE}</style>{''.join(parts)}</html>\n", encoding="utf-8")
    return path
