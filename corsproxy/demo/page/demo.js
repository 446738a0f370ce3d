// The page: shows every experiment side by side, as asked by this origin and by a stranger.
import { experiments, loadAddresses, perform } from "./experiments.js";

const addresses = await loadAddresses();
const isListed = location.origin === addresses.page;
const $ = (id) => document.getElementById(id);
const outcomes = new Map(); // "experiment role" -> outcome

// Who asks: this page itself and, where this page is the listed one, the stranger in its frame.
const asSelf = { origin: location.origin, listed: isListed, ask: (experiment) => perform(experiment, addresses) };
const askers = isListed ? [asSelf, await strangerInFrame()] : [asSelf];

async function strangerInFrame() {
  const frame = Object.assign(document.createElement("iframe"), { src: `${addresses.stranger}/voice`, hidden: true });
  const waiting = new Map();
  let turn = 0;
  const ready = new Promise((resolve) => {
    addEventListener("message", ({ origin, source, data }) => {
      if (origin !== addresses.stranger || source !== frame.contentWindow) return;
      if (data.ready) resolve();
      else waiting.get(data.turn)?.(data.outcome);
    });
  });
  document.body.append(frame);
  const ask = async (experiment) => {
    await ready;
    turn += 1;
    const mine = turn;
    const outcome = new Promise((resolve) => waiting.set(mine, resolve));
    frame.contentWindow.postMessage({ turn: mine, experiment: experiment.id }, addresses.stranger);
    return outcome;
  };
  return { origin: addresses.stranger, listed: false, ask };
}

function put(element, text) {
  element.textContent = text;
  return element;
}

function part(template) {
  return $(template).content.firstElementChild.cloneNode(true);
}

function cardOf(experiment) {
  const card = part("card");
  card.id = experiment.id;
  const title = put(card.querySelector("h2"), experiment.title);
  title.id = `${experiment.id}-title`;
  card.setAttribute("aria-labelledby", title.id);
  put(card.querySelector(".asks"), experiment.asks);
  put(card.querySelector(".request"), `${experiment.method} ${experiment.path}`);
  for (const note of experiment.notes) {
    card.querySelector(".line").append(Object.assign(document.createElement("span"), { className: "note", textContent: note }));
  }
  const button = card.querySelector(".ask");
  button.setAttribute("aria-describedby", title.id);
  if (experiment.needsPause) put(button, "Stop it and ask");
  button.addEventListener("click", () => busy(() => askOne(experiment)));
  for (const asker of askers) card.querySelector(".panels").append(panelOf(asker));
  return card;
}

function panelOf(asker) {
  const panel = part("panel");
  panel.classList.add("waiting", asker.listed ? "listed" : "stranger");
  const role = document.createElement("span");
  put(panel.querySelector(".origin"), `${asker.origin} `).append(put(role, asker.listed ? "(listed)" : "(stranger)"));
  put(panel.querySelector(".words"), "not asked yet");
  return panel;
}

function show(panel, experiment, asker, outcome) {
  panel.classList.remove("waiting", "asking", "read", "refused");
  panel.classList.add(outcome.read ? "read" : "refused");
  put(panel.querySelector(".words"), outcome.verdict);
  put(panel.querySelector(".why"), experiment.why(outcome, asker.listed));
  put(panel.querySelector(".reached"), outcome.seen.join(", ") || "nothing");
  showFields(panel.querySelector(".fields"), outcome);
  panel.querySelector(".answered").hidden = !outcome.answer;
  // A space after each comma of compact JSON, so that lines break between members and not within words.
  put(panel.querySelector(".answer"), outcome.answer.trim().slice(0, 600).replace(/,(?=["{])/g, ", "));
}

function showFields(cell, { read, fields }) {
  cell.replaceChildren();
  if (!read || !fields?.length) {
    put(cell, read ? "the messages; this interface shows no fields" : "nothing");
    return;
  }
  const list = document.createElement("ul");
  for (const field of fields) list.append(put(document.createElement("li"), field));
  cell.append(list);
}

async function askOne(experiment) {
  const panels = [...$(experiment.id).querySelectorAll(".panel")];
  for (const panel of panels) {
    panel.classList.add("asking");
    put(panel.querySelector(".words"), "asking…");
  }
  if (experiment.needsPause) await fetch("/backend/pause", { method: "POST" });
  try {
    await Promise.all(
      askers.map(async (asker, i) => {
        const outcome = await asker.ask(experiment);
        outcomes.set(`${experiment.id} ${asker.origin}`, { asker, outcome });
        show(panels[i], experiment, asker, outcome);
      }),
    );
  } finally {
    if (experiment.needsPause) await fetch("/backend/resume", { method: "POST" });
  }
}

async function askAll() {
  for (const experiment of experiments) if (!experiment.needsPause) await askOne(experiment);
}

async function busy(work) {
  const buttons = document.querySelectorAll("button");
  for (const button of buttons) button.disabled = true;
  document.body.dataset.asking = "";
  await showRules();
  try {
    await work();
    showTally();
  } catch (error) {
    put($("tally"), `The demonstration does not answer (${error.message}). Does it still run in the terminal?`);
  } finally {
    for (const button of buttons) button.disabled = false;
    delete document.body.dataset.asking;
  }
}

function showTally() {
  const lines = askers.map(({ origin }) => {
    const mine = [...outcomes.values()].filter(({ asker }) => asker.origin === origin);
    const read = mine.filter(({ outcome }) => outcome.read).length;
    return `${origin.replace("http://", "")} could read ${read} of ${mine.length} answers`;
  });
  put($("tally"), `${lines.join("; ")}.`);
}

// Scroll to the first line that fits: what stands above it is about addresses.
function showFrom(element, line) {
  const lines = element.textContent.split("\n");
  const at = Math.max(lines.findIndex((text) => line.test(text)), 0);
  element.scrollTop = (element.scrollHeight * at) / lines.length;
}

async function showRules() {
  try {
    const { path, text } = await (await fetch("/rules")).json();
    put($("rules-path"), path);
    put($("rules-text"), text.trim());
  } catch {
    put($("rules-text"), "The rules cannot be read now.");
  }
}

function showAddresses() {
  const bare = (address) => address.replace("http://", "");
  for (const [id, address] of [["page-address", addresses.page], ["stranger-address", addresses.stranger]]) {
    const link = put($(id), bare(address));
    link.href = address;
    if (address === location.origin) link.setAttribute("aria-current", "page");
  }
  put($("proxy-address"), bare(addresses.proxy));
  put($("backend-address"), bare(addresses.backend));
  Object.assign($("admin-address"), { href: addresses.admin, hidden: !addresses.admin });
  if (!isListed) {
    document.body.classList.add("as-stranger");
    document.querySelector(".listed .what").textContent = "The page that the rules list";
    document.querySelector(".stranger .what").textContent = "This page, a stranger to the rules";
    put($("lead"), "You opened this page as a stranger: the rules do not list its origin. Open the listed address to see both side by side.");
  }
}

showAddresses();
document.querySelector(".rules").addEventListener("toggle", () => showFrom($("rules-text"), /^rules:/));
$("experiments").append(...experiments.map(cardOf));
$("again").addEventListener("click", () => busy(askAll));
await busy(askAll);
document.body.dataset.done = "";
