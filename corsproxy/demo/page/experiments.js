// What is asked, and what each outcome means. Both origins run this same file.
//
// An outcome is {read, verdict, fields, answer, seen}: whether the page may read the answer, what the
// browser said, the response fields it showed, the body, and the methods that reached the backend.

export async function loadAddresses() {
  return (await fetch("/addresses")).json();
}

const TOKEN = "Bearer a-demo-token";
const JSON_TYPE = "application/json";

async function ask(address, options) {
  const response = await fetch(address, { cache: "no-store", ...options });
  return {
    read: true,
    status: response.status,
    verdict: `${response.status} ${response.statusText}`,
    fields: [...response.headers].map(([name, value]) => `${name}: ${value}`),
    answer: await response.text(),
  };
}

const changeBook = (method) => (address) =>
  ask(address, {
    method,
    headers: { Authorization: TOKEN, "Content-Type": JSON_TYPE },
    body: JSON.stringify({ copies: 4 }),
  });

async function signIn(address, addresses, mark) {
  await ask(addresses.proxy + mark("/api/session"), {
    method: "POST",
    credentials: "include",
    body: new URLSearchParams({ reader: "Ada" }),
  });
  return ask(address, { credentials: "include" });
}

async function upload(address) {
  const bytes = crypto.getRandomValues(new Uint8Array(65536));
  const file = new Blob(Array(16).fill(bytes)); // 1 MiB
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  const body = new FormData();
  body.append("file", file, "random.bin");
  const outcome = await ask(address, { method: "POST", body });
  const ours = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return { ...outcome, same: outcome.answer.includes(ours) };
}

function listen(address) {
  return new Promise((resolve) => {
    const heard = [];
    const source = new EventSource(address);
    source.onmessage = ({ data }) => {
      heard.push(data);
      if (heard.length < 3) return;
      source.close();
      resolve({ read: true, verdict: "open, 3 events", fields: null, answer: heard.join("\n") });
    };
    source.onerror = () => {
      source.close();
      resolve({ read: false, verdict: "error event" });
    };
  });
}

function talk(address) {
  return new Promise((resolve) => {
    const socket = new WebSocket(address.replace("http:", "ws:"));
    socket.onopen = () => socket.send("hello");
    socket.onmessage = ({ data }) => {
      socket.onclose = null;
      socket.close();
      resolve({ read: true, verdict: "open, echoed", fields: null, answer: data });
    };
    socket.onclose = ({ code }) => resolve({ read: false, verdict: `closed with code ${code}` });
  });
}

/** Run one experiment from this origin; never throws. */
export async function perform(experiment, addresses) {
  const id = crypto.randomUUID();
  const mark = (path) => `${path}?ask=${id}`;
  let outcome;
  try {
    outcome = await experiment.run(addresses.proxy + mark(experiment.path), addresses, mark);
  } catch (error) {
    outcome = { read: false, verdict: `${error.name}: ${error.message}` };
  }
  const seen = await (await fetch(`/seen?ask=${id}`)).json();
  return { fields: [], answer: "", ...outcome, seen };
}

// Why it came out so. `listed` is whether the rules, as they were written, list the origin that asked.

const grantsNothing = (outcome) =>
  outcome.seen.length
    ? "A request like this is sent without asking first. The backend answered, but the proxy granted this origin nothing, so the browser kept the answer from the page."
    : "The proxy granted this origin nothing and did not pass the request on: the backend saw nothing.";
const preflightRefused =
  "The browser asked first, with OPTIONS. The proxy does not grant this origin anything, so the real request was never sent.";
const strangerRead = "The rules let this origin in.";

const words = (read, refused, strangerRefused) => (outcome, listed) => {
  if (outcome.read) return listed ? of(read, outcome) : strangerRead;
  return of(listed ? refused : strangerRefused, outcome);
};
const of = (sentence, outcome) => (typeof sentence === "function" ? sentence(outcome) : sentence);

