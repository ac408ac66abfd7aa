//! The sample of self check-outs whose bags are looked into.

use anaquel_engine::ids::Name;
use anaquel_engine::orders::command::SelfCheckout;

use crate::app::App;
use crate::http::problem::Problem;

/// Whether an order is one of the sample: by its id, under a key that nobody knows.
fn is_sampled(key: &[u8; 32], order: &Name, percent: u8) -> bool {
    const PARTS: u64 = 10_000;
    let hash = blake3::keyed_hash(key, order.as_str().as_bytes());
    let drawn = u64::from_le_bytes(hash.as_bytes().first_chunk().copied().unwrap_or_default()) % PARTS;
    drawn < u64::from(percent) * (PARTS / 100)
}

/// What the exit of a new order rests on.
///
/// # Errors
/// The operating system returns no random numbers.
pub fn begin(app: &App, order: &Name) -> Result<SelfCheckout, Problem> {
    let percent = app.config.self_checkout.audit_percent;
    Ok(SelfCheckout { entropy: crate::random()?, is_sampled: is_sampled(&app.sample_key, order, percent) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_as_large_as_it_is_set_and_differs_by_key() {
        let orders: Vec<Name> = (0..10_000).map(|nth| Name::from(format!("T-{nth}"))).collect();
        let sample = |key: u8, percent: u8| -> Vec<bool> {
            orders.iter().map(|order| is_sampled(&[key; 32], order, percent)).collect()
        };
        let count = |sample: &[bool]| sample.iter().filter(|one| **one).count();
        assert_eq!((count(&sample(1, 0)), count(&sample(1, 100))), (0, orders.len()));
        let five = sample(1, 5);
        assert!((350..650).contains(&count(&five)), "{}", count(&five));
        assert_eq!(sample(1, 5), five, "an order is asked about once or often, and is answered alike");
        assert_ne!(sample(2, 5), five);
    }
}
