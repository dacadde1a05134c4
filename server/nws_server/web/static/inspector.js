// Keeps a page up to date. Without it the page works, but does not update itself.
"use strict";

// Times, shown as ages.

const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const AGES = new Intl.RelativeTimeFormat("en");

function age(seconds) {
  if (seconds === 0) return "now";
  const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length);
  return AGES.format(-Math.trunc(seconds / length), unit);
}

function showTimes() {
  for (const time of document.querySelectorAll("time")) {
    const then = Date.parse(time.dateTime);
    if (Number.isNaN(then)) continue;
    const seconds = Math.floor((Date.now() - then) / 1000);
    const words = age(seconds);
    if (time.textContent !== words) time.textContent = words;
  }
}

// Changes the nodes shown into the nodes wanted, and leaves equal ones alone. So focus is kept, and
// what a person has opened stays open.

function morph(shown, wanted) {
  if (shown.isEqualNode(wanted)) return shown;
  if (shown.nodeName !== wanted.nodeName) {
    shown.replaceWith(wanted);
    return wanted;
  }
  if (shown.nodeName === "BUTTON") return shown;  // its text says what it has done
  if (shown.nodeType !== Node.ELEMENT_NODE) {
    shown.nodeValue = wanted.nodeValue;
    return shown;
  }
  for (const {name} of [...shown.attributes]) {
    if (!wanted.hasAttribute(name) && !(name === "open" && shown.nodeName === "DETAILS")) shown.removeAttribute(name);
  }
  for (const {name, value} of wanted.attributes) {
    if (name === "open" && shown.nodeName === "DETAILS") continue;  // a person may have closed it
    if (shown.getAttribute(name) !== value) shown.setAttribute(name, value);
  }
  if (shown.nodeName !== "TIME") morphChildren(shown, wanted);
  return shown;
}

function keysOf(parent) {
  return new Map([...parent.children].filter((child) => child.dataset.key !== undefined)
    .map((child) => [child.dataset.key, child]));
}

function morphChildren(shown, wanted) {
  const keyed = keysOf(shown);
  const wantedKeys = keysOf(wanted);
  if (keyed.size || wantedKeys.size) {
    for (const [key, child] of keyed) if (!wantedKeys.has(key)) child.remove();
    dropBlanks(shown);
    dropBlanks(wanted);
  }
  let next = shown.firstChild;
  for (const child of [...wanted.childNodes]) {
    const key = child.dataset?.key;
    let old = next;
    if (key !== undefined) {
      old = keyed.get(key) ?? null;
      keyed.delete(key);
    } else if (next?.dataset?.key !== undefined) {
      old = null;
    }
    if (old === null) {
      shown.insertBefore(child, next);
      continue;
    }
    if (next !== null && old === next.nextSibling) {  // only the node before it is out of place
      next.remove();
      next = old;
    }
    if (old === next) next = next.nextSibling;
    else shown.insertBefore(old, next);
    morph(old, child);
  }
  while (next) {
    const after = next.nextSibling;
    next.remove();
    next = after;
  }
}

// Whitespace between rows and sections shows nothing, and would separate neighbors that do not move.
function dropBlanks(parent) {
  for (const node of [...parent.childNodes]) {
    if (node.nodeType === Node.TEXT_NODE && !node.nodeValue.trim()) node.remove();
  }
}

function show(live, wanted) {
  const focused = document.activeElement;
  morphChildren(live, wanted);
  if (focused !== document.activeElement && focused?.isConnected) focused.focus({preventScroll: true});
  offerCopies();
  showTimes();
}

// Updates that the server sends.

const RETRY_MILLISECONDS = 2000;

function parse(html) {
  return new DOMParser().parseFromString(html, "text/html");
}

function keepUpToDate(live) {
  const state = document.getElementById("live-state");
  const button = document.getElementById("pause");
  const ended = document.getElementById("ended");  // only on pages that stay when their subject is gone
  let source = null;
  let timer = 0;
  let isOver = false;

  function say(name, words) {
    state.dataset.state = name;
    if (state.textContent !== words) state.textContent = words;
  }

  function connect() {
    const mine = source = new EventSource(live.dataset.events);
    source.onopen = () => say("live", "live");
    source.onmessage = (event) => show(live, parse(event.data).body);
    source.addEventListener("gone", () => {
      mine.close();
      if (ended) end();
      else timer = setTimeout(() => location.reload(), 1000);
    });
    // A server that stops may be started again, but what such a page shows does not come back.
    source.addEventListener("stopped", () => {
      if (ended) end();
    });
    source.onerror = () => {
      mine.close();
      say("lost", "disconnected");
      timer = setTimeout(ask, RETRY_MILLISECONDS);
    };
  }

  // Instead of a reload, which would end in an error page while the server is down, and lose what was
  // typed into a form. The server may be a new one, whose forms have other tokens.
  async function ask() {
    const asked = timer;
    try {
      const answer = await fetch(location.href);
      const page = parse(await answer.text());
      const wanted = page.getElementById("live");
      if (asked !== timer) return;
      if (!answer.ok || !wanted) return void (ended ? end() : location.reload());
      show(live, wanted);
      const token = page.querySelector("input[name=token]")?.value;
      for (const input of document.querySelectorAll("input[name=token]")) input.value = token;
      connect();
    } catch {
      if (asked === timer) timer = setTimeout(ask, RETRY_MILLISECONDS);
    }
  }

  function end() {
    stop();
    say("ended", "ended");
    button.hidden = true;
    ended.hidden = live.querySelector(":scope > .notice") !== null;  // it says so already
    for (const link of live.querySelectorAll("a.danger")) link.remove();  // there is nobody to do it
    isOver = true;
  }

  function stop() {
    source?.close();
    clearTimeout(timer);
    timer = 0;
  }

  function follow() {
    if (isOver) return;
    const paused = sessionStorage.getItem("paused") === "yes";
    stop();
    button.textContent = paused ? "Resume" : "Pause";
    if (paused) say("paused", "paused");
    else if (!document.hidden) connect();
  }

  button.addEventListener("click", () => {
    sessionStorage.setItem("paused", sessionStorage.getItem("paused") === "yes" ? "no" : "yes");
    follow();
  });
  // A browser opens few connections to a server: hidden pages must not use them all.
  document.addEventListener("visibilitychange", follow);
  window.addEventListener("pagehide", stop);
  window.addEventListener("pageshow", (event) => { if (event.persisted) follow(); });
  button.parentElement.hidden = false;
  follow();
}

// Each form is sent once, however often its button is pressed.

document.addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

// Buttons that copy a text.

function offerCopies() {
  for (const button of document.querySelectorAll("button[data-copy][hidden]")) button.hidden = false;
}

async function copy(button) {
  const what = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(what.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(what);
    button.textContent = "Selected: press Ctrl-C";
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-copy]");
  if (button) copy(button);
});

// The notice after an action is shown once, not again after a reload or from the history.
history.replaceState(history.state, "", location.href.replace(/[?&]said=[^&#]*/, ""));
offerCopies();
showTimes();
setInterval(showTimes, 1000);
const live = document.getElementById("live");
if (live) keepUpToDate(live);
