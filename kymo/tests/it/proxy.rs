//! `kymo proxy` beside the real proxy.js: the same owner for every key, the same lines at the same nodes while nodes leave
//! and come back, and nothing unaccounted for.

use crate::ports::ports;
use statsd_agent::proxy::{Member, Ring};
use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % below
    }

    /// A key as apps name their metrics, now and then with bytes of other scripts or a long tail.
    fn key(&mut self) -> String {
        let parts = ["app", "web", "db-1", "αβγ", "жук", "stats;host=a", "__proto__", "x y", "€", "0", "日本"];
        let mut key: Vec<String> = (0..=self.roll(4)).map(|_| parts[self.roll(parts.len())].to_owned()).collect();
        key.push(format!("{}{}", self.roll(1_000_000), "k".repeat([0, 0, 0, 80][self.roll(4)])));
        key.join(".")
    }
}

/// What the real hashring answers. `steps` are `[["add", name, weight] | ["remove", name]]`, after each of which it is
/// asked for every key.
const ASK_HASHRING: &str = "
const HashRing = require(process.argv[2]);
const input = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const out = input.map(({nodes, steps, keys}) => {
    const servers = {};
    nodes.forEach(([name, weight]) => servers[name] = weight);
    const ring = new HashRing(servers, 'md5', {'max cache size': 10000, 'replicas': 0});
    // `constructor` is a property of the cache's object, which hashring takes for a known key; the ring itself is asked.
    const ask = () => keys.map(key => { const node = ring.ring[ring.find(ring.hashValue(key))]; return node ? node.server : null; });
    const answers = [ask()];
    steps.forEach(([what, name, weight]) => {
        if (what === 'add') ring.add({[name]: weight}); else ring.remove(name);
        answers.push(ask());
    });
    return answers;
});
process.stdout.write(JSON.stringify(out));
";

