//! Keyed hashes: of names, so that no sender can aim at one chain of the table; of set members, so that 128 bits stand
//! for a member of any length.

use crate::wire::Kind;
use std::hash::{BuildHasher, RandomState};
use tsdb::sketch::member_hash;

/// The keys, random for each agent and shared by its receivers, whose sets must agree on digests.
#[derive(Clone)]
pub struct Seeds {
    names: [u64; 2],
    members: RandomState,
}

impl Seeds {
    /// Fresh random keys.
    pub fn random() -> Seeds {
        let source = RandomState::new();
        let names = [source.hash_one(1u8), source.hash_one(2u8) | 1];
        Seeds { names, members: RandomState::new() }
    }

    /// The hash of a name under its kind: a multiplication for each 16 bytes.
    #[inline]
    pub fn name(&self, kind: Kind, bytes: &[u8]) -> u64 {
        let [first, second] = self.names;
        let mut hash = first ^ (kind as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ bytes.len() as u64;
        let mut rest = bytes;
        while let Some((chunk, after)) = rest.split_at_checked(16) {
            hash = fold(word(chunk) ^ second, word(&chunk[8..]) ^ hash);
            rest = after;
        }
        let (low, high) = match rest.len() {
            0 => (0, 0),
            1..=3 => {
                (u64::from(rest[0]) << 16 | u64::from(rest[rest.len() / 2]) << 8 | u64::from(rest[rest.len() - 1]), 0)
            }
            4..=7 => (half(rest), half(&rest[rest.len() - 4..])),
            _ => (word(rest), word(&rest[rest.len() - 8..])),
        };
        fold(fold(low ^ second, high ^ hash), first ^ second)
    }

    /// The digest that stands for a member of a set: half of it keyed, half of it the hash that sketches count members by.
    pub fn member(&self, bytes: &[u8]) -> [u64; 2] {
        [self.members.hash_one(bytes), member_hash(bytes)]
    }
}

/// Both halves of the product, so that every bit of the operands reaches every bit of the hash.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// The first eight bytes; the caller has checked that they are there.
#[inline]
fn word(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

/// The first four bytes, likewise.
#[inline]
fn half(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |chunk| u64::from(u32::from_le_bytes(*chunk)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_of_all_lengths_and_kinds_differ() {
        let seeds = Seeds::random();
        let text = [b'a'; 70];
        let mut seen = HashSet::new();
        for kind in Kind::ALL {
            for len in 0..text.len() {
                assert!(seen.insert(seeds.name(kind, &text[..len])), "{kind:?} {len}");
            }
        }
    }

    #[test]
    fn low_bits_spread() {
        let seeds = Seeds::random();
        let mut cells = vec![0u32; 256];
        for i in 0..25_600 {
            cells[(seeds.name(Kind::Counter, format!("app.metric.{i}").as_bytes()) & 255) as usize] += 1;
        }
        assert!(cells.iter().all(|&n| (40..200).contains(&n)), "{cells:?}");
    }

    #[test]
    fn equal_members_have_equal_digests() {
        let seeds = Seeds::random();
        assert_eq!(seeds.member(b"alice"), seeds.clone().member(b"alice"));
        assert_ne!(seeds.member(b"alice"), seeds.member(b"bob"));
    }
}
