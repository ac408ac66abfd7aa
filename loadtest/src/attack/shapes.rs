//! The attacks, by the name of their target:
//!
//! | name | what is sent |
//! | --- | --- |
//! | C1 | promises that need two others to move, of up to a thousand million units |
//! | C2 | promises of several lines, locations, groups and dates, under buffers, floors, quotas and supply |
//! | H1 | queries for a thousand SKUs at all their locations: read, read slowly, never read, and over HTTP/2 without a window |
//! | H2 | a hundred lines over the largest group, for absent stock; half of them disconnect before the answer |
//! | H3 | fresh idempotency keys, pipelined |
//! | H4 | shortages, and lists without a useful index |
//! | H5 | holds of one customer that expire after a second |
//! | H6 | `/openapi.json` that is never read, silent connections, heads and bodies at a byte a second |
//! | M1 | extensions of one hold, pipelined |
//! | M2 | unknown names |
//! | M3 | sockets that track unknown SKUs, and read nothing |
//! | M4 | requests for data that the attacker's channel must not know |
//! | M5 | steps of reservations of another caller |
//! | M6 | writes of supply, rules and channels, again and again |
//! | M10 | sourcing that ends in a refusal, and long reads in parallel |
//! | M12 | all units of a cell, as often as possible |
//! | L | malformed requests, and requests that no client sends |
//! | routes, socket | every route and every message, with valid and invalid values |

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use super::network::{BAITS, CHANNEL, MIXES, Network, PLENTY, TRIPLES, VOIDS};
use super::tally::Tally;
use super::wire::{Line, handshake, message, request, windowless};
use anaquel_seeds::Numbers;

/// Requests that are sent in one piece.
const PIPELINED: u64 = 16;

/// The longest time that an idle connection is kept open.
const HOLD_MAX_SECONDS: u64 = 15;

/// The key of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Read,
    Reserve,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Rearrange,
    Mix,
    QueryRead,
    QuerySipped,
    QueryUnread,
    QueryWindowless,
    Group,
    FreshKeys,
    Lists,
    Guest,
    Unread,
    Idle,
    SlowHead,
    SlowBody,
    Extend,
    MadeUp,
    Track,
    Pry,
    OthersSteps,
    Puts,
    Sourcing,
    LongReads,
    Take,
    Odd,
    Routes,
    Socket,
}

/// An attack.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Its name in the tally.
    pub row: &'static str,
    what: What,
    who: &'static [Who],
    /// Whether it keeps a connection open, instead of sending requests.
    pub is_held: bool,
}

const BOTH: &[Who] = &[Who::Read, Who::Reserve];
const READ: &[Who] = &[Who::Read];
const RESERVE: &[Who] = &[Who::Reserve];

const fn shape(row: &'static str, what: What, who: &'static [Who], is_held: bool) -> Shape {
    Shape { row, what, who, is_held }
}

/// All of them.
pub(super) const SHAPES: &[Shape] = &[
    shape("C1", What::Rearrange, RESERVE, false),
    shape("C2", What::Mix, RESERVE, false),
    shape("H1", What::QueryRead, READ, false),
    shape("H1", What::QuerySipped, READ, true),
    shape("H1", What::QueryUnread, READ, true),
    shape("H1", What::QueryWindowless, READ, true),
    shape("H2", What::Group, RESERVE, false),
    shape("H3", What::FreshKeys, RESERVE, false),
    shape("H4", What::Lists, BOTH, false),
    shape("H5", What::Guest, RESERVE, false),
    shape("H6", What::Unread, BOTH, true),
    shape("H6", What::Idle, BOTH, true),
    shape("H6", What::SlowHead, BOTH, true),
    shape("H6", What::SlowBody, BOTH, true),
    shape("M1", What::Extend, RESERVE, false),
    shape("M2", What::MadeUp, BOTH, false),
    shape("M3", What::Track, READ, true),
    shape("M4", What::Pry, BOTH, false),
    shape("M5", What::OthersSteps, RESERVE, false),
    shape("M6", What::Puts, BOTH, false),
    shape("M10", What::Sourcing, RESERVE, false),
    shape("M10", What::LongReads, READ, false),
    shape("M12", What::Take, RESERVE, false),
    shape("L", What::Odd, BOTH, false),
    shape("routes", What::Routes, BOTH, false),
    shape("socket", What::Socket, BOTH, true),
];

