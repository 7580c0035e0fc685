//! A gap: the slot of a series that holds no value. One bit pattern of NaN stands for it, so that a series is a plain
//! `Vec<f64>`; a NaN that was stored as a value (rare: receivers refuse it) stays a value and is not a gap.

/// The value of a slot that was never written. Compare with [`is_gap`], never with `==`.
pub const GAP: f64 = f64::from_bits(0x7ff8_0000_0067_6170);

/// Whether the slot holds no value. True for [`GAP`] alone, false for every other NaN.
#[inline]
pub fn is_gap(value: f64) -> bool {
    value.to_bits() == GAP.to_bits()
}
