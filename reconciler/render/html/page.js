"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);
  const groups = all(".group").map((node) => ({ node, number: node.querySelector(".number"), all: 0, shown: 0 }));
  const groupOf = new Map(groups.map((group) => [group.node, group]));
  // What is inside of the first cards stands on the page. Of the others it waits as text, so that the page opens at once.
  const waiting = JSON.parse(byId("later")?.textContent ?? "[]");
  const cards = all(".card").map((node) => ({
    node,
    group: groupOf.get(node.closest(".group")),
    later: node.querySelector(".inside") ? null : waiting.shift(),
    text: null,
  }));
  if (!cards.length) return;
  for (const { group } of cards) group.all += 1;
  const cardOf = new Map(cards.map((card) => [card.node, card]));
  const sections = all("section.target");
  const choices = all("select[data-by]");
  const [text, count, nothing, printed] = ["by-text", "count", "nothing", "printed"].map(byId);

  function build(card) {
    if (card.later === null) return;
    card.node.insertAdjacentHTML("beforeend", card.later);
    card.later = null;
  }

  const MEANT = { "&lt;": "<", "&gt;": ">", "&#34;": '"', "&#39;": "'", "&amp;": "&" };
  const plain = (html) => html.replace(/<[^>]*>/g, " ").replace(/&(?:lt|gt|amp|#3[49]);/g, (one) => MEANT[one]);
  // The text of a card is read when it is first asked for: most pages are never searched.
  const textOf = (card) => (card.text ??= `${card.node.textContent} ${plain(card.later ?? "")}`.toLowerCase());
  const has = ({ node: { dataset } }, name, value) =>
    name === "class" ? dataset.class.split(" ").includes(value)
    : name === "file" || name === "effect" ? dataset[name].split("\n").includes(value)
    : dataset[name] === value;

  function filter() {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = choices.filter((one) => one.value).map((one) => [one.dataset.by, one.value]);
    for (const group of groups) group.shown = 0;
    for (const card of cards) {
      const fits =
        wanted.every(([name, value]) => has(card, name, value)) &&
        words.every((word) => textOf(card).includes(word));
      card.node.hidden = !fits;
      card.group.shown += fits;
    }
    const target = wanted.find(([name]) => name === "target")?.[1];
    for (const section of sections) section.hidden = target !== undefined && section.dataset.target !== target;
    for (const group of groups) {
      group.node.hidden = !group.shown;
      group.number.textContent = group.shown === group.all ? group.all : `${group.shown} of ${group.all}`;
    }
    tell([...wanted, ...(words.length ? [["text", text.value.trim()]] : [])]);
  }

  function tell(wanted) {
    const shown = groups.reduce((sum, group) => sum + group.shown, 0);
    const told = wanted.length ? `${shown} of ${cards.length} shown` : `${cards.length} shown`;
    count.textContent = told;
    nothing.hidden = shown > 0;
    printed.hidden = !wanted.length;
    printed.textContent = `Only a part is on this page: ${told}, by ${wanted.map((one) => one.join(" ")).join(", ")}.`;
    remember(new URLSearchParams(wanted).toString());
  }

  // What is chosen stands in the address, so that it can be passed on and comes back with the page.
  function remember(state) {
    if (state === location.hash.slice(1) || (!state && !location.hash.includes("="))) return;
    try {
      history.replaceState(null, "", `${location.pathname}${location.search}${state && "#"}${state}`);
    } catch {
      // Some viewers have no address to write to, and some browsers refuse to be asked too often while a person types fast.
    }
  }

  function recall() {
    if (location.hash.length > 1 && !location.hash.includes("=")) return;
    const state = new URLSearchParams(location.hash.slice(1));
    text.value = state.get("text") ?? "";
    for (const one of choices) {
      const value = state.get(one.dataset.by) ?? "";
      one.value = all("option", one).some((option) => option.value === value) ? value : "";
    }
    filter();
  }

  let frame = 0;
  function soon() {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(filter);
  }

  function clear() {
    text.value = "";
    for (const one of choices) one.value = "";
    filter();
    text.focus();
  }

  // A few at a time, so that the page answers meanwhile.
  let folding = 0;
  function fold(open) {
    const turn = ++folding;
    const some = cards.filter(({ node }) => !node.hidden && node.open !== open);
    (function next() {
      if (turn !== folding) return;
      for (const card of some.splice(0, 10)) {
        if (open) build(card);
        card.node.open = open;
      }
      if (some.length) requestAnimationFrame(next);
    })();
  }

  const idle = window.requestIdleCallback ?? ((work) => setTimeout(() => work({ timeRemaining: () => 0 }), 20));
  const rest = cards.filter((card) => card.later !== null);
  function buildSome(deadline) {
    do for (const card of rest.splice(0, 5)) build(card);
    while (rest.length && deadline.timeRemaining() > 8);
    if (rest.length) idle(buildSome);
  }

  text.addEventListener("input", soon);
  text.addEventListener("keydown", (event) => event.key === "Escape" && clear());
  for (const one of choices) one.addEventListener("change", soon);
  byId("unfold").addEventListener("click", () => fold(true));
  byId("fold").addEventListener("click", () => fold(false));
  byId("clear").addEventListener("click", clear);
  byId("changes").addEventListener("click", ({ target }) => {
    const card = cardOf.get(target.closest?.(".card > summary")?.parentElement);
    if (card) build(card);
  });
  addEventListener("hashchange", recall);
  for (const card of cards) if (card.node.open) build(card);

  // On paper everything is unfolded, and folded again as it was.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = cards.filter(({ node }) => !node.hidden && !node.open);
    for (const card of folded) {
      build(card);
      card.node.open = true;
    }
  });
  addEventListener("afterprint", () => {
    for (const { node } of folded) node.open = false;
  });

  if (location.hash.includes("=")) recall();
  if (rest.length) idle(buildSome);
})();
