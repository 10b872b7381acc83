//! Durations in classes, so that hours of invocations add up to a few numbers and still tell their percentiles.

/// How many classes there are.
pub const CLASSES: usize = 32;

/// The first class ends at a millisecond; each ends at 10^(1/5) times the end before it, the last never.
const ENDS_MICROS: [u64; CLASSES - 1] = [
    1_000,
    1_585,
    2_512,
    3_981,
    6_310,
    10_000,
    15_849,
    25_119,
    39_811,
    63_096,
    100_000,
    158_489,
    251_189,
    398_107,
    630_957,
    1_000_000,
    1_584_893,
    2_511_886,
    3_981_072,
    6_309_573,
    10_000_000,
    15_848_932,
    25_118_864,
    39_810_717,
    63_095_734,
    100_000_000,
    158_489_319,
    251_188_643,
    398_107_171,
    630_957_344,
    1_000_000_000,
];

/// The class of a duration.
pub fn class(micros: u64) -> usize {
    ENDS_MICROS.partition_point(|end| *end <= micros)
}

/// How many durations are in each class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Histogram(pub [u64; CLASSES]);

impl Histogram {
    /// Counts one.
    pub fn add(&mut self, micros: u64) {
        if let Some(count) = self.0.get_mut(class(micros)) {
            *count += 1;
        }
    }

    /// Below which `part` of 1,000 of the durations are, in microseconds: exact to the class, even within it. `None` if
    /// there are none.
    pub fn quantile(&self, part: u64) -> Option<u64> {
        let total: u64 = self.0.iter().sum();
        // The smallest rank that covers the part, from 1.
        let rank = (total * part).div_ceil(1_000).max(1);
        let mut below = 0;
        for (class, count) in self.0.iter().enumerate() {
            if below + count >= rank {
                let start = class.checked_sub(1).and_then(|before| ENDS_MICROS.get(before)).copied().unwrap_or(0);
                let end = ENDS_MICROS.get(class).copied().unwrap_or(start);
                return Some(start + (end - start) * (rank - below) / count.max(&1));
            }
            below += count;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{CLASSES, ENDS_MICROS, Histogram, class};

    #[test]
    fn classes_meet_without_gap() {
        assert_eq!((class(0), class(999), class(1_000), class(1_584)), (0, 0, 1, 1));
        assert_eq!(class(u64::MAX), CLASSES - 1);
        assert!(ENDS_MICROS.is_sorted());
        for (at, end) in ENDS_MICROS.iter().enumerate() {
            let exact = 1_000.0 * 10_f64.powf(at as f64 / 5.0);
            assert!((*end as f64 - exact).abs() < 1.0, "{at}: {end} is not {exact}");
        }
    }

    #[test]
    fn quantiles_are_near_the_exact_ones() {
        assert_eq!(Histogram::default().quantile(500), None);
        let mut histogram = Histogram::default();
        // 1 ms to 1,000 ms, evenly.
        for micros in (1_000..=1_000_000).step_by(1_000) {
            histogram.add(micros);
        }
        for (part, exact) in [(500, 500_000_u64), (950, 950_000), (990, 990_000)] {
            let told = histogram.quantile(part).unwrap();
            assert!(told.abs_diff(exact) < exact / 20, "{part}: {told} is not near {exact}");
        }
        let mut one = Histogram::default();
        one.add(2_000);
        assert!((1_585..=2_512).contains(&one.quantile(500).unwrap()));
        assert_eq!(one.quantile(0), one.quantile(1_000));
    }
}
