//! The shared log in etcd: real members on loopback, cut connections, and members that are killed.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anaquel_cells::ids::{Epoch, Timestamp};
use anaquel_log::BatchBuilder;
use anaquel_seeds::{Numbers, seed};
use anaquel_shared_log::etcd::{EtcdLog, EtcdOptions};
use anaquel_shared_log::{
    Appended, Batch, Committer, Head, LogError, Next, Patience, Sealed, SharedLog, Trimmed, conformance,
};

const HISTORY: Epoch = Epoch(5);

/// How long a cluster may take to be there.
const START: Duration = Duration::from_secs(30);

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Whether etcd is here. Where it must be, its absence is a failure.
fn is_here() -> bool {
    let found = Command::new("etcd").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return true;
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "etcd is absent: apt-get install etcd-server");
    eprintln!("skipped: etcd is absent: apt-get install etcd-server");
    false
}

/// Members of one cluster.
struct Cluster {
    folder: tempfile::TempDir,
    ports: Vec<(u16, u16)>,
    members: Vec<Option<Child>>,
}

impl Cluster {
    fn start(members: usize) -> Self {
        let ports: Vec<_> = (0..members).map(|_| (free_port(), free_port())).collect();
        let members = ports.iter().map(|_| None).collect();
        let mut cluster = Self { folder: tempfile::tempdir().unwrap(), ports, members };
        (0..cluster.ports.len()).for_each(|nth| cluster.start_member(nth));
        let began = Instant::now();
        while !cluster.is_ready() {
            assert!(began.elapsed() < START, "the cluster is not there");
            std::thread::sleep(Duration::from_millis(100));
        }
        cluster
    }

    fn is_ready(&self) -> bool {
        let near = Instant::now() + Duration::from_secs(1);
        EtcdLog::open(&self.options("ready"), near).and_then(|mut log| log.pulse(near)).is_ok()
    }

