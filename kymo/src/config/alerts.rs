//! Alert rules, as `[[alerts]]` of kymo.toml writes them.

use anyhow::{Context, Result, bail, ensure};
use render::alert::{Range, Rule, State, Terms};
use serde::Deserialize;
use std::collections::HashSet;

/// More rules than this would be a round's whole time.
const RULES_MAX: usize = 1000;
/// Addresses that are told; each has a thread.
const WEBHOOKS_MAX: usize = 16;
/// How far back a last value is looked for, where the rule does not say.
const WITHIN_SECS: i64 = 600;
/// A longer time in a rule is a mistake.
const SECS_MAX: i64 = 366 * 86_400;

/// One of `[[alerts]]`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertTable {
    /// What people call it.
    pub name: String,
    /// Whose series are judged.
    pub target: String,
    /// A range.
    pub warning: Option<String>,
    /// A range.
    pub critical: Option<String>,
    /// For how long.
    #[serde(rename = "for")]
    pub lasting: Option<String>,
    /// After which a value counts as missing.
    pub age: Option<String>,
    /// What missing data counts as.
    pub no_data: Option<String>,
    /// How far back a last value is looked for.
    pub within: Option<String>,
    /// Who is told.
    pub webhook: Option<String>,
}

/// The rules; every mistake names the rule.
pub fn rules(tables: &[AlertTable]) -> Result<Vec<Rule>> {
    ensure!(tables.len() <= RULES_MAX, "there are more than {RULES_MAX} alerts");
    let mut names = HashSet::new();
    for table in tables {
        ensure!(!table.name.is_empty(), "an alert has no name");
        ensure!(names.insert(&table.name), "two alerts are called {:?}", table.name);
    }
    let webhooks: HashSet<_> = tables.iter().filter_map(|table| table.webhook.as_ref()).collect();
    ensure!(webhooks.len() <= WEBHOOKS_MAX, "alerts tell more than {WEBHOOKS_MAX} webhooks");
    let named = |table: &AlertTable| rule(table).with_context(|| format!("the alert {:?}", table.name));
    tables.iter().map(named).collect()
}

fn rule(table: &AlertTable) -> Result<Rule> {
    let range = |text: &Option<String>| text.as_deref().map(str::parse::<Range>).transpose();
    let (warning, critical) = (range(&table.warning)?, range(&table.critical)?);
    ensure!(!table.target.trim().is_empty(), "it has no target");
    let no_data = match table.no_data.as_deref().map(str::parse::<State>) {
        Some(Ok(state)) => state,
        Some(Err(why)) => bail!("no_data: {why}"),
        None => State::Unknown,
    };
    if warning.is_none() && critical.is_none() {
        ensure!(no_data != State::Ok, "without warning, critical and no_data nothing can be wrong");
    }
    let time = |text: &Option<String>| text.as_deref().map(secs).transpose();
    let age_secs = time(&table.age)?;
    if let Some(url) = &table.webhook {
        let known = ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme));
        ensure!(known, "the webhook is no address that begins with http:// or https://");
    }
    Ok(Rule {
        name: table.name.clone(),
        target: table.target.clone(),
        terms: Terms { warning, critical, age_secs, no_data },
        for_secs: time(&table.lasting)?.unwrap_or(0),
        within_secs: time(&table.within)?.unwrap_or(WITHIN_SECS.max(age_secs.unwrap_or(0).saturating_mul(2))).max(1),
        webhook: table.webhook.clone(),
    })
}

/// `90s`, `2m`, `1h`, `1d` or plain seconds.
pub fn secs(text: &str) -> Result<i64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        unit => bail!("unknown unit {unit:?} in {text:?}: s, m, h or d"),
    };
    let number: i64 = digits.parse().with_context(|| format!("{text:?} is no time such as 2m"))?;
    let secs = number.saturating_mul(unit);
    ensure!((0..=SECS_MAX).contains(&secs), "{text:?} is not between 0 and a year");
    Ok(secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::kymo_toml::KymoToml;

    fn read(text: &str) -> Result<Vec<Rule>> {
        rules(&KymoToml::parse(text)?.alerts)
    }

    #[test]
    fn a_rule_is_read() {
        let text = "[[alerts]]\nname = \"slow\"\ntarget = \"web.time.upper_95\"\nwarning = \"250\"\ncritical = \"500\"\n\
                    for = \"2m\"\nage = \"20m\"\nno_data = \"critical\"\nwebhook = \"https://chat/hook\"\n";
        let rules = read(text).unwrap();
        let rule = &rules[0];
        assert_eq!((rule.for_secs, rule.within_secs, rule.terms.age_secs), (120, 2400, Some(1200)));
        assert_eq!(rule.terms.no_data, State::Critical);
        assert!(rule.terms.critical.as_ref().unwrap().alerts(501.0));
    }

    #[test]
    fn mistakes_name_their_rule() {
        let rule = |more: &str| format!("[[alerts]]\nname = \"a\"\ntarget = \"b\"\n{more}\n");
        for (text, told) in [
            (rule("warning = \"20:10\""), "the alert \"a\""),
            (rule("warning = \"1\"\nfor = \"soon\""), "the alert \"a\""),
            (rule("warning = \"1\"\nfor = \"-1s\""), "the alert \"a\""),
            (rule("warning = \"1\"\nno_data = \"bad\""), "no_data"),
            (rule("no_data = \"ok\""), "nothing can be wrong"),
            (rule("warning = \"1\"\nwebhook = \"ftp://secret\""), "no address"),
            (rule("warning = \"1\"\ncritcal = \"1\""), "critcal"),
            (format!("{0}{0}", rule("warning = \"1\"")), "two alerts are called \"a\""),
        ] {
            let error = format!("{:#}", read(&text).map(|_| ()).unwrap_err());
            assert!(error.contains(told) && !error.contains("secret"), "{text}: {error}");
        }
    }
}
