//! The slab store as a whole: a flush of a million series beside the same bytes written bare, new series, opening, memory,
//! sealed sizes, reads warm and cold beside whisper files, and a day on a simulated clock.

use crate::Size;
use crate::measure::{
    BYTES_PER_POINT, BYTES_PER_SERIES, MS_PER_FLUSH, MULTIPLE, Measured, PERCENT_OF_A_CORE, US_PER_FETCH, given,
};
use crate::slab::{disk_bytes, mixed};
use cpu_time::ProcessTime;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tsdb::{
    Point, Rules, SeriesId, SlabStore, Store, StoreLimits, SyncPolicy, Timestamp, WhisperStore, Window, is_gap,
};

/// A whole day, so that stretches begin here.
const BEGUN: i64 = 1_700_006_400;
const STEP: i64 = 10;
const DAY: i64 = 86_400;
const RETENTIONS: &str = "10s:7d,60s:30d,10m:1y";

fn rules() -> Rules {
    let schemas = format!("[all]\npattern = .*\nretentions = {RETENTIONS}\n");
    Rules::parse(Some((Path::new("schemas"), &schemas)), None).expect("rules")
}

fn open(folder: &Path, policy: SyncPolicy) -> SlabStore {
    let limits = StoreLimits { series: 4_000_000, ..StoreLimits::default() };
    SlabStore::open(folder, rules(), limits, policy).expect("opened")
}

/// Names as devices have them.
fn resolve(store: &dyn Store, kind: &str, count: usize) -> Vec<SeriesId> {
    let name = |i: usize| format!("fleet.{kind}.device{:05}.sensor{:02}.reading", i / 16, i % 16);
    (0..count).map(|i| store.resolve(&name(i)).expect("a name")).collect()
}

fn points(ids: &[SeriesId], at: i64, points: &mut Vec<Point>) {
    points.clear();
    // Odd, and the count is most often a power of two: neighbours come far apart.
    let stride = (0x9e37_79b1 % ids.len()) | 1;
    let spread = (0..ids.len()).map(|i| ids[i.wrapping_mul(stride) % ids.len()]);
    points.extend(spread.map(|series| Point { series, at: Timestamp(at), value: at as f64 }));
}

/// Bytes of this process that no file stands behind.
fn anonymous_bytes() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap_or("0");
    let kib: f64 = line.trim().trim_end_matches(" kB").trim().parse().unwrap_or(0.0);
    kib * 1024.0
}

fn millis(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}

/// A flush and the bare write of its bytes in turn.
fn flush(size: Size, series: usize) -> Vec<Measured> {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), SyncPolicy::Flush);
    let (before, mut batch) = (anonymous_bytes(), Vec::with_capacity(series));
    let ids = resolve(&store, "first", series);
    points(&ids, BEGUN, &mut batch);
    store.write(Timestamp(BEGUN), &batch);
    store.commit(Timestamp(BEGUN)).expect("committed");
    store.upkeep(Timestamp(BEGUN)).expect("upkeep");
    let held = (anonymous_bytes() - before - (series * (size_of::<Point>() + size_of::<SeriesId>())) as f64).max(0.0);
    let bare = File::options().write(true).create(true).truncate(false).open(folder.path().join("bare")).expect("made");
    rustix::fs::fallocate(&bare, rustix::fs::FallocateFlags::empty(), 0, ((size.rounds + 1) * series * 8) as u64)
        .expect("room");
    let bytes = vec![1u8; series * 8];
    let (mut wrote, mut whole, mut alone, mut amplified, mut cpu) = (vec![], vec![], vec![], vec![], vec![]);
    for round in 1..=size.rounds {
        let now = BEGUN + round as i64 * STEP;
        points(&ids, now, &mut batch);
        let disk = disk_bytes(folder.path());
        let (begun, spent) = (Instant::now(), ProcessTime::now());
        assert_eq!(store.write(Timestamp(now), &batch).dropped(), 0);
        wrote.push(millis(begun));
        store.commit(Timestamp(now)).expect("committed");
        whole.push(millis(begun));
        cpu.push(spent.elapsed().as_secs_f64() * 1e3);
        let after = disk_bytes(folder.path());
        amplified.extend(disk.zip(after).map(|(disk, after)| (after - disk) as f64 / (series * 8) as f64));
        let begun = Instant::now();
        for (i, piece) in bytes.chunks(512 << 10).enumerate() {
            bare.write_all_at(piece, (round * bytes.len() + (i * (512 << 10))) as u64).expect("written");
        }
        bare.sync_data().expect("synced");
        alone.push(millis(begun));
    }
    let ratios = whole.iter().zip(&alone).map(|(whole, alone)| whole / alone).collect();
    let mut all = vec![
        given("slab_store/flush_write", MS_PER_FLUSH, wrote),
        given("slab_store/flush_whole_with_sync", MS_PER_FLUSH, whole),
        given("slab_store/flush_cpu", MS_PER_FLUSH, cpu),
        given("slab_store/bare_write_with_sync", MS_PER_FLUSH, alone),
        given("slab_store/flush_against_bare", MULTIPLE, ratios),
        given("slab_store/flush_disk_bytes_per_value_byte", MULTIPLE, amplified),
        given("slab_store/memory", BYTES_PER_SERIES, vec![held / series as f64]),
    ];
    all.extend(create_and_open(size, folder.path(), store, series));
    all
}

