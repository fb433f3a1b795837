// Optimizers on a surface: the same start, the same number of steps, each by its own rule.
"use strict";
stage.figure("optimizers", ({ controls, show }) => {
  const { t, paint, shape, drawing, text, slider, choice, round } = stage;
  const surfaces = {
    "a long valley": { f: (x, y) => .05 * x * x + y * y, d: (x, y) => [.1 * x, 2 * y], from: [-8, 2.2], best: [0, 0], window: [-10, 10, -3, 3] },
    "a bent valley": { f: (x, y) => (1 - x) ** 2 + 10 * (y - x * x) ** 2, d: (x, y) => [-2 * (1 - x) - 40 * x * (y - x * x), 20 * (y - x * x)], from: [-1.4, 1.6], best: [1, 1], window: [-2.2, 2.2, -.8, 3] },
    "a saddle": { f: (x, y) => .5 * x * x - .5 * y * y + .1 * y ** 4, d: (x, y) => [x, -y + .4 * y ** 3], from: [-3, .02], best: [0, Math.sqrt(2.5)], window: [-4, 4, -2.5, 2.5] },
  };
  // Each rule keeps a state for a coordinate and says how far to go: g the slope, t the step from 1.
  const rules = {
    SGD: { colour: paint.blue, move: (s, g, rate) => rate * g },
    momentum: { colour: paint.green, move: (s, g, rate) => { s.v = .9 * (s.v || 0) + g; return rate * s.v; } },
    RMSprop: { colour: paint.orange, move: (s, g, rate) => { s.v = .99 * (s.v || 0) + .01 * g * g; return rate * g / (Math.sqrt(s.v) + 1e-8); } },
    Adam: { colour: paint.red, move: (s, g, rate, t) => {
      s.m = .9 * (s.m || 0) + .1 * g; s.v = .999 * (s.v || 0) + .001 * g * g;
      return rate * (s.m / (1 - .9 ** t)) / (Math.sqrt(s.v / (1 - .999 ** t)) + 1e-8);
    } },
  };
  const now = { surface: "a long valley", rate: -1, steps: 60, hidden: new Set() };
  controls(
    choice("surface", Object.keys(surfaces), value => { now.surface = value; draw(); }),
    slider("learning rate", -3, .3, now.rate, value => { now.rate = value; draw(); }, { step: .05, shown: v => round(10 ** v, 4) }),
    slider("steps", 1, 200, now.steps, value => { now.steps = value; draw(); }),
    ...Object.keys(rules).map(name => stage.check(name, true, on => { now.hidden[on ? "delete" : "add"](name); draw(); })),
  );

  function walk(surface, rule, rate) {
    const path = [surface.from], states = [{}, {}];
    for (let t = 1; t <= now.steps; t++) {
      const [x, y] = path.at(-1), slope = surface.d(x, y);
      const next = [x, y].map((p, k) => p - rule.move(states[k], slope[k], rate, t));
      if (!next.every(Number.isFinite) || Math.hypot(...next) > 1e6) return { path, lost: t };
      path.push(next);
    }
    return { path, lost: 0 };
  }

  // Marching squares: the lines on which the surface has a height.
  function contour(f, [x0, x1, y0, y1], height, place) {
    const N = 64, M = 40, line = [];
    const at = (i, j) => f(x0 + (x1 - x0) * i / N, y0 + (y1 - y0) * j / M) - height;
    for (let i = 0; i < N; i++) for (let j = 0; j < M; j++) {
      const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]], v = corners.map(([a, b]) => at(a, b)), cuts = [];
      for (let k = 0; k < 4; k++) {
        const [p, q] = [v[k], v[(k + 1) % 4]], [a, b] = [corners[k], corners[(k + 1) % 4]];
        if ((p < 0) !== (q < 0)) { const r = p / (p - q); cuts.push([a[0] + r * (b[0] - a[0]), a[1] + r * (b[1] - a[1])]); }
      }
      for (let k = 0; k + 1 < cuts.length; k += 2) line.push(...[cuts[k], cuts[k + 1]].map(([a, b], n) => `${n ? "L" : "M"}${place(x0 + (x1 - x0) * a / N, y0 + (y1 - y0) * b / M).map(z => z.toFixed(1)).join(" ")}`));
    }
    return line.join("");
  }

  function draw() {
    const surface = surfaces[now.surface], [x0, x1, y0, y1] = surface.window, rate = 10 ** now.rate;
    const svg = drawing(720, 380, `paths of optimizers over ${now.surface}`);
    const place = (x, y) => [720 * (x - x0) / (x1 - x0), 380 * (y1 - y) / (y1 - y0)];
    const clip = `clip-${now.surface.replace(/ /g, "-")}`;
    svg.append(shape("defs", {}, shape("clipPath", { id: clip }, shape("rect", { width: 720, height: 380 }))));
    svg.append(shape("rect", { width: 720, height: 380, fill: paint.paper }));
    const low = surface.f(...surface.best), high = surface.f(x0, y1);
    for (let k = 1; k <= 12; k++) svg.append(shape("path", { d: contour(surface.f, surface.window, low + (high - low) * (k / 12) ** 2.5, place), fill: "none", stroke: paint.line, stroke_width: 1.2 }));
    const [bx, by] = place(...surface.best);
    svg.append(shape("path", { d: `M${bx - 6} ${by}H${bx + 6}M${bx} ${by - 6}V${by + 6}`, stroke: paint.ink, stroke_width: 2, fill: "none" }));
    const told = [];
    Object.entries(rules).filter(([name]) => !now.hidden.has(name)).forEach(([name, rule], k) => {
      const { path, lost } = walk(surface, rule, rate);
      const points = path.map(([x, y]) => place(x, y).map(z => Math.max(-2000, Math.min(3000, z)).toFixed(1)).join(" "));
      const [x, y] = place(...path.at(-1));
      svg.append(shape("g", { "clip-path": `url(#${clip})` },
        shape("path", { d: `M${points.join("L")}`, fill: "none", stroke: rule.colour, stroke_width: 2, stroke_linejoin: "round" }),
        ...(path.length < 90 ? points.map(p => shape("circle", { cx: p.split(" ")[0], cy: p.split(" ")[1], r: 2.2, fill: rule.colour })) : []),
        shape("circle", { cx: x, cy: y, r: 6, fill: rule.colour, stroke: paint.paper, stroke_width: 1.5 })));
      svg.append(shape("circle", { cx: 18, cy: 362 - 20 * k, r: 5, fill: rule.colour }), text(30, 362 - 20 * k, name, { text_anchor: "start" }));
      told.push(`${t(name)} ${lost ? t`is lost at step ${lost}` : round(surface.f(...path.at(-1)), 4)}`);
    });
    show(svg, t`Height after ${now.steps} steps: ${told.join(", ")}. The cross is the lowest point, at ${round(low)}.`);
  }
  draw();
});
