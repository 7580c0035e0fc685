//! whisper-auto-resize.py: compares every file of a tree with carbon's rules and resizes those that differ; asked to, it
//! asks before each.

use super::resize::{self, ResizeArgs};
use super::walk::{is_whisper, walk};
use super::{Console, python, shell_words};
use anyhow::{Context, Result, bail};
use clap::{Args, FromArgMatches};
use std::fs;
use std::path::{Component, Path, PathBuf};
use tsdb::whisper::{self, Header};
use tsdb::{Rules, Settings};

/// What `auto-resize` takes.
#[derive(Args, Debug)]
pub struct AutoResizeArgs {
    /// The folder of the whisper files, and the folder of carbon's configuration
    #[arg(value_name = "storagePath configPath")]
    paths: Vec<PathBuf>,
    /// Resize, in place of only telling what would be resized
    #[arg(long)]
    doit: bool,
    /// Do not tell what is resized and why
    #[arg(short, long)]
    quiet: bool,
    /// Look only at this folder or file below storagePath
    #[arg(long)]
    subdir: Option<PathBuf>,
    /// Taken for the sake of scripts: carbon's rules are built in
    #[arg(long)]
    carbonlib: Option<String>,
    /// Taken for the sake of scripts: whisper is built in
    #[arg(long)]
    whisperlib: Option<String>,
    /// Ask before each file
    #[arg(long)]
    confirm: bool,
    /// Further arguments for each `resize`
    #[arg(short = 'x', long = "extra_args", default_value = "", allow_hyphen_values = true)]
    extra_args: String,
}

/// What the original keeps in its global variables.
struct Resizer<'a> {
    args: &'a AutoResizeArgs,
    rules: Rules,
    storage: String,
    /// A confirmation decides about all later files too, as long as none else is asked for.
    doit: bool,
}

/// The files could not all be resized; it was told.
#[derive(Debug, thiserror::Error)]
#[error("a file could not be resized")]
struct Stopped;

pub fn run(args: &AutoResizeArgs, console: &mut Console<'_>) -> Result<u8> {
    let [storage, config, ..] = &args.paths[..] else { return console.help("auto-resize") };
    let rules = read_rules(config)?;
    let storage_prefix = format!("{}/", normal(storage).display());
    let mut resizer = Resizer { args, rules, storage: storage_prefix, doit: args.doit };
    let process = args.subdir.as_ref().unwrap_or(storage);
    let done = if process.is_file() && is_whisper(process) {
        resizer.process(process, console)
    } else {
        walk(process, |_, files| {
            files.iter().filter(|file| is_whisper(file)).try_for_each(|file| resizer.process(file, console))
        })
    };
    match done {
        Err(error) if error.is::<Stopped>() => Ok(1),
        done => done.map(|()| 0),
    }
}

/// Carbon's rules. Without aggregation rules everything is averaged, as under carbon.
fn read_rules(config: &Path) -> Result<Rules> {
    let schemas = config.join("storage-schemas.conf");
    let text = fs::read_to_string(&schemas).with_context(|| format!("read {}", schemas.display()))?;
    let aggregation = config.join("storage-aggregation.conf");
    let aggregation_text = fs::read_to_string(&aggregation).unwrap_or_default();
    Ok(Rules::parse(Some((&schemas, &text)), Some((&aggregation, &aggregation_text)))?)
}

