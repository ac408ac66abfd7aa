//! The shared log in PostgreSQL: a real primary with synchronous standbys on loopback, which are stopped, cancelled and lost.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anaquel_cells::ids::{Epoch, Timestamp};
use anaquel_log::BatchBuilder;
use anaquel_shared_log::postgres::{PostgresLog, PostgresOptions};
use anaquel_shared_log::{Appended, Batch, Committer, Head, Next, Patience, Sealed, SharedLog, Step, conformance};

const HISTORY: Epoch = Epoch(5);

/// How long a server may take to be there.
const START: Duration = Duration::from_secs(30);

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

/// The folder of the programs, where PostgreSQL is here. Where it must be, its absence is a failure.
fn programs() -> Option<PathBuf> {
    let of_path = Command::new("pg_config").arg("--bindir").output().ok().filter(|output| output.status.success());
    let of_path = of_path.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> = installed.map(|entry| entry.path().join("bin")).chain(of_path).collect();
    all.retain(|folder| folder.join("initdb").is_file() && folder.join("pg_basebackup").is_file());
    all.sort();
    let found = all.pop();
    if found.is_none() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "PostgreSQL is absent: apt-get install postgresql");
        eprintln!("skipped: PostgreSQL is absent: apt-get install postgresql");
    }
    found
}

/// PostgreSQL refuses to run as root.
fn command(program: &Path) -> Command {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0\n"));
    if !is_root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]).arg(program).current_dir("/");
    command
}

struct Server {
    child: Option<Child>,
    data: PathBuf,
    port: u16,
}

/// A primary, and standbys of it.
struct Cluster {
    folder: tempfile::TempDir,
    programs: PathBuf,
    servers: Vec<Server>,
}

