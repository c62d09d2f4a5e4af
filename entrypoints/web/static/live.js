// The page's event stream: shows its state, and dispatches the events that htmx does not swap.
(function () {
  "use strict";
  const listeners = [], sources = [];
  headgate.onStream = function (name, listener) {
    listeners.push([name, listener]);
    for (const source of sources) source.addEventListener(name, listener);
  };

  htmx.createEventSource = function (url) {
    const source = new EventSource(url);
    sources.splice(0, sources.length, source);
    for (const [name, listener] of listeners) source.addEventListener(name, listener);
    return source;
  };

  function showState(word, isDisconnected) {
    const state = document.getElementById("live-state");
    state.hidden = false;
    if (state.textContent !== word) state.textContent = word;
    state.classList.toggle("is-disconnected", isDisconnected);
  }
  document.addEventListener("htmx:sseOpen", () => showState("Live", false));
  document.addEventListener("htmx:sseError", () => showState("Reconnecting…", true));
  headgate.onStream("ended", () => showState("Reconnecting…", true));

  headgate.toast = function (words) {
    const toast = document.createElement("p");
    toast.className = "toast";
    toast.textContent = words;
    document.getElementById("toasts").append(toast);
    setTimeout(() => toast.remove(), 8000);
  };
  function showCount(id, text) {
    const count = document.getElementById(id);
    count.textContent = text;
    count.hidden = !text;
  }
  headgate.onStream("waiting-count", (event) => showCount("waiting-count", event.data));
  headgate.onStream("incident-count", function (event) {
    showCount("incident-count", event.data);
    document.title = (event.data ? `(${event.data}) ` : "") + document.title.replace(/^\(\d+\) /, "");
  });
  headgate.onStream("banner", function (event) {
    const banner = document.getElementById("banner"), fresh = document.createElement("template");
    fresh.innerHTML = event.data;
    headgate.morphChildren(banner, fresh.content);
    banner.hidden = !event.data;
  });
})();
