// Broadcasting: two shapes, aligned at their last axes, and what is repeated to make them one.
"use strict";
stage.figure("broadcasting", ({ controls, show }) => {
  const { t, paint, drawing, text, square, field, slider, shape } = stage;
  const now = { a: "(3, 1)", b: "(4,)", at: 0 };
  const place = slider("element", 0, 11, 0, value => { now.at = value; draw(); });
  controls(
    field("shape of a", now.a, value => { now.a = value; now.at = 0; draw(); }, 10),
    field("shape of b", now.b, value => { now.b = value; now.at = 0; draw(); }, 10), place,
  );

  const read = words => {
    const inside = words.trim().replace(/^[([]|[)\]]$/g, "").trim();
    if (!inside) return [];
    const parts = inside.split(/[\s,]+/).filter(Boolean).map(Number);
    return parts.every(n => Number.isInteger(n) && n >= 0) ? parts : null;
  };
  const write = s => s.length === 1 ? `(${s[0]},)` : `(${s.join(", ")})`;
  const size = s => s.reduce((x, y) => x * y, 1);
  const unravel = (n, s) => s.reduceRight(([rest, out], d) => [Math.floor(rest / d), [rest % d, ...out]], [n, []])[1];
  const ravel = (index, s) => s.reduce((sum, d, k) => sum * d + (d === 1 ? 0 : index[k]), 0);

  const side = (s, wide) => Math.max(9, Math.min(30, (wide - 8) / Math.max(s.at(-1) ?? 1, 1), 150 / Math.max((s.at(-2) ?? 1) * size(s.slice(0, -2)), 1)));
  const height = s => size(s.slice(0, -2)) * ((s.at(-2) ?? 1) * side(s, 200) + 6);

  // An array as sheets of rows; an element stands for its place.
  function grid(svg, left, top, shape_, chosen, title, value, wide) {
    const [rows, columns] = [shape_.at(-2) ?? 1, shape_.at(-1) ?? 1];
    const one = side(shape_, wide);
    svg.append(text(left, top - 14, title, { text_anchor: "start", fill: paint.soft }));
    for (let n = 0; n < Math.min(size(shape_), 400); n++) {
      const sheet = Math.floor(n / (rows * columns)), i = Math.floor(n / columns) % rows, j = n % columns;
      const [x, y] = [left + j * one, top + (sheet * rows + i) * one + sheet * 6];
      const label = value(n);
      svg.append(square(x, y, one, n === chosen ? paint.warm : paint.paper, n === chosen ? { stroke: paint.red, stroke_width: 2 } : {}));
      if (one > 17) svg.append(text(x + one / 2, y + one / 2, label, { font_size: one * .4, font_weight: n === chosen ? 650 : 400 }));
    }
  }

  function draw() {
    const a = read(now.a), b = read(now.b);
    if (!a || !b) { show(null, t("A shape is numbers with commas between them, such as (3, 1)."), true); return; }
    if (Math.max(a.length, b.length) > 4) { show(null, t("Four axes at most, so that it can be drawn."), true); return; }
    const axes = Math.max(a.length, b.length);
    const pad = s => [...Array(axes - s.length).fill(1), ...s], [pa, pb] = [pad(a), pad(b)];
    const bad = pa.findIndex((n, k) => n !== pb[k] && n !== 1 && pb[k] !== 1);
    const result = pa.map((n, k) => n === 1 ? pb[k] : n);
    if (bad < 0 && size(result) > 400) { show(null, t("At most 400 elements, so that they can be drawn."), true); return; }
    const tall = bad < 0 ? Math.max(...[a, b, result].map(height)) : 0, svg = drawing(720, bad < 0 ? 160 + tall : 105, `a of shape ${write(a)} and b of shape ${write(b)}`);
    const rows = [["a", a, pa], ["b", b, pb], ["result", bad < 0 ? result : null, result]];
    rows.forEach(([name, own, padded], r) => {
      svg.append(text(60, 22 + 30 * r, name, { text_anchor: "end", fill: paint.soft }));
      padded.forEach((n, k) => {
        const x = 80 + 62 * k, added = own && k < axes - own.length, stretched = r < 2 && n === 1 && result[k] !== 1;
        const wrong = k === bad;
        svg.append(shape("rect", { x, y: 9 + 30 * r, width: 54, height: 26, rx: 5, fill: wrong ? paint.warm : stretched ? paint.tint : paint.panel, stroke: wrong ? paint.red : paint.line, stroke_dasharray: added ? "4 3" : "none" }));
        svg.append(text(x + 27, 22 + 30 * r, r === 2 && wrong ? "?" : n, { fill: added ? paint.soft : paint.ink }));
      });
    });
    if (bad >= 0) {
      place.set(0, 0);
      show(svg, t`Axis ${bad - axes} says ${pa[bad]} and ${pb[bad]}: neither is 1, so the shapes do not broadcast.`, true);
      return;
    }
    const many = size(result);
    now.at = Math.max(0, Math.min(now.at, many - 1));
    place.set(now.at, Math.max(0, many - 1));
    const index = unravel(now.at, result), [ia, ib] = [ravel(index, pa), ravel(index, pb)];
    grid(svg, 20, 140, a, ia, `a ${write(a)}`, n => n + 1, 200);
    grid(svg, 250, 140, b, ib, `b ${write(b)}`, n => 10 * (n + 1), 200);
    grid(svg, 480, 140, result, now.at, `a + b ${write(result)}`, n => { const i = unravel(n, result); return ravel(i, pa) + 1 + 10 * (ravel(i, pb) + 1); }, 230);
    const told = pa.map((n, k) => [n, pb[k], k - axes]).filter(([x, y]) => x !== y).map(([x, y, k]) => t`${x === 1 ? "a" : "b"} is repeated ${Math.max(x, y)} times along axis ${k}`);
    show(svg, many ? t`${told.length ? told.join("; ") : t("Nothing is repeated")}. Element ${write(index)}: ${ia + 1} + ${10 * (ib + 1)} = ${ia + 1 + 10 * (ib + 1)}.` : t("An axis of size 0: the result has no elements."));
  }
  draw();
});
