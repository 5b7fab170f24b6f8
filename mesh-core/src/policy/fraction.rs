/// A percentage from 0 to 100, whole numbers (`google.protobuf.UInt32Value` percentages).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u8);

/// A percentage or fraction out of range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a percentage from 0 to 100")]
pub struct PercentError(String);

impl Percent {
    /// 0 %.
    pub const ZERO: Self = Self(0);
    /// 100 %.
    pub const HUNDRED: Self = Self(100);

    /// # Errors
    /// When `value` is above 100.
    pub fn try_new(value: u32) -> Result<Self, PercentError> {
        match u8::try_from(value) {
            Ok(v) if v <= 100 => Ok(Self(v)),
            _ => Err(PercentError(value.to_string())),
        }
    }

    /// The number, 0 to 100.
    pub const fn get(self) -> u32 {
        self.0 as u32
    }
}

/// `envoy.type.v3.FractionalPercent`, normalised to parts per million.
///
/// Envoy draws `random % denominator < numerator`; [`contains`](Self::contains) keeps the original
/// denominator, so that the same random number gives the same answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FractionalPercent {
    numerator: u32,
    denominator: u32,
}

impl FractionalPercent {
    /// Always.
    pub const ALWAYS: Self = Self {
        numerator: 100,
        denominator: 100,
    };

    /// `numerator` per 100.
    pub const fn per_hundred(numerator: u32) -> Self {
        Self {
            numerator,
            denominator: 100,
        }
    }

    /// `numerator` per 10,000.
    pub const fn per_ten_thousand(numerator: u32) -> Self {
        Self {
            numerator,
            denominator: 10_000,
        }
    }

    /// `numerator` per 1,000,000.
    pub const fn per_million(numerator: u32) -> Self {
        Self {
            numerator,
            denominator: 1_000_000,
        }
    }

    /// `numerator` of `denominator`, which may be any number (Gateway API's `Fraction`, a share of
    /// weights).
    ///
    /// # Errors
    /// When `denominator` is 0 or less than `numerator`.
    pub fn try_new(numerator: u32, denominator: u32) -> Result<Self, PercentError> {
        if denominator > 0 && numerator <= denominator {
            Ok(Self {
                numerator,
                denominator,
            })
        } else {
            Err(PercentError(format!("{numerator}/{denominator}")))
        }
    }

    /// Istio's `Percent { value: double }`, which istiod turns into parts per million.
    ///
    /// # Errors
    /// When `value` is not between 0 and 100.
    pub fn try_from_f64(value: f64) -> Result<Self, PercentError> {
        if (0.0..=100.0).contains(&value) {
            // Cannot overflow: at most 1,000,000.
            Ok(Self::per_million((value * 10_000.0) as u32))
        } else {
            Err(PercentError(value.to_string()))
        }
    }

    /// Of [`denominator`](Self::denominator).
    pub const fn numerator(self) -> u32 {
        self.numerator
    }

    /// 100, 10,000 or 1,000,000, as Envoy has it; or any other number above 0.
    pub const fn denominator(self) -> u32 {
        self.denominator
    }

    /// Whether the draw `random` falls inside.
    pub const fn contains(self, random: u64) -> bool {
        random % (self.denominator as u64) < self.numerator as u64
    }

    /// As a share from 0.0 to 1.0.
    pub fn ratio(self) -> f64 {
        f64::from(self.numerator) / f64::from(self.denominator)
    }
}

impl std::fmt::Display for FractionalPercent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}%", self.ratio() * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_of_any_denominator_holds_exactly_its_share() {
        let third = FractionalPercent::try_new(1, 3).unwrap();
        let inside = (0..300).filter(|n| third.contains(*n)).count();
        assert_eq!(inside, 100);
        assert!(FractionalPercent::try_new(0, 7).is_ok());
        assert!(FractionalPercent::try_new(1, 0).is_err());
        assert!(FractionalPercent::try_new(8, 7).is_err());
    }
}
