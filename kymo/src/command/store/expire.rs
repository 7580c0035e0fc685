//! `kymo store expire`: ends series that nothing was written to for long. What counts is the time of the newest value.

use super::{DataArgs, RulesArgs, delete};
use crate::clock;
use anyhow::{Result, bail};
use clap::Args;
use std::process::ExitCode;

/// What `expire` takes.
#[derive(Args, Debug)]
pub struct ExpireArgs {
    /// How long nothing was written: 12h, 30d, 1y
    #[arg(long, value_name = "TIME", value_parser = secs)]
    unwritten_for: i64,
    /// Only say which series there are
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    data: DataArgs,
}

pub fn run(args: &ExpireArgs) -> Result<ExitCode> {
    let store = args.data.open(&RulesArgs::default())?;
    let found = store.unwritten_since(clock::now() - args.unwritten_for)?;
    delete::end(&store, &found, args.dry_run)
}

/// A time such as `30d` in seconds.
fn secs(text: &str) -> Result<i64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let scale = match &text[digits.len()..] {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        "y" => 365 * 86_400,
        _ => 0,
    };
    let number = digits.parse::<i64>().ok().filter(|number| *number > 0);
    match number.and_then(|number| number.checked_mul(scale)).filter(|secs| *secs > 0) {
        Some(secs) => Ok(secs),
        None => bail!("{text:?} is not a time such as 12h, 30d or 1y"),
    }
}

#[cfg(test)]
mod tests {
    use super::secs;

    #[test]
    fn times_have_a_unit() {
        assert_eq!([secs("30d").unwrap(), secs("1y").unwrap(), secs("90s").unwrap()], [2_592_000, 31_536_000, 90]);
        assert!(["", "d", "30", "0d", "-1d", "1.5h", "9999999999999999999y"].iter().all(|text| secs(text).is_err()));
    }
}
