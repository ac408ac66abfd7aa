//! The files of the screens, by folder of `server/assets/`: one name a line, and a test that no file is forgotten.

/// A file in the binary.
#[derive(Debug, Clone, Copy)]
pub struct File {
    /// Where it is served.
    pub path: &'static str,
    /// Its content.
    pub content: &'static str,
}

impl File {
    /// The media type of its ending.
    pub fn media_type(&self) -> &'static str {
        match self.path.rsplit_once('.').map_or("", |(_, ending)| ending) {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "ts" => "application/typescript; charset=utf-8",
            "json" => "application/json",
            "webmanifest" => "application/manifest+json",
            "md" => "text/markdown; charset=utf-8",
            "svg" => "image/svg+xml",
            _ => "text/html; charset=utf-8",
        }
    }
}

/// The files of a folder of `server/assets/`, served under its name.
macro_rules! folder {
    ($folder:literal: $($name:literal)*) => {
        &[$(File {
            path: concat!("/", $folder, "/", $name),
            content: include_str!(concat!("../../assets/", $folder, "/", $name)),
        }),*]
    };
}

/// Files that are served under another path than their own.
macro_rules! pages {
    ($($path:literal => $file:literal)*) => {
        &[$(File { path: $path, content: include_str!(concat!("../../assets/", $file)) }),*]
    };
}

/// The pages, by the path that people type, and the files that others link to by name.
const PAGES: &[File] = pages! {
    "/live" => "live/live.html"
    "/ops" => "ops/ops.html"
    "/ops/results.md" => "../../bench/RESULTS.md"
    "/shop" => "shop/shop.html"
    "/store" => "store/store.html"
    "/anaquel.js" => "anaquel.js"
    "/anaquel.d.ts" => "anaquel.d.ts"
    "/receipt.css" => "receipt.css"
    "/asyncapi.json" => "asyncapi.json"
};

/// What every screen uses.
const SCREENS: &[File] = folder! { "screens":
    "api.js"
    "camera.js"
    "elements.js"
    "format.js"
    "icons.js"
    "live.js"
    "names.js"
    "problem.js"
    "scan.js"
    "screens.css"
    "session.js"
    "shell.js"
    "shown.js"
    "texts.js"
    "tokens.css"
    "wedge.js"
    "write.js"
};

/// The start page; its HTML stands beside its JSON, in `problems.rs`.
const HOME: &[File] = folder! { "home": "home.css" "home.js" };

/// Live stock.
const LIVE: &[File] = folder! { "live": "live.css" "live.js" "table.js" "texts.js" };

/// The demonstration shop.
const SHOP: &[File] = folder! { "shop":
    "basket.js"
    "calls.js"
    "carry.js"
    "cart.js"
    "catalogue.js"
    "checkout.js"
    "list.js"
    "market.js"
    "order.js"
    "product.js"
    "qr.js"
    "return.js"
    "shop.css"
    "shop.js"
    "stores.js"
    "texts.js"
};

/// Operations.
const OPS: &[File] = folder! { "ops":
    "backup.js"
    "benchmarks.js"
    "chart.js"
    "explain.js"
    "facts.js"
    "imports.js"
    "keys.js"
    "log.js"
    "measures.js"
    "ops.css"
    "ops.js"
    "parse.js"
    "plot.js"
    "reading.js"
    "refused.js"
    "rule.js"
    "rules.js"
    "sentence.js"
    "shortages.js"
    "texts.js"
    "upload.js"
};

/// The store.
const STORE: &[File] = folder! { "store":
    "basket.js"
    "catalogue.js"
    "choose.js"
    "clock.js"
    "correct.js"
    "count.js"
    "day.js"
    "db.js"
    "device.js"
    "extend.js"
    "find.js"
    "frame.js"
    "handover.js"
    "history.js"
    "hours.js"
    "job-texts.js"
    "kept.js"
    "leaving.js"
    "link.js"
    "lookup.js"
    "more.js"
    "orders.js"
    "payment.js"
    "pick.js"
    "picking.js"
    "place.js"
    "queue.js"
    "receipt.js"
    "receive.js"
    "return.js"
    "risk.js"
    "scanbar.js"
    "sell.js"
    "send.js"
    "sender.js"
    "settle.js"
    "shortpick.js"
    "status.js"
    "stepper.js"
    "store.css"
    "store.js"
    "store.webmanifest"
    "texts.js"
    "worker.js"
};

/// What the page of the store needs to open without a connection, as its service worker reads it: the paths, and a version
/// that is another one once any of the files is.
pub fn of_store() -> String {
    let kept =
        all().filter(|file| file.path == "/store" || file.path == "/anaquel.js" || file.path.starts_with("/screens/"));
    let kept = kept.chain(STORE.iter().filter(|file| file.path != "/store/worker.js"));
    let mut hash = blake3::Hasher::new();
    let paths: Vec<&str> = kept
        .map(|file| {
            hash.update(file.path.as_bytes()).update(&[0]).update(file.content.as_bytes()).update(&[0]);
            file.path
        })
        .collect();
    format!("self.FILES = {};\n", serde_json::json!({"version": hash.finalize().to_hex().as_str(), "paths": paths}))
}

/// All files.
pub fn all() -> impl Iterator<Item = &'static File> {
    [PAGES, SCREENS, HOME, LIVE, STORE, SHOP, OPS].into_iter().flatten()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use std::path::Path;

    use super::*;

    /// Pages are served under a path of their own; guides for people who write screens are not served.
    #[test]
    fn every_file_of_a_folder_is_served() {
        let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
        for folder in assets.read_dir().unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
            for file in folder.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
                let name = file.strip_prefix(&assets).unwrap().to_str().unwrap();
                if !name.ends_with(".html") && !name.ends_with(".md") {
                    assert!(all().any(|file| file.path == format!("/{name}")), "{name} is not listed");
                }
            }
        }
    }
}
