"use strict";
const rows = JSON.parse(document.getElementById("data").textContent);
// A wide one is in the fold alone on a phone.
const columns = [
  ["name", "name"], ["verdict", "verdict"], ["points", "points"], ["speed", "time"],
  ["forward_error", "forward error", "wide"], ["gradient_error", "gradient error", "wide"],
  ["memory", "memory", "wide"], ["lines", "lines", "wide"],
  ["like_solution", "like solution", "wide"],
];
const inFold = [
  ["misconceptions", "misconceptions"], ["notes", "notes"], ["timed", "timed calls"],
  ["forward_error", "forward error"], ["gradient_error", "gradient error"], ["memory", "memory"],
  ["lines", "lines"], ["complexity", "branches"], ["like_solution", "like solution"],
  ["like_others", "like others"], ["operations", "operations"],
];
const COUNTS = ["lines", "complexity", "timed", "points"];
const SHOWN_LINES = 24;  // a longer text is folded
const state = { key: null, descending: false, chosen: [], opened: new Set() };
const head = document.querySelector("#rows thead"), body = document.querySelector("#rows tbody");
const filter = document.getElementById("filter"), pair = document.getElementById("pair");

function element(kind, text, css) {
  const node = document.createElement(kind);
  if (text !== undefined) node.textContent = text;
  if (css) node.className = css;
  return node;
}

function number(key, value) {
  if (COUNTS.includes(key)) return value || key === "points" ? String(value) : "";
  if (value >= 1000) return value.toExponential(1).replace("+", "");
  return value.toFixed(value >= 10 ? 1 : 2);
}

function shown(key, value) {
  if (value === null || value === undefined) return "";
  if (key === "like_others") return value.map(([name, how]) => `${name} ${how.toFixed(2)}`).join(", ");
  if (key === "misconceptions" || key === "notes") return value.join(" \u00b7 ");
  if (Array.isArray(value)) return value.join(", ");
  return typeof value === "number" ? number(key, value) : String(value);
}

/* The median, the range of half of the calls, and both as a bar from a quarter to four times. */
function time(row) {
  if (row.speed === null) return [];
  const range = `${number("speed", row.speed_low)} to ${number("speed", row.speed_high)}`;
  const place = (ratio) => 50 + 25 * Math.max(-2, Math.min(2, Math.log2(ratio)));
  const chance = rows.find((other) => other.name === "solutions") || row;
  const slow = row.speed_low > Math.max(1.1, chance.speed_high || 0);
  const fast = row.speed_high < Math.min(1 / 1.1, chance.speed_low || 1);
  const css = slow ? "slow" : fast ? "fast" : "";
  const bar = element("span", "", "bar"), half = element("i", "", css);
  half.style.left = `${place(row.speed_low)}%`;
  half.style.right = `${100 - place(row.speed_high)}%`;
  bar.append(half, element("b", ""));
  return [element("span", number("speed", row.speed), "median"), element("span", range, "spread"), bar];
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
    const text = [...columns, ...inFold].map(([key]) => shown(key, row[key])).join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  };
  const found = rows.filter(matches);
  return state.key === null ? found : found.slice().sort(compare);
}

function drawHead() {
  const line = element("tr");
  line.append(element("th", ""));
  for (const [key, title, css] of columns) {
    const cell = element("th", undefined, css), button = element("button", title);
    if (!["name", "verdict", "speed"].includes(key)) cell.classList.add("number");
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
  line.append(element("th", "notes", "wide"));
  head.replaceChildren(line);
}

function rowOf(row) {
  const line = element("tr", undefined, state.chosen.includes(row) ? "row chosen" : "row");
  line.tabIndex = 0;
  const first = element("td", undefined, "open"), opener = element("button");
  opener.type = "button";
  opener.setAttribute("aria-label", `open ${row.name}`);
  opener.setAttribute("aria-expanded", state.opened.has(row));
  opener.addEventListener("click", (event) => {
    event.stopPropagation();
    if (!state.opened.delete(row)) state.opened.add(row);
    drawBody();
  });
  first.append(opener);
  line.append(first);
  for (const [key, , css] of columns) {
    const cell = element("td", undefined, css ? `${key} ${css}` : key), text = shown(key, row[key]);
    if (key === "speed") cell.append(...time(row)); else cell.textContent = text;
    if (key === "points") cell.textContent = `${row.points} / ${row.possible}`;
    if (key === "verdict") cell.classList.add(text.split(" ")[0]);
    if (!["name", "verdict", "speed"].includes(key)) cell.classList.add("number");
    if (key === "name") cell.title = text;
    line.append(cell);
  }
  const said = [...row.misconceptions, ...row.notes].join(" \u00b7 ");
  const notes = element("td", said, "note wide");
  notes.title = said;
  line.append(notes);
  const choose = () => {
    const at = state.chosen.indexOf(row);
    if (at >= 0) state.chosen.splice(at, 1);
    else state.chosen = [...state.chosen, row].slice(-2);
    draw();
  };
  line.addEventListener("click", choose);
  line.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target === line) choose();
  });
  return line;
}

function foldOf(row) {
  const line = element("tr", undefined, "fold"), cell = element("td"), list = element("dl");
  cell.colSpan = columns.length + 2;
  for (const [key, title] of inFold) {
    const text = shown(key, row[key]);
    if (text) list.append(element("dt", title), element("dd", text));
  }
  cell.append(list, codeOf(row, new Set()));
  line.append(cell);
  return line;
}

function drawBody() {
  const found = visible();
  document.getElementById("count").textContent = `${found.length} of ${rows.length}`;
  body.replaceChildren(...found.flatMap(
    (row) => state.opened.has(row) ? [rowOf(row), foldOf(row)] : [rowOf(row)]));
}

/* The text of a row, in a fold if it is long. */
function codeOf(row, marked) {
  const code = element("code", undefined, "block");
  row.code.forEach((html, i) => {
    const line = element("span", undefined, marked.has(i) ? "line other" : "line");
    line.innerHTML = html;
    code.append(line);
  });
  if (row.code.length <= SHOWN_LINES) return code;
  const fold = element("details");
  fold.append(element("summary", `${row.code.length} lines of text`), code);
  return fold;
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
    const box = element("article");
    box.append(element("h2", `${row.name}: ${row.verdict}`));
    for (const note of row.notes) box.append(element("p", note, "note"));
    const marked = state.chosen.length === 2 ? differing(plain[k], plain[1 - k]) : new Set();
    box.append(codeOf(row, marked));
    return box;
  }));
}

function drawWidths() {
  const all = [["open"], ...columns, ["said", "", "wide"]];
  document.querySelector("#rows colgroup").replaceChildren(
    ...all.map(([key, , css]) => element("col", undefined, css ? `${key} ${css}` : key)));
}

function draw() { drawHead(); drawBody(); drawPair(); }
filter.addEventListener("input", drawBody);
document.getElementById("clear").addEventListener("click", () => { state.chosen = []; draw(); });
drawWidths();
draw();
