// Node's http-proxy with one CORS rule. Arguments: port, backend's port, the rule as JSON.
"use strict";
const http = require("node:http");
const httpProxy = require("http-proxy");

const [port, backend, ruleText] = process.argv.slice(2);
const rule = JSON.parse(ruleText);

const proxy = httpProxy.createProxyServer({
  target: { host: "127.0.0.1", port: Number(backend) },
  agent: new http.Agent({ keepAlive: true, maxSockets: 512, maxFreeSockets: 512 }),
  xfwd: true,
});

proxy.on("proxyRes", (answer, request) => {
  const fields = answer.headers;
  for (const name of rule.hidden) delete fields[name];
  fields.vary = fields.vary ? `${fields.vary}, Origin` : "Origin";
  if (request.headers.origin === rule.origin) Object.assign(fields, rule.actual);
});

proxy.on("error", (error, request, response) => {
  if (response.headersSent) response.destroy();
  else response.writeHead(502).end();
});

const server = http.createServer((request, response) => {
  const asked = request.headers;
  if (request.method === "OPTIONS" && asked.origin === rule.origin && asked["access-control-request-method"]) {
    response.writeHead(204, rule.preflight).end();
  } else {
    proxy.web(request, response);
  }
});
server.keepAliveTimeout = 300_000;
server.listen(Number(port), "127.0.0.1", 4096);
