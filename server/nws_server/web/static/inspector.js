// Keeps a page up to date. Without it the page works, but stands still.
"use strict";

// Times that say how long ago something was.

const UNITS = [["d", 86400, "h", 3600], ["h", 3600, "min", 60], ["min", 60, "s", 1]];

function duration(seconds) {
  for (const [unit, length, smaller, part] of UNITS) {
    if (seconds >= length) {
      const rest = Math.floor(seconds % length / part);
      return Math.floor(seconds / length) + " " + unit + (rest ? " " + rest + " " + smaller : "");
    }
  }
  return seconds + " s";
}

function showTimes() {
  for (const time of document.querySelectorAll("time")) {
    const then = Date.parse(time.dateTime);
    if (Number.isNaN(then)) continue;
    const seconds = Math.floor((Date.now() - then) / 1000);
    const words = seconds < 0 ? "in " + duration(-seconds) : seconds < 1 ? "now" : duration(seconds) + " ago";
    if (time.textContent !== words) time.textContent = words;
  }
}

// From what is shown to what is to be shown, leaving alone what is the same: so what has the focus
// keeps it, and what a person has opened stays open.

function morph(shown, wanted) {
  if (shown.isEqualNode(wanted)) return shown;
  if (shown.nodeName !== wanted.nodeName) {
    shown.replaceWith(wanted);
    return wanted;
  }
  if (shown.nodeType !== Node.ELEMENT_NODE) {
    shown.nodeValue = wanted.nodeValue;
    return shown;
  }
  for (const {name} of [...shown.attributes]) {
    if (!wanted.hasAttribute(name) && !(name === "open" && shown.nodeName === "DETAILS")) shown.removeAttribute(name);
  }
  for (const {name, value} of wanted.attributes) {
    if (shown.getAttribute(name) !== value) shown.setAttribute(name, value);
  }
  if (shown.nodeName !== "TIME") morphChildren(shown, wanted);
  return shown;
}

function morphChildren(shown, wanted) {
  const keyed = new Map();
  for (const child of shown.children) {
    if (child.dataset.key !== undefined) keyed.set(child.dataset.key, child);
  }
  let next = shown.firstChild;
  for (const child of [...wanted.childNodes]) {
    const key = child.dataset?.key;
    let old = next;
    if (key !== undefined && keyed.has(key)) {
      old = keyed.get(key);
      keyed.delete(key);
    } else if (key !== undefined || next?.dataset?.key !== undefined) {
      old = null;
    }
    if (old === null) {
      shown.insertBefore(child, next);
    } else {
      if (old === next) next = next.nextSibling;
      else shown.insertBefore(old, next);
      morph(old, child);
    }
  }
  while (next) {
    const after = next.nextSibling;
    next.remove();
    next = after;
  }
}

// What the server sends when something has changed.

const GIVE_UP_AFTER = 5;  // failures in a row; then the page is loaded anew
const RELOAD_AFTER = 5000;  // milliseconds

function keepUpToDate(live) {
  const state = document.getElementById("live-state");
  const button = document.getElementById("pause");
  let source = null;
  let failures = 0;

  function say(name, words) {
    state.dataset.state = name;
    state.textContent = words;
  }

  function connect() {
    say("lost", "connecting");
    source = new EventSource(live.dataset.events);
    source.onopen = () => say("live", "live");
    source.onmessage = (event) => {
      failures = 0;
      const wanted = new DOMParser().parseFromString(event.data, "text/html").body;
      morphChildren(live, wanted);
      offerCopies();
      showTimes();
    };
    source.addEventListener("gone", () => {
      source.close();
      setTimeout(() => location.reload(), 1000);
    });
    source.onerror = () => {
      failures += 1;
      say("lost", "disconnected");
      if (failures >= GIVE_UP_AFTER || source.readyState === EventSource.CLOSED) {
        source.close();
        setTimeout(() => { if (!paused()) location.reload(); }, RELOAD_AFTER);
      }
    };
  }

  function paused() {
    return sessionStorage.getItem("paused") === "yes";
  }

  function follow() {
    button.setAttribute("aria-pressed", String(paused()));
    source?.close();
    if (paused()) say("paused", "paused");
    else connect();
  }

  button.addEventListener("click", () => {
    sessionStorage.setItem("paused", paused() ? "no" : "yes");
    follow();
  });
  window.addEventListener("pagehide", () => source?.close());
  window.addEventListener("pageshow", (event) => { if (event.persisted) follow(); });
  button.parentElement.hidden = false;
  follow();
}

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

offerCopies();
showTimes();
setInterval(showTimes, 1000);
const live = document.getElementById("live");
if (live) keepUpToDate(live);
