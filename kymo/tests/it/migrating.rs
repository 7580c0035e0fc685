//! docs/migrating.md as it stands, run from top to bottom: every `sh` block in one shell, with the real statsd, carbon-cache and
//! whisper tools. Only places are changed: the usual folders and ports become a folder of the test's and free ports, and
//! a wait for two flushes of ten seconds becomes one for flushes of one second.

use crate::ports::ports;
use conformance::peers;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

const GUIDE: &str = include_str!("../../../docs/migrating.md");

/// What the output of each block must hold.
const PRINTED: &[&[&str]] = &[
    &["statsd"],
    &["stats_counts.before 3 "],
    &["stats_counts.migrating.beside 5 ", "stats_counts.migrating.beside 5 "],
    &[],
    &["\t7"],
    &[" 9 ", "[[11.0, "],
    &["\t9", "\t13"],
    &["aggregationMethod: sum", "stats_counts.migrating.agent 7 ", "stats_counts.migrating.serve 9 "],
    &[
        " series imported, 0 files left out",
        "stats_counts.migrating.agent 7 ",
        "stats_counts.migrating.serve 9 ",
        " 0 damaged",
    ],
    &[" files written, 0 series left out", "\t13"],
];

/// The marked blocks of the guide, in order.
fn blocks() -> Vec<&'static str> {
    GUIDE.split("\n```sh\n").skip(1).map(|rest| rest.split("\n```").next().expect("a block ends")).collect()
}

/// The places of the guide and those of the test.
fn places(root: &Path, stats_js: &Path) -> Vec<(String, String)> {
    let path = |place: &str| root.join(place).to_str().expect("UTF-8").to_owned();
    let mut places = vec![
        ("/opt/statsd/stats.js".into(), stats_js.to_str().expect("UTF-8").to_owned()),
        ("/opt/graphite".into(), path("graphite")),
        ("/etc/statsd".into(), path("etc")),
        ("/tmp/".into(), path("tmp/")),
        ("sleep 21".into(), "sleep 3".into()),
        ("--flush-interval 10s".into(), "--flush-interval 1s".into()),
    ];
    let [a, b, c, d, e, f, g, h] = ports();
    let usual =
        [("8125", a), ("2003", b), ("2004", c), ("9125", d), ("9003", e), ("9004", f), ("9080", g), ("8080", h)];
    places.extend(usual.map(|(usual, free)| (usual.to_owned(), free.to_string())));
    places
}

/// The text with every place moved, in one pass: what was put in is not looked at again.
fn moved(text: &str, places: &[(String, String)]) -> String {
    let (mut rest, mut out) = (text, String::new());
    let next =
        |rest: &str| places.iter().filter_map(|(from, to)| Some((rest.find(from)?, from.len(), to.clone()))).min();
    while let Some((at, length, to)) = next(rest) {
        out += &rest[..at];
        out += &to;
        rest = &rest[at + length..];
    }
    out + rest
}

/// A Graphite as it is before the move: its configuration, and the programs of the guide on a path.
fn furnish(root: &Path, places: &[(String, String)], console: u16, query: u16) {
    for folder in ["graphite/conf", "graphite/storage/whisper", "etc", "tmp", "bin"] {
        fs::create_dir_all(root.join(folder)).expect("made");
    }
    let write = |path: &str, text: &str| fs::write(root.join(path), moved(text, places)).expect("written");
    write("graphite/conf/storage-schemas.conf", "[all]\npattern = .*\nretentions = 1s:1h\n");
    write("graphite/conf/storage-aggregation.conf", "[all]\npattern = .*\nxFilesFactor = 0\naggregationMethod = sum\n");
    let local = "INTERFACE = 127.0.0.1";
    write(
        "graphite/conf/carbon.conf",
        &format!(
            "[cache]\nENABLE_TAGS = False\nLINE_RECEIVER_{local}\nLINE_RECEIVER_PORT = 2003\nPICKLE_RECEIVER_{local}\n\
             PICKLE_RECEIVER_PORT = 2004\nCACHE_QUERY_{local}\nCACHE_QUERY_PORT = {query}\nMAX_CREATES_PER_MINUTE = inf\n"
        ),
    );
    write(
        "etc/config.js",
        &format!(
            "{{\nport: 8125, address: '127.0.0.1', mgmt_port: {console}, mgmt_address: '127.0.0.1',\n\
             graphiteHost: '127.0.0.1',\ngraphitePort: 2003, flushInterval: 1000, deleteIdleStats: true\n}}\n"
        ),
    );
    let python = peers::python().expect("asked before");
    for name in ["carbon-cache.py", "whisper-fetch.py"] {
        let script = peers::script(name).expect("asked before");
        let text = format!("#!/bin/sh\nexec {} {} \"$@\"\n", python.display(), script.display());
        // As it is: it names a place outside of the guide's.
        fs::write(root.join("bin").join(name), text).expect("written");
        fs::set_permissions(root.join("bin").join(name), Permissions::from_mode(0o755)).expect("executable");
    }
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_kymo"), root.join("bin/kymo")).expect("linked");
}

/// Everything that the guide leaves running ends with the shell, carbon's daemon by its own command.
const END: &str =
    "trap 'carbon-cache.py --config=/opt/graphite/conf/carbon.conf stop || true; kill $(jobs -p) || true' EXIT\n";
/// What runs before the guide begins.
const BEFORE: &str = "\
carbon-cache.py --config=/opt/graphite/conf/carbon.conf start
node /opt/statsd/stats.js /etc/statsd/config.js >> /tmp/statsd.log 2>&1 &
sleep 3
echo 'before:3|c' > /dev/udp/127.0.0.1/8125
sleep 3
";

#[test]
fn every_command_of_the_guide_does_what_it_says() {
    let (Some(_), Some(statsd), Some(_)) = (peers::python(), peers::package("statsd"), peers::program("node")) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    let places = places(root, &statsd.join("stats.js"));
    let [console, query] = ports();
    furnish(root, &places, console, query);
    let blocks = blocks();
    assert_eq!(blocks.len(), PRINTED.len(), "each block has its row above");
    let mut script = format!("{END}{BEFORE}");
    for block in &blocks {
        script += &format!("echo '@@@'\n{block}\n");
    }
    let http = places.iter().find(|(usual, _)| usual == "8080").map(|(_, free)| free).expect("a place");
    // The server that `kymo query` asks without being told.
    let script =
        script.replace("' --from -10min\ncurl", &format!("' --server http://127.0.0.1:{http} --from -10min\ncurl"));
    let path = format!("{}:{}", root.join("bin").display(), std::env::var("PATH").expect("a path"));
    let mut bash = Command::new("bash");
    // In a file, so that `pgrep -f` does not find the shell itself.
    fs::write(root.join("guide.sh"), moved(&script, &places)).expect("written");
    bash.args(["-e", "-o", "pipefail"]).arg(root.join("guide.sh")).env("PATH", path);
    bash.env("GRAPHITE_ROOT", root.join("graphite")).stdin(Stdio::null());
    let output = bash.output().expect("bash runs");
    let printed = String::from_utf8_lossy(&output.stdout);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{printed}\n{told}", output.status);
    for ((block, expected), printed) in blocks.iter().zip(PRINTED).zip(printed.split("@@@\n").skip(1)) {
        let mut rest = printed;
        for wanted in *expected {
            let found =
                rest.find(wanted).unwrap_or_else(|| panic!("no {wanted:?} in:\n{printed}\nof:\n{block}\n{told}"));
            rest = &rest[found + wanted.len()..];
        }
    }
}
