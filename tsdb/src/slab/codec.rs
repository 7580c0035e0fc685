//! One series' stretch of slots as bytes and back, to the last bit. Each chunk takes the shortest of the codings below.
//!
//! ```text
//! constant   8 bytes: every slot holds this value
//! dense      pco of all slots; none is a gap
//! sparse     which slots hold a value, then pco of those values
//! raw        8 bytes a slot
//! few        which slots hold a value, then 8 bytes for each
//!
//! which slots hold a value: u8 0 and a bitmap, or u8 1, u16 count and so many u16 lengths of runs, gaps first
//! ```
//! A chunk without any value is not written at all.

use crate::gap::{GAP, is_gap};
use pco::ChunkConfig;
use pco::wrapped::{FileCompressor, FileDecompressor};

/// How a chunk is coded; a byte in the segment's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Constant = 1,
    Dense = 2,
    Sparse = 3,
    Raw = 4,
    Few = 5,
}

impl Codec {
    /// The codec that a byte stands for.
    pub(crate) fn of(byte: u8) -> Option<Codec> {
        let all = [Codec::Constant, Codec::Dense, Codec::Sparse, Codec::Raw, Codec::Few];
        all.into_iter().find(|codec| *codec as u8 == byte)
    }
}

/// How hard pco tries. On the mixed series of the benches, chunks of 360 slots: 2.55 bytes a point and 16 M slots a second at
/// 4, 2.46 and 10 M at 8; a million series an hour are 36 s of one core.
const LEVEL: usize = 8;

/// Values of a chunk with gaps up to which pco is not asked: it takes a dozen bytes and 5 us before the first one.
const FEW: usize = 4;

/// The longest chunk: what the length of a run can say.
pub(crate) const LONGEST_CHUNK: usize = u16::MAX as usize;

const BITMAP: u8 = 0;
const RUNS: u8 = 1;

/// Buffers that are kept from chunk to chunk.
#[derive(Default)]
pub(crate) struct Coder {
    present: Vec<f64>,
    runs: Vec<u16>,
    packed: Vec<u8>,
}

impl Coder {
    /// Appends the coded slots to `out`; `None`, and nothing appended, when all are gaps.
    pub(crate) fn encode(&mut self, values: &[f64], out: &mut Vec<u8>) -> Option<Codec> {
        assert!(!values.is_empty() && values.len() <= LONGEST_CHUNK, "a chunk of {} slots", values.len());
        self.present.clear();
        self.present.extend(values.iter().copied().filter(|value| !is_gap(*value)));
        let first = self.present.first()?.to_bits();
        if self.present.len() == values.len() && values.iter().all(|value| value.to_bits() == first) {
            out.extend_from_slice(&first.to_le_bytes());
            return Some(Codec::Constant);
        }
        let start = out.len();
        let codec = match self.present.len() {
            all if all == values.len() => Codec::Dense,
            few if few <= FEW => Codec::Few,
            _ => Codec::Sparse,
        };
        if codec != Codec::Dense {
            self.presence(values, out);
        }
        self.packed.clear();
        let packed = match codec {
            Codec::Few => {
                self.present.iter().for_each(|value| self.packed.extend_from_slice(&value.to_le_bytes()));
                true
            }
            _ => pack(&self.present, &mut self.packed).is_some(),
        };
        out.extend_from_slice(&self.packed);
        if packed && out.len() - start < values.len() * 8 {
            return Some(codec);
        }
        out.truncate(start);
        values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
        Some(Codec::Raw)
    }

    /// Fills `values` from a chunk; `None` when the bytes are no such chunk.
    pub(crate) fn decode(&mut self, codec: Codec, bytes: &[u8], values: &mut [f64]) -> Option<()> {
        match codec {
            Codec::Constant => values.fill(f64::from_le_bytes(bytes.try_into().ok()?)),
            Codec::Dense => unpack(bytes, values)?,
            Codec::Sparse => self.decode_sparse(bytes, values, unpack)?,
            Codec::Few => self.decode_sparse(bytes, values, read_words)?,
            Codec::Raw => read_words(bytes, values)?,
        }
        Some(())
    }

    /// Appends which slots hold a value, in the shorter of its two forms.
    fn presence(&mut self, values: &[f64], out: &mut Vec<u8>) {
        self.runs.clear();
        let mut gap = true;
        let mut length = 0;
        for value in values {
            if is_gap(*value) != gap {
                self.runs.push(length);
                (gap, length) = (!gap, 0);
            }
            length += 1;
        }
        self.runs.push(length);
        if 3 + self.runs.len() * 2 < 1 + values.len().div_ceil(8) {
            out.push(RUNS);
            out.extend_from_slice(&(self.runs.len() as u16).to_le_bytes());
            self.runs.iter().for_each(|run| out.extend_from_slice(&run.to_le_bytes()));
            return;
        }
        out.push(BITMAP);
        for eight in values.chunks(8) {
            let bits = eight.iter().enumerate().map(|(i, value)| u8::from(!is_gap(*value)) << i);
            out.push(bits.fold(0, |byte, bit| byte | bit));
        }
    }

