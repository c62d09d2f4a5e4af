// Announces what changed: at most one sentence every 10 seconds. The sentence of runs that ended sums up those that ended meanwhile.
(function () {
  "use strict";
  const INTERVAL = 10_000, NAMED = 3;
  const words = { completed: "completed", failed: "failed", cancelled: "was cancelled", lost: "was lost", skipped: "was skipped" };
  const ended = [], waiting = new Map();
  let announcedAt = -Infinity, timer = null;

  function describe(runs) {
    if (runs.length === 1) return `${runs[0].name} ${words[runs[0].status]}.`;
    const count = (status) => runs.filter((run) => run.status === status).length;
    const parts = Object.keys(words).filter(count).map((status) => `${count(status)} ${status}`);
    const names = [...new Set(runs.filter((run) => ["failed", "lost"].includes(run.status)).map((run) => run.name))];
    const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : "";
    const broken = names.length ? ` Look at ${names.slice(0, NAMED).join(", ")}${more}.` : "";
    return `${runs.length} runs ended: ${parts.join(", ")}.${broken}`;
  }
  const say = (sentence) => { document.getElementById("announcer").textContent = sentence; };
  // Gets the sentence when its turn comes, so that it describes the present. An empty one is not announced.
  headgate.announce = function (getSentence, show = say) {
    waiting.set(getSentence, show);
    timer ??= setTimeout(announceNext, Math.max(0, announcedAt + INTERVAL - performance.now()));
  };
  function announceNext() {
    const [[getSentence, show]] = waiting, sentence = getSentence();
    timer = null;
    waiting.delete(getSentence);
    if (sentence) {
      show(sentence);
      announcedAt = performance.now();
    }
    for (const next of waiting) headgate.announce(...next);
  }
  const describeEnded = () => describe(ended.splice(0));
  // On pages on which many runs end, toasts would cover the page: there only screen readers announce them.
  const showEnded = (sentence) => (document.querySelector("[data-quiet]") ? say : headgate.toast)(sentence);
  headgate.onStream("ended-runs", function (event) {
    ended.push(...JSON.parse(event.data).map(([name, status]) => ({ name, status })));
    headgate.announce(describeEnded, showEnded);
  });
})();
