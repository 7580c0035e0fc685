//! Who may: tokens, passwords, proxies and addresses, each as a client sees them on a real socket.

use crate::running::Running;
use std::io::Write;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What `kymo token` prints: the entry, and the token if it makes one.
fn token(args: &[&str], input: &str) -> (String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kymo"));
    command.arg("token").args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().expect("kymo runs");
    process.stdin.take().expect("piped").write_all(input.as_bytes()).expect("typed");
    let output = process.wait_with_output().expect("ends");
    let [entry, told] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("text"));
    assert!(output.status.success(), "{told}");
    (entry, told.lines().last().unwrap_or_default().to_owned())
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn basic(pair: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::from("Basic ");
    for chunk in pair.as_bytes().chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

/// A server with this configuration that knows `web.a.hits` and `web.b.hits`, with and without tags, and `ward.bed.pulse`.
fn serving(folder: &Path, config: &str) -> Running {
    let file = folder.join("kymo.toml");
    std::fs::write(&file, config).expect("written");
    let kymo = Running::start(&folder.join("data"), &["--config", file.to_str().expect("UTF-8")]);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let mut carbon = TcpStream::connect(kymo.carbon).expect("connects");
    let points = ["web.a.hits;floor=one", "web.b.hits;floor=two", "web.a.hits", "web.b.hits", "ward.bed.pulse"];
    let points = points.map(|name| format!("{name} 7 {now}\n"));
    carbon.write_all(points.concat().as_bytes()).expect("sent");
    kymo
}

/// The same once its points can be seen with these headers.
fn wait(kymo: &Running, headers: &[(&str, &str)]) {
    let begun = Instant::now();
    while !text(kymo, "/metrics/index.json", headers).contains("ward.bed.pulse") {
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", text(kymo, "/metrics/index.json", headers));
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn text(kymo: &Running, path: &str, headers: &[(&str, &str)]) -> String {
    let (_, _, body) = kymo.ask("GET", path, headers);
    String::from_utf8_lossy(&body).into_owned()
}

fn status(kymo: &Running, path: &str, headers: &[(&str, &str)]) -> u16 {
    kymo.ask("GET", path, headers).0
}

/// Every address that says something about series.
const ASKED: &[&str] = &[
    "/",
    "/explore?target=web.*.hits",
    "/render?target=web.*.hits&format=json&from=-5min",
    "/render?target=web.a.hits",
    "/metrics?query=web.*",
    "/metrics/find?query=*",
    "/metrics/find/?query=web.*.*&format=completer",
    "/metrics/expand?query=*.*.*",
    "/metrics/index.json",
    "/metrics/search?query=*.*.*",
    "/api/v1/suggest?q=hits",
    "/functions",
    "/tags",
    "/tags/floor?filter=1",
    "/tags/autoComplete/tags",
    "/tags/autoComplete/values?tag=name",
    "/tags/findSeries?expr=floor=~.",
    "/version",
    "/nosuch",
];

#[test]
fn without_tokens_this_machine_may_read_and_no_set_up_is_needed() {
    let folder = tempfile::tempdir().expect("a folder");
    let kymo = serving(folder.path(), "");
    wait(&kymo, &[]);
    for path in ASKED.iter().filter(|path| **path != "/nosuch") {
        assert_eq!(status(&kymo, path, &[]), 200, "{path}");
        // Credentials that nobody asked for do no harm.
        assert_eq!(status(&kymo, path, &[("Authorization", "Bearer what")]), 200, "{path}");
    }
    // A browser that was led here under another name (tests ask for the host `kymo`) is nobody on this machine.
    assert_eq!(status(&kymo, "/metrics/index.json", &[("Sec-Fetch-Site", "same-origin")]), 403);
}

/// A server with credentials of every kind, each as the header that shows it.
struct Guarded {
    kymo: Running,
    folder: tempfile::TempDir,
    all: String,
    web: String,
    web_by_name: String,
    web_token: String,
    writer: String,
    chief: String,
    old: String,
    anna: String,
}

impl Guarded {
    fn start() -> Guarded {
        let folder = tempfile::tempdir().expect("a folder");
        let (all, all_token) = token(&["all"], "");
        let (web, web_token) = token(&["web", "--scope", "read:web.a"], "");
        let (writer, writer_token) = token(&["writer", "--scope", "write"], "");
        let (chief, chief_token) = token(&["chief", "--scope", "admin"], "");
        let (old, old_token) = token(&["old", "--expires", "2020-01-01"], "");
        let (anna, _) = token(&["anna", "--password", "--scope", "read:ward"], "correct horse\n");
        let config = [all, web, writer, chief, old, anna].join("\n");
        assert!(![&all_token, "correct horse"].iter().any(|secret| config.contains(*secret)), "{config}");
        let guarded = Guarded {
            kymo: serving(folder.path(), &config),
            folder,
            all: bearer(&all_token),
            web: bearer(&web_token),
            web_by_name: basic(&format!("web:{web_token}")),
            web_token,
            writer: bearer(&writer_token),
            chief: bearer(&chief_token),
            old: bearer(&old_token),
            anna: basic("anna:correct horse"),
        };
        wait(&guarded.kymo, &[("Authorization", &guarded.all)]);
        guarded
    }
}

#[test]
fn nobody_sees_anything_without_the_right_credentials() {
    let guarded = Guarded::start();
    let Guarded { kymo, old, all, writer, anna, .. } = &guarded;
    // Let in once, a password is remembered; the guesses below make everybody else at this address wait.
    assert_eq!(status(kymo, "/version", &[("Authorization", anna)]), 200);
    let unknown = basic("anna:wrong horse");
    for path in ASKED {
        for headers in [
            &[][..],
            &[("Authorization", "Bearer kymo_00")],
            &[("Authorization", old)],
            &[("Authorization", &unknown)],
            &[("X-Remote-User", "anna")],
            &[("X-Forwarded-For", "127.0.0.1")],
        ] {
            let (status, head, body) = kymo.ask("GET", path, headers);
            // What is wrong fails often enough here to be told to wait.
            let guessed = headers.first().is_some_and(|(name, _)| *name == "Authorization");
            assert!(status == 401 || (guessed && status == 429), "{path}: {status}");
            assert!(body.len() < 200 && !head.contains("web"), "{head}");
            if status == 401 {
                assert!(head.to_lowercase().contains("www-authenticate: basic realm=\"kymo\""), "{head}");
            }
        }
    }
    assert_eq!(status(kymo, "/version", &[("Authorization", anna)]), 200);
    for path in ["/healthz", "/assets/nosuch"] {
        assert_ne!(status(kymo, path, &[]), 401, "{path} says nothing about anybody");
    }
    for path in ASKED.iter().filter(|path| !["/functions", "/version", "/nosuch"].contains(path)) {
        let (status, _, body) = kymo.ask("GET", path, &[("Authorization", writer)]);
        assert_eq!(status, 403, "{path}");
        let why = "the scope `read` is needed to see series";
        let expected = if path.starts_with("/tags") { format!("{{\"error\": \"{why}\"}}") } else { format!("{why}\n") };
        assert_eq!(String::from_utf8_lossy(&body), expected, "{path}");
    }

    // What was turned away is a series of kymo's own.
    let begun = Instant::now();
    for (reason, least) in [
        ("credentials_missing", 3 * ASKED.len()),
        ("credentials_wrong", 10),
        ("credentials_too_often", 10),
        ("scope", 10),
    ] {
        let target = format!("/render?target=kymo.http.turned_away.{reason}.count&format=raw&from=-5min");
        let count = |text: String| -> f64 {
            text.rsplit('|').next().unwrap_or_default().trim().split(',').filter_map(|v| v.parse::<f64>().ok()).sum()
        };
        while count(text(kymo, &target, &[("Authorization", all)])) < least as f64 {
            assert!(begun.elapsed() < Duration::from_secs(20), "{reason} is not counted");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

#[test]
fn a_token_opens_what_its_scopes_reach() {
    let guarded = Guarded::start();
    let kymo = &guarded.kymo;
    for (header, seen, hidden) in [
        (&guarded.all, &["web.a", "web.b", "ward"][..], &[][..]),
        (&guarded.web, &["web.a"], &["web.b", "ward"]),
        (&guarded.web_by_name, &["web.a"], &["web.b", "ward"]),
        (&guarded.anna, &["ward"], &["web.a", "web.b"]),
    ] {
        let headers = [("Authorization", header.as_str())];
        for path in [
            "/render?target=*.*.*&target=sumSeries(web.*.hits)&target=web.b.hits&format=json&from=-5min&noNullPoints=1",
            "/metrics/expand?query=*.*.*",
            "/metrics/index.json",
        ] {
            let answer = text(kymo, path, &headers);
            seen.iter().for_each(|name| assert!(answer.contains(name), "{path} lacks {name}: {answer}"));
            let shown: Vec<_> = hidden.iter().filter(|name| answer.contains(**name)).collect();
            assert!(shown.is_empty(), "{path} shows {shown:?}: {answer}");
        }
        for path in ASKED.iter().filter(|path| !path.contains("=web")) {
            let answer = text(kymo, path, &headers);
            let shown: Vec<_> = hidden.iter().filter(|name| answer.contains(**name)).collect();
            assert!(shown.is_empty(), "{path} shows {shown:?}: {answer}");
        }
    }
    // The values of a name that may not be read are not there either, however they are asked for.
    let web = [("Authorization", guarded.web.as_str())];
    assert_eq!(text(kymo, "/render?target=web.b.hits&format=json&from=-5min", &web), "[]");
    assert_eq!(kymo.ask("POST", "/render?target=web.a.hits&format=json", &web).0, 200);
}

#[test]
fn tags_tell_of_nothing_that_may_not_be_read_and_are_changed_by_who_may() {
    let guarded = Guarded::start();
    let kymo = &guarded.kymo;
    let web = [("Authorization", guarded.web.as_str())];
    for (path, all, below) in [
        ("/tags/autoComplete/tags", r#"["floor", "name"]"#, r#"["floor", "name"]"#),
        ("/tags/autoComplete/values?tag=floor", r#"["one", "two"]"#, r#"["one"]"#),
        ("/tags/autoComplete/values?tag=floor&expr=name=web.b.hits", r#"["two"]"#, "[]"),
        (
            "/tags/findSeries?expr=floor=~.",
            r#"["web.a.hits;floor=one", "web.b.hits;floor=two"]"#,
            r#"["web.a.hits;floor=one"]"#,
        ),
    ] {
        assert_eq!(text(kymo, path, &[("Authorization", &guarded.all)]), all, "{path}");
        assert_eq!(text(kymo, path, &web), below, "{path}");
    }
    let changes = ["/tags/tagSeries?path=new;floor=three", "/tags/tagMultiSeries?path=new;floor=three"];
    for path in changes {
        assert_eq!(kymo.ask("GET", path, &[("Authorization", &guarded.all)]).0, 405, "{path}");
        assert_eq!(kymo.ask("POST", path, &[]).0, 401, "{path}");
        assert_eq!(kymo.ask("POST", path, &web).0, 403, "{path}");
        for header in [&guarded.writer, &guarded.chief] {
            assert_eq!(kymo.ask("POST", path, &[("Authorization", header)]).0, 200, "{path}");
        }
    }
    let path = "/tags/delSeries?path=web.a.hits;floor=one";
    for (header, status) in [(&guarded.writer, 403), (&guarded.web, 403), (&guarded.chief, 400)] {
        assert_eq!(kymo.ask("POST", path, &[("Authorization", header)]).0, status, "{path} has points");
    }
    assert_eq!(kymo.ask("POST", "/tags/delSeries?path=gone", &web).0, 200);
}

#[test]
fn the_commands_send_a_token() {
    let guarded = Guarded::start();
    let url = format!("http://{}", guarded.kymo.http);
    let query = |token: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kymo"));
        let output = command.env("KYMO_TOKEN", token).args(["query", "*.*.hits", "--server", &url]).output();
        let output = output.expect("kymo runs");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (asked, points) = query(&guarded.web_token);
    assert!(asked && points.contains("web.a.hits 7") && !points.contains("web.b"), "{points}");
    assert!(!query("kymo_wrong").0);
    drop(guarded.folder);
}

#[test]
fn a_token_is_taken_away_without_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, first_token) = token(&["first"], "");
    let (second, second_token) = token(&["second"], "");
    let kymo = serving(folder.path(), &format!("{first}{second}"));
    let [first_header, second_header] = [&first_token, &second_token].map(|token| bearer(token));
    assert_eq!(status(&kymo, "/version", &[("Authorization", &first_header)]), 200);

    let reread = |config: &str, header: &str, expected: u16| {
        std::fs::write(folder.path().join("kymo.toml"), config).expect("written");
        kymo.signal("HUP");
        let begun = Instant::now();
        while status(&kymo, "/version", &[("Authorization", header)]) != expected {
            assert!(begun.elapsed() < Duration::from_secs(10), "{config} is not read");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    reread(&second, &first_header, 401);
    assert_eq!(status(&kymo, "/version", &[("Authorization", &second_header)]), 200);
    // A mistake leaves things as they are: nobody is let in by a broken file.
    reread("[[tokens]]\nname = 1\n", &first_header, 401);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(status(&kymo, "/version", &[]), 401);
    assert_eq!(status(&kymo, "/version", &[("Authorization", &second_header)]), 200);
    reread(&first, &first_header, 200);
}

#[test]
fn a_trusted_proxy_says_who_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let proxy =
        "[access]\ntrusted_proxies = [\"127.0.0.1\"]\nproxied_scopes = [\"read:web\"]\nuser_header = \"X-User\"\n";
    let config = format!("{proxy}[[users]]\nname = \"anna\"\nscopes = [\"read\"]\n");
    let kymo = serving(folder.path(), &config);
    wait(&kymo, &[("X-User", "anna")]);
    assert_eq!(status(&kymo, "/version", &[]), 401);
    assert_eq!(status(&kymo, "/version", &[("X-Remote-User", "anna")]), 401, "another header");
    let stranger = text(&kymo, "/metrics/index.json", &[("X-User", "stranger")]);
    assert!(stranger.contains("web.a.hits") && !stranger.contains("ward"), "{stranger}");
    drop(kymo);

    // The same header from elsewhere is a header like any other.
    let folder = tempfile::tempdir().expect("a folder");
    let kymo = serving(folder.path(), &config.replace("127.0.0.1", "192.0.2.1"));
    assert_eq!(status(&kymo, "/version", &[("X-User", "anna")]), 401);
}

#[test]
fn without_tokens_other_machines_are_not_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    // The client behind a proxy counts, not the proxy.
    let kymo = serving(folder.path(), "[access]\ntrusted_proxies = [\"127.0.0.1\"]\n");
    let (code, _, body) = kymo.ask("GET", "/metrics/index.json", &[("X-Forwarded-For", "192.0.2.7")]);
    assert_eq!(code, 403);
    assert!(String::from_utf8_lossy(&body).contains("[[tokens]]"), "{}", String::from_utf8_lossy(&body));
    assert_eq!(status(&kymo, "/version", &[("X-Forwarded-For", "127.0.0.1")]), 200);
    assert_eq!(status(&kymo, "/version", &[("X-Forwarded-For", "127.0.0.1, 192.0.2.7")]), 403);
    assert_eq!(status(&kymo, "/version", &[]), 403, "a proxy that does not say for whom");
    drop(kymo);

    // No packet is sent: the system only says from which address it would be.
    let own = UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.connect("192.0.2.1:9").and(socket.local_addr()));
    let Some(own) = own.ok().map(|own| own.ip()).filter(|own| !own.is_loopback() && !own.is_unspecified()) else {
        eprintln!("SKIPPED: this machine has no address but loopback");
        return;
    };
    for (config, expected) in [("", 403), ("[access]\nopen_to_others = true\n", 200)] {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("kymo.toml");
        std::fs::write(&file, config).expect("written");
        let more = ["--config", file.to_str().expect("UTF-8")];
        let mut kymo = Running::start_at(&folder.path().join("data"), "0.0.0.0:0", &more);
        kymo.http = SocketAddr::new(own, kymo.http.port());
        assert_eq!(kymo.get("/version").0, expected, "{config}");
        let page = String::from_utf8_lossy(&kymo.get("/").2).into_owned();
        assert_eq!(page.contains("Everybody who can reach this server"), expected == 200, "the first page says it");
    }
}