    fn decode_sparse(
        &mut self,
        bytes: &[u8],
        values: &mut [f64],
        read_present: fn(&[u8], &mut [f64]) -> Option<()>,
    ) -> Option<()> {
        let (form, rest) = bytes.split_first()?;
        values.fill(GAP);
        // A value of its own stands in the slots until the real ones are known.
        let rest = match *form {
            BITMAP => {
                let (bitmap, rest) = rest.split_at_checked(values.len().div_ceil(8))?;
                let held = |i: usize| bitmap[i / 8] & 1 << (i % 8) != 0;
                (0..values.len()).filter(|i| held(*i)).for_each(|i| values[i] = 0.0);
                rest
            }
            RUNS => {
                let (count, rest) = rest.split_first_chunk::<2>()?;
                let (runs, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*count)) * 2)?;
                let mut at = 0;
                for (i, run) in runs.as_chunks::<2>().0.iter().enumerate() {
                    let end = at + usize::from(u16::from_le_bytes(*run));
                    let run = values.get_mut(at..end)?;
                    if i % 2 == 1 {
                        run.fill(0.0);
                    }
                    at = end;
                }
                rest
            }
            _ => return None,
        };
        let present = values.iter().filter(|value| !is_gap(**value)).count();
        self.present.clear();
        self.present.resize(present, 0.0);
        read_present(rest, &mut self.present)?;
        let slots = values.iter_mut().filter(|value| !is_gap(**value));
        slots.zip(&self.present).for_each(|(slot, value)| *slot = *value);
        Some(())
    }
}

/// Appends pco's coding of at least one value.
fn pack(values: &[f64], out: &mut Vec<u8>) -> Option<()> {
    let config = ChunkConfig::default().with_compression_level(LEVEL);
    let file = FileCompressor::default();
    file.write_header(&mut *out).ok()?;
    let mut chunk = file.chunk_compressor(values, &config).ok()?;
    chunk.write_meta(&mut *out).ok()?;
    // One page: a chunk is far below pco's limit for one.
    chunk.write_page(0, out).ok()?;
    Some(())
}

fn read_words(bytes: &[u8], values: &mut [f64]) -> Option<()> {
    let (words, []) = bytes.as_chunks::<8>() else { return None };
    if words.len() != values.len() {
        return None;
    }
    values.iter_mut().zip(words).for_each(|(value, word)| *value = f64::from_le_bytes(*word));
    Some(())
}

fn unpack(bytes: &[u8], values: &mut [f64]) -> Option<()> {
    let (file, rest) = FileDecompressor::new(bytes).ok()?;
    let (mut chunk, rest) = file.chunk_decompressor::<f64, _>(rest).ok()?;
    let mut page = chunk.page_decompressor(rest, values.len()).ok()?;
    let progress = page.read(values).ok()?;
    (progress.n_processed == values.len()).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn there_and_back(values: &[f64]) -> (Option<Codec>, usize) {
        let (mut coder, mut bytes) = (Coder::default(), vec![7]);
        let codec = coder.encode(values, &mut bytes);
        if let Some(codec) = codec {
            assert_eq!(Codec::of(codec as u8), Some(codec));
            let mut back = vec![1.0; values.len()];
            coder.decode(codec, &bytes[1..], &mut back).expect("a chunk of its own");
            let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&back), bits(values));
        }
        (codec, bytes.len() - 1)
    }

    #[test]
    fn each_kind_of_series_takes_its_coding() {
        assert_eq!(there_and_back(&[GAP; 360]), (None, 0));
        assert_eq!(there_and_back(&[1.5; 360]), (Some(Codec::Constant), 8));
        let counts: Vec<f64> = (0..360).map(|i| f64::from(i * 7919 % 50)).collect();
        let (codec, bytes) = there_and_back(&counts);
        assert!(codec == Some(Codec::Dense) && bytes < 360, "{bytes} bytes");
        let mut outage = counts.clone();
        outage[100..200].fill(GAP);
        let (codec, bytes) = there_and_back(&outage);
        assert!(codec == Some(Codec::Sparse) && bytes < 270, "{bytes} bytes");
        let seldom: Vec<f64> = (0..360).map(|i| if i % 10 == 3 { f64::from(i) } else { GAP }).collect();
        let (codec, bytes) = there_and_back(&seldom);
        assert!(codec == Some(Codec::Sparse) && bytes < 140, "{bytes} bytes");
        let mut once = vec![GAP; 360];
        once[7] = 0.1;
        assert_eq!(there_and_back(&once), (Some(Codec::Few), 3 + 3 * 2 + 8));
        once[300..303].fill(f64::NAN);
        assert_eq!(there_and_back(&once), (Some(Codec::Few), 3 + 5 * 2 + 4 * 8));
        let odd = [f64::NAN, -0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE, 5e-324, GAP, f64::MAX];
        there_and_back(&odd);
    }

    proptest! {
        #[test]
        fn any_bits_come_back(values in prop::collection::vec(prop_oneof![any::<u64>(), Just(GAP.to_bits())], 1..300)) {
            there_and_back(&values.into_iter().map(f64::from_bits).collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_are_a_chunk_or_none(codec in 1u8..6, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let codec = Codec::of(codec).expect("a codec");
            // Whatever it answers, it ends; pco itself is only given bytes whose checksum fits.
            if codec == Codec::Constant || codec == Codec::Raw {
                let mut values = [0.0; 20];
                let answered = Coder::default().decode(codec, &bytes, &mut values);
                prop_assert_eq!(answered.is_some(), bytes.len() == if codec == Codec::Raw { 160 } else { 8 });
            } else if codec == Codec::Few {
                Coder::default().decode(codec, &bytes, &mut [0.0; 20]);
            }
        }
    }
}
