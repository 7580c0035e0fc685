//! Requests that are too slow, too long or too many, on real sockets: each is answered or closed within its time and counted,
//! and the others notice nothing.

use crate::running::Running;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const LIMITS: &str = "[limits]\nhttp_header_secs = 1\nhttp_body_secs = 1\nhttp_idle_secs = 2\nhttp_write_secs = 1\n\
    http_header_bytes = 10000\nhttp_body_bytes = 1000\n";

fn serving(folder: &tempfile::TempDir, more: &str) -> Running {
    let file = folder.path().join("kymo.toml");
    std::fs::write(&file, format!("{LIMITS}{more}")).expect("written");
    Running::start(&folder.path().join("data"), &["--config", file.to_str().expect("UTF-8")])
}

fn connect(kymo: &Running) -> TcpStream {
    let stream = TcpStream::connect(kymo.http).expect("connects");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    stream
}

/// What comes until the other end closes; nothing where it resets.
fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("still open: {error}"),
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn sent(kymo: &Running, request: &str) -> String {
    let mut stream = connect(kymo);
    // The answer may come, and the connection close, before all is sent.
    let _ = stream.write_all(request.as_bytes());
    rest(&mut stream)
}

fn turned_away(kymo: &Running, reason: &str, least: f64) {
    let target = format!("kymo.http.turned_away.{reason}.count");
    kymo.wait(&target, |values| values.iter().sum::<f64>() >= least);
}

#[test]
fn a_slow_loris_is_cut_off_and_nobody_waits_for_it() {
    const SLOW: usize = 60;
    let folder = tempfile::tempdir().expect("a folder");
    let kymo = serving(&folder, "");
    let begun = Instant::now();
    let slow: Vec<_> = (0..SLOW)
        .map(|_| {
            let mut stream = connect(&kymo);
            std::thread::spawn(move || {
                // A byte now and then, so that the connection is never silent.
                let head = "GET /version HTTP/1.1\r\nX-Slow: ".bytes().chain(std::iter::repeat(b'a'));
                for byte in head {
                    if stream.write_all(&[byte]).is_err() || begun.elapsed() > Duration::from_secs(8) {
                        break;
                    }
                    std::thread::sleep(Duration::from_millis(50));
                    stream.set_nonblocking(true).expect("set");
                    let answered = stream.peek(&mut [0]).is_ok();
                    stream.set_nonblocking(false).expect("set");
                    if answered {
                        break;
                    }
                }
                (rest(&mut stream), begun.elapsed())
            })
        })
        .collect();
    // Meanwhile others are answered at once, and samples are heard.
    let mut samples = 0;
    while begun.elapsed() < Duration::from_millis(700) {
        let asked = Instant::now();
        kymo.send(&["loris.hits:1|c"; 10]);
        samples += 10;
        assert_eq!(kymo.get("/version").0, 200);
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    }
    for slow in slow {
        let (answer, took) = slow.join().expect("ended");
        assert!(answer.starts_with("HTTP/1.1 408 ") && answer.ends_with("http_header_secs gives\n"), "{answer:?}");
        assert!(took < Duration::from_secs(8), "{took:?}");
    }
    turned_away(&kymo, "head_too_slow", SLOW as f64);
    kymo.wait("stats_counts.loris.hits", |values| values.iter().sum::<f64>() == f64::from(samples));
}

