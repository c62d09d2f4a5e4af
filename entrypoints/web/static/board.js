// The board: search as one types, rows that come to fit a filter appear, new pipelines are fetched.
(function () {
  "use strict";
  document.addEventListener("DOMContentLoaded", function () {
    const search = document.getElementById("search");
    if (!document.getElementById("board")) return;
    const board = () => document.getElementById("board");

    function sift(mayHide) {
      const words = search.value.trim().toLowerCase();
      const status = board().dataset.status;
      let shown = 0;
      for (const row of board().children) {
        const state = row.querySelector("[data-state]").dataset.state;
        const fits = row.dataset.searched.includes(words) && (!status || state === status);
        if (fits || mayHide) row.hidden = !fits;
        shown += !row.hidden;
      }
      document.getElementById("nothing").hidden = shown > 0;
    }
    search.addEventListener("input", function () {
      sift(true);
      const query = new URLSearchParams(location.search);
      if (search.value) query.set("q", search.value);
      else query.delete("q");
      history.replaceState(null, "", query.size ? `/?${query}` : "/");
    });
    document.addEventListener("headgate:morphed", (event) => event.detail.closest("#board") && sift(false));

    headgate.onStream("rows", function (event) {
      if (event.data === board().dataset.rows) return;
      board().dataset.rows = event.data;
      htmx.ajax("GET", location.href, { target: "#board", select: "#board", swap: "outerHTML" }).then(() => headgate.showTimes(board(), false));
    });
  });
})();
