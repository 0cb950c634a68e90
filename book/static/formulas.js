/* MathJax is the heaviest thing on a page and typesets all formulas in one go: for a second or more nothing
   answers, on a phone for several. Here it is loaded when the text is there to be read, and gets the formulas in
   portions, those in view first; between two portions the page is the reader's. The promise for which other
   scripts wait, MathJax.startup.promise, is there from the start, and kept when all formulas are typeset. */
(function () {
  "use strict";

  var AIM = 25, LEAST = 12, MOST = 100;  // milliseconds a portion should take; formulas in it

  /* The formulas of the page, those nearest to what is in view first. Read before anything is written. */
  function nearestFirst() {
    return Array.from(document.querySelectorAll(".math"), function (formula) {
      var box = formula.getBoundingClientRect();
      return [Math.max(0, -box.bottom, box.top - innerHeight), formula];
    }).sort(function (one, other) { return one[0] - other[0]; }).map(function (pair) { return pair[1]; });
  }

  function pause() { return new Promise(function (go) { setTimeout(go); }); }

  async function pageReady() {
    var formulas = nearestFirst(), size = LEAST;
    try {
      while (formulas.length) {
        var start = performance.now();
        await MathJax.typesetPromise(formulas.splice(0, size));
        size = Math.round(Math.min(MOST, Math.max(LEAST, size * AIM / (performance.now() - start))));
        await pause();
      }
    } finally {
      typeset();
    }
  }

  function load() {
    if (begun) return;
    begun = true;
    var script = document.createElement("script");
    script.src = later.src;
    document.head.appendChild(script);
  }

  var begun = false, typeset, later = document.getElementById("mathjax");
  if (!window.MathJax || !later) return;
  window.MathJax.startup = { pageReady: pageReady, promise: new Promise(function (keep) { typeset = keep; }) };
  new PerformanceObserver(function (list) {
    if (list.getEntriesByName("first-contentful-paint").length) load();
  }).observe({ type: "paint", buffered: true });
  setTimeout(load, document.hidden ? 0 : 4000);  // a page in the background paints nothing
})();
