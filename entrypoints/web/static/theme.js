// Runs before the first paint: applies the user's theme, and marks that scripts run.
(function () {
  "use strict";
  const root = document.documentElement;
  root.classList.add("scripted");
  function stored() {
    try { return localStorage.getItem("theme") || "system"; } catch { return "system"; }
  }
  function apply(theme) {
    if (theme === "system") root.removeAttribute("data-theme");
    else root.setAttribute("data-theme", theme);
    const name = document.getElementById("theme-name");
    if (name) name.textContent = theme;
  }
  apply(stored());
  document.addEventListener("DOMContentLoaded", function () {
    apply(stored());
    document.getElementById("theme").addEventListener("click", function () {
      const order = ["system", "light", "dark"];
      const next = order[(order.indexOf(stored()) + 1) % order.length];
      try { localStorage.setItem("theme", next); } catch { /* private windows may refuse storage: the choice then lasts for this page */ }
      apply(next);
    });
  });
})();
