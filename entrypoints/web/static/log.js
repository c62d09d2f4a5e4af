// The log: lines are added once, in order; the page keeps a bounded number of them.
(function () {
  "use strict";
  document.addEventListener("DOMContentLoaded", function () {
    const lines = document.getElementById("lines");
    if (!lines) return;
    const most = Number(lines.dataset.most);
    const follow = document.getElementById("follow");
    const count = document.getElementById("log-count");
    let last = Number(lines.dataset.last);

    const atEnd = () => lines.scrollHeight - lines.scrollTop - lines.clientHeight < 8;
    const toEnd = () => { lines.scrollTop = lines.scrollHeight; };

    function add(html, isReset) {
      const box = document.createElement("template");
      box.innerHTML = html;
      const fresh = [...box.content.children].filter((line) => isReset || Number(line.dataset.n) > last);
      if (!fresh.length) return;
      const follows = follow.checked;
      if (isReset) lines.replaceChildren();
      const batch = document.createDocumentFragment();
      batch.append(...fresh);
      headgate.showTimes(batch, false);
      lines.append(batch);
      last = Number(fresh[fresh.length - 1].dataset.n);
      const before = lines.scrollHeight;
      while (lines.children.length > most) lines.firstElementChild.remove();
      if (follows) toEnd();
      else lines.scrollTop -= before - lines.scrollHeight;
      count.textContent = `Up to line ${last}`;
    }
    if (lines.dataset.tail === "yes") {
      headgate.onStream("log", (event) => add(event.data, false));
      headgate.onStream("log-reset", (event) => add(event.data, true));
    }

    lines.addEventListener("wheel", () => { if (follow.checked && !atEnd()) follow.checked = false; }, { passive: true });
    lines.addEventListener("scroll", () => { if (!follow.disabled && atEnd() && lines.scrollHeight > lines.clientHeight) follow.checked = true; }, { passive: true });
    follow.addEventListener("change", () => follow.checked && toEnd());
    document.getElementById("wrap").addEventListener("change", (event) => lines.classList.toggle("unwrapped", !event.target.checked));
    document.getElementById("errors-only").addEventListener("change", (event) => lines.classList.toggle("errors-only", event.target.checked));

    function goTo() {
      const number = /^#L(\d+)$/.exec(location.hash);
      lines.querySelector(".target")?.classList.remove("target");
      if (!number) return false;
      const line = document.getElementById(`L${number[1]}`);
      const query = new URLSearchParams(location.search);
      if (!line && query.get("line") !== number[1]) {
        query.set("line", number[1]);
        location.replace(`${location.pathname}?${query}${location.hash}`);
      } else if (line) {
        follow.checked = false;
        line.classList.add("target");
        lines.scrollTop = line.offsetTop - lines.offsetTop - lines.clientHeight / 3;
        if (lines.getBoundingClientRect().top > innerHeight || lines.getBoundingClientRect().bottom < 0) lines.scrollIntoView();
      }
      return true;
    }
    window.addEventListener("hashchange", goTo);
    if (!goTo() && follow.checked) toEnd();
  });
})();