/// A hundred thousand new series in one flush, and then the opening of a store with all names.
fn create_and_open(size: Size, folder: &Path, store: SlabStore, series: usize) -> Vec<Measured> {
    let (mut batch, mut created) = (Vec::new(), Vec::new());
    let now = BEGUN + (size.rounds as i64 + 1) * STEP;
    for round in 0..size.rounds.min(3) {
        let begun = Instant::now();
        let new = resolve(&store, &format!("new{round}"), size.units.div_ceil(2));
        points(&new, now, &mut batch);
        let report = store.write(Timestamp(now), &batch);
        assert_eq!((report.created as usize, report.dropped()), (new.len(), 0));
        store.commit(Timestamp(now)).expect("committed");
        created.push(millis(begun));
    }
    store.upkeep(Timestamp(now)).expect("upkeep");
    drop(store);
    let opened = (0..size.rounds.min(3)).map(|_| {
        let begun = Instant::now();
        let store = open(folder, SyncPolicy::Flush);
        assert!(store.series_count() > series);
        millis(begun)
    });
    vec![
        given("slab_store/new_series_in_one_flush", MS_PER_FLUSH, created),
        given("slab_store/open_with_all_names", MS_PER_FLUSH, opened.collect()),
    ]
}

/// Every file below a folder.
fn each_file(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(folder).expect("listed") {
        let path = entry.expect("listed").path();
        if path.is_dir() { each_file(&path, visit) } else { visit(&path) }
    }
}

fn sealed_bytes(folder: &Path) -> u64 {
    let mut bytes = 0;
    each_file(folder, &mut |path| {
        // Of the finest archive.
        let is_finest = path.parent().is_some_and(|parent| parent.ends_with("10s"));
        bytes += if is_finest { fs::metadata(path).expect("there").len() } else { 0 };
    });
    bytes
}

/// Takes every page of every file out of the page cache.
fn forget_pages(folder: &Path) {
    each_file(folder, &mut |path| {
        let file = File::open(path).expect("opened");
        file.sync_all().expect("synced");
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).expect("advised");
    });
}

/// Microseconds of a fetch from files that are in no cache; each round opens the store anew and asks for other series.
fn cold(
    rounds: usize,
    folder: &Path,
    open: &dyn Fn(&Path) -> Box<dyn Store>,
    ask: &dyn Fn(&dyn Store, usize),
) -> Vec<f64> {
    let round = |i: usize| {
        forget_pages(folder);
        let store = open(folder);
        let begun = Instant::now();
        ask(&*store, i);
        millis(begun) * 1e3
    };
    (0..rounds).map(round).collect()
}

