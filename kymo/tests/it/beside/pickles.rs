//! Pickles that Python makes, in each of its protocols, read by our decoder and by carbon's own receiver: the same points.

use super::original::output;
use conformance::peers;
use statsd_agent::wire::pickle::Pickle;
use std::process::Command;

/// Prints, for each of many made-up lists and each protocol, the pickle in hex and the points that carbon makes of it.
const FRAMES: &str = r#"
import json, pickle, random, sys
from carbon.util import get_unpickler

random.seed(int(sys.argv[1]))

def points(data):
    for raw in get_unpickler().loads(data):
        try:
            (metric, (value, timestamp)) = raw
        except Exception:
            continue
        try:
            at, value = float(value), float(timestamp)
        except (ValueError, TypeError):
            continue
        if isinstance(metric, str) and value == value and abs(at) < 253402300800:
            yield [metric, None if int(at) == -1 else int(at), repr(value)]

shared = ['shared.name', 1.5, 1700000000, ('in', (5, 6)), [], None]

def name():
    return random.choice(['a.b', 'ä.ö', 'x;y=z', 'it\'s "q" \\ \\n', '\U0001f600', 'tab\there', 'n' * random.randrange(300)])

def number():
    return random.choice([
        random.randrange(-3, 3), random.randrange(-1 << 40, 1 << 40), random.randrange(1 << 70), -(1 << random.randrange(900)),
        random.getrandbits(random.randrange(1, 1000)), random.uniform(-1e9, 1e9), float('inf'), float('nan'), 5e-324,
        True, None, '1.5', ' 7 ', '1_0', 'nan', '-inf', '0x1', '', 'ten', 1700000000, 1700000000.75, -1, -1.5])

def point():
    kind = random.randrange(12)
    if kind == 0:
        return random.choice(shared)
    if kind == 1:
        return (name(), number())
    pair = random.choice([tuple, list])
    return pair([name(), pair([number(), number()])])

for protocol in range(6):
    for size in [0, 1, 2, 3, 5, 30, 1500]:
        body = [point() for _ in range(size)]
        if size:
            body.append(random.choice(body))
        if random.randrange(4) == 0:
            body = tuple(body)
        data = pickle.dumps(body, protocol=protocol)
        print(data.hex(), json.dumps(list(points(data))))
"#;

#[test]
fn points_are_those_that_carbon_reads() {
    let Some(python) = peers::python() else { return };
    for seed in ["1", "2"] {
        let printed = output(Command::new(&python).args(["-c", FRAMES, seed]));
        let printed = String::from_utf8(printed.stdout).expect("UTF-8");
        let mut pickle = Pickle::default();
        for line in printed.lines() {
            let (hex, points) = line.split_once(' ').expect("two columns");
            let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
            let frame: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
            let expected: Vec<(String, Option<i64>, String)> = serde_json::from_str(points).expect("JSON");
            let expected: Vec<_> =
                expected.into_iter().map(|(name, at, value)| (name, at, value.parse().expect("a number"))).collect();
            let read = pickle.read(&frame).unwrap_or_else(|error| panic!("{error:?}: {}", frame.escape_ascii()));
            let read: Vec<(String, Option<i64>, f64)> =
                read.flatten().map(|point| (point.name.to_owned(), point.at, point.value)).collect();
            assert_eq!(read, expected, "{}", frame.escape_ascii());
        }
        assert_eq!(printed.lines().count(), 42);
    }
}
