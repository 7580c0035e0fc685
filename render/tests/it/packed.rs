//! Pickles and messages as Python and graphite-web read them: numbers at every edge between two forms, texts of every length.

use conformance::peers;
use render::encode::{MsgPack, Packed, Pickle};
use std::io::Write;
use std::process::{Command, Stdio};

const INTEGERS: [i64; 25] = [
    0,
    1,
    127,
    128,
    255,
    256,
    65_535,
    65_536,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    i64::MAX,
    -1,
    -32,
    -33,
    -128,
    -129,
    -32_768,
    -32_769,
    -0x8000_0000,
    -0x8000_0001,
    i64::MIN,
    1_712_068_643,
    -7,
];
const FLOATS: [f64; 8] = [0.0, -0.0, 1.5, 1e300, 5e-324, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
const LENGTHS: [usize; 8] = [0, 1, 31, 32, 255, 256, 65_535, 65_536];

fn everything(out: &mut impl Packed) {
    out.begin_map(7);
    out.text("integers");
    out.begin_list(INTEGERS.len());
    INTEGERS.iter().for_each(|&value| out.integer(value));
    out.end_list();
    out.text("floats");
    out.begin_list(FLOATS.len());
    FLOATS.iter().for_each(|&value| out.float(value));
    out.end_list();
    out.text("texts");
    out.begin_list(LENGTHS.len());
    LENGTHS.iter().for_each(|&bytes| out.text(&"x".repeat(bytes)));
    out.end_list();
    out.text("lists");
    out.begin_list(4);
    for items in [0, 15, 16, 65_536] {
        out.begin_list(items);
        (0..items).for_each(|_| out.nothing());
        out.end_list();
    }
    out.end_list();
    out.text("map");
    out.begin_map(16);
    for key in 0..16 {
        out.text(&format!("ü{key}"));
        out.boolean(key % 2 == 0);
    }
    out.end_map();
    out.text("none");
    out.nothing();
    out.text("empty");
    out.begin_map(0);
    out.end_map();
    out.end_map();
}

const CHECK: &str = "
import sys, pickle
from graphite import umsgpack
read = {'pickle': pickle.loads, 'msgpack': umsgpack.loads}[sys.argv[1]]
got = read(sys.stdin.buffer.read())
integers = [int(text) for text in sys.argv[2].split(',')]
assert got['integers'] == integers, got['integers']
assert [repr(f) for f in got['floats']] == ['0.0', '-0.0', '1.5', '1e+300', '5e-324', 'inf', '-inf', 'nan'], got['floats']
assert [len(t) for t in got['texts']] == [0, 1, 31, 32, 255, 256, 65535, 65536]
assert [len(l) for l in got['lists']] == [0, 15, 16, 65536] and set(got['lists'][3]) == {None}
assert got['map'] == {'\\u00fc%d' % k: k % 2 == 0 for k in range(16)}, got['map']
assert got['none'] is None and got['empty'] == {} and len(got) == 7
";

#[test]
fn python_reads_what_is_written() {
    let Some(python) = peers::python() else { return };
    let mut pickle = Pickle::new(0);
    everything(&mut pickle);
    let mut msgpack = MsgPack::new(0);
    everything(&mut msgpack);
    let integers = INTEGERS.map(|value| value.to_string()).join(",");
    for (format, bytes) in [("pickle", pickle.finish()), ("msgpack", msgpack.finish())] {
        let mut command = Command::new(&python);
        let command = command.args(["-c", CHECK, format, &integers]).stdin(Stdio::piped());
        let mut child = command.spawn().expect("python starts");
        child.stdin.take().expect("a pipe").write_all(&bytes).expect("python reads");
        assert!(child.wait().expect("python ends").success(), "{format}");
    }
}
