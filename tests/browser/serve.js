// Serves the files of the screens from the disk, and hands everything else to a running server: for writing screens.
//
//   node tests/browser/serve.js 7071 http://127.0.0.1:7070

import { createServer, request } from "node:http";
import { readFile, readdir } from "node:fs/promises";
import { join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const [port, server] = process.argv.slice(2);
const assets = fileURLToPath(new URL("../../server/assets/", import.meta.url));
const TYPES = { js: "text/javascript", css: "text/css", html: "text/html", svg: "image/svg+xml", webmanifest: "application/manifest+json" };
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/** The file of a path: `/store` is `store/store.html`. */
async function fileOf(path) {
  const name = /^\/\w+$/.test(path) ? `${path}${path}.html` : path;
  try {
    return [name, await readFile(join(assets, normalize(name)))];
  } catch {
    return null;
  }
}

/** The files of /store, as the server tells its worker; their version is new at each start. */
const version = Date.now();
async function filesOfStore() {
  const paths = ["/store", "/anaquel.js"];
  for (const folder of ["screens", "store"]) {
    for (const name of await readdir(join(assets, folder))) if (!/\.(html|md)$/.test(name) && name !== "worker.js") paths.push(`/${folder}/${name}`);
  }
  return `self.FILES = ${JSON.stringify({ version, paths })};\n`;
}

function onward(incoming) {
  const { hostname, port } = new URL(server);
  const headers = { ...incoming.headers, host: `${hostname}:${port}` };
  if (headers.origin) headers.origin = server;
  return request({ hostname, port, method: incoming.method, path: incoming.url, headers });
}

const front = createServer(async (incoming, answer) => {
  const { pathname } = new URL(incoming.url, "http://localhost");
  if (pathname === "/store/files.js") {
    answer.writeHead(200, { "content-type": TYPES.js, "cache-control": "no-cache", "content-security-policy": POLICY });
    return void answer.end(await filesOfStore());
  }
  const file = incoming.method === "GET" && !pathname.startsWith("/v1/") ? await fileOf(pathname) : null;
  if (file) {
    const [name, content] = file;
    const headers = { "content-type": `${TYPES[name.split(".").pop()] ?? "text/plain"}; charset=utf-8`, "cache-control": "no-cache", "content-security-policy": POLICY };
    if (name.endsWith("/worker.js")) headers["service-worker-allowed"] = "/";
    answer.writeHead(200, headers);
    answer.end(content);
    return;
  }
  const asked = onward(incoming);
  asked.on("response", (told) => { answer.writeHead(told.statusCode, told.headers); told.pipe(answer); });
  asked.on("error", () => answer.destroy());
  incoming.pipe(asked);
});

front.on("upgrade", (incoming, socket, head) => {
  const asked = onward(incoming);
  asked.on("upgrade", (told, other) => {
    const lines = Object.entries(told.headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines}\r\n`);
    other.write(head);
    other.pipe(socket).pipe(other);
    for (const one of [socket, other]) one.on("error", () => { socket.destroy(); other.destroy(); });
  });
  asked.on("error", () => socket.destroy());
  asked.on("response", () => socket.destroy());
  asked.end();
});

front.listen(Number(port), "127.0.0.1");
