//! Whole numbers in decimal, without the machinery of formatting: answers hold two for every point.

/// The digits of the largest number.
const DIGITS_MAX: usize = 20;

/// Appends a number.
pub fn push(out: &mut String, number: u64) {
    push_padded(out, number, 1);
}

/// Appends a number with a sign if it is below zero.
pub fn push_signed(out: &mut String, number: i64) {
    if number < 0 {
        out.push('-');
    }
    push(out, number.unsigned_abs());
}

/// Appends a number with zeros before it, so that it has `width` digits at least.
pub fn push_padded(out: &mut String, mut number: u64, width: usize) {
    let mut text = [b'0'; DIGITS_MAX];
    let mut at = DIGITS_MAX;
    while number > 0 {
        at -= 1;
        text[at] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    let from = at.min(DIGITS_MAX - width.min(DIGITS_MAX));
    out.push_str(std::str::from_utf8(&text[from..]).unwrap_or_default());
}
