/* What a reference leads to, shown beside it: equations and words of the glossary. It comes with the pointer or
   the focus of the keyboard, stays while the pointer is on either, and goes with Escape. A touch follows the
   link as ever. What stands on this page is copied; what another page shows is in a file of that page, written
   by book/_ext/previews.py, and comes when it is first asked for. */
(function () {
  "use strict";

  var LINKS = "article a.internal[href*='#equation-'], article a.internal[href*='#term-']";
  var root = new URL(document.documentElement.dataset.content_root || "./", location.href).href;
  var pages = window.coursePreviews = window.coursePreviews || {};
  var card = document.createElement("div");
  var link = null, awaited = null, timer = 0;
  card.id = "preview";
  card.className = "preview";
  card.hidden = true;
  card.setAttribute("role", "tooltip");

  // A copy is read and not walked: no stops for the Tab key, no second use of an id.
  function copy(element) {
    var made = element.cloneNode(true);
    made.querySelectorAll(".headerlink, .eqno").forEach(function (part) { part.remove(); });
    made.querySelectorAll("a").forEach(function (part) { part.replaceWith.apply(part, part.childNodes); });
    [made].concat(Array.from(made.querySelectorAll("*"))).forEach(function (part) {
      ["id", "tabindex", "aria-label", "name"].forEach(function (name) { part.removeAttribute(name); });
      if (part.getAttribute("role") === "group") part.removeAttribute("role");
    });
    return made;
  }

  function add(words, kind) {
    var line = card.appendChild(document.createElement("p"));
    line.className = kind;
    line.textContent = words;
  }

  function documentOf(target) {
    return target.href.slice(root.length).replace(/\.html(#.*)?$/, "");
  }

  // Loads what another page shows; when it is there, and still asked for, shows it.
  function fetchThenShow(target) {
    var name = documentOf(target), script = document.createElement("script");
    awaited = target;
    script.src = root + "_static/previews/" + name.replace(/\//g, "--") + ".js";
    script.onload = function () { if (awaited === target && pages[name]) show(target); };
    document.head.append(script);
  }

  // Fills the card; says whether there was anything to fill it with.
  function fill(target) {
    var anchor = decodeURIComponent(target.hash.slice(1)), other = pages[documentOf(target)];
    var here = target.getAttribute("href")[0] === "#" && document.getElementById(anchor);
    card.replaceChildren();
    if (here && here.localName === "dt") {
      var definition = here;
      while (definition && definition.localName !== "dd") definition = definition.nextElementSibling;
      if (!definition) return false;
      add(here.firstChild.textContent.trim(), "preview-word");
      card.append.apply(card, copy(definition).childNodes);
    } else if (here) {
      card.append(copy(here));
    } else if (other) {
      // Written by the build from this book's own text, like all other HTML of the page.
      card.insertAdjacentHTML("beforeend", other.shown[anchor] || "");
      if (card.hasChildNodes()) add(other.page, "preview-page");
    }
    return card.childNodes.length > 0;
  }

  function place() {
    var at = link.getBoundingClientRect(), frame = card.offsetParent.getBoundingClientRect();
    var left = Math.min(at.left, document.documentElement.clientWidth - card.offsetWidth - 12);
    var below = at.bottom + 4, above = at.top - card.offsetHeight - 4;
    var top = below + card.offsetHeight > window.innerHeight && above > 0 ? above : below;
    card.style.left = Math.max(left, 8) - frame.left + "px";
    card.style.top = top - frame.top + "px";
  }

  function show(target) {
    clearTimeout(timer);
    if (link === target) return;
    hide();
    if (target.getAttribute("href")[0] !== "#" && !pages[documentOf(target)]) return fetchThenShow(target);
    if (!fill(target)) return;
    link = target;
    target.setAttribute("aria-describedby", card.id);
    card.hidden = false;
    place();
  }

  function hide() {
    clearTimeout(timer);
    awaited = null;
    if (!link) return;
    link.removeAttribute("aria-describedby");
    link = null;
    card.hidden = true;
  }

  function later(action, wait) {
    clearTimeout(timer);
    timer = setTimeout(action, wait);
  }

  function found(event) { return event.target.closest ? event.target.closest(LINKS) : null; }

  document.addEventListener("pointerover", function (event) {
    if (event.pointerType === "touch") return;
    var target = found(event);
    if (target) later(function () { show(target); }, link === target ? 0 : 150);
    else if (card.contains(event.target)) clearTimeout(timer);
    else if (link && document.activeElement !== link) later(hide, 250);
    else if (!link) clearTimeout(timer);
  });
  document.addEventListener("focusin", function (event) {
    var target = found(event);
    if (target && target.matches(":focus-visible")) show(target);
    else hide();
  });
  document.addEventListener("focusout", function () { later(hide, 250); });
  document.addEventListener("keydown", function (event) { if (event.key === "Escape") hide(); });
  document.addEventListener("click", function (event) { if (found(event)) hide(); });

  var article = document.querySelector("article");
  if (article) article.append(card);
})();
