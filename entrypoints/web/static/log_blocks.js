// Blocks of the log that can be folded. Added lines are grouped as the server groups them, in view_models/log/blocks.py.
(function () {
  "use strict";
  const MIN_LINES = 4, NAMED_ATTEMPTS = 3;
  const getKey = (line) => line.dataset.key;
  const areMixed = (lines) => lines.some((line) => getKey(line) !== getKey(lines[0]));

  headgate.openLogBlocks = function (box, onFold) {
    const labels = new Map(), mixed = new Set(), changed = new Set(), foldedKeys = new Set();
    const unfinished = document.getElementById("log-unfinished");
    const foldAll = document.getElementById("fold-all");
    let isAllFolded = foldAll?.dataset.folded === "yes";

    const list = (block) => block.lastElementChild;
    const findBlocks = () => [...box.children].filter((each) => each !== unfinished);
    const findLast = (root) => (root === box ? unfinished.previousElementSibling : root.lastElementChild);
    function readLabels(root) {
      for (const label of root.querySelectorAll(".log-attempt")) labels.set(label.dataset.key, label.cloneNode(true));
    }
    function createBlock(line, after, root) {
      const block = document.createElement("details");
      block.className = "log-block";
      block.append(document.createElement("summary"), document.createElement("ol"));
      block.open = !isAllFolded && !foldedKeys.has(getKey(line));
      if (after) after.after(block);
      else root.prepend(block);
      return block;
    }
    function splitEnd(block) {
      if (!mixed.has(block)) return;
      const end = [];
      for (let line = list(block).lastElementChild; line && end.length < MIN_LINES; line = line.previousElementSibling) end.unshift(line);
      if (areMixed(end)) return;
      const fresh = createBlock(end[0], block);
      fresh.open = fresh.open && block.open;
      list(fresh).append(...end);
      if (!areMixed([...list(block).children])) mixed.delete(block);
      changed.add(fresh);
    }
    function addLine(line, root) {
      let block = findLast(root);
      const previous = block && list(block).lastElementChild;
      const isOther = previous && getKey(previous) !== getKey(line);
      if (!block || (isOther && !mixed.has(block) && list(block).children.length >= MIN_LINES)) block = createBlock(line, block, root);
      else if (isOther) mixed.add(block);
      list(block).append(line);
      changed.add(block);
      splitEnd(block);
    }
    function canJoin(one, other) {
      if (mixed.has(one) || mixed.has(other)) return mixed.has(one) && mixed.has(other);
      return getKey(list(one).firstElementChild) === getKey(list(other).firstElementChild);
    }
    function createLabel(line) {
      const label = document.createElement("span");
      label.append(line.querySelector(".line-stage").cloneNode(true), ` attempt ${getKey(line).split(".")[1]}`);
      return label;
    }
    function showHeading(block) {
      const attempts = new Map([...list(block).children].map((line) => [getKey(line), line]));
      const parts = [...attempts].slice(0, NAMED_ATTEMPTS).map(([key, line]) => labels.get(key)?.cloneNode(true) || createLabel(line));
      const addText = (text, name) => parts.push(Object.assign(document.createElement("span"), { textContent: text, className: name }));
      if (attempts.size > NAMED_ATTEMPTS) addText(`and ${attempts.size - NAMED_ATTEMPTS} more`, "");
      const count = list(block).children.length;
      addText(`${count.toLocaleString("en")} ${count === 1 ? "line" : "lines"}`, "log-size");
      block.firstElementChild.replaceChildren(...parts);
    }
    function finish() {
      for (const block of changed) {
        if (!list(block).children.length) {
          mixed.delete(block);
          block.remove();
        } else if (block.isConnected) showHeading(block);
      }
      changed.clear();
      if (box.children.length > 2 || mixed.size) box.classList.remove("no-blocks");
    }
    function remove(lines) {
      for (const line of lines) {
        changed.add(line.closest("details"));
        line.remove();
      }
      finish();
    }
    const lines = () => [...box.querySelectorAll("li[data-n]")];

    readLabels(box);
    readLabels(document.getElementById("log-attempts"));
    for (const block of findBlocks()) if (areMixed([...list(block).children])) mixed.add(block);
    document.addEventListener("headgate:morphed", function (event) {
      if (event.detail.id !== "log-attempts") return;
      readLabels(event.detail);
      findBlocks().forEach(showHeading);
    });
    box.addEventListener("toggle", function (event) {
      const block = event.target, line = list(block)?.firstElementChild;
      if (!line) return;
      if (!mixed.has(block)) {
        if (block.open) foldedKeys.delete(getKey(line));
        else foldedKeys.add(getKey(line));
      }
      onFold();
    }, true);
    foldAll?.addEventListener("click", function (event) {
      event.preventDefault();
      isAllFolded = !isAllFolded;
      foldedKeys.clear();
      foldAll.textContent = isAllFolded ? "Unfold all" : "Fold all";
      for (const block of findBlocks()) block.open = !isAllFolded;
      onFold();
    });

    return {
      lines,
      first: () => box.querySelector("li[data-n]"),
      last: () => { const block = findLast(box); return block && list(block).lastElementChild; },
      readLabels,
      append(fresh) {
        for (const line of fresh) addLine(line, box);
        finish();
      },
      prepend(fresh) {
        const root = document.createElement("div"), old = findBlocks()[0];
        for (const line of fresh) addLine(line, root);
        const seam = findLast(root);
        if (seam && old && canJoin(seam, old)) {
          list(old).prepend(...list(seam).children);
          changed.add(old);
          mixed.delete(seam);
          seam.remove();
          changed.delete(seam);
        }
        box.prepend(...root.children);
        finish();
      },
      clear: () => remove(lines()),
      removeFirst: (count) => remove(lines().slice(0, count)),
      removeLast: (count) => remove(lines().slice(-count)),
    };
  };
})();
