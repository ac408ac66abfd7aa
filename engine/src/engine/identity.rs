//! The identity of a log: its epochs, and the public ids of its reservations.
//!
//! A log has an *epoch*; a copy that continues by itself gets another one, after the record at which it was copied. So
//! a history is a list of eras, and the `seq` of a record tells its era. A reservation's public id is the epoch of its
//! era and its `seq`, encrypted with a key from the directory's secret and the epoch: ids reveal neither the number of
//! reservations nor their order, ids of two histories never collide, and of 2^128 possible ids only issued ones are
//! accepted.

use std::fmt;

use crate::ids::{Epoch, ReservationId, Seq};

/// Crockford's base 32: no I, L, O or U, so that people can read it over a telephone.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Digits of 128 bits in base 32.
const DIGITS: usize = 26;

/// Random bytes that only this directory and its copies know.
pub type Secret = [u8; 32];

/// An epoch, and the record after which it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Era {
    /// The epoch.
    pub epoch: Epoch,
    /// The last record before it.
    pub after: Seq,
}

/// The eras of a log, oldest first, and the ciphers of its reservation ids.
#[derive(Clone)]
pub struct Identity {
    eras: Vec<(Era, String, Cipher)>,
    plain_until: Seq,
}

impl Identity {
    /// Reservations up to `plain_until` got ids before there was a secret, and keep them.
    ///
    /// # Panics
    /// There is no era.
    pub fn new(eras: &[Era], plain_until: Seq, secret: &Secret) -> Self {
        assert!(!eras.is_empty(), "a log has an epoch");
        let eras = eras.iter().map(|era| (*era, era.epoch.tag(), Cipher::new(secret, era.epoch))).collect();
        Self { eras, plain_until }
    }

    /// The current epoch.
    pub fn epoch(&self) -> Epoch {
        self.eras.last().map_or(Epoch(0), |(era, ..)| era.epoch)
    }

    /// The eras, oldest first.
    pub fn eras(&self) -> impl Iterator<Item = Era> {
        self.eras.iter().map(|(era, ..)| *era)
    }

    /// The epoch of the era that a record belongs to.
    pub fn epoch_of(&self, seq: Seq) -> Epoch {
        self.era(seq).map_or(self.epoch(), |(era, ..)| era.epoch)
    }

    /// The era of a record. A log has one era per restore, hence few.
    fn era(&self, seq: Seq) -> Option<&(Era, String, Cipher)> {
        self.eras.iter().rev().find(|(era, ..)| era.after < seq)
    }

    /// Whether a record was told under `epoch` by this log, or by a log that it continues: by the era of that name, up to
    /// where the next one began.
    pub fn has_told(&self, epoch: Epoch, seq: Seq) -> bool {
        let ends = self.eras.iter().skip(1).map(|(next, ..)| next.after).chain([Seq::MAX]);
        self.eras.iter().zip(ends).any(|((era, ..), end)| era.epoch == epoch && seq <= end)
    }

    /// The token of the order that the record at `seq` made, such as `o-7K2M9-4W1Q0GZ6T3V8Y5B2N7C9D0E1F2`. Whoever has the
    /// token may see the order. The token never changes; it cannot be guessed, nor worked out from a reservation's id.
    pub fn order_token(&self, seq: Seq) -> String {
        let Some((_, tag, cipher)) = self.era(seq) else { return String::new() };
        let mut out = format!("o-{tag}-");
        write_digits(cipher.encrypt(ORDER_BLOCK | u128::from(seq)), &mut out);
        out
    }

    /// Parses [`Identity::order_token`]; `None` for a token that this log has not issued.
    pub fn parse_order_token(&self, text: &str) -> Option<Seq> {
        let (tag, digits) = text.strip_prefix("o-")?.split_once('-')?;
        let mut named = self.eras.iter().filter(|(_, known, _)| known == tag && digits.len() == DIGITS);
        named.find_map(|(era, _, cipher)| {
            let block = cipher.block(digits)?;
            let seq = Seq::try_from(block ^ ORDER_BLOCK).ok()?;
            self.era(seq).is_some_and(|(own, ..)| own == era).then_some(seq)
        })
    }

    /// Appends the public form of a reservation's id, such as `r-7K2M9-4W1Q0GZ6T3V8Y5B2N7C9D0E1F2`. It never changes
    /// for a reservation.
    pub fn write_reservation(&self, id: ReservationId, out: &mut String) {
        let Some((_, tag, cipher)) = self.era(id.0) else { return };
        out.push_str("r-");
        out.push_str(tag);
        out.push('-');
        if id.0 <= self.plain_until {
            out.push_str(&id.0.to_string());
            return;
        }
        write_digits(cipher.encrypt(id.0.into()), out);
    }

    /// The public form of a reservation's id.
    pub fn reservation(&self, id: ReservationId) -> String {
        let mut out = String::with_capacity(2 + 5 + 1 + DIGITS);
        self.write_reservation(id, &mut out);
        out
    }

