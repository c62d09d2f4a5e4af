// An htmx swap that changes only what differs, so that focus, scroll, selection and turning marks stay as they are.
(function () {
  "use strict";
  const keyOf = (node) => (node.nodeType === 1 ? node.getAttribute("data-key") || node.id || null : null);
  const alike = (old, fresh) => old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && keyOf(old) === keyOf(fresh);

  function attributes(old, fresh) {
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }

  function morph(old, fresh) {
    if (old.nodeType !== 1) {
      if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
      return;
    }
    attributes(old, fresh);
    children(old, fresh);
  }

  function children(old, fresh) {
    const keyed = new Map();
    for (const child of old.children) if (keyOf(child)) keyed.set(keyOf(child), child);
    let place = old.firstChild;
    for (const wanted of [...fresh.childNodes]) {
      const key = keyOf(wanted);
      let kept = key ? keyed.get(key) : null;
      if (!key) {
        kept = place && alike(place, wanted) ? place : null;
      }
      if (kept && kept.nodeName === wanted.nodeName) {
        if (kept === place) place = place.nextSibling;
        else old.insertBefore(kept, place);
        morph(kept, wanted);
      } else {
        old.insertBefore(wanted, place);
      }
    }
    while (place) {
      const next = place.nextSibling;
      place.remove();
      place = next;
    }
  }

  htmx.defineExtension("morph", {
    isInlineSwap: () => false,
    handleSwap: function (style, target, fragment) {
      if (style !== "morph") return false;
      headgate.showTimes(fragment, false);
      children(target, fragment);
      document.dispatchEvent(new CustomEvent("headgate:morphed", { detail: target }));
      return [];
    },
  });
  window.headgate.morphChildren = children;
})();
