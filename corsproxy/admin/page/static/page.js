// What the page does beyond showing itself: it stays current, and copies edits. Without it everything is still there.
//
// The parts marked data-live are fetched anew every few seconds while somebody looks, and changed in place: what is
// equal stays untouched, so open details, focus, selection and scroll position stay too. Markup comes from this very
// server, escaped there, and is parsed without running anything.
"use strict";

const EVERY = 3000;
const LONGEST = 30000;

document.documentElement.dataset.script = "on";
const pulse = document.getElementById("pulse");
const pause = document.getElementById("pause");
const news = document.getElementById("news");
let timer = 0;
let paused = false;
let failures = 0;
let asking = null;

function show(state, words) {
  if (state) pulse.dataset.state = state; else delete pulse.dataset.state;
  if (pulse.textContent !== words) pulse.textContent = words;
}

function later() {
  clearTimeout(timer);
  if (!paused && document.visibilityState === "visible") {
    timer = setTimeout(refresh, Math.min(EVERY * 2 ** failures, LONGEST));
  }
}

async function refresh() {
  asking = new AbortController();
  try {
    const response = await fetch("page/live", { signal: asking.signal, cache: "no-store" });
    if (!response.ok) throw new Error(String(response.status));
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    if (paused) return;
    const before = lines();
    for (const part of document.querySelectorAll("[data-live]")) {
      const next = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
      if (next) keepingFocus(() => children(part, next));
    }
    failures = 0;
    show("", "Live");
    tell([...lines()].filter(([key]) => !before.has(key)).map(([, words]) => words));
  } catch (fault) {
    if (fault.name === "AbortError") return;
    failures += 1;
    show("lost", "Not answering");
    if (failures === 2) news.textContent = "The proxy's admin address does not answer; what you see is not current.";
  } finally {
    asking = null;
    later();
  }
}

// Counts change all the time; what is worth a word is a refusal of a new kind, and a file that was refused.
function lines() {
  const found = document.querySelectorAll("#refusals .card, .alert");
  return new Map([...found].map((it) => [keyOf(it), [...it.querySelectorAll(".who, .what, h2")].map(plain).join(", ")]));
}

const plain = (it) => it.textContent.replace(/\s+/g, " ").trim();

function tell(fresh) {
  if (fresh.length === 1) news.textContent = `New: ${fresh[0]}`;
  else if (fresh.length > 1) news.textContent = `${fresh.length} new refusals`;
}

function keepingFocus(change) {
  const held = document.activeElement;
  change();
  if (held && held !== document.activeElement && document.contains(held)) held.focus({ preventScroll: true });
}

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.dataset.key || node.id || "" : "");
const alike = (one, other) => one.nodeType === other.nodeType && one.nodeName === other.nodeName && keyOf(one) === keyOf(other);

// Make the children of one element those of another, moving and changing as little as possible.
function children(from, to) {
  const keyed = new Map();
  for (const child of from.childNodes) if (keyOf(child)) keyed.set(keyOf(child), child);
  let at = from.firstChild;
  for (const next of [...to.childNodes]) {
    let match = keyOf(next) ? keyed.get(keyOf(next)) : at;
    if (!match || !alike(match, next)) match = null;
    if (match === null) {
      from.insertBefore(document.importNode(next, true), at);
      continue;
    }
    if (match === at) at = at.nextSibling; else from.insertBefore(match, at);
    become(match, next);
  }
  while (at) {
    const rest = at.nextSibling;
    at.remove();
    at = rest;
  }
}

function become(from, to) {
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.data !== to.data) from.data = to.data;
    return;
  }
  if (from.isEqualNode(to)) return;
  for (const { name, value } of to.attributes) if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  for (const { name } of [...from.attributes]) {
    // Whether details are open is the reader's to say.
    if (!to.hasAttribute(name) && name !== "open") from.removeAttribute(name);
  }
  children(from, to);
}

pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  if (paused) {
    clearTimeout(timer);
    if (asking) asking.abort();
    show("paused", "Paused");
  } else {
    show("", "Live");
    refresh();
  }
});

document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && !paused && !asking) refresh(); else clearTimeout(timer);
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  const text = button.parentElement.querySelector("code");
  let said = "Copied";
  try {
    await navigator.clipboard.writeText(text.textContent.replace(/\n$/, ""));
  } catch {
    // Only secure contexts have a clipboard: leave the text selected, so that the keyboard's copy takes it.
    getSelection().selectAllChildren(text);
    said = "Selected";
  }
  button.textContent = said;
  news.textContent = said === "Copied" ? "Copied." : "Selected: copy it with the keyboard.";
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
});

// What is pasted becomes part of an address, and addresses are remembered: secrets are taken out before it is sent.
document.querySelector("form").addEventListener("submit", (event) => {
  const pasted = event.target.elements.namedItem("paste");
  pasted.value = pasted.value
    .replace(/((?:cookie|authorization|proxy-authorization):\s*)[^'"\n]+/gi, "$1removed")
    .replace(
      /((?:^|\s)(?:--(?:cookie|user|proxy-user|oauth2-bearer)(?:\s+|=)|-[fgGiIJkLOqRsSv#]*[buU]\s*))('[^']*'|"[^"]*"|\$'[^']*'|\S+)/g,
      "$1removed",
    );
  for (const field of event.target.elements) if (field.type !== "checkbox" && !field.value) field.disabled = true;
});
addEventListener("pageshow", () => {
  for (const field of document.querySelector("form").elements) field.disabled = false;
});

const answer = document.getElementById("answer");
if (answer && location.hash === "#answer") answer.focus();
later();
