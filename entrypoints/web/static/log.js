// The log: appends new lines once and in order, loads earlier and later ones on scrolling, and keeps a bounded number.
(function () {
  "use strict";
  document.addEventListener("DOMContentLoaded", function () {
    const box = document.getElementById("log-lines");
    if (!box) return;
    const maxLines = Number(box.dataset.maxLines);
    const follow = document.getElementById("follow");
    const count = document.getElementById("log-count");
    const toNewest = document.getElementById("to-newest");
    let isTail = box.dataset.tail === "yes", isTop = box.dataset.earlier !== "yes";
    let isBusy = false, pending = [];

    const number = (line) => (line ? Number(line.dataset.n) : 0);
    const first = () => number(box.firstElementChild);
    const last = () => number(box.lastElementChild);
    const atEnd = () => box.scrollHeight - box.scrollTop - box.clientHeight < 8;
    const toEnd = () => { box.scrollTop = box.scrollHeight; };
    const parse = (html) => {
      const template = document.createElement("template");
      template.innerHTML = html;
      headgate.showTimes(template.content, false);
      return [...template.content.children];
    };
    function updateCount() {
      count.textContent = box.children.length ? `Lines ${first().toLocaleString("en")} to ${last().toLocaleString("en")}` : "No output yet.";
      toNewest.hidden = isTail;
    }
    function leaveTail() {
      isTail = false;
      follow.checked = false;
    }
    function append(fresh) {
      box.append(...fresh.filter((line) => number(line) > last()));
      const before = box.scrollHeight;
      const extra = box.children.length - maxLines;
      for (let n = 0; n < extra; n += 1) box.firstElementChild.remove();
      if (extra > 0) isTop = false;
      if (follow.checked) toEnd();
      else box.scrollTop -= before - box.scrollHeight;
    }
    function replace(fresh, hasMore) {
      box.replaceChildren(...fresh);
      isTop = !hasMore;
      isTail = true;
    }
    function prepend(fresh, hasMore) {
      const before = box.scrollHeight;
      box.prepend(...fresh);
      box.scrollTop += box.scrollHeight - before;
      if (box.children.length > maxLines) leaveTail();
      while (box.children.length > maxLines) box.lastElementChild.remove();
      isTop = !hasMore;
    }

    // Lines that arrive during a request wait for its response, which may be older than they are.
    function receive(html, isReset) {
      if (isBusy) pending.push([html, isReset]);
      else if (!isTail) toNewest.hidden = false;
      else {
        const fresh = parse(html);
        if (isReset && follow.checked) replace(fresh, true);
        else if (isReset || (!follow.checked && box.children.length + fresh.length > maxLines)) leaveTail();
        else append(fresh);
        if (follow.checked) toEnd();
        updateCount();
      }
    }
    headgate.onStream("log", (event) => receive(event.data, false));
    headgate.onStream("log-reset", (event) => receive(event.data, true));

    const unfinished = document.getElementById("log-unfinished");
    headgate.onStream("log-unfinished", function (event) {
      unfinished.replaceChildren(...(isTail ? parse(event.data) : []));
      unfinished.hidden = !unfinished.children.length;
    });

    async function load(query, add) {
      if (isBusy) return;
      isBusy = true;
      try {
        const url = box.dataset.fragment;
        const response = await fetch(url + (url.includes("?") ? "&" : "?") + query);
        if (response.ok) add(parse(await response.text()), response.headers.get("Headgate-More") === "yes");
      } catch {
        // the stream shows that the connection is lost; the next scroll tries again
      } finally {
        isBusy = false;
        for (const [html, isReset] of pending.splice(0)) receive(html, isReset);
        updateCount();
      }
    }
    const loadEarlier = () => isTop || load(`before=${first()}`, prepend);
    const loadLater = () => isTail || load(`after=${last()}`, (fresh, hasMore) => {
      isTail = !hasMore;
      append(fresh);
    });
    const loadNewest = () => load("", (fresh, hasMore) => {
      replace(fresh, hasMore);
      follow.checked = true;
      toEnd();
    });

    box.addEventListener("wheel", () => { if (follow.checked && !atEnd()) follow.checked = false; }, { passive: true });
    let lastScrollTop = 0;
    box.addEventListener("scroll", function () {
      const isUp = box.scrollTop < lastScrollTop;
      lastScrollTop = box.scrollTop;
      if (isUp && follow.checked && !atEnd()) follow.checked = false;
      if (isUp && box.scrollTop < 600) loadEarlier();
      else if (!isUp && box.scrollHeight - box.scrollTop - box.clientHeight < 600) loadLater();
      if (!isUp && isTail && atEnd() && box.scrollHeight > box.clientHeight) follow.checked = true;
    }, { passive: true });
    follow.addEventListener("change", function () {
      if (!follow.checked) return;
      if (isTail) toEnd();
      else loadNewest();
    });
    toNewest.addEventListener("click", function (event) {
      event.preventDefault();
      loadNewest();
    });
    document.getElementById("wrap").addEventListener("change", (event) => box.classList.toggle("unwrapped", !event.target.checked));

    function show(line) {
      follow.checked = false;
      box.querySelector(".target")?.classList.remove("target");
      line.classList.add("target");
      box.scrollTop = line.offsetTop - box.clientHeight / 3;
      lastScrollTop = box.scrollTop;
    }
    function goToHash() {
      const match = /^#L(\d+)$/.exec(location.hash);
      if (!match) return false;
      const line = document.getElementById(`L${match[1]}`);
      const query = new URLSearchParams(location.search);
      if (line) {
        show(line);
        // Checks the line itself: part of a tall log may be visible without it.
        const position = line.getBoundingClientRect();
        if (position.top < 60 || position.bottom > innerHeight - 20) line.scrollIntoView({ block: "center" });
        lastScrollTop = box.scrollTop;
      } else if (query.get("line") !== match[1]) {
        for (const key of ["before", "after"]) query.delete(key);
        query.set("line", match[1]);
        location.replace(`${location.pathname}?${query}${location.hash}`);
      }
      return true;
    }
    window.addEventListener("hashchange", goToHash);
    const target = box.querySelector(".target");
    if (goToHash()) return;
    if (target) show(target);
    else if (follow.checked) toEnd();
    lastScrollTop = box.scrollTop;
  });
})();