/// Mixed series through a day: processor time of it all, sealed sizes, and reads.
struct DayOf {
    folder: TempDir,
    series: usize,
    names: Vec<String>,
    measured: Vec<Measured>,
}

impl DayOf {
    /// A day and two hours of flushes with sealing, then the merge.
    fn new(series: usize, hours: i64) -> DayOf {
        let folder = tempfile::tempdir().expect("a folder");
        let store = open(folder.path(), SyncPolicy::None);
        let ids = resolve(&store, "day", series);
        let names = ids.iter().filter_map(|id| Some(store.name(*id)?.to_string())).collect();
        let kinds: Vec<Vec<f64>> = (0..series.min(1000)).map(|i| mixed(i, (DAY / STEP) as usize)).collect();
        let of = |kind: &Vec<f64>, slots: usize| kind[..slots].iter().filter(|value| !is_gap(**value)).count();
        let points_of = |slots: usize| (0..series).map(|i| of(&kinds[i % kinds.len()], slots)).sum::<usize>();
        let (mut batch, mut spent, mut hourly) = (Vec::new(), vec![], vec![]);
        let (mut flushes, mut sealing) = (0.0, 0.0);
        for slot in 0..hours * 360 {
            let now = BEGUN + slot * STEP;
            let value = |i: usize| kinds[i % kinds.len()][slot as usize % kinds[0].len()];
            batch.clear();
            let all = ids.iter().enumerate().map(|(i, id)| Point { series: *id, at: Timestamp(now), value: value(i) });
            batch.extend(all.filter(|point| !is_gap(point.value)));
            let begun = ProcessTime::now();
            assert_eq!(store.write(Timestamp(now), &batch).dropped(), 0);
            store.commit(Timestamp(now)).expect("committed");
            let flushed = begun.elapsed().as_secs_f64();
            if slot % 6 == 5 {
                store.upkeep(Timestamp(now)).expect("upkeep");
            }
            let all = begun.elapsed().as_secs_f64();
            (flushes, sealing) = (flushes + flushed, sealing + all - flushed);
            spent.push(all);
            if slot == 23 * 360 + 60 {
                hourly = vec![sealed_bytes(folder.path()) as f64 / points_of(23 * 360) as f64];
            }
        }
        // Of a core that has the hour for it, were there a million of them.
        let share = |spent: f64| spent / hours as f64 / 3600.0 * 100.0 * 1e6 / series as f64;
        let (all, flushes, sealing) = (share(spent.iter().sum()), share(flushes), share(sealing));
        let mut measured = vec![
            given("slab_store/day_a_million_series", PERCENT_OF_A_CORE, vec![all]),
            given("slab_store/day_a_million_series_flushes", PERCENT_OF_A_CORE, vec![flushes]),
            given("slab_store/day_a_million_series_sealing", PERCENT_OF_A_CORE, vec![sealing]),
            given("slab_store/sealed_hourly", BYTES_PER_POINT, hourly),
        ];
        if hours >= 25 {
            let merged = folder.path().join("0_10-60480_60-43200_600-52560/10s");
            let is_merged = |path: &Path| path.to_string_lossy().contains("-8640-");
            let mut bytes = 0;
            each_file(&merged, &mut |path| {
                bytes += if is_merged(path) { fs::metadata(path).expect("there").len() } else { 0 }
            });
            let points = points_of((DAY / STEP) as usize);
            measured.push(given("slab_store/sealed_merged", BYTES_PER_POINT, vec![bytes as f64 / points as f64]));
        }
        DayOf { folder, series, names, measured }
    }

