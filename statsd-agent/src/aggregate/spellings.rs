//! Names as sent, by kind, and the series that each means. Length, kind and series lie in front of the bytes, so that a
//! lookup touches the index, one place here, and the tally.

use super::hash::Seeds;
use super::index::Index;
use crate::wire::Kind;

/// Series (4 bytes), length (2), kind (1), nothing (1).
const HEADER_BYTES: usize = 8;
/// Spellings begin at multiples of this, so that 32 bits of id reach 32 GiB.
const ALIGN: usize = 8;

/// The spellings of one table: 8 bytes, the text rounded up to 8, and 16 to 32 in the index.
pub(crate) struct Spellings {
    seeds: Seeds,
    index: Index,
    arena: Vec<u8>,
    count: usize,
}

impl Spellings {
    pub fn new(seeds: Seeds) -> Spellings {
        Spellings { seeds, index: Index::default(), arena: Vec::new(), count: 0 }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Bytes of all of them with their headers.
    pub fn bytes(&self) -> usize {
        self.arena.len()
    }

    /// The series that a spelling means.
    #[inline]
    pub fn find(&self, kind: Kind, spelling: &[u8]) -> Option<u32> {
        let tag = tag(kind, spelling.len());
        let mut series = None;
        self.index.find(self.seeds.name(kind, spelling), |id| {
            let entry = &self.arena[id as usize * ALIGN..];
            let Some((head, rest)) = entry.split_first_chunk::<HEADER_BYTES>() else { return false };
            let head = u64::from_le_bytes(*head);
            let found = head >> 32 == tag && rest.get(..spelling.len()).is_some_and(|text| same(text, spelling));
            if found {
                series = Some(head as u32);
            }
            found
        });
        series
    }

    /// Adds a spelling that is not there yet; it is shorter than 64 KiB. Answers its id.
    pub fn insert(&mut self, kind: Kind, spelling: &[u8], series: u32) -> u32 {
        assert!(u16::try_from(spelling.len()).is_ok(), "the table refuses longer names");
        let id = u32::try_from(self.arena.len() / ALIGN).expect("name_bytes is below 4 GiB");
        let head = tag(kind, spelling.len()) << 32 | u64::from(series);
        self.arena.extend_from_slice(&head.to_le_bytes());
        self.arena.extend_from_slice(spelling);
        self.arena.resize(self.arena.len().next_multiple_of(ALIGN), 0);
        self.count += 1;
        let Spellings { index, seeds, arena, .. } = self;
        index.insert(seeds.name(kind, spelling), id, |id| {
            let (kind, text) = entry(arena, id);
            seeds.name(kind, text)
        });
        id
    }

    /// The text of a spelling.
    pub fn text(&self, id: u32) -> &[u8] {
        entry(&self.arena, id).1
    }
}

/// Length and kind as they stand in the upper half of the header.
#[inline]
fn tag(kind: Kind, len: usize) -> u64 {
    len as u64 & 0xffff | (kind as u64) << 16
}

fn entry(arena: &[u8], id: u32) -> (Kind, &[u8]) {
    let (head, rest) = arena[id as usize * ALIGN..].split_first_chunk::<HEADER_BYTES>().expect("an id of this arena");
    let head = u64::from_le_bytes(*head);
    (Kind::ALL[(head >> 48) as usize & 3], &rest[..(head >> 32) as usize & 0xffff])
}

/// Equality of texts of one length, eight bytes at a time: names are too short for a call to pay.
#[inline]
fn same(a: &[u8], b: &[u8]) -> bool {
    let (Some(a_last), Some(b_last)) = (a.last_chunk::<8>(), b.last_chunk::<8>()) else { return a == b };
    a.chunks_exact(8).zip(b.chunks_exact(8)).all(|(a, b)| a.first_chunk::<8>() == b.first_chunk::<8>())
        && a_last == b_last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_length_and_kind_and_nothing_else() {
        let mut spellings = Spellings::new(Seeds::random());
        let text = |len: usize| (0..len).map(|i| b'a' + (i * 7 % 26) as u8).collect::<Vec<u8>>();
        let mut series = 0;
        for len in 0..60 {
            for kind in Kind::ALL {
                let id = spellings.insert(kind, &text(len), series);
                assert_eq!(spellings.text(id), text(len));
                series += 1;
            }
        }
        series = 0;
        for len in 0..60 {
            for kind in Kind::ALL {
                assert_eq!(spellings.find(kind, &text(len)), Some(series));
                let mut other = text(len);
                if let Some(last) = other.last_mut() {
                    *last = b'#';
                    assert_eq!(spellings.find(kind, &other), None);
                }
                series += 1;
            }
        }
        assert_eq!(spellings.find(Kind::Counter, &text(61)), None);
        assert_eq!(spellings.len(), 240);
    }
}
