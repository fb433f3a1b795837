// Noise by a schedule: how much of a point is left at each step, and what is seen of all of them.
"use strict";
stage.figure("schedule", ({ controls, show }) => {
  const { t, paint, shape, drawing, text, slider, choice, round } = stage;
  const STEPS = 1000, now = { kind: "linear", t: 250 };
  const kept = kind => {
    if (kind === "cosine") {
      const f = t => Math.cos((t / STEPS + .008) / 1.008 * Math.PI / 2) ** 2;
      let bar = 1;
      return Array.from({ length: STEPS }, (_, t) => bar *= 1 - Math.min(.999, 1 - f(t + 1) / f(t)));
    }
    let bar = 1;
    return Array.from({ length: STEPS }, (_, t) => bar *= 1 - (1e-4 + (.02 - 1e-4) * t / (STEPS - 1)));
  };
  const bars = { linear: kept("linear"), cosine: kept("cosine") };
  // Two moons, and one noise for each point, the same at every step.
  const random = stage.random(7), points = Array.from({ length: 260 }, (_, i) => {
    const a = Math.PI * random.uniform(), up = i % 2;
    const [x, y] = up ? [Math.cos(a) - .5, Math.sin(a) - .25] : [.5 - Math.cos(a), .25 - Math.sin(a)];
    return { x: 1.1 * x, y: 1.1 * y, u: random.normal(), v: random.normal(), up };
  });

  controls(
    choice("schedule", ["linear", "cosine"], value => { now.kind = value; draw(); }),
    slider("step t", 0, STEPS - 1, now.t, value => { now.t = value; draw(); }),
  );
  function draw() {
    const bar = bars[now.kind][now.t], svg = drawing(720, 300, `points at step ${now.t} of the ${now.kind} schedule`);
    const [left, top, wide, high] = [50, 20, 300, 230];
    const x = t => left + wide * t / (STEPS - 1), y = v => top + high * (1 - v);
    for (const v of [0, .5, 1]) svg.append(shape("line", { x1: left, x2: left + wide, y1: y(v), y2: y(v), stroke: paint.line }), text(left - 8, y(v), v, { text_anchor: "end", fill: paint.soft }));
    for (const t of [0, 500, 999]) svg.append(text(x(t), top + high + 18, t, { fill: paint.soft }));
    svg.append(text(left + wide / 2, top + high + 38, "step t", { fill: paint.soft }));
    for (const [kind, colour] of [["linear", paint.blue], ["cosine", paint.red]]) {
      const line = bars[kind].map((v, t) => t % 10 && t < STEPS - 1 ? "" : `${t ? "L" : "M"}${x(t).toFixed(1)} ${y(v).toFixed(1)}`).join("");
      svg.append(shape("path", { d: line, fill: "none", stroke: colour, stroke_width: kind === now.kind ? 3 : 1.5, opacity: kind === now.kind ? 1 : .55 }));
    }
    svg.append(text(x(150), y(.42), "linear", { fill: paint.blue, font_weight: 600, text_anchor: "end" }), text(x(620), y(.55), "cosine", { fill: paint.red, font_weight: 600, text_anchor: "start" }));
    svg.append(shape("line", { x1: x(now.t), x2: x(now.t), y1: top, y2: top + high, stroke: paint.soft, stroke_dasharray: "4 3" }), shape("circle", { cx: x(now.t), cy: y(bar), r: 5, fill: now.kind === "linear" ? paint.blue : paint.red }));
    svg.append(text(left, 8, "ᾱ: the share of the variance that is still the picture", { text_anchor: "start", fill: paint.soft, font_size: 12 }));
    const [cx, cy, unit] = [550, 138, 38], keep = Math.sqrt(bar), noise = Math.sqrt(1 - bar);
    svg.append(shape("rect", { x: 420, y: 18, width: 270, height: 240, fill: paint.paper, stroke: paint.line }));
    for (const p of points) {
      const [px, py] = [keep * p.x + noise * p.u, keep * p.y + noise * p.v];
      if (Math.abs(px) < 3.4 && Math.abs(py) < 3) svg.append(shape("circle", { cx: (cx + unit * px).toFixed(1), cy: (cy - unit * py).toFixed(1), r: 2.4, fill: p.up ? paint.blue : paint.orange, opacity: .8 }));
    }
    const ratio = bar / (1 - bar);
    show(svg, t`x = √${round(bar)} · x₀ + √${round(1 - bar)} · ε: ${round(100 * keep, 1)} % of each coordinate is left, beside noise of deviation ${round(noise)}. Signal to noise ${round(ratio)}, ${round(10 * Math.log10(ratio), 1)} dB.`);
  }
  draw();
});
