// The board: searches while the user types, shows rows that begin to match, and loads new pipelines. New schedules of a pipeline's page. Actions on many runs.
(function () {
  "use strict";
  document.addEventListener("DOMContentLoaded", function () {
    // A form that continues an action on many runs sends itself.
    document.querySelector("form[data-continues]")?.requestSubmit();
    // A pipeline's page shows new schedules, and leaves out those that were removed.
    headgate.onStream("schedule-ids", async function (event) {
      const section = document.getElementById("schedules");
      if (!section || section.dataset.ids === event.data) return;
      section.dataset.ids = event.data;
      await htmx.ajax("GET", location.href, { target: "#schedules", select: "#schedules", swap: "outerHTML" });
      headgate.showTimes(document.getElementById("schedules"), false);
    });
    // The page before the first pipeline becomes the board, unless the user has begun to fill in the form.
    headgate.onStream("rows", function (event) {
      const form = document.querySelector("form[data-first-pipeline]");
      if (!form || !event.data) return;
      const isUntouched = [...form.elements].every((field) => field.value === field.defaultValue || field.type === "hidden" || !("defaultValue" in field));
      if (isUntouched) location.reload();
      else headgate.toast("A pipeline was created. Reload the page to see the board.");
    });
    const search = document.getElementById("search");
    if (!document.getElementById("board")) return;
    const board = () => document.getElementById("board");
    const isPaged = () => "paged" in board().dataset;  // then the server filters

    function filterRows(canHide) {
      const words = search.value.trim().toLowerCase();
      const status = board().dataset.status;
      const counts = { all: 0 };
      let shown = 0;
      for (const row of board().children) {
        const state = row.querySelector("[data-state]").dataset.state;
        const hasWords = row.dataset.searchText.includes(words);
        const matches = hasWords && (!status || state === status);
        if (hasWords) {
          counts.all += 1;
          counts[state] = (counts[state] || 0) + 1;
        }
        if (matches || canHide) row.hidden = !matches;
        shown += !row.hidden;
      }
      document.getElementById("no-matches").hidden = shown > 0;
      for (const count of document.querySelectorAll("[data-count]")) {
        const number = counts[count.dataset.count] || (count.dataset.count === "all" ? 0 : "");
        if (count.textContent !== String(number)) count.textContent = number;
      }
    }
    // Links to other filters and orders keep the words that the user has typed.
    function updateLinks() {
      for (const link of document.querySelectorAll("[data-keeps-words]")) {
        const url = new URL(link.href);
        if (search.value) url.searchParams.set("q", search.value);
        else url.searchParams.delete("q");
        link.href = url;
      }
    }
    search.addEventListener("input", function () {
      if (isPaged()) return;
      filterRows(true);
      updateLinks();
      const query = new URLSearchParams(location.search);
      if (search.value) query.set("q", search.value);
      else query.delete("q");
      history.replaceState(null, "", query.size ? `${location.pathname}?${query}` : location.pathname);
    });
    document.addEventListener("headgate:morphed", (event) => event.detail.closest("#board") && !isPaged() && filterRows(false));

    // At most one request at a time and one in two seconds: with a filter by status, the rows of a busy board change often.
    let isLoading = false, isStale = false;
    async function loadRows() {
      if (isLoading) {
        isStale = true;
        return;
      }
      isLoading = true;
      const wasPaged = isPaged();
      try {
        await htmx.ajax("GET", location.href, { target: "#board", select: "#board", swap: "outerHTML" });
        if (wasPaged !== isPaged()) location.reload();
        headgate.showTimes(board(), false);
        if (isPaged()) document.getElementById("no-matches").hidden = board().children.length > 0;
        else filterRows(true);
      } finally {
        setTimeout(function () {
          isLoading = false;
          if (isStale) loadRows();
          isStale = false;
        }, 2000);
      }
    }
    headgate.onStream("rows", function (event) {
      if (event.data === board().dataset.rows) {
        document.getElementById("sort-again").hidden = true;
        return;
      }
      // Rows that are sorted stay in their places until the user sorts them again.
      if ("sorted" in board().dataset) {
        document.getElementById("sort-again").hidden = false;
        return;
      }
      board().dataset.rows = event.data;
      loadRows();
    });
  });
})();
