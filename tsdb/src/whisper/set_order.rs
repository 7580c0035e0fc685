//! The order in which CPython iterates a set of integers. Whisper rolls up a set of intervals, and the first of them
//! becomes the base of an empty coarser archive, so the order decides the bytes of the file.
//!
//! It is the table order of CPython 3.7 to 3.13's set: open addressing with short linear runs and a perturbed jump, the
//! hash of a non-negative integer being the integer.

/// Slots that are probed one after the other before the next jump.
const LINEAR_PROBES: usize = 9;
/// Bits of the hash that each jump brings in.
const PERTURB_SHIFT: u32 = 5;
/// The table of an empty set.
const TABLE_SLOTS_MIN: usize = 8;
/// Sets above this size double when they grow; smaller ones quadruple.
const LARGE_SET: usize = 50_000;

/// The distinct numbers in the order of `list(set(numbers))`.
pub(super) fn python_set_order(numbers: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut table = vec![None; TABLE_SLOTS_MIN];
    let mut filled = 0;
    for number in numbers {
        if !insert(&mut table, number) {
            continue;
        }
        filled += 1;
        if filled * 5 >= (table.len() - 1) * 3 {
            let growth = if filled > LARGE_SET { filled * 2 } else { filled * 4 };
            let mut larger = vec![None; (growth + 1).next_power_of_two().max(TABLE_SLOTS_MIN)];
            for kept in table.into_iter().flatten() {
                insert(&mut larger, kept);
            }
            table = larger;
        }
    }
    table.into_iter().flatten().collect()
}

/// False when the number is there already. The table always has room.
fn insert(table: &mut [Option<i64>], number: i64) -> bool {
    let mask = table.len() - 1;
    let mut perturb = number as usize;
    let mut i = perturb & mask;
    loop {
        let run = if i + LINEAR_PROBES <= mask { i..=i + LINEAR_PROBES } else { i..=i };
        for slot in run {
            match table[slot] {
                None => {
                    table[slot] = Some(number);
                    return true;
                }
                Some(kept) if kept == number => return false,
                Some(_) => {}
            }
        }
        perturb >>= PERTURB_SHIFT;
        i = i.wrapping_mul(5).wrapping_add(1).wrapping_add(perturb) & mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `list(set(...))` of CPython 3.11.
    #[test]
    fn orders_as_cpython() {
        let order = |numbers: &[i64]| python_set_order(numbers.iter().copied());
        assert_eq!(order(&[1_700_000_040, 1_699_999_980, 1_699_999_920]), SMALL);
        let minutes: Vec<i64> = (0..20).map(|i| 1_699_999_200 + 60 * i).collect();
        assert_eq!(order(&minutes), MINUTES);
        assert_eq!(order(&[5, 5, 5]), [5]);
        assert_eq!(order(&[]), [0; 0]);
    }

    #[test]
    fn keeps_every_number_once() {
        let mut order = python_set_order((0..200_000).map(|i| i / 2 * 600));
        order.sort_unstable();
        assert!(order.into_iter().eq((0..100_000).map(|i| i * 600)));
    }

    const SMALL: [i64; 3] = [1_700_000_040, 1_699_999_980, 1_699_999_920];
    const MINUTES: [i64; 20] = [
        1_699_999_620,
        1_699_999_500,
        1_699_999_380,
        1_700_000_280,
        1_699_999_260,
        1_700_000_160,
        1_700_000_040,
        1_699_999_920,
        1_699_999_800,
        1_699_999_680,
        1_699_999_560,
        1_699_999_440,
        1_700_000_340,
        1_699_999_320,
        1_700_000_220,
        1_699_999_200,
        1_700_000_100,
        1_699_999_980,
        1_699_999_860,
        1_699_999_740,
    ];
}
