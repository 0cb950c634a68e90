/* A formula that is wider than its box scrolls inside it. Someone without a mouse must be able to reach it,
   so it becomes a stop of the Tab key, but only while it is too wide: a stop at each of the hundred formulas
   that fit would be in everyone's way. (The theme does the same for code and tables.) */
(function () {
  "use strict";

  function update(box) {
    var scrolls = box.scrollWidth > box.clientWidth + 1;
    if (scrolls === box.hasAttribute("tabindex")) return;
    if (scrolls) {
      box.setAttribute("tabindex", "0");
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", "Formula, scrolls sideways");
    } else {
      ["tabindex", "role", "aria-label"].forEach(function (name) { box.removeAttribute(name); });
    }
  }

  function start() {
    if (!window.MathJax || !window.MathJax.startup) return;
    window.MathJax.startup.promise.then(function () {
      var boxes = document.querySelectorAll("mjx-container[display='true']");
      var observer = new ResizeObserver(function (entries) {
        entries.forEach(function (entry) { update(entry.target); });
      });
      boxes.forEach(function (box) { update(box); observer.observe(box); });
    });
  }

  // MathJax is loaded beside this script; its promise is there once everything has loaded.
  if (document.readyState === "complete") start();
  else window.addEventListener("load", start);
})();
