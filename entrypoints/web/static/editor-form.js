// The form beside the editor: its buttons write into the text without a new page, so that undo and the caret stay.
(function () {
  "use strict";
  const form = document.querySelector("form[data-editor]"), editor = headgate.editor;
  if (!form || !editor) return;
  const byId = (id) => document.getElementById(id);
  const NEEDS_SHELL = /&&|\|\||2>&1|\d?>>?|<|\||;|\$\(|`|\$\{?[A-Za-z_]\w*\}?|(^|\s)~\/|\*|\n/;
  const QUOTED = /\\.|'[^']*'|"(?:\\.|[^"\\$`]|\$(?![A-Za-z_({]))*"/gs;

  function showShellHint() {
    const hint = byId("shell-hint");
    if (!hint) return;
    const wasHidden = hint.hidden, found = byId("stage-command").value.replace(QUOTED, "''").match(NEEDS_SHELL);
    hint.hidden = !found || byId("stage-shell").checked || byId("stage-kind").value !== "command";
    if (found) hint.firstElementChild.textContent = found[0].trim() || "A line break";
    if (wasHidden && !hint.hidden) headgate.announce(describeShellHint);
  }
  function describeShellHint() {
    const hint = byId("shell-hint");
    return hint.hidden ? "" : `${hint.firstElementChild.textContent} needs a shell.`;
  }
  function tickShell() {
    byId("stage-shell").checked = true;
    showShellHint();
    byId("stage-command").focus();
  }
  // The fields for the name and the description follow the text, unless something new was entered in them.
  function showTextFields() {
    const written = byId("text-fields")?.dataset;
    for (const key of written ? ["name", "description"] : []) {
      const field = byId(key), shown = form.elements[`shown-${key}`];
      if (!field || !shown) continue;
      if (field.value.trim() === shown.value && field !== document.activeElement) field.value = written[key];
      if (field.value.trim() === shown.value || field.value === written[key]) shown.value = written[key];
    }
  }
  function take(page, id) {
    if (page.getElementById(id)) byId(id).replaceWith(document.adoptNode(page.getElementById(id)));
  }
  function takeTextFields(page) {
    for (const key of ["name", "description"]) {
      const fresh = page.getElementById(key);
      if (!fresh) continue;
      form.elements[`shown-${key}`].value = page.getElementsByName(`shown-${key}`)[0].value;
      if (fresh.matches("[aria-invalid]") || byId(key).matches("[aria-invalid]")) byId(key).closest(".form-row").replaceWith(document.adoptNode(fresh.closest(".form-row")));
    }
  }
  function takeStage(page) {
    take(page, "stage-form");
    byId("preview").replaceChildren(...page.getElementById("preview").childNodes);
    headgate.showTimes(byId("preview"), false);
    editor.showMarks();
    showShellHint();
  }
  // Asks again if the text changed meanwhile, so that nothing that was typed is lost.
  async function send(button, action) {
    const data = new URLSearchParams(button ? new FormData(form, button) : new FormData(form)), sent = editor.area.value;
    if (!button) data.set("apply", action);
    const response = await fetch(button ? button.formAction : byId("stage-form").dataset.form, { method: "POST", body: data });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    if (!page.getElementById("definition")) throw new Error(response.status);
    if (editor.area.value !== sent) return send(button, action);
    take(page, "editor-messages");
    takeTextFields(page);
    const focused = document.activeElement;
    editor.setText(page.getElementById("definition").value);
    if (button) takeStage(page);
    else if (focused.isConnected) focused.focus(); // a person types in another field meanwhile
  }
  function write(button, action) {
    const failed = () => headgate.toast("The action failed. Your text is kept in this tab. Reload the page, or sign in again.");
    byId("stage-form").inert = Boolean(button);
    return send(button, action).catch(failed).finally(() => {
      byId("stage-form").inert = false;
      setTimeout(() => { for (const each of form.querySelectorAll("button:disabled")) each.disabled = false; });
    });
  }
  form.addEventListener("submit", function (event) {
    const button = event.submitter;
    if (!button?.matches("[data-apply]")) return;
    event.preventDefault();
    write(button).then(() => (byId("stage-form").querySelector("[aria-invalid]") || byId("stage-name")).focus());
  });
  form.addEventListener("change", function (event) {
    const key = event.target.id;
    if (!["name", "description"].includes(key) || !event.target.value.trim() || event.target.value.trim() === form.elements[`shown-${key}`].value) return;
    write(null, "fields");
  });
  form.addEventListener("input", (event) => event.target.closest("#stage-form") && showShellHint());
  form.addEventListener("change", (event) => event.target.closest("#stage-form") && showShellHint());
  form.addEventListener("click", (event) => event.target.closest("#tick-shell") && tickShell());
  byId("preview")?.addEventListener("htmx:afterSwap", showTextFields);
  // The stages that can be needed follow the text. What was ticked since the check was asked for stays ticked.
  document.addEventListener("htmx:oobBeforeSwap", function (event) {
    const { target, fragment } = event.detail;
    if (target.id !== "stage-needs") return;
    const list = (root) => [...root.querySelectorAll("input")], name = (input) => `${input.name}=${input.value}`;
    const ticked = new Set(list(target).filter((input) => input.checked).map(name));
    event.detail.shouldSwap = list(target).map(name).join() !== list(fragment).map(name).join();
    for (const input of list(fragment)) input.checked = ticked.has(name(input));
  });
  showShellHint();
})();
