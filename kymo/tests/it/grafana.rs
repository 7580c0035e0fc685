//! The requests that Grafana's Graphite data source makes (its browser and its server side), made to a real kymo: status,
//! kind and shape of every answer are what that code reads.

use crate::running::Running;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{SystemTime, UNIX_EPOCH};

/// What an answer is, besides its body.
struct Answer {
    status: u16,
    kind: String,
    body: String,
}

impl Answer {
    /// The JSON of a 200, which Grafana's server reads strictly: no `NaN`, no `Infinity`.
    fn json(&self) -> Value {
        assert_eq!((self.status, self.kind.as_str()), (200, "application/json"), "{}", self.body);
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    let letter = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => char::from(byte).to_string(),
        b' ' => "+".to_owned(),
        byte => format!("%{byte:02X}"),
    };
    let word = |text: &str| text.bytes().map(letter).collect::<String>();
    pairs.iter().map(|(name, value)| format!("{}={}", word(name), word(value))).collect::<Vec<_>>().join("&")
}

fn ask(kymo: &Running, method: &str, path: &str, query: &[(&str, &str)], form: &[(&str, &str)]) -> Answer {
    let (query, form) = (encoded(query), encoded(form));
    let mut stream = TcpStream::connect(kymo.http).expect("connects");
    let mark = if query.is_empty() { "" } else { "?" };
    write!(
        stream,
        "{method} {path}{mark}{query} HTTP/1.1\r\nHost: grafana\r\nConnection: close\r\nAccept: application/json, \
         text/plain, */*\r\nContent-Type: application/x-www-form-urlencoded\r\nX-Panel-Id: 2\r\nX-Dashboard-Id: 7\r\n\
         Content-Length: {}\r\n\r\n{form}",
        form.len()
    )
    .expect("asked");
    let mut whole = String::new();
    stream.read_to_string(&mut whole).expect("UTF-8");
    let (head, body) = whole.split_once("\r\n\r\n").expect("a head");
    let head = head.to_lowercase();
    let kind = head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().to_owned();
    Answer { status: head[9..12].parse().expect("a status"), kind, body: body.to_owned() }
}

fn get(kymo: &Running, path: &str, query: &[(&str, &str)]) -> Answer {
    ask(kymo, "GET", path, query, &[])
}

fn post(kymo: &Running, path: &str, form: &[(&str, &str)]) -> Answer {
    ask(kymo, "POST", path, &[], form)
}

/// As a deploy script does: curl says of its JSON that it is a form.
fn tell(kymo: &Running, event: &Value) {
    let mut stream = TcpStream::connect(kymo.http).expect("connects");
    let body = event.to_string();
    let kind = "application/x-www-form-urlencoded";
    write!(
        stream,
        "POST /events/ HTTP/1.1\r\nHost: kymo\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("asked");
    let mut whole = String::new();
    stream.read_to_string(&mut whole).expect("UTF-8");
    assert!(whole.starts_with("HTTP/1.1 200"), "{whole}");
}

/// A server that holds two hosts and a tagged series, and the moment of their points.
fn serving(folder: &tempfile::TempDir) -> (Running, u64) {
    let kymo = Running::start(&folder.path().join("data"), &[]);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let names = ["servers.a.load", "servers.b.load", "hits;host=a;code=200", "hits;host=b;code=500"];
    let lines: String = names.iter().map(|name| format!("{name} 3 {now}\n")).collect();
    TcpStream::connect(kymo.carbon).expect("connects").write_all(lines.as_bytes()).expect("sent");
    for name in ["servers.a.load", "servers.b.load", "seriesByTag('name=hits')"] {
        kymo.wait(&encoded(&[("t", name)])[2..], |values| values.contains(&3.0));
    }
    (kymo, now)
}

/// What both sides read of a series: its name, pairs of a number or null and a time, and tags that are texts.
fn check_series(series: &Value) {
    for one in series.as_array().expect("a list") {
        assert!(one["target"].is_string(), "{one}");
        let tags = one["tags"].as_object().expect("tags");
        assert!(tags.contains_key("name") && tags.values().all(Value::is_string), "{one}");
        for point in one["datapoints"].as_array().expect("points") {
            assert!((point[0].is_null() || point[0].is_f64()) && point[1].is_i64() && point[2].is_null(), "{one}");
        }
    }
}

#[test]
fn annotations_are_the_events_that_scripts_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let kymo = Running::start(&folder.path().join("data"), &[]);
    tell(&kymo, &json!({"what": "release 42", "tags": ["deploy", "api"], "data": "by hand", "when": now - 60}));
    tell(&kymo, &json!({"what": "lunch", "tags": "people"}));
    assert!(kymo.stop("TERM"));
    let kymo = Running::start(&folder.path().join("data"), &[]);
    // `GET /events/get_data?from&until&tags`, of which when, what, tags and data are read.
    let asked = get(&kymo, "/events/get_data", &[("from", "-1h"), ("until", "now"), ("tags", "deploy")]).json();
    let wanted =
        json!([{"when": now - 60, "what": "release 42", "data": "by hand", "tags": ["deploy", "api"], "id": 1}]);
    assert_eq!(asked, wanted);
    let (from, until) = ((now - 3600).to_string(), (now + 60).to_string());
    let all = get(&kymo, "/events/get_data", &[("from", &from), ("until", &until)]).json();
    assert_eq!(all.as_array().expect("a list").len(), 2);
    let drawn = [
        ("target", "drawAsInfinite(events('deploy'))"),
        ("from", "-10min"),
        ("maxDataPoints", "100"),
        ("format", "json"),
    ];
    let drawn = post(&kymo, "/render", &drawn).json();
    check_series(&drawn);
    let points = drawn[0]["datapoints"].as_array().expect("points");
    assert_eq!(points.iter().filter_map(|point| point[0].as_f64()).sum::<f64>(), 1.0, "{drawn}");
    assert!(kymo.stop("TERM"));
}

