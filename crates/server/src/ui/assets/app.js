// Comfort on top of pages that work without it: lists that narrow while one types, shortcuts, copying, tidy names and
// addresses. No page depends on this file; it stores nothing but whether shortcuts are on, and never touches a value.

"use strict";

const SHORTCUTS_OFF = "tresor-shortcuts-off";
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// A form with data-live asks for its page again while one types, and takes from it what the named element shows.
function startLiveForms() {
  for (const form of all("form[data-live]")) {
    let timer, running;
    const load = async () => {
      running?.abort();
      running = new AbortController();
      const query = new URLSearchParams([...new FormData(form)].filter(([, text]) => text !== ""));
      const address = `${form.getAttribute("action")}?${query}`;
      try {
        const response = await fetch(address, { signal: running.signal });
        if (response.redirected) return location.assign(address);
        const page = new DOMParser().parseFromString(await response.text(), "text/html");
        for (const id of form.dataset.live.split(" ")) {
          const [now, next] = [document.getElementById(id), page.getElementById(id)];
          if (now && next) now.replaceWith(next);
        }
        history.replaceState(null, "", address);
        startPage();
      } catch (error) {
        if (error.name !== "AbortError") form.submit();
      }
    };
    form.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(load, 150);
    });
    form.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !event.target.value || event.target.tagName !== "INPUT") return;
      event.preventDefault();
      event.target.value = "";
      load();
    });
  }
}

// Names are capital letters, digits and underscores: typing "openai api-key" gives OPENAI_API_KEY.
function startNames() {
  for (const input of all("input[data-secret-name]")) {
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

// What is known of a name is shown while it is typed: the page of that name says it. Only the name is asked for.
function startHelp() {
  for (const input of all("input[data-help]")) {
    let timer;
    const help = document.getElementById("help");
    if (!help) continue;
    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(async () => {
        const response = await fetch(`${input.dataset.help}?${new URLSearchParams({ name: input.value })}`).catch(() => undefined);
        if (!response?.ok || response.redirected) return;
        const page = new DOMParser().parseFromString(await response.text(), "text/html");
        help.replaceChildren(...(page.getElementById("help")?.childNodes ?? []));
      }, 150);
    });
  }
}

// What a page tells once after an action is not told again when it is loaded again.
function tidyAddress() {
  const address = new URL(location.href);
  const told = ["stored", "deleted", "was", "in", "rolled", "ended", "out", "gone", "late", "deployed", "made", "revoked", "saved"];
  if (!told.some((name) => address.searchParams.has(name))) return;
  for (const name of told) address.searchParams.delete(name);
  history.replaceState(null, "", address);
}

function startCopying() {
  if (!navigator.clipboard) return;
  for (const box of all("[data-copy]:not(:has(.copy))")) {
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
  const dialog = document.getElementById("keys");
  if (!dialog) return;
  const button = dialog.querySelector("[data-shortcuts]");
  const off = () => localStorage.getItem(SHORTCUTS_OFF) === "1";
  const show = () => (button.textContent = off() ? "Turn shortcuts on" : "Turn shortcuts off");
  button.addEventListener("click", () => {
    if (off()) localStorage.removeItem(SHORTCUTS_OFF);
    else localStorage.setItem(SHORTCUTS_OFF, "1");
    show();
  });
  show();
  const jumps = new Map(all("[data-key]", dialog).map((line) => [line.dataset.key, line.dataset.path]));
  let jumping = 0;
  const keys = {
    "/": () => document.querySelector("input[type=search], form[role=search] input"),
    n: () => location.assign("/secrets/new"),
    "?": () => dialog.togglePopover(),
    g: () => (jumping = Date.now()),
  };
  document.addEventListener("keydown", (event) => {
    if (off() || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    const jump = Date.now() - jumping < 1500 && jumps.get(event.key);
    jumping = 0;
    if (!jump && !keys[event.key]) return;
    event.preventDefault();
    if (jump) return location.assign(jump);
    const field = keys[event.key]();
    field?.focus?.();
  });
}

function startTicks() {
  for (const box of all("[data-pick-all]")) {
    const form = box.closest("form");
    box.addEventListener("change", () => all(".pick input", form).forEach((other) => (other.checked = box.checked)));
  }
}

// A log that is followed gets its lines as the server makes them, escaped there like the others.
function startFollowing() {
  for (const box of all("[data-follow]")) {
    const list = document.querySelector(".log ol");
    const state = document.querySelector("[data-follow-state]");
    let lines;
    box.addEventListener("change", () => {
      lines?.close();
      state.textContent = "";
      if (!box.checked) return;
      lines = new EventSource(box.dataset.follow);
      lines.addEventListener("open", () => (state.textContent = "Following: new lines show at the end."));
      lines.addEventListener("line", (event) => {
        const log = list.parentElement;
        const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
        list.insertAdjacentHTML("beforeend", event.data);
        while (list.children.length > 2000) list.firstElementChild.remove();
        if (atEnd) log.scrollTop = log.scrollHeight;
      });
      lines.addEventListener("missed", () => (state.textContent = "Lines came faster than they can be shown. Load the page again to see them."));
      lines.addEventListener("error", () => {
        const ended = lines.readyState === EventSource.CLOSED;
        state.textContent = ended ? "The connection ended. Load the page again." : "The connection broke. Trying again …";
      });
    });
    box.checked = false;
  }
}

// What goes on by itself is looked at again as long as it does, and shown where it changed. What is typed elsewhere stays.
function startWatching() {
  const shown = () => document.querySelector("[data-watch]");
  const look = async () => {
    const box = shown();
    if (!box) return;
    if (!document.hidden) {
      try {
        const response = await fetch(location.pathname + location.search);
        if (response.redirected) return;
        const page = new DOMParser().parseFromString(await response.text(), "text/html");
        const next = page.getElementById(box.id);
        if (next && next.dataset.state !== box.dataset.state) exchange(box, next, page);
      } catch {
        // The server may be away for a moment.
      }
    }
    setTimeout(look, 1000);
  };
  const exchange = (box, next, page) => {
    const focused = box.contains(document.activeElement) && (document.activeElement.id || box.getAttribute("aria-labelledby"));
    for (const id of box.dataset.watch.split(" ")) {
      const [now, then] = [document.getElementById(id), page.getElementById(id)];
      if (now && then) now.replaceWith(then);
    }
    box.replaceWith(next);
    if (focused) (document.getElementById(focused) ?? document.getElementById(next.getAttribute("aria-labelledby")))?.focus();
    document.querySelector("[data-watch-told]").textContent = next.dataset.told ?? "";
    startPage();
  };
  if (shown()) setTimeout(look, 1000);
}

// What belongs to elements that live forms exchange.
function startPage() {
  startCopying();
  startTicks();
}

startLiveForms();
startNames();
startHelp();
startFollowing();
startWatching();
tidyAddress();
startPage();
startShortcuts();
