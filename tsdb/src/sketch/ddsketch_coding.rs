//! The stored form of a [`DdSketch`]: two bytes a bin at most while counts are small, one where bins lie side by side.
//!
//! ```text
//! version u8 | 1 | flags u8
//! accuracy, in millionths         if ACCURACY; else the default
//! limit of bins                   if LIMIT; else the default
//! samples | form u8 | weight | grain      if WEIGHED; else every sample weighs one
//! forms u8 u8 | min | max | sum | sum of squares      unless there are no samples
//! count of zero                   if ZERO
//! first key (signed) | last key less the first | bins      if POSITIVE, and again if NEGATIVE
//!   bin: token, which is the count and whether keys are skipped (see put_token) | keys skipped after it, if any
//! ```
//! Numbers are varints (wire.rs); counts are in grains, of which a sample of weight one has 1 unless WEIGHED says how many
//! 65,536ths a grain is. A form says how a double is written; each is expected to be what a single value would make it.

use super::bins::Bins;
use super::ddsketch::{Exact, UNITS};
use super::wire::{Unread, put_double, put_varint, zigzag};
use super::{Accuracy, BinLimit, DD, DdSketch, VERSION};

const ACCURACY: u8 = 1;
const LIMIT: u8 = 2;
const WEIGHED: u8 = 4;
const ZERO: u8 = 8;
const POSITIVE: u8 = 16;
const NEGATIVE: u8 = 32;
const KNOWN: u8 = ACCURACY | LIMIT | WEIGHED | ZERO | POSITIVE | NEGATIVE;

impl DdSketch {
    /// Appends the stored form.
    pub fn encode(&self, into: &mut Vec<u8>) {
        let grain = self.grain();
        let flags = [
            (ACCURACY, self.accuracy != Accuracy::DEFAULT),
            (LIMIT, self.limit != BinLimit::DEFAULT),
            (WEIGHED, grain.is_some()),
            (ZERO, self.zero > 0),
            (POSITIVE, !self.positive.is_empty()),
            (NEGATIVE, !self.negative.is_empty()),
        ];
        let flags = flags.iter().fold(0, |flags, &(flag, set)| if set { flags | flag } else { flags });
        into.extend([VERSION, DD, flags]);
        if flags & ACCURACY != 0 {
            put_varint(into, u64::from(self.accuracy.millionths()));
        }
        if flags & LIMIT != 0 {
            put_varint(into, u64::from(self.limit.bins()));
        }
        if let Some(grain) = grain {
            put_varint(into, self.exact.samples);
            let at = into.len();
            into.push(0);
            into[at] = put_double(into, self.exact.weight, self.exact.samples as f64);
            put_varint(into, grain);
        }
        let grain = grain.unwrap_or(UNITS);
        if self.exact.samples > 0 {
            self.exact.encode(into);
        }
        if flags & ZERO != 0 {
            put_varint(into, self.zero / grain);
        }
        for bins in [&self.positive, &self.negative] {
            bins.encode(into, grain);
        }
    }

    /// Reads exactly one stored form; memory as [`super::Sketch::decode`] says.
    pub(super) fn decode(bytes: &[u8]) -> Option<DdSketch> {
        let mut unread = Unread(bytes.strip_prefix(&[VERSION, DD])?);
        let flags = unread.byte().filter(|flags| flags & !KNOWN == 0)?;
        let (mut accuracy, mut limit) = (Accuracy::DEFAULT, BinLimit::DEFAULT);
        if flags & ACCURACY != 0 {
            accuracy = Accuracy::from_millionths(unread.varint()?.try_into().ok()?)?;
        }
        if flags & LIMIT != 0 {
            limit = BinLimit::new(unread.varint()?.try_into().ok()?)?;
        }
        let mut sketch = DdSketch::new(accuracy, limit);
        let mut grain = UNITS;
        if flags & WEIGHED != 0 {
            let samples = unread.varint()?;
            let form = unread.byte()?;
            let weight = unread.double(form, samples as f64).filter(|&weight| weight > 0.0)?;
            (sketch.exact.samples, sketch.exact.weight) = (samples, weight);
            grain = unread.varint()?;
        }
        let filled = flags & (ZERO | POSITIVE | NEGATIVE) != 0;
        if filled {
            sketch.exact.decode(&mut unread)?;
        }
        if flags & ZERO != 0 {
            sketch.zero = unread.varint()?.checked_mul(grain).filter(|&units| units > 0)?;
        }
        let (keys, limit) = (sketch.keys(), usize::from(limit.bins()));
        for (flag, bins) in [(POSITIVE, &mut sketch.positive), (NEGATIVE, &mut sketch.negative)] {
            if flags & flag != 0 {
                bins.decode(&mut unread, grain, limit, &keys)?;
            }
        }
        if flags & WEIGHED == 0 {
            let samples = u64::try_from(sketch.units() / u128::from(UNITS)).ok()?;
            (sketch.exact.samples, sketch.exact.weight) = (samples, samples as f64);
        }
        (unread.0.is_empty() && filled == (sketch.exact.samples > 0)).then_some(sketch)
    }

