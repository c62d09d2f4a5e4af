// Keyboard shortcuts. They are off while the user types in a field, and in browsers in which the user turned them off.
(function () {
  "use strict";
  const SETTING = "shortcuts";
  let goPressedAt = 0;
  const get = (id) => document.getElementById(id);
  function load() {
    try { return localStorage.getItem(SETTING) !== "off"; } catch { return true; }
  }
  let isOn = load();
  const show = () => document.documentElement.classList.toggle("no-shortcuts", !isOn);
  function turn(wanted) {
    isOn = wanted;
    try { localStorage.setItem(SETTING, isOn ? "on" : "off"); } catch { /* without storage, the choice lasts for this page */ }
    show();
  }
  const rows = () => [...document.querySelectorAll("[data-row]")].filter((row) => row.offsetParent !== null || row.getClientRects().length);

  // In the log, j and k move from line number to line number, from the first visible line on. They pass over folded blocks.
  function moveInLog(log, step) {
    const lines = [...log.querySelectorAll("details[open] li")];
    const current = lines.indexOf(document.activeElement.closest("li"));
    const next = current < 0 ? findFirstVisible(log, lines) : lines[Math.min(lines.length - 1, Math.max(0, current + step))];
    next?.querySelector("a").focus({ preventScroll: true });
    next?.scrollIntoView({ block: "nearest" });
  }
  const findFirstVisible = (log, lines) => lines.find((line) => line.getBoundingClientRect().bottom > log.getBoundingClientRect().top + 28);

  function move(step) {
    const log = document.activeElement?.closest?.("#log-lines");
    if (log) {
      moveInLog(log, step);
      return;
    }
    const all = rows();
    if (!all.length) return;
    const current = all.findIndex((row) => row.contains(document.activeElement));
    const next = all[Math.min(all.length - 1, Math.max(0, current < 0 ? 0 : current + step))];
    const link = next.querySelector("[data-open]");
    link.focus();
    next.scrollIntoView({ block: "nearest" });
  }
  const findVisible = (selector) => [...document.querySelectorAll(selector)].find((each) => each.getClientRects().length);
  const press = (selector) => findVisible(selector)?.click();
  function trigger() {
    const row = document.activeElement?.closest?.("[data-row]");
    const button = row ? row.querySelector("[data-trigger]") : !get("board") && findVisible("[data-trigger]");
    if (!button) return;
    if (button.matches("a")) button.click(); // leads to a form
    else confirm(button);
  }
  // A key that starts something asks first; a button that was clicked does not.
  function confirm(button) {
    const dialog = create("dialog", { className: "dialog", ariaLabel: button.dataset.question });
    const form = create("form", { method: "dialog", className: "actions" });
    form.append(
      create("button", { className: "button primary", value: "yes", textContent: "Trigger" }),
      create("button", { className: "button", value: "no", textContent: "Don’t trigger" }),
    );
    dialog.append(create("h2", { textContent: button.dataset.question }), form);
    dialog.addEventListener("close", function () {
      dialog.remove();
      if (dialog.returnValue === "yes") button.form.requestSubmit(button);
      else button.focus();
    });
    document.body.append(dialog);
    dialog.showModal();
  }
  const create = (tag, properties) => Object.assign(document.createElement(tag), properties);
  const actions = {
    "/": () => document.querySelector("input[type=search]")?.focus(),
    "?": () => {
      get("shortcuts").showModal();
      get("shortcuts").querySelector("button").focus();
    },
    t: trigger,
    c: () => press("[data-cancel]"),
    r: () => press("[data-retry]"),
    e: () => press("[data-error-line]"),
    l: () => { get("log")?.scrollIntoView(); get("log-lines")?.focus({ preventScroll: true }); },
    n: () => press("[data-next-hit]"),
    N: () => press("[data-previous-hit]"),
    j: () => move(1),
    k: () => move(-1),
    g: () => { goPressedAt = Date.now(); },
  };
  const places = { p: "/", r: "/ui/runs", c: "/ui/schedule", w: "/ui/waiting", i: "/ui/incidents", s: "/ui/system" };

  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat && !"jk".includes(event.key)) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (!isOn) return;
    if (Date.now() - goPressedAt < 1500 && places[event.key]) {
      location.assign(document.body.dataset.base + places[event.key]);
      return;
    }
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  document.addEventListener("DOMContentLoaded", function () {
    get("use-shortcuts").checked = isOn;
    show();
    get("use-shortcuts").addEventListener("change", (event) => turn(event.target.checked));
    for (const button of document.querySelectorAll("[data-help]")) button.addEventListener("click", actions["?"]);
  });
})();