impl Shape {
    /// Whether it fits this key.
    pub fn is_for(&self, who: Who) -> bool {
        self.who.contains(&who)
    }
}

/// The shared state of all connections of one key.
#[derive(Debug)]
pub(super) struct Kit {
    pub address: SocketAddr,
    /// Their local address.
    pub source: IpAddr,
    pub who: Who,
    pub network: Network,
    /// `Host` and `Authorization`, as header lines.
    pub headers: String,
    /// `Bearer …`.
    pub bearer: String,
    /// A request for all cells.
    pub query: Vec<u8>,
    /// The same for an HTTP/2 connection.
    pub windowless: Vec<u8>,
    /// A body that is a hundred times as large after decompression.
    pub bomb: Vec<u8>,
    pub routes: Vec<Vec<u8>>,
    pub messages: Vec<String>,
}

impl Kit {
    /// Prepares the large parts.
    pub fn prepare(&mut self) -> anyhow::Result<()> {
        let skus: Vec<_> = (0..1000).map(|n| format!("\"{}\"", self.network.wide(n))).collect();
        let body = format!(r#"{{"skus":[{}]}}"#, skus.join(","));
        self.query = request("POST", "/v1/availability/query", &self.headers, body.as_bytes());
        let path = "/v1/availability/query";
        self.windowless = windowless(&self.address.to_string(), path, &self.bearer, body.as_bytes(), 8);
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(&vec![b' '; 16 << 20])?;
        self.bomb = packer.finish()?;
        Ok(())
    }
}

/// The attacker of one connection.
#[derive(Debug)]
pub(super) struct Attacker {
    pub kit: Rc<Kit>,
    pub numbers: Numbers,
    pub line: Option<Line>,
    pub tally: Tally,
    /// Requests so far.
    pub sent: u64,
    /// Distinguishes its idempotency keys from those of others.
    pub nth: u64,
}

impl Attacker {
    /// Runs it once.
    ///
    /// # Errors
    /// The connection failed, was closed, or was not answered in time.
    pub async fn run(&mut self, shape: &Shape) -> anyhow::Result<()> {
        let row = shape.row;
        match shape.what {
            What::Rearrange => self.rearrange(row).await,
            What::Mix => {
                let body = self.mix();
                self.post(row, "/v1/reservations", &body).await
            }
            What::QueryRead => {
                let query = Rc::clone(&self.kit);
                self.ask(row, &query.query).await
            }
            What::QuerySipped | What::QueryUnread | What::QueryWindowless | What::Unread => {
                self.unread(row, shape.what).await
            }
            What::Group => self.group(row).await,
            What::FreshKeys => self.fresh_keys(row).await,
            What::Lists => {
                let path = self.list();
                self.get(row, &path).await
            }
            What::Guest => self.guest(row).await,
            What::Idle | What::SlowHead | What::SlowBody => self.slow(row, shape.what).await,
            What::Extend => self.extend(row).await,
            What::MadeUp => self.made_up(row).await,
            What::Track => self.track(row).await,
            What::Pry => {
                let path = self.pry();
                self.get(row, &path).await
            }
            What::OthersSteps => self.others_steps(row).await,
            What::Puts => self.puts(row).await,
            What::Sourcing => self.sourcing(row).await,
            What::LongReads => {
                let path = self.long_read();
                self.get(row, &path).await
            }
            What::Take => {
                let (sku, place) = (self.wide(), self.wide_place());
                let body = format!(
                    r#"{{"channel":"{CHANNEL}","ttl_seconds":2678400,"allow_partial":true,"lines":[{{"sku":"{sku}","location":"{place}","quantity":{PLENTY}}}]}}"#
                );
                self.post(row, "/v1/reservations", &body).await
            }
            What::Odd => self.odd(row).await,
            What::Routes => {
                let kit = Rc::clone(&self.kit);
                let nth = self.numbers.below(kit.routes.len().max(1) as u64) as usize;
                match kit.routes.get(nth) {
                    Some(bytes) => self.ask(row, bytes).await,
                    None => Ok(()),
                }
            }
            What::Socket => self.socket(row).await,
        }
    }

