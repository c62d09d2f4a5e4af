// Keys for people who stay on the keyboard. None fires while something is being typed.
(function () {
  "use strict";
  let went = 0;
  const rows = () => [...document.querySelectorAll("[data-row]")].filter((row) => row.offsetParent !== null || row.getClientRects().length);

  // In the log j and k go from line to line: their numbers are links, and the first press starts at the one on the screen.
  function moveInLog(log, step) {
    const link = (line) => line?.querySelector("a");
    const here = document.activeElement.closest("#lines > li");
    const next = here ? (step > 0 ? here.nextElementSibling : here.previousElementSibling) || here : firstSeen(log);
    link(next)?.focus({ preventScroll: true });
    next?.scrollIntoView({ block: "nearest" });
  }
  const firstSeen = (log) => [...log.children].find((line) => line.getBoundingClientRect().bottom > log.getBoundingClientRect().top + 4);

  function move(step) {
    const log = document.activeElement?.closest?.("#lines");
    if (log) {
      moveInLog(log, step);
      return;
    }
    const all = rows();
    if (!all.length) return;
    const here = all.findIndex((row) => row.contains(document.activeElement));
    const next = all[Math.min(all.length - 1, Math.max(0, here < 0 ? 0 : here + step))];
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
    const own = row?.querySelector("[data-trigger]");
    if (own) own.click();
    else if (!document.getElementById("board")) press("[data-trigger]");
  }
  const actions = {
    "/": () => document.querySelector("input[type=search]")?.focus(),
    "?": () => document.getElementById("keys").showModal(),
    t: trigger,
    c: () => press("[data-cancel]"),
    r: () => press("[data-retry]"),
    e: () => press("[data-error-line]"),
    n: () => press("[data-next-hit]"),
    N: () => press("[data-previous-hit]"),
    j: () => move(1),
    k: () => move(-1),
    g: () => { went = Date.now(); },
  };
  const places = { p: "/", r: "/ui/runs", w: "/ui/waiting", s: "/ui/system" };

  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (Date.now() - went < 1000 && places[event.key]) {
      location.assign(places[event.key]);
      return;
    }
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  document.addEventListener("DOMContentLoaded", () => document.getElementById("help").addEventListener("click", actions["?"]));
})();
