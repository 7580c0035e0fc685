//! `kymo agent` under abuse: ten thousand mutated datagrams and a thousand connections that stall, reset or send no newline,
//! on the ports of lines and of the console. The same process goes on, and what was well said is counted to the unit.

use crate::beside::original::wait;
use crate::ports::ports;
use conformance::cases;
use rustix::net::sockopt::set_socket_linger;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

const MUTATED: usize = 10_000;
const GOOD: usize = 2_000;
const CONNECTIONS: usize = 1_000;
const GOOD_CONNECTIONS: usize = 60;
/// Far above what the tables of a few thousand names take, far below what a leak of this abuse would.
const MEMORY_KIB_MAX: u64 = 400 << 10;

/// Numbers that are the same at every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

/// The packets of all recorded cases and clients.
fn recorded() -> Vec<Vec<u8>> {
    let text = |value: &Value| value.as_str().map(|text| text.as_bytes().to_vec());
    let list = |case: &Value, key: &str| -> Vec<Vec<u8>> {
        case[key].as_array().into_iter().flatten().filter_map(text).collect()
    };
    let statsd = cases("statsd.jsonl").unwrap_or_default();
    let clients = cases("client_wire.jsonl").unwrap_or_default();
    let mut packets: Vec<Vec<u8>> = statsd.iter().flat_map(|case| list(case, "packets")).collect();
    packets.extend(clients.iter().flat_map(|case| list(case, "datagrams")));
    packets.push(b"a.b:1|c".to_vec());
    packets
}

/// A packet with a few bytes changed, put in, taken out, doubled, or another packet's end.
fn mutated(packets: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut packet = packets[dice.roll(packets.len())].clone();
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(packet.len() + 1);
        match dice.roll(5) {
            0 if at < packet.len() => packet[at] = dice.roll(256) as u8,
            1 => packet.insert(at, b":|@#,;\n\r\0+-.eE0x"[dice.roll(16)]),
            2 if at < packet.len() => drop(packet.remove(at)),
            3 => {
                let tail = packet[at..].to_vec();
                packet.extend(tail);
            }
            _ => {
                let other = &packets[dice.roll(packets.len())];
                packet.truncate(at);
                packet.extend(&other[dice.roll(other.len() + 1)..]);
            }
        }
    }
    packet
}

/// Stands before the names of values that are no numbers.
const NOT_FINITE: &str = "not finite: ";

/// The sums of every count that Graphite was sent.
type Sums = Arc<Mutex<BTreeMap<String, f64>>>;

/// A Graphite that listens until the test ends.
fn graphite() -> (u16, Sums) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let sums = Sums::default();
    let told = Arc::clone(&sums);
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut text = String::new();
            if connection.and_then(|mut stream| stream.read_to_string(&mut text)).is_err() {
                continue;
            }
            let mut sums = told.lock().expect("whole");
            for line in text.lines() {
                let mut fields = line.split(' ');
                if let (Some(name), Some(Ok(value))) = (fields.next(), fields.next().map(str::parse::<f64>)) {
                    // Apart, because the sum of two flushes of a large gauge is infinite, and that is nobody's fault.
                    let name = if value.is_finite() { name.to_owned() } else { format!("{NOT_FINITE}{name}") };
                    *sums.entry(name).or_default() += value;
                }
            }
        }
    });
    (port, sums)
}

/// The agent, killed when the test lets go of it.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        // Has ended already when the test failed because of that.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn agent(folder: &Path, [udp, tcp, console]: [u16; 3], graphite: u16) -> Agent {
    let socket = folder.join("statsd.sock");
    let config = format!(
        "{{ servers: [{{ server: './servers/udp', address: '127.0.0.1', port: {udp} }},\n\
         {{ server: './servers/tcp', address: '127.0.0.1', port: {tcp} }},\n\
         {{ server: './servers/tcp', socket: '{}' }}],\n\
         mgmt_address: '127.0.0.1', mgmt_port: {console}, graphiteHost: '127.0.0.1', graphitePort: {graphite},\n\
         flushInterval: 1000, deleteIdleStats: true }}\n",
        socket.display()
    );
    fs::write(folder.join("config.js"), config).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_kymo"));
    command.arg("agent").arg("--statsd-config").arg(folder.join("config.js"));
    let agent = Agent(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("kymo starts"));
    wait("the console", || TcpStream::connect(("127.0.0.1", console)).ok());
    wait("the Unix socket", || UnixStream::connect(&socket).ok());
    agent
}

