//! Distances on the globe.

/// Mean radius of the earth, in kilometres (IUGG).
const EARTH_RADIUS_KM: f64 = 6371.0088;

/// Great-circle distance between two points given in degrees north and east, in kilometres (haversine formula).
pub fn distance_km((lat_a, lon_a): (f64, f64), (lat_b, lon_b): (f64, f64)) -> f64 {
    let half = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
    let chord = half(lat_b - lat_a) + lat_a.to_radians().cos() * lat_b.to_radians().cos() * half(lon_b - lon_a);
    2.0 * EARTH_RADIUS_KM * chord.clamp(0.0, 1.0).sqrt().asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_distances_hold() {
        let (madrid, barcelona, sydney) = ((40.4168, -3.7038), (41.3874, 2.1686), (-33.8688, 151.2093));
        assert!((distance_km(madrid, barcelona) - 505.0).abs() < 2.0);
        assert!((distance_km(madrid, sydney) - 17_690.0).abs() < 30.0);
        assert_eq!(distance_km(madrid, madrid), 0.0);
    }
}
