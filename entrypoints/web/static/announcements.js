// Announces runs that ended: at most one sentence every 10 seconds, which sums up those that ended meanwhile.
(function () {
  "use strict";
  const INTERVAL = 10_000, NAMED = 3;
  const words = { completed: "completed", failed: "failed", cancelled: "was cancelled", lost: "was lost", skipped: "was skipped" };
  let ended = [], announcedAt = -Infinity, timer = null;

  function describe(runs) {
    if (runs.length === 1) return `${runs[0].name} ${words[runs[0].status]}.`;
    const count = (status) => runs.filter((run) => run.status === status).length;
    const parts = Object.keys(words).filter(count).map((status) => `${count(status)} ${status}`);
    const names = [...new Set(runs.filter((run) => ["failed", "lost"].includes(run.status)).map((run) => run.name))];
    const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : "";
    const broken = names.length ? ` Look at ${names.slice(0, NAMED).join(", ")}${more}.` : "";
    return `${runs.length} runs ended: ${parts.join(", ")}.${broken}`;
  }
  // On pages on which many runs end, toasts would cover the page: there only screen readers announce them.
  function announce() {
    const sentence = describe(ended.splice(0));
    timer = null;
    announcedAt = performance.now();
    if (document.querySelector("[data-quiet]")) document.getElementById("announcer").textContent = sentence;
    else headgate.toast(sentence);
  }
  headgate.onStream("ended-runs", function (event) {
    ended.push(...JSON.parse(event.data).map(([name, status]) => ({ name, status })));
    if (timer === null) timer = setTimeout(announce, Math.max(0, announcedAt + INTERVAL - performance.now()));
  });
})();
