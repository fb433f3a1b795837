// The computation graph of an expression: each node with its value, and with the slope of the result.
"use strict";
stage.figure("graph", ({ controls, show }) => {
  const { t, paint, shape, drawing, text, field, slider, element, round } = stage;
  const MOST = 24;
  const now = { words: "tanh(w * x + b) + w^2", values: { w: .5, x: 2, b: -.3 } };

  // Forward, and the slope of the result in each argument.
  const sigmoid = x => 1 / (1 + Math.exp(-x));
  const rules = {
    "+": [(a, b) => a + b, () => [1, 1]], "−": [(a, b) => a - b, () => [1, -1]],
    "×": [(a, b) => a * b, (a, b) => [b, a]], "/": [(a, b) => a / b, (a, b) => [1 / b, -a / (b * b)]],
    "^": [(a, b) => a ** b, (a, b) => [b === 0 ? 0 : b * a ** (b - 1), a > 0 ? Math.log(a) * a ** b : 0]],
    neg: [a => -a, () => [-1]], exp: [Math.exp, a => [Math.exp(a)]], log: [Math.log, a => [1 / a]],
    sin: [Math.sin, a => [Math.cos(a)]], cos: [Math.cos, a => [-Math.sin(a)]],
    tanh: [Math.tanh, a => [1 - Math.tanh(a) ** 2]], sigmoid: [sigmoid, a => [sigmoid(a) * (1 - sigmoid(a))]],
    relu: [a => Math.max(a, 0), a => [a > 0 ? 1 : 0]], sqrt: [Math.sqrt, a => [.5 / Math.sqrt(a)]],
    square: [a => a * a, a => [2 * a]], abs: [Math.abs, a => [Math.sign(a)]],
  };

  // Nodes in the order in which they are computed; a name is one node wherever it stands.
  function parse(words) {
    const tokens = words.match(/\d+\.?\d*(?:e[+-]?\d+)?|\.\d+|[A-Za-z_]\w*|\*\*|[-+*/^()]|\S/gi) || [], nodes = [], names = {};
    let at = 0;
    const add = (op, args, value) => {
      if (nodes.length >= MOST) throw Error(t`At most ${MOST} nodes, so that they can be drawn.`);
      return nodes.push({ op, args, value }) - 1;
    };
    const take = what => tokens[at] === what && ++at;
    const expect = what => { if (!take(what)) throw Error(t`${what} is expected ${tokens[at] ? t`before "${tokens[at]}"` : t("at the end")}.`); };
    function sum() {
      let left = product();
      for (;;) if (take("+")) left = add("+", [left, product()]); else if (take("-")) left = add("−", [left, product()]); else return left;
    }
    function product() {
      let left = sign();
      for (;;) if (take("*")) left = add("×", [left, sign()]); else if (take("/")) left = add("/", [left, sign()]); else return left;
    }
    function sign() { return take("-") ? add("neg", [sign()]) : power(); }
    function power() {
      const base = atom();
      return take("^") || take("**") ? add("^", [base, sign()]) : base;
    }
    function atom() {
      const token = tokens[at];
      if (token === undefined) throw Error(t("Something is missing at the end."));
      at++;
      if (token === "(") { const inner = sum(); expect(")"); return inner; }
      if (/^[\d.]/.test(token)) return add(token, [], +token);
      if (/^[A-Za-z_]/.test(token)) {
        if (take("(")) {
          if (!rules[token]) throw Error(t`There is no function ${token} here; there are exp, log, sin, cos, tanh, sigmoid, relu, sqrt, square, abs.`);
          const inner = sum();
          expect(")");
          return add(token, [inner]);
        }
        return names[token] ??= add(token, [], null);
      }
      throw Error(t`"${token}" cannot stand here.`);
    }
    sum();
    if (at < tokens.length) throw Error(t`"${tokens[at]}" cannot stand here.`);
    return { nodes, names: Object.keys(names) };
  }

  const rulers = element("div", { className: "controls" });
  rulers.style.margin = "0";
  controls(field("expression", now.words, value => { now.words = value; refresh(); }, 30), rulers);

  function refresh() {
    let made;
    try { made = parse(now.words); } catch (error) { show(null, error.message, true); return; }
    if (made.names.length > 6) { show(null, t("At most six names, so that each has its slider."), true); return; }
    rulers.replaceChildren(...made.names.map(name => {
      now.values[name] ??= 1;
      return slider(name, -3, 3, now.values[name], value => { now.values[name] = value; draw(made); }, { step: .1, shown: v => round(v, 1) });
    }));
    draw(made);
  }

  function draw({ nodes }) {
    for (const node of nodes) {
      const inputs = node.args.map(i => nodes[i]);
      if (rules[node.op] && inputs.length) node.value = rules[node.op][0](...inputs.map(i => i.value));
      else if (/^[A-Za-z_]/.test(node.op)) node.value = now.values[node.op];
      node.slope = 0;
      node.level = inputs.length ? 1 + Math.max(...inputs.map(i => i.level)) : 0;
    }
    nodes.at(-1).slope = 1;
    for (const node of [...nodes].reverse()) if (node.args.length) {
      const slopes = rules[node.op][1](...node.args.map(i => nodes[i].value));
      node.local = slopes;
      node.args.forEach((i, k) => { nodes[i].slope += node.slope * slopes[k]; });
    }
    // Leaves stand just before what uses them first; within a level, near what they came from.
    for (const node of nodes) if (!node.args.length) {
      const users = nodes.filter(n => n.args.includes(nodes.indexOf(node)));
      if (users.length) node.level = Math.min(...users.map(n => n.level)) - 1;
    }
    const levels = [];
    for (const node of nodes) (levels[node.level] ??= []).push(node);
    const tall = Math.max(...levels.map(l => l.length)), high = 66 * tall + 10, step = Math.min(150, 720 / levels.length);
    const box = Math.min(96, step * .64);
    levels.forEach((level, depth) => {
      level.forEach((node, k) => { node.x = step * depth + step / 2; node.y = high / 2 + (k - (level.length - 1) / 2) * 66; });
      if (depth) level.sort((p, q) => middle(p) - middle(q)).forEach((node, k) => { node.y = high / 2 + (k - (level.length - 1) / 2) * 66; });
    });
    function middle(node) { return node.args.length ? node.args.reduce((s, i) => s + nodes[i].y, 0) / node.args.length : 1e9; }
    const svg = drawing(Math.max(360, step * levels.length), high, `the graph of ${now.words}`);
    for (const node of nodes) node.args.forEach((i, k) => {
      const from = nodes[i], [x1, x2] = [from.x + box / 2, node.x - box / 2], bend = (x2 - x1) / 2;
      svg.append(shape("path", { d: `M${x1} ${from.y} C${x1 + bend} ${from.y} ${x2 - bend} ${node.y} ${x2} ${node.y}`, fill: "none", stroke: paint.soft, stroke_width: 1.5 }));
      if (x2 - x1 > 24 || node.level - from.level === 1) svg.append(text(x2 - 2, node.y + (k ? 13 : -13) * (node.args.length > 1 ? 1 : .9), `×${round(node.local[k], 2)}`, { text_anchor: "end", font_size: 10.5, fill: paint.red }));
    });
    for (const node of nodes) {
      const leaf = !node.args.length, last = node === nodes.at(-1);
      svg.append(shape("rect", { x: node.x - box / 2, y: node.y - 25, width: box, height: 50, rx: 7, fill: leaf ? paint.warm : paint.tint, stroke: last ? paint.ink : paint.line, stroke_width: last ? 2 : 1 }));
      svg.append(text(node.x, node.y - 14, node.op, { font_weight: 650 }));
      svg.append(text(node.x, node.y + 2, round(node.value), { font_size: 12 }));
      svg.append(text(node.x, node.y + 16, t`slope ${round(node.slope)}`, { font_size: 11, fill: paint.red }));
    }
    const names = nodes.filter(n => /^[A-Za-z_]/.test(n.op) && !n.args.length);
    show(svg, t`The result is ${round(nodes.at(-1).value, 4)}.${names.length ? t` Its slope is ${names.map(n => t`${round(n.slope)} in ${n.op}`).join(", ")}.` : ""}`);
  }
  refresh();
});
