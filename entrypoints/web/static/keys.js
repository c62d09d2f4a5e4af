// Keyboard shortcuts. They are off while the user types in a field.
(function () {
  "use strict";
  let goPressedAt = 0;
  const rows = () => [...document.querySelectorAll("[data-row]")].filter((row) => row.offsetParent !== null || row.getClientRects().length);

  // In the log, j and k move from line number to line number, from the first visible line on.
  function moveInLog(log, step) {
    const link = (line) => line?.querySelector("a");
    const current = document.activeElement.closest("#log-lines > li");
    const next = current ? (step > 0 ? current.nextElementSibling : current.previousElementSibling) || current : findFirstVisible(log);
    link(next)?.focus({ preventScroll: true });
    next?.scrollIntoView({ block: "nearest" });
  }
  const findFirstVisible = (log) => [...log.children].find((line) => line.getBoundingClientRect().bottom > log.getBoundingClientRect().top + 4);

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
  function press(selector) {
    const found = [...document.querySelectorAll(selector)].find((each) => each.getClientRects().length);
    if (found) found.click();
  }
  function trigger() {
    const row = document.activeElement?.closest?.("[data-row]");
    const button = row?.querySelector("[data-trigger]");
    if (button) button.click();
    else if (!document.getElementById("board")) press("[data-trigger]");
  }
  const actions = {
    "/": () => document.querySelector("input[type=search]")?.focus(),
    "?": () => document.getElementById("shortcuts").showModal(),
    t: trigger,
    c: () => press("[data-cancel]"),
    r: () => press("[data-retry]"),
    e: () => press("[data-error-line]"),
    n: () => press("[data-next-hit]"),
    N: () => press("[data-previous-hit]"),
    j: () => move(1),
    k: () => move(-1),
    g: () => { goPressedAt = Date.now(); },
  };
  const places = { p: "/", r: "/ui/runs", c: "/ui/schedule", w: "/ui/waiting", i: "/ui/incidents", s: "/ui/system" };

  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (Date.now() - goPressedAt < 1000 && places[event.key]) {
      location.assign(document.body.dataset.base + places[event.key]);
      return;
    }
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  document.addEventListener("DOMContentLoaded", () => document.getElementById("help").addEventListener("click", actions["?"]));
})();
