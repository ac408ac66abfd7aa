//! A headless Chromium of its own for each test, driven by chromedriver over HTTP (WebDriver).

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anaquel_loadtest::client::Client;
use anaquel_loadtest::server::free_address;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// How long anything that is waited for may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is looked at.
const LOOKS_EVERY: Duration = Duration::from_millis(20);

/// The member of an element's reference, fixed by WebDriver.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A phone and a desk.
pub const SIZES: [(u32, u32); 2] = [(390, 844), (1440, 900)];

/// The path of a program. If none of the names is installed, it says so, and the test is to end.
pub fn program(names: &[&str]) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders).flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    let found = found.into_iter().find(|path| path.is_file());
    if found.is_none() {
        eprintln!("SKIPPED: {} is not installed, so what it would show is not shown", names.join(" or "));
    }
    found
}

/// A browser with one page.
pub struct Browser {
    driver: Child,
    client: Client,
    session: String,
}

impl Browser {
    /// A new browser that asks for a language, such as "en-GB"; `None` if Chromium or chromedriver is not installed.
    ///
    /// # Panics
    /// It does not start.
    pub fn open(language: &str) -> Option<Self> {
        Self::open_with(language, &[])
    }

    /// The same with more arguments for Chromium.
    ///
    /// # Panics
    /// It does not start.
    pub fn open_with(language: &str, more: &[&str]) -> Option<Self> {
        let chromium = program(&["chromium", "chromium-browser", "google-chrome"])?;
        let driver = program(&["chromedriver"])?;
        let address = free_address().unwrap();
        let mut command = Command::new(driver);
        command.arg(format!("--port={}", address.port())).arg("--log-level=OFF");
        let driver = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut browser = Self { driver, client: Client::new(address), session: String::new() };
        let began = Instant::now();
        while !browser.client.get("/status").is_ok_and(|answer| answer.status == 200) {
            assert!(began.elapsed() < PATIENCE, "chromedriver does not answer");
            std::thread::sleep(LOOKS_EVERY);
        }
        let mut arguments = vec![
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            format!("--lang={language}"),
        ];
        arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
        let options = json!({"binary": chromium, "args": arguments, "prefs": {"intl.accept_languages": language}});
        let wanted = json!({
            "browserName": "chrome", "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"}, "timeouts": {"script": 60_000},
        });
        let made = browser.ask("POST", "/session", &json!({"capabilities": {"alwaysMatch": wanted}}));
        browser.session = format!("/session/{}", made["sessionId"].as_str().unwrap());
        Some(browser)
    }

    /// The value that the driver answers with.
    ///
    /// # Panics
    /// The driver refuses.
    #[track_caller]
    fn ask(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let (status, value) = self.answer(method, path, body);
        let body = body.to_string();
        assert!(status == 200, "{method} {path} {}: {value}", body.get(..200).unwrap_or(&body));
        value
    }

    fn answer(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let path = format!("{}{path}", self.session);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.client.send(method, &path, &[("Content-Type", "application/json")], body.as_bytes()).unwrap();
        (answer.status, answer.json()["value"].clone())
    }

    /// Does something with an element; once more with the one that took its place, where the page drew it anew meanwhile.
    #[track_caller]
    fn act(&mut self, selector: &str, what: &str, body: &Value) {
        let began = Instant::now();
        loop {
            self.until(&format!("document.querySelector({}) !== null", json!(selector)));
            let (status, found) = self.answer("POST", "/element", &json!({"using": "css selector", "value": selector}));
            let (status, value) = match found[ELEMENT].as_str() {
                Some(element) => self.answer("POST", &format!("/element/{element}/{what}"), body),
                None => (status, found),
            };
            if status == 200 {
                return;
            }
            let is_gone = matches!(value["error"].as_str(), Some("stale element reference" | "no such element"));
            assert!(is_gone && began.elapsed() < PATIENCE, "{what} {selector}: {value}");
        }
    }

    /// A command of the DevTools protocol.
    #[track_caller]
    fn devtools(&mut self, command: &str, parameters: &Value) -> Value {
        self.ask("POST", "/goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// Opens an address, and returns once the document is loaded.
    ///
    /// # Panics
    /// The driver refuses.
    #[track_caller]
    pub fn visit(&mut self, url: &str) {
        self.ask("POST", "/url", &json!({"url": url}));
    }

    /// Sets the size of the page, in CSS pixels.
    ///
    /// # Panics
    /// The driver refuses.
    pub fn viewport(&mut self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
    }

    /// The same with a touch screen as the only pointer.
    ///
    /// # Panics
    /// The driver refuses.
    pub fn hand(&mut self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": true});
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
        self.devtools("Emulation.setTouchEmulationEnabled", &json!({"enabled": true, "maxTouchPoints": 5}));
    }

    /// Runs a script in each page before its own.
    ///
    /// # Panics
    /// The driver refuses.
    pub fn before_each_page(&mut self, script: &str) {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", &json!({"source": script}));
    }

    /// Gives a text to what has the focus, as an input method does: without named keys.
    ///
    /// # Panics
    /// The driver refuses.
    pub fn insert(&mut self, text: &str) {
        self.devtools("Input.insertText", &json!({"text": text}));
    }

    /// Sets what the reader prefers: `("prefers-color-scheme", "dark")`, `("prefers-reduced-motion", "reduce")`.
    ///
    /// # Panics
    /// The driver refuses.
    pub fn prefers(&mut self, features: &[(&str, &str)]) {
        let features: Vec<_> = features.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        self.devtools("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    /// Cuts the page off the network, or connects it again.
    ///
    /// # Panics
    /// The driver refuses.
    pub fn offline(&mut self, is_offline: bool) {
        self.network(is_offline, 0);
    }

    /// Holds every answer back for so many milliseconds from now on.
    ///
    /// # Panics
    /// The driver refuses.
    pub fn latency(&mut self, ms: u32) {
        self.network(false, ms);
    }

    fn network(&mut self, is_offline: bool, latency: u32) {
        self.devtools("Network.enable", &json!({}));
        let conditions =
            json!({"offline": is_offline, "latency": latency, "downloadThroughput": -1, "uploadThroughput": -1});
        self.devtools("Network.emulateNetworkConditions", &conditions);
    }

    /// The value of a JavaScript expression; a promise is awaited.
    ///
    /// # Panics
    /// It throws.
    #[track_caller]
    pub fn evaluate(&mut self, expression: &str) -> Value {
        self.ask("POST", "/execute/sync", &json!({"script": format!("return {expression}"), "args": []}))
    }

    /// Waits until an expression is truthy, and returns its value.
    ///
    /// # Panics
    /// It is not within a minute.
    #[track_caller]
    pub fn until(&mut self, expression: &str) -> Value {
        let began = Instant::now();
        loop {
            let value = self.evaluate(expression);
            if !matches!(&value, Value::Null | Value::Bool(false)) && value != "" && value != 0 {
                return value;
            }
            if began.elapsed() > PATIENCE {
                panic!("{expression} is {value}; the page says: {}", self.text());
            }
            std::thread::sleep(LOOKS_EVERY);
        }
    }

    /// Waits until the page shows a text.
    ///
    /// # Panics
    /// It does not within a minute.
    #[track_caller]
    pub fn reads(&mut self, text: &str) {
        self.until(&format!("document.body.innerText.includes({})", json!(text)));
    }

    /// The visible text of the page.
    #[track_caller]
    pub fn text(&mut self) -> String {
        self.evaluate("document.body.innerText").as_str().unwrap_or_default().to_owned()
    }

    /// Clicks an element as a person does: it has to be visible, and nothing may cover it.
    ///
    /// # Panics
    /// There is none within a minute, or something covers it.
    #[track_caller]
    pub fn click(&mut self, selector: &str) {
        self.act(selector, "click", &json!({}));
    }

    /// Types into a field, after what stands there.
    ///
    /// # Panics
    /// There is none within a minute.
    #[track_caller]
    pub fn fill(&mut self, selector: &str, text: &str) {
        self.act(selector, "value", &json!({"text": text}));
    }

    /// Presses keys one after another, wherever the focus is, as a keyboard or a scanner does. Enter is `\u{E007}`, Tab
    /// `\u{E004}`, Escape `\u{E00C}`.
    ///
    /// # Panics
    /// The driver refuses.
    #[track_caller]
    pub fn keys(&mut self, keys: &str) {
        let steps = keys.chars().flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key})));
        let source = json!({"type": "key", "id": "keyboard", "actions": steps.collect::<Vec<_>>()});
        self.ask("POST", "/actions", &json!({"actions": [source]}));
    }

    /// Saves a picture of what is visible.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn screenshot(&mut self, path: &Path) {
        let picture = self.ask("GET", "/screenshot", &Value::Null);
        std::fs::write(path, STANDARD.decode(picture.as_str().unwrap()).unwrap()).unwrap();
    }

    /// What the page complained of since it was last asked: uncaught errors and violations of its policy. What the
    /// browser itself tells of failed requests is left out.
    #[track_caller]
    pub fn complaints(&mut self) -> Vec<String> {
        let log = self.ask("POST", "/se/log", &json!({"type": "browser"}));
        let entries = log.as_array().into_iter().flatten();
        let serious = entries.filter(|entry| entry["level"] == "SEVERE" && entry["source"] != "network");
        let told = serious.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned());
        told.filter(|message| !message.contains("WebSocket connection to")).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends the browser; killed first, it would leave it behind.
        if !self.session.is_empty() {
            drop(self.client.send("DELETE", &self.session, &[], b""));
        }
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}
