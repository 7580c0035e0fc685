//! The written forms inside a pickle: numbers as text or as bytes of any length, and texts with Python's escapes.

use crate::wire::number::python;

/// The number on the line of INT (`I`), LONG (`L`) or FLOAT (`F`).
pub(super) fn decimal(opcode: u8, line: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(line).ok()?;
    if opcode == b'F' {
        return python(text);
    }
    // Python 2 wrote `L` behind a long. True and False are 01 and 00.
    let digits = if opcode == b'L' { text.strip_suffix('L').unwrap_or(text) } else { text };
    let unsigned = digits.strip_prefix(['-', '+']).unwrap_or(digits);
    let is_integer = !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit());
    is_integer.then(|| digits.parse().ok()).flatten()
}

/// An integer in two's complement, the least byte first, rounded once to the nearest double; infinite beyond its range,
/// where Python refuses.
pub(super) fn little_endian(bytes: &[u8]) -> f64 {
    // Fifteen bytes leave an i128 room for the sign; what is below them can only decide a tie.
    const TOP: usize = 15;
    let filler = if bytes.last().is_some_and(|&byte| byte >= 0x80) { 0xff } else { 0 };
    let used = bytes.iter().rposition(|&byte| byte != filler).map_or(0, |at| at + 1);
    let (below, top) = bytes[..used].split_at(used.saturating_sub(TOP));
    let mut wide = [filler; 16];
    wide[..top.len()].copy_from_slice(top);
    let sticky = i128::from(below.iter().any(|&byte| byte != 0));
    let bits = i32::try_from(8 * below.len()).unwrap_or(i32::MAX);
    let mantissa = (i128::from_le_bytes(wide) | sticky) as f64;
    // Two exact steps, because 2^bits alone may be beyond the range where the product is not.
    mantissa * 2f64.powi(bits / 2) * 2f64.powi(bits - bits / 2)
}

/// The text of STRING: quoted as Python's `repr` quotes it.
pub(super) fn string(line: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let line = line.trim_ascii();
    let [open @ (b'\'' | b'"'), inner @ .., close] = line else { return None };
    if open != close {
        return None;
    }
    let mut rest = inner;
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'\\' {
            out.push(*byte);
            continue;
        }
        let [escape, after @ ..] = rest else { return None };
        rest = after;
        match escape {
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'\\' | b'\'' | b'"' => out.push(*escape),
            b'x' => {
                let (digits, after) = rest.split_first_chunk::<2>()?;
                out.push(u8::try_from(hex(digits)?).ok()?);
                rest = after;
            }
            // No sender writes another one; none of them could be part of a name.
            _ => return None,
        }
    }
    Some(())
}

/// The text of UNICODE: Latin-1 with `\uXXXX` and `\UXXXXXXXX`, put out as UTF-8.
pub(super) fn unicode(line: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut rest = line;
    while let [byte, after @ ..] = rest {
        rest = after;
        let (point, after) = match (byte, rest) {
            (b'\\', [b'u', digits @ ..]) => {
                digits.split_first_chunk::<4>().map(|(digits, after)| (hex(digits), after))?
            }
            (b'\\', [b'U', digits @ ..]) => {
                digits.split_first_chunk::<8>().map(|(digits, after)| (hex(digits), after))?
            }
            _ => (Some(u32::from(*byte)), rest),
        };
        rest = after;
        let letter = char::from_u32(point?)?;
        out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Some(())
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, &digit| Some(value << 4 | char::from(digit).to_digit(16)?))
}