    /// Reads of an hour and a day.
    fn read(&mut self, size: Size, hours: i64) {
        let now = Timestamp(BEGUN + hours * 3600 - STEP);
        let window = |from: i64, secs: i64| Window { from: Timestamp(from), until: Timestamp(from + secs) };
        let (names, series) = (&self.names, self.series);
        let fetch = |store: &dyn Store, i: usize, window: Window| {
            let fetched = store.fetch(&names[i * 7919 % series], window, now).expect("readable").expect("there");
            assert!(!fetched.values.is_empty());
        };
        let open = |folder: &Path| Box::new(open(folder, SyncPolicy::None)) as Box<dyn Store>;
        let store = open(self.folder.path());
        let mut warm = |name, window: Window| {
            let round = |i: usize| {
                fetch(&*store, i, window);
                let begun = Instant::now();
                fetch(&*store, i, window);
                millis(begun) * 1e3
            };
            self.measured.push(given(name, US_PER_FETCH, (0..size.rounds * 10).map(round).collect()));
        };
        warm("slab_store/hour_warm", window(now.0 - 3600, 3600));
        warm("slab_store/day_warm", window(BEGUN, DAY - STEP));
        drop(store);
        let hour = window(BEGUN + (hours - 3).max(0) * 3600, 3600 - STEP);
        let day = window(BEGUN, DAY - STEP);
        let folder = self.folder.path();
        let figures = [
            ("slab_store/hour_cold_sealed", cold(size.rounds, folder, &open, &|store, i| fetch(store, i, hour))),
            ("slab_store/day_cold", cold(size.rounds, folder, &open, &|store, i| fetch(store, i, day))),
            (
                "slab_store/day_cold_1000_neighbours",
                cold(size.rounds.min(5), folder, &open, &|store, i| {
                    let first = i * 1000 % series.saturating_sub(1000).max(1);
                    let asked: Vec<&str> = names[first..].iter().take(1000).map(|name| &**name).collect();
                    assert!(store.fetch_many(&asked, day, now).iter().all(Result::is_ok));
                }),
            ),
        ];
        self.measured.extend(figures.map(|(name, values)| given(name, US_PER_FETCH, values)));
    }
}

/// The same work on whisper files, a file each: a flush, an hour and a day of one.
fn whisper(size: Size) -> Vec<Measured> {
    let folder = tempfile::tempdir().expect("a folder");
    let open = |folder: &Path| {
        Box::new(WhisperStore::open(folder, rules(), StoreLimits::default()).expect("opened")) as Box<dyn Store>
    };
    let store = open(folder.path());
    let ids = resolve(&*store, "files", size.names);
    let now = BEGUN + DAY;
    for id in &ids {
        let day: Vec<Point> = (0..DAY / STEP)
            .map(|slot| Point { series: *id, at: Timestamp(BEGUN + slot * STEP), value: slot as f64 })
            .collect();
        assert_eq!(store.write(Timestamp(now), &day).dropped(), 0);
    }
    let names: Vec<String> = ids.iter().filter_map(|id| Some(store.name(*id)?.to_string())).collect();
    let mut batch = Vec::new();
    let flushes = (0..size.rounds).map(|round| {
        let at = now + round as i64 * STEP;
        points(&ids, at, &mut batch);
        let begun = Instant::now();
        assert_eq!(store.write(Timestamp(at), &batch).dropped(), 0);
        millis(begun) * 1e3 / ids.len() as f64
    });
    let flushes = flushes.collect();
    let fetch = |store: &dyn Store, i: usize, secs: i64| {
        let window = Window { from: Timestamp(now - secs), until: Timestamp(now - STEP) };
        assert!(store.fetch(&names[i * 7919 % names.len()], window, Timestamp(now)).expect("readable").is_some());
    };
    let warm = (0..size.rounds * 10).map(|i| {
        fetch(&*store, i, 3600);
        let begun = Instant::now();
        fetch(&*store, i, 3600);
        millis(begun) * 1e3
    });
    let warm = warm.collect();
    drop(store);
    vec![
        given("slab_store/whisper_rust_update", crate::measure::US_PER_UPDATE, flushes),
        given("slab_store/whisper_rust_hour_warm", US_PER_FETCH, warm),
        given(
            "slab_store/whisper_rust_hour_cold",
            US_PER_FETCH,
            cold(size.rounds, folder.path(), &open, &|s, i| fetch(s, i, 3600)),
        ),
        given(
            "slab_store/whisper_rust_day_cold",
            US_PER_FETCH,
            cold(size.rounds, folder.path(), &open, &|s, i| fetch(s, i, DAY)),
        ),
    ]
}

