//! A simple mutator: inputs made of seeds, the same for the same numbers.

/// Makes inputs of seeds.
pub struct Mutator {
    seeds: Vec<Vec<u8>>,
    /// Words of the seeds, to be put elsewhere.
    words: Vec<Vec<u8>>,
}

/// Inputs do not grow beyond this.
const MAX_BYTES: usize = 64 * 1024;
/// Values at which parsers tend to break.
const NUMBERS: [&str; 12] = [
    "0",
    "-1",
    "255",
    "256",
    "65536",
    "2147483648",
    "4294967296",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e999",
    "0x",
];

impl Mutator {
    /// A mutator over these seeds. Without any it starts from nothing.
    pub fn new(mut seeds: Vec<Vec<u8>>) -> Self {
        if seeds.is_empty() {
            seeds.push(Vec::new());
        }
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
        let mut words: Vec<Vec<u8>> = seeds
            .iter()
            .flat_map(|seed| seed.chunk_by(move |a, b| is_word(*a) == is_word(*b)))
            .filter(|word| word.len() <= 64)
            .map(<[u8]>::to_vec)
            .collect();
        words.sort_unstable();
        words.dedup();
        Self { seeds, words }
    }

    /// The input of that number: the seeds themselves first, then what mutation makes of them.
    pub fn input(&self, seed: u64, number: u64) -> Vec<u8> {
        if let Some(original) = usize::try_from(number).ok().and_then(|at| self.seeds.get(at)) {
            return original.clone();
        }
        let mut random = Random::new(seed, number);
        let mut input = random.pick(&self.seeds).cloned().unwrap_or_default();
        for _ in 0..=random.below(8) {
            self.mutate(&mut input, &mut random);
        }
        input.truncate(MAX_BYTES);
        input
    }

    fn mutate(&self, input: &mut Vec<u8>, random: &mut Random) {
        let at = random.below(input.len() + 1);
        let range = at..(at + random.length(input.len() - at));
        match random.below(10) {
            0 => flip(input, random),
            1 => insert(input, at, &[random.byte()]),
            2 => drop(input.drain(range)),
            3 => {
                let copy = input.get(range).unwrap_or_default().to_vec();
                let to = random.below(input.len() + 1);
                insert(input, to, &copy);
            }
            4 | 5 => {
                let word = random.pick(&self.words).cloned().unwrap_or_default();
                insert(input, at, &word);
            }
            6 => {
                let word = random.pick(&self.words).cloned().unwrap_or_default();
                input.splice(range, word);
            }
            7 => {
                let number = random.pick(&NUMBERS).copied().unwrap_or("");
                input.splice(range, number.bytes());
            }
            8 => {
                // The rest of another seed.
                let other = random.pick(&self.seeds).cloned().unwrap_or_default();
                let from = random.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(other.get(from..).unwrap_or_default());
            }
            _ => {
                // Many times the same: nesting and length.
                let part = input.get(range).unwrap_or_default().to_vec();
                let times = random.below(200).min(MAX_BYTES / part.len().max(1));
                insert(input, at, &part.repeat(times));
            }
        }
        input.truncate(MAX_BYTES);
    }
}

fn flip(input: &mut [u8], random: &mut Random) {
    let at = random.below(input.len());
    let bit = random.below(8);
    if let Some(byte) = input.get_mut(at) {
        *byte ^= 1 << bit;
    }
}

fn insert(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    input.splice(at..at, bytes.iter().copied());
}

/// SplitMix64: small, and good enough to choose with.
struct Random(u64);

impl Random {
    fn new(seed: u64, number: u64) -> Self {
        let mut random = Self(seed ^ number.wrapping_mul(0xd134_2543_de82_ef95));
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    /// A number below `limit`; 0 where `limit` is 0.
    fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % limit).unwrap_or(0)
    }

    /// A length up to `most`, mostly short.
    fn length(&mut self, most: usize) -> usize {
        let short = if self.below(4) == 0 { most } else { most.min(16) };
        self.below(short + 1)
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_the_same_for_the_same_numbers() {
        let mutator = Mutator::new(vec![b"one two".to_vec(), b"<a b='1'/>".to_vec()]);
        assert_eq!(mutator.input(1, 0), b"one two");
        assert_eq!(mutator.input(1, 500), mutator.input(1, 500));
        assert_ne!(mutator.input(1, 500), mutator.input(2, 500));
        assert!((0..2_000).all(|number| mutator.input(7, number).len() <= MAX_BYTES));
    }
}
