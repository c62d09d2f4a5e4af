// The log: lines are added once and in order, earlier and later ones as one scrolls; the page keeps a bounded number of them.
(function () {
  "use strict";
  document.addEventListener("DOMContentLoaded", function () {
    const box = document.getElementById("lines");
    if (!box) return;
    const most = Number(box.dataset.most), page = Number(box.dataset.page);
    const follow = document.getElementById("follow");
    const count = document.getElementById("log-count");
    const toNewest = document.getElementById("to-newest");
    let isTail = box.dataset.tail === "yes", isTop = box.dataset.earlier !== "yes";
    let isBusy = false, held = [];

    const number = (line) => (line ? Number(line.dataset.n) : 0);
    const first = () => number(box.firstElementChild);
    const last = () => number(box.lastElementChild);
    const atEnd = () => box.scrollHeight - box.scrollTop - box.clientHeight < 8;
    const toEnd = () => { box.scrollTop = box.scrollHeight; };
    const parse = (html) => {
      const made = document.createElement("template");
      made.innerHTML = html;
      headgate.showTimes(made.content, false);
      return [...made.content.children];
    };
    function told() {
      count.textContent = box.children.length ? `Lines ${first().toLocaleString("en")} to ${last().toLocaleString("en")}` : "Nothing was written yet.";
      toNewest.hidden = isTail;
    }
    function leaveTail() {
      isTail = false;
      follow.checked = false;
    }
    function append(fresh) {
      box.append(...fresh.filter((line) => number(line) > last()));
      const before = box.scrollHeight;
      const extra = box.children.length - most;
      for (let n = 0; n < extra; n += 1) box.firstElementChild.remove();
      if (extra > 0) isTop = false;
      if (follow.checked) toEnd();
      else box.scrollTop -= before - box.scrollHeight;
    }
    function replace(fresh) {
      box.replaceChildren(...fresh);
      isTop = fresh.length < page;
      isTail = true;
    }
    function prepend(fresh) {
      const before = box.scrollHeight;
      box.prepend(...fresh);
      box.scrollTop += box.scrollHeight - before;
      if (box.children.length > most) leaveTail();
      while (box.children.length > most) box.lastElementChild.remove();
      isTop = fresh.length < page;
    }

    // What comes while later lines are fetched is held back: the answer may have been read before it was written.
    function arrived(html, isReset) {
      if (isBusy) held.push([html, isReset]);
      else if (!isTail) toNewest.hidden = false;
      else {
        const fresh = parse(html);
        if (isReset && follow.checked) replace(fresh);
        else if (isReset || (!follow.checked && box.children.length + fresh.length > most)) leaveTail();
        else append(fresh);
        if (follow.checked) toEnd();
        told();
      }
    }
    headgate.onStream("log", (event) => arrived(event.data, false));
    headgate.onStream("log-reset", (event) => arrived(event.data, true));

    async function load(query, add) {
      if (isBusy) return;
      isBusy = true;
      try {
        const address = box.dataset.fragment;
        const answer = await fetch(address + (address.includes("?") ? "&" : "?") + query);
        if (answer.ok) add(parse(await answer.text()));
      } catch {
        // the stream says that the line is cut; the next scroll tries again
      } finally {
        isBusy = false;
        for (const [html, isReset] of held.splice(0)) arrived(html, isReset);
        told();
      }
    }
    const loadEarlier = () => isTop || load(`before=${first()}`, prepend);
    const loadLater = () => isTail || load(`after=${last()}`, (fresh) => {
      isTail = fresh.length < page;
      append(fresh);
    });
    const loadNewest = () => load("", (fresh) => {
      replace(fresh);
      follow.checked = true;
      toEnd();
    });

    box.addEventListener("wheel", () => { if (follow.checked && !atEnd()) follow.checked = false; }, { passive: true });
    let wasAt = 0;
    box.addEventListener("scroll", function () {
      const isUp = box.scrollTop < wasAt;
      wasAt = box.scrollTop;
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
      wasAt = box.scrollTop;
    }
    function goTo() {
      const wanted = /^#L(\d+)$/.exec(location.hash);
      if (!wanted) return false;
      const line = document.getElementById(`L${wanted[1]}`);
      const query = new URLSearchParams(location.search);
      if (line) {
        show(line);
        // By the line itself: part of a tall log may be on the screen without it.
        const seen = line.getBoundingClientRect();
        if (seen.top < 60 || seen.bottom > innerHeight - 20) line.scrollIntoView({ block: "center" });
        wasAt = box.scrollTop;
      } else if (query.get("line") !== wanted[1]) {
        for (const key of ["before", "after"]) query.delete(key);
        query.set("line", wanted[1]);
        location.replace(`${location.pathname}?${query}${location.hash}`);
      }
      return true;
    }
    window.addEventListener("hashchange", goTo);
    const target = box.querySelector(".target");
    if (goTo()) return;
    if (target) show(target);
    else if (follow.checked) toEnd();
    wasAt = box.scrollTop;
  });
})();
