"use strict";
const rows = JSON.parse(document.getElementById("data").textContent);
const columns = [
  ["name", "implementation"], ["verdict", "verdict"], ["forward_error", "forward error"],
  ["gradient_error", "gradient error"], ["speed", "time"], ["memory", "memory"],
  ["lines", "lines"], ["complexity", "branches"], ["like_solution", "like solution"],
  ["like_others", "like others"], ["operations", "operations"], ["misconceptions", "misconceptions"],
];
const state = { key: null, descending: false, chosen: [] };
const head = document.querySelector("#rows thead"), body = document.querySelector("#rows tbody");
const filter = document.getElementById("filter"), pair = document.getElementById("pair");

function element(kind, text, css) {
  const node = document.createElement(kind);
  if (text !== undefined) node.textContent = text;
  if (css) node.className = css;
  return node;
}

function shown(key, value) {
  if (value === null || value === undefined) return "";
  if (key === "like_others") return value.map(([name, how]) => `${name} ${how.toFixed(2)}`).join(", ");
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : value.toFixed(2);
  return String(value);
}

function compare(a, b) {
  const x = a[state.key], y = b[state.key];
  const missing = (v) => v === null || v === undefined || (Array.isArray(v) && v.length === 0);
  if (missing(x) || missing(y)) return missing(x) - missing(y);
  const order = typeof x === "number" ? x - y : shown(state.key, x).localeCompare(shown(state.key, y));
  return state.descending ? -order : order;
}

function visible() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const matches = (row) => {
    const text = columns.map(([key]) => shown(key, row[key])).concat(row.notes).join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  };
  const found = rows.filter(matches);
  return state.key === null ? found : found.slice().sort(compare);
}

function drawHead() {
  const line = element("tr");
  for (const [key, title] of columns) {
    const cell = element("th"), button = element("button", title);
    button.type = "button";
    button.dataset.key = key;
    button.addEventListener("click", () => {
      state.descending = state.key === key ? !state.descending : false;
      state.key = key;
      draw();
    });
    if (state.key === key) cell.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
    cell.append(button);
    line.append(cell);
  }
  head.replaceChildren(line);
}

function drawBody() {
  const found = visible();
  document.getElementById("count").textContent = `${found.length} of ${rows.length}`;
  body.replaceChildren(...found.map((row) => {
    const line = element("tr", undefined, state.chosen.includes(row) ? "chosen" : "");
    line.tabIndex = 0;
    for (const [key] of columns) {
      const value = row[key];
      let css = typeof value === "number" ? "number" : Array.isArray(value) ? "wide" : "";
      if (key === "verdict") css = value.split(" ")[0];
      const cell = element("td", shown(key, value), css);
      if (key === "verdict") cell.title = row.notes.join("; ");
      line.append(cell);
    }
    const choose = () => {
      const at = state.chosen.indexOf(row);
      if (at >= 0) state.chosen.splice(at, 1);
      else state.chosen = [...state.chosen, row].slice(-2);
      draw();
    };
    line.addEventListener("click", choose);
    line.addEventListener("keydown", (event) => { if (event.key === "Enter") choose(); });
    return line;
  }));
}

/* Lines of a that are not in a longest common subsequence with b. */
function differing(a, b) {
  const table = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      table[i][j] = a[i] === b[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
  const other = new Set();
  for (let i = 0, j = 0; i < a.length;) {
    if (j < b.length && a[i] === b[j]) { i++; j++; }
    else if (j < b.length && table[i][j + 1] >= table[i + 1][j]) j++;
    else other.add(i++);
  }
  return other;
}

function drawPair() {
  const plain = state.chosen.map((row) => row.text.split("\n").map((line) => line.trimEnd()));
  pair.replaceChildren(...state.chosen.map((row, k) => {
    const box = element("article"), code = element("code");
    box.append(element("h2", `${row.name}: ${row.verdict}`));
    for (const note of row.notes) box.append(element("p", note, "note"));
    const marked = state.chosen.length === 2 ? differing(plain[k], plain[1 - k]) : new Set();
    row.code.forEach((html, i) => {
      const line = element("span", undefined, marked.has(i) ? "line other" : "line");
      line.innerHTML = html;
      code.append(line);
    });
    box.append(code);
    return box;
  }));
}

function draw() { drawHead(); drawBody(); drawPair(); }
filter.addEventListener("input", drawBody);
document.getElementById("clear").addEventListener("click", () => { state.chosen = []; draw(); });
draw();
