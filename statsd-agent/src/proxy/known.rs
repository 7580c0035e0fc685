//! Keys whose owner is known already, proxy.js's cache: a table with one place for each key, whose last comer stays. A look
//! costs one cache line where the ring costs an MD5; nothing is ever allocated or evicted beyond that place.

use crate::aggregate::Seeds;
use crate::wire::Kind;

/// Longer keys are not kept; their owner is asked of the ring each time.
const KEY_BYTES: usize = 60;

/// A receiver's table: 64 bytes a place.
pub struct Known {
    seeds: Seeds,
    places: Vec<Place>,
}

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Place {
    owner: u16,
    /// Zero where nothing is kept; the empty key is not kept.
    len: u8,
    key: [u8; KEY_BYTES],
}

const EMPTY: Place = Place { owner: 0, len: 0, key: [0; KEY_BYTES] };
const _: () = assert!(size_of::<Place>() == 64);

impl Known {
    /// Room for `keys` keys, rounded up to a power of two. Which keys share a place is different in every process.
    pub fn new(keys: u32) -> Known {
        Known { seeds: Seeds::random(), places: vec![EMPTY; (keys as usize).next_power_of_two()] }
    }

    /// The owner of a key, from the table or from `ask`.
    #[inline]
    pub fn owner(&mut self, key: &[u8], ask: impl FnOnce(&[u8]) -> Option<u16>) -> Option<u16> {
        if key.is_empty() || key.len() > KEY_BYTES {
            return ask(key);
        }
        let at = self.seeds.name(Kind::Counter, key) as usize & (self.places.len() - 1);
        let place = &mut self.places[at];
        if usize::from(place.len) == key.len() && &place.key[..key.len()] == key {
            return Some(place.owner);
        }
        let owner = ask(key)?;
        place.owner = owner;
        place.len = key.len() as u8;
        place.key[..key.len()].copy_from_slice(key);
        Some(owner)
    }

    /// Forgets all: the ring has changed.
    pub fn clear(&mut self) {
        self.places.fill(EMPTY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_table_still_answers_as_the_ring() {
        let mut known = Known::new(7);
        assert_eq!(known.places.len(), 8);
        let ask = |key: &[u8]| Some(key.iter().map(|&byte| u16::from(byte)).sum());
        for round in 0..3 {
            for i in 0..200u32 {
                let key = "k".repeat(i as usize % 70) + &i.to_string();
                assert_eq!(known.owner(key.as_bytes(), ask), ask(key.as_bytes()), "round {round}: {key}");
            }
        }
        assert_eq!(known.owner(b"same", |_| Some(1)), Some(1));
        assert_eq!(known.owner(b"same", |_| panic!("it is known")), Some(1));
        known.clear();
        assert_eq!(known.owner(b"same", |_| None), None, "what nobody owns is not kept");
        assert_eq!(known.owner(b"same", |_| Some(2)), Some(2));
    }
}
