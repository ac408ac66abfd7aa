//! Distances on the globe.

/// Mean radius of the earth, in kilometres (IUGG).
const EARTH_RADIUS_KM: f64 = 6371.0088;

/// A point on the globe as a unit vector from its centre: the expensive part of a distance is computed once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point([f64; 3]);

impl Point {
    /// From degrees north and east.
    pub fn new((north, east): (f64, f64)) -> Self {
        let ((sin_north, cos_north), (sin_east, cos_east)) =
            (north.to_radians().sin_cos(), east.to_radians().sin_cos());
        Self([cos_north * cos_east, cos_north * sin_east, sin_north])
    }

    /// Great-circle distance in kilometres, from the chord between the two.
    #[inline]
    pub fn km_to(&self, other: &Self) -> f64 {
        let chord: f64 = self.0.iter().zip(&other.0).map(|(one, other)| (one - other).powi(2)).sum();
        2.0 * EARTH_RADIUS_KM * (chord.sqrt() / 2.0).min(1.0).asin()
    }
}

/// Great-circle distance between two points given in degrees north and east, in kilometres.
pub fn distance_km(one: (f64, f64), other: (f64, f64)) -> f64 {
    Point::new(one).km_to(&Point::new(other))
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
        let metres = distance_km((40.0, -3.0), (40.000_01, -3.0)) * 1e3;
        assert!((metres - 1.112).abs() < 0.001, "{metres}");
        assert!((distance_km((0.0, 0.0), (0.0, 180.0)) - 20_015.1).abs() < 0.1);
    }
}
