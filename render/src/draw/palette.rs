//! The two designed palettes and the choice of a colour for every series of a picture. Light and dark are not
//! inversions of each other; the same hue has the same index in both, so that a series keeps its hue over a switch.

use super::color::Color;

/// Which of the two designed looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark ink on white.
    #[default]
    Light,
    /// Light ink on near-black.
    Dark,
}

/// Every colour a picture is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Palette {
    /// Behind everything.
    pub ground: Color,
    /// Title, names and last values.
    pub text: Color,
    /// Tick labels, subtitle, the rest of the legend's numbers.
    pub muted: Color,
    /// Horizontal grid lines and day changes.
    pub grid: Color,
    /// The base line, the zero line and the ticks.
    pub axis: Color,
    /// Thresholds.
    pub alarm: Color,
    /// Blue, orange, green, amber, sky, violet, plum, grey: told apart by every kind of colour sight.
    pub lines: [Color; 8],
}

const LIGHT: Palette = Palette {
    ground: Color::rgb(0xffffff),
    text: Color::rgb(0x14181f),
    muted: Color::rgb(0x5d6672),
    grid: Color::rgb(0xe8eaed),
    axis: Color::rgb(0x868e99),
    alarm: Color::rgb(0xc9252d),
    lines: [
        Color::rgb(0x1f43b7),
        Color::rgb(0xb13b0f),
        Color::rgb(0x2f8668),
        Color::rgb(0xbb8a36),
        Color::rgb(0x0b9bdb),
        Color::rgb(0x582881),
        Color::rgb(0x7f3757),
        Color::rgb(0x91959a),
    ],
};

const DARK: Palette = Palette {
    ground: Color::rgb(0x12161d),
    text: Color::rgb(0xf1f3f6),
    muted: Color::rgb(0x9ba4b0),
    grid: Color::rgb(0x262c36),
    axis: Color::rgb(0x66707e),
    alarm: Color::rgb(0xff6b72),
    lines: [
        Color::rgb(0x77bbfa),
        Color::rgb(0xe7573e),
        Color::rgb(0x289c80),
        Color::rgb(0xf4e38f),
        Color::rgb(0x8debfe),
        Color::rgb(0x936edb),
        Color::rgb(0xc882bc),
        Color::rgb(0xbcbdbf),
    ],
};

impl Theme {
    /// The theme's colours.
    pub fn palette(self) -> &'static Palette {
        match self {
            Theme::Light => &LIGHT,
            Theme::Dark => &DARK,
        }
    }
}

/// A place in the sequence of looks: eight colours solid, then the same eight dashed, and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Index into [`Palette::lines`].
    pub hue: usize,
    /// 0 is solid; each further round of the eight colours has a dash pattern of its own.
    pub round: usize,
}

/// One look per name, in the order of `names`. It depends on the set of names alone, not on their order, values or
/// range: a name asks for the colour its hash says, and where several ask for one, the first in the alphabet has it.
/// Equal names share a look.
pub fn looks(names: &[&str]) -> Vec<Look> {
    let mut sorted: Vec<&str> = names.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let chosen: Vec<Look> = sorted.chunks(8).enumerate().flat_map(|(round, chunk)| share_out(chunk, round)).collect();
    names
        .iter()
        .map(|name| {
            let at = sorted.binary_search(name).expect("every name was put into the sorted list above");
            chosen[at]
        })
        .collect()
}

/// At most eight names, each of another hue: first those whose wish is free, then the rest into what is left.
fn share_out(names: &[&str], round: usize) -> Vec<Look> {
    let mut owner: [Option<usize>; 8] = [None; 8];
    let mut hues: Vec<Option<usize>> = vec![None; names.len()];
    for (i, name) in names.iter().enumerate() {
        let wish = wish(name);
        if owner[wish].is_none() {
            owner[wish] = Some(i);
            hues[i] = Some(wish);
        }
    }
    for (i, name) in names.iter().enumerate() {
        if hues[i].is_none() {
            let wish = wish(name);
            let free = (0..8).map(|k| (wish + k) % 8).find(|&hue| owner[hue].is_none());
            let hue = free.expect("no more than eight names share eight hues");
            owner[hue] = Some(i);
            hues[i] = Some(hue);
        }
    }
    hues.into_iter().map(|hue| Look { hue: hue.unwrap_or(0), round }).collect()
}

/// FNV-1a: the same on every machine and release, unlike the standard library's hasher.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn wish(name: &str) -> usize {
    let h = hash(name.as_bytes());
    // The low bits of FNV mix poorly for names that differ in their last letter only; fold the high ones in.
    // Nobody wishes for grey, the last: a line that stands alone should not look like a grid line.
    ((h ^ (h >> 29) ^ (h >> 47)) % 7) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_stands_out_from_its_ground_and_text_more_so() {
        for theme in [Theme::Light, Theme::Dark] {
            let palette = theme.palette();
            for color in palette.lines.into_iter().chain([palette.axis, palette.alarm]) {
                let contrast = color.contrast(palette.ground);
                // WCAG 1.4.11; the grey of the light palette is nearest to it, with 3.01.
                assert!(contrast >= 3.0, "{color} on {} is {contrast}", palette.ground);
            }
            for color in [palette.text, palette.muted, palette.alarm] {
                assert!(color.contrast(palette.ground) >= 4.5, "{color} as text on {}", palette.ground);
            }
        }
    }

    #[test]
    fn a_look_depends_on_the_set_of_names_alone() {
        let names = ["p50", "p95", "p99", "api.auth", "api.sync", "api.push", "api.pair", "api.ota"];
        let there = looks(&names);
        let mut back: Vec<&str> = names.to_vec();
        back.reverse();
        let mut mirrored = looks(&back);
        mirrored.reverse();
        assert_eq!(there, mirrored);
        let mut hues: Vec<usize> = there.iter().map(|look| look.hue).collect();
        hues.sort_unstable();
        assert_eq!(hues, [0, 1, 2, 3, 4, 5, 6, 7], "eight series have eight colours");
    }

    #[test]
    fn beyond_eight_the_dash_changes_and_no_look_is_used_twice() {
        let names: Vec<String> = (0..40).map(|i| format!("web.{i}.cpu")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut seen = Vec::new();
        for look in looks(&names) {
            assert!(!seen.contains(&look));
            seen.push(look);
        }
        assert!(looks(&["same", "same"]).windows(2).all(|pair| pair[0] == pair[1]));
    }
}
