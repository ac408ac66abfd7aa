//! Replenishment, worked out beside the writer.
