import polka from "polka";

import { answer } from "./ranges.js";

const port = Number(process.env.PORT ?? 8080);
const host = process.env.ADDRESS ?? "127.0.0.1";

function send(response, status, type, body) {
  response.writeHead(status, { "Content-Type": type });
  response.end(body);
}

const { server } = polka()
  .get("/healthz", (_request, response) => send(response, 200, "text/plain; charset=utf-8", "ok\n"))
  .get("/satisfies", (request, response) => {
    const { status, body } = answer(request.query.version, request.query.range);
    send(response, status, "application/json", `${JSON.stringify(body)}\n`);
  })
  .listen(port, host, () => console.log(`listening on ${host}:${port}`));

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => server.close());
}
