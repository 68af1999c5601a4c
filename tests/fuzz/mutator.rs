//! Inputs that are nearly right, from a corpus: always the same ones.

/// Longer ones are cut: more than the API takes in one body.
const LONGEST: usize = 70 * 1024;

pub struct Mutator<'a> {
    state: u64,
    words: &'a [&'a str],
}

impl<'a> Mutator<'a> {
    /// Words are what the input's language is made of.
    pub fn new(name: &str, words: &'a [&'a str]) -> Self {
        let state = name
            .bytes()
            .fold(0x9e37_79b9_7f4a_7c15, |state: u64, byte| state.rotate_left(7) ^ u64::from(byte));
        Self { state, words }
    }

    /// xorshift64*
    fn next(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// 0 to `most`, both included.
    fn up_to(&mut self, most: usize) -> usize {
        (self.next() % (most as u64 + 1)) as usize
    }

    fn pick<'b, T: ?Sized>(&mut self, of: &[&'b T]) -> &'b T {
        of[self.up_to(of.len() - 1)]
    }

    /// A part of `data`, perhaps empty.
    fn part(&mut self, data: &[u8]) -> std::ops::Range<usize> {
        let start = self.up_to(data.len());
        start..start + self.up_to((data.len() - start).min(64))
    }

    /// A seed, changed in one to three places.
    pub fn make(&mut self, seeds: &[&[u8]]) -> Vec<u8> {
        let mut data = self.pick(seeds).to_vec();
        for _ in 0..=self.up_to(2) {
            self.change(&mut data, seeds);
        }
        data.truncate(LONGEST);
        data
    }

    fn change(&mut self, data: &mut Vec<u8>, seeds: &[&[u8]]) {
        let at = self.up_to(data.len());
        match self.up_to(6) {
            0 if at < data.len() => data[at] ^= 1 << self.up_to(7),
            1 if at < data.len() => data[at] = b"\0\n\"\\{}[]:/,.-+%09aZ \xff\x80"[self.up_to(21)],
            2 => data.truncate(at),
            3 => {
                let part = self.part(data);
                data.drain(part);
            }
            4 => {
                let part = self.part(data);
                let again = data[part].repeat(1 + self.up_to(15));
                data.splice(at..at, again);
            }
            5 => {
                let other = self.pick(seeds);
                let part = self.part(other);
                data.splice(at..at, other[part].iter().copied());
            }
            _ => {
                let word = self.pick(self.words);
                data.splice(at..at, word.bytes());
            }
        }
    }
}