type Step = (&'static str, String, u32);

/// A ring, what happens to it, and the keys asked for after each step.
struct Case {
    nodes: Vec<(String, u32)>,
    steps: Vec<Step>,
    keys: Vec<String>,
}

impl Case {
    fn node(i: usize, kind: usize) -> String {
        match kind {
            0 => format!("127.0.0.1:{}", 8127 + 2 * i),
            1 => format!("10.1.{}.{}:8125", i / 7, i * 13 % 250),
            _ => format!("statsd-{i}.example.net:8125"),
        }
    }

    fn random(dice: &mut Dice, size: usize, keys: usize, weights: &[u32]) -> Case {
        let kind = dice.roll(3);
        let weight = |dice: &mut Dice| weights[dice.roll(weights.len())];
        let nodes: Vec<_> = (0..size).map(|i| (Case::node(i, kind), weight(dice))).collect();
        let mut steps: Vec<Step> = Vec::new();
        let leaving = &nodes[dice.roll(size)];
        steps.push(("remove", leaving.0.clone(), 0));
        steps.push(("add", leaving.0.clone(), leaving.1));
        steps.push(("add", Case::node(size, kind), weight(dice)));
        steps.push(("add", nodes[0].0.clone(), 1));
        nodes.iter().take(2).for_each(|(name, _)| steps.push(("remove", name.clone(), 0)));
        let keys = (0..keys).map(|_| dice.key()).collect();
        Case { nodes, steps, keys }
    }

    fn answers(&self) -> Vec<Vec<Option<String>>> {
        let mut names: Vec<String> = self.nodes.iter().map(|(name, _)| name.clone()).collect();
        let id_of = |names: &mut Vec<String>, name: &str| {
            let at = names.iter().position(|other| other == name).unwrap_or_else(|| {
                names.push(name.to_owned());
                names.len() - 1
            });
            at as u16
        };
        let member = |id: u16, name: &str, weight| Member { name: name.to_owned(), weight, id };
        let nodes = self.nodes.iter().enumerate().map(|(i, (name, weight))| member(i as u16, name, *weight));
        let mut ring = Ring::new(nodes.collect());
        let ask = |ring: &Ring, names: &[String]| {
            let owner = |key: &String| ring.owner(key.as_bytes()).map(|id| names[usize::from(id)].clone());
            self.keys.iter().map(owner).collect::<Vec<_>>()
        };
        let mut answers = vec![ask(&ring, &names)];
        for (what, name, weight) in &self.steps {
            if *what == "add" {
                let id = id_of(&mut names, name);
                ring.add(member(id, name, *weight));
            } else {
                ring.remove(name);
            }
            answers.push(ask(&ring, &names));
        }
        answers
    }
}

#[test]
fn every_key_has_the_owner_that_npms_hashring_gives_it() {
    let Some(hashring) = conformance::peers::package("hashring") else { return };
    let mut dice = Dice(7);
    // proxy.js's weights, at every number of nodes that anyone runs: its rounding makes 39 points of 40 at some of them.
    let mut cases: Vec<Case> = (1..=24).map(|size| Case::random(&mut dice, size, 1200, &[100])).collect();
    cases.extend([2, 3, 5, 8].map(|size| Case::random(&mut dice, size, 800, &[1, 50, 100, 250])));
    cases.push(Case::random(&mut dice, 100, 1000, &[100]));
    let asked: Vec<_> = cases
        .iter()
        .map(|case| serde_json::json!({"nodes": case.nodes, "steps": case.steps, "keys": case.keys}))
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("ask.js");
    fs::write(&script, ASK_HASHRING).expect("written");
    let mut process = Command::new("node")
        .arg(&script)
        .arg(fs::canonicalize(hashring).expect("there"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node runs");
    let mut stdin = process.stdin.take().expect("piped");
    let text = serde_json::to_vec(&asked).expect("JSON");
    let feeder = thread::spawn(move || stdin.write_all(&text).expect("read by node"));
    let output = process.wait_with_output().expect("node ends");
    feeder.join().expect("fed");
    assert!(output.status.success());
    let theirs: Vec<Vec<Vec<Option<String>>>> = serde_json::from_slice(&output.stdout).expect("answers");
    let mut compared = 0;
    for (case, theirs) in cases.iter().zip(&theirs) {
        let ours = case.answers();
        assert_eq!(ours.len(), theirs.len());
        for (step, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
            for (key, (ours, theirs)) in case.keys.iter().zip(ours.iter().zip(theirs)) {
                assert_eq!(ours, theirs, "{key:?} after {step} steps of {:?}", case.nodes);
                compared += 1;
            }
        }
    }
    println!("hashring: {} keys, {compared} answers alike", cases.iter().map(|case| case.keys.len()).sum::<usize>());
}

/// A statsd as a proxy sees it: datagrams in, and a console that answers `health`.
struct FakeNode {
    udp: UdpSocket,
    admin: SocketAddr,
    healthy: Arc<AtomicBool>,
    lines: Arc<Mutex<Vec<String>>>,
}

impl FakeNode {
    fn start() -> FakeNode {
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let console = TcpListener::bind("127.0.0.1:0").expect("a port");
        let admin = console.local_addr().expect("bound");
        let healthy = Arc::new(AtomicBool::new(true));
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let (state, into, socket) = (Arc::clone(&healthy), Arc::clone(&lines), udp.try_clone().expect("a handle"));
        thread::spawn(move || {
            for stream in console.incoming() {
                let mut stream = stream.expect("a connection");
                let mut asked = [0; 64];
                // A check that gives up has its connection closed; the next one comes.
                let Ok(n) = stream.read(&mut asked) else { continue };
                let up = state.load(Ordering::SeqCst);
                let reply = if asked[..n].starts_with(b"health") && up { "health: up\n" } else { "health: down\n" };
                let _ = stream.write_all(reply.as_bytes());
            }
        });
        thread::spawn(move || {
            let mut datagram = vec![0; 65_536];
            while let Ok(n) = socket.recv(&mut datagram) {
                let text = String::from_utf8_lossy(&datagram[..n]).into_owned();
                into.lock().expect("whole").extend(text.split('\n').map(str::to_owned));
            }
        });
        FakeNode { udp, admin, healthy, lines }
    }

    fn port(&self) -> u16 {
        self.udp.local_addr().expect("bound").port()
    }

    fn set_healthy(&self, up: bool) {
        self.healthy.store(up, Ordering::SeqCst);
    }

    fn heard(&self) -> Vec<String> {
        self.lines.lock().expect("whole").clone()
    }

    fn forget(&self) {
        self.lines.lock().expect("whole").clear();
    }
}

/// A proxy process, ours or theirs.
struct Proxy {
    process: Child,
    statsd: SocketAddr,
    console: SocketAddr,
}

impl Proxy {
    fn start(mut command: Command, folder: &Path, nodes: &[FakeNode], more: &str) -> Proxy {
        let [statsd, console] = ports().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let path = folder.join(format!("proxy-{}.js", statsd.port()));
        fs::write(&path, config(nodes, statsd, console, more)).expect("written");
        let process = command.arg(&path).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
        let proxy = Proxy { process, statsd, console };
        wait_until("the console opens", || TcpStream::connect(console).is_ok());
        proxy
    }

    fn ours(folder: &Path, nodes: &[FakeNode], more: &str) -> Proxy {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kymo"));
        command.args(["proxy", "--statsd-config"]);
        Proxy::start(command, folder, nodes, more)
    }

    fn theirs(folder: &Path, nodes: &[FakeNode]) -> Option<Proxy> {
        let mut command = Command::new("node");
        command.arg(conformance::peers::package("statsd")?.join("proxy.js"));
        Some(Proxy::start(command, folder, nodes, ""))
    }

    fn ask(&self, command: &str) -> String {
        let mut stream = TcpStream::connect(self.console).expect("connects");
        stream.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
        stream.write_all(command.as_bytes()).expect("asked");
        let mut reply = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            match stream.read(&mut chunk) {
                Ok(0) => break,
                Ok(n) => reply.extend_from_slice(&chunk[..n]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                Err(error) => panic!("{command}: {error}"),
            }
        }
        String::from_utf8(reply).expect("text")
    }

    fn nodes_on_ring(&self) -> usize {
        let status = self.ask("status\n");
        let line = status.lines().find_map(|line| line.strip_prefix("nodes: ")).expect("a line of nodes");
        line.split_whitespace().count()
    }

    fn count(&self, name: &str) -> u64 {
        let status = self.ask("status\n");
        let row = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        row.unwrap_or_else(|| panic!("{name} in {status}")).parse().expect("a number")
    }

    fn lost(&self) -> u64 {
        ["no_node", "line_too_long", "send_failed"].map(|why| self.count(&format!("lines.dropped.{why}"))).iter().sum()
    }

    fn stop(mut self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
        assert!(self.process.wait().expect("ends").success(), "a signal is an ordinary end");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Ended already where `stop` was called.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn config(nodes: &[FakeNode], statsd: SocketAddr, console: SocketAddr, more: &str) -> String {
    let node =
        |node: &FakeNode| format!("{{host: '127.0.0.1', port: {}, adminport: {}}}", node.port(), node.admin.port());
    let nodes: Vec<_> = nodes.iter().map(node).collect();
    format!(
        "{{ nodes: [{}], port: {}, address: '127.0.0.1', mgmt_port: {}, mgmt_address: '127.0.0.1', checkInterval: 200 {more} }}\n",
        nodes.join(",\n"),
        statsd.port(),
        console.port()
    )
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited too long until {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Datagrams of one to twelve lines, with the empty lines and odd keys that a proxy may meet.
fn datagrams(seed: u64, count: usize) -> Vec<String> {
    let mut dice = Dice(seed);
    let mut line = |i: usize| match dice.roll(12) {
        0 => String::new(),
        1 => "no colon at all".into(),
        2 => format!(":{i}|c"),
        3 => format!("packed{}:1|c:2|ms|#a:b", dice.roll(50)),
        _ => format!("{}:{i}|c", dice.key()),
    };
    let datagram = |i: usize| (0..=i % 12).map(|j| line(12 * i + j)).collect::<Vec<_>>().join("\n");
    (0..count).map(datagram).collect()
}

/// The lines that each node hears when the datagrams are sent through a proxy one after another.
fn heard_through(proxy: &Proxy, nodes: &[FakeNode], datagrams: &[String]) -> Vec<Vec<String>> {
    nodes.iter().for_each(FakeNode::forget);
    let total = || nodes.iter().map(|node| node.lines.lock().expect("whole").len()).sum::<usize>();
    let (socket, mut lines) = (UdpSocket::bind("127.0.0.1:0").expect("a port"), 0);
    // Each burst once the last one has come: on a busy machine node's socket would be full before node looks at it.
    for burst in datagrams.chunks(20) {
        burst.iter().for_each(|datagram| assert!(socket.send_to(datagram.as_bytes(), proxy.statsd).is_ok()));
        lines += burst.iter().flat_map(|datagram| datagram.split('\n')).filter(|line| !line.is_empty()).count();
        wait_until(&format!("{lines} lines have come"), || total() >= lines);
    }
    let heard: Vec<_> = nodes.iter().map(FakeNode::heard).collect();
    heard
}

#[test]
fn the_same_node_hears_the_same_lines_as_behind_proxy_js() {
    let folder = tempfile::tempdir().expect("a folder");
    let nodes: Vec<_> = (0..3).map(|_| FakeNode::start()).collect();
    let Some(theirs) = Proxy::theirs(folder.path(), &nodes) else { return };
    let ours = Proxy::ours(folder.path(), &nodes, "");
    let compare = |seed: u64, up: usize| {
        wait_until("both see the nodes", || theirs.nodes_on_ring() == up && ours.nodes_on_ring() == up);
        let datagrams = datagrams(seed, 400);
        let expected = heard_through(&theirs, &nodes, &datagrams);
        // In order, too: both send what they hear at once.
        let heard = heard_through(&ours, &nodes, &datagrams);
        for (node, (ours, theirs)) in heard.iter().zip(&expected).enumerate() {
            let differing = ours.iter().zip(theirs).find(|(ours, theirs)| ours != theirs);
            assert!(differing.is_none() && ours.len() == theirs.len(), "node {node}, round {seed}: {differing:?}");
        }
        assert_eq!(expected.iter().filter(|heard| !heard.is_empty()).count(), up);
    };
    compare(1, 3);
    nodes[1].set_healthy(false);
    compare(2, 2);
    nodes[1].set_healthy(true);
    compare(3, 3);
    // A node that returns stands behind the others in the list of both.
    assert_eq!(ours.ask("status\n").lines().nth(1), theirs.ask("status\n").lines().nth(1));
    for command in ["help\n", "health\n", "health down\n", "health\r\n", "health up", "nonsense\n", "", "HELP\n"] {
        if !command.is_empty() {
            assert_eq!(ours.ask(command), theirs.ask(command), "{command:?}");
        }
    }
    let without_ports =
        |text: String| text.lines().filter(|line| !line.contains("port: ")).collect::<Vec<_>>().join("\n");
    assert_eq!(without_ports(ours.ask("config\n")), without_ports(theirs.ask("config\n")));
    assert_eq!(ours.count("lines.received"), ours.count("lines.forwarded"));
    assert_eq!(ours.lost(), 0);
    ours.stop();
}

#[test]
fn lines_without_a_node_are_counted_and_a_reload_brings_nodes() {
    let folder = tempfile::tempdir().expect("a folder");
    let nodes: Vec<_> = (0..2).map(|_| FakeNode::start()).collect();
    nodes.iter().for_each(|node| node.set_healthy(false));
    let ours = Proxy::ours(folder.path(), &nodes, ", forkCount: 2");
    wait_until("no node is left", || ours.nodes_on_ring() == 0);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    for _ in 0..50 {
        socket.send_to(b"a:1|c\nb:2|g\n\nc:3|ms\n", ours.statsd).expect("sent");
    }
    wait_until("all are counted", || ours.count("lines.received") == 150);
    assert_eq!((ours.count("lines.dropped.no_node"), ours.count("lines.forwarded")), (150, 0));

    let path = folder.path().join(format!("proxy-{}.js", ours.statsd.port()));
    let more = FakeNode::start();
    let all = [nodes.into_iter().next().expect("two"), more];
    fs::write(&path, "{ nodes: [").expect("written");
    thread::sleep(Duration::from_millis(700));
    fs::write(&path, config(&all, ours.statsd, ours.console, "")).expect("written");
    wait_until("the new node is on the ring", || ours.nodes_on_ring() == 1);
    assert!(ours.ask("config\n").contains("checkInterval: 200"));
    for _ in 0..50 {
        socket.send_to(b"a:1|c\nb:2|g\n\nc:3|ms\n", ours.statsd).expect("sent");
    }
    wait_until("all have come", || all[1].heard().len() == 150);
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    all[1].heard().into_iter().for_each(|line| *kinds.entry(line).or_default() += 1);
    assert_eq!(kinds, ["a:1|c", "b:2|g", "c:3|ms"].map(|line| (line.to_owned(), 50)).into());
    assert_eq!(ours.count("lines.received"), ours.count("lines.forwarded") + ours.lost());
    ours.stop();
}

#[test]
fn a_stream_is_split_into_lines_and_a_node_that_is_gone_loses_nothing_of_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let nodes: Vec<_> = (0..2).map(|_| FakeNode::start()).collect();
    let ours = Proxy::ours(folder.path(), &nodes, ", server: './servers/tcp', datagramBytes: 0");
    let mut stream = TcpStream::connect(ours.statsd).expect("connects");
    let text: String = (0..300).map(|i| format!("stream.{i}:{i}|c\n")).collect();
    for piece in text.as_bytes().chunks(77) {
        stream.write_all(piece).expect("sent");
        // A line a datagram: the nodes' receive buffers are the system's ordinary ones.
        thread::sleep(Duration::from_millis(1));
    }
    stream.write_all(b"the.last:1|c").expect("sent");
    drop(stream);
    let total = || nodes.iter().map(|node| node.heard().len()).sum::<usize>();
    wait_until("all have come", || total() == 301);
    for node in &nodes {
        let numbers: Vec<usize> =
            node.heard().iter().filter_map(|line| line.split([':', '|']).nth(1)?.parse().ok()).collect();
        assert!(numbers[..numbers.len() - 1].is_sorted(), "each node hears its lines in order");
    }
    let mut stream = TcpStream::connect(ours.statsd).expect("connects");
    stream.write_all(&[b'x'; 70_000]).expect("sent");
    stream.write_all(b"\nafter:1|c\n").expect("sent");
    wait_until("the next line came", || total() == 302);
    assert_eq!(ours.count("lines.dropped.line_too_long"), 1);
    assert_eq!(ours.count("lines.received"), ours.count("lines.forwarded") + ours.lost());
    ours.stop();
}

#[test]
fn silent_and_refusing_nodes_leave_the_ring_and_any_bytes_are_accounted_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut nodes: Vec<_> = (0..4).map(|_| FakeNode::start()).collect();
    // Connections to this one wait in its backlog for an answer that never comes.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    nodes[1].admin = silent.local_addr().expect("bound");
    let refusing = TcpListener::bind("127.0.0.1:0").expect("a port");
    nodes[2].admin = refusing.local_addr().expect("bound");
    drop(refusing);
    let ours = Proxy::ours(folder.path(), &nodes, ", forkCount: 'auto', cacheSize: 3");
    wait_until("two are left", || ours.nodes_on_ring() == 2);

    let mut dice = Dice(99);
    let mut lines = 0;
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    for i in 0..2000 {
        let bytes: Vec<u8> = (0..dice.roll(60)).map(|_| b":\n|a\x80\xffc0"[dice.roll(8)]).collect();
        lines += bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).count() as u64;
        socket.send_to(&bytes, ours.statsd).expect("sent");
        if i % 20 == 0 {
            thread::sleep(Duration::from_millis(2));
        }
    }
    wait_until("all are counted", || ours.count("lines.received") == lines);
    assert_eq!((ours.count("lines.forwarded"), ours.lost()), (lines, 0));
    let heard = || nodes.iter().map(|node| node.heard().len() as u64).sum::<u64>();
    wait_until("all have come", || heard() == lines);
    assert!(nodes[1].heard().is_empty() && nodes[2].heard().is_empty());
    let stopping = Instant::now();
    ours.stop();
    assert!(stopping.elapsed() < Duration::from_secs(5), "a silent node does not hold up the end");
}
