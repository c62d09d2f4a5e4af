// Keeps the text of an editor in this tab until it is saved, and asks before it is left. Forgets it on the page that follows a save.
(function () {
  "use strict";
  const PREFIX = `headgate-draft:${document.body.dataset.base}`;
  const form = document.querySelector("form[data-draft]"), area = document.getElementById("definition");
  const storage = {
    read(key) { try { return JSON.parse(sessionStorage.getItem(key)); } catch { return null; } },
    write(key, draft) { try { sessionStorage.setItem(key, JSON.stringify(draft)); } catch { /* without storage the text is in the page only */ } },
    remove(key) { try { sessionStorage.removeItem(key); } catch { /* as above */ } },
    keys() { try { return Object.keys(sessionStorage).filter((key) => key.startsWith(PREFIX)); } catch { return []; } },
  };
  if (!form || !area) {
    const before = document.referrer && new URL(document.referrer);
    const path = before && before.origin === location.origin ? before.pathname + before.search : null;
    for (const key of path ? storage.keys() : []) {
      if (storage.read(key)?.sent && `headgate-draft:${path}`.startsWith(key)) storage.remove(key);
    }
    return;
  }
  const key = PREFIX + form.dataset.draft + (location.pathname.endsWith(form.dataset.draft) ? location.search : "");
  const isRejected = "unsaved" in form.dataset, stored = area.value;
  const restored = document.getElementById("restored"), revision = form.elements.revision;
  const own = { text: stored, revision: revision?.value };
  let isLeaving = false;

  const isChanged = (field) => field.type === "checkbox" ? field.checked !== field.defaultChecked
    : field.options ? [...field.options].some((option) => option.selected !== option.defaultSelected && option.value)
    : "defaultValue" in field && field.type !== "hidden" && field !== area && field.value !== field.defaultValue;
  const isUnsaved = () => isRejected || area.value !== stored || [...form.elements].some(isChanged);

  function keep(sent) {
    if (area.value !== stored || isRejected) storage.write(key, { text: area.value, revision: revision?.value, sent });
    else storage.remove(key);
  }
  function show(draft) {
    area.value = draft.text;
    if (revision && draft.revision) revision.value = draft.revision;
    area.dispatchEvent(new Event("input", { bubbles: true }));
    htmx.trigger(area, "check");
  }
  const draft = storage.read(key);
  if (draft && !isRejected && draft.text !== stored) {
    restored.hidden = false;
    show(draft);
  } else if (draft && !isRejected) storage.remove(key);
  let timer = 0;
  area.addEventListener("input", function () {
    clearTimeout(timer);
    timer = setTimeout(keep, 300, false);
  });
  document.getElementById("discard")?.addEventListener("click", function () {
    show(own);
    storage.remove(key);
    restored.hidden = true;
    area.focus();
  });
  document.addEventListener("submit", function (event) {
    if (event.target !== form || event.defaultPrevented) return;
    clearTimeout(timer);
    keep(true);
    isLeaving = true;
  });
  window.addEventListener("beforeunload", function (event) {
    if (isLeaving || !isUnsaved()) return;
    clearTimeout(timer);
    keep(false);
    event.preventDefault();
  });
  window.addEventListener("pageshow", () => { isLeaving = false; });
  area.addEventListener("htmx:responseError", function (event) {
    if (event.detail.xhr.status === 401) headgate.toast("You are signed out. Your text is kept in this tab: sign in again, then open this page.");
  });
})();
