// What a page does besides being read: colours, the menu of a phone, copying, where one is.
"use strict";
(() => {
  const root = document.documentElement, body = document.body;
  const $ = selector => document.querySelector(selector);

  const colours = $("#book--colours"), order = ["auto", "light", "dark"];
  const current = () => root.dataset.theme || "auto";
  const say = () => {
    colours.firstElementChild.dataset.mark = current();
    colours.title = colours.dataset[current()];
    colours.setAttribute("aria-label", `${colours.dataset.label}: ${colours.dataset[current()]}`);
  };
  colours.dataset.label = colours.getAttribute("aria-label").split(":")[0];
  colours.hidden = false;
  say();
  colours.addEventListener("click", () => {
    const next = order[(order.indexOf(current()) + 1) % 3];
    if (next === "auto") delete root.dataset.theme; else root.dataset.theme = next;
    try { localStorage.setItem("tinymlx-colours", next); } catch { /* no storage here */ }
    say();
  });

  // On a phone the link to all pages opens the margin instead.
  const menu = $(".menu"), pages = $("#book--pages");
  menu.setAttribute("aria-expanded", "false");
  menu.setAttribute("aria-controls", "book--pages");
  menu.setAttribute("role", "button");
  const open = yes => {
    body.classList.toggle("menu-open", yes);
    menu.setAttribute("aria-expanded", String(yes));
    if (yes) (pages.querySelector("[aria-current]") || pages.querySelector("a")).focus();
  };
  menu.addEventListener("click", event => {
    event.preventDefault();
    open(!body.classList.contains("menu-open"));
  });
  menu.addEventListener("keydown", event => { if (event.key === " ") { event.preventDefault(); menu.click(); } });
  document.addEventListener("keydown", event => {
    if (event.key === "Escape" && body.classList.contains("menu-open")) { open(false); menu.focus(); }
  });
  const here = pages.querySelector("[aria-current]");
  if (here && pages.scrollHeight > pages.clientHeight) pages.scrollTop = here.offsetTop - pages.clientHeight / 3;

  for (const box of document.querySelectorAll("div.highlight")) {
    const pre = box.querySelector("pre");
    if (!pre || box.closest(".highlight-output, .listing")) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = body.dataset.copy;
    button.addEventListener("click", async () => {
      await copy(pre.innerText);
      button.textContent = body.dataset.copied;
      setTimeout(() => { button.textContent = body.dataset.copy; }, 1500);
    });
    box.append(button);
  }

  async function copy(text) {
    try { await navigator.clipboard.writeText(text); return; } catch { /* not allowed from a file */ }
    const area = document.createElement("textarea");
    area.value = text;
    body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }

  // What scrolls sideways is reached by keyboard, too.
  const reachable = () => {
    for (const box of document.querySelectorAll("main pre, .formula, main .table"))
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  };
  reachable();
  addEventListener("resize", reachable);

  // A fold that holds the place one jumps to opens; on paper all code is seen.
  const reveal = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
  };
  addEventListener("hashchange", reveal);
  reveal();

  const links = new Map([...document.querySelectorAll(".here a")].map(a => [a.hash.slice(1), a]));
  if (links.size && "IntersectionObserver" in window) {
    const seen = new Set();
    const observer = new IntersectionObserver(changes => {
      for (const { target, isIntersecting } of changes) {
        const id = [target.id, ...[...target.querySelectorAll(":scope > span[id]")].map(s => s.id)].find(i => links.has(i));
        if (isIntersecting) seen.add(id); else seen.delete(id);
      }
      for (const [id, link] of links) link.classList.toggle("seen", seen.has(id));
    }, { rootMargin: "-70px 0px -40% 0px" });
    for (const section of document.querySelectorAll("main section")) observer.observe(section);
  }
})();
