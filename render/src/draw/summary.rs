//! What a series amounts to within a window: the numbers of the legend and the range of the axis, in one pass over its
//! values. A value that is not finite has no place on an axis; it counts as absent.

/// Statistics of the values that are present and finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// The newest.
    pub last: f64,
    /// The smallest.
    pub min: f64,
    /// Their mean.
    pub avg: f64,
    /// The largest.
    pub max: f64,
    /// How many there are.
    pub count: usize,
    /// Whether each is a whole number, so that an axis need not say 0.5 errors.
    pub whole: bool,
}

/// `None` when no value is present.
pub fn of(values: &[f64]) -> Option<Summary> {
    let last = values.iter().rev().copied().find(|v| v.is_finite())?;
    let (mut min, mut max) = (last, last);
    let (mut sum, mut count) = (0.0, 0_usize);
    // Four independent lanes, so that the compiler may keep them in vector registers.
    let (mut lows, mut highs, mut sums, mut counts) = ([last; 4], [last; 4], [0.0; 4], [0_u64; 4]);
    let chunks = values.chunks_exact(4);
    let rest = chunks.remainder();
    for chunk in chunks {
        for lane in 0..4 {
            let v = chunk[lane];
            let present = v.is_finite();
            let or_last = if present { v } else { last };
            lows[lane] = if or_last < lows[lane] { or_last } else { lows[lane] };
            highs[lane] = if or_last > highs[lane] { or_last } else { highs[lane] };
            sums[lane] += if present { v } else { 0.0 };
            counts[lane] += u64::from(present);
        }
    }
    for &v in rest.iter().filter(|v| v.is_finite()) {
        min = min.min(v);
        max = max.max(v);
        sum += v;
        count += 1;
    }
    for lane in 0..4 {
        min = min.min(lows[lane]);
        max = max.max(highs[lane]);
        sum += sums[lane];
        count += counts[lane] as usize;
    }
    // Whole numbers show themselves early; a long series is believed after its first thousand values.
    let whole = values.iter().take(1000).chain([&last]).filter(|v| v.is_finite()).all(|v| v.fract() == 0.0);
    let mean = sum / count as f64;
    // The sum of huge values may overflow where their mean does not.
    let avg = if mean.is_finite() { mean } else { min / 2.0 + max / 2.0 };
    Some(Summary { last, min, avg, max, count, whole })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tsdb::GAP;

    #[test]
    fn gaps_and_what_is_not_finite_are_left_out() {
        let values = [GAP, 4.0, f64::INFINITY, 1.0, f64::NAN, 7.0, GAP, 2.0, GAP];
        let summary = of(&values).unwrap();
        assert_eq!((summary.last, summary.min, summary.avg, summary.max, summary.count), (2.0, 1.0, 3.5, 7.0, 4));
        assert!(summary.whole);
        assert_eq!(of(&[GAP, f64::NAN]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn huge_values_have_a_finite_mean() {
        let summary = of(&[1.7e308, 1.7e308, 1.7e308]).unwrap();
        assert!(summary.avg.is_finite());
    }
}
