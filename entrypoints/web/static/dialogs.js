// Opens links to forms in a dialog. Their effect shows live on the page behind it. Without scripts, they are ordinary links.
(function () {
  "use strict";
  let opener = null;
  const getDialog = () => document.getElementById("action-dialog");

  function fillDialog(html) {
    const page = new DOMParser().parseFromString(html, "text/html");
    const body = page.querySelector("[data-dialog-body]");
    if (!body) return false;
    headgate.showTimes(body, false);
    getDialog().replaceChildren(document.adoptNode(body));
    getDialog().setAttribute("aria-label", body.querySelector("h1, h2")?.textContent.trim() || "Action");
    return true;
  }
  async function open(link) {
    const response = await fetch(link.href);
    if (!fillDialog(await response.text())) return location.assign(link.href);
    opener = link;
    getDialog().showModal();
    (getDialog().querySelector("[autofocus], form input:not([type=hidden]), form textarea, form select, form button") || getDialog()).focus();
  }
  async function send(form, button) {
    const data = new URLSearchParams(new FormData(form, button));
    const response = await fetch(form.action, { method: "POST", body: data });
    const target = new URL(response.url);
    const address = document.querySelector("[data-address]")?.dataset.address; // of a page that has several
    if (response.ok && [location.pathname, address].includes(target.pathname)) {
      getDialog().close();
      headgate.toast(button?.dataset.toast || form.dataset.toast || "Change saved.");
    } else if (response.ok) location.assign(target.href);
    else if (!fillDialog(await response.text())) headgate.toast("The action failed. Reload the page to see the current state.");
  }
  const handleFailure = (link) => () => (link ? location.assign(link) : headgate.toast("Headgate does not respond. Nothing was changed."));

  document.addEventListener("click", function (event) {
    const link = event.target.closest?.("a[data-dialog]");
    if (!link || !getDialog() || event.ctrlKey || event.metaKey || event.shiftKey || event.button) {
      if (getDialog()?.open && event.target.closest?.("a[data-close]")) event.preventDefault();
      return;
    }
    event.preventDefault();
    open(link).catch(handleFailure(link.href));
  });
  document.addEventListener("submit", function (event) {
    if (!getDialog()?.contains(event.target)) return;
    event.preventDefault();
    send(event.target, event.submitter).catch(handleFailure(null)).finally(() => {
      setTimeout(() => { for (const button of getDialog().querySelectorAll("button:disabled")) button.disabled = false; });
    });
  });

  // Updates the buttons outside the live head with the stages that it names.
  function updateActions() {
    const state = document.querySelector(".run-title");
    const retryStage = document.querySelector("[data-retry-stage-name]");
    const decide = document.querySelector("[data-decide]");
    if (!state || !retryStage || !decide) return;
    if (state.dataset.retryStage) retryStage.textContent = state.dataset.retryStage;
    if (state.dataset.approval) decide.href = `${location.pathname}/stages/${encodeURIComponent(state.dataset.approval)}`;
  }
  document.addEventListener("headgate:morphed", updateActions);
  document.addEventListener("DOMContentLoaded", function () {
    getDialog()?.addEventListener("close", () => opener?.isConnected && opener.focus());
  });
})();
