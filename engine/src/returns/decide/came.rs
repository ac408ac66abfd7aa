//! What of an announcement comes.

use crate::refusal::{Failure, Refusal};
use crate::returns::command::LineFields;
use crate::returns::returned::Return;

/// The lines of an announcement that come: each names one of its lines, and no more units than were announced.
pub(super) fn came(returned: &Return, lines: Vec<LineFields>, is_late: bool) -> Result<Vec<LineFields>, Failure> {
    for (at, fields) in lines.iter().enumerate() {
        let Some(line) = &fields.line else {
            return Err(Refusal::invalid(format!("lines[{at}].line"), "is required").into());
        };
        let announced: u64 = returned.lines.iter().filter(|of| of.name == *line).map(|of| u64::from(of.quantity)).sum();
        let came: u64 = lines.iter().filter(|of| of.line == fields.line).map(|of| u64::from(of.quantity)).sum();
        // What came while nobody was told is booked, however much it was.
        if came > announced && !is_late {
            let (asked, of) = (came, line);
            let reason = format!("comes to {asked} units of {of}, of which {announced} were announced");
            return Err(Refusal::invalid(format!("lines[{at}].quantity"), reason).into());
        }
    }
    Ok(lines)
}
