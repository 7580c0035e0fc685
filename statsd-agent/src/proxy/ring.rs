//! The ring that says which node a name belongs to: npm's `hashring` as statsd's proxy.js sets it up (MD5, 40 points a
//! node, one for each digest), to the bit, so that every name stays on the node that it had behind proxy.js.

use md5::{Digest, Md5};

/// Points of a node where all weigh alike; what hashring calls virtual nodes.
const POINTS: f64 = 40.0;
/// What a decoder of UTF-8 writes for bytes that are none; proxy.js hashes decoded text.
const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();

/// Consistent hashing over the members of the moment. 8 bytes a point.
#[derive(Clone, Debug, Default)]
pub struct Ring {
    members: Vec<Member>,
    points: Vec<Point>,
}

/// A node on the ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// What is hashed: `host:port` as configured.
    pub name: String,
    /// Its share beside the others'; proxy.js gives each 100.
    pub weight: u32,
    /// What [`Ring::owner`] answers.
    pub id: u16,
}

#[derive(Clone, Copy, Debug)]
struct Point {
    value: u32,
    id: u16,
}

impl Ring {
    /// The ring of these members. Their order matters only where two points coincide.
    pub fn new(members: Vec<Member>) -> Ring {
        let mut ring = Ring { members, points: Vec::new() };
        ring.place();
        ring
    }

    /// Adds a member behind the others, unless one of its name is there.
    pub fn add(&mut self, member: Member) {
        if self.members.iter().all(|other| other.name != member.name) {
            self.members.push(member);
            self.place();
        }
    }

    /// Removes the member of this name. Names of the others keep their owner, except where rounding (below) moves one.
    pub fn remove(&mut self, name: &str) {
        self.members.retain(|member| member.name != name);
        self.place();
    }

    /// The members, in the order in which they came.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The member that owns a key: the one of the first point at or behind the key's. One MD5; no allocation.
    pub fn owner(&self, key: &[u8]) -> Option<u16> {
        let value = point_of_text(key);
        let at = self.points.partition_point(|point| point.value < value);
        self.points.get(at).or(self.points.first()).map(|point| point.id)
    }

    fn place(&mut self) {
        self.points.clear();
        let total: f64 = self.members.iter().map(|member| f64::from(member.weight)).sum();
        for member in &self.members {
            // In the reference's order of operations, because its rounding decides: equal nodes have 40 points each, but
            // seven of them come out a hair below and get 39.
            let points = (f64::from(member.weight) / total * POINTS * self.members.len() as f64).floor() as u32;
            for i in 0..points {
                let value = first_word(Md5::digest(format!("{}-{i}", member.name)).as_slice());
                self.points.push(Point { value, id: member.id });
            }
        }
        // Stable, as Node's sort: of two points at one place the earlier member's wins.
        self.points.sort_by_key(|point| point.value);
    }
}

/// The place of a key: of its text, each sequence that is no UTF-8 replaced as Node's decoder replaces it.
fn point_of_text(key: &[u8]) -> u32 {
    let mut digest = Md5::new();
    for chunk in key.utf8_chunks() {
        digest.update(chunk.valid());
        if !chunk.invalid().is_empty() {
            digest.update(REPLACEMENT);
        }
    }
    first_word(digest.finalize().as_slice())
}

fn first_word(digest: &[u8]) -> u32 {
    digest.first_chunk().map_or(0, |word| u32::from_le_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(names: &[&str]) -> Ring {
        let member = |(id, name): (usize, &&str)| Member { name: (*name).to_owned(), weight: 100, id: id as u16 };
        Ring::new(names.iter().enumerate().map(member).collect())
    }

    #[test]
    fn nobody_owns_anything_on_an_empty_ring() {
        assert_eq!(ring(&[]).owner(b"a"), None);
        let mut one = ring(&["a:1"]);
        assert_eq!(one.owner(b"a"), Some(0));
        one.remove("a:1");
        assert_eq!(one.owner(b"a"), None);
    }

    #[test]
    fn a_node_that_leaves_takes_only_its_own_names_and_gets_them_back() {
        let names = ["10.0.0.1:8125", "10.0.0.2:8125", "10.0.0.3:8125"];
        let (full, mut changed) = (ring(&names), ring(&names));
        changed.remove(names[1]);
        let keys: Vec<String> = (0..5000).map(|i| format!("app.metric.{i}")).collect();
        for key in &keys {
            let (before, after) = (full.owner(key.as_bytes()), changed.owner(key.as_bytes()));
            assert!(before == after || before == Some(1), "{key}: {before:?} -> {after:?}");
        }
        changed.add(Member { name: names[1].into(), weight: 100, id: 1 });
        assert!(keys.iter().all(|key| full.owner(key.as_bytes()) == changed.owner(key.as_bytes())));
    }
}
