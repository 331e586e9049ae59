const http = require("http");
const { route } = require("router");
const { text } = require("./dist/page.js");

if (process.argv[2] === "--once") {
  console.log(route("/"), text);
} else {
  http.createServer((request, response) => response.end(route(request.url) + text)).listen(8080);
}
