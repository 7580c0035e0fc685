//! Tags of a series, read from its name as graphite-web reads them.

use std::collections::BTreeMap;

/// `name;tag=value;…`: what does not read as that is a name as a whole.
pub(crate) fn of_name(name: &str) -> BTreeMap<String, String> {
    let mut parts = name.split(';');
    let metric = parts.next().unwrap_or(name);
    let mut tags = BTreeMap::new();
    for part in parts {
        match part.split_once('=') {
            Some((tag, value)) if is_tag(tag) && !value.is_empty() && !value.starts_with('~') => {
                tags.insert(tag.to_owned(), value.to_owned());
            }
            _ => return whole(name),
        }
    }
    tags.insert("name".to_owned(), metric.trim_start_matches('~').to_owned());
    tags
}

/// Of a series that was computed: a name that looks like a call is one as a whole.
pub(crate) fn of_computed(name: &str) -> BTreeMap<String, String> {
    let word = name.bytes().take_while(u8::is_ascii_alphabetic).count();
    let is_call = word > 0 && name[word..].starts_with('(') && name.ends_with(')') && name.len() > word + 2;
    if is_call { whole(name) } else { of_name(name) }
}

fn whole(name: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("name".to_owned(), name.to_owned())])
}

fn is_tag(text: &str) -> bool {
    !text.is_empty() && !text.contains([';', '!', '^', '='])
}