impl Resizer<'_> {
    fn process(&mut self, file: &Path, console: &mut Console<'_>) -> Result<()> {
        let header = whisper::info(file)?.with_context(|| format!("open {}", file.display()))?;
        let path = file.to_string_lossy().into_owned();
        let metric = path.replace(&self.storage, "").replace(".wsp", "").replace('/', ".");
        let settings = self.rules.settings(&metric);
        let reasons = reasons(&metric, &header, &settings);
        if reasons.is_empty() {
            return Ok(());
        }
        let mut words = vec![path];
        words.extend(shell_words::split(&self.args.extra_args)?);
        words.push(format!("--xFilesFactor={}", python::repr(settings.x_files_factor)));
        words.push(format!("--aggregationMethod={}", settings.rollup));
        words.extend(configured(&settings));
        let command = [vec!["kymo".to_owned(), "whisper".into(), "resize".into()], words].concat();
        if !self.args.quiet || self.args.confirm {
            writeln!(console.out, "{reasons}\n{}", python::list(&command))?;
        }
        if self.args.confirm {
            self.doit = confirm("Would you like to run this command? [y/n]: ", console)?;
            if !self.doit {
                writeln!(console.out, "Skipping command \n")?;
            }
        }
        if self.doit && !resized(&command[2..], console)? {
            writeln!(console.out, "Error running: {}", python::list(&command))?;
            bail!(Stopped);
        }
        Ok(())
    }
}

/// In what a file differs from the rules, a line each; empty when in nothing.
fn reasons(metric: &str, header: &Header, settings: &Settings<'_>) -> String {
    let mut reasons = String::new();
    let line = |archives: Vec<String>| archives.iter().map(|archive| format!("{archive} ")).collect::<String>();
    let real = header.archives().iter().map(|located| located.archive);
    let real = line(real.map(|archive| format!("{}:{}", archive.step.secs(), archive.points)).collect());
    let wanted = line(configured(settings));
    if real != wanted {
        reasons += &format!("updating Retentions from: {real} to: {wanted} \n");
    }
    // Two decimals, because the file's number has only 32 bits.
    let (real, wanted) = (format!("{:.2}", header.x_files_factor()), format!("{:.2}", settings.x_files_factor));
    if real != wanted {
        reasons += &format!("{metric} xFilesFactor differs real: {real} should be: {wanted} \n");
    }
    if header.rollup != settings.rollup {
        let (real, wanted) = (header.rollup, settings.rollup);
        reasons += &format!("{metric} aggregation schema differs real: {real} should be: {wanted} \n");
    }
    reasons
}

fn configured(settings: &Settings<'_>) -> Vec<String> {
    let archives = settings.retention.archives().iter();
    archives.map(|archive| format!("{}:{}", archive.step.secs(), archive.points)).collect()
}

/// Runs `resize` with these words, the first being its name; false when it failed, which it told.
pub(super) fn resized(words: &[String], console: &mut Console<'_>) -> Result<bool> {
    let command = ResizeArgs::augment_args(clap::Command::new("resize"));
    let command = command.infer_long_args(true).args_override_self(true);
    let parsed = command.try_get_matches_from(words).and_then(|matches| ResizeArgs::from_arg_matches(&matches));
    let code = match parsed {
        Ok(args) => resize::run(&args, console),
        Err(error) => Err(error.into()),
    };
    match code {
        Ok(code) => Ok(code == 0),
        Err(error) => {
            writeln!(console.err, "{error:#}")?;
            Ok(false)
        }
    }
}

fn confirm(question: &str, console: &mut Console<'_>) -> Result<bool> {
    loop {
        write!(console.out, "{question}")?;
        console.out.flush()?;
        let mut answer = String::new();
        if console.input.read_line(&mut answer).context("read an answer")? == 0 {
            bail!("there is no answer to the question");
        }
        match answer.trim_end_matches(['\r', '\n']).to_lowercase().as_str() {
            "y" | "yes" => return Ok(true),
            "n" | "no" => return Ok(false),
            _ => writeln!(console.out, "Valid options : yes or no")?,
        }
    }
}

/// A path without `.`, `..` and doubled slashes, links left alone.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(normal.components().next_back(), Some(Component::Normal(_))) => {
                normal.pop();
            }
            Component::ParentDir if normal.has_root() => {}
            component => normal.push(component),
        }
    }
    if normal.as_os_str().is_empty() { PathBuf::from(".") } else { normal }
}
