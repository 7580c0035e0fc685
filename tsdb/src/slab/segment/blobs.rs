//! Chunks of blobs: of a series of sketches the slots that have one, each as its own bytes.

use super::draft::put_length;
use super::open::take_length;
use super::{BLOBS, Draft, Key, Segment};
use crate::error::Error;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use std::io::{Read, Write};

/// The bytes of one slot.
pub(crate) type Blob = (u32, Vec<u8>);

/// The chunk is as it is.
const PLAIN: u8 = 0;
/// The chunk is deflated.
const DEFLATED: u8 = 1;
/// Bytes of a chunk before it is deflated, whatever a damaged length says.
const LONGEST_PLAIN: usize = (1 << 28) - 1;

impl Draft {
    /// Adds the slots of a series that have bytes, in ascending order. One that has none takes no room.
    ///
    /// # Errors
    /// The disk is full, or the system refuses.
    ///
    /// # Panics
    /// When slots do not ascend, or lie outside the stretch.
    pub(crate) fn push_blobs(&mut self, key: Key, blobs: &[Blob]) -> Result<(), Error> {
        assert!(blobs.is_sorted_by(|one, next| one.0 < next.0), "a slot comes once");
        let Some((last, _)) = blobs.last() else { return Ok(()) };
        assert!(*last < self.stretch().slots, "a chunk covers the stretch");
        let (mut plain, mut before) = (Vec::new(), 0);
        put_length(blobs.len(), &mut plain);
        for (slot, bytes) in blobs {
            put_length((slot - before) as usize, &mut plain);
            put_length(bytes.len(), &mut plain);
            before = *slot;
        }
        blobs.iter().for_each(|(_, bytes)| plain.extend_from_slice(bytes));
        let packed = deflated(&plain).filter(|packed| packed.len() < plain.len());
        let chunk = packed.unwrap_or_else(|| [&[PLAIN], &plain[..]].concat());
        self.push_chunk(key, BLOBS, chunk)
    }
}

/// The chunk deflated; `None` where it is longer than would be read.
fn deflated(plain: &[u8]) -> Option<Vec<u8>> {
    let mut chunk = vec![DEFLATED];
    put_length(plain.len(), &mut chunk);
    let mut encoder = DeflateEncoder::new(chunk, Compression::default());
    encoder.write_all(plain).ok().filter(|()| plain.len() <= LONGEST_PLAIN)?;
    encoder.finish().ok()
}

impl Segment {
    /// The slots of a series that have bytes; `None` when the segment has none of it.
    ///
    /// # Errors
    /// The chunk is damaged, or the system refuses.
    pub(crate) fn read_blobs(&self, key: Key) -> Result<Option<Vec<Blob>>, Error> {
        let Some((entry, chunk)) = self.chunk(key)? else { return Ok(None) };
        let blobs = Some(()).filter(|()| entry.codec == BLOBS).and_then(|()| decode(&chunk, self.stretch().slots));
        blobs.map(Some).ok_or_else(|| self.nonsense(key))
    }
}

fn decode(chunk: &[u8], slots: u32) -> Option<Vec<Blob>> {
    let inflated;
    let plain = match chunk.split_first()? {
        (&PLAIN, plain) => plain,
        (&DEFLATED, rest) => {
            let (length, packed) = take_length(rest).filter(|(length, _)| *length <= LONGEST_PLAIN)?;
            inflated = inflate(packed, length)?;
            &inflated
        }
        _ => return None,
    };
    let (count, mut rest) = take_length(plain).filter(|(count, _)| *count <= slots as usize)?;
    let (mut heads, mut slot) = (Vec::with_capacity(count), 0usize);
    for _ in 0..count {
        let (skipped, after) = take_length(rest)?;
        let (length, after) = take_length(after)?;
        slot = slot.checked_add(skipped).filter(|slot| *slot < slots as usize)?;
        heads.push((slot as u32, length));
        rest = after;
    }
    let mut blobs = Vec::with_capacity(count);
    for (slot, length) in heads {
        let (bytes, after) = rest.split_at_checked(length)?;
        blobs.push((slot, bytes.to_vec()));
        rest = after;
    }
    rest.is_empty().then_some(blobs)
}

fn inflate(packed: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    // A byte more than promised shows that there is more than promised.
    DeflateDecoder::new(packed).take(length as u64 + 1).read_to_end(&mut plain).ok()?;
    (plain.len() == length).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::segment::{Kind, Stretch};
    use crate::time::{Step, Timestamp};

    #[test]
    fn blobs_come_back_and_damage_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.seg");
        let stretch = Stretch { step: Step::new(10).expect("a step"), start: Timestamp(1000), slots: 360 };
        let mut draft = Draft::begin(&path, stretch, Kind::Sealed).expect("begun");
        let of = |i: u32, length: usize| (0..length).map(|at| (at as u32 * i % 7) as u8).collect::<Vec<u8>>();
        let blobs: Vec<Blob> = [0, 1, 5, 200, 359].map(|slot| (slot, of(slot, slot as usize * 9))).into();
        let key = |column| Key { column, generation: 0 };
        draft.push_blobs(key(1), &blobs).expect("pushed");
        draft.push_blobs(key(2), &[(3, vec![7])]).expect("pushed");
        draft.push_blobs(key(3), &[]).expect("pushed");
        draft.push(key(4), &[1.0; 360]).expect("pushed");
        draft.finish().expect("finished");
        let segment = Segment::open(&path).expect("a segment");
        assert_eq!(segment.read_blobs(key(1)).expect("readable"), Some(blobs.clone()));
        assert_eq!(segment.read_blobs(key(2)).expect("readable"), Some(vec![(3, vec![7])]));
        assert_eq!(segment.read_blobs(key(3)).expect("readable"), None);
        assert!(segment.read_blobs(key(4)).is_err() && segment.read(key(1), &mut [0.0; 360]).is_err());
        let bytes = std::fs::read(&path).expect("readable");
        for at in (0..bytes.len()).step_by(37) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 4;
            std::fs::write(&path, &damaged).expect("written");
            let Ok(segment) = Segment::open(&path) else { continue };
            if let Ok(found) = segment.read_blobs(key(1)) {
                assert_eq!(found.as_ref(), Some(&blobs));
            }
        }
    }

    #[test]
    fn a_chunk_that_lies_is_no_chunk() {
        let whole = deflated(&[2, 0, 1, 3, 2, 9, 8, 7]).expect("deflated");
        assert_eq!(decode(&whole, 4), Some(vec![(0, vec![9]), (3, vec![8, 7])]));
        for (chunk, slots) in
            [(&whole[..], 3), (&whole[..whole.len() - 1], 4), (&[2, 0], 4), (&[0, 9, 0, 1], 4), (&[0, 1, 0, 2, 7], 4)]
        {
            assert_eq!(decode(chunk, slots), None, "{chunk:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_blobs_or_none(mut bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80), packed: bool) {
            if packed {
                bytes = deflated(&bytes).expect("deflated");
            }
            if let Some(blobs) = decode(&bytes, 10) {
                assert!(blobs.iter().all(|(slot, _)| *slot < 10) && blobs.len() <= 10);
            }
        }
    }
}
