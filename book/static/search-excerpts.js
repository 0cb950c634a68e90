/* What the search shows of a page is its text as one would type it: without the buttons above it, its table of
   contents and the code that is folded away, and with x_t for an index, so that a symbol is found in it too. */
(function () {
  "use strict";

  var OUT = ".headerlink, script, style, .equation-panel, details.hide";
  var APART = ".eqno, p, dt, dd, li, td, th, h1, h2, h3, pre, div, summary, figcaption";
  var PLACED = {
    "_": "msub > :nth-child(2), msubsup > :nth-child(2), munder > :nth-child(2), munderover > :nth-child(2)",
    "^": "msup > :nth-child(2), msubsup > :nth-child(3), munderover > :nth-child(3)",
    "/": "mfrac > :nth-child(2)",
    "": "mfrac > :first-child"
  };

  /* Brackets keep together what stood above, below or over a line: h_(t−1), but W_fh. */
  function place(element, sign) {
    var bare = /^[\p{L}\p{N}′]+$/u.test(element.textContent);
    var next = element.parentNode.nextElementSibling;
    if (bare && element.textContent === "′") sign = "";
    element.prepend(bare ? sign : sign + "(");
    element.append(bare ? "" : ")", sign && next && next.localName !== "mo" ? " " : "");
  }

  Search.htmlToText = function (source, anchor) {
    var page = new DOMParser().parseFromString(source, "text/html");
    var text = page.querySelector("article.bd-article") || page.body;
    text.querySelectorAll(OUT).forEach(function (element) { element.remove(); });
    Object.keys(PLACED).forEach(function (sign) {
      text.querySelectorAll(PLACED[sign]).forEach(function (element) { place(element, sign); });
    });
    text.querySelectorAll(APART).forEach(function (element) { element.append(" "); });
    var part = anchor && page.getElementById(decodeURIComponent(anchor.slice(1)));
    return (part && text.contains(part) ? part : text).textContent.replace(/\s+/g, " ").trim();
  };
})();