#[test]
fn each_wait_has_an_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let kymo = serving(&folder, "");

    // Silence from the start.
    let begun = Instant::now();
    assert_eq!(rest(&mut connect(&kymo)), "");
    assert!((900..8000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());

    // Silence between two requests: two answers, then an orderly end.
    let mut stream = connect(&kymo);
    let begun = Instant::now();
    for _ in 0..2 {
        stream.write_all(b"GET /version HTTP/1.1\r\nHost: kymo\r\n\r\n").expect("asked");
        std::thread::sleep(Duration::from_millis(1200));
    }
    let answers = rest(&mut stream);
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    assert!((3000..9000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());

    // A second head that never ends is as slow as a first one.
    let mut stream = connect(&kymo);
    stream.write_all(b"GET /version HTTP/1.1\r\nHost: kymo\r\n\r\n").expect("asked");
    std::thread::sleep(Duration::from_millis(300));
    stream.write_all(b"GET /ver").expect("asked");
    let answers = rest(&mut stream);
    assert!(answers.contains("HTTP/1.1 200 OK") && answers.contains("HTTP/1.1 408 "), "{answers}");

    // A body that does not come.
    let begun = Instant::now();
    let post = "POST /render HTTP/1.1\r\nHost: kymo\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    let answer = sent(&kymo, &format!("{post}Content-Length: 100\r\n\r\ntarget="));
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("limits.http_body_secs"), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    turned_away(&kymo, "body_too_slow", 1.0);

    // A client that takes nothing of a long answer.
    kymo.send(&["slow.hits:1|c"]);
    kymo.wait("stats_counts.slow.hits", |values| !values.is_empty());
    let mut stream = connect(&kymo);
    let targets = "&target=stats_counts.slow.hits".repeat(40);
    let request = format!("GET /render?format=json&from=-364d{targets} HTTP/1.1\r\nHost: kymo\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("asked");
    turned_away(&kymo, "answer_too_slow", 1.0);
    drop(stream);
}

#[test]
fn what_is_too_long_is_refused_by_its_status() {
    let folder = tempfile::tempdir().expect("a folder");
    let kymo = serving(&folder, "");
    let long = "a".repeat(20_000);
    let post = "POST /render?format=json HTTP/1.1\r\nHost: kymo\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n";
    let announced = sent(&kymo, &format!("{post}Content-Length: 20000\r\n\r\n{long}"));
    let chunked = sent(&kymo, &format!("{post}Transfer-Encoding: chunked\r\n\r\n4e20\r\n{long}\r\n0\r\n\r\n"));
    for answer in [&announced, &chunked] {
        assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("limits.http_body_bytes"), "{answer}");
    }
    let exact = format!("{post}Content-Length: 1000\r\n\r\ntarget={}", "a".repeat(993));
    assert!(sent(&kymo, &exact).starts_with("HTTP/1.1 200 "), "as long as the limit");

    let header = sent(&kymo, &format!("GET /version HTTP/1.1\r\nHost: kymo\r\nX-Long: {long}\r\n\r\n"));
    assert!(header.starts_with("HTTP/1.1 431 "), "{header}");
    let headers: String = (0..200).map(|n| format!("X-{n}: 1\r\n")).collect();
    let many = sent(&kymo, &format!("GET /version HTTP/1.1\r\nHost: kymo\r\n{headers}\r\n"));
    assert!(many.starts_with("HTTP/1.1 431 "), "{many}");
    let address = sent(&kymo, &format!("GET /render?target={long} HTTP/1.1\r\nHost: kymo\r\n\r\n"));
    assert!(address.starts_with("HTTP/1.1 431 ") || address.starts_with("HTTP/1.1 414 "), "{address}");
    turned_away(&kymo, "body_too_long", 2.0);
    turned_away(&kymo, "head_too_long", 3.0);
    assert_eq!(kymo.get("/version").0, 200);
}

#[test]
fn what_is_too_many_is_told_to_come_back() {
    for (limit, reason) in
        [("http_connections = 8\n", "connections"), ("http_connections_per_address = 8\n", "connections_of_address")]
    {
        let folder = tempfile::tempdir().expect("a folder");
        let kymo = serving(&folder, limit);
        let held: Vec<_> = (0..8).map(|_| connect(&kymo)).collect();
        std::thread::sleep(Duration::from_millis(100));
        let refused = sent(&kymo, "GET /version HTTP/1.1\r\nHost: kymo\r\n\r\n");
        assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("retry-after: 1"), "{limit}: {refused}");
        drop(held);
        // A place that is free is given to the next, and what was refused is counted.
        let begun = Instant::now();
        while !sent(&kymo, "GET /version HTTP/1.1\r\nHost: kymo\r\nConnection: close\r\n\r\n").contains(" 200 OK") {
            assert!(begun.elapsed() < Duration::from_secs(5), "{limit}");
        }
        turned_away(&kymo, reason, 1.0);
        let mut kept_alive = connect(&kymo);
        kept_alive.write_all(b"GET /version HTTP/1.1\r\nHost: kymo\r\n\r\n").expect("asked");
        kept_alive.read_exact(&mut [0; 12]).expect("answered");
        let begun = Instant::now();
        assert!(kymo.stop("TERM"), "a clean end");
        assert!(begun.elapsed() < Duration::from_secs(5), "a stop waits for nobody who has nothing to ask");
    }
}
