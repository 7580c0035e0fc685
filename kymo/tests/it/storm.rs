//! Queries must not delay ingest: while every worker is kept busy and the line before them is full, each interval is flushed in its
//! time and every sample is in it.

use crate::running::Running;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Connections that ask without a pause: more than there are workers on any machine of the tests.
const ASKING: usize = 16;
const STORM: Duration = Duration::from_secs(6);

/// Each takes a worker as long as limits let it: hundreds of thousands of points through windows, texts and pictures.
const HEAVY: [&str; 3] = [
    "/render?format=json&maxDataPoints=10&noCache=1&from=-6d&target=movingMedian(randomWalk('a',2),100)",
    "/render?format=csv&noCache=1&from=-5d&target=sumSeries(randomWalk('a',1),randomWalk('b',1))",
    "/render?noCache=1&from=-8d&width=1000&height=500&target=randomWalk('a',1)&target=randomWalk('b',1)",
];

#[test]
fn flushes_keep_their_time_under_a_storm_of_queries() {
    let folder = tempfile::tempdir().expect("a folder");
    let kymo = Running::start(&folder.path().join("data"), &[]);
    let (sent, answered, over) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    kymo.send(&["storm.first:1|c"]);
    kymo.wait("stats.storm.first", |values| values.contains(&1.0));
    thread::scope(|scope| {
        let (kymo, sent, answered, over) = (&kymo, &sent, &answered, &over);
        for at in 0..ASKING {
            scope.spawn(move || {
                for round in at.. {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    let (status, _, body) = kymo.get(HEAVY[round % HEAVY.len()]);
                    // Who finds the line full or waits too long is told so.
                    assert!(status == 200 || status == 503, "{status}: {}", String::from_utf8_lossy(&body));
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        scope.spawn(move || {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
            let begun = Instant::now();
            while begun.elapsed() < STORM {
                socket.send_to(b"storm.sample:1|c\nstorm.other:2|c", kymo.statsd).expect("sent");
                sent.fetch_add(1, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(1));
            }
            over.store(true, Ordering::Relaxed);
        });
    });
    let sent = sent.into_inner() as f64;
    let counts = kymo.wait("stats_counts.storm.sample", |values| values.iter().sum::<f64>() >= sent);
    assert_eq!(counts.iter().sum::<f64>(), sent, "each sample once");
    // From the first interval with samples to the last none is missing, and none stood for two.
    let busy: Vec<f64> = counts.iter().copied().skip_while(|count| *count == 0.0).collect();
    let flushed = busy.iter().rposition(|count| *count > 0.0).map_or(0, |last| last + 1);
    assert!((STORM.as_secs() as usize..=STORM.as_secs() as usize + 2).contains(&flushed), "{counts:?}");
    assert!(busy[..flushed].iter().all(|count| *count > 0.0), "{counts:?}");
    let lags = kymo.values("stats.gauges.statsd.timestamp_lag");
    let longest = lags.iter().fold(0.0_f64, |longest, lag| longest.max(lag.abs()));
    println!(
        "storm: {} answers, {sent} datagrams, {flushed} flushes, a lag of {longest} s at most",
        answered.into_inner()
    );
    assert!(!lags.is_empty() && longest < 1.0, "an interval late: {lags:?}");
    assert_eq!(kymo.values("kymo.statsd.flushes_skipped.count").iter().sum::<f64>(), 0.0);
    assert!(kymo.stop("TERM"));
}
