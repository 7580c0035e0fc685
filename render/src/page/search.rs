//! Finds names by what someone remembers of them: every word must occur in the name, at best whole and at the start of
//! a node, at worst as letters in order.

/// Names beyond this many are not looked at: a scan of this size takes tens of milliseconds.
const NAMES_MAX: usize = 1_000_000;

/// The best `count` names for `words`, best first; names that fit equally are in order.
pub fn best<'a>(names: &'a [String], words: &str, count: usize) -> Vec<&'a str> {
    let words: Vec<String> = words.to_lowercase().split_whitespace().take(8).map(str::to_owned).collect();
    if words.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<(u32, usize, &str)> =
        names.iter().take(NAMES_MAX).filter_map(|name| Some((fit(name, &words)?, name.len(), name.as_str()))).collect();
    let better = |a: &(u32, usize, &str), b: &(u32, usize, &str)| b.0.cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2)));
    if found.len() > count && count > 0 {
        found.select_nth_unstable_by(count - 1, better);
    }
    found.truncate(count);
    found.sort_unstable_by(better);
    found.into_iter().map(|(_, _, name)| name).collect()
}

/// How well a name fits all words; `None` if one of them is not in it at all.
fn fit(name: &str, words: &[String]) -> Option<u32> {
    let name = name.to_lowercase();
    words.iter().map(|word| fit_one(&name, word)).sum()
}

fn fit_one(name: &str, word: &str) -> Option<u32> {
    if let Some(at) = name.find(word) {
        let starts_node = at == 0 || matches!(name.as_bytes()[at - 1], b'.' | b'_' | b'-' | b';' | b'=');
        let end = at + word.len();
        let ends_node = end == name.len() || name.as_bytes()[end] == b'.';
        return Some(100 + 40 * u32::from(starts_node) + 20 * u32::from(ends_node));
    }
    // Letters in order: fewer jumps fit better.
    let mut letters = name.char_indices();
    let mut jumps = 0u32;
    let mut last = None;
    for wanted in word.chars() {
        let (at, c) = letters.find(|&(_, c)| c == wanted)?;
        jumps += u32::from(last.is_some_and(|end| end != at));
        last = Some(at + c.len_utf8());
    }
    Some(60u32.saturating_sub(jumps * 10).max(1))
}

#[cfg(test)]
mod tests {
    use super::best;

    #[test]
    fn whole_words_come_before_letters() {
        let names: Vec<String> =
            ["api.upload.latency", "stats.up", "stats.gauges.cpu", "setup.x", "u.p"].map(str::to_owned).into();
        assert_eq!(best(&names, "up", 10), ["stats.up", "api.upload.latency", "setup.x", "u.p", "stats.gauges.cpu"]);
        assert_eq!(best(&names, "API lat", 10), ["api.upload.latency"]);
        assert_eq!(best(&names, "gcpu", 10), ["stats.gauges.cpu"]);
        assert_eq!(best(&names, "up", 1), ["stats.up"]);
        assert!(best(&names, "zzz", 10).is_empty());
        assert!(best(&names, "  ", 10).is_empty());
    }
}