    /// The kept connection, or a new one.
    async fn line(&mut self) -> anyhow::Result<&mut Line> {
        if self.line.as_ref().is_none_or(|line| line.is_over) {
            self.line = None;
            let line = Line::connect(self.kit.address, self.kit.source, false).await?;
            return Ok(self.line.insert(line));
        }
        self.line.as_mut().ok_or_else(|| anyhow::anyhow!("connected above"))
    }

    /// Sends prepared bytes, and records the status of each answer.
    async fn ask(&mut self, row: &'static str, bytes: &[u8]) -> anyhow::Result<()> {
        self.ask_many(row, bytes, 1).await
    }

    async fn ask_many(&mut self, row: &'static str, bytes: &[u8], count: u64) -> anyhow::Result<()> {
        self.tally.sent(row, count);
        self.sent += count;
        self.line().await?.send(bytes).await?;
        for _ in 0..count {
            let status = self.line().await?.answer().await?;
            self.tally.answered(row, status);
            if self.line.as_ref().is_some_and(|line| line.is_over) {
                break;
            }
        }
        Ok(())
    }

    async fn get(&mut self, row: &'static str, path: &str) -> anyhow::Result<()> {
        let bytes = request("GET", path, &self.kit.headers, b"");
        self.ask(row, &bytes).await
    }

    async fn post(&mut self, row: &'static str, path: &str, body: &str) -> anyhow::Result<()> {
        let bytes = request("POST", path, &self.kit.headers, body.as_bytes());
        self.ask(row, &bytes).await
    }

