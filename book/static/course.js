/* A formula or a block of code that is wider than its box scrolls inside it. Someone without a mouse must be able
   to reach it, so it becomes a stop of the Tab key, but only while it is too wide: a stop at each of the hundred
   that fit would be in everyone's way. An observer tells of each when it is laid out, and none is before. */
(function () {
  "use strict";

  var BOXES = "mjx-container[display='true'], pre, .cell_output > .output, .jp-RenderedHTMLCommon," +
    " .pst-scrollable-table-container";

  function update(box) {
    var scrolls = box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1;
    if (box.localName === "mjx-container") {
      scrolls = box.scrollWidth > box.clientWidth + 1;
      if (scrolls) {
        box.setAttribute("role", "group");
        box.setAttribute("aria-label", "Formula, scrolls sideways");
      } else {
        box.removeAttribute("role");
        box.removeAttribute("aria-label");
      }
    }
    if (scrolls) box.setAttribute("tabindex", "0");
    else box.removeAttribute("tabindex");
  }

  function start() {
    var observer = new ResizeObserver(function (entries) {
      entries.forEach(function (entry) { update(entry.target); });
    });
    document.querySelectorAll(BOXES).forEach(function (box) { observer.observe(box); });
  }

  // Before the fonts are there, formulas have another width.
  function ready() { document.fonts.ready.then(start); }
  if (document.readyState === "complete") ready();
  else window.addEventListener("load", ready);
})();

/* A new page lays out what is near (course.css). With the first thing its reader does the other sections follow,
   one a frame, so that it answers in between. Who jumps within the page before that waits for all of it: only then
   is every place where it will stay. (Pages that open at a place, or again, are never new: see lean.py.) */
(function () {
  "use strict";

  var FIRST = ["wheel", "pointermove", "pointerdown", "touchstart", "keydown"];
  var root = document.documentElement;
  var waiting = Array.from(document.querySelectorAll("article.bd-article > section > section"));

  function all() { delete root.dataset.new; }

  function follow() {
    var section = waiting.shift();
    if (!section) return all();
    section.style.contentVisibility = "visible";
    requestAnimationFrame(function () { setTimeout(follow); });
  }

  if (!("new" in root.dataset)) return;
  document.addEventListener("click", function (event) {
    if (event.target.closest && event.target.closest("a[href*='#']")) all();
  }, true);
  window.addEventListener("hashchange", all);
  function begin() {
    FIRST.forEach(function (type) { window.removeEventListener(type, begin, true); });
    requestAnimationFrame(function () { setTimeout(follow); });
  }
  FIRST.forEach(function (type) { window.addEventListener(type, begin, { capture: true, passive: true }); });
})();

/* The part that is being read is marked in the page's table of contents: the last that has come into the upper
   part of the window. The theme's own script asks every section for its place, and so lays out the whole page
   at the start; an observer is told without asking. */
(function () {
  "use strict";

  var links = new Map(), seen = new Set();
  document.body.removeAttribute("data-bs-spy");
  document.querySelectorAll("#pst-page-toc-nav a[href^='#']").forEach(function (link) {
    var part = document.getElementById(decodeURIComponent(link.hash.slice(1)));
    if (part) links.set(part, link);
  });

  function mark(link, now) {
    link.classList.toggle("active", now);
    link.parentElement.classList.toggle("active", now);
    if (now) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }

  var observer = new IntersectionObserver(function (entries) {
    entries.forEach(function (entry) { seen[entry.isIntersecting ? "add" : "delete"](entry.target); });
    var last = Array.from(links.keys()).filter(function (part) { return seen.has(part); }).pop();
    if (last) links.forEach(function (link, part) { mark(link, part === last); });
  }, { rootMargin: "0px 0px -60%" });
  links.forEach(function (link, part) { observer.observe(part); });
})();
