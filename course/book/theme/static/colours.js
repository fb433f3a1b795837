// Runs before the page is drawn, so that a page in chosen colours never flashes in others.
"use strict";
(() => {
  let chosen = "auto";
  try { chosen = localStorage.getItem("tinymlx-colours") || "auto"; } catch { /* no storage here */ }
  if (chosen !== "auto") document.documentElement.dataset.theme = chosen;
})();
