// Links that lead to a page with a form open it in a dialog; what it does is seen live on the page behind. Without a script they are links.
(function () {
  "use strict";
  let opener = null;
  const box = () => document.getElementById("act");

  function fill(html) {
    const page = new DOMParser().parseFromString(html, "text/html");
    const body = page.querySelector("[data-dialog-body]");
    if (!body) return false;
    headgate.showTimes(body, false);
    box().replaceChildren(document.adoptNode(body));
    box().setAttribute("aria-label", body.querySelector("h1, h2")?.textContent.trim() || "What to do");
    return true;
  }
  async function open(link) {
    const answer = await fetch(link.href);
    if (!fill(await answer.text())) return location.assign(link.href);
    opener = link;
    box().showModal();
    (box().querySelector("[autofocus], form input:not([type=hidden]), form textarea, form select, form button") || box()).focus();
  }
  async function send(form, button) {
    const data = new URLSearchParams(new FormData(form, button));
    const answer = await fetch(form.action, { method: "POST", body: data });
    const there = new URL(answer.url);
    if (answer.ok && there.pathname === location.pathname) {
      box().close();
      headgate.toast("Done.");
    } else if (answer.ok) location.assign(there.href);
    else if (!fill(await answer.text())) headgate.toast("That did not work. Load the page again to see how things stand.");
  }
  const failed = (link) => () => (link ? location.assign(link) : headgate.toast("Headgate does not answer. Nothing was done."));

  document.addEventListener("click", function (event) {
    const link = event.target.closest?.("a[data-dialog]");
    if (!link || !box() || event.ctrlKey || event.metaKey || event.shiftKey || event.button) {
      if (box()?.open && event.target.closest?.("a[data-close]")) event.preventDefault();
      return;
    }
    event.preventDefault();
    open(link).catch(failed(link.href));
  });
  document.addEventListener("submit", function (event) {
    if (!box()?.contains(event.target)) return;
    event.preventDefault();
    send(event.target, event.submitter).catch(failed(null)).finally(() => {
      setTimeout(() => { for (const button of box().querySelectorAll("button:disabled")) button.disabled = false; });
    });
  });

  // The buttons stand in the page's frame; what they are about comes with the live head.
  function follow() {
    const state = document.querySelector(".run-title");
    const words = document.querySelector("[data-retried-from]");
    const decide = document.querySelector("[data-decide]");
    if (!state || !words || !decide) return;
    if (state.dataset.retryFrom) words.textContent = state.dataset.retryFrom;
    if (state.dataset.approval) decide.href = `${location.pathname}/stages/${encodeURIComponent(state.dataset.approval)}`;
  }
  document.addEventListener("headgate:morphed", follow);
  document.addEventListener("DOMContentLoaded", function () {
    box()?.addEventListener("close", () => opener?.isConnected && opener.focus());
  });
})();
