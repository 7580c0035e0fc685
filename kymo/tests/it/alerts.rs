//! Alert rules in the running program: told to a real webhook, by /api/v1/alerts and by `kymo check --alert`, across restarts.

use crate::running::Running;
use crate::tls;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const PATIENCE: Duration = Duration::from_secs(20);

/// A receiver that answers with these statuses in turn and then with 200; 0 is no answer at all.
struct Webhook {
    url: String,
    bodies: Receiver<serde_json::Value>,
}

impl Webhook {
    fn start(statuses: &'static [u16]) -> Webhook {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let url = format!("http://{}/hook?key=secret", listener.local_addr().expect("an address"));
        let (came, bodies) = channel();
        std::thread::spawn(move || {
            let mut statuses = statuses.iter();
            while let Ok((stream, _)) = listener.accept() {
                if came.send(answer(stream, statuses.next().copied().unwrap_or(200))).is_err() {
                    return;
                }
            }
        });
        Webhook { url, bodies }
    }

    fn next(&self) -> serde_json::Value {
        self.bodies.recv_timeout(PATIENCE).expect("the webhook is told")
    }

    fn is_silent_for(&self, time: Duration) -> bool {
        self.bodies.recv_timeout(time).is_err()
    }
}

fn answer(mut stream: TcpStream, status: u16) -> serde_json::Value {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line).expect("a line") > 2 {
        if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse().expect("a length");
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("the body");
    if status != 0 {
        let answer = format!("HTTP/1.1 {status} So\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).expect("answered");
    }
    serde_json::from_slice(&body).expect("JSON")
}

fn config(folder: &Path, rules: &str) -> PathBuf {
    let file = folder.join("kymo.toml");
    std::fs::write(&file, format!("alert_interval = \"1s\"\n{rules}")).expect("written");
    file
}

fn serving(folder: &Path, config: &Path) -> Running {
    Running::start(&folder.join("data"), &["--config", config.to_str().expect("UTF-8")])
}

fn point(kymo: &Running, value: f64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let mut carbon = TcpStream::connect(kymo.carbon).expect("connects");
    carbon.write_all(format!("web.time {value} {now}\n").as_bytes()).expect("sent");
}

/// What `kymo check --alert` says, once it satisfies the test.
fn check(kymo: &Running, name: &str, enough: impl Fn(&str, i32) -> bool) -> String {
    let url = format!("http://{}", kymo.http);
    let begun = Instant::now();
    loop {
        let args = ["check", "--url", &url, "--alert", name];
        let output = Command::new(env!("CARGO_BIN_EXE_kymo")).args(args).output().expect("kymo runs");
        let line = String::from_utf8(output.stdout).expect("text");
        if enough(&line, output.status.code().expect("a code")) {
            return line;
        }
        assert!(begun.elapsed() < PATIENCE, "{line}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn slow_rule(url: &str, more: &str) -> String {
    format!(
        "[[alerts]]\nname = \"slow web\"\ntarget = \"web.time\"\nwarning = \"250\"\ncritical = \"500\"\nno_data = \"ok\"\n\
         webhook = \"{url}\"\n{more}\n"
    )
}

#[test]
fn a_webhook_is_told_until_it_listens() {
    let folder = tempfile::tempdir().expect("a folder");
    let webhook = Webhook::start(&[500, 0]);
    let kymo = serving(folder.path(), &config(folder.path(), &slow_rule(&webhook.url, "")));
    check(&kymo, "slow web", |line, code| code == 0 && line.starts_with("KYMO OK - alert slow web: "));
    point(&kymo, 600.0);
    // The same notice three times: refused, unanswered, taken.
    for _ in 0..3 {
        let told = webhook.next();
        assert_eq!(
            (&told["alert"], &told["from"], &told["to"]),
            (&"slow web".into(), &"ok".into(), &"critical".into())
        );
        assert_eq!(told["series"][0]["value"], 600.0);
    }
    let line = check(&kymo, "slow web", |_, code| code == 2);
    let expected = "KYMO CRITICAL - alert slow web: web.time 600 (critical 500) | 'web.time'=600;250;500;;\n";
    assert_eq!(line, expected);
    point(&kymo, 20.0);
    let told = webhook.next();
    assert_eq!((&told["from"], &told["to"]), (&"critical".into(), &"ok".into()));
    check(&kymo, "slow web", |_, code| code == 0);
    check(&kymo, "nosuch", |line, code| code == 3 && line.contains("no alert \"nosuch\""));

    // Numbers of it are series, and the address is nobody's to see.
    kymo.wait("kymo.alerts.webhooks_told.count", |values| values.iter().sum::<f64>() == 2.0);
    kymo.wait("kymo.alerts.webhooks_retried.count", |values| values.iter().sum::<f64>() == 2.0);
    let (status, _, body) = kymo.get("/api/v1/alerts");
    assert_eq!(status, 200);
    assert!(!String::from_utf8_lossy(&body).contains("secret"), "{}", String::from_utf8_lossy(&body));
}

#[test]
fn a_restart_neither_forgets_nor_repeats() {
    let folder = tempfile::tempdir().expect("a folder");
    let webhook = Webhook::start(&[]);
    let file = config(folder.path(), &slow_rule(&webhook.url, ""));
    let kymo = serving(folder.path(), &file);
    point(&kymo, 600.0);
    assert_eq!(webhook.next()["to"], "critical");
    let since = |kymo: &Running| {
        let body: serde_json::Value = serde_json::from_slice(&kymo.get("/api/v1/alerts").2).expect("JSON");
        body["alerts"][0]["since"].as_i64().expect("a moment")
    };
    let before = since(&kymo);
    assert!(kymo.stop("TERM"));
    let kymo = serving(folder.path(), &file);
    check(&kymo, "slow web", |_, code| code == 2);
    assert_eq!(since(&kymo), before);
    assert!(webhook.is_silent_for(Duration::from_secs(2)), "it was told already");

    // What was not taken before the end is told after the next start. Nobody listens at this address.
    assert!(kymo.stop("TERM"));
    let kymo = serving(folder.path(), &config(folder.path(), &slow_rule("http://127.0.0.1:9/", "")));
    point(&kymo, 20.0);
    check(&kymo, "slow web", |_, code| code == 0);
    assert!(kymo.stop("TERM"));
    let webhook = Webhook::start(&[]);
    let kymo = serving(folder.path(), &config(folder.path(), &slow_rule(&webhook.url, "")));
    let told = webhook.next();
    assert_eq!((&told["from"], &told["to"]), (&"critical".into(), &"ok".into()));
    drop(kymo);
}

#[test]
fn what_has_not_lasted_is_pending_and_is_not_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let webhook = Webhook::start(&[]);
    let kymo = serving(folder.path(), &config(folder.path(), &slow_rule(&webhook.url, "for = \"1h\"")));
    point(&kymo, 600.0);
    let line = check(&kymo, "slow web", |line, _| line.contains("critical for "));
    assert!(line.starts_with("KYMO OK - alert slow web, critical for "), "{line}");
    assert!(line.contains("web.time 600 (critical 500) | 'web.time'=600;250;500;;"), "{line}");
    assert!(webhook.is_silent_for(Duration::from_secs(2)));
}

#[test]
fn a_webhook_that_hangs_delays_no_other_and_no_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    // The kernel takes connections; nobody ever answers.
    let held = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let hanging = format!("http://{}/", held.local_addr().expect("an address"));
    let webhook = Webhook::start(&[]);
    let other = slow_rule(&hanging, "").replace("slow web", "other");
    let rules = format!("{other}{}[limits]\nwebhook_secs = 2\n", slow_rule(&webhook.url, ""));
    let kymo = serving(folder.path(), &config(folder.path(), &rules));
    point(&kymo, 600.0);
    assert_eq!(webhook.next()["to"], "critical");
    let begun = Instant::now();
    assert!(kymo.stop("TERM"));
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[test]
fn a_webhook_may_speak_tls() {
    // Another kymo answers a POST to /render, whatever its body is.
    let (receiver, files) = tls::serving();
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("https://127.0.0.1:{}/render?target=a&format=json", receiver.http.port());
    let trusting = format!("webhook_ca = {:?}\n", files.certificate);
    let kymo = serving(folder.path(), &config(folder.path(), &format!("{trusting}{}", slow_rule(&url, ""))));
    point(&kymo, 600.0);
    kymo.wait("kymo.alerts.webhooks_told.count", |values| values.iter().sum::<f64>() == 1.0);
}
