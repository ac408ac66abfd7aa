//! What the demo retailer sells: garments in colours and sizes.

use anaquel_engine::command::SkuFields;
use anaquel_engine::patch::Patch;

use crate::demo::numbers::Numbers;

/// Garment, code, category, lowest price of its models in cents, whether it has shoe sizes.
const GARMENTS: &[(&str, &str, &str, i64, bool)] = &[
    ("T-shirt", "TSHIRT", "tops", 1295, false),
    ("Shirt", "SHIRT", "tops", 2995, false),
    ("Jumper", "JUMPER", "tops", 3995, false),
    ("Jeans", "JEANS", "trousers", 3995, false),
    ("Chinos", "CHINOS", "trousers", 3595, false),
    ("Skirt", "SKIRT", "skirts", 2595, false),
    ("Dress", "DRESS", "dresses", 4595, false),
    ("Jacket", "JACKET", "outerwear", 7995, false),
    ("Coat", "COAT", "outerwear", 11995, false),
    ("Trainers", "TRAINERS", "shoes", 5995, true),
    ("Boots", "BOOTS", "shoes", 8995, true),
];

const MODELS: &[&str] = &["", "SLIM", "RELAXED", "ORGANIC", "CLASSIC", "CROPPED"];
const COLOURS: &[(&str, &str)] = &[
    ("red", "RED"),
    ("black", "BLACK"),
    ("white", "WHITE"),
    ("navy", "NAVY"),
    ("sand", "SAND"),
    ("olive", "OLIVE"),
    ("sky", "SKY"),
    ("rust", "RUST"),
];

/// Sizes, and how popular each is.
const SIZES: &[(&str, u64)] = &[("M", 5), ("XS", 2), ("S", 4), ("L", 4), ("XL", 2), ("XXL", 1)];
const SHOES: &[(&str, u64)] =
    &[("40", 4), ("36", 1), ("37", 2), ("38", 4), ("39", 4), ("41", 4), ("42", 3), ("43", 2), ("44", 1)];

/// One product variant.
pub struct Variant {
    pub sku: String,
    name: String,
    product: String,
    pub category: &'static str,
    colour: &'static str,
    size: &'static str,
    pub popularity: u64,
    pub cents: i64,
}

impl Variant {
    /// The SKU of the catalogue.
    pub fn fields(&self) -> SkuFields {
        SkuFields {
            name: Patch::Set(self.name.clone()),
            unit: Patch::Set("piece".into()),
            decimals: Patch::Set(0),
            product: Patch::Set(self.product.clone()),
            categories: Patch::Set(vec![self.category.into()]),
            attributes: vec![("colour".into(), self.colour.into()), ("size".into(), self.size.into())],
            ..SkuFields::default()
        }
    }
}

/// Everything on sale.
pub fn variants(numbers: &mut Numbers) -> Vec<Variant> {
    let mut variants = Vec::new();
    for (garment, code, category, from, shoes) in GARMENTS {
        for (nth, model) in MODELS.iter().enumerate() {
            let product = if model.is_empty() { (*code).to_owned() } else { format!("{code}-{model}") };
            let cents = from + 500 * nth as i64;
            for (colour, colour_code) in COLOURS {
                // Not every model has every colour; the plain model does.
                if nth > 0 && numbers.chance(15) {
                    continue;
                }
                for (size, popularity) in if *shoes { SHOES } else { SIZES } {
                    variants.push(Variant {
                        sku: format!("{product}-{colour_code}-{size}"),
                        name: format!(
                            "{garment}{}{}, {colour}, {size}",
                            if nth > 0 { " " } else { "" },
                            model.to_lowercase()
                        ),
                        product: product.clone(),
                        category,
                        colour,
                        size,
                        popularity: *popularity,
                        cents,
                    });
                }
            }
        }
    }
    variants
}
