// A headless Chromium that a script drives, by chromedriver over HTTP: for the commands that measure and take pictures. The
// tests have their own in tests/src/browser.rs.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";

const PATIENCE_MS = 180_000;
const LOOKS_EVERY_MS = 20;

/** A phone and a desk. */
export const SIZES = [[390, 844], [1440, 900]];

export const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** The path of the first of these programs that is installed. */
function program(...names) {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const found = names.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path));
  if (!found) throw new Error(`${names.join(" or ")} is not installed`);
  return found;
}

/** A port that nobody listens at. */
export function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Asks again and again until it is truthy. */
export async function until(look, what = String(look)) {
  const began = Date.now();
  for (;;) {
    const value = await look();
    if (value) return value;
    if (Date.now() - began > PATIENCE_MS) throw new Error(`not within three minutes: ${what}`);
    await pause(LOOKS_EVERY_MS);
  }
}

/** A browser with one page. */
export class Browser {
  static async open({ language = "en-GB", args = [] } = {}) {
    const port = await freePort();
    const driver = spawn(program("chromedriver"), [`--port=${port}`, "--log-level=OFF"], { stdio: "ignore" });
    const browser = new Browser(driver, `http://127.0.0.1:${port}`);
    await until(() => fetch(`${browser.url}/status`).then(({ ok }) => ok, () => false), "chromedriver answers");
    const all = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
      "--disable-component-update", `--lang=${language}`, ...args];
    const options = { binary: program("chromium", "chromium-browser", "google-chrome"), args: all, prefs: { "intl.accept_languages": language } };
    const { sessionId } = await browser.ask("POST", "/session", {
      capabilities: { alwaysMatch: { browserName: "chrome", "goog:chromeOptions": options, timeouts: { script: 600_000 } } },
    });
    browser.url += `/session/${sessionId}`;
    return browser;
  }

  constructor(driver, url) {
    this.driver = driver;
    this.url = url;
  }

  async ask(method, path, body) {
    const answer = await fetch(this.url + path, { method, body: body && JSON.stringify(body) });
    const { value } = await answer.json();
    if (!answer.ok) throw new Error(`${method} ${path}: ${JSON.stringify(value).slice(0, 400)}`);
    return value;
  }

  /** A command of the DevTools protocol. */
  devtools = (cmd, params = {}) => this.ask("POST", "/goog/cdp/execute", { cmd, params });

  visit = (url) => this.ask("POST", "/url", { url });

  viewport = (width, height) => this.devtools("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });

  scheme = (value) => this.devtools("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value }] });

  /** The value of an expression; a promise is awaited. */
  evaluate = (expression) => this.ask("POST", "/execute/sync", { script: `return ${expression}`, args: [] });

  until = (expression) => until(() => this.evaluate(expression), expression);

  reads = (text) => this.until(`document.body.innerText.includes(${JSON.stringify(text)})`);

  /** Clicks the first visible element of a selector, or the button that says a text. */
  click = (selector) => this.until(`(() => { const found = [...document.querySelectorAll(${JSON.stringify(selector)})].find((one) => one.offsetParent); found?.click(); return !!found; })()`);

  tap = (text) => this.until(`(() => { const found = [...document.querySelectorAll("main button, dialog button")].find((one) => one.offsetParent && !one.disabled && one.textContent.includes(${JSON.stringify(text)})); found?.click(); return !!found; })()`);

  type = (selector, text) => this.evaluate(`(() => { const field = document.querySelector(${JSON.stringify(selector)}); field.focus(); field.value = ${JSON.stringify(text)}; field.dispatchEvent(new Event("input", { bubbles: true })); })()`);

  /** What a scanner types. */
  async scan(code) {
    await this.until("performance.now() - (window.scannedAt ?? -1000) > 300");
    await this.evaluate(`[...${JSON.stringify(code)}, "Enter"].forEach((key) => { window.scannedAt = performance.now(); document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true })); })`);
  }

  keys = (keys) => this.ask("POST", "/actions", { actions: [{ type: "key", id: "keyboard", actions: [...keys].flatMap((value) => [{ type: "keyDown", value }, { type: "keyUp", value }]) }] });

  async picture(path) {
    await writeFile(path, Buffer.from(await this.ask("GET", "/screenshot"), "base64"));
  }

  async end() {
    await this.ask("DELETE", "").catch(() => {});
    this.driver.kill();
  }
}

/** A server of its own, in a directory of its own; `{url, kill}`. */
export async function serve(binary, data, args = []) {
  const port = await freePort();
  const child = spawn(binary, ["serve", "--listen", `127.0.0.1:${port}`, "--data", data, ...args], { stdio: "ignore" });
  const url = `http://127.0.0.1:${port}`;
  await until(() => fetch(`${url}/readyz`).then(({ ok }) => ok, () => false), `${binary} serves`);
  return { url, kill: () => child.kill("SIGKILL") };
}

/** The files of the screens from the disk, in front of a server; `{url, kill}`. */
export async function front(server) {
  const port = await freePort();
  const child = spawn(process.execPath, [new URL("serve.js", import.meta.url).pathname, String(port), server], { stdio: "ignore" });
  const url = `http://127.0.0.1:${port}`;
  await until(() => fetch(`${url}/anaquel.js`).then(({ ok }) => ok, () => false), "serve.js serves");
  return { url, kill: () => child.kill() };
}
