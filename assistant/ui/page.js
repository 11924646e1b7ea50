// What the page does by itself: citations, conversations in the browser, files, and the connection.
(() => {
  "use strict";
  const PREFIX = "assistant:";
  const INDEX = PREFIX + "conversations";
  const MOST = 50;
  const HEARTBEAT_MS = 15000;
  let send = null;
  let listElement = null;
  let current = sessionStorage.getItem(PREFIX + "current");
  let wanted = null;
  // What is going on: a conversation opens, an answer comes, papers were added. A question asked meanwhile is held;
  // another conversation wished for meanwhile opens first.
  const busy = new Set(["open"]);
  let held = null;
  let leaving = null;

  const page = (window.assistantPage = {});

  function inTurn(does) {
    if (busy.size) held = does;
    else does();
  }

  page.began = (what, inputs) => {
    busy.add(what);
    return inputs;
  };

  page.over = (what) => {
    busy.delete(what);
    // Gradio forgets an event only once all that follows it is under way.
    setTimeout(() => {
      if (busy.size) return;
      const does = leaving || held;
      if (leaving) leaving = null;
      else held = null;
      does?.();
    });
  };

  // Events of the page go to the server through one component.
  page.connect = (element, trigger) => {
    send = trigger;
    // A screen reader hears of a turn once it is whole; what still streams stands elsewhere.
    for (const [name, value] of Object.entries({ role: "log", "aria-live": "polite", "aria-label": "Conversation" }))
      element.setAttribute(name, value);
    // Where there is room for one thing alone, the talk comes first.
    if (innerWidth < 768) document.querySelector(".sidebar.open .toggle-button")?.click();
    const turns = current && stored(current);
    send("open", { id: turns ? current : "", turns: turns || null });
    new MutationObserver(follow).observe(document.body, { childList: true, subtree: true });
    beat();
  };

  const clicks = {
    ".cite": (one) => openSource(one, +one.dataset.turn, one.dataset.n),
    ".back": (one) => backToAnswer(+one.dataset.turn, one.dataset.n),
    ".ask-again": (one) => {
      const data = { turn: +one.dataset.turn, without: unticked() };
      inTurn(() => send("again", data));
    },
    ".example": (one) => inTurn(() => send("ask", { question: one.dataset.question })),
    ".tool[data-act]": act,
    ".conversation-open": (one) => open(one.dataset.id),
    ".conversation-new": () => open(null),
    ".conversation-delete": (one) => remove(one.dataset.id),
  };

  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element)) return;
    for (const [selector, does] of Object.entries(clicks)) {
      const one = event.target.closest(selector);
      if (one) return void does(one);
    }
  });

  function act(one) {
    const data = { turn: +one.dataset.turn };
    if (one.dataset.rating) data.rating = one.dataset.rating;
    if (one.dataset.format) data.format = one.dataset.format;
    if (one.dataset.model) data.model = one.dataset.model;
    if (one.dataset.act === "copy") return void copy(one);
    if (one.dataset.act === "retry") inTurn(() => send("retry", data));
    else send(one.dataset.act, data);
    if (one.dataset.act === "edit" || one.dataset.act === "leave") focusQuestion();
    if (one.dataset.act === "show") wanted = { turn: data.turn, key: null };
    const menu = one.closest("details");
    if (menu) menu.open = false;
  }

  function type(area, text) {
    if (!area) return;
    area.value = text;
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }

  const box = () => document.querySelector("#question textarea");

  function focusQuestion() {
    setTimeout(() => box()?.focus(), 150);
  }

  // What is asked before the page is ready for it waits, and is asked then.
  const entered = (event) =>
    event.key === "Enter" && !event.shiftKey && !event.isComposing && event.target === box();
  const on = (event, selector) => event.target instanceof Element && event.target.closest(selector);
  document.addEventListener("keydown", (event) => entered(event) && holdTyped(event), true);
  document.addEventListener(
    "click",
    (event) => {
      if (on(event, "#send")) holdTyped(event);
      if (on(event, "#stop")) busy.add("stop");
    },
    true,
  );

  function holdTyped(event) {
    if (!busy.size) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const question = box().value;
    if (question.trim()) held = () => send("ask", { question, typed: true });
  }

  document.addEventListener("keydown", (event) => {
    const wanted = event.key === "Enter" && (event.ctrlKey || event.metaKey);
    if (!wanted || !event.target.closest(".draft-text")) return;
    event.preventDefault();
    const check = document.querySelector(".draft-check");
    // What was typed last reaches the server with the next change.
    setTimeout(() => (check.querySelector("button") || check).click(), 50);
  });

  async function copy(one) {
    const text = one.dataset.copy;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.body.appendChild(document.createElement("textarea"));
      area.value = text;
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    one.textContent = "Copied";
    setTimeout(() => (one.textContent = "Copy"), 1500);
  }

  // Citations and sources.

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const one of document.querySelectorAll(".cited")) one.classList.add("hushed");
  });
  for (const kind of ["mouseout", "focusout"]) {
    document.addEventListener(kind, (event) => {
      const one = event.target instanceof Element && event.target.closest(".cited");
      const settled = Date.now() - (page.hushedAt || 0) > 1000;
      if (one && settled && !one.contains(event.relatedTarget)) one.classList.remove("hushed");
    });
  }
  for (const kind of ["mouseover", "focusin"]) {
    document.addEventListener(kind, (event) => {
      const one = event.target instanceof Element && event.target.closest(".cited");
      if (one) keepInside(one.querySelector(".tip"));
    });
  }

  // A hint near an edge moves inwards.
  function keepInside(tip) {
    if (!tip) return;
    tip.style.marginLeft = "0px";
    const box = tip.getBoundingClientRect();
    const over = Math.max(0, box.right + 8 - document.documentElement.clientWidth);
    const under = Math.max(0, 8 - box.left);
    tip.style.marginLeft = `${under - over}px`;
  }

  function openSource(one, turn, key) {
    // The page moves under the pointer: that is no reason to show the hint again.
    page.hushedAt = Date.now();
    one.closest(".cited")?.classList.add("hushed");
    wanted = { turn, key };
    if (!showWanted()) send("show", { turn });
  }

  function showWanted() {
    if (!wanted) return true;
    const panel = document.querySelector(`.sources[data-turn="${wanted.turn}"]`);
    if (!panel) return false;
    const source = wanted.key
      ? document.getElementById(`source-${wanted.turn}-${wanted.key}`)
      : panel.querySelector(".source");
    if (!source) return false;
    wanted = null;
    for (const other of document.querySelectorAll(".source.chosen")) other.classList.remove("chosen");
    source.classList.add("chosen");
    (source.querySelector("mark") || source).scrollIntoView({ block: "center", behavior: calm() });
    source.focus({ preventScroll: true });
    return true;
  }

  function backToAnswer(turn, key) {
    const mark = document.querySelector(`.cite[data-turn="${turn}"][data-n="${key}"]`);
    if (!mark) return;
    mark.scrollIntoView({ block: "center", behavior: calm() });
    mark.focus({ preventScroll: true });
  }

  const calm = () => (matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth");

  const unticked = () =>
    [...document.querySelectorAll(".use-source:not(:checked)")].map((one) => one.dataset.paper);

  document.addEventListener("change", (event) => {
    if (!(event.target instanceof Element) || !event.target.matches(".use-source")) return;
    const button = document.querySelector(".ask-again");
    if (button) button.disabled = unticked().length === 0;
  });

  // The newest words stay in sight, unless the reader has scrolled away.

  let asleep = false;
  function follow() {
    if (asleep) return;
    asleep = true;
    requestAnimationFrame(() => {
      asleep = false;
      showWanted();
      const live = document.querySelector("#live .turn");
      if (!live) return void (page.followed = null);
      count(live);
      if (page.followed !== live) {
        page.followed = live;
        live.scrollIntoView({ block: "start", behavior: calm() });
      }
    });
  }

  function count(live) {
    if (live.dataset.from) return;
    live.dataset.from = Date.now();
    const timer = setInterval(() => {
      const since = document.querySelector("#live .since");
      if (!since) return void clearInterval(timer);
      const seconds = Math.round((Date.now() - live.dataset.from) / 1000);
      since.textContent = seconds < 3 ? "" : ` · ${seconds} s${seconds > 20 ? ", Stop ends the wait" : ""}`;
    }, 1000);
  }

  // Conversations, kept in this browser.

  const read = (key) => {
    try {
      return JSON.parse(localStorage.getItem(key));
    } catch {
      return null;
    }
  };
  const index = () => (Array.isArray(read(INDEX)) ? read(INDEX) : []);
  const stored = (id) => read(PREFIX + "conversation:" + id);

  page.keep = (value) => {
    if (!value || !value.id) return;
    setCurrent(value.id);
    const rest = index().filter((one) => one.id !== value.id);
    const all = [{ id: value.id, title: value.title, at: Date.now() }, ...rest];
    write(value, all);
    drawList();
  };

  // What no longer fits goes, the oldest first.
  function write(value, all) {
    for (const one of all.splice(MOST)) localStorage.removeItem(PREFIX + "conversation:" + one.id);
    for (;;) {
      try {
        localStorage.setItem(PREFIX + "conversation:" + value.id, JSON.stringify(value.turns));
        localStorage.setItem(INDEX, JSON.stringify(all));
        return;
      } catch {
        const oldest = all.length > 1 ? all.pop() : null;
        if (!oldest) return;
        localStorage.removeItem(PREFIX + "conversation:" + oldest.id);
      }
    }
  }

  function setCurrent(id) {
    current = id;
    if (id) sessionStorage.setItem(PREFIX + "current", id);
    else sessionStorage.removeItem(PREFIX + "current");
  }

  function open(id) {
    type(box(), "");
    away(() => {
      setCurrent(id);
      busy.add("open");
      send("open", { id: id || "", turns: id ? stored(id) : null });
      drawList();
      focusQuestion();
    });
  }

  // Who leaves a conversation wants no more of its answer; what came of it is kept.
  function away(does) {
    held = null;
    if (!busy.size) return void does();
    leaving = does;
    stopAsking();
  }

  function stopAsking() {
    if (!leaving || !busy.has("ask")) return;
    document.querySelector("#stop")?.click();
    // It is there once the answer has begun.
    setTimeout(stopAsking, 250);
  }

  page.fresh = () => open(null);

  function remove(id) {
    const forget = () => {
      localStorage.removeItem(PREFIX + "conversation:" + id);
      localStorage.setItem(INDEX, JSON.stringify(index().filter((one) => one.id !== id)));
      drawList();
    };
    if (id !== current) return void forget();
    away(() => {
      forget();
      open(null);
    });
  }

  page.list = (element) => {
    listElement = element;
    drawList();
  };
  window.addEventListener("storage", (event) => event.key === INDEX && drawList());

  function drawList() {
    const box = listElement?.querySelector(".conversations");
    if (!box) return;
    box.replaceChildren(heading(), button("conversation-new", "New conversation"));
    const list = box.appendChild(document.createElement("ul"));
    for (const one of index()) list.append(entry(one));
  }

  function heading() {
    const one = document.createElement("h2");
    one.textContent = "Conversations";
    return one;
  }

  function button(name, words, label) {
    const one = document.createElement("button");
    one.type = "button";
    one.className = name;
    one.textContent = words;
    if (label) one.setAttribute("aria-label", label);
    return one;
  }

  function entry(conversation) {
    const item = document.createElement("li");
    const open = button("conversation-open", conversation.title);
    open.dataset.id = conversation.id;
    open.dir = "auto";
    if (conversation.id === current) open.setAttribute("aria-current", "true");
    const gone = button("conversation-delete", "×", `Delete the conversation ${conversation.title}`);
    gone.dataset.id = conversation.id;
    item.append(open, gone);
    return item;
  }

  // Files that the reader asked for.

  page.save = (file) => {
    if (!file || !file.text) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([file.text], { type: file.media_type }));
    link.download = file.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };

  // The connection: a lost one is said, and what was typed stays.

  async function beat() {
    if (document.visibilityState === "visible") {
      const alive = await fetch("manifest.json", { cache: "no-store" }).then(() => true, () => false);
      tell(alive);
    }
    setTimeout(beat, page.lost ? 3000 : HEARTBEAT_MS);
  }

  function tell(alive) {
    if (page.lost === !alive) return;
    page.lost = !alive;
    document.getElementById("lost-connection")?.remove();
    if (alive) return;
    const note = document.createElement("div");
    note.id = "lost-connection";
    note.setAttribute("role", "alert");
    note.textContent =
      "The connection is lost. Is `assistant serve` still running? Start it again, then reload this page; your conversations are kept in this browser.";
    document.body.prepend(note);
  }
  window.addEventListener("offline", () => tell(false));
})();