impl Cluster {
    fn start(programs: &Path, standbys: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let owned = Command::new("chown").arg("postgres").arg(folder.path()).stderr(Stdio::null()).status();
        drop(owned);
        let mut cluster = Self { folder, programs: programs.to_owned(), servers: Vec::new() };
        let data = cluster.folder.path().join("primary");
        let made = command(&programs.join("initdb"))
            .arg("-D")
            .arg(&data)
            .args(["-A", "trust", "-U", "anaquel", "--no-locale", "-E", "UTF8"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        cluster.servers.push(Server { child: None, data, port: free_port() });
        cluster.run(0);
        for nth in 1..=standbys {
            let data = cluster.folder.path().join(format!("standby-{nth}"));
            let from = format!("host=127.0.0.1 port={} user=anaquel application_name=s{nth}", cluster.servers[0].port);
            let made = command(&programs.join("pg_basebackup"))
                .arg("-D")
                .arg(&data)
                .args(["-R", "-c", "fast", "-X", "stream", "-d", &from])
                .output()
                .unwrap();
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            cluster.servers.push(Server { child: None, data, port: free_port() });
            cluster.run(nth);
        }
        if standbys > 0 {
            let names: Vec<String> = (1..=standbys).map(|nth| format!("s{nth}")).collect();
            cluster.sql(0, &format!("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 ({})'", names.join(", ")));
            cluster.sql(0, "SELECT pg_reload_conf()");
        }
        cluster
    }

    fn run(&mut self, nth: usize) {
        let Server { data, port, .. } = &self.servers[nth];
        let child = command(&self.programs.join("postgres"))
            .arg("-D")
            .arg(data)
            .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=50", "-k"])
            .arg(self.folder.path())
            .args(["-c", "hot_standby=on", "-c", "wal_level=replica", "-c", "max_wal_senders=8"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.servers[nth].child = Some(child);
        let began = Instant::now();
        while self.asks(nth, "SELECT 1").is_none_or(|told| told != "1") {
            assert!(began.elapsed() < START, "PostgreSQL does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn asks(&self, nth: usize, statement: &str) -> Option<String> {
        let port = self.servers[nth].port.to_string();
        let output = Command::new(self.programs.join("psql"))
            .args(["-h", "127.0.0.1", "-p", &port, "-U", "anaquel", "-d", "postgres", "-qtA", "-c", statement])
            .output()
            .ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn sql(&self, nth: usize, statement: &str) -> String {
        self.asks(nth, statement).unwrap_or_else(|| panic!("{statement}"))
    }

    /// Stops a server at once, as a kill does, or lets it go on.
    fn signal(&self, nth: usize, signal: &str) {
        let pid = std::fs::read_to_string(self.servers[nth].data.join("postmaster.pid")).unwrap();
        let pid = pid.lines().next().unwrap().to_owned();
        // Its workers, too: a stopped postmaster alone goes on receiving.
        let children = Command::new("pgrep").args(["-P", &pid]).output().unwrap();
        let children = String::from_utf8_lossy(&children.stdout).into_owned();
        for pid in children.split_whitespace().chain([pid.as_str()]) {
            let _ = Command::new("kill").args([signal, pid]).stderr(Stdio::null()).status();
        }
    }

    fn options(&self, log: &str, standbys: bool) -> PostgresOptions {
        let url = format!("postgres://anaquel@127.0.0.1:{}/postgres", self.servers[0].port);
        PostgresOptions::parse(&url, log, standbys).unwrap()
    }

    fn open(&self, log: &str, standbys: bool) -> Box<dyn SharedLog> {
        Box::new(PostgresLog::open(&self.options(log, standbys), soon()).unwrap())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for nth in (0..self.servers.len()).rev() {
            self.signal(nth, "-CONT");
            self.signal(nth, "-QUIT");
            if let Some(mut child) = self.servers[nth].child.take() {
                let _ = child.wait();
            }
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn genesis() -> Head {
    Head::at(HISTORY, 0, Timestamp(0), &[])
}

fn batch(head: &Head, text: &str) -> Batch {
    let mut builder = BatchBuilder::new(head.seq + 1, Timestamp(head.seq + 1));
    builder.push(&text.to_owned());
    builder.end_command();
    builder.batch().clone()
}

fn writer(mut log: Box<dyn SharedLog>, run: u64) -> Committer {
    let head = log.pulse(soon()).unwrap().unwrap().head;
    let ms = Duration::from_millis;
    let patience = Patience { call: ms(1_000), resolve: ms(20_000), pause: ms(20) };
    let mut writer = Committer::taking_over(log, patience, head, run);
    writer.commit(HISTORY, batch(&head, "takes over")).unwrap();
    writer
}

fn read_all(log: &dyn SharedLog) -> Vec<Sealed> {
    let mut tail = log.reader().tail(1, soon()).unwrap();
    let mut all = Vec::new();
    while let Next::Batch(sealed) = tail.next(Duration::from_millis(300)).unwrap() {
        all.push(*sealed);
    }
    all
}

#[test]
fn the_log_in_postgresql_conforms() {
    let Some(programs) = programs() else { return };
    let rounds = std::env::var("ANAQUEL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(40);
    for standbys in [0, 2] {
        let cluster = Cluster::start(&programs, standbys);
        conformance::all(&|name, run| run(&|| cluster.open(name, standbys > 0)), rounds);
    }
}

/// A server without standbys does not claim to have them, whether it never had any or lost them meanwhile.
#[test]
fn a_server_without_standbys_writes_nothing_that_needs_them() {
    let Some(programs) = programs() else { return };
    let cluster = Cluster::start(&programs, 0);
    let told = PostgresLog::open(&cluster.options("log", true), soon()).err().map(|error| error.to_string());
    assert!(told.is_some_and(|told| told.contains("synchronous_standby_names is empty")));
    let cluster = Cluster::start(&programs, 1);
    let mut log = cluster.open("log", true);
    assert_eq!(log.found(&genesis(), soon()), Appended::Durable);
    let mut one = writer(cluster.open("log", true), 1);
    cluster.sql(0, "ALTER SYSTEM RESET synchronous_standby_names");
    cluster.sql(0, "SELECT pg_reload_conf()");
    std::thread::sleep(Duration::from_millis(500));
    let next = batch(&one.head().clone(), "on one disk alone");
    let told = one.begin(HISTORY, next, Instant::now());
    assert!(told.as_ref().is_err_and(|told| told.to_string().contains("nothing is written")), "{told:?}");
    assert_eq!(read_all(cluster.open("log", false).as_ref()).len(), 1);
}

/// Standbys that stop: nothing is acknowledged until one is back; a wait that an operator cancels is not taken for success.
#[test]
fn what_no_standby_has_is_not_acknowledged() {
    let Some(programs) = programs() else { return };
    let cluster = Cluster::start(&programs, 2);
    assert_eq!(cluster.open("log", true).found(&genesis(), soon()), Appended::Durable);
    let mut one = writer(cluster.open("log", true), 1);
    (1..=2).for_each(|nth| cluster.signal(nth, "-STOP"));
    // In time, it is unknown.
    let next = batch(&one.head().clone(), "waits");
    let began = Instant::now();
    assert!(matches!(one.begin(HISTORY, next, began), Ok(Step::Again(_))));
    assert!(began.elapsed() >= Duration::from_millis(900));
    // Whoever reads is shown nothing that no standby has.
    let mut tail = cluster.open("log", false).reader().tail(2, soon()).unwrap();
    assert!(!matches!(tail.next(Duration::from_millis(300)), Ok(Next::Batch(_))));
    // A cancelled wait commits on the primary alone, and only warns.
    let cancel = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let again = std::thread::scope(|scope| {
        let again = scope.spawn(|| one.again(Instant::now()));
        let began = Instant::now();
        while !again.is_finished() && began.elapsed() < Duration::from_secs(5) {
            cluster.sql(0, cancel);
            std::thread::sleep(Duration::from_millis(50));
        }
        again.join().unwrap()
    });
    let is_fenced = matches!(again, Ok(Step::Committed(_)));
    assert!(matches!(again, Ok(Step::Again(_))) || is_fenced, "{again:?}");
    if is_fenced {
        // It was found on the primary, by a call that waited for nothing: the end of the log tells once a standby has it.
        let near = Instant::now() + Duration::from_millis(500);
        assert!(one.confirm(near).is_err(), "no standby has it");
    }
    (1..=2).for_each(|nth| cluster.signal(nth, "-CONT"));
    let mut step = again;
    let began = Instant::now();
    while !matches!(step, Ok(Step::Committed(_))) {
        assert!(began.elapsed() < Duration::from_secs(20), "{step:?}");
        step = one.again(Instant::now());
    }
    assert_eq!(one.confirm(soon()), Ok(()));
    let more = batch(&one.head().clone(), "goes on");
    one.commit(HISTORY, more).unwrap();
    assert_eq!(read_all(cluster.open("log", true).as_ref()).len(), 3, "each once");
    let standby = cluster.asks(1, "SELECT count(*) FROM anaquel_batch WHERE log = 'log'");
    assert!(standby.is_some_and(|count| count.parse::<u64>().is_ok_and(|count| count >= 2)), "a standby has them");
}

/// The primary is killed and starts again: nothing acknowledged is lost.
#[test]
fn a_killed_primary_comes_back_with_everything() {
    let Some(programs) = programs() else { return };
    let mut cluster = Cluster::start(&programs, 2);
    assert_eq!(cluster.open("log", true).found(&genesis(), soon()), Appended::Durable);
    let mut one = writer(cluster.open("log", true), 1);
    for round in 0..2 {
        for nth in 0..20 {
            let next = batch(&one.head().clone(), &format!("{round}/{nth}"));
            one.commit(HISTORY, next).unwrap();
        }
        cluster.signal(0, "-KILL");
        if let Some(mut child) = cluster.servers[0].child.take() {
            child.wait().unwrap();
        }
        std::thread::sleep(Duration::from_millis(300));
        let _ = std::fs::remove_file(cluster.servers[0].data.join("postmaster.pid"));
        cluster.run(0);
    }
    let next = batch(&one.head().clone(), "goes on");
    one.commit(HISTORY, next).unwrap();
    assert_eq!(read_all(cluster.open("log", true).as_ref()).len(), 42);
}
