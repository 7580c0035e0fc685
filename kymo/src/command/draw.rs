//! `kymo draw`: targets into a picture file, the very bytes that /render would answer.

use super::ask;
use crate::cli::DrawArgs;
use anyhow::{Context, Result, bail};
use std::fs;
use std::process::ExitCode;

/// Writes the picture and says where.
pub fn run(args: &DrawArgs) -> Result<ExitCode> {
    let ending = args.output.extension().and_then(|ending| ending.to_str()).unwrap_or("").to_ascii_lowercase();
    if !matches!(ending.as_str(), "png" | "svg" | "pdf") {
        bail!("{}: a picture ends in .png, .svg or .pdf", args.output.display());
    }
    let mut parameters = vec![
        ("format", ending),
        ("width", args.width.to_string()),
        ("height", args.height.to_string()),
        ("theme", args.theme.clone()),
        ("scale", args.scale.to_string()),
    ];
    parameters.extend(args.title.clone().map(|title| ("title", title)));
    let picture = ask::render(&args.source, &args.targets, &parameters)?;
    fs::write(&args.output, &picture).with_context(|| format!("write {}", args.output.display()))?;
    println!("{}: {} bytes", args.output.display(), picture.len());
    Ok(ExitCode::SUCCESS)
}
