// The text of a definition: line numbers, messages at their lines, Tab and Enter. Every change can be undone.
(function () {
  "use strict";
  const area = document.getElementById("definition");
  if (!area) return;
  const LINE_HEIGHT = 20, PADDING = 8;
  const gutter = document.querySelector(".editor-lines"), numbers = gutter.querySelector("pre");
  const pane = document.querySelector(".editor-marks"), position = document.getElementById("editor-line");
  const [messages, bars] = [pane, gutter].map((parent) => parent.appendChild(document.createElement("div")));
  let shownLines = 0, leavesByTab = false, characterWidth = 0, lineMessages = new Map(), announced = getCheckWords();
  for (const layer of [messages, bars, numbers]) layer.className += " editor-layer";

  function showNumbers() {
    const lines = area.value.split("\n").length;
    if (lines === shownLines) return;
    shownLines = lines;
    numbers.textContent = Array.from({ length: lines }, (_, index) => index + 1).join("\n");
    gutter.style.width = `calc(${Math.max(2, String(lines).length)}ch + 24px)`;
  }
  function follow() {
    for (const layer of [numbers, bars]) layer.style.transform = `translateY(${-area.scrollTop}px)`;
    messages.style.transform = `translate(${-area.scrollLeft}px, ${-area.scrollTop}px)`;
  }
  function measure() {
    const ruler = messages.appendChild(document.createElement("span"));
    ruler.textContent = "0".repeat(100);
    characterWidth = ruler.getBoundingClientRect().width / 100;
    ruler.remove();
  }
  // Places the problems that the check lists at their lines.
  function showMarks() {
    const lines = area.value.split("\n");
    measure();
    messages.replaceChildren();
    bars.replaceChildren();
    lineMessages = new Map();
    for (const item of document.querySelectorAll("#preview [data-line]")) {
      const line = Number(item.dataset.line), text = item.querySelector(".line-message").textContent.trim();
      const known = lineMessages.get(line);
      lineMessages.set(line, { text: known ? `${known.text} · ${text}` : text, isHint: "hint" in item.dataset && (!known || known.isHint) });
    }
    for (const [line, { text, isHint }] of lineMessages) {
      const top = `${PADDING + (line - 1) * LINE_HEIGHT}px`;
      const bar = bars.appendChild(document.createElement("span")), message = messages.appendChild(document.createElement("span"));
      bar.className = `editor-mark${isHint ? " is-hint" : ""}`;
      message.className = `editor-message${isHint ? " is-hint" : ""}`;
      message.textContent = text;
      bar.style.top = message.style.top = top;
      message.style.left = `${PADDING + ((lines[line - 1] || "").length + 2) * characterWidth}px`;
    }
    showPosition();
    headgate.announce(describeCheck);
  }
  function getCheckWords() {
    return document.getElementById("check-words")?.textContent || "";
  }
  function describeCheck() {
    const words = getCheckWords(), isNew = words !== announced;
    announced = words;
    return isNew ? words : "";
  }
  function showPosition() {
    const before = area.value.slice(0, area.selectionStart), line = before.split("\n").length;
    const message = lineMessages.get(line);
    position.textContent = `Line ${line}, column ${before.length - before.lastIndexOf("\n")}${message ? `: ${message.text}` : ""}`;
  }
  function replaceRange(start, end, text) {
    area.focus({ preventScroll: true });
    area.setSelectionRange(start, end);
    if (document.execCommand(text ? "insertText" : "delete", false, text)) return;
    area.setRangeText(text, start, end, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
  // Replaces only what differs, as one step of undo.
  function setText(text) {
    const old = area.value;
    if (old === text) return;
    let start = 0, end = 0;
    while (start < old.length && old[start] === text[start]) start += 1;
    while (end < old.length - start && end < text.length - start && old[old.length - 1 - end] === text[text.length - 1 - end]) end += 1;
    replaceRange(start, old.length - end, text.slice(start, text.length - end));
    goTo(text.slice(0, text.length - end).split("\n").length, false);
  }
  function goTo(line, hasFocus) {
    const start = area.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    area.scrollTop = Math.max(0, (line - 1) * LINE_HEIGHT - area.clientHeight / 2);
    area.setSelectionRange(start, start);
    if (hasFocus) area.focus();
    showPosition();
  }
  function indent(isBack) {
    const { value, selectionStart: from, selectionEnd: to } = area;
    const start = value.lastIndexOf("\n", from - 1) + 1;
    if (from === to && !isBack) {
      replaceRange(from, to, " ".repeat(2 - ((from - start) % 2)));
      return;
    }
    const found = value.indexOf("\n", Math.max(from, to - 1)), end = found < 0 ? value.length : found;
    const text = value.slice(start, end).split("\n").map((line) => (isBack ? line.replace(/^ {1,2}/, "") : line && `  ${line}`)).join("\n");
    if (text === value.slice(start, end)) return;
    replaceRange(start, end, text);
    if (from === to) area.setSelectionRange(Math.max(start, from - 2), Math.max(start, from - 2));
    else area.setSelectionRange(start, start + text.length);
  }
  function breakLine() {
    const before = area.value.slice(area.value.lastIndexOf("\n", area.selectionStart - 1) + 1, area.selectionStart);
    const depth = before.match(/^ */)[0].length + (/:\s*$/.test(before) ? 2 : 0);
    replaceRange(area.selectionStart, area.selectionEnd, `\n${" ".repeat(depth)}`);
  }
  area.addEventListener("keydown", function (event) {
    const isPlain = !event.ctrlKey && !event.altKey && !event.metaKey && !event.isComposing;
    if (event.key === "Escape") event.stopPropagation();
    else if (event.key === "Tab" && isPlain && !leavesByTab) {
      event.preventDefault();
      indent(event.shiftKey);
    } else if (event.key === "Enter" && isPlain && !event.shiftKey) {
      event.preventDefault();
      breakLine();
    }
    if (event.key !== "Shift") leavesByTab = event.key === "Escape";
  });
  area.addEventListener("input", function () {
    const lines = shownLines;
    showNumbers();
    if (lines !== shownLines) for (const layer of [messages, bars]) layer.replaceChildren(); // until the next check knows the lines
    follow();
  });
  area.addEventListener("scroll", follow, { passive: true });
  for (const name of ["keyup", "click", "focus"]) area.addEventListener(name, showPosition);
  document.addEventListener("click", function (event) {
    const link = event.target.closest?.("[data-go]");
    if (link) goTo(Number(link.dataset.go), true);
  });
  document.getElementById("preview")?.addEventListener("htmx:afterSwap", showMarks);
  headgate.editor = { area, setText, showMarks };
  showNumbers();
  showMarks();
  follow();
})();