#[test]
fn queries_of_panels_annotations_and_alerts() {
    let folder = tempfile::tempdir().expect("a folder");
    let (kymo, now) = serving(&folder);
    let (from, until) = ((now - 1801).to_string(), (now + 1).to_string());
    let absolute = [("from", from.as_str()), ("until", until.as_str()), ("format", "json"), ("maxDataPoints", "735")];
    let relative = [("from", "-30min"), ("until", "now"), ("format", "json"), ("maxDataPoints", "100")];
    let wrapped = r#"aliasSub(servers.*.load, "(^.*$)", "\1 A")"#;
    for times in [&absolute, &relative] {
        // Every target goes in one form, and its letter is read off the end of each name.
        let mut form =
            vec![("target", wrapped), ("target", r#"aliasSub(sumSeries(servers.*.load), "(^.*$)", "\1 B")"#)];
        form.extend_from_slice(times);
        form.push(("cacheTimeout", "60"));
        let series = post(&kymo, "/render", &form).json();
        check_series(&series);
        let names: Vec<_> = series.as_array().expect("a list").iter().map(|one| one["target"].as_str()).collect();
        let wanted = ["servers.a.load A", "servers.b.load A", "sumSeries(servers.*.load) B"].map(Some);
        assert_eq!(names, wanted);
        assert!(series[2]["datapoints"].as_array().expect("points").iter().any(|point| point[0] == 6.0));
        // A GET is the same.
        assert_eq!(get(&kymo, "/render", &form).json().as_array().expect("a list").len(), 3);
    }
    for target in [
        "aliasByTags(seriesByTag('name=hits', 'host=~a|b'), 'host', 'code')",
        "movingAverage(servers.a.load, '5min')",
        "constantLine(100)",
        "no.such",
    ] {
        check_series(&post(&kymo, "/render", &[[("target", target)].as_slice(), &relative].concat()).json());
    }
    // The health check: three points of 100.
    let healthy = post(&kymo, "/render", &[[("target", "constantLine(100)")].as_slice(), &absolute].concat()).json();
    assert_eq!(healthy[0]["datapoints"][0][0], 100.0);
    // What cannot be read is told as text with a status that is no 2xx.
    let refused = post(&kymo, "/render", &[[("target", "nosuch(servers.a.load)")].as_slice(), &relative].concat());
    assert!(refused.status == 400 && refused.body.contains("nosuch"), "{} {}", refused.status, refused.body);
}

#[test]
fn pickers_and_variables() {
    let folder = tempfile::tempdir().expect("a folder");
    let (kymo, now) = serving(&folder);
    let (from, until) = ((now - 3600).to_string(), now.to_string());
    let times = [("from", from.as_str()), ("until", until.as_str())];
    // The picker sends the window in the address and the query in the form.
    for found in [
        ask(&kymo, "POST", "/metrics/find", &times, &[("query", "servers.*")]),
        post(&kymo, "/metrics/find", &[("query", "servers.*")]),
        get(&kymo, "/metrics/find", &[[("query", "servers.*")].as_slice(), &times].concat()),
    ] {
        let nodes = found.json();
        let texts: Vec<_> = nodes.as_array().expect("a list").iter().map(|node| node["text"].as_str()).collect();
        assert_eq!(texts, [Some("a"), Some("b")]);
        for node in nodes.as_array().expect("a list") {
            assert!(node["id"].is_string() && node["expandable"] == 1 && node["leaf"] == 0, "{node}");
        }
    }
    let leaf = post(&kymo, "/metrics/find", &[("query", "servers.a.*")]).json();
    assert!(leaf[0]["text"] == "load" && leaf[0]["expandable"] == 0 && leaf[0]["leaf"] == 1, "{leaf}");
    assert_eq!(post(&kymo, "/metrics/find", &[("query", "no.such.*")]).json(), serde_json::json!([]));
    let expanded = get(&kymo, "/metrics/expand", &[[("query", "servers.*.load")].as_slice(), &times].concat()).json();
    assert_eq!(expanded, serde_json::json!({"results": ["servers.a.load", "servers.b.load"]}));
}

#[test]
fn tags_functions_and_the_version() {
    let folder = tempfile::tempdir().expect("a folder");
    let (kymo, now) = serving(&folder);
    let (from, until) = ((now - 3600).to_string(), now.to_string());
    let more = [("limit", "10000"), ("from", from.as_str()), ("until", until.as_str())];
    let asked = |path: &str, pairs: &[(&str, &str)]| get(&kymo, path, &[pairs, &more].concat()).json();
    let tags = asked("/tags/autoComplete/tags", &[("expr", "name=hits"), ("tagPrefix", "")]);
    assert_eq!(tags, serde_json::json!(["code", "host"]));
    assert_eq!(asked("/tags/autoComplete/tags", &[("tagPrefix", "na")]), serde_json::json!(["name"]));
    let values = asked("/tags/autoComplete/values", &[("expr", "name=hits"), ("tag", "host"), ("valuePrefix", "")]);
    assert_eq!(values, serde_json::json!(["a", "b"]));
    let found = get(&kymo, "/tags/findSeries", &[("expr", "name=hits"), ("expr", "host=b")]).json();
    assert_eq!(found, serde_json::json!(["hits;code=500;host=b"]));

    // The list of functions is read as text, in which graphite-web's own infinity would have to be mended first.
    let functions = get(&kymo, "/functions", &[]);
    assert_eq!((functions.status, functions.kind.as_str()), (200, "application/json"));
    let functions: Value = serde_json::from_str(&functions.body.replace("1e9999", "null")).expect("JSON");
    for (name, function) in functions.as_object().expect("a map") {
        let told = ["name", "group", "description", "function"].map(|key| function[key].is_string());
        assert!(told == [true; 4] && function["name"] == name.as_str() && function["params"].is_array(), "{function}");
        for param in function["params"].as_array().expect("a list") {
            assert!(param["name"].is_string() && param["type"].is_string(), "{name}: {param}");
        }
    }
    let version = get(&kymo, "/version", &[]);
    let parts: Vec<_> = version.body.trim().split('.').map(|part| part.parse::<u32>().expect("a number")).collect();
    assert!(version.status == 200 && parts.len() == 3 && parts[..2] >= [1, 1][..], "{}", version.body);
    assert_eq!(get(&kymo, "/no/such/page", &[]).status, 404);
}

/// The table of functions is one: the page in docs/, the command and the list that pickers read.
#[test]
fn the_functions_are_told_alike_everywhere() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/functions.md");
    let page = std::fs::read_to_string(page).expect("docs/functions.md");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_kymo"));
    let printed = command.args(["query", "--functions"]).output().expect("kymo runs");
    assert!(printed.status.success() && String::from_utf8_lossy(&printed.stdout) == page);

    let folder = tempfile::tempdir().expect("a folder");
    let kymo = Running::start(&folder.path().join("data"), &[]);
    let listed = get(&kymo, "/functions", &[]).body.replace("1e9999", "null");
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    let listed = listed.as_object().expect("a map");
    let headings = page.lines().filter_map(|line| line.strip_prefix("### "));
    let mut count = 0;
    for heading in headings {
        let name: String = heading.trim_start_matches('`').chars().take_while(char::is_ascii_alphanumeric).collect();
        assert!(listed.contains_key(&name), "/functions lacks {name}");
        count += 1;
    }
    assert!(count > 100, "{count} headings");
    let missing: Vec<_> = listed.keys().filter(|name| !page.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "docs/functions.md lacks {missing:?}");
}
