//! Large primes and what is computed with them.

use num_bigint::BigUint;

use crate::random::Stream;

/// Numbers that a candidate must not be divisible by, before it is tried in earnest.
const SMALL: u32 = 2_000;
/// Rounds of Miller and Rabin's test. For numbers picked at random this many leave no doubt.
const ROUNDS: usize = 12;

/// A number of `bits` bits, of which the two highest and the lowest are set.
pub(super) fn odd(random: &mut Stream, bits: usize) -> BigUint {
    let mut bytes = vec![0; bits / 8];
    random.fill(&mut bytes);
    if let [first, .., last] = bytes.as_mut_slice() {
        *first |= 0xc0;
        *last |= 1;
    }
    BigUint::from_bytes_be(&bytes)
}

fn small_primes() -> Vec<u32> {
    (3..SMALL)
        .step_by(2)
        .filter(|number| (3..*number).take_while(|d| d * d <= *number).all(|d| number % d != 0))
        .collect()
}

/// The first prime from `start` on by steps of `step`, which is even. Its residues are computed once and then counted on.
pub(super) fn next(start: &BigUint, step: &BigUint) -> BigUint {
    let residue =
        |number: &BigUint, prime: u32| (number % prime).to_u32_digits().first().copied().unwrap_or(0);
    let mut sieve: Vec<(u32, u32, u32)> = small_primes()
        .into_iter()
        .map(|prime| (prime, residue(start, prime), residue(step, prime)))
        .collect();
    let mut candidate = start.clone();
    loop {
        let divided = sieve.iter().any(|(_, residue, _)| *residue == 0);
        if !divided && is_prime(&candidate) {
            return candidate;
        }
        candidate += step;
        for (prime, residue, step) in &mut sieve {
            *residue = (*residue + *step) % *prime;
        }
    }
}

/// Miller's and Rabin's test by the first primes.
pub(super) fn is_prime(number: &BigUint) -> bool {
    let one = BigUint::from(1_u8);
    let last = number - &one;
    let twos = last.trailing_zeros().unwrap_or(0);
    let odd = &last >> twos;
    let bases = [2_u32, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37];
    bases.iter().take(ROUNDS).all(|base| {
        let mut power = BigUint::from(*base).modpow(&odd, number);
        if power == one || power == last {
            return true;
        }
        for _ in 1..twos {
            power = &power * &power % number;
            if power == last {
                return true;
            }
        }
        false
    })
}

/// The two primes, generator, public and secret number of a DSA key of 2048 and 256 bits.
pub(super) fn dsa(random: &mut Stream) -> [BigUint; 5] {
    let one = BigUint::from(1_u8);
    let two = BigUint::from(2_u8);
    let q = next(&odd(random, 256), &two);
    let step = &q * &two;
    let start = odd(random, 2048);
    let p = next(&(&start - &start % &step + &one), &step);
    let exponent = (&p - &one) / &q;
    let g = (2_u32..)
        .map(|base| BigUint::from(base).modpow(&exponent, &p))
        .find(|g| *g != one)
        .unwrap_or_else(|| one.clone());
    let x = odd(random, 256) % (&q - &one) + &one;
    let y = g.modpow(&x, &p);
    [p, q, g, y, x]
}
