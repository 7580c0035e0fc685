//! `kymo store import`: a tree of whisper files, taken in as it is. A file that cannot be read is named and left out.

use super::{DataArgs, RulesArgs, say};
use crate::clock;
use crate::command::whisper::walk::{is_whisper, walk};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use statsd_agent::listen::socket::raise_descriptor_limit;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;
use std::thread;
use tsdb::whisper::{self, WholeFile};
use tsdb::{Error, Imported, Rollup, Rules, Store, name};

/// What `import` takes.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// The tree of whisper files, compressed ones too
    #[arg(value_name = "TREE")]
    tree: PathBuf,
    /// Write a storage-aggregation.conf that gives every name its file's method and x-files factor
    #[arg(long, value_name = "FILE")]
    write_aggregation: Option<PathBuf>,
    #[command(flatten)]
    rules: RulesArgs,
    #[command(flatten)]
    data: DataArgs,
}

/// Files that are read ahead of what is being written.
const AHEAD: usize = 64;
/// A storage-aggregation.conf that `serve` still reads.
const AGGREGATION_BYTES_MAX: usize = 1 << 20;

/// What became of the files.
#[derive(Default)]
struct Outcome {
    left_out: u64,
    /// Tagged series whose files do not say their tags.
    hashed: u64,
    /// Names whose files say otherwise than the rules.
    unlike: Vec<(String, Rollup, f32)>,
    /// Files whose method whisper has not.
    foreign: u64,
    /// Archives that nothing new would get.
    other_retention: u64,
}

pub fn run(args: &ImportArgs) -> Result<ExitCode> {
    ensure!(args.tree.is_dir(), "{} is not a folder", args.tree.display());
    // Hundreds of segments are written side by side; with fewer descriptors it takes longer.
    let _ = raise_descriptor_limit();
    let rules = args.data.rules(&args.rules)?;
    let mut store = args.data.open_or_make(&args.rules)?;
    let now = clock::now();
    let mut import = store.import(now);
    let mut outcome = Outcome::default();
    thread::scope(|scope| {
        let (files, read) = sync_channel(AHEAD);
        scope.spawn(move || {
            walk(&args.tree, |_, paths| {
                let mut paths: Vec<&PathBuf> = paths.iter().filter(|path| is_whisper(path)).collect();
                paths.sort();
                for path in paths {
                    // Nobody receives any more after an error.
                    files.send((path.clone(), whisper::read_whole(path)))?;
                }
                Ok(())
            })
        });
        for (path, whole) in read {
            let added = whole.and_then(|whole| {
                let name = name_of(&path, &args.tree)?;
                let WholeFile { retention, rollup, x_files_factor, archives } = &whole;
                let (rollup, x_files_factor) = (*rollup, *x_files_factor);
                import.add(&Imported { name: &name, retention, rollup, x_files_factor, archives })?;
                outcome.note(name, &whole, &rules);
                Ok(())
            });
            match added {
                Err(error) if error.is_full() => return Err(error),
                Err(error) => {
                    outcome.left_out += 1;
                    eprintln!("{}: {}", path.display(), error.chain());
                }
                Ok(()) => {}
            }
        }
        Ok(())
    })?;
    let series = import.finish()?;
    store.upkeep(now)?;
    outcome.tell(series, args);
    if let Some(path) = &args.write_aggregation {
        outcome.write_aggregation(&rules, path)?;
    }
    Ok(if outcome.left_out == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The name that a file's place in the tree gives it.
fn name_of(path: &Path, tree: &Path) -> Result<String, Error> {
    let below = path.strip_prefix(tree).unwrap_or(path);
    let why = || Error::Corrupt { path: path.to_owned(), why: "no series can have the name of its place".to_owned() };
    name::of_path(below).ok_or_else(why)
}

impl Outcome {
    fn note(&mut self, name: String, whole: &WholeFile, rules: &Rules) {
        let settings = rules.settings(&name);
        self.other_retention += u64::from(*settings.retention != whole.retention);
        self.hashed += u64::from(name.starts_with("_tagged."));
        let factor = whole.x_files_factor as f32;
        match whole.rollup {
            None => self.foreign += 1,
            // The file holds 32 bits of the factor.
            Some(rollup) if rollup != settings.rollup || factor != settings.x_files_factor as f32 => {
                self.unlike.push((name, rollup, factor));
            }
            Some(_) => {}
        }
    }

    fn tell(&self, series: u64, args: &ImportArgs) {
        say(&format!("{series} series imported, {} files left out", self.left_out));
        if self.hashed > 0 {
            say(&format!(
                "{} tagged series lie under a hash alone; they are found by that, and by their whole name",
                self.hashed
            ));
        }
        if self.other_retention > 0 {
            say(&format!("{} series keep other archives than the rules give to new ones", self.other_retention));
        }
        if self.foreign > 0 {
            say(&format!(
                "{} files have a method that only go-whisper knows; what is rolled up anew follows the rules",
                self.foreign
            ));
        }
        if !self.unlike.is_empty() {
            say(&format!(
                "{} files have another method or x-files factor than the rules, which decide what is rolled up anew:",
                self.unlike.len()
            ));
            let mut counts = std::collections::BTreeMap::new();
            for (_, rollup, factor) in &self.unlike {
                *counts.entry(format!("{rollup}, {factor}")).or_insert(0_u64) += 1;
            }
            for (which, count) in counts {
                say(&format!("  {count} of {which}"));
            }
            if args.write_aggregation.is_none() {
                say("  --write-aggregation FILE writes rules that agree with the files");
            }
        }
    }

    fn write_aggregation(&self, rules: &Rules, path: &Path) -> Result<()> {
        let names: Vec<(&str, Rollup, f32)> =
            self.unlike.iter().map(|(name, rollup, factor)| (name.as_str(), *rollup, *factor)).collect();
        let text = rules.aggregation_text(&names);
        if text.len() > AGGREGATION_BYTES_MAX {
            bail!(
                "{} names differ from the rules, more than one file may name: give the storage-aggregation.conf that the \
                 tree was written with as --storage-aggregation",
                names.len()
            );
        }
        fs::write(path, text).with_context(|| format!("write {}", path.display()))
    }
}
