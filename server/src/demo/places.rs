//! The locations of the demo retailer: real places, invented stores.

use anaquel_engine::catalogue::LocationKind::{self, Store, Warehouse};

/// A shop or a warehouse.
pub struct DemoLocation {
    pub id: &'static str,
    pub name: &'static str,
    pub country: &'static str,
    pub kind: LocationKind,
    pub latitude: f64,
    pub longitude: f64,
    pub timezone: &'static str,
    /// From 1, a corner shop, to 10, a flagship.
    pub size: u64,
}

impl DemoLocation {
    /// Its postal address: the street and the city of its name, and the country.
    pub fn address(&self) -> String {
        let (city, street) = self.name.split_once(", ").unwrap_or((self.name, ""));
        let country = if self.country == "es" { "Espa\u{f1}a" } else { "M\u{e9}xico" };
        let parts = [street, city, country];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
    }
}

#[rustfmt::skip]
const fn place(
    id: &'static str, name: &'static str, country: &'static str, kind: LocationKind,
    (latitude, longitude): (f64, f64), timezone: &'static str, size: u64,
) -> DemoLocation {
    DemoLocation { id, name, country, kind, latitude, longitude, timezone, size }
}

#[rustfmt::skip]
pub const PLACES: &[DemoLocation] = &[
    place("es-001", "Madrid, Gran Vía", "es", Store, (40.4203, -3.7058), "Europe/Madrid", 10),
    place("es-002", "Madrid, Serrano", "es", Store, (40.4280, -3.6870), "Europe/Madrid", 9),
    place("es-003", "Barcelona, Passeig de Gràcia", "es", Store, (41.3917, 2.1650), "Europe/Madrid", 10),
    place("es-004", "Barcelona, Portal de l'Àngel", "es", Store, (41.3857, 2.1730), "Europe/Madrid", 8),
    place("es-005", "Valencia, Colón", "es", Store, (39.4697, -0.3710), "Europe/Madrid", 7),
    place("es-006", "Sevilla, Tetuán", "es", Store, (37.3912, -5.9946), "Europe/Madrid", 7),
    place("es-007", "Zaragoza, Independencia", "es", Store, (41.6512, -0.8836), "Europe/Madrid", 6),
    place("es-008", "Málaga, Larios", "es", Store, (36.7194, -4.4212), "Europe/Madrid", 6),
    place("es-009", "Murcia, Trapería", "es", Store, (37.9857, -1.1290), "Europe/Madrid", 4),
    place("es-010", "Palma, Jaume III", "es", Store, (39.5722, 2.6440), "Europe/Madrid", 5),
    place("es-011", "Bilbao, Gran Vía", "es", Store, (43.2627, -2.9340), "Europe/Madrid", 6),
    place("es-012", "Alicante, Maisonnave", "es", Store, (38.3440, -0.4900), "Europe/Madrid", 4),
    place("es-013", "Córdoba, Cruz Conde", "es", Store, (37.8866, -4.7800), "Europe/Madrid", 3),
    place("es-014", "Valladolid, Santiago", "es", Store, (41.6510, -4.7270), "Europe/Madrid", 3),
    place("es-015", "Vigo, Príncipe", "es", Store, (42.2366, -8.7200), "Europe/Madrid", 4),
    place("es-016", "Gijón, Corrida", "es", Store, (43.5430, -5.6640), "Europe/Madrid", 2),
    place("es-017", "A Coruña, Real", "es", Store, (43.3700, -8.3990), "Europe/Madrid", 3),
    place("es-018", "Granada, Recogidas", "es", Store, (37.1730, -3.6010), "Europe/Madrid", 3),
    place("es-019", "Donostia, Loiola", "es", Store, (43.3175, -1.9815), "Europe/Madrid", 3),
    place("es-020", "Santander, Juan de Herrera", "es", Store, (43.4620, -3.8080), "Europe/Madrid", 2),
    place("es-021", "Las Palmas, Triana", "es", Store, (28.1040, -15.4150), "Atlantic/Canary", 4),
    place("es-022", "Santa Cruz, Castillo", "es", Store, (28.4682, -16.2510), "Atlantic/Canary", 3),
    place("mx-001", "Ciudad de México, Madero", "mx", Store, (19.4335, -99.1380), "America/Mexico_City", 10),
    place("mx-002", "Ciudad de México, Polanco", "mx", Store, (19.4340, -99.1950), "America/Mexico_City", 9),
    place("mx-003", "Ciudad de México, Santa Fe", "mx", Store, (19.3610, -99.2740), "America/Mexico_City", 8),
    place("mx-004", "Guadalajara, Andares", "mx", Store, (20.7100, -103.4120), "America/Mexico_City", 8),
    place("mx-005", "Guadalajara, Centro", "mx", Store, (20.6760, -103.3470), "America/Mexico_City", 5),
    place("mx-006", "Monterrey, San Pedro", "mx", Store, (25.6510, -100.3580), "America/Monterrey", 8),
    place("mx-007", "Monterrey, Morelos", "mx", Store, (25.6680, -100.3100), "America/Monterrey", 5),
    place("mx-008", "Puebla, Angelópolis", "mx", Store, (19.0300, -98.2330), "America/Mexico_City", 6),
    place("mx-009", "Tijuana, Río", "mx", Store, (32.5280, -117.0200), "America/Tijuana", 5),
    place("mx-010", "León, Centro", "mx", Store, (21.1220, -101.6830), "America/Mexico_City", 4),
    place("mx-011", "Querétaro, Antea", "mx", Store, (20.6750, -100.4360), "America/Mexico_City", 5),
    place("mx-012", "Mérida, Altabrisa", "mx", Store, (21.0180, -89.5850), "America/Merida", 5),
    place("mx-013", "Cancún, Kukulcán", "mx", Store, (21.1090, -86.7640), "America/Cancun", 4),
    place("mx-014", "Toluca, Galerías", "mx", Store, (19.2610, -99.5780), "America/Mexico_City", 4),
    place("mx-015", "San Luis Potosí, Plaza", "mx", Store, (22.1510, -101.0150), "America/Mexico_City", 3),
    place("mx-016", "Chihuahua, Fashion Mall", "mx", Store, (28.6690, -106.1190), "America/Chihuahua", 3),
    place("mx-017", "Veracruz, Américas", "mx", Store, (19.1500, -96.1080), "America/Mexico_City", 3),
    place("mx-018", "Oaxaca, Macedonio", "mx", Store, (17.0630, -96.7250), "America/Mexico_City", 2),
    place("es-w01", "Guadalajara de Henares, almacén", "es", Warehouse, (40.6100, -3.2000), "Europe/Madrid", 10),
    place("mx-w01", "Cuautitlán, almacén", "mx", Warehouse, (19.6700, -99.1800), "America/Mexico_City", 10),
];
