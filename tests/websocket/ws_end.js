// One end of WebSockets, of npm's `ws`: node ws_end.js BUNDLE server | client URL
// A server echoes each message in its kind; a text of {"close": code, "reason": r} closes so, {"terminate": true}
// breaks off. A client says what the test expects, in order, and prints what it heard. One JSON object a line.
"use strict";
const { createHash } = require("crypto");
const [bundle, mode, url] = process.argv.slice(2);
const { ws: WebSocket, wsServer: WebSocketServer } = require(bundle);

const tell = (what) => console.log(JSON.stringify(what));
const digest = (content) => createHash("sha256").update(content).digest("hex");

function serve() {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: true });
  server.on("listening", () => tell({ port: server.address().port }));
  server.on("connection", (socket) => {
    socket.on("message", (content, isBinary) => {
      if (!isBinary && content.toString().startsWith("{")) {
        const order = JSON.parse(content.toString());
        if (order.terminate) socket.terminate();
        else socket.close(order.close, order.reason);
      } else {
        socket.send(content, { binary: isBinary });
      }
    });
    socket.on("error", (error) => tell({ error: error.code }));
    socket.on("close", (code, reason) => tell({ closed: code, reason: reason.toString() }));
  });
}

function speak() {
  const socket = new WebSocket(url, { perMessageDeflate: true });
  const large = Buffer.alloc(16 * 1024 * 1024, "corsproxy ");
  socket.on("open", () => {
    socket.send("Grüße");
    socket.send("one ", { fin: false });
    socket.send("", { fin: false });
    socket.send("message", { fin: true });
    socket.send(large);
    socket.ping("are you there");
  });
  socket.on("pong", (content) => {
    tell({ pong: content.toString(), extensions: socket.extensions, large: digest(large) });
    socket.close(4001, "Grüße");
  });
  socket.on("message", (content, isBinary) => tell({ isBinary, size: content.length, digest: digest(content) }));
  socket.on("error", (error) => tell({ error: error.message }));
  socket.on("close", (code, reason) => tell({ closed: code, reason: reason.toString() }));
}

if (mode === "server") serve();
else speak();
