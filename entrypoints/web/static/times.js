// Shows times in the user's time zone, and counts durations. Without scripts, pages show the server's UTC times.
(function () {
  "use strict";
  const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
  const hour = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });
  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
  const millis = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hour12: false });
  const weekday = new Intl.DateTimeFormat(undefined, { weekday: "short" });
  const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeStyle: "long" });
  const counting = new Set(["ago", "since", "so-far", "in"]);
  const pad = (number) => String(number).padStart(2, "0");

  function formatDuration(seconds) {
    const all = Math.max(0, Math.round(seconds));
    if (all < 60) return `${all} s`;
    if (all < 3600) return all % 60 ? `${Math.floor(all / 60)} m ${pad(all % 60)} s` : `${all / 60} m`;
    const hours = Math.floor(all / 3600), minutes = Math.floor(all / 60) % 60;
    if (hours < 48) return minutes ? `${hours} h ${pad(minutes)} m` : `${hours} h`;
    return hours % 24 ? `${Math.floor(hours / 24)} d ${hours % 24} h` : `${hours / 24} d`;
  }

  function formatAge(seconds) {
    if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s ago`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} m ago`;
    if (seconds < 172800) return `${Math.floor(seconds / 3600)} h ago`;
    return `${Math.floor(seconds / 86400)} d ago`;
  }

  function formatWait(seconds) {
    if (seconds < 1) return "now";
    if (seconds < 60) return `in ${Math.round(seconds)} s`;
    if (seconds < 3600) return `in ${Math.round(seconds / 60)} m`;
    if (seconds < 172800) return `in ${Math.round(seconds / 3600)} h`;
    return `in ${Math.round(seconds / 86400)} d`;
  }

  function format(show, at, now) {
    const elapsed = (now - at) / 1000;
    if (show === "in") return formatWait(-elapsed);
    if (show === "minute") return new Date(now).toDateString() === at.toDateString() ? hour.format(at) : `${day.format(at)} ${hour.format(at)}`;
    if (show === "ago") return formatAge(elapsed);
    if (show === "since") return formatDuration(elapsed);
    if (show === "so-far") return `${formatDuration(elapsed)} so far`;
    if (show === "millis") return millis.format(at);
    if (show === "day") return new Date(now).toDateString() === at.toDateString() ? "Today" : weekday.format(at);
    if (show === "clock") return clock.format(at);
    const today = new Date(now).toDateString() === at.toDateString();
    return today ? `${clock.format(at)} today` : `${day.format(at)} ${hour.format(at)}`;
  }

  function show(root, onlyCounting) {
    const now = Date.now();
    for (const time of root.querySelectorAll("time[data-show]")) {
      const kind = time.dataset.show;
      if (onlyCounting && !counting.has(kind)) continue;
      const at = new Date(time.getAttribute("datetime"));
      const text = format(kind, at, now);
      if (time.textContent !== text) time.textContent = text;
      if (!onlyCounting) time.title = (kind === "millis" && time.title ? `${time.title} · ` : "") + whole.format(at);
    }
  }

  window.headgate = { showTimes: show };
  document.addEventListener("DOMContentLoaded", function () {
    const zone = document.getElementById("zone");
    const localZone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
    zone.textContent = localZone;
    // Days in filters are in the user's time zone, unless the URL names another.
    const field = document.querySelector("[data-zone]");
    if (field && !field.value) {
      field.value = localZone;
      for (const name of document.querySelectorAll("[data-zone-name]")) name.textContent = localZone;
    }
    // The calendar's days are in the user's time zone, unless the URL names another.
    const zoned = document.querySelector("[data-zone-in-url]");
    if (zoned && !new URLSearchParams(location.search).has("zone") && localZone !== "UTC") {
      const query = new URLSearchParams(location.search);
      query.set("zone", localZone);
      location.replace(`${location.pathname}?${query}`);
    }
    show(document, false);
    setInterval(() => document.hidden || show(document, true), 1000);
    document.addEventListener("visibilitychange", () => document.hidden || show(document, true));
  });
})();
