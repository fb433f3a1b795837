// Attention over a sentence: every row is a mixture, and its shares are a softmax of scores.
"use strict";
stage.figure("attention", ({ controls, show }) => {
  const { t, paint, shape, drawing, text, field, slider, check, round } = stage;
  const DIMS = 32, MOST = 12;
  const now = { words: "the cat sat on the mat because it was tired", at: 4, scale: 3, near: .5, causal: false };

  // Vectors from letters: pairs of letters, hashed to directions. Nothing is learned here.
  function letters(word) {
    const vector = new Float64Array(DIMS), padded = `<${word.toLowerCase()}>`;
    for (let i = 0; i + 1 < padded.length; i++) {
      let hash = 2166136261;
      for (const letter of padded.slice(i, i + 2)) hash = Math.imul(hash ^ letter.codePointAt(0), 16777619) >>> 0;
      const direction = stage.random(hash);
      for (let d = 0; d < DIMS; d++) vector[d] += direction.normal();
    }
    const length = Math.hypot(...vector) || 1;
    return [...vector].map(v => v / length);
  }
  const dot = (a, b) => a.reduce((sum, v, i) => sum + v * b[i], 0);
  const row = slider("the word that asks", 0, 8, now.at, value => { now.at = value; draw(); });
  controls(
    field("sentence", now.words, value => { now.words = value; draw(); }, 40), row,
    slider("sharpness", 0, 12, now.scale, value => { now.scale = value; draw(); }, { step: .5, shown: v => round(v, 1) }),
    slider("nearness", 0, 3, now.near, value => { now.near = value; draw(); }, { step: .1, shown: v => round(v, 1) }),
    check("causal mask", now.causal, value => { now.causal = value; draw(); }),
  );

  function draw() {
    const words = now.words.trim().split(/\s+/).filter(Boolean);
    if (!words.length) { show(null, t("Type a few words."), true); return; }
    if (words.length > MOST) words.length = MOST;
    const n = words.length, vectors = words.map(letters);
    now.at = Math.min(now.at, n - 1);
    row.set(now.at, n - 1);
    const weights = vectors.map((q, i) => {
      const scores = vectors.map((k, j) => now.causal && j > i ? -Infinity : now.scale * dot(q, k) - now.near * Math.abs(i - j));
      const most = Math.max(...scores), e = scores.map(s => Math.exp(s - most)), sum = e.reduce((a, b) => a + b);
      return e.map(v => v / sum);
    });
    const side = Math.min(34, 300 / n), left = 110, top = 84, high = Math.max(top + n * side + 14, 200);
    const svg = drawing(720, high, "attention of every word to every word");
    weights.forEach((line, i) => line.forEach((weight, j) => {
      const cell = square(i, j, weight);
      cell.addEventListener("click", () => { now.at = i; draw(); });
      svg.append(cell);
    }));
    function square(i, j, weight) {
      const [x, y] = [left + j * side, top + i * side];
      const cell = shape("g", { cursor: "pointer" }, shape("rect", { x, y, width: side, height: side, fill: paint.paper, stroke: paint.line }));
      cell.append(shape("rect", { x, y, width: side, height: side, fill: paint.blue, opacity: weight }));
      if (now.causal && j > i) cell.append(shape("path", { d: `M${x} ${y + side}L${x + side} ${y}`, stroke: paint.line, fill: "none" }));
      return cell;
    }
    const short = word => word.length > 11 ? `${word.slice(0, 10)}…` : word;
    words.forEach((word, i) => {
      const here = i === now.at, more = { font_weight: here ? 650 : 400, fill: here ? paint.red : paint.ink, font_size: Math.min(13, side * .6 + 2) };
      svg.append(text(left - 8, top + (i + .5) * side, short(word), { ...more, text_anchor: "end" }));
      const [x, y] = [left + (i + .5) * side, top - 8];
      svg.append(text(x, y, short(word), { font_size: more.font_size, text_anchor: "start", transform: `rotate(-50 ${x} ${y})` }));
    });
    svg.append(shape("rect", { x: left, y: top + now.at * side, width: n * side, height: side, fill: "none", stroke: paint.red, stroke_width: 2.5 }));
    const from = left + n * side + 130, room = 700 - from - 60, step = Math.min(26, (high - top) / n);
    svg.append(text(from, top - 16, t`"${short(words[now.at])}" is a mixture of`, { text_anchor: "start", fill: paint.soft }));
    weights[now.at].forEach((weight, j) => {
      const y = top + (j + .5) * step;
      svg.append(text(from - 8, y, short(words[j]), { text_anchor: "end", font_size: 12 }));
      svg.append(shape("rect", { x: from, y: y - step * .32, width: Math.max(1, room * weight), height: step * .64, fill: paint.blue }));
      svg.append(text(from + room * weight + 6, y, `${round(100 * weight, 0)} %`, { text_anchor: "start", font_size: 12, fill: paint.soft }));
    });
    const spread = Math.exp(-weights[now.at].reduce((s, w) => s + (w > 0 ? w * Math.log(w) : 0), 0));
    show(svg, t`Each row sums to 1. "${words[now.at]}" looks at about ${round(spread, 1)} of ${n} words. The vectors come from the letters of the words, not from training: alike words find each other, and sharpness 0 leaves nearness alone.`);
  }
  draw();
});
