//! whisper-set-aggregation-method.py and whisper-set-xfilesfactor.py: change a file's header in place. Points that are
//! already rolled up stay as they are.

use super::create::method;
use super::{Console, python, split_path};
use anyhow::{Result, anyhow};
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;
use tsdb::Error;
use tsdb::whisper;

/// What `set-aggregation-method` takes.
#[derive(Args, Debug)]
pub struct SetMethodArgs {
    /// The file, the method (average, sum, last, max, min, avg_zero, absmax or absmin), and an x-files factor if wanted
    #[arg(value_name = "path method [xFilesFactor]", allow_negative_numbers = true)]
    args: Vec<OsString>,
}

/// What `set-xfilesfactor` takes.
#[derive(Args, Debug)]
pub struct SetFactorArgs {
    /// The file
    path: PathBuf,
    /// The new factor, 0 to 1
    #[arg(value_name = "xFilesFactor", value_parser = python::float, allow_negative_numbers = true)]
    x_files_factor: f64,
}

pub fn set_method(args: &SetMethodArgs, console: &mut Console<'_>) -> Result<u8> {
    let Some((path, more)) = split_path(&args.args, 2) else { return console.help("set-aggregation-method") };
    let name = &more[0];
    // A file that is not there or corrupt is told before a bad method is.
    match whisper::info(&path) {
        Ok(None) => return console.absent(&path, "set-aggregation-method"),
        info => info?,
    };
    let factor = match &more[..] {
        [_, factor] => Some(python::float(factor).map_err(|why| anyhow!(why))?),
        _ => None,
    };
    match whisper::set_rollup(&path, method(name)?, factor) {
        Err(Error::Io { .. }) => console.absent(&path, "set-aggregation-method"),
        old => {
            writeln!(console.out, "Updated aggregation method: {} ({} -> {name})", path.display(), old?)?;
            Ok(0)
        }
    }
}

pub fn set_factor(args: &SetFactorArgs, console: &mut Console<'_>) -> Result<u8> {
    match whisper::set_x_files_factor(&args.path, args.x_files_factor) {
        Err(Error::Io { .. }) => console.absent(&args.path, "set-xfilesfactor"),
        old => {
            let (old, new) = (python::repr(old?), python::repr(args.x_files_factor));
            writeln!(console.out, "Updated xFilesFactor: {} ({old} -> {new})", args.path.display())?;
            Ok(0)
        }
    }
}
