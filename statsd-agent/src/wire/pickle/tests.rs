//! Frames written out by hand: what each protocol looks like, what is refused, and what a bomb costs.

use super::*;
use proptest::prelude::*;

/// The points of a frame as `name at value`, refused ones by their reason.
fn read(frame: &[u8]) -> Result<Vec<String>, PickleError> {
    let mut pickle = Pickle::default();
    let told = |point: Result<CarbonPoint<'_>, CarbonError>| match point {
        Ok(CarbonPoint { name, value, at }) => format!("{name} {at:?} {value}"),
        Err(error) => format!("{error:?}"),
    };
    pickle.read(frame).map(|points| points.map(told).collect())
}

fn check(frame: &[u8], points: &[&str]) {
    assert_eq!(read(frame).as_deref(), Ok(points.iter().map(ToString::to_string).collect::<Vec<_>>().as_slice()));
}

#[test]
fn reads_what_the_senders_write() {
    // statsd's, by the lines of its graphite backend.
    check(b"(l(S'a.b'\n(L1700000000L\nS'1.5'\ntta(S'c'\n(L-1L\nS'2'\ntta.", &["a.b Some(1700000000) 1.5", "c None 2"]);
    // Python's protocol 2, a float as timestamp, as carbon-relay writes it.
    let relay = b"\x80\x02]q\x00X\x03\x00\x00\x00a.bq\x01GA\xd9T\xfc@\x00\x00\x00K\x05\x86q\x02\x86q\x03a.";
    check(relay, &["a.b Some(1700000000) 5"]);
    // The same with protocol 4's frames, short texts and MEMOIZE, and a name used twice.
    let four = b"\x80\x04\x95\x1b\x00\x00\x00\x00\x00\x00\x00]\x94(\x8c\x01a\x94K\x07K\x05\x86\x94\x86\x94h\x01K\x08\x8a\x01\xff\x86\x94\x86\x94e.";
    check(four, &["a Some(7) 5", "a Some(8) -1"]);
    // Python 2's bytes, a list of lists, a tuple outside.
    check(b"\x80\x02U\x01a]K\x01aK\x02aK\x03\x85\x86\x85.", &["NotThreeFields"]);
    check(b"\x80\x02]]U\x01aa](K\x01K\x02eaa.", &["a Some(1) 2"]);
    check(b"((V\\u00e4\\U0001f600\xe4\n(I1\nF2.5\nttt.", &["ä😀ä Some(1) 2.5"]);
    check(b"(lp0\n(S'it\\'s\\x41'\np1\n(I1\nI01\ntp2\ntp3\nag3\na.", &["it'sA Some(1) 1", "it'sA Some(1) 1"]);
}

#[test]
fn judges_each_point_by_itself() {
    let point = |value: &str| [b"((S'a'\n(I1\n".as_slice(), value.as_bytes(), b"tt(S'b'\n(I1\nI1\nttl."].concat();
    let good = "b Some(1) 1";
    check(&point("S'nan'\n"), &["Nan", good]);
    check(&point("S' 1_0 '\n"), &["a Some(1) 10", good]);
    check(&point("S'x'\n"), &["BadValue", good]);
    check(&point("N"), &["BadValue", good]);
    check(&point("Finf\n"), &["a Some(1) inf", good]);
    check(&point("I1\nI1\n"), &["NotThreeFields", good]);
    check(
        b"((S'\\xff'\n(I1\nI1\ntt(I5\n(I1\nI1\ntt(S'a'\n(S'soon'\nI1\nttl.",
        &["NotThreeFields", "NotThreeFields", "BadTimestamp"],
    );
    check(b"(l.", &[]);
}

