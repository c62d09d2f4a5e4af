// The tab's title and icon follow the state of what the page shows, also while the tab is in the background.
(function () {
  "use strict";
  document.addEventListener("DOMContentLoaded", function () {
    headgate.onStream("tab-title", function (event) {
      const incidents = /^\(\d+\) /.exec(document.title);
      document.title = `${incidents ? incidents[0] : ""}${event.data} · Headgate`;
    });
    headgate.onStream("tab-icon", function (event) {
      const icon = document.querySelector("link[rel=icon]");
      const path = document.body.dataset.base + event.data;
      if (icon.getAttribute("href") !== path) icon.href = path;
    });
  });
})();
