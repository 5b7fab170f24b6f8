//! `Cluster.lb_policy` or `load_balancing_policy`: how one of a cluster's endpoints is chosen.

/// How an endpoint is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LbPolicy {
    /// ROUND_ROBIN; weighted endpoints take turns by weight.
    RoundRobin,
    /// LEAST_REQUEST: the less loaded of `choice_count` random endpoints.
    LeastRequest {
        /// At least 2.
        choice_count: u32,
    },
    /// RANDOM; ignores weights, as Envoy does.
    Random,
    /// RING_HASH: the endpoint that follows the request's hash on a ring of the endpoints' hashes.
    RingHash(RingHash),
    /// MAGLEV: the endpoint at the request's hash in a table of a fixed size.
    Maglev(Maglev),
}

impl LbPolicy {
    /// Whether it places requests by their hash, so that one must be made of them.
    pub const fn uses_hash(&self) -> bool {
        match self {
            Self::RingHash(_) | Self::Maglev(_) => true,
            Self::RoundRobin | Self::LeastRequest { .. } | Self::Random => false,
        }
    }
}

impl Default for LbPolicy {
    fn default() -> Self {
        Self::LeastRequest { choice_count: 2 }
    }
}

/// `RingHash`: a ring of at least `minimum_ring_size` hashes, as many for each endpoint as its weight
/// says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingHash {
    minimum_ring_size: u32,
    maximum_ring_size: u32,
    /// Of the endpoints' keys; requests are hashed by XXH64 always.
    pub hash_function: HashFunction,
    /// An endpoint's key is its hostname, not its address. Its `hash_key` in the metadata
    /// `envoy.lb` wins over both.
    pub use_hostname_for_hashing: bool,
}

impl RingHash {
    /// The largest ring there may be, Envoy's: 8 Mi hashes, of 12 to 16 bytes each.
    pub const MAXIMUM_RING_SIZE: u32 = 8 << 20;

    /// A ring of that many hashes; only rounding and very unequal weights make it larger than
    /// `minimum`.
    ///
    /// # Errors
    /// Unless `1 ≤ minimum ≤ maximum ≤ MAXIMUM_RING_SIZE`.
    pub const fn try_new(minimum: u32, maximum: u32) -> Result<Self, HashTableError> {
        if minimum == 0 || minimum > maximum || maximum > Self::MAXIMUM_RING_SIZE {
            return Err(HashTableError::RingSize { minimum, maximum });
        }
        Ok(Self {
            minimum_ring_size: minimum,
            maximum_ring_size: maximum,
            hash_function: HashFunction::XxHash,
            use_hostname_for_hashing: false,
        })
    }

    /// Default 1024.
    pub const fn minimum_ring_size(&self) -> u32 {
        self.minimum_ring_size
    }

    /// Default [`MAXIMUM_RING_SIZE`](Self::MAXIMUM_RING_SIZE).
    pub const fn maximum_ring_size(&self) -> u32 {
        self.maximum_ring_size
    }
}

impl Default for RingHash {
    fn default() -> Self {
        Self {
            minimum_ring_size: 1024,
            maximum_ring_size: Self::MAXIMUM_RING_SIZE,
            hash_function: HashFunction::XxHash,
            use_hostname_for_hashing: false,
        }
    }
}

/// `RingHash.hash_function`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HashFunction {
    /// XX_HASH: XXH64.
    #[default]
    XxHash,
    /// MURMUR_HASH_2: that of GCC's `std::hash`.
    MurmurHash2,
}

/// `Maglev`: a table that each endpoint fills in proportion to its weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maglev {
    table_size: u32,
    /// An endpoint's key is its hostname, not its address. Its `hash_key` in the metadata
    /// `envoy.lb` wins over both.
    pub use_hostname_for_hashing: bool,
}

impl Maglev {
    /// The largest table there may be, Envoy's; 4 bytes an entry.
    pub const MAXIMUM_TABLE_SIZE: u32 = 5_000_011;

    /// A table of that many entries: well above the number of endpoints times a hundred, so that
    /// shares are even.
    ///
    /// # Errors
    /// Unless it is a prime number of at most `MAXIMUM_TABLE_SIZE`: with any other size an endpoint
    /// might find no free entry.
    pub const fn try_new(table_size: u32) -> Result<Self, HashTableError> {
        if !is_prime(table_size) || table_size > Self::MAXIMUM_TABLE_SIZE {
            return Err(HashTableError::TableSize(table_size));
        }
        Ok(Self {
            table_size,
            use_hostname_for_hashing: false,
        })
    }

    /// Default 65537.
    pub const fn table_size(&self) -> u32 {
        self.table_size
    }
}

impl Default for Maglev {
    fn default() -> Self {
        Self {
            table_size: 65_537,
            use_hostname_for_hashing: false,
        }
    }
}

const fn is_prime(n: u32) -> bool {
    let mut divisor = 2_u64;
    while divisor * divisor <= n as u64 {
        if (n as u64).is_multiple_of(divisor) {
            return false;
        }
        divisor += 1;
    }
    n > 1
}

/// Sizes of which no table can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashTableError {
    /// Of a [`RingHash`].
    #[error(
        "a ring has from 1 to {} hashes and minimum_ring_size is at most maximum_ring_size, not \
         {minimum} and {maximum}",
        RingHash::MAXIMUM_RING_SIZE
    )]
    RingSize {
        /// `minimum_ring_size`.
        minimum: u32,
        /// `maximum_ring_size`.
        maximum: u32,
    },
    /// Of a [`Maglev`].
    #[error(
        "must be a prime number of at most {}, not {_0}",
        Maglev::MAXIMUM_TABLE_SIZE
    )]
    TableSize(u32),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_make_no_table_are_refused() {
        for (minimum, maximum) in [(0, 1), (3, 2), (1, RingHash::MAXIMUM_RING_SIZE + 1)] {
            assert!(RingHash::try_new(minimum, maximum).is_err());
        }
        assert!(RingHash::try_new(1, 1).is_ok());
        let primes: Vec<u32> = (0..30).filter(|n| Maglev::try_new(*n).is_ok()).collect();
        assert_eq!(primes, [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]);
        assert!(Maglev::try_new(Maglev::MAXIMUM_TABLE_SIZE).is_ok());
        assert!(Maglev::try_new(5_000_077).is_err(), "the next prime number");
        assert_eq!(Maglev::try_new(65_537), Ok(Maglev::default()));
    }
}
