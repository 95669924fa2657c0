"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const cards = all(".card").map((node) => ({ node, text: null }));
  if (!cards.length) return;
  const text = document.getElementById("by-text");
  const choices = all("select[data-by]");
  const count = document.getElementById("count");
  const nothing = document.getElementById("nothing");
  const groups = all(".group");

  // The text of a card is read when it is first asked for: most pages are never searched.
  const textOf = (card) => (card.text ??= card.node.textContent.toLowerCase());
  const has = (node, name, value) =>
    name === "class" ? node.dataset.class.split(" ").includes(value) : node.dataset[name] === value;

  function filter() {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = choices.filter((one) => one.value).map((one) => [one.dataset.by, one.value]);
    let shown = 0;
    for (const card of cards) {
      const fits =
        wanted.every(([name, value]) => has(card.node, name, value)) &&
        words.every((word) => textOf(card).includes(word));
      card.node.hidden = !fits;
      shown += fits;
    }
    for (const group of groups) group.hidden = !all(".card:not([hidden])", group).length;
    const total = count.dataset.all;
    count.textContent = shown === cards.length ? `${total} shown` : `${shown} of ${total} shown`;
    nothing.hidden = shown > 0;
  }

  let waiting = 0;
  const soon = () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(filter);
  };
  const fold = (open) => {
    for (const { node } of cards) if (!node.hidden) node.open = open;
  };
  const clear = () => {
    text.value = "";
    for (const one of choices) one.value = "";
    filter();
    text.focus();
  };

  text.addEventListener("input", soon);
  for (const one of choices) one.addEventListener("change", soon);
  document.getElementById("unfold").addEventListener("click", () => fold(true));
  document.getElementById("fold").addEventListener("click", () => fold(false));
  document.getElementById("clear").addEventListener("click", clear);
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      text.focus();
    } else if (event.key === "Escape" && document.activeElement === text) clear();
  });

  // On paper everything is unfolded, and folded again as it was.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = cards.filter(({ node }) => !node.open);
    for (const { node } of folded) node.open = true;
  });
  addEventListener("afterprint", () => {
    for (const { node } of folded) node.open = false;
  });
})();
