//! Addresses within the server, and target expressions for names. A name comes from the wire and may hold anything;
//! both forms here are safe to put behind a click.

use form_urlencoded::Serializer;

/// `path?name=value&…`, percent-encoded.
pub fn to(path: &str, params: &[(&str, &str)]) -> String {
    let mut query = Serializer::new(String::new());
    query.extend_pairs(params);
    format!("{path}?{}", query.finish())
}

/// The page that draws a target.
pub fn explore(target: &str, from: &str) -> String {
    to("/explore", &[("target", target), ("from", from), ("until", "now")])
}

/// A target expression that finds the series of this name. What the grammar or a glob would take for its own becomes
/// `?`, which stands for any one character: that may find a sibling too, but never misses the name.
pub fn target_of(name: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && !"(){}[],'\"\\|*?".contains(c);
    name.chars().map(|c| if plain(c) { c } else { '?' }).collect()
}

/// The targets in a text of several lines: one a line, except that a call may go on over lines.
pub fn targets_in(text: &str) -> Vec<String> {
    let mut targets = Vec::new();
    let mut one = String::new();
    let mut depth = 0usize;
    let mut quote = None;
    for c in text.chars() {
        match (quote, c) {
            (Some(q), _) if c == q => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, '\n') if depth == 0 => {
                targets.push(std::mem::take(&mut one));
                continue;
            }
            _ => {}
        }
        one.push(c);
    }
    targets.push(one);
    targets.iter().map(|target| target.trim().to_owned()).filter(|target| !target.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::{explore, target_of, targets_in};

    #[test]
    fn names_become_targets() {
        assert_eq!(target_of("servers.web01.cpu"), "servers.web01.cpu");
        assert_eq!(target_of("a.<img src=x onerror=alert(1)>"), "a.<img?src=x?onerror=alert?1?>");
        assert_eq!(target_of("odd.ünï{x}"), "odd.?n??x?");
    }

    #[test]
    fn links_are_encoded() {
        assert_eq!(explore("sumSeries(a.*)&\"", "-1h"), "/explore?target=sumSeries%28a.*%29%26%22&from=-1h&until=now");
    }

    #[test]
    fn a_line_is_a_target_but_a_call_may_be_longer() {
        assert_eq!(
            targets_in("a.b\n\n  scale(\n c,\n 2)\r\nalias(d, \"(\")\ne"),
            ["a.b", "scale(\n c,\n 2)", "alias(d, \"(\")", "e"]
        );
        assert!(targets_in(" \n").is_empty());
    }
}