    /// Parses [`Identity::reservation`]; `None` for an id that this log has not issued.
    pub fn parse_reservation(&self, text: &str) -> Option<ReservationId> {
        let (tag, digits) = text.strip_prefix("r-")?.split_once('-')?;
        // Two eras may share a tag; each accepts only its own ids.
        let mut named = self.eras.iter().filter(|(_, known, _)| known == tag);
        named.find_map(|(era, _, cipher)| {
            let seq = if digits.len() == DIGITS { cipher.read(digits)? } else { plain(digits)? };
            let is_plain = digits.len() != DIGITS;
            let is_own = self.era(seq).is_some_and(|(own, ..)| own == era) && is_plain == (seq <= self.plain_until);
            is_own.then_some(ReservationId(seq))
        })
    }
}

impl fmt::Debug for Identity {
    /// Hides the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let eras: Vec<_> = self.eras().collect();
        f.debug_struct("Identity").field("eras", &eras).field("plain_until", &self.plain_until).finish()
    }
}

/// Marks the blocks of order tokens: those of reservations have zeros there.
const ORDER_BLOCK: u128 = 0x006f_7264_6572_0001 << 64;

/// Appends a block as digits.
fn write_digits(mut bits: u128, out: &mut String) {
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = CROCKFORD.get(bits as usize & 31).copied().unwrap_or(b'0');
        bits >>= 5;
    }
    out.push_str(std::str::from_utf8(&digits).unwrap_or_default());
}

/// A number in the form of ids before there was a secret.
fn plain(digits: &str) -> Option<Seq> {
    let canonical = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    if canonical { digits.parse().ok() } else { None }
}

/// Speck 128/128 (Beaulieu and others, 2013): a block cipher of 128 bits in thirty lines, about 100 instructions per
/// block.
#[derive(Clone)]
struct Cipher([u64; ROUNDS]);

const ROUNDS: usize = 32;

impl Cipher {
    /// The cipher of an epoch: its key is a keyed digest of the epoch.
    fn new(secret: &Secret, epoch: Epoch) -> Self {
        let digest = blake3::keyed_hash(secret, &epoch.0.to_le_bytes());
        let word = |at: usize| {
            let bytes = digest.as_bytes().get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
            bytes.map_or(0, u64::from_le_bytes)
        };
        Self::keyed(word(8), word(0))
    }

    fn keyed(mut high: u64, mut low: u64) -> Self {
        let mut keys = [0; ROUNDS];
        for (round, key) in (0..).zip(&mut keys) {
            *key = low;
            (high, low) = forth(high, low, round);
        }
        Self(keys)
    }

    fn encrypt(&self, block: u128) -> u128 {
        let (mut high, mut low) = ((block >> 64) as u64, block as u64);
        for key in &self.0 {
            (high, low) = forth(high, low, *key);
        }
        u128::from(high) << 64 | u128::from(low)
    }

    fn decrypt(&self, block: u128) -> u128 {
        let (mut high, mut low) = ((block >> 64) as u64, block as u64);
        for key in self.0.iter().rev() {
            low = (low ^ high).rotate_right(3);
            high = (high ^ key).wrapping_sub(low).rotate_left(8);
        }
        u128::from(high) << 64 | u128::from(low)
    }

    /// The `seq` in the digits of an id, if this cipher could have written them: of all other digits, only one in 2^64
    /// passes as a `seq`.
    fn read(&self, digits: &str) -> Option<Seq> {
        Seq::try_from(self.block(digits)?).ok()
    }

    /// The block that these digits hide.
    fn block(&self, digits: &str) -> Option<u128> {
        let mut bits: u128 = 0;
        for (at, byte) in digits.bytes().enumerate() {
            let value = CROCKFORD.iter().position(|known| *known == byte)?;
            if at == 0 && value > 7 {
                return None;
            }
            bits = bits << 5 | value as u128;
        }
        Some(self.decrypt(bits))
    }
}