#[test]
fn builds_nothing_else() {
    use PickleError::{Forbidden, Malformed, NotAList, TooMany};
    for (frame, error) in [
        (b"cos\nsystem\n(S'true'\ntR.".as_slice(), Forbidden),
        (b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x94\x8c\x01x\x85R.", Forbidden),
        (b"(ios\nsystem\n.", Forbidden),
        (b"\x80\x02}q\x00.", Forbidden),
        (b"Pid\n.", Forbidden),
        (b"\x82\x01.", Forbidden),
        (b"K\x05.", NotAList),
        (b"S'a'\n.", NotAList),
        (b"", Malformed),
        (b"(l", Malformed),
        (b".", Malformed),
        (b"t.", Malformed),
        (b"(.", Malformed),
        (b"K\x01(a.", Malformed),
        (b"]K\x01K\x02(2.", Malformed),
        (b"h\x00.", Malformed),
        (b"K\x01(l0(q\x00.", Malformed),
        (b"L12x\n.", Malformed),
        (b"S'a\n.", Malformed),
        (b"S'\\q'\n.", Malformed),
        (b"V\\ud800\n.", Malformed),
        (b"V\\u12\n.", Malformed),
        (b"\xff.", Malformed),
        // Lengths that promise more than there is.
        (b"X\xff\xff\xff\xffabc.", Malformed),
        (b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc.", Malformed),
        (b"\x8b\xff\xff\xff\x7fabc.", Malformed),
        (b"]r\xff\xff\xff\xff.", TooMany),
        (b"]p99999999999\n.", TooMany),
        (b"]p-1\n.", Malformed),
    ] {
        assert_eq!(read(frame), Err(error), "{}", frame.escape_ascii());
    }
}

#[test]
fn bombs_go_off_quietly() {
    let depth = [vec![b']'; 500_000], vec![b'a'; 499_999], vec![b'.']].concat();
    assert_eq!(read(&depth).map(|points| points.len()), Ok(1), "nothing recurses");
    assert_eq!(read(&[vec![b']'; 1 << 20], vec![b'.']].concat()), Err(PickleError::TooMany));
    assert_eq!(read(&[vec![b'('; 65], vec![b'.']].concat()), Err(PickleError::TooMany));
    // Each list holds the one before it ten times; they are shared, so twenty levels are two hundred values.
    let mut laughs = b"\x80\x02]q\x00K\x01a".to_vec();
    for level in 1..=20 {
        laughs.extend([b']', b'q', level, b'(']);
        (0..10).for_each(|_| laughs.extend([b'h', level - 1]));
        laughs.push(b'e');
    }
    laughs.push(b'.');
    assert_eq!(read(&laughs).map(|points| points.len()), Ok(10));
    // A list that holds itself.
    check(b"]q\x00h\x00a.", &["NotThreeFields"]);
    let long = [b"((S'a'\n(I1\nL".to_vec(), vec![b'9'; 400_000], b"L\nttl.".to_vec()].concat();
    check(&long, &["a Some(1) inf"]);
    // A reader keeps no more than a healthy frame needs.
    let mut pickle = Pickle::default();
    assert!(pickle.read(&depth).is_ok() && pickle.read(b"(l.").is_ok());
    assert!(pickle.stack.capacity() <= KEPT && pickle.lists.capacity() <= KEPT && pickle.members.capacity() <= KEPT);
}

#[test]
fn integers_of_any_length_are_rounded_once() {
    let pow = |bits: usize, last: u8| [vec![0; bits / 8], vec![last]].concat();
    assert_eq!(number::little_endian(&[]), 0.0);
    assert_eq!(number::little_endian(&[0x80]), -128.0);
    assert_eq!(number::little_endian(&[0x80, 0]), 128.0);
    assert_eq!(number::little_endian(&1_700_000_000i64.to_le_bytes()), 1.7e9);
    assert_eq!(number::little_endian(&[0xff; 100_000]), -1.0);
    assert_eq!(number::little_endian(&pow(1016, 0x40)), 2f64.powi(1022));
    assert_eq!(number::little_endian(&pow(2048, 1)), f64::INFINITY);
    assert_eq!(number::little_endian(&pow(2048, 0x80)), f64::NEG_INFINITY);
    // 2^160 + 2^107 lies half way between two doubles, one more lies above.
    let mut tie = pow(160, 1);
    tie[13] = 8;
    assert_eq!(number::little_endian(&tie), 2f64.powi(160));
    tie[0] = 1;
    assert_eq!(number::little_endian(&tie), 2f64.powi(160) + 2f64.powi(108));
}

proptest! {
    #[test]
    fn any_bytes_are_points_or_a_reason(frame in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = read(&frame);
    }

    #[test]
    fn any_steps_are_points_or_a_reason(
        steps in proptest::collection::vec(proptest::sample::select(b"(012)t]lae\x85\x86\x87q\x00h\x01g1\np\n\x94K\x05N\x88S'a'\nU\x01b".as_slice()), 0..60)
    ) {
        let _ = read(&[steps.as_slice(), b"."].concat());
    }
}