    /// Reserves one line; returns the reservation's id, if there is one.
    async fn reserve(&mut self, row: &'static str, ttl: u64, line: &str) -> anyhow::Result<Option<String>> {
        let body = format!(r#"{{"channel":"{CHANNEL}","ttl_seconds":{ttl},"lines":[{line}]}}"#);
        self.post(row, "/v1/reservations", &body).await?;
        let body = self.line.as_ref().map(|line| String::from_utf8_lossy(&line.body).into_owned()).unwrap_or_default();
        let id = body.split_once("\"id\":\"").and_then(|(_, rest)| rest.split_once('"'));
        Ok(id.map(|(id, _)| id.to_owned()))
    }

    fn wide(&mut self) -> String {
        let n = self.numbers.below(1 << 20);
        self.kit.network.wide(n)
    }

    /// A location of the wide SKUs.
    fn wide_place(&mut self) -> String {
        let n = self.numbers.below(self.kit.network.wide_places());
        self.kit.network.place(n * 5)
    }

    fn bait_line(&mut self) -> String {
        let n = self.numbers.below(BAITS);
        format!(r#"{{"sku":"BAIT-{n:02}","location":"{}","quantity":1}}"#, self.kit.network.place(n))
    }

    fn pause(&mut self) -> Duration {
        Duration::from_millis(2000 + self.numbers.below(HOLD_MAX_SECONDS * 1000 - 2000))
    }

    /// All of one side, and of the other: each time two other promises must move.
    async fn rearrange(&mut self, row: &'static str) -> anyhow::Result<()> {
        let n = self.numbers.below(TRIPLES);
        let most = Network::triple_most(n);
        let quantity = if self.numbers.below(3) > 0 { most } else { 1 + self.numbers.below(most) };
        for place in ["tri-a", "tri-c"] {
            let line = format!(r#"{{"sku":"TRI-{n:02}","location":"{place}","quantity":{quantity}}}"#);
            if let Some(id) = self.reserve(row, 60, &line).await? {
                self.post(row, &format!("/v1/reservations/{id}/cancel"), "{}").await?;
            }
        }
        Ok(())
    }

    fn mix(&mut self) -> String {
        let mut lines = Vec::new();
        for _ in 0..1 + self.numbers.below(4) {
            let n = self.numbers.below(MIXES);
            let group = ["mix-abc", "mix-bcd", "mix-cde", "mix-all"].get(self.numbers.below(4) as usize).copied();
            let place = ["mix-a", "mix-b", "mix-c", "mix-d", "mix-e"].get(self.numbers.below(5) as usize).copied();
            let stands = match self.numbers.below(2) {
                0 => format!(r#""group":"{}""#, group.unwrap_or("mix-all")),
                _ => format!(r#""location":"{}""#, place.unwrap_or("mix-a")),
            };
            let quantity = match self.numbers.below(8) {
                0 => self.numbers.below(PLENTY),
                1 => 1 + self.numbers.below(1_000_000),
                _ => 1 + self.numbers.below(14),
            };
            let latest = if self.numbers.below(4) == 0 { r#","latest":"2099-06-01T00:00:00Z""# } else { "" };
            lines.push(format!(r#"{{"sku":"MIX-{n:02}",{stands},"quantity":{quantity}{latest}}}"#));
        }
        let (partial, ttl) = (self.numbers.below(3) == 0, 1 + self.numbers.below(20));
        format!(
            r#"{{"channel":"{CHANNEL}","ttl_seconds":{ttl},"allow_partial":{partial},"lines":[{}]}}"#,
            lines.join(",")
        )
    }

    /// Requests a large answer, and does not read it.
    async fn unread(&mut self, row: &'static str, what: What) -> anyhow::Result<()> {
        let kit = Rc::clone(&self.kit);
        let mut line = Line::connect(kit.address, kit.source, true).await?;
        let times = 1 + self.numbers.below(8);
        match what {
            What::QueryWindowless => line.send(&kit.windowless).await?,
            What::Unread => {
                let host = kit.headers.lines().next().unwrap_or_default();
                let bytes = request("GET", "/openapi.json", &format!("{host}\r\n"), b"");
                for _ in 0..times {
                    line.send(&bytes).await?;
                }
            }
            _ => line.send(&kit.query).await?,
        }
        self.tally.sent(row, 1);
        self.sent += 1;
        self.tally.held(row);
        let pause = self.pause();
        if what == What::QuerySipped {
            return line.sip((pause.as_millis() / 200) as u32, Duration::from_millis(100)).await;
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }

    async fn group(&mut self, row: &'static str) -> anyhow::Result<()> {
        let (is_void, quantity) = (self.numbers.below(2) == 0, 1 + self.numbers.below(PLENTY));
        let lines: Vec<_> = (0..100)
            .map(|n| {
                let sku = if is_void { format!("VOID-{:03}", n % VOIDS) } else { self.kit.network.wide(n) };
                format!(r#"{{"sku":"{sku}","group":"att-all","quantity":{quantity}}}"#)
            })
            .collect();
        let partial = self.numbers.below(4) == 0 && is_void;
        let body = format!(
            r#"{{"channel":"{CHANNEL}","ttl_seconds":5,"allow_partial":{partial},"lines":[{}]}}"#,
            lines.join(",")
        );
        if self.numbers.below(2) == 0 {
            return self.post(row, "/v1/reservations", &body).await;
        }
        // Sends a request and disconnects.
        let bytes = request("POST", "/v1/reservations", &self.kit.headers, body.as_bytes());
        let mut line = Line::connect(self.kit.address, self.kit.source, false).await?;
        self.tally.sent(row, 1);
        self.sent += 1;
        line.send(&bytes).await?;
        tokio::time::sleep(Duration::from_millis(self.numbers.below(200))).await;
        self.tally.left(row);
        Ok(())
    }

    async fn fresh_keys(&mut self, row: &'static str) -> anyhow::Result<()> {
        let mut bytes = Vec::new();
        for _ in 0..PIPELINED {
            let (nth, line) = (self.sent + self.numbers.below(1 << 40), self.bait_line());
            let mut headers = format!("{}Idempotency-Key: a{}-{nth}", self.kit.headers, self.nth);
            // As long as a key may be.
            (0..200 * (nth % 2)).for_each(|_| headers.push('k'));
            headers.push_str("\r\n");
            let body = format!(r#"{{"channel":"{CHANNEL}","ttl_seconds":1,"lines":[{line}]}}"#);
            bytes.extend(request("POST", "/v1/reservations", &headers, body.as_bytes()));
        }
        self.ask_many(row, &bytes, PIPELINED).await
    }

    async fn guest(&mut self, row: &'static str) -> anyhow::Result<()> {
        let mut bytes = Vec::new();
        for _ in 0..PIPELINED {
            let line = self.bait_line();
            let body = format!(r#"{{"channel":"{CHANNEL}","customer":"guest","ttl_seconds":1,"lines":[{line}]}}"#);
            bytes.extend(request("POST", "/v1/reservations", &self.kit.headers, body.as_bytes()));
        }
        self.ask_many(row, &bytes, PIPELINED).await
    }

    fn list(&mut self) -> String {
        let place = self.wide_place();
        match self.numbers.below(8) {
            0 => "/v1/shortages?limit=1000".into(),
            1 => format!("/v1/shortages?location={place}"),
            2 => format!("/v1/reservations?channel={CHANNEL}&state=expired&limit=1000"),
            3 => format!("/v1/reservations?channel={CHANNEL}&customer=guest&limit=1000"),
            4 => format!("/v1/reservations?channel={CHANNEL}&order=none"),
            5 => format!("/v1/reservations?channel={CHANNEL}&pickup_code=000000"),
            6 => format!("/v1/stock?location={place}&limit=1000"),
            _ => "/v1/supply?limit=1000".into(),
        }
    }

    /// A connection that sends nothing, or sends very slowly.
    async fn slow(&mut self, row: &'static str, what: What) -> anyhow::Result<()> {
        let mut line = Line::connect(self.kit.address, self.kit.source, false).await?;
        let pause = self.pause();
        self.tally.sent(row, 1);
        self.sent += 1;
        self.tally.held(row);
        let bytes: Vec<u8> = match what {
            What::SlowHead => format!("GET /v1/info HTTP/1.1\r\n{}X-Slow: {}", self.kit.headers, "y".repeat(20)).into(),
            What::SlowBody => request("POST", "/v1/reservations", &self.kit.headers, &[b' '; 4000]),
            _ => {
                tokio::time::sleep(pause).await;
                return Ok(());
            }
        };
        let tail = bytes.len().saturating_sub(pause.as_secs() as usize + 1);
        line.send(bytes.get(..tail).unwrap_or(&[])).await?;
        for byte in bytes.get(tail..).unwrap_or(&[]).chunks(1).take(pause.as_secs() as usize) {
            tokio::time::sleep(Duration::from_secs(1)).await;
            line.send(byte).await?;
        }
        Ok(())
    }

    async fn extend(&mut self, row: &'static str) -> anyhow::Result<()> {
        let line = self.bait_line();
        let Some(id) = self.reserve(row, 600, &line).await? else { return Ok(()) };
        for _ in 0..10 {
            let mut bytes = Vec::new();
            for _ in 0..PIPELINED * 4 {
                let body = format!(r#"{{"ttl_seconds":{}}}"#, 600 + self.numbers.below(600));
                let path = format!("/v1/reservations/{id}/extend");
                bytes.extend(request("POST", &path, &self.kit.headers, body.as_bytes()));
            }
            self.ask_many(row, &bytes, PIPELINED * 4).await?;
        }
        self.get(row, &format!("/v1/reservations/{id}")).await?;
        self.post(row, &format!("/v1/reservations/{id}/cancel"), "{}").await
    }

    async fn made_up(&mut self, row: &'static str) -> anyhow::Result<()> {
        let n = self.numbers.below(1 << 40);
        if self.kit.who == Who::Read {
            let path = match self.numbers.below(4) {
                0 => format!("/v1/availability?sku=BAIT-00&channel=ch-{n}"),
                1 => format!("/v1/availability?sku=sku-{n}&location=place-{n}"),
                2 => format!("/v1/availability?sku=BAIT-00&group=group-{n}"),
                _ => format!("/v1/rules/explain?sku=BAIT-00&location=place-{n}&channel=ch-{n}"),
            };
            return self.get(row, &path).await;
        }
        let (channel, line) = match self.numbers.below(4) {
            0 => (format!("ch-{n}"), self.bait_line()),
            1 => (CHANNEL.into(), format!(r#"{{"sku":"BAIT-00","location":"place-{n}","quantity":1}}"#)),
            2 => (CHANNEL.into(), format!(r#"{{"sku":"sku-{n}","location":"att-00000","quantity":1}}"#)),
            _ => (CHANNEL.into(), format!(r#"{{"sku":"BAIT-00","group":"group-{n}","quantity":1}}"#)),
        };
        let body = format!(
            r#"{{"channel":"{channel}","customer":"who-{n}","order":"o-{n}","ttl_seconds":1,"lines":[{line}]}}"#
        );
        self.post(row, "/v1/reservations", &body).await
    }

    /// A socket, open.
    async fn open_socket(&mut self, row: &'static str, is_small: bool) -> anyhow::Result<Line> {
        let mut line = Line::connect(self.kit.address, self.kit.source, is_small).await?;
        self.tally.sent(row, 1);
        self.sent += 1;
        line.send(&handshake(&self.kit.headers)).await?;
        let status = line.answer().await?;
        self.tally.answered(row, status);
        anyhow::ensure!(status == 101, "no socket");
        Ok(line)
    }

    async fn track(&mut self, row: &'static str) -> anyhow::Result<()> {
        let mut line = self.open_socket(row, true).await?;
        let mode = if self.numbers.below(2) == 0 { "conflated" } else { "lossless" };
        line.send(&message(
            format!(r#"{{"op":"subscribe","id":"s","mode":"{mode}","skus":["BAIT-00"],"locations":["att-00000"]}}"#)
                .as_bytes(),
        ))
        .await?;
        for _ in 0..4 + self.numbers.below(12) {
            let first = self.numbers.below(1 << 40);
            let skus: Vec<_> = (0..4000).map(|n| format!("\"no-{}\"", first + n)).collect();
            let text = format!(r#"{{"op":"track","id":"s","skus":[{}]}}"#, skus.join(","));
            self.tally.sent(row, 1);
            self.sent += 1;
            line.send(&message(text.as_bytes())).await?;
        }
        self.tally.held(row);
        let pause = self.pause();
        tokio::time::sleep(pause).await;
        Ok(())
    }

    fn pry(&mut self) -> String {
        let n = self.numbers.below(MIXES);
        match self.numbers.below(8) {
            0 => format!("/v1/pickup?sku=MIX-{n:02}:1&near=40.41,-3.70&radius_km=3000&channel={CHANNEL}"),
            1 => format!("/v1/rules/explain?sku=MIX-{n:02}&location=mix-a&channel={CHANNEL}"),
            2 => "/v1/channels".into(),
            3 => "/v1/rules".into(),
            4 => "/v1/events?after=0&limit=1000".into(),
            5 => "/v1/export/stock".into(),
            6 => "/v1/info".into(),
            _ => format!("/v1/availability?sku=MIX-{n:02}&group=mix-all&channel={CHANNEL}"),
        }
    }

    /// An own id, and similar ones.
    async fn others_steps(&mut self, row: &'static str) -> anyhow::Result<()> {
        let line = self.bait_line();
        let Some(id) = self.reserve(row, 1, &line).await? else { return Ok(()) };
        let digits = id.bytes().rev().take_while(u8::is_ascii_digit).count();
        let (front, number) = id.split_at(id.len() - digits);
        let number: u64 = number.parse().unwrap_or(0);
        for _ in 0..8 {
            let other = format!("{front}{}", number.saturating_sub(1 + self.numbers.below(1000)));
            let step = ["confirm", "cancel", "extend", "bind", "collect"].get(self.numbers.below(5) as usize).copied();
            let body = if step == Some("extend") { r#"{"ttl_seconds":900}"# } else { "{}" };
            self.post(row, &format!("/v1/reservations/{other}/{}", step.unwrap_or("cancel")), body).await?;
        }
        Ok(())
    }

    async fn puts(&mut self, row: &'static str) -> anyhow::Result<()> {
        let n = self.numbers.below(MIXES);
        let (path, body) = match self.numbers.below(4) {
            0 => (
                "/v1/supply".to_owned(),
                format!(
                    r#"{{"supplies":[{{"supply":"PO-{n}","sku":"MIX-{n:02}","location":"mix-a","quantity":1000000,"expected_at":"2099-01-10T09:00:00Z"}}]}}"#
                ),
            ),
            1 => (format!("/v1/rules/rule-{n}"), r#"{"kind":"safety_stock","units":1000000}"#.to_owned()),
            2 => (format!("/v1/channels/{CHANNEL}"), r#"{"buffer":0}"#.to_owned()),
            _ => (format!("/v1/groups/g-{n}"), r#"{"locations":["shop-0"]}"#.to_owned()),
        };
        let headers = format!("{}Idempotency-Key: put-{n}\r\n", self.kit.headers);
        let bytes = request("PUT", &path, &headers, body.as_bytes());
        self.ask(row, &bytes).await
    }

    async fn sourcing(&mut self, row: &'static str) -> anyhow::Result<()> {
        let lines: Vec<_> = (0..1 + self.numbers.below(40))
            .map(|_| {
                let (sku, quantity) = (self.wide(), [1, 25, 1000, PLENTY].get(self.numbers.below(4) as usize).copied());
                format!(r#"{{"sku":"{sku}","quantity":{}}}"#, quantity.unwrap_or(1))
            })
            .collect();
        let policy = ["nearest", "fewest_shipments", "balance", "most_stock"].get(self.numbers.below(4) as usize);
        let (dry_run, shipments) = (self.numbers.below(4) > 0, 1 + self.numbers.below(6));
        let body = format!(
            r#"{{"channel":"{CHANNEL}","policy":"{}","dry_run":{dry_run},"ttl_seconds":2,"max_shipments":{shipments},"destination":{{"latitude":40.4,"longitude":-3.7}},"lines":[{}]}}"#,
            policy.copied().unwrap_or("nearest"),
            lines.join(",")
        );
        self.post(row, "/v1/sourcing", &body).await
    }

    fn long_read(&mut self) -> String {
        let (sku, place, n) = (self.wide(), self.wide_place(), self.numbers.below(1 << 20));
        match self.numbers.below(5) {
            0 => {
                let basket: Vec<_> = (0..20).map(|at| format!("sku={}:30", self.kit.network.wide(n + at))).collect();
                format!("/v1/pickup?{}&near=40.41,-3.70&radius_km=20000&channel=web", basket.join("&"))
            }
            1 => format!("/v1/availability?sku={sku}&channel={CHANNEL}"),
            2 => format!("/v1/stock?location={place}&limit=1000"),
            3 => format!("/v1/stock?sku={sku}&limit=1000"),
            _ => format!("/v1/availability?sku={sku}&group=att-all&channel={CHANNEL}"),
        }
    }

    /// Bytes that no client sends.
    async fn odd(&mut self, row: &'static str) -> anyhow::Result<()> {
        let kit = Rc::clone(&self.kit);
        let host = format!("Host: {}\r\n", kit.address);
        let key = format!("Authorization: {}\r\n", kit.bearer);
        let post = |body: &[u8]| request("POST", "/v1/reservations", &kit.headers, body);
        let line =
            |line: &str| post(format!(r#"{{"channel":"{CHANNEL}","ttl_seconds":1,"lines":[{line}]}}"#).as_bytes());
        let bytes = match self.numbers.below(22) {
            0 => line(r#"{"sku":"BAIT-00","location":"att-00000","quantity":5000000000}"#),
            1 => line(r#"{"sku":"BAIT-00","location":"att-00000","quantity":-1}"#),
            2 => line(r#"{"sku":"BAIT-00","location":"att-00000","quantity":1e400}"#),
            3 => line(r#"{"sku":"BAIT-00","location":"att-00000","quantity":1.0000000000000000000001}"#),
            4 => post("[".repeat(100_000).as_bytes()),
            5 => post(format!(r#"{{"a":{}1{}}}"#, "[".repeat(5000), "]".repeat(5000)).as_bytes()),
            6 => post(b"{\"channel\":\"\xff\xfe\xed\xa0\x80\"}"),
            7 => post(format!(r#"{{"channel":"{}"}}"#, "x".repeat(900_000)).as_bytes()),
            8 => request("GET", "/v1/info", &format!("Host: attacker.example\r\n{key}"), b""),
            9 => request("GET", "/v1/info", &format!("{host}Host: attacker.example\r\n{key}"), b""),
            10 => request("GET", "/v1/info", &key, b""),
            11 => request("POST", "/v1/availability/query", &format!("{}Content-Encoding: gzip\r\n", kit.headers), &kit.bomb),
            12 => request("GET", &format!("/v1/availability?sku={}", "y".repeat(8000)), &kit.headers, b""),
            13 => request("GET", "/v1/skus/%00%ff%2f..%2f..%2fetc%2fpasswd", &kit.headers, b""),
            14 => request("GET", "/v1/info", &format!("{}{}", kit.headers, "X-Many: 1\r\n".repeat(90)), b""),
            15 => format!("POST /v1/reservations HTTP/1.1\r\n{}Content-Length: 1000000000000\r\n\r\n", kit.headers).into(),
            16 => format!("POST /v1/import/stock HTTP/1.1\r\n{}Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{{\"sku\":\"BAIT-00\",\"location\":\"att\r\n", kit.headers).into(),
            17 => format!("POST /v1/reservations HTTP/1.1\r\n{}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", kit.headers).into(),
            18 => b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 not what is spoken here\r\n\r\n".to_vec(),
            19 => request("BREW", "/v1/reservations", &kit.headers, b""),
            20 => request("GET", "/v1/events?after=18446744073709551615&limit=1000&wait=1e9", &kit.headers, b""),
            _ => request("GET", "/v1/info", &format!("{host}Authorization: Bearer {}\r\n", "z".repeat(8000)), b""),
        };
        // The result may be an answer, or an end; neither is waited for.
        let asked = tokio::time::timeout(Duration::from_secs(2), self.ask(row, &bytes)).await;
        self.line = None;
        asked.unwrap_or_else(|_| {
            self.tally.left(row);
            Ok(())
        })
    }

    async fn socket(&mut self, row: &'static str) -> anyhow::Result<()> {
        let kit = Rc::clone(&self.kit);
        let is_read = self.numbers.below(2) == 0;
        let mut line = self.open_socket(row, !is_read).await?;
        for _ in 0..10 + self.numbers.below(90) {
            let nth = self.numbers.below(kit.messages.len().max(1) as u64) as usize;
            let bytes = match (self.numbers.below(20), kit.messages.get(nth)) {
                (0, _) => vec![0x82, 0x84, 0, 0, 0, 0, 1, 2, 3, 4],
                (1, _) => message(b"{\"op\":"),
                (_, Some(text)) => message(text.as_bytes()),
                (_, None) => break,
            };
            self.tally.sent(row, 1);
            self.sent += 1;
            line.send(&bytes).await?;
            if is_read {
                line.sip(1, Duration::from_millis(5)).await?;
            }
        }
        self.tally.held(row);
        let pause = self.pause() / 2;
        tokio::time::sleep(pause).await;
        Ok(())
    }
}
