// Copy buttons, the cancel dialog, arrow keys on run bars, and buttons that submit once.
(function () {
  "use strict";
  async function copy(button) {
    const text = button.closest(".code-head").nextElementSibling.textContent;
    try {
      await navigator.clipboard.writeText(text);
      headgate.toast("Copied.");
    } catch {
      getSelection().selectAllChildren(button.closest(".code-head").nextElementSibling);
      headgate.toast("Selected: press Ctrl+C to copy.");
    }
  }
  document.addEventListener("click", function (event) {
    const find = (selector) => event.target.closest(selector);
    if (find("[data-copy]")) copy(find("[data-copy]"));
    if (find("[data-close]")) find("dialog").close();
    if (find("[data-cancel]")) {
      event.preventDefault();
      document.getElementById("cancel-dialog").showModal();
    }
  });
  document.addEventListener("submit", function (event) {
    for (const button of event.target.querySelectorAll("button[type=submit]")) setTimeout(() => { button.disabled = true; });
  });
  window.addEventListener("pageshow", function () {
    for (const button of document.querySelectorAll("button[type=submit]:disabled")) button.disabled = false;
  });
  document.addEventListener("keydown", function (event) {
    const bar = event.target.closest?.(".run-bars a, .tick-strip a");
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!bar || !step) return;
    const bars = [...bar.closest("svg").querySelectorAll("a")];
    const next = bars[bars.indexOf(bar) + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
  // Marks the stage whose approval form is shown. The list itself is the same for all users.
  function markSelected() {
    const list = document.querySelector("[data-selected]");
    if (list) list.querySelector(`[data-key="${CSS.escape(list.dataset.selected)}"]`)?.setAttribute("aria-current", "true");
  }
  document.addEventListener("DOMContentLoaded", markSelected);
  document.addEventListener("headgate:morphed", markSelected);

  function scrollToNewest() {
    for (const box of document.querySelectorAll(".scroll.newest")) box.scrollLeft = box.scrollWidth;
    const now = document.querySelector(".calendar thead .is-now"), table = now?.closest(".scroll");
    if (table) table.scrollLeft = now.offsetLeft - table.clientWidth / 2;
  }
  document.addEventListener("DOMContentLoaded", scrollToNewest);
})();
