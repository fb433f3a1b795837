// What every figure that moves is made of: shapes, controls, and a place on the page.
// Plain scripts rather than modules, because a browser loads no module from a file system.
"use strict";
const stage = (() => {
  const NS = "http://www.w3.org/2000/svg";
  // Another language's words: t("stride"), or a sentence with numbers in it, t`${n} places`, which the
  // table of the page has as "{} places"; where words stand otherwise there, as "{1} of {0}".
  const said = document.getElementById("book--say"), table = said ? JSON.parse(said.textContent) : {};
  function t(strings, ...values) {
    const key = typeof strings === "string" ? strings : strings.join("{}");
    let next = 0;
    return (table[key] ?? key).replace(/\{(\d*)\}/g, (_, n) => values[n === "" ? next++ : +n]);
  }

  const paint = {
    ink: "var(--ink)", soft: "var(--soft)", line: "var(--line)", paper: "var(--paper)", panel: "var(--panel)",
    blue: "light-dark(#0072B2, #56B4E9)", orange: "light-dark(#E69F00, #F0B43C)", green: "light-dark(#009E73, #2FC79B)",
    red: "light-dark(#D55E00, #F08A45)", purple: "light-dark(#CC79A7, #DD9CC0)", tint: "light-dark(#CFE5F3, #1D4460)",
    warm: "light-dark(#FBE6BF, #55431A)",
  };

  // shape("rect", { x: 1, fill: paint.ink }, "text or children")
  function shape(kind, attributes = {}, ...inside) {
    const node = document.createElementNS(NS, kind);
    for (const [name, value] of Object.entries(attributes)) {
      if (["fill", "stroke", "opacity"].includes(name)) node.style[name] = value;
      else node.setAttribute(name.replace("_", "-"), value);
    }
    node.append(...inside);
    return node;
  }

  function drawing(wide, high, said) {
    const svg = shape("svg", { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": said });
    svg.style.maxWidth = `${wide}px`;
    return svg;
  }
  const text = (x, y, words, more = {}) => shape("text", { x, y, fill: paint.ink, text_anchor: "middle", dominant_baseline: "central", font_size: 13, ...more }, typeof words === "string" && table[words] !== undefined ? t(words) : String(words));
  const square = (x, y, side, fill, more = {}) => shape("rect", { x, y, width: side, height: side, fill, stroke: paint.line, ...more });

  function element(kind, properties = {}, ...inside) {
    const node = Object.assign(document.createElement(kind), properties);
    node.append(...inside);
    return node;
  }

  // A control: a label, the control itself, and for a slider what it stands at.
  function slider(label, min, max, value, changed, { step = 1, shown = String } = {}) {
    const output = element("output", {}, shown(value));
    const input = element("input", { type: "range", min, max, step });
    input.value = value;
    input.addEventListener("input", () => { output.textContent = shown(+input.value); changed(+input.value); });
    const said = element("span", {}, `${t(label)} `, output);
    const box = element("label", {}, said, input);
    return Object.assign(box, { input, set: (now, most = max) => { input.max = most; input.value = now; output.textContent = shown(+input.value); } });
  }
  function choice(label, options, changed, chosen = options[0]) {
    const input = element("select", {}, ...options.map(o => element("option", { value: o, selected: o === chosen }, t(o))));
    input.addEventListener("change", () => changed(input.value));
    return Object.assign(element("label", {}, t(label), input), { input });
  }
  function field(label, value, changed, size = 24) {
    const input = element("input", { type: "text", value, size, spellcheck: false, autocomplete: "off" });
    input.addEventListener("input", () => changed(input.value));
    return Object.assign(element("label", {}, t(label), input), { input });
  }
  function check(label, value, changed) {
    const input = element("input", { type: "checkbox", checked: value });
    input.addEventListener("change", () => changed(input.checked));
    const box = element("label", {}, t(label), input);
    input.style.justifySelf = "start";
    return Object.assign(box, { input });
  }

  // figure("name", parts => { ... }): `parts.show(controls, svg, words)` replaces the picture.
  function figure(name, make) {
    for (const place of document.querySelectorAll(`figure.play[data-figure="${name}"]`)) {
      const box = place.querySelector(".stage"), controls = element("div", { className: "controls" });
      const view = element("div", { className: "view" }), said = element("p", { className: "said" });
      said.setAttribute("role", "status");
      make({
        controls: (...them) => controls.append(...them),
        show: (svg, words = "", bad = false) => {
          if (svg) view.replaceChildren(svg);
          said.replaceChildren(...[words].flat());
          said.classList.toggle("bad", bad);
        },
      });
      box.replaceChildren(controls, view, said);
      place.dataset.live = "yes";
    }
  }

  const round = (x, digits = 3) => {
    if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x > 0 ? "∞" : "−∞";
    const made = Math.abs(x) >= 1e5 || (x && Math.abs(x) < 1e-3) ? x.toExponential(1) : String(+x.toFixed(digits));
    return made.replace("-", "−");
  };
  // Numbers that are the same in every browser, uniform in [0, 1) and normal.
  function random(seed) {
    let state = seed >>> 0;
    const uniform = () => { state = (Math.imul(state, 1664525) + 1013904223) >>> 0; return state / 4294967296; };
    return { uniform, normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()) };
  }
  return { t, paint, shape, drawing, text, square, element, slider, choice, field, check, figure, round, random };
})();
