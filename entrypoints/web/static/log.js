// The log: appends new lines once and in order, loads earlier and later ones on scrolling, and keeps a bounded number.
(function () {
  "use strict";
  const LINES_ABOVE = 10;
  const MARGIN = 30;
  document.addEventListener("DOMContentLoaded", function () {
    const box = document.getElementById("log-lines");
    if (!box) return;
    const maxLines = Number(box.dataset.maxLines);
    const follow = document.getElementById("follow");
    const count = document.getElementById("log-count");
    const toNewest = document.getElementById("to-newest");
    let isTail = box.dataset.tail === "yes", isTop = box.dataset.earlier !== "yes";
    let isBusy = false, pending = [], lastScrollTop = 0;

    const unfinished = document.getElementById("log-unfinished");
    const earlier = document.getElementById("log-earlier");
    const blocks = headgate.openLogBlocks(box, fillBox);

    const number = (line) => (line ? Number(line.dataset.n) : 0);
    const first = () => number(blocks.first());
    const last = () => number(blocks.last());
    const atEnd = () => box.scrollHeight - box.scrollTop - box.clientHeight < 8;
    const toEnd = () => { box.scrollTop = box.scrollHeight; };
    const parse = (html) => {
      const template = document.createElement("template");
      template.innerHTML = html;
      headgate.showTimes(template.content, false);
      blocks.readLabels(template.content);
      return [...template.content.querySelectorAll("li")];
    };
    const show = (n) => n.toLocaleString("en");
    function updateCount(total = 0) {
      total = count.dataset.total = Math.max(Number(count.dataset.total), last(), total);
      count.textContent = last() ? `Lines ${show(first())} to ${show(last())} of ${count.dataset.of}${show(total)}` : "No output yet.";
      toNewest.hidden = isTail;
      earlier.hidden = isTop;
    }
    function leaveTail() {
      isTail = false;
      follow.checked = false;
    }
    function append(fresh) {
      const end = last();
      blocks.append(fresh.filter((line) => number(line) > end));
      const before = box.scrollHeight;
      const extra = blocks.lines().length - maxLines;
      if (extra > 0) {
        blocks.removeFirst(extra);
        isTop = false;
      }
      if (follow.checked) toEnd();
      else box.scrollTop -= before - box.scrollHeight;
    }
    function replace(fresh, hasMore) {
      blocks.clear();
      blocks.append(fresh);
      isTop = !hasMore;
      isTail = true;
    }
    function prepend(fresh, hasMore) {
      const before = box.scrollHeight;
      blocks.prepend(fresh);
      box.scrollTop += box.scrollHeight - before;
      const extra = blocks.lines().length - maxLines;
      if (extra > 0) {
        leaveTail();
        blocks.removeLast(extra);
        showUnfinished([]);
      }
      isTop = !hasMore;
    }

    // Lines that arrive during a request wait for its response, which may be older than they are.
    function receive(event, isReset) {
      if (isBusy) pending.push([event, isReset]);
      else {
        if (isTail) addLive(parse(event.data), isReset);
        updateCount(Number(event.lastEventId) || 0);
      }
    }
    function addLive(fresh, isReset) {
      if (isReset && follow.checked) replace(fresh, true);
      else if (isReset || (!follow.checked && blocks.lines().length + fresh.length > maxLines)) leaveTail();
      else append(fresh);
      if (follow.checked) toEnd();
    }
    headgate.onStream("log", (event) => receive(event, false));
    headgate.onStream("log-reset", (event) => receive(event, true));

    function showUnfinished(lines) {
      unfinished.replaceChildren(...lines);
      unfinished.hidden = !lines.length;
      if (follow.checked) toEnd();
    }
    headgate.onStream("log-unfinished", (event) => showUnfinished(isTail ? parse(event.data) : []));

    async function load(query, add) {
      if (isBusy) return;
      isBusy = true;
      let isLoaded = false;
      try {
        const url = box.dataset.fragment;
        const response = await fetch(url + (url.includes("?") ? "&" : "?") + query);
        if (response.ok) add(parse(await response.text()), response.headers.get("Headgate-More") === "yes");
        isLoaded = response.ok;
      } catch {
        // the stream shows that the connection is lost; the next scroll tries again
      } finally {
        isBusy = false;
        for (const [event, isReset] of pending.splice(0)) receive(event, isReset);
        updateCount();
      }
      if (isLoaded) fillBox();
    }
    const loadEarlier = async () => isTop || load(`before=${first()}`, prepend);
    const loadLater = () => isTail || load(`after=${last()}`, (fresh, hasMore) => {
      isTail = !hasMore;
      append(fresh);
    });
    const loadNewest = () => load("", (fresh, hasMore) => {
      replace(fresh, hasMore);
      follow.checked = true;
      toEnd();
    });

    // Folded blocks may leave nothing to scroll: loads earlier lines until there is, or until the page holds enough.
    function fillBox() {
      lastScrollTop = box.scrollTop;  // folding moves the log without a scroll of the user
      if (isTop || isBusy || box.scrollHeight > box.clientHeight || blocks.lines().length + 300 > maxLines) return;
      loadEarlier();
    }
    earlier.addEventListener("click", function (event) {
      event.preventDefault();
      loadEarlier();
    });
    box.addEventListener("wheel", () => { if (follow.checked && !atEnd()) follow.checked = false; }, { passive: true });
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

    // Ten lines above the chosen one stay visible, in the log and in the window.
    function findContext(line) {
      const visible = blocks.lines().filter((each) => each.closest("details").open);
      return visible[Math.max(0, visible.indexOf(line) - LINES_ABOVE)];
    }
    function choose(line) {
      follow.checked = false;
      line.closest("details").open = true;
      box.querySelector(".target")?.classList.remove("target");
      line.classList.add("target");
      const heading = line.closest("details").firstElementChild.offsetHeight;
      box.scrollTop = Math.max(findContext(line).offsetTop - heading, line.offsetTop + line.offsetHeight - box.clientHeight);
      lastScrollTop = box.scrollTop;
    }
    function scrollWindowTo(line) {
      const top = findContext(line).getBoundingClientRect().top;
      if (top < MARGIN || line.getBoundingClientRect().bottom > innerHeight - MARGIN) scrollBy(0, top - 2 * MARGIN);
      const below = line.getBoundingClientRect().bottom - innerHeight + MARGIN;
      if (below > 0) scrollBy(0, below);
    }
    function goToHash() {
      const match = /^#L(\d+)$/.exec(location.hash);
      if (!match) return false;
      const line = document.getElementById(`L${match[1]}`);
      const query = new URLSearchParams(location.search);
      if (line) {
        choose(line);
        scrollWindowTo(line);
      } else if (query.get("line") !== match[1]) {
        for (const key of ["before", "after"]) query.delete(key);
        query.set("line", match[1]);
        location.replace(`${location.pathname}?${query}${location.hash}`);
      } else return false;
      return true;
    }
    window.addEventListener("hashchange", goToHash);
    document.addEventListener("click", function (event) {
      const link = event.target.closest("a[href*='#L']");
      if (link && link.href === location.href) goToHash();  // the browser reports no change of the address
    });
    const target = box.querySelector(".target");
    if (goToHash()) return;
    if (target) choose(target);
    else if (follow.checked) toEnd();
    lastScrollTop = box.scrollTop;
  });
})();
