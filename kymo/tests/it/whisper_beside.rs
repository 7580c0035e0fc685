//! `kymo whisper` beside the real tools: both get the same files and arguments at the same time, and must print the same,
//! end with the same code and leave the same bytes. What differs on purpose is not asked here; docs/whisper.md lists it.

use crate::whisper_tools::{Told, kymo_whisper, subcommand};
use conformance::{Score, peers};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tsdb::Timestamp;
use tsdb::whisper::{self, CreateOptions};
use tsdb::{Retention, Rollup};

const NOW: i64 = 1_700_000_000;

/// Numbers that look random and are the same every time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// A folder with files to work on.
struct Bench {
    folder: tempfile::TempDir,
}

const RETENTIONS: [&str; 5] =
    ["60:8", "10:36,60:30,600:24", "10:6,60:5", "1:60,10:60,60:60", "10:12,20:12,120:10,1200:6"];

impl Bench {
    /// `a.wsp` and `b.wsp` of the same archives, `c.wsp` of others, and files that are no whisper files.
    fn new(random: &mut Random) -> Bench {
        let bench = Bench { folder: tempfile::tempdir().expect("a folder") };
        let shared = random.below(5) as usize;
        for (name, retention) in [("a", shared), ("b", shared), ("c", (shared + 1) % 5)] {
            bench.make(&format!("{name}.wsp"), RETENTIONS[retention], random);
        }
        fs::write(bench.path("empty.wsp"), b"").expect("written");
        fs::write(bench.path("junk.wsp"), b"no whisper file, but longer than a header would be").expect("written");
        bench
    }

    fn make(&self, name: &str, retention: &str, random: &mut Random) {
        let retention = Retention::parse(retention).expect("valid");
        let rollup = Rollup::ALL[random.below(8) as usize];
        let x_files_factor = random.below(4) as f64 / 4.0;
        let options = CreateOptions { x_files_factor, rollup, ..CreateOptions::default() };
        let path = self.path(name);
        whisper::create(&path, &retention, options).expect("made");
        let longest = retention.archives().iter().map(|archive| archive.retention_secs()).max().expect("one");
        let point = |_| {
            let value = [0.0, -0.0, 1e300, 0.1, f64::INFINITY, f64::NAN];
            let any = random.below(2000) as f64 / 8.0 - 100.0;
            let value = value.get(random.below(40) as usize).copied().unwrap_or(any);
            (Timestamp(NOW - random.below(longest as u64) as i64), value)
        };
        let points: Vec<_> = (0..60).map(point).collect();
        whisper::update_many(&path, &points, Timestamp(NOW)).expect("updated");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Every file with its bytes.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("listed") {
                let path = entry.expect("listed").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let bytes = fs::read(&path).expect("readable");
                    files.insert(path, bytes);
                }
            }
        }
        files
    }

    fn restore(&self, files: &BTreeMap<PathBuf, Vec<u8>>) {
        for path in self.files().into_keys().filter(|path| !files.contains_key(path)) {
            fs::remove_file(path).expect("removed");
        }
        for (path, bytes) in files {
            fs::write(path, bytes).expect("written");
        }
    }

    /// Both run on the same files; `Err` says what differs.
    fn compare(&self, tool: &str, args: &str, input: &str) -> Result<(), String> {
        let place = self.folder.path().to_str().expect("UTF-8");
        let args: Vec<OsString> = args.split('|').map(|arg| arg.replace("{}", place).into()).collect();
        let before = self.files();
        let expected = original(tool, &args, input);
        let files = self.files();
        self.restore(&before);
        let words: Vec<OsString> = std::iter::once(subcommand(tool).into()).chain(args.iter().cloned()).collect();
        let told = kymo_whisper(&words, input.as_bytes(), Timestamp(NOW));
        let ours = self.files();
        self.restore(&before);
        // The usage names the program, and the program is another.
        let usage = |out: &str| out.starts_with("Usage:") || out.contains("\n\nUsage:") || out.starts_with("usage:");
        let same_out = told.out == expected.out || usage(&told.out) && usage(&expected.out);
        if !same_out || told.exit != expected.exit {
            return Err(format!("{tool} {args:?}\n ours {told:?}\n original {expected:?}"));
        }
        let differing: Vec<_> = files.iter().filter(|(path, bytes)| ours.get(*path) != Some(bytes)).collect();
        if ours.len() != files.len() || !differing.is_empty() {
            let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
            return Err(format!("{tool} {args:?}: the files differ: {:?}, {:?}", names(&ours), names(&files)));
        }
        Ok(())
    }
}