/// One round.
fn forth(high: u64, low: u64, key: u64) -> (u64, u64) {
    let high = high.rotate_right(8).wrapping_add(low) ^ key;
    (high, low.rotate_left(3) ^ high)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: Secret = [7; 32];

    fn one(epoch: u64) -> Identity {
        Identity::new(&[Era { epoch: Epoch(epoch), after: 0 }], 0, &SECRET)
    }

    #[test]
    fn the_token_of_an_order_is_no_id_of_a_reservation() {
        let identity = one(7);
        for seq in [1, 2, 1000, u64::MAX] {
            let (token, id) = (identity.order_token(seq), identity.reservation(ReservationId(seq)));
            assert_eq!(identity.parse_order_token(&token), Some(seq));
            assert_ne!(token[2..], id[2..]);
            assert_eq!(identity.parse_order_token(&id.replacen("r-", "o-", 1)), None);
            assert_eq!(identity.parse_reservation(&token.replacen("o-", "r-", 1)), None);
            assert_eq!(one(8).parse_order_token(&token), None);
        }
        assert_eq!(identity.parse_order_token("o-"), None);
    }

    #[test]
    fn the_cipher_is_the_published_one() {
        let cipher = Cipher::keyed(0x0f0e_0d0c_0b0a_0908, 0x0706_0504_0302_0100);
        let (plain, told) = (0x6c61_7669_7571_6520_7469_2065_6461_6d20, 0xa65d_9851_7978_3265_7860_fedf_5c57_0d18);
        assert_eq!(cipher.encrypt(plain), told);
        assert_eq!(cipher.decrypt(told), plain);
    }

    #[test]
    fn ids_tell_neither_order_nor_number_and_come_in_again() {
        let identity = one(0x1234_5678);
        let texts: Vec<_> = (1..2000).map(|seq| identity.reservation(ReservationId(seq))).collect();
        for (seq, text) in (1..).zip(&texts) {
            assert_eq!(identity.parse_reservation(text), Some(ReservationId(seq)));
            assert_eq!(text.len(), 34, "{text}");
        }
        let rising = texts.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((800..1200).contains(&rising), "{rising} of 1,998 neighbours rise: half of them would at random");
        // Neighbours have no more digits in common than any two texts.
        let same = |a: &str, b: &str| a.bytes().zip(b.bytes()).skip(8).filter(|(a, b)| a == b).count();
        let common: usize = texts.windows(2).map(|pair| same(&pair[0], &pair[1])).sum();
        assert!(common < 2 * 1998, "{common} digits in common, of which 1 in 32 would be at random");
    }

    #[test]
    fn whatever_was_not_given_out_is_unknown() {
        let (here, there) = (one(0x1234_5678), one(0x8765_4321));
        let text = here.reservation(ReservationId(1841));
        assert_eq!(there.parse_reservation(&text), None);
        assert_eq!(there.parse_reservation(&text.replace(&Epoch(0x1234_5678).tag(), &Epoch(0x8765_4321).tag())), None);
        let stranger = Identity::new(&[Era { epoch: Epoch(0x1234_5678), after: 0 }], 0, &[8; 32]);
        assert_eq!(stranger.parse_reservation(&text), None, "another secret");
        for at in 8..text.len() {
            for digit in ["0", "7", "Z"] {
                let mut guess = text.clone();
                guess.replace_range(at..=at, digit);
                assert_eq!(here.parse_reservation(&guess).is_some(), guess == text, "{guess}");
            }
        }
        let tag = Epoch(0x1234_5678).tag();
        let lower = text.to_lowercase();
        for wrong in ["", "r-", "1841", "r-x", "r-AAAAA-+1", &format!("r-{tag}-1841"), &lower] {
            assert_eq!(here.parse_reservation(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_was_told_before_there_was_a_secret_stays() {
        let identity = Identity::new(&[Era { epoch: Epoch(5), after: 0 }], 12, &SECRET);
        let tag = Epoch(5).tag();
        assert_eq!(identity.reservation(ReservationId(12)), format!("r-{tag}-12"));
        assert_eq!(identity.parse_reservation(&format!("r-{tag}-12")), Some(ReservationId(12)));
        for wrong in ["13", "012", "+12", "-12", "12 "] {
            assert_eq!(identity.parse_reservation(&format!("r-{tag}-{wrong}")), None, "{wrong}");
        }
        let next = identity.reservation(ReservationId(13));
        assert_eq!(identity.parse_reservation(&next), Some(ReservationId(13)));
        assert_eq!(next.len(), 34);
    }

    #[test]
    fn what_an_earlier_era_told_holds_up_to_where_it_was_left() {
        let eras = [(5, 0), (6, 100), (7, 100), (8, 140)].map(|(epoch, after)| Era { epoch: Epoch(epoch), after });
        let identity = Identity::new(&eras, 0, &SECRET);
        for (epoch, seq, is_told) in [
            (5, 0, true),
            (5, 100, true),
            (5, 101, false),
            (6, 100, true),
            (6, 101, false),
            (7, 140, true),
            (7, 141, false),
            (8, 7, true),
            (8, 999, true),
            (9, 1, false),
        ] {
            assert_eq!(identity.has_told(Epoch(epoch), seq), is_told, "{seq} of {epoch}");
        }
    }

    #[test]
    fn a_copy_knows_what_was_before_it_and_nothing_of_what_the_original_did_since() {
        let original = one(5);
        let eras = [Era { epoch: Epoch(5), after: 0 }, Era { epoch: Epoch(6), after: 100 }];
        let copy = Identity::new(&eras, 0, &SECRET);
        for seq in [1, 50, 100] {
            assert_eq!(copy.reservation(ReservationId(seq)), original.reservation(ReservationId(seq)));
            let text = original.reservation(ReservationId(seq));
            assert_eq!(copy.parse_reservation(&text), Some(ReservationId(seq)));
        }
        for seq in [101, 150] {
            let (ours, theirs) = (copy.reservation(ReservationId(seq)), original.reservation(ReservationId(seq)));
            assert_ne!(ours, theirs);
            assert_eq!(copy.parse_reservation(&theirs), None);
            assert_eq!(original.parse_reservation(&ours), None);
            assert_eq!(copy.parse_reservation(&ours), Some(ReservationId(seq)));
        }
    }
}
