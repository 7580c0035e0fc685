//! Numbers as bytes: variable-length integers, and doubles as short as their decimals allow.

/// Seven bits a byte, the lowest first; the last byte is below 128.
pub(super) fn put_varint(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push(number as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

/// Small numbers of either sign as small ones without.
pub(super) fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// A double's form, four bits: it is the expected one, or a whole number over a power of ten, or its eight bytes.
pub(super) type Form = u8;

const EXPECTED: Form = 0;
/// Forms 1 to 7 have 0 to 6 decimals: StatsD's values are decimal text, and few have more.
const DECIMALS: [f64; 7] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];
const WHOLE: Form = 15;

/// Appends the double and says in which form.
pub(super) fn put_double(into: &mut Vec<u8>, value: f64, expected: f64) -> Form {
    if value.to_bits() == expected.to_bits() {
        return EXPECTED;
    }
    for (form, scale) in (1..).zip(DECIMALS) {
        let scaled = value * scale;
        // Beyond 48 bits the eight bytes are as short.
        if scaled.abs() < (1u64 << 48) as f64 && (scaled as i64 as f64 / scale).to_bits() == value.to_bits() {
            put_varint(into, zigzag(scaled as i64));
            return form;
        }
    }
    into.extend_from_slice(&value.to_le_bytes());
    WHOLE
}

/// What is left to read; every answer is `None` when the bytes end early or are not what was asked for.
pub(super) struct Unread<'a>(pub &'a [u8]);

impl Unread<'_> {
    pub fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    /// In the one form that [`put_varint`] writes.
    pub fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return None;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return (bits > 0 || shift == 0).then_some(number);
            }
        }
        None
    }

    pub fn signed(&mut self) -> Option<i64> {
        self.varint().map(unzigzag)
    }

    /// A finite double.
    pub fn double(&mut self, form: Form, expected: f64) -> Option<f64> {
        let value = match form {
            EXPECTED => expected,
            WHOLE => {
                let (bytes, rest) = self.0.split_first_chunk()?;
                self.0 = rest;
                f64::from_le_bytes(*bytes)
            }
            _ => self.signed()? as f64 / DECIMALS.get(usize::from(form) - 1)?,
        };
        value.is_finite().then_some(value)
    }

    pub fn bytes(&mut self, count: usize) -> Option<&[u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }
}