    fn start_member(&mut self, nth: usize) {
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let peers: Vec<String> =
            self.ports.iter().enumerate().map(|(nth, (_, peer))| format!("m{nth}={}", url(*peer))).collect();
        let (client, peer) = self.ports[nth];
        let child = Command::new("etcd")
            .args(["--name", &format!("m{nth}"), "--pre-vote", "--log-level", "error"])
            .args(["--data-dir", self.folder.path().join(format!("m{nth}")).to_str().unwrap()])
            .args(["--listen-client-urls", &url(client), "--advertise-client-urls", &url(client)])
            .args(["--listen-peer-urls", &url(peer), "--initial-advertise-peer-urls", &url(peer)])
            .args(["--initial-cluster", &peers.join(","), "--initial-cluster-token", "test"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.members[nth] = Some(child);
    }

    fn kill(&mut self, nth: usize) {
        if let Some(mut member) = self.members[nth].take() {
            member.kill().unwrap();
            member.wait().unwrap();
        }
    }

    fn options(&self, prefix: &str) -> EtcdOptions {
        let endpoints = self.ports.iter().map(|(client, _)| format!("127.0.0.1:{client}")).collect();
        EtcdOptions { endpoints, prefix: prefix.to_owned() }
    }

    fn open(&self, prefix: &str) -> Box<dyn SharedLog> {
        Box::new(EtcdLog::open(&self.options(prefix), soon()).unwrap())
    }

    /// The member that leads.
    fn leader(&self) -> usize {
        let of = |nth: usize| {
            let (client, _) = self.ports[nth];
            let asked = TcpStream::connect(("127.0.0.1", client)).ok()?;
            asked.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
            (&asked).write_all(b"POST /v3/maintenance/status HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}").ok()?;
            let mut told = String::new();
            (&asked).read_to_string(&mut told).ok()?;
            let field = |name: &str| {
                let at = told.find(&format!("\"{name}\":\""))? + name.len() + 4;
                told.get(at..)?.split('"').next().map(str::to_owned)
            };
            Some(field("member_id")? == field("leader")?)
        };
        (0..self.ports.len()).find(|nth| of(*nth) == Some(true)).unwrap_or(0)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        (0..self.members.len()).for_each(|nth| self.kill(nth));
    }
}

fn batch(head: &Head, texts: &[String]) -> Batch {
    let mut builder = BatchBuilder::new(head.seq + 1, Timestamp(head.seq + 1));
    for text in texts {
        builder.push(text);
    }
    builder.end_command();
    builder.batch().clone()
}

fn genesis() -> Head {
    Head::at(HISTORY, 0, Timestamp(0), &[])
}

/// A writer that took over.
fn writer(log: Box<dyn SharedLog>, run: u64) -> Committer {
    let mut log = log;
    let head = log.pulse(soon()).unwrap().unwrap().head;
    let ms = Duration::from_millis;
    let patience = Patience { call: ms(1_000), resolve: ms(10_000), pause: ms(20) };
    let mut writer = Committer::taking_over(log, patience, head, run);
    writer.commit(HISTORY, batch(&head, &[format!("term {run}")])).unwrap();
    writer
}

fn read_all(log: &dyn SharedLog) -> Vec<Sealed> {
    let mut tail = log.reader().tail(1, soon()).unwrap();
    let (mut all, mut head) = (Vec::new(), genesis());
    while let Next::Batch(sealed) = tail.next(Duration::from_millis(300)).unwrap() {
        assert_eq!(sealed.continues(&head), Ok(()));
        head = *sealed.becomes();
        all.push(*sealed);
    }
    all
}

#[test]
fn the_log_in_etcd_conforms() {
    if !is_here() {
        return;
    }
    let rounds = std::env::var("ANAQUEL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(40);
    for members in [1, 3] {
        let cluster = Cluster::start(members);
        conformance::all(&|name, run| run(&|| cluster.open(&format!("conformance/{name}"))), rounds);
        let mut log = EtcdLog::open(&cluster.options("any"), soon()).unwrap();
        assert_eq!(log.members(soon()), Ok(members));
        let size = log.size(soon()).unwrap();
        assert!(size.bytes > 0 && !size.is_alarmed, "{size:?}");
    }
}

/// Where a proxy cuts a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Never,
    BeforeRequest,
    AfterRequest,
    BeforeAnswer,
}

/// Between a writer and etcd: cuts some of the connections.
struct Proxy {
    address: SocketAddr,
    over: Arc<AtomicBool>,
}

impl Proxy {
    fn start(to: u16, mut cut: impl FnMut() -> Cut + Send + 'static, cuts: Arc<AtomicUsize>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, over) = (listener.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
        let ends = Arc::clone(&over);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                let (Ok(stream), Ok(etcd)) = (stream, TcpStream::connect(("127.0.0.1", to))) else { continue };
                let how = cut();
                cuts.fetch_add(usize::from(how != Cut::Never), Ordering::Relaxed);
                std::thread::spawn(move || pass(&stream, &etcd, how));
            }
        });
        Self { address, over }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

/// Passes bytes in both directions, until it is to cut.
fn pass(client: &TcpStream, etcd: &TcpStream, how: Cut) {
    let ends = || {
        let _ = client.shutdown(Shutdown::Both);
        let _ = etcd.shutdown(Shutdown::Both);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut buffer = vec![0; 64 << 10];
            while let Ok(length) = { client }.read(&mut buffer) {
                if length == 0 || how == Cut::BeforeRequest {
                    break;
                }
                if { etcd }.write_all(&buffer[..length]).is_err() {
                    break;
                }
                if how == Cut::AfterRequest {
                    // It is on its way, and nobody waits for what becomes of it.
                    std::thread::sleep(Duration::from_millis(3));
                    let _ = client.shutdown(Shutdown::Both);
                }
            }
            ends();
        });
        let mut buffer = vec![0; 64 << 10];
        while let Ok(length) = { etcd }.read(&mut buffer) {
            if length == 0 || how == Cut::BeforeAnswer || { client }.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        ends();
    });
}

/// Connections that are cut before, after and during a request: every batch is there once, and its outcome is known.
#[test]
fn cut_connections_lose_nothing_and_double_nothing() {
    if !is_here() {
        return;
    }
    let cluster = Cluster::start(1);
    let seed = seed();
    for how in [Cut::BeforeRequest, Cut::AfterRequest, Cut::BeforeAnswer] {
        let prefix = format!("cut/{how:?}");
        assert_eq!(cluster.open(&prefix).found(&genesis(), soon()), Appended::Durable);
        let (numbers, cuts) = (Mutex::new(Numbers::new(seed.value())), Arc::new(AtomicUsize::new(0)));
        let any = move || if numbers.lock().unwrap().below(2) == 0 { how } else { Cut::Never };
        let proxy = Proxy::start(cluster.ports[0].0, any, Arc::clone(&cuts));
        let options = EtcdOptions { endpoints: vec![proxy.address.to_string()], prefix: prefix.clone() };
        // A connection serves one request each, so that each may be cut.
        let fresh = || loop {
            if let Ok(log) = EtcdLog::open(&options, soon()) {
                return Box::new(log) as Box<dyn SharedLog>;
            }
        };
        let (mut written, mut run) = (Vec::new(), 1);
        while cuts.load(Ordering::Relaxed) < 60 {
            let mut log = fresh();
            let head = loop {
                if let Ok(Some(pulse)) = log.pulse(soon()) {
                    break pulse.head;
                }
            };
            let ms = Duration::from_millis;
            let patience = Patience { call: ms(500), resolve: ms(10_000), pause: ms(1) };
            let mut writer = Committer::taking_over(log, patience, head, run);
            for nth in 0..3 {
                let text = format!("{run}/{nth}");
                let batch = batch(&writer.head().clone(), std::slice::from_ref(&text));
                let told = writer.commit(HISTORY, batch);
                assert!(told.is_ok(), "{how:?}: it is resolved: {told:?}");
                written.push(text);
            }
            run += 1;
        }
        let all = read_all(cluster.open(&prefix).as_ref());
        let found: Vec<String> = all
            .iter()
            .map(|sealed| {
                let batch = sealed.batch();
                anaquel_log::decode_record(1, batch.bytes_of(batch.first_seq).unwrap().unwrap()).unwrap()
            })
            .collect();
        assert_eq!(found, written, "{how:?}: each once, in order");
    }
}

