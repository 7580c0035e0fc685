//! A colour as pictures and requests write it: `rrggbb`, `#rrggbbaa` or one of Graphite's names. Drawing mixes and
//! compares colours only through this type, so that both sinks see the same eight bits a channel.

use std::fmt;

/// Red, green, blue and opacity, 0 to 255 each, not premultiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Color {
    /// Red.
    pub r: u8,
    /// Green.
    pub g: u8,
    /// Blue.
    pub b: u8,
    /// Opacity: 255 hides what is below.
    pub a: u8,
}

/// The names graphite-web knows (its `colorAliases`), so that old dashboards keep their look.
const NAMES: [(&str, u32); 22] = [
    ("black", 0x000000),
    ("white", 0xffffff),
    ("blue", 0x6464ff),
    ("green", 0x00c800),
    ("red", 0xc80032),
    ("yellow", 0xffff00),
    ("orange", 0xffa500),
    ("purple", 0xc864ff),
    ("brown", 0x966432),
    ("cyan", 0x00ffff),
    ("aqua", 0x009696),
    ("gray", 0xafafaf),
    ("grey", 0xafafaf),
    ("magenta", 0xff00ff),
    ("pink", 0xff6464),
    ("gold", 0xc8c800),
    ("rose", 0xc896c8),
    ("darkblue", 0x0000ff),
    ("darkgreen", 0x00ff00),
    ("darkred", 0xff0000),
    ("darkgray", 0x6f6f6f),
    ("darkgrey", 0x6f6f6f),
];

impl Color {
    /// An opaque colour from `0xrrggbb`.
    pub const fn rgb(hex: u32) -> Color {
        Color { r: (hex >> 16) as u8, g: (hex >> 8) as u8, b: hex as u8, a: 255 }
    }

    /// Reads a name, `rrggbb`, `#rrggbb` or either with two more digits of opacity; `None` for anything else.
    pub fn parse(text: &str) -> Option<Color> {
        let text = text.trim();
        if let Some(&(_, hex)) = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
            return Some(Color::rgb(hex));
        }
        let digits = text.strip_prefix('#').unwrap_or(text);
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let number = u32::from_str_radix(digits, 16).ok()?;
        match digits.len() {
            6 => Some(Color::rgb(number)),
            8 => Some(Color { a: number as u8, ..Color::rgb(number >> 8) }),
            _ => None,
        }
    }

    /// The same colour with its opacity multiplied; `share` outside 0..1 is cut.
    pub fn fade(self, share: f32) -> Color {
        Color { a: (f32::from(self.a) * share.clamp(0.0, 1.0) + 0.5) as u8, ..self }
    }

    /// Opaque, on the way from `self` (0) to `other` (1).
    pub fn toward(self, other: Color, share: f32) -> Color {
        let mix = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * share.clamp(0.0, 1.0) + 0.5) as u8;
        Color { r: mix(self.r, other.r), g: mix(self.g, other.g), b: mix(self.b, other.b), a: 255 }
    }

    /// Opacity from 0 to 1.
    pub fn opacity(self) -> f32 {
        f32::from(self.a) / 255.0
    }

    /// Relative luminance as WCAG defines it, from 0 (black) to 1 (white).
    pub fn luminance(self) -> f32 {
        let linear = |channel: u8| {
            let c = f32::from(channel) / 255.0;
            if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.r) + 0.7152 * linear(self.g) + 0.0722 * linear(self.b)
    }

    /// WCAG contrast, from 1 (equal) to 21; lines need 3, text 4.5.
    pub fn contrast(self, other: Color) -> f32 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }
}

/// `#rrggbb`: opacity is an attribute of its own in SVG and CSS.
impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.r, self.g, self.b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_digits_are_read_and_nothing_else() {
        assert_eq!(Color::parse("Red"), Some(Color::rgb(0xc80032)));
        assert_eq!(Color::parse("#1f43b7"), Some(Color::rgb(0x1f43b7)));
        assert_eq!(Color::parse("1f43b780"), Some(Color { a: 0x80, ..Color::rgb(0x1f43b7) }));
        for bad in ["", "#", "12345", "+12345", "reddish", "1f43b7800", "ééé"] {
            assert_eq!(Color::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn contrast_is_that_of_wcag() {
        assert!((Color::rgb(0).contrast(Color::rgb(0xffffff)) - 21.0).abs() < 0.01);
    }
}
