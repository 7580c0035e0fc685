//! The stored form of a [`Hll`]: four or five bytes a member while they are few, then half a byte a register.
//!
//! ```text
//! version u8 | 2 | lg_k u8, with 128 added while members are few
//! few:  number | each place * 64 + rank as the difference to the one before
//! many: base u8 | two registers a byte, the first in the lower half, each less the base | what did not fit
//!   15 says that it did not fit: the rank itself is a byte behind the registers, in their order
//! ```

use super::hll::{Members, few};
use super::wire::{Unread, put_varint};
use super::{HLL, Hll, LgK, VERSION};

const FEW: u8 = 0x80;
/// Of a rank: 38 bits of a hash may all be zero.
const RANKS_FEW: std::ops::RangeInclusive<u32> = 1..=39;

impl Hll {
    /// Appends the stored form.
    pub fn encode(&self, into: &mut Vec<u8>) {
        let lg_k = self.lg_k.bits() as u8;
        match &self.members {
            Members::Few(coupons) => {
                into.extend([VERSION, HLL, lg_k | FEW]);
                put_varint(into, coupons.len() as u64);
                let mut before = 0;
                for &coupon in coupons {
                    put_varint(into, u64::from(coupon - before));
                    before = coupon;
                }
            }
            Members::Many(registers) => {
                let base = registers.iter().copied().min().unwrap_or(0);
                into.extend([VERSION, HLL, lg_k, base]);
                let nibble = |rank: u8| (rank - base).min(15);
                into.extend(registers.as_chunks().0.iter().map(|&[low, high]| nibble(low) | nibble(high) << 4));
                into.extend(registers.iter().filter(|&&rank| rank - base >= 15));
            }
        }
    }

    /// Reads exactly one stored form; memory as [`super::Sketch::decode`] says.
    pub(super) fn decode(bytes: &[u8]) -> Option<Hll> {
        let mut unread = Unread(bytes.strip_prefix(&[VERSION, HLL])?);
        let size = unread.byte()?;
        let lg_k = LgK::new(size & !FEW)?;
        let members = if size & FEW != 0 { coupons(&mut unread, lg_k) } else { registers(&mut unread, lg_k) }?;
        unread.0.is_empty().then_some(Hll { lg_k, members })
    }
}

fn coupons(unread: &mut Unread<'_>, lg_k: LgK) -> Option<Members> {
    let number = unread.varint()?;
    // A coupon has a byte at least.
    let number = usize::try_from(number).ok().filter(|&number| number <= few(lg_k).min(unread.0.len()))?;
    let mut coupons = Vec::with_capacity(number);
    let mut before = 0u32;
    for nth in 0..number {
        let coupon = before.checked_add(u32::try_from(unread.varint()?).ok()?)?;
        // One for each place.
        if !RANKS_FEW.contains(&(coupon & 63)) || (nth > 0 && coupon >> 6 == before >> 6) {
            return None;
        }
        coupons.push(coupon);
        before = coupon;
    }
    Some(Members::Few(coupons))
}

fn registers(unread: &mut Unread<'_>, lg_k: LgK) -> Option<Members> {
    let highest = 65 - lg_k.bits() as u8;
    let base = unread.byte().filter(|&base| base <= highest)?;
    let halves = unread.bytes(lg_k.registers() / 2)?.iter();
    let mut registers: Vec<u8> = Vec::with_capacity(lg_k.registers());
    registers.extend(halves.flat_map(|half| [half & 15, half >> 4]));
    for register in &mut registers {
        let rank = if *register == 15 { unread.byte().filter(|&rank| rank >= base + 15)? } else { base + *register };
        *register = Some(rank).filter(|&rank| rank <= highest)?;
    }
    Some(Members::Many(registers))
}
