//! Weights, policies and plans.

use serde::{Deserialize, Serialize};

use crate::ids::LocationId;

/// The weights of the score. Lower scores are better.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// For each location that is used.
    pub shipments: f64,
    /// For each unit and 100 km.
    pub distance: f64,
    /// For each unit and each location that is named before its own.
    pub priority: f64,
    /// For each unit; more if fewer units are available.
    pub stock: f64,
    /// For each unit from a store.
    pub store: f64,
    /// For each unit; more if the location sells out sooner.
    pub cover: f64,
}

/// A policy: named weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Each unit from the nearest location that has it.
    Nearest,
    /// Each unit from the first named location that has it.
    Priority,
    /// Each unit from the location with most units.
    MostStock,
    /// As few locations as possible, the nearest of those.
    FewestShipments,
    /// One location, the nearest, or none.
    WholeOrder,
    /// Stores only for units that no other location has.
    StoresLast,
    /// From the location whose stock lasts longest.
    Balance,
}

impl Policy {
    /// Its weights.
    pub fn weights(self) -> Weights {
        // A weight that the policy does not need decides between equal plans.
        let least = Weights { shipments: 0.001, ..Weights::default() };
        match self {
            Self::Nearest => Weights { distance: 1.0, ..least },
            Self::Priority => Weights { priority: 1.0, ..least },
            Self::MostStock => Weights { stock: 1.0, ..least },
            Self::FewestShipments => Weights { shipments: 1e6, distance: 1.0, ..Weights::default() },
            Self::WholeOrder => Weights { distance: 1.0, ..Weights::default() },
            Self::StoresLast => Weights { store: 1e6, distance: 1.0, ..least },
            Self::Balance => Weights { cover: 1.0, ..least },
        }
    }
}

/// The shipment of one location.
#[derive(Debug, Clone, PartialEq)]
pub struct Shipment {
    /// The location.
    pub location: LocationId,
    /// Its distance, if both positions are known.
    pub distance_km: Option<f64>,
    /// The line of the question, from 0, and units.
    pub lines: Vec<(usize, u32)>,
}

/// The location of each unit.
#[derive(Debug, Clone, PartialEq)]
pub struct SourcingPlan {
    /// The shipments, the cheapest first.
    pub shipments: Vec<Shipment>,
    /// The score, and what each weight adds to it.
    pub score: f64,
    /// The part of each weight.
    pub parts: Weights,
    /// Units of each line that no location has.
    pub missing: Vec<u32>,
}

impl SourcingPlan {
    /// Whether no unit is missing.
    pub fn is_complete(&self) -> bool {
        self.missing.iter().all(|units| *units == 0)
    }
}
