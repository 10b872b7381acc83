// Comfort on top of pages that work without it: an instant filter, shortcuts, copying, tidy names and addresses.
// No page depends on this file; it stores nothing but whether shortcuts are on, and never touches a value.

"use strict";

const SHORTCUTS_OFF = "tresor-shortcuts-off";

function filterRows(input) {
  const table = document.getElementById(input.dataset.filter);
  const status = document.getElementById(input.dataset.status);
  const rows = [...table.tBodies[0].rows];
  const words = input.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
    if (!row.hidden) shown += 1;
  }
  status.textContent = words.length === 0 ? "" : shown === 0 ? "Nothing here matches" : `${shown} of ${rows.length}`;
}

function startFilters() {
  for (const input of document.querySelectorAll("input[data-filter]")) {
    input.addEventListener("input", () => filterRows(input));
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      input.value = "";
      filterRows(input);
      input.blur();
    });
    if (input.value) filterRows(input);
  }
}

// Names are capital letters, digits and underscores: typing "openai api-key" gives OPENAI_API_KEY.
function startNames() {
  for (const input of document.querySelectorAll("input[data-secret-name]")) {
    input.addEventListener("input", (event) => {
      if (event.isComposing) return;
      const at = input.selectionStart;
      const tidy = input.value.toUpperCase().replace(/[\s.-]/g, "_");
      if (tidy === input.value || tidy.length !== input.value.length) return;
      input.value = tidy;
      input.setSelectionRange(at, at);
    });
  }
}

// What a page tells once after an action is not told again when it is loaded again.
function tidyAddress() {
  const address = new URL(location.href);
  const told = ["stored", "deleted", "was", "in", "rolled", "ended", "out"];
  if (!told.some((name) => address.searchParams.has(name))) return;
  for (const name of told) address.searchParams.delete(name);
  history.replaceState(null, "", address);
}

function startCopying() {
  if (!navigator.clipboard) return;
  for (const box of document.querySelectorAll("[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(box.querySelector("code").textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
    box.append(button);
  }
}

// Single-key shortcuts can hinder people who speak to their computer, so they can be turned off (WCAG 2.1.4).
function startShortcuts() {
  const button = document.querySelector("[data-shortcuts]");
  const off = () => localStorage.getItem(SHORTCUTS_OFF) === "1";
  const show = () => button && (button.textContent = off() ? "Turn shortcuts on" : "Turn shortcuts off");
  button?.addEventListener("click", () => {
    if (off()) localStorage.removeItem(SHORTCUTS_OFF);
    else localStorage.setItem(SHORTCUTS_OFF, "1");
    show();
  });
  show();
  document.addEventListener("keydown", (event) => {
    if (off() || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    if (!document.querySelector("header nav")) return;
    if (event.key === "/") {
      const filter = document.querySelector("input[data-filter]");
      if (!filter) return;
      event.preventDefault();
      filter.focus();
    } else if (event.key === "n") {
      event.preventDefault();
      location.assign("/secrets/new");
    }
  });
}

startFilters();
startNames();
tidyAddress();
startCopying();
startShortcuts();
