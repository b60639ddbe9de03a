//! Percentages as CIM values.

/// A percentage to three places: more says nothing and costs bytes in every reply.
pub(super) fn rounded(percent: f64) -> f64 {
    (percent * 1000.0).round() / 1000.0
}

/// `part` of `whole` as a percentage; `None` of nothing.
#[allow(clippy::cast_precision_loss, reason = "three places are wanted")]
pub(super) fn of(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 * 100.0 / whole as f64)
}

/// A percentage as the whole number that CIM_Processor.LoadPercentage wants.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is clamped to 0 to 100"
)]
pub(super) fn whole(percent: f64) -> u16 {
    percent.clamp(0.0, 100.0).round() as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_rounded() {
        assert_eq!(rounded(12.345_678), 12.346);
        assert_eq!(rounded(0.0), 0.0);
        assert_eq!(of(1, 4), Some(25.0));
        assert_eq!(of(0, 0), None);
        assert_eq!(whole(99.5), 100);
        assert_eq!(whole(100.4), 100);
        assert_eq!(whole(-1.0), 0);
        assert_eq!(whole(f64::NAN), 0);
    }
}