/// The member that leads is killed again and again: nothing acknowledged is lost, and writes go on.
#[test]
fn a_killed_leader_loses_nothing() {
    if !is_here() {
        return;
    }
    let mut cluster = Cluster::start(3);
    assert_eq!(cluster.open("kills").found(&genesis(), soon()), Appended::Durable);
    let kills = std::env::var("ANAQUEL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(3);
    let (over, written) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut writer = writer(cluster.open("kills"), 1);
    let gaps = std::thread::scope(|scope| {
        let writes = scope.spawn(|| {
            let (mut gaps, mut last) = (Vec::new(), Instant::now());
            while !over.load(Ordering::Relaxed) {
                let batch = batch(&writer.head().clone(), &[format!("{}", written.load(Ordering::Relaxed))]);
                writer.commit(HISTORY, batch).unwrap();
                written.fetch_add(1, Ordering::Relaxed);
                gaps.push(last.elapsed());
                last = Instant::now();
            }
            gaps
        });
        for _ in 0..kills {
            std::thread::sleep(Duration::from_millis(700));
            let leader = cluster.leader();
            cluster.kill(leader);
            let before = written.load(Ordering::Relaxed);
            let began = Instant::now();
            while written.load(Ordering::Relaxed) < before + 5 {
                assert!(began.elapsed() < Duration::from_secs(15), "writes do not go on");
                std::thread::sleep(Duration::from_millis(10));
            }
            cluster.start_member(leader);
            std::thread::sleep(Duration::from_millis(1_500));
        }
        over.store(true, Ordering::Relaxed);
        writes.join().unwrap()
    });
    let longest = gaps.iter().max().copied().unwrap_or_default();
    println!("{} writes, {kills} kills, the longest gap {} ms", gaps.len(), longest.as_millis());
    let all = read_all(cluster.open("kills").as_ref());
    assert_eq!(all.len() as u64, written.load(Ordering::Relaxed) + 1, "the takeover, and each that was acknowledged");
}

/// A flipped bit in what etcd holds is found, and never shown.
#[test]
fn what_was_changed_in_etcd_is_found() {
    if !is_here() {
        return;
    }
    let cluster = Cluster::start(1);
    assert_eq!(cluster.open("damage").found(&genesis(), soon()), Appended::Durable);
    let mut one = writer(cluster.open("damage"), 1);
    for nth in 0..3 {
        let batch = batch(&one.head().clone(), &[format!("{nth}")]);
        one.commit(HISTORY, batch).unwrap();
    }
    // The batch of record 2, by its key.
    let (client, key) = (cluster.ports[0].0, "damage/log/00000000000000000002");
    let etcdctl = |arguments: &[&str], input: &[u8]| {
        let mut child = Command::new("etcdctl")
            .env("ETCDCTL_API", "3")
            .args(["--endpoints", &format!("127.0.0.1:{client}")])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        child.stdin.take()?.write_all(input).ok()?;
        child.wait_with_output().ok().map(|output| output.stdout)
    };
    let Some(mut bytes) = etcdctl(&["get", "--print-value-only", key], b"") else {
        eprintln!("skipped: etcdctl is absent: apt-get install etcd-client");
        return;
    };
    // It prints a line end behind the value.
    bytes.pop();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    etcdctl(&["put", key], &bytes).unwrap();
    let mut tail = cluster.open("damage").reader().tail(1, soon()).unwrap();
    let told = loop {
        match tail.next(Duration::from_millis(200)) {
            Ok(Next::Batch(sealed)) => assert!(sealed.becomes().seq < 2),
            other => break other,
        }
    };
    assert!(matches!(told, Err(LogError::Damaged(_))), "{told:?}");
    assert!(matches!(one.log().trim(2, anaquel_shared_log::Term(1), soon()), Ok(Trimmed::From(2))));
}
