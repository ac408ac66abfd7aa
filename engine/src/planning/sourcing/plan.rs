//! What a plan is made by, and what it is.

use serde::{Deserialize, Serialize};

use crate::ids::LocationId;

/// What counts, and how much. Lower scores are better.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// For each place that is used.
    pub shipments: f64,
    /// For each unit and 100 km.
    pub distance: f64,
    /// For each unit and each place that comes before its own in the order in which they were named.
    pub priority: f64,
    /// For each unit, the more the fewer there are.
    pub stock: f64,
    /// For each unit from a store.
    pub store: f64,
    /// For each unit, the more the sooner the place sells out.
    pub cover: f64,
}

/// Weights that have a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Each unit from the nearest place that has it.
    Nearest,
    /// Each unit from the first place named that has it.
    Priority,
    /// Each unit from where there is most of it.
    MostStock,
    /// As few places as will do, the nearest of those.
    FewestShipments,
    /// One place, the nearest, or none.
    WholeOrder,
    /// Stores only for what nobody else has.
    StoresLast,
    /// From where it lasts longest.
    Balance,
}

impl Policy {
    /// What counts under it.
    pub fn weights(self) -> Weights {
        // What a policy does not care for decides between equals.
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

/// What comes from one place.
#[derive(Debug, Clone, PartialEq)]
pub struct Shipment {
    /// Where.
    pub location: LocationId,
    /// From where it goes, where both are known.
    pub distance_km: Option<f64>,
    /// Which line of the question, from 0, and units.
    pub lines: Vec<(usize, u32)>,
}

/// Where each unit comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct SourcingPlan {
    /// Place by place, the cheapest first.
    pub shipments: Vec<Shipment>,
    /// The score, and what each weight adds to it.
    pub score: f64,
    /// The same, weight by weight.
    pub parts: Weights,
    /// Units of each line that no place has.
    pub missing: Vec<u32>,
}

impl SourcingPlan {
    /// Whether every unit comes from somewhere.
    pub fn is_complete(&self) -> bool {
        self.missing.iter().all(|units| *units == 0)
    }
}
