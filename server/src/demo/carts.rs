//! What customers of the demo retailer are thinking of: a cart begun on the web, and one begun in the app.

use anaquel_engine::Engine;
use anaquel_engine::carts::command::{Command, LineFields, Make};
use anaquel_engine::prices::list::Currency;

use crate::demo::names::{name, sku};
use crate::demo::products::Variant;

/// Thirty days.
const TTL_SECONDS: u32 = 2_592_000;

/// Loads two carts.
pub fn load(engine: &Engine, variants: &[Variant]) -> anyhow::Result<()> {
    let line =
        |variant: &Variant, quantity: u32| anyhow::Ok(LineFields { line: None, sku: sku(&variant.sku)?, quantity });
    let some: Vec<_> = variants.iter().take(3).collect();
    let both = some.iter().map(|variant| line(variant, 1)).collect::<anyhow::Result<Vec<_>>>()?;
    let one = some.iter().take(1).map(|variant| line(variant, 2)).collect::<anyhow::Result<Vec<_>>>()?;
    for (cart, channel, customer, lines) in [("k-web", "web", "c-ana", both), ("k-app", "app", "c-luis", one)] {
        let random = || getrandom::u64().map_err(|error| anyhow::anyhow!("no random numbers: {error}"));
        let token = (u128::from(random()?) << 64) | u128::from(random()?);
        let make = Make {
            name: name(cart)?,
            digest: 0,
            token,
            channel: name(channel)?,
            customer: Some(name(customer)?),
            location: Some(name("es-002")?),
            currency: Currency(*b"EUR"),
            lines,
            codes: Vec::new(),
            ttl_seconds: TTL_SECONDS,
        };
        engine.run(|engine, done| engine.submit(Command::Make(Box::new(make)), None, done))?;
    }
    Ok(())
}
