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
    gtin: String,
    /// Whether it is sold by weight: in grams, and priced by the gram.
    weighed: bool,
}

impl Variant {
    /// The SKU of the catalogue.
    pub fn fields(&self) -> SkuFields {
        SkuFields {
            name: Patch::Set(self.name.clone()),
            gtin: Patch::Set(self.gtin.clone()),
            unit: Patch::Set(if self.weighed { "kg" } else { "piece" }.into()),
            decimals: Patch::Set(if self.weighed { 3 } else { 0 }),
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
                        gtin: gtin(&format!("843{:09}", variants.len() + 1)),
                        weighed: false,
                    });
                }
            }
        }
    }
    variants.push(weighed());
    variants
}

/// A GTIN-13: twelve digits with their check digit.
fn gtin(digits: &str) -> String {
    let weighted =
        digits.bytes().zip([1_u32, 3].into_iter().cycle()).map(|(digit, weight)| u32::from(digit - b'0') * weight);
    let rest = weighted.sum::<u32>() % 10;
    format!("{digits}{}", (10 - rest) % 10)
}

/// The one SKU that is sold by weight. A scale prints labels for it that begin with its first seven digits.
fn weighed() -> Variant {
    Variant {
        sku: "BUTTONS-MIXED-KG".to_owned(),
        name: "Mixed buttons, by weight".to_owned(),
        product: "BUTTONS-MIXED".to_owned(),
        category: "haberdashery",
        colour: "mixed",
        size: "loose",
        popularity: 50,
        cents: 2,
        gtin: gtin("200001700000"),
        weighed: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anaquel_engine::gtin::Gtin;

    #[test]
    fn every_gtin_is_one_and_belongs_to_one_sku() {
        let variants = variants(&mut Numbers(1));
        let mut all: Vec<&str> = variants.iter().map(|variant| variant.gtin.as_str()).collect();
        assert!(all.iter().all(|text| Gtin::parse(text).is_ok()));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), variants.len());
        assert_eq!(variants.iter().filter(|variant| variant.weighed).count(), 1);
    }
}
