//! graphite-web 1.1.10's recorded answers, asked again over a socket of a server that holds the same tree.
//!
//! Judged as compare_render.py judges: names, tags and times alike, values within 1e-9, NaN as null. Where the original
//! said 4xx any 4xx will do; where it crashed, anything but a 5xx.

use crate::imported;
use crate::judge::judge;
use conformance::{Score, cases, fixture};
use render::App;
use render::access::EventsView;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use tsdb::{EventLimits, Events, Timestamp, WhisperStore};

/// How an answer is compared; the formats that are missing here are not served yet.
const COMPARED: [&str; 23] = [
    "events",
    "jsonpevents",
    "functions",
    "functionsgrouped",
    "function1",
    "tagjson",
    "status",
    "render",
    "shape",
    "json",
    "jsonu",
    "findjson",
    "csv",
    "raw",
    "jsonp",
    "jsonpfind",
    "text",
    "version",
    "image",
    "pickle",
    "msgpack",
    "dygraph",
    "rickshaw",
];

#[test]
fn recorded_http_answers() {
    let folder = tempfile::tempdir().unwrap();
    fixture::write(folder.path()).unwrap();
    let store = WhisperStore::open_read_only(folder.path()).unwrap();
    judge_all("recorded http", with_events(folder.path(), App::new(Arc::new(store), || Timestamp(fixture::NOW))), &[]);
}

/// The same tree imported into our own store gives the same answers, but that it knows the name of the series whose file
/// has a hash for one, and lists it under that.
#[test]
fn recorded_http_answers_of_an_imported_tree() {
    let folder = tempfile::tempdir().unwrap();
    let store = imported::fixture_store(folder.path());
    let app = App::new(Arc::new(store), || Timestamp(fixture::NOW));
    judge_all("recorded http, imported", with_events(folder.path(), app), &["index-001", "index-002"]);
}

fn with_events(folder: &Path, app: App) -> App {
    let (events, _) = Events::open(&folder.join("events.redb"), EventLimits::default()).unwrap();
    let events = EventsView::of(Arc::new(events), &app.grants);
    App { events: Some(events), ..app }
}

fn judge_all(which: &str, app: App, otherwise: &[&str]) {
    let Some(cases) = cases("render.jsonl") else { return };
    let server = Server::start(app);
    server.announce_tagged_series();
    server.tell_events();
    let (mut score, mut quirks, mut skipped) = (Score::default(), (0, 0), 0);
    for case in cases.iter() {
        if otherwise.contains(&text(case, "id")) {
            continue;
        }
        if !is_served(case) {
            skipped += 1;
            continue;
        }
        let reply = server.ask(case);
        let outcome = judge(case, &reply);
        if case["quirk"].is_boolean() {
            quirks = (quirks.0 + usize::from(outcome.is_ok()), quirks.1 + 1);
        } else {
            score.note(&format!("{} {}", text(case, "id"), case["params"]), outcome);
        }
    }
    println!("{which}: skipped {skipped} (functions), quirks {}/{}", quirks.0, quirks.1);
    server.stop();
    score.finish(which);
}

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap_or("")
}

fn params(case: &Value, key: &str) -> Vec<(String, String)> {
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pairs = case[key].as_array().map_or(&[][..], Vec::as_slice);
    pairs.iter().map(|pair| (word(&pair[0]), word(&pair[1]))).collect()
}

fn is_served(case: &Value) -> bool {
    let path = text(case, "path");
    let here = ["/render", "/metrics", "/version", "/tags", "/functions", "/events"]
        .iter()
        .any(|served| path.starts_with(served));
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let known = |before: &str| {
        let name = before.trim_end().rsplit(|c| !is_word(c)).next().unwrap();
        // In these, the unknown name is what the case is about.
        name.is_empty()
            || ["SCALE", "nosuch", "foo", "template"].contains(&name)
            || query::functions::lookup(name).is_some()
    };
    let params = params(case, "params");
    let built = params
        .iter()
        .filter(|(name, _)| name.starts_with("target"))
        .all(|(_, target)| target.match_indices('(').all(|(at, _)| known(&target[..at])));
    let told = path.strip_prefix("/functions/").is_none_or(|name| known(name) || name == "nosuch");
    here && told && built && COMPARED.contains(&text(case, "cmp"))
}

/// An answer as it came over the socket.
pub struct Answer {
    pub status: u64,
    pub kind: String,
    pub body: Vec<u8>,
}

/// A server on a free port, in a thread of its own.
struct Server {
    address: SocketAddr,
    stop: tokio::sync::oneshot::Sender<()>,
    thread: std::thread::JoinHandle<std::io::Result<()>>,
}

impl Server {
    fn start(app: App) -> Server {
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let stopped = async move { stopped.await.unwrap_or(()) };
        let thread = std::thread::spawn(move || runtime.block_on(render::http::serve(listener, app, stopped)));
        Server { address, stop, thread }
    }

    fn ask(&self, case: &Value) -> Answer {
        let encode =
            |params: &[(String, String)]| form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
        let (method, query) = (text(case, "method"), encode(&params(case, "params")));
        let kind = if case["body"].is_string() { "application/json" } else { "application/x-www-form-urlencoded" };
        let mut path = text(case, "path").to_owned();
        let mut form = text(case, "body").to_owned();
        if method == "POST" && form.is_empty() {
            form = query;
            path = format!("{path}?{}", encode(&params(case, "url_params")));
        } else if !query.is_empty() {
            path = format!("{path}?{query}");
        }
        let mut socket = TcpStream::connect(self.address).unwrap();
        let length = form.len();
        write!(
            socket,
            "{method} {path} HTTP/1.1\r\nHost: kymo\r\nAccept: application/json\r\nConnection: close\r\n\
             Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{form}"
        )
        .unwrap();
        let mut whole = Vec::new();
        socket.read_to_end(&mut whole).unwrap();
        let end = whole.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
        let head = String::from_utf8(whole[..end].to_vec()).unwrap().to_lowercase();
        let kind = head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap_or("").to_owned();
        Answer { status: head[9..12].parse().unwrap(), kind, body: whole.split_off(end) }
    }

    /// As carbon does for every series that comes; one of them lies under its hash, which tells nobody its name.
    fn announce_tagged_series(&self) {
        let names = fixture::series().into_iter().map(|series| series.name).filter(|name| name.contains(';'));
        let paths: Vec<Value> = names.map(|name| serde_json::json!(["path", name])).collect();
        let case = serde_json::json!({"method": "POST", "path": "/tags/tagMultiSeries", "params": paths});
        let answer = self.ask(&case);
        let told: Vec<String> = serde_json::from_slice(&answer.body).expect("canonical names");
        assert_eq!((answer.status, told.len()), (200, paths.len()));
    }

    /// As whoever releases or repairs something does.
    fn tell_events(&self) {
        for event in fixture::EVENTS {
            let fixture::Event { when, what, tags, data } = event;
            let body = serde_json::json!({ "what": what, "tags": tags, "data": data, "when": when }).to_string();
            let answer = self.ask(&serde_json::json!({ "method": "POST", "path": "/events/", "body": body }));
            assert_eq!((answer.status, answer.body.len()), (200, 0), "{what}");
        }
    }

    /// Stops as kymo does, and sees that everything ends.
    fn stop(self) {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap().unwrap();
    }
}
