//! What the steps of a return share.

use crate::answers::Thing;
use crate::decide::{Decide, Decision, unknown};
use crate::ids::Name;
use crate::kernel::cause::Cause;
use crate::kernel::name_ref::NameRef;
use crate::refusal::{Failure, Refusal};
use crate::returns::answer::ReturnAnswer;
use crate::returns::command::{KnownLine, LineFields};
use crate::returns::returned::Return;

/// A return after the batch so far.
pub(super) fn find(cx: &Decide<'_>, name: &Name) -> Result<Return, Failure> {
    cx.draft.own.returns.named(cx.state, name.as_str()).ok_or_else(|| Refusal::NotFound("return").into())
}

/// The refusal of a step that the state of the return does not allow.
pub(super) fn in_state(returned: &Return) -> Failure {
    Refusal::InState { kind: "return", name: returned.name.clone(), state: returned.state.as_str() }.into()
}

/// Answers with the return as it is.
pub(super) fn tell_as_is(cx: &mut Decide<'_>, returned: Return, cause: &mut Option<Box<Cause>>) -> Decision {
    let version = returned.version;
    let answer = ReturnAnswer { returned, is_made: false };
    Ok(cx.tell_thing(cause, version, Thing::Returns(Box::new(answer))))
}

/// The lines of a request with their SKUs. A SKU that nobody declared is made up for goods that came back long ago, as for
/// any that a customer brings.
pub(super) fn known_lines(
    cx: &mut Decide<'_>,
    lines: Vec<LineFields>,
    is_late: bool,
    cause: &Option<Box<Cause>>,
) -> Result<Vec<KnownLine>, Failure> {
    let caller = Cause::caller(cause.as_deref());
    let mut known = Vec::with_capacity(lines.len());
    for (at, fields) in lines.into_iter().enumerate() {
        let sku = match &fields.sku {
            None => None,
            Some(name) => match cx.draft.known_sku(name) {
                Some(sku) => Some(sku),
                None if is_late => {
                    let name = NameRef::New(name.clone());
                    Some(cx.draft.make_up_sku(&name, caller, &|| format!("lines[{at}].sku"))?)
                }
                None => return Err(unknown(&format!("lines[{at}].sku"), name)),
            },
        };
        known.push(KnownLine { fields, sku });
    }
    Ok(known)
}

/// A refusal of the exchange names its fields inside it.
pub(super) fn in_exchange(failure: Failure) -> Failure {
    match failure {
        Failure::Refused(Refusal::Invalid { field, reason }) => {
            Refusal::Invalid { field: format!("exchange.{field}"), reason }.into()
        }
        failure => failure,
    }
}
