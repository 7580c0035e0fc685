//! How often each name came, whatever came with it: statsd's `keyFlush`. It hears the lines beside the tallies, on a
//! thread of its own, and is bounded like them.

use super::name;
use crate::wire::Dialect;
use memchr::memchr;
use std::collections::HashMap;

/// The names of one interval in the order of their coming.
pub struct Keys {
    names_max: usize,
    places: HashMap<Vec<u8>, usize>,
    counts: Vec<(String, u64)>,
    named: HashMap<String, usize>,
    canonical: String,
    /// Lines whose name had no room.
    pub refused: u64,
}

impl Keys {
    /// Nothing heard; at most so many names, and as many spellings of them.
    pub fn new(names_max: usize) -> Keys {
        let (places, named) = (HashMap::new(), HashMap::new());
        Keys { names_max, places, counts: Vec::new(), named, canonical: String::new(), refused: 0 }
    }

    /// Counts every line of a datagram that is not empty, bad ones too.
    pub fn hear(&mut self, datagram: &[u8]) {
        for line in datagram.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            self.line(line);
        }
    }

    fn line(&mut self, line: &[u8]) {
        let head_end = line.windows(2).position(|two| two == b"|#");
        let (head, tags) = match head_end {
            Some(at) => (&line[..at], line[at + 2..].split(|&byte| byte == b'|').next().unwrap_or_default()),
            None => (line, &line[..0]),
        };
        let name = &head[..memchr(b':', head).unwrap_or(head.len())];
        let spelling = if tags.is_empty() { name.to_vec() } else { [name, b"\n", tags].concat() };
        if let Some(&place) = self.places.get(&spelling) {
            self.counts[place].1 += 1;
            return;
        }
        // A name of which nothing is left is counted as the empty name, as statsd does.
        name::canonical(name, tags, Dialect::Statsd, &mut self.canonical);
        let place = match self.named.get(&self.canonical) {
            Some(&place) => place,
            None if self.counts.len() >= self.names_max => {
                self.refused += 1;
                return;
            }
            None => {
                self.counts.push((self.canonical.clone(), 0));
                self.named.insert(self.canonical.clone(), self.counts.len() - 1);
                self.counts.len() - 1
            }
        };
        self.counts[place].1 += 1;
        if self.places.len() < self.names_max * 2 {
            self.places.insert(spelling, place);
        }
    }

    /// The most frequent names, so many per cent of all, and begins anew. Names that came as often stand in the order of
    /// their coming.
    pub fn take(&mut self, percent: f64) -> Vec<(String, u64)> {
        let mut counts = std::mem::take(&mut self.counts);
        self.places.clear();
        self.named.clear();
        crate::inspect::order_as_keys(&mut counts, |(name, _)| name);
        counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        counts.truncate((counts.len() as f64 * (percent / 100.0)).ceil().max(0.0) as usize);
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_lines_by_name_and_tells_the_most_frequent() {
        let mut keys = Keys::new(4);
        keys.hear(b"a b:1|c\na_b:1|c:2|c\n\nbad\nt:1|ms|#x:1\nt:1|ms|#x:1|c:id");
        keys.hear(b"bad\nbad\nlast:1|c");
        keys.hear(b"too.many:1|c");
        assert_eq!(keys.refused, 1);
        let all = [("bad", 3), ("a_b", 2), ("t;x=1", 2), ("last", 1)].map(|(name, count)| (name.to_owned(), count));
        assert_eq!(keys.take(60.0), all[..3], "rounded up");
        assert_eq!(keys.take(100.0), []);
    }
}
