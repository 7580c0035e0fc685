//! TLS as clients see it: kymo's own, curl where there is one, and whoever speaks something else to the same port.

use crate::running::Running;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// A fresh certificate of its own for this machine, and its key, in these files.
fn certificate(certificate: &Path, key: &Path) {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    std::fs::write(certificate, made.cert.pem()).expect("written");
    std::fs::write(key, made.signing_key.serialize_pem()).expect("written");
}

/// The files of a server that speaks TLS.
pub struct Files {
    folder: tempfile::TempDir,
    /// Its certificate, which is its own root.
    pub certificate: PathBuf,
    key: PathBuf,
}

/// A server that speaks TLS.
pub fn serving() -> (Running, Files) {
    let folder = tempfile::tempdir().expect("a folder");
    let files = Files { certificate: folder.path().join("tls.pem"), key: folder.path().join("tls.key"), folder };
    certificate(&files.certificate, &files.key);
    let config = files.folder.path().join("kymo.toml");
    let text = format!(
        "tls_certificate = {:?}\ntls_key = {:?}\n[limits]\nhttp_header_secs = 1\n",
        files.certificate, files.key
    );
    std::fs::write(&config, text).expect("written");
    let kymo = Running::start(&files.folder.path().join("data"), &["--config", config.to_str().expect("UTF-8")]);
    (kymo, files)
}

/// The line and exit code of a check that trusts the certificates in this file.
fn check(kymo: &Running, roots: &Path) -> (String, i32) {
    let url = format!("https://127.0.0.1:{}", kymo.http.port());
    let roots = roots.to_str().expect("UTF-8");
    let args = ["check", "--url", &url, "--ca", roots, "-t", "nosuch", "--no-data", "ok"];
    let output = Command::new(env!("CARGO_BIN_EXE_kymo")).args(args).output().expect("kymo runs");
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code().expect("an exit code"))
}

#[test]
fn tls_is_spoken_and_nothing_else() {
    let (kymo, files) = serving();
    assert_eq!(check(&kymo, &files.certificate), ("KYMO OK - no series: nosuch\n".to_owned(), 0));

    let stranger = files.folder.path().join("stranger.pem");
    certificate(&stranger, &files.folder.path().join("stranger.key"));
    let (line, code) = check(&kymo, &stranger);
    assert_eq!(code, 3);
    assert!(line.contains("certificate") || line.contains("UnknownIssuer"), "{line}");

    // Plain HTTP gets an alert or nothing, and no answer.
    let mut plain = TcpStream::connect(kymo.http).expect("connects");
    plain.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    plain.write_all(b"GET /version HTTP/1.1\r\nHost: kymo\r\n\r\n").expect("sent");
    let mut bytes = Vec::new();
    let _ = plain.read_to_end(&mut bytes);
    assert!(!String::from_utf8_lossy(&bytes).contains("HTTP/1.1"), "{bytes:?}");

    // A handshake that does not come is waited for as long as a head.
    let begun = Instant::now();
    let mut silent = TcpStream::connect(kymo.http).expect("connects");
    silent.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    assert_eq!(silent.read(&mut [0]).expect("closed in order"), 0);
    assert!((900..4500).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());

    let url = format!("https://localhost:{}/version", kymo.http.port());
    let curl = Command::new("curl").args(["-sS", "--cacert"]).arg(&files.certificate).arg(&url).output();
    match curl {
        Ok(output) => {
            assert_eq!(String::from_utf8_lossy(&output.stdout), "1.1.10\n", "{output:?}");
        }
        Err(error) => eprintln!("SKIPPED: curl: {error}"),
    }
}

#[test]
fn a_new_certificate_is_shown_without_a_restart() {
    let (kymo, files) = serving();
    let old = files.folder.path().join("old.pem");
    std::fs::copy(&files.certificate, &old).expect("copied");

    // A key that does not fit changes nothing.
    let other = files.folder.path().join("other.key");
    certificate(&files.folder.path().join("other.pem"), &other);
    let key = std::fs::read(&files.key).expect("read");
    std::fs::copy(&other, &files.key).expect("copied");
    kymo.signal("HUP");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(check(&kymo, &old).1, 0);
    std::fs::write(&files.key, key).expect("written");

    certificate(&files.certificate, &files.key);
    kymo.signal("HUP");
    let begun = Instant::now();
    while check(&kymo, &files.certificate).1 != 0 {
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", check(&kymo, &files.certificate));
    }
    assert_eq!(check(&kymo, &old).1, 3, "the old one is gone");
}

#[test]
fn a_certificate_that_cannot_be_used_keeps_it_from_starting() {
    let folder = tempfile::tempdir().expect("a folder");
    let [pem, key, config] = ["tls.pem", "tls.key", "kymo.toml"].map(|name| folder.path().join(name));
    certificate(&pem, &key);
    std::fs::write(&key, "no key").expect("written");
    for (text, told) in [
        (format!("tls_certificate = {pem:?}\ntls_key = {key:?}\n"), "read the key"),
        (format!("tls_certificate = {pem:?}\n"), "needed together"),
    ] {
        std::fs::write(&config, text).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_kymo"));
        command.args(["serve", "--http", "127.0.0.1:0", "--statsd", "127.0.0.1:0"]);
        command.args(["--carbon", "127.0.0.1:0", "--carbon-pickle", "127.0.0.1:0"]);
        let output = command.arg("--data").arg(folder.path().join("data")).arg("--config").arg(&config).output();
        let output = output.expect("kymo runs");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(told), "{error}");
    }
}
