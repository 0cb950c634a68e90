/* What axe is asked of a page, and what is put aside before, so that it looks at each thing once or twice and
   not a thousand times. Evaluates to the functions that test_pages.py calls. */
(() => {
  /* What an element looks like, and on which grounds it stands. */
  function looksOf(more) {
    const names = ["color", "fontSize", "fontWeight", ...more];
    const grounds = new Map([[null, ""]]);
    function ground(element) {
      if (!grounds.has(element)) {
        const {backgroundColor, backgroundImage, opacity} = getComputedStyle(element);
        const own = `${backgroundColor} ${backgroundImage} ${opacity}`;
        const below = ground(element.parentElement);
        grounds.set(element, own === "rgba(0, 0, 0, 0) none 1" ? below : `${below}|${own}`);
      }
      return grounds.get(element);
    }
    return element => {
      const style = getComputedStyle(element);
      return names.map(name => style[name]).join() + ground(element);
    };
  }

  /* Of what is alike, two. */
  function twice() {
    const times = {};
    return kind => (times[kind] = (times[kind] ?? 0) + 1) <= 2;
  }

  function words() {
    const looks = looksOf([]), first = twice();
    return [...document.body.querySelectorAll("*")].filter(element =>
      [...element.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim())
      && element.checkVisibility({visibilityProperty: true}) && first(looks(element)));
  }

  /* The drawn glyphs of a formula are hidden from assistive technology, which reads its MathML instead. Each
     formula keeps its box and its MathML; without the ten thousand glyphs axe needs one second, not twenty. */
  function withoutGlyphs() {
    [...document.querySelectorAll('mjx-math[aria-hidden="true"]')]
      .map(glyphs => [glyphs, glyphs.getBoundingClientRect()])
      .forEach(([glyphs, {width, height}]) => {
        glyphs.style.cssText += `;display:inline-block;width:${width}px;height:${height}px`;
        glyphs.replaceChildren();
      });
  }

  /* MathML is text to axe, which knows no rule for it: the text of a formula stays, in one element. */
  function withoutSymbols() {
    const said = "[id], [href], [role], [tabindex]";
    for (const formula of document.querySelectorAll("mjx-assistive-mml > math")) {
      if (formula.querySelector(said)) continue;
      const symbols = document.createElementNS(formula.namespaceURI, "mrow");
      symbols.textContent = formula.textContent;
      formula.replaceChildren(symbols);
    }
  }

  /* The words of code, which have a class and nothing more and differ from the text around them by colour
     alone, become that text, but for two of each look, here and as it was seen in the other theme. */
  const seen = [];
  function see() { seen.push(...words()); }
  function withoutColours() {
    see();
    const kept = new Set(seen);
    const flows = ({display, position, padding, margin, borderWidth}) =>
      `${display} ${position} ${padding} ${margin} ${borderWidth}` === "inline static 0px 0px 0px";
    const like = ["font", "letterSpacing", "whiteSpace", "wordBreak", "verticalAlign"];
    const alike = (style, other) => like.every(name => style[name] === other[name]);
    const bare = e => e.localName === "span" && !kept.has(e) && [...e.children].every(bare)
      && [...e.attributes].every(({name}) => name === "class") && flows(getComputedStyle(e))
      && alike(getComputedStyle(e), getComputedStyle(e.parentElement));
    const all = [...document.querySelectorAll("article span")].filter(bare);
    all.forEach(e => { if (e.isConnected) e.replaceWith(e.textContent); });
    document.body.normalize();
  }

  /* A link in a text is told apart by its colours or otherwise. Whether it stands in a text axe says while it
     looks for all else; it then looks at two of each look, with the colours. */
  let asked = null, link = null;
  const linked = [];
  const rule = axe._audit.rules.find(({id}) => id === "link-in-text-block");
  const isAsked = rule.matches;
  rule.matches = function (element, ...rest) {
    if (!isAsked.call(this, element, ...rest)) return false;
    if (asked === null) return true;
    if (asked(link(element))) linked.push(element);
    return false;
  };
  function blockOf(element) {
    const block = element.parentElement;
    return getComputedStyle(block).display.startsWith("inline") ? blockOf(block) : block;
  }
  function links() {
    const looks = looksOf(["fontFamily", "fontStyle", "textDecoration", "border", "outline", "backgroundImage"]);
    const upTo = (element, end) => looks(element) + (element === end ? "" : upTo(element.parentElement, end));
    link = element => upTo(element, blockOf(element));
    asked = twice();
  }

  /* Where nothing is left to look at for its colours, they need not be looked for. An emptied element stays in
     its place: its sisters keep their numbers. */
  function withoutRepetition() {
    const kept = new Set([...seen, ...linked.map(blockOf)]), above = new Set();
    for (const element of kept) {
      for (let e = element.parentElement; e && !above.has(e); e = e.parentElement) above.add(e);
    }
    const empty = element => {
      if (kept.has(element)) return;
      if (above.has(element)) [...element.children].forEach(empty);
      else { element.replaceChildren(); element.hidden = true; }
    };
    document.querySelectorAll("article").forEach(empty);
  }

  /* What axe finds. Without preload it does not fetch style sheets itself (it asks for their imports at wrong
     addresses). `excused` is rule -> selector of the elements that are. A text whose ground axe cannot make out
     for something before it would pass in silence: in the article it counts. */
  async function find(where, options, excused) {
    const types = {resultTypes: ["violations", "incomplete"]};
    const {violations, incomplete} = await axe.run(where, {...types, preload: false, ...options});
    const undecided = ({target, any: [check]}) => check?.data?.messageKey === "elmPartiallyObscured"
      && document.querySelector(target[0])?.closest("article");
    for (const {id, nodes} of incomplete) {
      violations.push({id: `${id}, undecided`, nodes: nodes.filter(undecided)});
    }
    const isExcused = (rule, node) => excused[rule] && document.querySelector(node.target[0])?.matches(excused[rule]);
    return violations.flatMap(({id, nodes}) => nodes.filter(node => !isExcused(id, node)).slice(0, 3)
      .map(node => [id, node.target, node.html, node.failureSummary]));
  }

  /* What an element is, and whether a finger hits it and a key reaches it. */
  function all(excused) {
    links();
    return find(document, {rules: {"color-contrast": {enabled: false}}}, excused);
  }

  /* Colours depend on the theme, and axe needs twenty seconds for the ten thousand words of a page. Texts of
     one colour, size and weight on the same grounds have the same contrast: it sees two of each. */
  function colours(excused) {
    asked = null;
    // A section that carries the page's own ground hides its heading, as axe sees it.
    const page = getComputedStyle(document.body).backgroundColor;
    for (const section of document.querySelectorAll("article section")) {
      if (getComputedStyle(section).backgroundColor === page) section.style.backgroundColor = "transparent";
    }
    const rules = ["color-contrast", "link-in-text-block"];
    return find({include: [...words(), ...linked]}, {runOnly: {type: "rule", values: rules}}, excused);
  }

  return {see, withoutGlyphs, withoutSymbols, withoutColours, withoutRepetition, all, colours};
})()
