//! `kymo check-config`: reads everything that `serve` would read, and says what it means.

use crate::cli::ServeArgs;
use crate::config::Settings;
use crate::config::pipeline::Plan;
use crate::config::{statsd_file, statsd_keys};
use anyhow::Result;
use std::process::ExitCode;
use tsdb::Archive;

/// Success when `serve` would start with this configuration as far as files can tell; warnings are printed.
pub fn run(args: &ServeArgs) -> Result<ExitCode> {
    let settings = Settings::resolve(args)?;
    let plan = Plan::of(&settings)?;
    for server in &plan.agent.servers {
        println!("statsd          {server:?}");
    }
    println!("dialects        {:?}", settings.dialects);
    println!("carbon          {}", settings.carbon);
    println!("carbon pickle   {}", settings.carbon_pickle);
    println!("http            {}", settings.http);
    println!("let in          {} tokens, {} users", settings.known.tokens.len(), settings.known.users.len());
    if let Some(files) = &settings.tls {
        files.tls()?;
        println!("tls             {files}");
    }
    println!("alerts          {} rules", settings.alerts.len());
    println!("flush interval  {:?}", plan.interval);
    println!("data            {}", settings.data.display());
    if let Some(tree) = &settings.whisper {
        println!("whisper         {}", tree.display());
    }
    for name in ["stats_counts.web.hits", "stats.timers.web.time.upper_90", "stats.gauges.web.load"] {
        let rule = plan.rules.settings(name);
        let archive = |archive: &Archive| format!("{}s:{}", archive.step.secs(), archive.points);
        let archives: Vec<_> = rule.retention.archives().iter().map(archive).collect();
        println!("{name}: {}, {}, xFilesFactor {}", archives.join(","), rule.rollup.name(), rule.x_files_factor);
    }
    if let Some(path) = &settings.statsd_config {
        println!("{}", path.display());
        for (key, value) in &statsd_file::read(path)?.stated {
            let does = statsd_keys::find(key).map_or("unknown", |key| key.does);
            println!("  {key}: {value}: {does}");
        }
    }
    for warning in &plan.warnings {
        println!("warning: {warning}");
    }
    Ok(ExitCode::SUCCESS)
}
