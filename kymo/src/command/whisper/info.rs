//! whisper-info.py: prints what a file says about itself. Of a compressed file too, with what only those have at the end.

use super::{Console, python, split_path};
use anyhow::{Context, Result};
use clap::Args;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use tsdb::whisper::{self, CompressedHeader, Header};

/// What `info` takes.
#[derive(Args, Debug)]
pub struct InfoArgs {
    /// The file, and the field that shall be printed alone
    #[arg(value_name = "path [field]")]
    args: Vec<OsString>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A file's fields, already as text, in the order in which they are printed.
struct Info {
    method: String,
    max_retention: u32,
    x_files_factor: f64,
    archives: Vec<Vec<(&'static str, String)>>,
    file_bytes: u64,
    /// Of compressed files.
    more: Vec<(&'static str, String)>,
}

pub fn run(args: &InfoArgs, console: &mut Console<'_>) -> Result<u8> {
    let Some((path, more)) = split_path(&args.args, 1) else { return console.help("info") };
    let info = read(&path)?;
    let text = match more.first() {
        Some(field) => match info.field(field) {
            Some(text) => text + "\n",
            None => {
                const VALID: &str = "aggregationMethod,maxRetention,xFilesFactor,archives,fileSize";
                writeln!(console.out, "Unknown field \"{field}\". Valid fields are {VALID}")?;
                return Ok(1);
            }
        },
        None if args.json => info.json(),
        None => info.text(),
    };
    write!(console.out, "{text}")?;
    Ok(0)
}

fn read(path: &Path) -> Result<Info> {
    let info = match whisper::info(path) {
        Err(tsdb::Error::Compressed(_)) => compressed(&whisper::compressed_info(path)?),
        header => plain(&header?.with_context(|| format!("open {}", path.display()))?),
    };
    let file_bytes = fs::metadata(path).with_context(|| format!("describe {}", path.display()))?.len();
    Ok(Info { file_bytes, ..info })
}

fn plain(header: &Header) -> Info {
    let archive = |located: &whisper::Located| {
        fields(located.offset, located.archive.step.secs(), located.archive.points, located.size_bytes())
    };
    Info {
        method: header.rollup.name().to_owned(),
        max_retention: header.max_retention_secs,
        x_files_factor: header.x_files_factor(),
        archives: header.archives().iter().map(archive).collect(),
        file_bytes: 0,
        more: Vec::new(),
    }
}

fn compressed(header: &CompressedHeader) -> Info {
    let archive = |described: &whisper::CompressedArchive| {
        let (step, points) = (described.archive.step.secs(), described.archive.points);
        let mut fields = fields(described.offset, step, points, described.size_bytes());
        fields.push(("blocks", described.blocks.to_string()));
        fields.push(("blockSize", described.block_bytes.to_string()));
        fields.extend(described.method.map(|method| ("aggregationMethod", method.to_string())));
        fields
    };
    Info {
        method: header.method.to_string(),
        max_retention: header.max_retention_secs,
        x_files_factor: f64::from(header.x_files_factor),
        archives: header.archives.iter().map(archive).collect(),
        file_bytes: 0,
        more: vec![
            ("compressedVersion", header.version.to_string()),
            ("pointsPerBlock", header.points_per_block.to_string()),
        ],
    }
}

fn fields(offset: u64, step_secs: u32, points: u32, bytes: u64) -> Vec<(&'static str, String)> {
    let retention = u64::from(step_secs) * u64::from(points);
    vec![
        ("offset", offset.to_string()),
        ("secondsPerPoint", step_secs.to_string()),
        ("points", points.to_string()),
        ("retention", retention.to_string()),
        ("size", bytes.to_string()),
    ]
}

impl Info {
    fn field(&self, field: &str) -> Option<String> {
        Some(match field {
            "aggregationMethod" => self.method.clone(),
            "maxRetention" => self.max_retention.to_string(),
            "xFilesFactor" => python::repr(self.x_files_factor),
            "fileSize" => self.file_bytes.to_string(),
            "archives" => format!("[{}]", self.archives.iter().map(|a| dictionary(a)).collect::<Vec<_>>().join(", ")),
            _ => return self.more.iter().find(|(name, _)| *name == field).map(|(_, text)| text.clone()),
        })
    }

    fn text(&self) -> String {
        let mut lines = vec![
            format!("aggregationMethod: {}", self.method),
            format!("maxRetention: {}", self.max_retention),
            format!("xFilesFactor: {}", python::repr(self.x_files_factor)),
            format!("fileSize: {}", self.file_bytes),
        ];
        lines.extend(self.more.iter().map(|(name, text)| format!("{name}: {text}")));
        lines.push(String::new());
        for (i, archive) in self.archives.iter().enumerate() {
            lines.push(format!("Archive {i}"));
            lines.extend(archive.iter().map(|(name, text)| format!("{name}: {text}")));
            lines.push(String::new());
        }
        lines.join("\n") + "\n"
    }

    fn json(&self) -> String {
        let archive = |fields: &Vec<(&str, String)>| {
            let lines: Vec<String> =
                fields.iter().map(|(name, text)| format!("      \"{name}\": {}", json_word(text))).collect();
            format!("    {{\n{}\n    }}", lines.join(",\n"))
        };
        let archives: Vec<String> = self.archives.iter().map(archive).collect();
        let mut lines = vec![
            format!("  \"aggregationMethod\": \"{}\"", self.method),
            format!("  \"maxRetention\": {}", self.max_retention),
            format!("  \"xFilesFactor\": {}", python::repr(self.x_files_factor)),
            format!("  \"archives\": [\n{}\n  ]", archives.join(",\n")),
            format!("  \"fileSize\": {}", self.file_bytes),
        ];
        lines.extend(self.more.iter().map(|(name, text)| format!("  \"{name}\": {}", json_word(text))));
        format!("{{\n{}\n}}\n", lines.join(",\n"))
    }
}

/// A number as it is, a word in quotes.
fn json_word(text: &str) -> String {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.to_owned() } else { python::json_text(text) }
}

fn dictionary(fields: &[(&str, String)]) -> String {
    let item = |(name, text): &(&str, String)| match json_word(text) == *text {
        true => format!("'{name}': {text}"),
        false => format!("'{name}': '{text}'"),
    };
    format!("{{{}}}", fields.iter().map(item).collect::<Vec<_>>().join(", "))
}
