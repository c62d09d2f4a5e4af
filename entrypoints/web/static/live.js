// The page's one stream: says when it is cut, and hands on what htmx does not swap.
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

  function say(word, isCut) {
    const state = document.getElementById("live-state");
    state.hidden = false;
    if (state.textContent !== word) state.textContent = word;
    state.classList.toggle("is-cut", isCut);
  }
  document.addEventListener("htmx:sseOpen", () => say("Live", false));
  document.addEventListener("htmx:sseError", () => say("Reconnecting…", true));
  headgate.onStream("ended", () => say("Reconnecting…", true));

  headgate.toast = function (words) {
    const toast = document.createElement("p");
    toast.className = "toast";
    toast.textContent = words;
    document.getElementById("toasts").append(toast);
    setTimeout(() => toast.remove(), 8000);
  };
  headgate.onStream("waiting-count", function (event) {
    const count = document.getElementById("waiting-count");
    count.textContent = event.data;
    count.hidden = !event.data;
  });
  // Where many runs end a minute a toast each would cover the page: there it is only said to those who listen.
  headgate.onStream("announce", function (event) {
    if (document.querySelector("[data-quiet]")) document.getElementById("murmur").textContent = event.data;
    else headgate.toast(event.data);
  });
})();
