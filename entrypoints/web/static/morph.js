// An htmx swap that changes only differing nodes, so that focus, scrolling, selection and animations continue.
(function () {
  "use strict";
  const getKey = (node) => (node.nodeType === 1 ? node.getAttribute("data-key") || node.id || null : null);
  const isSame = (old, fresh) => old.nodeType === fresh.nodeType && old.nodeName === fresh.nodeName && getKey(old) === getKey(fresh);

  function morphAttributes(old, fresh) {
    const isOfUser = (name) => name === "open" && old.nodeName === "DETAILS"; // what the user opened or closed stays so
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && !isOfUser(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value && !isOfUser(name)) old.setAttribute(name, value);
  }

  function morph(old, fresh) {
    if (old.nodeType !== 1) {
      if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
      return;
    }
    morphAttributes(old, fresh);
    morphChildren(old, fresh);
  }

  function morphChildren(old, fresh) {
    const keyed = new Map();
    for (const child of old.children) if (getKey(child)) keyed.set(getKey(child), child);
    let position = old.firstChild;
    for (const wanted of [...fresh.childNodes]) {
      const key = getKey(wanted);
      let match = key ? keyed.get(key) : null;
      if (!key) {
        match = position && isSame(position, wanted) ? position : null;
      }
      if (match && match.nodeName === wanted.nodeName) {
        if (match === position) position = position.nextSibling;
        else old.insertBefore(match, position);
        morph(match, wanted);
      } else {
        old.insertBefore(wanted, position);
      }
    }
    while (position) {
      const next = position.nextSibling;
      position.remove();
      position = next;
    }
  }

  // A browser takes the focus from an element that moves, for example because a row before it went away.
  function morphWithFocus(old, fresh) {
    const focused = document.activeElement;
    morphChildren(old, fresh);
    if (focused && focused !== document.activeElement && old.contains(focused)) focused.focus({ preventScroll: true });
  }

  htmx.defineExtension("morph", {
    isInlineSwap: () => false,
    handleSwap: function (style, target, fragment) {
      if (style !== "morph") return false;
      headgate.showTimes(fragment, false);
      morphWithFocus(target, fragment);
      document.dispatchEvent(new CustomEvent("headgate:morphed", { detail: target }));
      return [];
    },
  });
  window.headgate.morphChildren = morphWithFocus;
})();