/// The same with the original, where its virtual environment is: it prints microseconds of each.
fn original(size: Size) -> Vec<Measured> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/peers/venv/bin/python");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/whisper_bench.py");
    let folder = tempfile::tempdir().expect("a folder");
    let counts = [size.names.div_ceil(5), size.rounds].map(|count| count.to_string());
    let Ok(output) = std::process::Command::new(python).arg(script).arg(folder.path()).args(counts).output() else {
        return Vec::new();
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let figures = |wanted: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(wanted));
        line.unwrap_or_default().split_whitespace().filter_map(|word| word.parse().ok()).collect::<Vec<f64>>()
    };
    vec![
        given("slab_store/whisper_python_update", crate::measure::US_PER_UPDATE, figures("update ")),
        given("slab_store/whisper_python_hour_warm", US_PER_FETCH, figures("hour_warm ")),
        given("slab_store/whisper_python_hour_cold", US_PER_FETCH, figures("hour_cold ")),
        given("slab_store/whisper_python_day_cold", US_PER_FETCH, figures("day_cold ")),
    ]
}

/// A million series at full size; the day with four thousand, whose processor time is scaled to a million.
pub fn run(size: Size) -> Vec<Measured> {
    let mut all = flush(size, size.units.next_power_of_two() * 4);
    let hours = if size.rounds > 1 { 26 } else { 2 };
    let mut day = DayOf::new(size.names * 4, hours);
    day.read(size, hours);
    all.append(&mut day.measured);
    all.extend(whisper(size));
    all.extend(original(size));
    all
}

/// An hour of a million series at full size, each flush committed without waiting for the disk, then sealed: processor time
/// as a share of that hour, and the most memory at any time. Meant to be run alone, so that the memory is its own.
pub fn hour(size: Size) -> Vec<Measured> {
    let (series, slots) = (size.units.next_power_of_two() * 4, 364);
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), SyncPolicy::None);
    let ids = resolve(&store, "hour", series);
    let kinds: Vec<Vec<f64>> = (0..series.min(1000)).map(|i| mixed(i, slots)).collect();
    let (mut batch, mut flushes, mut peak) = (Vec::with_capacity(series), 0.0, 0f64);
    let own = |batch: &Vec<Point>| (batch.capacity() * size_of::<Point>() + ids.len() * size_of::<SeriesId>()) as f64;
    for slot in 0..slots {
        let now = BEGUN + slot as i64 * STEP;
        batch.clear();
        let all = ids.iter().zip(kinds.iter().cycle()).map(|(id, kind)| (*id, kind[slot]));
        let all = all.filter(|(_, value)| !is_gap(*value));
        batch.extend(all.map(|(series, value)| Point { series, at: Timestamp(now), value }));
        let begun = ProcessTime::now();
        assert_eq!(store.write(Timestamp(now), &batch).dropped(), 0);
        store.commit(Timestamp(now)).expect("committed");
        flushes += begun.elapsed().as_secs_f64();
        peak = peak.max(anonymous_bytes() - own(&batch));
    }
    let (begun, done) = (ProcessTime::now(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let watched = scope.spawn(|| {
            let mut peak = 0f64;
            while !done.load(Ordering::Relaxed) {
                peak = peak.max(anonymous_bytes() - own(&batch));
                std::thread::sleep(Duration::from_millis(5));
            }
            peak
        });
        store.upkeep(Timestamp(BEGUN + slots as i64 * STEP)).expect("upkeep");
        done.store(true, Ordering::Relaxed);
        peak = peak.max(watched.join().expect("watched"));
    });
    let sealing = begun.elapsed().as_secs_f64();
    let share = |secs: f64| vec![secs / 36.0];
    vec![
        given("slab_hour/flushes", PERCENT_OF_A_CORE, share(flushes)),
        given("slab_hour/sealing", PERCENT_OF_A_CORE, share(sealing)),
        given("slab_hour/memory_peak", BYTES_PER_SERIES, vec![peak / series as f64]),
    ]
}
