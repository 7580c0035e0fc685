//! Hll: how many different members a set had (Flajolet et al.: HyperLogLog, 2007). While they are few each is kept as 26 bits of
//! place and six of rank, from which any size of registers follows without loss; then one register each of 2^lg_k.
//!
//! The estimate is Ertl's improved one (arXiv:1702.01284, algorithm 6), which needs no tables and no switch between ranges. Its
//! relative error is 1.04 / sqrt(2^lg_k); of few members it is exact, but for two that share 26 bits (one set of a thousand
//! members in 130).

use super::LgK;
use super::hash::member_hash;

/// Bits of a hash that place a member while members are few.
const PLACE_BITS: u32 = 26;
/// Bits below them for the rank.
const RANK_BITS: u32 = 6;

/// Up to 4 bytes a member while they are few, then a byte a register: 4 KiB at lg_k 12.
#[derive(Clone, Debug, PartialEq)]
pub struct Hll {
    pub(super) lg_k: LgK,
    pub(super) members: Members,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Members {
    /// Place and rank, one for each place, sorted.
    Few(Vec<u32>),
    /// The highest rank of each register; 0 where none was met.
    Many(Vec<u8>),
}

/// How many members are kept one by one: as many as take the room of the stored registers.
pub(super) fn few(lg_k: LgK) -> usize {
    (lg_k.registers() / 8).max(8)
}

impl Hll {
    /// An empty set.
    pub fn new(lg_k: LgK) -> Hll {
        Hll { lg_k, members: Members::Few(Vec::new()) }
    }

    /// Adds a member by its bytes.
    pub fn insert(&mut self, member: &[u8]) {
        self.insert_hash(member_hash(member));
    }

    /// Adds a member by its [`member_hash`].
    pub fn insert_hash(&mut self, hash: u64) {
        // The bit below the last one that counts ends a run of zeros.
        let place = (hash >> (64 - PLACE_BITS)) as u32;
        let rank = (hash << PLACE_BITS | 1 << (PLACE_BITS - 1)).leading_zeros() + 1;
        self.insert_coupon(place << RANK_BITS | rank);
    }

    fn insert_coupon(&mut self, coupon: u32) {
        match &mut self.members {
            Members::Many(registers) => raise(registers, self.lg_k, coupon),
            Members::Few(coupons) => {
                let at = coupons.partition_point(|&other| other >> RANK_BITS < coupon >> RANK_BITS);
                match coupons.get_mut(at) {
                    Some(same) if *same >> RANK_BITS == coupon >> RANK_BITS => *same = coupon.max(*same),
                    _ => {
                        coupons.insert(at, coupon);
                        self.spread();
                    }
                }
            }
        }
    }

    /// Goes over to registers when there are too many members for a list.
    fn spread(&mut self) {
        if matches!(&self.members, Members::Few(coupons) if coupons.len() > few(self.lg_k)) {
            self.registers();
        }
    }

    /// The registers, which are made if there are none yet.
    pub(super) fn registers(&mut self) -> &mut [u8] {
        if let Members::Few(coupons) = &self.members {
            let mut registers = vec![0; self.lg_k.registers()];
            coupons.iter().for_each(|&coupon| raise(&mut registers, self.lg_k, coupon));
            self.members = Members::Many(registers);
        }
        match &mut self.members {
            Members::Many(registers) => registers,
            Members::Few(_) => unreachable!("just made"),
        }
    }

    /// Adds the other's members. Of two sizes the smaller stays: the larger is folded into what it would have been, which
    /// loses nothing but the accuracy of its size.
    pub fn merge(&mut self, other: &Hll) {
        if other.lg_k < self.lg_k {
            self.fold(other.lg_k);
        }
        match &other.members {
            Members::Few(coupons) => coupons.iter().for_each(|&coupon| self.insert_coupon(coupon)),
            Members::Many(theirs) => {
                let shift = other.lg_k.bits() - self.lg_k.bits();
                let ours = self.registers();
                for (place, &rank) in theirs.iter().enumerate() {
                    let (place, rank) = folded(place, rank, shift);
                    ours[place] = ours[place].max(rank);
                }
            }
        }
    }

    /// Becomes what it would have been with fewer registers.
    fn fold(&mut self, lg_k: LgK) {
        let shift = self.lg_k.bits() - lg_k.bits();
        if let Members::Many(registers) = &self.members {
            let mut fewer = vec![0; lg_k.registers()];
            for (place, &rank) in registers.iter().enumerate() {
                let (place, rank) = folded(place, rank, shift);
                fewer[place] = rank.max(fewer[place]);
            }
            self.members = Members::Many(fewer);
        }
        self.lg_k = lg_k;
        self.spread();
    }

    /// Forgets all members.
    pub fn clear(&mut self) {
        self.members = Members::Few(Vec::new());
    }

    /// How many different members there were, about.
    pub fn estimate(&self) -> f64 {
        match &self.members {
            Members::Few(coupons) => {
                // How many members leave this many of the places taken.
                let places = f64::from(1u32 << PLACE_BITS);
                (-places * (-(coupons.len() as f64) / places).ln_1p()).round()
            }
            Members::Many(registers) => estimate(registers, self.lg_k),
        }
    }

    /// The binary logarithm of the number of registers.
    pub fn lg_k(&self) -> LgK {
        self.lg_k
    }
}

/// Puts a member into its register.
fn raise(registers: &mut [u8], lg_k: LgK, coupon: u32) {
    let (place, rank) = folded((coupon >> RANK_BITS) as usize, (coupon & 63) as u8, PLACE_BITS - lg_k.bits());
    registers[place] = registers[place].max(rank);
}

/// Place and rank of what had them, with fewer bits of place: those that are lost count in the rank.
fn folded(place: usize, rank: u8, shift: u32) -> (usize, u8) {
    let lost = place & ((1 << shift) - 1);
    let rank = match (rank, lost) {
        (0, _) => 0,
        (_, 0) => rank + shift as u8,
        _ => (shift - lost.ilog2()) as u8,
    };
    (place >> shift, rank)
}

fn estimate(registers: &[u8], lg_k: LgK) -> f64 {
    let ranks = (64 - lg_k.bits()) as usize;
    let mut counts = [0u32; 64];
    registers.iter().for_each(|&rank| counts[usize::from(rank)] += 1);
    let of = |rank: usize| f64::from(counts[rank]);
    let all = registers.len() as f64;
    let mut sum = all * tau(1.0 - of(ranks + 1) / all);
    for rank in (1..=ranks).rev() {
        sum = 0.5 * (sum + of(rank));
    }
    sum += all * sigma(of(0) / all);
    // All registers full: more members than 64 bits tell apart.
    if sum == 0.0 { f64::MAX } else { all * all / (2.0 * std::f64::consts::LN_2 * sum) }
}

/// What the empty registers, a share `x` of all, stand for; without end when all are.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * y;
        y += y;
        if sum == before {
            return sum;
        }
    }
}

/// What the full registers, a share `1 - x` of all, stand for.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        y *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * y;
        if sum == before {
            return sum / 3.0;
        }
    }
}
