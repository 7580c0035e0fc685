//! What a proxy writes in front of its log line: nginx and HAProxy send StatsD lines through syslog, whose header is not
//! part of the name.

use memchr::memmem;

/// The line behind a header of RFC 3164 (`<190>Nov 22 08:02:22 host tag: `) or RFC 5424 (`<190>1 TIME HOST APP ID MSG - `);
/// a line without one as it is.
pub fn payload(line: &[u8]) -> &[u8] {
    message(line).unwrap_or(line)
}

fn message(line: &[u8]) -> Option<&[u8]> {
    let digits = line.strip_prefix(b"<")?;
    let end = digits.iter().take(4).position(|&byte| byte == b'>').filter(|&digits| digits > 0)?;
    let (priority, rest) = digits.split_at(end);
    let rest = priority.iter().all(u8::is_ascii_digit).then(|| &rest[1..])?;
    let Some(mut rest) = rest.strip_prefix(b"1 ") else {
        // The clock in the header has colons too, but no space behind them.
        return memmem::find(rest, b": ").map(|at| &rest[at + 2..]);
    };
    for _ in 0..5 {
        let space = rest.iter().position(|&byte| byte == b' ')?;
        rest = &rest[space + 1..];
    }
    rest.strip_prefix(b"- ").or_else(|| memmem::find(rest, b"] ").map(|at| &rest[at + 2..]))
}

#[cfg(test)]
mod tests {
    use super::payload;

    #[test]
    fn headers_end_where_the_message_begins() {
        let cases = [
            ("<190>Nov 22 08:02:22 vm nginx: web.GET.200:0.000|h", "web.GET.200:0.000|h"),
            ("<134>Nov 22 08:02:22 haproxy[123]: a:1|c|#k:v", "a:1|c|#k:v"),
            ("<14>tag: a: 1|c", "a: 1|c"),
            ("<134>1 2026-11-22T08:02:22.1+00:00 vm haproxy 1 - - a:1|c", "a:1|c"),
            ("<134>1 2026-11-22T08:02:22Z vm haproxy 1 - [x@1 a=\"b\"] a:1|c", "a:1|c"),
            ("<190>Nov 22 nothing", "<190>Nov 22 nothing"),
            ("<>a: b:1|c", "<>a: b:1|c"),
            ("<1234>a: b:1|c", "<1234>a: b:1|c"),
            ("<a>a: b:1|c", "<a>a: b:1|c"),
            ("<134>1 too short", "<134>1 too short"),
            ("<", "<"),
            ("a:1|c", "a:1|c"),
        ];
        for (line, message) in cases {
            assert_eq!(payload(line.as_bytes()), message.as_bytes(), "{line}");
        }
    }
}