    /// How many 65,536ths all counts are multiples of; `None` when every sample weighs one.
    fn grain(&self) -> Option<u64> {
        let bins = [&self.positive, &self.negative];
        let counts = bins.into_iter().flat_map(|bins| bins.iter().map(|(_, units)| units)).chain([self.zero]);
        let whole = counts.clone().fold(0, |all, units| all | units).is_multiple_of(UNITS);
        let plain = u128::from(self.exact.samples) * u128::from(UNITS) == self.units();
        if whole && plain && self.exact.weight.to_bits() == (self.exact.samples as f64).to_bits() {
            return None;
        }
        Some(counts.fold(0, divisor).max(1))
    }
}

/// The greatest that divides both.
fn divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl Exact {
    fn encode(&self, into: &mut Vec<u8>) {
        let at = into.len();
        into.extend([0, 0]);
        let min = put_double(into, self.min, 0.0);
        let max = put_double(into, self.max, self.min);
        into[at] = min | max << 4;
        let sum = put_double(into, self.sum, self.max);
        let squares = put_double(into, self.squares, self.sum * self.sum);
        into[at + 1] = sum | squares << 4;
    }

    fn decode(&mut self, unread: &mut Unread<'_>) -> Option<()> {
        let (extremes, sums) = (unread.byte()?, unread.byte()?);
        self.min = unread.double(extremes & 15, 0.0)?;
        self.max = unread.double(extremes >> 4, self.min).filter(|&max| max >= self.min)?;
        self.sum = unread.double(sums & 15, self.max)?;
        self.squares = unread.double(sums >> 4, self.sum * self.sum).filter(|&squares| squares >= 0.0)?;
        Some(())
    }
}

impl Bins {
    fn encode(&self, into: &mut Vec<u8>, grain: u64) {
        let Some((first, last)) = self.range() else { return };
        let mut bins = self.iter().peekable();
        put_varint(into, zigzag(i64::from(first)));
        // Told ahead, so that a reader makes room once.
        put_varint(into, (last - first) as u64);
        while let Some((key, units)) = bins.next() {
            let skipped = bins.peek().map_or(0, |&(next, _)| next - key - 1) as u64;
            let count = units / grain;
            put_token(into, count, skipped > 0);
            if skipped > 0 {
                put_varint(into, skipped);
            }
        }
    }

    fn decode(
        &mut self,
        unread: &mut Unread<'_>,
        grain: u64,
        limit: usize,
        keys: &std::ops::RangeInclusive<i32>,
    ) -> Option<()> {
        let first = i32::try_from(unread.signed()?).ok().filter(|first| keys.contains(first))?;
        // Bounded before there is room for it, so that a lie about keys takes no memory.
        let span = unread.varint().filter(|&span| span < limit as u64)? as usize;
        let mut counts = vec![0u64; span + 1];
        let mut at = 0;
        loop {
            let (count, skips) = token(unread)?;
            *counts.get_mut(at)? = count.checked_mul(grain).filter(|&units| units > 0)?;
            if at == span {
                *self = Bins::of(first, counts)
                    .filter(|bins| bins.range().is_some_and(|(_, last)| keys.contains(&last)))?;
                return (!skips).then_some(());
            }
            let skipped = if skips { unread.varint().filter(|&skipped| skipped > 0)? } else { 0 };
            at = at.checked_add(usize::try_from(skipped).ok()?)?.checked_add(1)?;
        }
    }
}

/// A count and one bit: the count's lowest six bits and the bit in one byte where they fit, else the rest follows.
fn put_token(into: &mut Vec<u8>, count: u64, skips: bool) {
    let low = (count as u8 & 0x3f) << 1 | u8::from(skips);
    if count < 0x40 {
        into.push(low);
    } else {
        into.push(low | 0x80);
        put_varint(into, count >> 6);
    }
}

fn token(unread: &mut Unread<'_>) -> Option<(u64, bool)> {
    let byte = unread.byte()?;
    let low = u64::from(byte >> 1 & 0x3f);
    let high = if byte & 0x80 == 0 { 0 } else { unread.varint().filter(|&high| high > 0 && high >> 58 == 0)? };
    Some((high << 6 | low, byte & 1 == 1))
}
