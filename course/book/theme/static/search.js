// Searching the whole text of the book, in the browser: every word that was typed must occur.
"use strict";
(() => {
  const dialog = document.getElementById("book--search"), opener = document.getElementById("book--open");
  const query = document.getElementById("book--query"), list = document.getElementById("book--results");
  const found = document.getElementById("book--found"), root = document.body.dataset.root;
  const MOST = 30, AROUND = 70;
  let entries = null, waiting = false;
  opener.hidden = false;

  // What is searched for and what is searched look alike: no capitals, no accents.
  const plain = text => text.toLowerCase().normalize("NFD").replace(/[\u0300-\u036f]/g, "");
  window.tinymlxIndex = made => {
    entries = made.map(([title, address, text]) => ({ title, address, text, low: plain(text), lowTitle: plain(title) }));
    show();
  };

  function load() {
    if (entries || waiting) return;
    waiting = true;
    const script = document.createElement("script");
    script.src = `${root}search-index.js`;
    document.head.append(script);
  }

  // A lesson and a term explain; a name of the mirror is looked for more often than one of a helper.
  function kind(address) {
    if (address.startsWith("exercises/GLOSSARY")) return 8;
    if (address.startsWith("exercises/")) return 7;
    return /a1_api\.html#(core|nn|optimizers|utils)\.|#formula-/.test(address) ? 6 : 0;
  }

  function score(entry, words, whole) {
    let sum = 0;
    for (const word of words) {
      const inTitle = entry.lowTitle.includes(word);
      if (!inTitle && !entry.low.includes(word)) return 0;
      sum += inTitle ? 10 : 1;
      const alone = new RegExp(`(^|[^a-z0-9_])${word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}([^a-z0-9_]|$)`);
      if (inTitle && alone.test(entry.lowTitle)) sum += 10;
    }
    const name = entry.lowTitle.split(" \u00b7 ")[0].split("(")[0];
    if (name === whole) sum += 30; else if (name.endsWith(`.${whole}`)) sum += 20;
    if (entry.lowTitle.startsWith(whole)) sum += 3;
    if (words.length > 1 && entry.low.includes(whole)) sum += 15;
    return sum + kind(entry.address) + 1 / (1 + entry.text.length / 1000);
  }

  function marked(text, words) {
    const low = plain(text), spans = [];
    if (low.length !== text.length) return document.createTextNode(text);
    for (const word of words)
      for (let at = low.indexOf(word); at >= 0; at = low.indexOf(word, at + word.length)) spans.push([at, at + word.length]);
    spans.sort((a, b) => a[0] - b[0]);
    const out = document.createDocumentFragment();
    let end = 0;
    for (const [from, to] of spans) {
      if (from < end) continue;
      out.append(text.slice(end, from));
      const mark = document.createElement("mark");
      mark.textContent = text.slice(from, to);
      out.append(mark);
      end = to;
    }
    out.append(text.slice(end));
    return out;
  }

  function snippet(entry, words) {
    const at = Math.max(0, Math.min(...words.map(w => entry.low.indexOf(w)).filter(i => i >= 0), 1e9));
    if (at === 1e9) return entry.text.slice(0, 2 * AROUND);
    const from = Math.max(0, at - AROUND);
    return (from ? "… " : "") + entry.text.slice(from, at + 2 * AROUND) + (at + 2 * AROUND < entry.text.length ? " …" : "");
  }

  function show() {
    const whole = plain(query.value.trim()), words = whole.split(/\s+/).filter(Boolean);
    list.replaceChildren();
    found.textContent = "";
    if (!words.length || !entries) return;
    // What a lesson calls mx.compile stands in the API as core.compile.
    const other = whole.replace(/\bmx\.(?=\w)/g, "core."), others = other.split(/\s+/);
    const hits = entries.map(entry => {
      const first = score(entry, words, whole);
      return [other === whole ? first : Math.max(first, score(entry, others, other)), entry];
    }).filter(([s]) => s > 0);
    hits.sort((a, b) => b[0] - a[0]);
    found.textContent = hits.length ? dialog.dataset.count.replace("{n}", hits.length) : dialog.dataset.none;
    for (const [, entry] of hits.slice(0, MOST)) {
      const item = document.createElement("li"), link = document.createElement("a"), text = document.createElement("p");
      link.href = root + entry.address;
      link.append(marked(entry.title, words));
      link.addEventListener("click", () => dialog.close());
      text.append(marked(snippet(entry, words), words));
      item.append(link, text);
      list.append(item);
    }
  }

  function open() {
    load();
    dialog.showModal();
    query.select();
  }
  opener.addEventListener("click", open);
  query.addEventListener("input", show);
  query.addEventListener("keydown", event => {
    const first = list.querySelector("a");
    if (event.key === "Enter") { event.preventDefault(); if (first) first.click(); }
    if (event.key === "ArrowDown" && first) { event.preventDefault(); first.focus(); }
  });
  list.addEventListener("keydown", event => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const links = [...list.querySelectorAll("a")], at = links.indexOf(document.activeElement);
    event.preventDefault();
    const next = at + (event.key === "ArrowDown" ? 1 : -1);
    if (next < 0) query.focus(); else if (next < links.length) links[next].focus();
  });
  dialog.addEventListener("click", event => { if (event.target === dialog) dialog.close(); });
  document.addEventListener("keydown", event => {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
    if ((event.key === "/" && !typing) || (event.key === "k" && (event.ctrlKey || event.metaKey))) { event.preventDefault(); open(); }
  });
})();