export const experiments = [
  {
    id: "plain",
    title: "A plain GET",
    asks: "Read the list of books. No cookie, no field of its own.",
    method: "GET",
    path: "/api/books",
    notes: [],
    run: (address) => ask(address),
    why: words(
      ({ fields }) =>
        "The proxy added Access-Control-Allow-Origin with this origin, so the page may read the answer" +
        (fields.some((f) => f.startsWith("x-total-count"))
          ? ", and X-Total-Count in it because the rule exposes that. The app's other fields stay hidden."
          : ". The rule exposes no further field of it."),
      grantsNothing,
      grantsNothing,
    ),
  },
  {
    id: "cookies",
    title: "With cookies",
    asks: "Sign in, then ask who is there. The session is Flask's own signed cookie.",
    method: "GET",
    path: "/api/session",
    notes: ["credentials: include"],
    run: signIn,
    why: words(
      ({ answer }) =>
        answer.includes("Ada")
          ? "The rule allows credentials: the browser kept the app's cookie, sent it along, and the app knew the reader."
          : "The page may read the answer, but the browser did not send the cookie along.",
      grantsNothing,
      grantsNothing,
    ),
  },
  {
    id: "preflight",
    title: "Preflighted: PUT with a token",
    asks: "Change a book. A method and fields like these make the browser ask before it sends.",
    method: "PUT",
    path: "/api/books/2",
    notes: ["Authorization", "Content-Type: application/json"],
    run: changeBook("PUT"),
    why: words(
      "The browser asked first, with OPTIONS. The proxy answered that itself, without the backend, and then the PUT passed.",
      preflightRefused,
      preflightRefused,
    ),
  },
  {
    id: "method",
    title: "Another method: PATCH",
    asks: "The app knows PATCH. Does the rule list it?",
    method: "PATCH",
    path: "/api/books/2",
    notes: ["Authorization", "Content-Type: application/json"],
    run: changeBook("PATCH"),
    why: words(
      "The rule lists PATCH, so the browser sent it after it had asked.",
      "PATCH is not in the rule's allow_methods. The proxy's answer to the browser's question named what is, and the browser stopped there.",
      preflightRefused,
    ),
  },
  {
    id: "header",
    title: "A header of the page's own",
    asks: "A GET with one more field. Does the rule list it?",
    method: "GET",
    path: "/api/books",
    notes: ["X-Requested-With: fetch"],
    run: (address) => ask(address, { headers: { "X-Requested-With": "fetch" } }),
    why: words(
      "The rule lists X-Requested-With, so the browser sent it after it had asked.",
      "X-Requested-With is not in the rule's allow_headers, so the browser did not send the request. Its console names the field.",
      preflightRefused,
    ),
  },
  {
    id: "upload",
    title: "An upload",
    asks: "1 MiB of random bytes as a form's file. The page and the app both compute its SHA-256.",
    method: "POST",
    path: "/api/uploads",
    notes: ["multipart/form-data"],
    run: upload,
    why: words(
      ({ same }) =>
        same
          ? "A form needs no question before it. Every byte arrived as it was sent: both sides computed the same hash."
          : "The page may read the answer, but the hash in it is not the one that the page computed.",
      grantsNothing,
      ({ seen }) =>
        seen.length
          ? "A form needs no question before it: the upload arrived, and only its answer was kept from the page. on_disallowed: block would have stopped it."
          : "A form needs no question before it, so any site can send one. This rule says on_disallowed: block, and the proxy refused it before the backend.",
    ),
  },
  {
    id: "events",
    title: "A stream of events",
    asks: "An EventSource, closed after three events.",
    method: "GET",
    path: "/api/events",
    notes: ["Accept: text/event-stream"],
    run: listen,
    why: words(
      "The proxy granted this origin and passed each event on as the app made it.",
      grantsNothing,
      ({ seen }) => grantsNothing({ seen }) + " An EventSource does not learn why.",
    ),
  },
  {
    id: "websocket",
    title: "A WebSocket",
    asks: "Open one, say hello, hear it back.",
    method: "GET",
    path: "/api/echo",
    notes: ["Upgrade: websocket"],
    run: talk,
    why: words(
      "The proxy compared the handshake's Origin with the rule, and then passed every byte in both directions.",
      "The proxy compared the handshake's Origin with the rule and refused it.",
      ({ seen }) =>
        seen.length
          ? "Browsers do not apply CORS to WebSockets, and this handshake reached the app."
          : "Browsers do not apply CORS to WebSockets: any site may try. The proxy checks the Origin itself and refused the handshake.",
    ),
  },
  {
    id: "broken",
    title: "An exception in the app",
    asks: "A path on which the app divides by zero.",
    method: "GET",
    path: "/api/broken",
    notes: [],
    run: (address) => ask(address),
    why: words(
      ({ status }) => `Errors get their CORS fields as well, so the page sees a ${status} and not “a CORS error”.`,
      grantsNothing,
      ({ seen }) => grantsNothing({ seen }) + " What went wrong there is none of its business.",
    ),
  },
  {
    id: "stopped",
    title: "The backend is stopped",
    asks: "Stops gunicorn, asks for the books, and starts it again.",
    method: "GET",
    path: "/api/books",
    notes: [],
    needsPause: true,
    run: (address) => ask(address),
    why: words(
      ({ status }) =>
        status === 502
          ? "Nobody listens behind the proxy. Its own 502 carries the CORS fields too, and Proxy-Status says what happened."
          : "The backend was not stopped: something else answered.",
      "The proxy granted this origin nothing, not even the reading of an error.",
      "The proxy answered with an error of its own and granted this origin nothing, so the page cannot tell it from any other refusal.",
    ),
  },
];
