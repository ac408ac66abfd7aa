#!/usr/bin/env python3
"""The page /live in a real headless Chromium, against the real server.

    apt-get install chromium && pip install playwright
    cargo build --release && python3 tests/browser/live.py target/release/anaquel [SCREENSHOT.png]

Numbers must change within a second of a reservation made over HTTP, and after the server was stopped, and after it was
killed, the page must recover by itself, without a reload. Exit code 0 if all of that is so.
"""

import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from playwright.sync_api import sync_playwright

SKU, LOCATION = "TSHIRT-RED-M", "mx-w01"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start(binary, data, port):
    server = subprocess.Popen(
        [binary, "serve", "--demo", "--data", data, "--listen", f"127.0.0.1:{port}"], stderr=subprocess.DEVNULL
    )
    for _ in range(400):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1)
            return server
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the server was not ready in 20 s")


def reserve(port):
    body = {"channel": "web", "lines": [{"sku": SKU, "location": LOCATION, "quantity": 1}]}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/reservations", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    assert urllib.request.urlopen(request).status == 201


def reserved(page):
    cell = page.locator("#cells tr", has=page.locator(f"td:nth-child(2):text-is('{LOCATION}')"))
    return int(cell.locator("td:nth-child(4)").inner_text())


def expect(page, units, seconds, what):
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if reserved(page) == units:
            print(f"{what}: {1000 * (time.monotonic() - began):.0f} ms")
            return
        time.sleep(0.005)
    raise SystemExit(f"{what}: {reserved(page)} reserved after {seconds} s, not {units}")


def main():
    binary, screenshot = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    data, port = tempfile.mkdtemp(), free_port()
    server = start(binary, data, port)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1100, "height": 700})
            problems = []
            page.on("pageerror", lambda error: problems.append(str(error)))
            # A lost connection is told on the console by the browser itself; anything else is a defect.
            page.on("console", lambda said: problems.append(said.text)
                    if said.type == "error" and "WebSocket" not in said.text and "ERR_" not in said.text else None)
            page.goto(f"http://127.0.0.1:{port}/live?sku={SKU}&channel=web")
            page.evaluate("window.neverReloaded = true")
            page.wait_for_selector("#cells tr")
            units = reserved(page)
            print(f"{page.locator('#cells tr').count()} cells shown")

            reserve(port)
            expect(page, units + 1, 1, "changed after a reservation")
            for how, sign in (("stopped", signal.SIGTERM), ("killed", signal.SIGKILL)):
                server.send_signal(sign)
                server.wait()
                page.wait_for_selector("#connection:not([data-state=open])", timeout=5000)
                server = start(binary, data, port)
                units = reserved(page)
                reserve(port)
                expect(page, units + 1, 20, f"recovered after the server was {how}")
                page.wait_for_selector("#connection[data-state=open]", timeout=5000)
                units = reserved(page)
                reserve(port)
                expect(page, units + 1, 1, "changed after a reservation")
            assert page.evaluate("window.neverReloaded"), "it was reloaded"
            assert not problems, problems
            if screenshot:
                page.wait_for_timeout(6000)
                page.screenshot(path=screenshot)
            browser.close()
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(data)


if __name__ == "__main__":
    main()
