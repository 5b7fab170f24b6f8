//! MURMUR_HASH_2: Austin Appleby's MurmurHash64A, with the seed of GCC's `std::hash`, as Envoy has it
//! for rings that other programs built by it.

const SEED: u64 = 0xc70f_6907;
const MULTIPLIER: u64 = 0xc6a4_a793_5bd1_e995;

pub(super) fn hash(bytes: &[u8]) -> u64 {
    let mut hash = SEED ^ (bytes.len() as u64).wrapping_mul(MULTIPLIER);
    let (words, tail) = bytes.as_chunks::<8>();
    for word in words {
        let word = u64::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        hash = mix(hash, shift(word).wrapping_mul(MULTIPLIER));
    }
    if !tail.is_empty() {
        let mut word = [0; 8];
        word[..tail.len()].copy_from_slice(tail);
        hash = mix(hash, u64::from_le_bytes(word));
    }
    shift(shift(hash).wrapping_mul(MULTIPLIER))
}

const fn mix(hash: u64, word: u64) -> u64 {
    (hash ^ word).wrapping_mul(MULTIPLIER)
}

const fn shift(value: u64) -> u64 {
    value ^ (value >> 47)
}

#[cfg(test)]
mod tests {
    use super::hash;

    #[test]
    fn it_is_the_hash_of_gccs_library() {
        // `std::hash<std::string>` of a program that GCC compiled.
        assert_eq!(hash(b""), 6_142_509_188_972_423_790);
        assert_eq!(hash(b"foo"), 9_631_199_822_919_835_226);
        assert_eq!(hash(b"bar"), 11_474_628_671_133_349_555);
        assert_eq!(hash(b"127.0.0.1:43901_17"), 9_456_833_293_369_427_875);
    }
}