fn original(tool: &str, args: &[OsString], input: &str) -> Told {
    let run_at = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance/peers/run_at.py");
    let python = peers::python().expect("looked for before");
    let scripts = python.parent().expect("a folder");
    let path = format!("{}:{}", scripts.display(), std::env::var("PATH").unwrap_or_default());
    let mut process = Command::new(&python)
        .args(["-W", "ignore"])
        .arg(run_at)
        .arg(NOW.to_string())
        .arg(scripts.join(tool))
        .args(args)
        .env("PATH", path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python runs");
    // One that does not read its input is done before.
    let _ = process.stdin.take().expect("piped").write_all(input.as_bytes());
    let output = process.wait_with_output().expect("waited for");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let exit = output.status.code().and_then(|code| u8::try_from(code).ok()).expect("an exit code");
    Told { exit, out: text(output.stdout), err: text(output.stderr) }
}

/// Calls of every tool; `|` parts arguments, `{}` is the folder.
const CALLS: &[(&str, &[&str])] = &[
    (
        "whisper-create.py",
        &[
            "{}/new.wsp|60:10",
            "{}/new.wsp|10s:1m|60:1h|--xFilesFactor=0.3|--aggregationMethod|max",
            "--sparse|{}/new.wsp|1h:2d",
            "{}/new.wsp|--fallocate|1h:2d|1d:1y",
            "{}/new.wsp|1h:2d|--xFiles|0.25|--agg=sum",
            "{}/a.wsp|60:10",
            "{}/a.wsp|60:10|--overwrite",
            "{}/a.wsp|60:10|60:20|--overwrite",
            "{}/new.wsp|60:10|90:100",
            "{}/new.wsp|60:10,600:10",
            "{}/new.wsp|6x:10",
            "{}/new.wsp|60",
            "{}/new.wsp",
            "{}/no/folder.wsp|60:10",
            "--xFilesFactor=x|{}/new.wsp|60:10",
            "--nonsense|{}/new.wsp|60:10",
            "--estimate|60:1440",
            "--estimate|10s:6h,1m:7d,10m:5y",
            "10s:6h|--estimate|1m:7d",
            "--estimate|1s:100y|bad",
            "--estimate",
        ],
    ),
    (
        "whisper-update.py",
        &[
            "{}/a.wsp|1700000000:7",
            "{}/a.wsp|N:7.5",
            "{}/a.wsp|N:1|1699999940:-3e2|1699999000:nan|1600000000:1",
            "{}/a.wsp|1700000001:7",
            "{}/a.wsp|1600000000:7",
            "{}/a.wsp|1699999990.5:7",
            "{}/a.wsp|1699999990",
            "{}/a.wsp|1699999990:7:8",
            "{}/a.wsp|1_699_999_990: 7_0 ",
            "{}/a.wsp|1699999990:seven",
            "{}/a.wsp|-5:1",
            "{}/missing.wsp|N:7",
            "{}/junk.wsp|N:7",
            "{}/a.wsp|1700000050:7|1700000060:8",
        ],
    ),
    (
        "whisper-fetch.py",
        &[
            "{}/a.wsp",
            "--from=1699999521|{}/a.wsp",
            "{}/a.wsp|--from|1699999900|--until|1699999960",
            "{}/a.wsp|--from=1699999900|--json",
            "{}/a.wsp|--json",
            "{}/a.wsp|--pretty",
            "{}/a.wsp|--pretty|-t|%c|--from=1699999900",
            "{}/a.wsp|--pretty|--time-format=%Y-%m-%d %H:%M:%S %Z %j %-d %Q %f %% %x %X|--from=1699999900",
            "{}/a.wsp|-t%s|--pretty|--from=1699999900",
            "{}/a.wsp|--drop=nulls",
            "{}/a.wsp|--drop|zeroes|--json",
            "{}/a.wsp|--drop=empty",
            "{}/a.wsp|--drop=all",
            "{}/a.wsp|--from=1700000001",
            "{}/a.wsp|--until=1600000000|--from=1500000000",
            "{}/a.wsp|--until=1600000000",
            "{}/a.wsp|--from=1699999999|--until=1699999999",
            "{}/a.wsp|--from=0x6553f0d0|--until=1699999960|--from=1699999930",
            "{}/a.wsp|--from=-100",
            "{}/a.wsp|--from=1e9",
            "{}/a.wsp|{}/b.wsp",
            "{}/missing.wsp",
            "{}/empty.wsp",
        ],
    ),
    (
        "whisper-info.py",
        &[
            "{}/a.wsp",
            "--json|{}/a.wsp",
            "{}/a.wsp|archives",
            "{}/a.wsp|xFilesFactor|--json",
            "{}/a.wsp|fileSize|more",
            "{}/a.wsp|nope",
            "{}/missing.wsp",
            "{}/junk.wsp",
            "--json",
        ],
    ),
    (
        "whisper-dump.py",
        &[
            "{}/a.wsp",
            "-r|{}/a.wsp",
            "{}/a.wsp|--raw",
            "{}/a.wsp|--pretty",
            "--pretty|-t|%H:%M|{}/a.wsp",
            "{}/missing.wsp",
            "{}/empty.wsp",
            "{}/a.wsp|{}/b.wsp",
        ],
    ),
    (
        "whisper-resize.py",
        &[
            "{}/a.wsp|10s:1h|1m:1d",
            "{}/a.wsp|60:300|--nobackup",
            "{}/a.wsp|60:300|--aggregate",
            "{}/a.wsp|1s:2m|10s:30m|60s:2h|--aggregate|--aggregationMethod=sum|--xFilesFactor=0.1",
            "{}/a.wsp|30s:1h|5m:1d|1h:7d|--xFilesFactor|0.25|--force",
            "{}/a.wsp|60:300|--newfile={}/other.wsp",
            "{}/a.wsp|60:300|--newfile={}/b.wsp",
            "{}/a.wsp|60:300|--newfile|{}/other.wsp|--aggregate",
            "{}/a.wsp|60:10|90:10",
            "{}/a.wsp|bad",
            "{}/a.wsp",
            "{}/missing.wsp|60:10",
            "{}/junk.wsp|60:10",
        ],
    ),
    (
        "whisper-merge.py",
        &[
            "{}/a.wsp|{}/b.wsp",
            "{}/a.wsp|{}/b.wsp|--from=1699999900",
            "{}/a.wsp|{}/b.wsp|--until=1699999900",
            "{}/a.wsp|--from=1699999900|{}/b.wsp|--until|1699999960|{}/ignored",
            "{}/a.wsp|{}/b.wsp|--from=1699999960|--until|1699999900",
            "{}/a.wsp|{}/c.wsp",
            "{}/a.wsp|{}/missing.wsp",
            "{}/a.wsp|{}/junk.wsp",
            "{}/a.wsp",
        ],
    ),
    (
        "whisper-fill.py",
        &[
            "{}/a.wsp|{}/b.wsp",
            "--lock|{}/a.wsp|{}/b.wsp",
            "{}/a.wsp|{}/c.wsp",
            "{}/c.wsp|{}/a.wsp",
            "{}/a.wsp|{}/missing.wsp",
            "{}/a.wsp|{}/junk.wsp",
            "{}/a.wsp",
        ],
    ),
    (
        "whisper-diff.py",
        &[
            "{}/a.wsp|{}/b.wsp",
            "{}/a.wsp|{}/b.wsp|--ignore-empty",
            "{}/a.wsp|{}/b.wsp|--columns",
            "{}/a.wsp|{}/b.wsp|--columns|--no-headers",
            "{}/a.wsp|{}/b.wsp|--no-headers",
            "{}/a.wsp|{}/b.wsp|--summary",
            "{}/a.wsp|{}/b.wsp|--summary|--columns|--no-headers",
            "{}/a.wsp|{}/b.wsp|--json",
            "{}/a.wsp|{}/b.wsp|--json|--summary",
            "{}/a.wsp|{}/a.wsp|--json",
            "{}/a.wsp|{}/b.wsp|--until=1699999960",
            "{}/a.wsp|{}/b.wsp|--until=0|--summary",
            "{}/a.wsp|{}/c.wsp",
            "{}/a.wsp|{}/missing.wsp",
            "{}/a.wsp",
        ],
    ),
    (
        "whisper-set-aggregation-method.py",
        &[
            "{}/a.wsp|max",
            "{}/a.wsp|avg_zero|0.75",
            "{}/a.wsp|absmin|0.1|ignored",
            "{}/a.wsp|median",
            "{}/a.wsp|max|2",
            "{}/a.wsp|max|x",
            "{}/a.wsp",
            "{}/missing.wsp|max",
            "{}/junk.wsp|max",
        ],
    ),
    (
        "whisper-set-xfilesfactor.py",
        &[
            "{}/a.wsp|0.1",
            "{}/a.wsp|1",
            "{}/a.wsp|-0.5",
            "{}/a.wsp|x",
            "{}/a.wsp",
            "{}/missing.wsp|0.5",
            "{}/junk.wsp|0",
        ],
    ),
    (
        "whisper-auto-update.py",
        &[
            "{}/a.wsp",
            "{}/a.wsp|--from=1699999900",
            "{}/a.wsp|--from=1699999900|--until=1699999960|--pretty",
            "{}/a.wsp|--from=1700000001",
            "{}/missing.wsp",
            "--pretty",
        ],
    ),
    (
        "find-corrupt-whisper-files.py",
        &["{}", "{}|--verbose", "--delete-corrupt|{}", "{}/a.wsp", "--verbose", "{}|{}|--verb|--delete"],
    ),
];

#[test]
fn every_tool_beside_the_original() {
    if peers::script("whisper-info.py").is_none() {
        return;
    }
    let mut score = Score::default();
    let mut random = Random(7);
    let rounds = if std::env::var_os("SLOW_TESTS").is_some() { 20 } else { 1 };
    for round in 0..rounds {
        for (tool, calls) in CALLS {
            let bench = Bench::new(&mut random);
            for args in *calls {
                score.note(&format!("round {round}"), bench.compare(tool, args, ""));
            }
        }
    }
    score.finish("whisper tools beside the originals");
}

#[test]
fn points_from_standard_input() {
    if peers::script("whisper-update.py").is_none() {
        return;
    }
    let bench = Bench::new(&mut Random(8));
    let mut score = Score::default();
    for input in ["", "N:1\n", "1699999940:2\nN:3\r\n1699999990:4", "\n", "N:1\n\n", "N:x\n"] {
        score.note(&format!("{input:?}"), bench.compare("whisper-update.py", "{}/a.wsp", input));
    }
    score.finish("whisper-update from standard input");
}

/// Windows, options and points at random.
#[test]
fn random_calls_beside_the_original() {
    if peers::script("whisper-info.py").is_none() {
        return;
    }
    let mut score = Score::default();
    let mut random = Random(9);
    let rounds = if std::env::var_os("SLOW_TESTS").is_some() { 600 } else { 40 };
    for _ in 0..rounds {
        let bench = Bench::new(&mut random);
        let mut time = || NOW - random.below(4000) as i64 + 100;
        let (from, until) = (time(), time());
        let tool = random.pick(&["fetch", "merge", "diff", "fill", "resize", "update", "auto-update"]);
        let window = format!("--from={from}|--until={until}");
        let step = [1, 5, 10, 60, 120][random.below(5) as usize];
        let retentions = format!("{step}:{}|{}:{}", 10 + random.below(90), step * 10, 50 + random.below(90));
        let args = match tool {
            "fetch" => format!("{{}}/a.wsp|{window}{}", random.pick(&["", "|--json", "|--drop=empty", "|--pretty"])),
            "merge" => format!("{{}}/a.wsp|{{}}/b.wsp|{window}"),
            "diff" => format!(
                "{{}}/a.wsp|{{}}/b.wsp|--until={}{}",
                until.min(NOW),
                random.pick(&["", "|--json", "|--summary", "|--ignore-empty"])
            ),
            "fill" => format!("{{}}/{}.wsp|{{}}/{}.wsp", random.pick(&["a", "c"]), random.pick(&["b", "c"])),
            "resize" => format!("{{}}/a.wsp|{retentions}{}", random.pick(&["", "|--aggregate", "|--nobackup"])),
            "update" => format!("{{}}/a.wsp|{from}:{}|{until}:2.5|N:{}", random.below(99), random.below(99)),
            _ => format!("{{}}/a.wsp|--from={}", from.min(NOW)),
        };
        score.note(tool, bench.compare(&format!("whisper-{tool}.py"), &args, ""));
    }
    score.finish("random calls of the whisper tools");
}

#[test]
fn auto_resize_beside_the_original() {
    if peers::script("whisper-auto-resize.py").is_none() {
        return;
    }
    let bench = Bench::new(&mut Random(10));
    for file in ["b.wsp", "c.wsp", "empty.wsp", "junk.wsp"] {
        fs::remove_file(bench.path(file)).expect("removed");
    }
    fs::create_dir_all(bench.path("data/deep")).expect("made");
    fs::create_dir_all(bench.path("conf")).expect("made");
    fs::rename(bench.path("a.wsp"), bench.path("data/deep/a.wsp")).expect("moved");
    let mut random = Random(11);
    bench.make("data/kept.wsp", "60:8", &mut random);
    bench.make("data/wide.wsp", "10:36,60:30,600:24", &mut random);
    let schemas = "[kept]\npattern = ^kept$\nretentions = 60:8\n[all]\npattern = .*\nretentions = 10s:2m,1m:1h\n";
    fs::write(bench.path("conf/storage-schemas.conf"), schemas).expect("written");
    let aggregation = "[all]\npattern = wide\nxFilesFactor = 0.25\naggregationMethod = sum\n";
    fs::write(bench.path("conf/storage-aggregation.conf"), aggregation).expect("written");
    let calls = [
        ("{}/data|{}/conf", ""),
        ("{}/data|{}/conf|-q", ""),
        ("{}/data/|{}/conf|--doit|-q", ""),
        ("{}/data|{}/conf|--doit|-x|--nobackup --aggregate", ""),
        ("{}/data|{}/conf|--subdir={}/data/deep|--doit", ""),
        ("{}/data|{}/conf|--subdir|{}/data/wide.wsp|--extra_args=--nobackup|--doit", ""),
        ("{}/data|{}/conf|--confirm", "maybe\nYes\nn\ny\n"),
        ("{}/data|{}/conf|--confirm|-q", "no\nN\nno\n"),
        ("{}/data|{}/conf|--confirm", "n\n"),
        ("{}/data|{}/conf|--doit|-x|--nonsense", ""),
        ("{}/nowhere|{}/conf", ""),
        ("{}/data", ""),
        ("{}/data|{}/nowhere", ""),
    ];
    let mut score = Score::default();
    for (args, input) in calls {
        score.note(args, bench.compare_resizing(args, input));
    }
    score.finish("whisper-auto-resize beside the original");
}

impl Bench {
    /// The original starts whisper-resize.py at the machine's time, and names it where ours names itself.
    fn compare_resizing(&self, args: &str, input: &str) -> Result<(), String> {
        let place = self.folder.path().to_str().expect("UTF-8");
        let args: Vec<OsString> = args.split('|').map(|arg| arg.replace("{}", place).into()).collect();
        let before = self.files();
        let mut expected = original("whisper-auto-resize.py", &args, input);
        let names: Vec<_> = self.files().into_iter().map(|(path, bytes)| (path, bytes.len())).collect();
        self.restore(&before);
        let words: Vec<OsString> = std::iter::once("auto-resize".into()).chain(args.iter().cloned()).collect();
        let mut told = kymo_whisper(&words, input.as_bytes(), Timestamp(NOW));
        let ours: Vec<_> = self.files().into_iter().map(|(path, bytes)| (path, bytes.len())).collect();
        self.restore(&before);
        // The original's own lines may come after those of the programs that it starts; aggregation prints its times.
        let resizer = format!("['{}', ", peers::script("whisper-resize.py").expect("there").display());
        let lines = |out: &str| {
            let out = out.replace("['kymo', 'whisper', 'resize', ", "[").replace(&resizer, "[");
            let times = |line: &&str| ["oldtimestamps", "(", "timepoints"].iter().any(|start| line.starts_with(start));
            let mut lines: Vec<String> = out.lines().filter(|line| !times(line)).map(String::from).collect();
            lines.sort();
            lines
        };
        let usage = |out: &str| out.starts_with("Usage:") || out.contains("\n\nUsage:");
        let same = lines(&told.out) == lines(&expected.out) || usage(&told.out) && usage(&expected.out);
        if same && told.exit == expected.exit && ours == names {
            return Ok(());
        }
        (told.out, expected.out) = (lines(&told.out).join("\n"), lines(&expected.out).join("\n"));
        Err(format!("ours {told:?} {ours:?}\n original {expected:?} {names:?}"))
    }
}
