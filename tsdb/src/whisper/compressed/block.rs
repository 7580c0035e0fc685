//! A block: points of one archive, packed bit by bit. Bytes in, points out; no byte sequence panics, and nothing is
//! reserved for what a block claims.

use crate::time::Step;
use std::ops::ControlFlow;

/// Bytes of the first point, which is not packed.
pub(super) const FIRST_BYTES: usize = 12;

/// The most points that so many bytes can hold: two bits a point.
pub(super) const POINTS_PER_BYTE: u64 = 4;

/// Hands the points of a block to `each` until it breaks off or `points` were handed out.
pub(super) fn decode(
    block: &[u8],
    step: Step,
    points: u64,
    mut each: impl FnMut(i64, f64) -> ControlFlow<()>,
) -> Result<(), &'static str> {
    let Some((first, packed)) = block.split_at_checked(FIRST_BYTES) else { return Err("is too short for a point") };
    let mut bits = Bits { bytes: packed, at: 0 };
    let at = i64::from(u32::from_be_bytes([first[0], first[1], first[2], first[3]]));
    let value = u64::from_be_bytes([first[4], first[5], first[6], first[7], first[8], first[9], first[10], first[11]]);
    let mut previous = (at, value);
    let mut before = previous;
    for _ in 1..points {
        if each(previous.0, f64::from_bits(previous.1)).is_break() {
            return Ok(());
        }
        let next = next_point(&mut bits, step, previous, before).ok_or("ends before its last point")?;
        if next.0 <= previous.0 || next.0 > i64::from(u32::MAX) {
            return Err("has points that are not in order");
        }
        (before, previous) = (previous, next);
    }
    let _ = each(previous.0, f64::from_bits(previous.1));
    Ok(())
}

/// A point as the difference to the two before it; `None` at the end mark and where the bits mean nothing.
fn next_point(bits: &mut Bits<'_>, step: Step, previous: (i64, u64), before: (i64, u64)) -> Option<(i64, u64)> {
    let at = next_time(bits, step, previous.0, before.0)?;
    if bits.take(1)? == 0 {
        return Some((at, previous.1));
    }
    let differing = if bits.take(1)? == 0 {
        // The bits that differed last time are those that can differ now.
        let window = previous.1 ^ before.1;
        if window == 0 {
            return None;
        }
        let (leading, trailing) = (window.leading_zeros(), window.trailing_zeros());
        bits.number(64 - leading - trailing)? << trailing
    } else {
        let leading = u32::try_from(bits.number(5)?).ok()?;
        match u32::try_from(bits.number(6)?).ok()? {
            // 63 and 64 share a code: all bits are there.
            63 => bits.number(64)?,
            0 => return None,
            length => bits.number(length)? << 64_u32.checked_sub(leading + length)?,
        }
    };
    Some((at, previous.1 ^ differing))
}

fn next_time(bits: &mut Bits<'_>, step: Step, previous: i64, before: i64) -> Option<i64> {
    let mut ones = 0;
    while ones < 4 && bits.take(1)? == 1 {
        ones += 1;
    }
    let length = match ones {
        0 => return Some(2 * previous - before),
        1 => 7,
        2 => 9,
        3 => 12,
        _ => {
            let at = bits.number(32)?;
            return (at != 0).then(|| i64::try_from(at).unwrap_or(0)); // 0 is the end mark
        }
    };
    let number = i64::try_from(bits.number(length)?).ok()?;
    // Sign and magnitude, not two's complement.
    let sign = 1 << (length - 1);
    let change = if number & sign == 0 { number } else { -(number & (sign - 1)) };
    Some(2 * previous - before + change * i64::from(step.secs()))
}

/// Bits from the highest of the first byte on.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// The next bits, at most 8, as they stand.
    fn take(&mut self, count: u32) -> Option<u64> {
        let mut taken = 0;
        for _ in 0..count {
            let byte = *self.bytes.get(self.at / 8)?;
            taken = taken << 1 | u64::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(taken)
    }

    /// A number of at most 64 bits: its lowest 8 bits stand first, what is left over at its top stands last.
    fn number(&mut self, count: u32) -> Option<u64> {
        let mut number = 0;
        let mut shift = 0;
        while shift < count {
            number |= self.take((count - shift).min(8))? << shift;
            shift += 8;
        }
        Some(number)
    }
}

/// CRC-32 as zlib has it.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| crc >> 8 ^ TABLE[(crc as u8 ^ byte) as usize])
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut crc = i as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn checksum_is_the_usual_one() {
        assert_eq!(checksum(b"123456789"), 0xCBF4_3926);
        assert_eq!(checksum(b""), 0);
    }

    #[test]
    fn numbers_begin_with_their_lowest_byte() {
        // 12 bits: 0xBC, then the 4 bits 0xA: 0xABC.
        let mut bits = Bits { bytes: &[0xBC, 0xA0], at: 0 };
        assert_eq!(bits.number(12), Some(0xABC));
        assert_eq!(bits.number(5), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(block in proptest::collection::vec(any::<u8>(), 0..200), step in 1u32.., points in 0u64..5000) {
            let mut last = -1;
            let _ = decode(&block, Step::new(step).expect("positive"), points, |at, _| {
                assert!(at > last, "times grow");
                last = at;
                ControlFlow::Continue(())
            });
        }
    }
}