/// One connection of the bad kind; those that stall are kept.
fn misbehave(n: usize, tcp: u16, console: u16, socket: &Path, held: &mut Vec<Box<dyn Send>>) {
    let mut to = TcpStream::connect(("127.0.0.1", if n % 4 == 3 { console } else { tcp })).expect("connects");
    match n % 5 {
        0 => held.push(Box::new(to)),
        1 => {
            to.write_all(b"abuse.half:1|").expect("sent");
            held.push(Box::new(to));
        }
        2 => {
            to.write_all(b"abuse.reset:1|c").expect("sent");
            set_socket_linger(&to, Some(Duration::ZERO)).expect("set");
        }
        // More than a line may be, and never an end. The server may close it while it is sent.
        3 => drop(to.write_all(&[b'x'; 100_000])),
        _ => {
            let mut unix = UnixStream::connect(socket).expect("connects");
            unix.write_all(b"abuse.unix").expect("sent");
            held.push(Box::new(unix));
        }
    }
}

#[test]
fn the_well_said_is_counted_among_mutations_and_stalled_connections() {
    let folder = tempfile::tempdir().expect("a folder");
    let (graphite, sums) = graphite();
    let [udp, tcp, console] = ports();
    let mut agent = agent(folder.path(), [udp, tcp, console], graphite);
    let socket = folder.path().join("statsd.sock");

    let (mut held, mut dice, packets) = (Vec::new(), Dice(0x9e37_79b9_7f4a_7c15), recorded());
    let sender = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    for n in 0..MUTATED {
        sender.send_to(&mutated(&packets, &mut dice), ("127.0.0.1", udp)).expect("sent");
        if n % (MUTATED / GOOD) == 0 {
            sender.send_to(b"abuse.udp:1|c", ("127.0.0.1", udp)).expect("sent");
        }
        if n % (MUTATED / CONNECTIONS) == 0 {
            misbehave(n / (MUTATED / CONNECTIONS), tcp, console, &socket, &mut held);
        }
        if n % (MUTATED / GOOD_CONNECTIONS) == 0 && n / (MUTATED / GOOD_CONNECTIONS) < GOOD_CONNECTIONS {
            let mut good = TcpStream::connect(("127.0.0.1", tcp)).expect("connects");
            good.write_all(b"abuse.tcp:2|c\nabuse.tcp:1|c\n").expect("sent");
            let mut good = UnixStream::connect(&socket).expect("connects");
            good.write_all(b"abuse.unix_good:1|c\n").expect("sent");
        }
        // The kernel's buffer is small on some machines, and this is no test of its size.
        if n % 50 == 0 {
            thread::sleep(Duration::from_millis(2));
        }
    }
    let expected = [("abuse.udp", GOOD), ("abuse.tcp", GOOD_CONNECTIONS * 3), ("abuse.unix_good", GOOD_CONNECTIONS)];
    for (name, count) in expected {
        let name = format!("stats_counts.{name}");
        let got = || sums.lock().expect("whole").get(&name).copied().unwrap_or_default();
        wait(&name, || (got() >= count as f64).then_some(()));
        assert_eq!(got(), count as f64, "{name}");
    }
    assert!(!sums.lock().expect("whole").contains_key("stats_counts.abuse.reset"), "a line cut by a reset");
    let not_finite = |name: &&String| name.starts_with(NOT_FINITE);
    assert_eq!(sums.lock().expect("whole").keys().find(not_finite), None);

    let mut asked = TcpStream::connect(("127.0.0.1", console)).expect("the console is open");
    asked.write_all(b"health\n").expect("asked");
    let mut reply = [0; 11];
    asked.read_exact(&mut reply).expect("answered");
    assert_eq!(&reply, b"health: up\n");
    assert!(agent.0.try_wait().expect("asked").is_none(), "the same process");
    let status = fs::read_to_string(format!("/proc/{}/status", agent.0.id())).expect("it runs");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    let resident: u64 = resident.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(resident < MEMORY_KIB_MAX, "{resident} KiB resident");
    println!("abuse: {MUTATED} mutated datagrams, {} connections held, {resident} KiB resident", held.len());
}
