/* The ledger of claims, filtered by section and by verdict. Without this script the page shows all rows, under
   headings for the sections and with lists of links for the verdicts. */
(function () {
  "use strict";

  var cards = Array.prototype.slice.call(document.querySelectorAll(".claim"));
  if (!cards.length) return;
  var first = document.querySelector("section section");

  function text(element) { return element.firstChild.textContent.trim(); }
  function heading(section) { return text(section.querySelector("h2, h3")); }
  function section(card) { return card.closest("section"); }

  function add(parent, name, words) {
    var element = parent.appendChild(document.createElement(name));
    if (words) element.textContent = words;
    return element;
  }

  function choice(words, all) {
    var label = add(form, "label", words);
    var select = add(label, "select");
    add(select, "option", all).value = "";
    select.addEventListener("change", show);
    return select;
  }

  var form = document.createElement("form");
  form.className = "claims-filter";
  form.setAttribute("aria-label", "Filter the rows");
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  var sections = choice("Section of the notes", "all sections");
  var verdicts = choice("Verdict", "all verdicts");
  var button = add(form, "button", "Show all");
  button.type = "button";
  var count = add(form, "output");
  count.setAttribute("role", "status");

  var seen = {}, group = null;
  cards.forEach(function (card) {
    var inner = section(card), outer = inner.parentElement, word = card.querySelector(".claim-verdict").textContent;
    if (!seen[outer.id]) {
      seen[outer.id] = true;
      group = add(sections, "optgroup");
      group.label = heading(outer);
    }
    if (!seen[inner.id]) {
      seen[inner.id] = true;
      add(group, "option", heading(inner)).value = inner.id;
    }
    if (!seen["verdict " + word]) {
      seen["verdict " + word] = true;
      add(verdicts, "option", word).value = word;
    }
  });

  function show() {
    var shown = 0;
    cards.forEach(function (card) {
      var right = (!sections.value || section(card).id === sections.value) &&
        (!verdicts.value || card.querySelector(".claim-verdict").textContent === verdicts.value);
      card.hidden = !right;
      shown += right ? 1 : 0;
    });
    // A heading without a row goes too.
    cards.forEach(function (card) {
      [section(card), section(card).parentElement].forEach(function (part) {
        part.hidden = !part.querySelector(".claim:not([hidden])");
      });
    });
    count.textContent = "Showing " + shown + " of " + cards.length + " rows.";
  }

  function all() {
    sections.value = verdicts.value = "";
    show();
  }

  // A link to a row that the filter hides shows it again.
  function reveal() {
    var target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target || !target.closest("[hidden]")) return;
    all();
    target.scrollIntoView();
  }

  button.addEventListener("click", all);
  window.addEventListener("hashchange", reveal);
  first.parentElement.insertBefore(form, first);
  show();
})();
