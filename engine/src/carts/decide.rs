//! Decides carts: each step is one record, with what it gives back of promises.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::CartAnswer;
use super::cart::{Cart, CartState};
use super::command::{Command, Hold, HoldTarget, LineFields, Make, SetLines};
use super::event::{Closed, CustomerSet, Event, Expired, Held, LinesSet, MadeCart, Merged};
use super::line::{CartId, CartLine, LINES_MAX, UNITS_MAX, join_codes, set_lines};
use super::merge::{MergeRule, merge};
use crate::answers::Thing;
use crate::catalogue::names::TRANSFER_CHANNEL;
use crate::catalogue::release::channel_of;
use crate::decide::{Decide, Decision, effect_of, unknown};
use crate::ids::{LocationId, Name, ReservationId, Seq, SkuId, Timestamp};
use crate::kernel::cause::Cause;
use crate::kernel::few::Few;
use crate::kernel::name_ref::NameRef;
use crate::kernel::version::{Precondition, Version};
use crate::prices::list::Currency;
use crate::refusal::{Failure, Refusal};
use crate::reservations::ReservationState;
use crate::reservations::command::{GroupLine, Reserve, ReserveLine};
use crate::reservations::decide::reserve;
use crate::reservations::decide::step::{self, Gone};
use crate::reservations::holds::check_request;
use crate::reservations::parent::{Parent, ParentKind};
use crate::reservations::promise::Cancelled as GivenBack;

/// Carts that expire in one batch.
const EXPIRIES_PER_BATCH: usize = 1024;

/// Carts without promises that expire in one record.
const EXPIRIES_PER_RECORD: usize = 128;

/// Carts that make room for one new cart: two, so that a lowered limit is reached in time.
const ROOM_PER_CART: u64 = 2;

/// Decides a command of carts.
pub(crate) fn decide(cx: &mut Decide<'_>, command: Command, cause: &mut Option<Box<Cause>>) -> Decision {
    match command {
        Command::Make(make) => make_cart(cx, *make, cause),
        Command::SetLines(asked) => set_cart_lines(cx, &asked, cause),
        Command::SetCustomer { cart, customer, rule } => set_customer(cx, &cart, &customer, rule, cause),
        Command::Hold(asked) => hold(cx, *asked, cause),
        Command::Close { cart } => close(cx, &cart, cause),
    }
}

/// What an order takes from a cart.
#[derive(Debug, Clone)]
#[allow(dead_code, reason = "read by orders")]
pub(crate) struct Taken {
    /// The cart.
    pub cart: CartId,
    /// Its lines.
    pub lines: Vec<CartLine>,
    /// The promises that it still holds: parts of `parent`, which the promises of the order replace.
    pub holds: Vec<ReservationId>,
    /// The cart, as what its promises are a part of.
    pub parent: Parent,
    /// The channel that began it.
    pub begun_in: Name,
    /// The customer.
    pub customer: Option<Name>,
    /// The currency.
    pub currency: Currency,
    /// The location.
    pub location: Option<LocationId>,
    /// The codes.
    pub codes: Vec<Box<str>>,
}

/// What an order takes from the cart `name`, if it is open and has this version. The order logs the rest: its event has
/// [`CartOrdered`](super::ordered::CartOrdered) among its effects, and takes over or gives back every promise.
///
/// # Errors
/// The cart does not exist, is no longer open, or has another version.
#[allow(dead_code, reason = "called by orders")]
pub(crate) fn take(cx: &mut Decide<'_>, name: &Name, version: Option<Seq>) -> Result<Taken, Failure> {
    let cart = find_open(cx, name)?;
    if version.is_some_and(|version| version != cart.version) {
        return Err(Refusal::StaleVersion { actual: cart.version }.into());
    }
    let (holds, parent) = (open_holds(cx, &cart), parent_of(&cart));
    let Cart { id, lines, channel, customer, currency, location, codes, .. } = cart;
    Ok(Taken { cart: id, lines, holds, parent, begun_in: channel, customer, currency, location, codes })
}

/// Answers with a cart.
fn tell(cx: &mut Decide<'_>, seq: Seq, answer: CartAnswer, cause: &mut Option<Box<Cause>>) -> Decision {
    Ok(cx.tell_thing(cause, seq, Thing::Carts(Box::new(answer))))
}

/// Logs an event, and answers with the cart.
fn log(cx: &mut Decide<'_>, event: Event, cart: CartId, cause: &mut Option<Box<Cause>>) -> Decision {
    let of_effect = effect_of(cause);
    let seq = cx.draft.log(of_effect, event);
    tell(cx, seq, CartAnswer { cart, made: false, dropped: Vec::new() }, cause)
}

/// Answers with the unchanged cart.
fn tell_as_is(cx: &mut Decide<'_>, cart: &Cart, cause: &mut Option<Box<Cause>>) -> Decision {
    tell(cx, cart.version, CartAnswer { cart: cart.id, made: false, dropped: Vec::new() }, cause)
}

fn find(cx: &Decide<'_>, name: &Name) -> Result<Cart, Failure> {
    cx.draft.own.carts.named(cx.state, name).ok_or_else(|| Refusal::NotFound("cart").into())
}

/// An open cart.
fn find_open(cx: &Decide<'_>, name: &Name) -> Result<Cart, Failure> {
    let cart = find(cx, name)?;
    match cart.is_open() {
        true => Ok(cart),
        false => Err(in_state(&cart)),
    }
}

/// The state of a cart does not allow a step: names the cart that it was merged into, the order that took it, or the
/// customer whose it is while it is open.
fn in_state(cart: &Cart) -> Failure {
    let (kind, name, state) = ("cart", cart.name.clone(), cart.state.as_str());
    let other = match (&cart.merged_into, &cart.order, &cart.customer) {
        (Some((_, into)), _, _) => Some(("merged_into", into.clone())),
        (None, Some(order), _) => Some(("order", order.clone())),
        (None, None, Some(customer)) if cart.is_open() => Some(("customer", customer.clone())),
        (None, None, _) => None,
    };
    match other {
        Some((field, other)) => Refusal::TakenBy { kind, name, state, field, other }.into(),
        None => Refusal::InState { kind, name, state }.into(),
    }
}

/// When a cart expires that changes now.
fn expires_at(cx: &Decide<'_>, has_customer: bool, ttl_seconds: u32) -> Timestamp {
    let most = if has_customer { u64::MAX } else { cx.settings.carts.anonymous_seconds };
    cx.deadline_in(u64::from(ttl_seconds).min(most))
}

/// A channel that carts may be begun or changed through.
fn check_channel(cx: &Decide<'_>, channel: &Name) -> Result<(), Failure> {
    if channel.as_str() == TRANSFER_CHANNEL {
        let reason = "is reserved for transfers between locations; choose another channel";
        return Err(Refusal::invalid("channel", reason).into());
    }
    match cx.draft.takes_channel(cx.draft.known_channel(channel)) {
        true => Ok(()),
        false => Err(cx.state.catalogue.undeclared_channel("channel", channel).into()),
    }
}

/// The rows that change lines, with resolved SKUs; checks that the result has at most 100 lines.
fn changes(cx: &Decide<'_>, lines: &[CartLine], rows: &[LineFields]) -> Result<Vec<CartLine>, Failure> {
    let mut seen = BTreeSet::new();
    let mut changed = Vec::with_capacity(rows.len());
    // Bounded by the rows of the request, 100 at most, and the lines of the cart.
    for (at, LineFields { line, sku, quantity }) in rows.iter().enumerate() {
        let id = line.as_ref().unwrap_or(sku);
        if !seen.insert(id.as_str()) {
            let field = format!("lines[{at}].{}", if line.is_some() { "line" } else { "sku" });
            return Err(Refusal::invalid(field, format!("{id} is named twice; name each line once")).into());
        }
        let known = lines.iter().find(|known| *known.line == *id.as_str());
        let row = match (known, quantity) {
            (None, 0) => continue,
            // A SKU that is retired by now can be taken out.
            (Some(known), 0) => CartLine { quantity: 0, ..known.clone() },
            (_, quantity) => {
                let known_sku = cx.draft.known_sku(sku);
                let sku = known_sku.ok_or_else(|| unknown(&format!("lines[{at}].sku"), sku))?;
                CartLine { line: id.as_str().into(), sku, quantity: *quantity }
            }
        };
        if known != Some(&row) {
            changed.push(row);
        }
    }
    let mut after = lines.to_vec();
    set_lines(&mut after, &changed);
    if after.len() > LINES_MAX {
        let reason = format!("would leave {} lines in the cart; a cart has at most {LINES_MAX}", after.len());
        return Err(Refusal::invalid("lines", reason).into());
    }
    Ok(changed)
}

fn make_cart(cx: &mut Decide<'_>, make: Make, cause: &mut Option<Box<Cause>>) -> Decision {
    if let Some(known) = cx.draft.own.carts.named(cx.state, &make.name) {
        if known.digest == make.digest {
            return tell_as_is(cx, &known, cause);
        }
        return Err(Refusal::AlreadyExists { kind: "cart", name: make.name, seq: known.id.0 }.into());
    }
    check_channel(cx, &make.channel)?;
    let location = match &make.location {
        Some(name) => Some(cx.draft.own_location(name).ok_or_else(|| unknown("location", name))?),
        None => None,
    };
    let known = match &make.customer {
        Some(customer) => cx.draft.own.carts.open_of(cx.state, customer, make.currency),
        None => None,
    };
    if let Some(known) = known {
        return put_into(cx, &known, &make.channel, &make.lines, &make.codes, cause);
    }
    let lines = changes(cx, &[], &make.lines)?;
    if make.customer.is_none() && lines.is_empty() {
        let reason = "has no units; a cart without a customer is made with its first line";
        return Err(Refusal::invalid("lines", reason).into());
    }
    let mut codes = Vec::new();
    join_codes(&mut codes, &make.codes);
    // Nothing below may refuse, because expiries are logged, but for the limit itself.
    make_room(cx)?;
    let made = MadeCart {
        expires_at: expires_at(cx, make.customer.is_some(), make.ttl_seconds),
        name: make.name,
        digest: make.digest,
        token: make.token,
        channel: make.channel,
        customer: make.customer,
        location,
        currency: make.currency,
        lines,
        codes,
        ttl_seconds: make.ttl_seconds,
    };
    let of_effect = effect_of(cause);
    let seq = cx.draft.log(of_effect, Event::Made(Box::new(made)));
    tell(cx, seq, CartAnswer { cart: CartId(seq), made: true, dropped: Vec::new() }, cause)
}

/// Puts lines and codes into an open cart.
fn put_into(
    cx: &mut Decide<'_>,
    cart: &Cart,
    channel: &Name,
    rows: &[LineFields],
    more: &[Box<str>],
    cause: &mut Option<Box<Cause>>,
) -> Decision {
    let lines = changes(cx, &cart.lines, rows)?;
    let mut joined = cart.codes.clone();
    join_codes(&mut joined, more);
    let codes = joined.split_off(cart.codes.len());
    if lines.is_empty() && codes.is_empty() {
        return tell_as_is(cx, cart, cause);
    }
    let expires_at = expires_at(cx, cart.customer.is_some(), cart.ttl_seconds);
    let set = LinesSet { cart: cart.id, channel: channel.clone(), lines, codes, expires_at };
    log(cx, Event::LinesSet(Box::new(set)), cart.id, cause)
}

fn check_version(cart: &Cart, precondition: &Precondition) -> Result<(), Failure> {
    match precondition.holds(Some(Version::new(cart.version))) {
        true => Ok(()),
        false => Err(Refusal::StaleVersion { actual: cart.version }.into()),
    }
}

fn set_cart_lines(cx: &mut Decide<'_>, asked: &SetLines, cause: &mut Option<Box<Cause>>) -> Decision {
    let cart = find_open(cx, &asked.cart)?;
    check_version(&cart, &asked.precondition)?;
    check_channel(cx, &asked.channel)?;
    put_into(cx, &cart, &asked.channel, &asked.lines, &[], cause)
}

fn set_customer(
    cx: &mut Decide<'_>,
    name: &Name,
    customer: &Name,
    rule: MergeRule,
    cause: &mut Option<Box<Cause>>,
) -> Decision {
    let cart = find(cx, name)?;
    // A repeat: the cart is theirs, or is merged into theirs.
    if cart.state == CartState::Merged
        && let Some((into, _)) = cart.merged_into
        && let Some(theirs) = cx.draft.own.carts.get(cx.state, into)
        && theirs.customer.as_ref() == Some(customer)
    {
        return tell_as_is(cx, &theirs, cause);
    }
    if !cart.is_open() {
        return Err(in_state(&cart));
    }
    match &cart.customer {
        Some(known) if known == customer => return tell_as_is(cx, &cart, cause),
        Some(_) => return Err(in_state(&cart)),
        None => {}
    }
    let Some(theirs) = cx.draft.own.carts.open_of(cx.state, customer, cart.currency) else {
        let expires_at = expires_at(cx, true, cart.ttl_seconds);
        let set = CustomerSet { cart: cart.id, customer: customer.clone(), expires_at };
        return log(cx, Event::CustomerSet(Box::new(set)), cart.id, cause);
    };
    let skus = &cx.state.catalogue.skus;
    let merged = merge(&theirs.lines, &cart.lines, rule, |sku| skus.name(sku).to_string());
    let given_back = give_back(cx, &cart)?;
    let dropped = merged.dropped.clone();
    let event = Merged {
        cart: cart.id,
        into: theirs.id,
        into_name: theirs.name.clone(),
        lines: merged.rows,
        dropped: merged.dropped,
        codes: cart.codes.clone(),
        expires_at: expires_at(cx, true, theirs.ttl_seconds),
        given_back,
    };
    let of_effect = effect_of(cause);
    let seq = cx.draft.log(of_effect, Event::Merged(Box::new(event)));
    tell(cx, seq, CartAnswer { cart: theirs.id, made: false, dropped }, cause)
}

fn hold(cx: &mut Decide<'_>, asked: Hold, cause: &mut Option<Box<Cause>>) -> Decision {
    let cart = find_open(cx, &asked.cart)?;
    if cart.lines.is_empty() {
        return Err(Refusal::invalid("cart", format!("{} has no lines to hold; set some first", cart.name)).into());
    }
    check_sums(&cart.lines)?;
    let units: Vec<u32> = cart.lines.iter().map(|line| line.quantity).collect();
    check_request(&asked.bounds, &units, Some(asked.ttl_seconds.into()))?;
    let (mut lines, mut group_lines) = (Few::new(), Vec::new());
    let (mut location, mut group) = (None, None);
    match &asked.target {
        HoldTarget::Location(name) => {
            let at = cx.draft.own_location(name).ok_or_else(|| unknown("location", name))?;
            location = Some(at);
            let line = |CartLine { sku, quantity, .. }: &CartLine| ReserveLine {
                sku: *sku,
                location: at,
                quantity: *quantity,
                latest: None,
            };
            lines.extend(cart.lines.iter().map(line));
        }
        HoldTarget::Group(name) => {
            let of = cx.draft.known_group(name).ok_or_else(|| unknown("group", name))?;
            group = Some(of);
            let line = |(at, CartLine { sku, quantity, .. }): (usize, &CartLine)| GroupLine {
                at,
                sku: *sku,
                group: of,
                quantity: *quantity,
                latest: None,
            };
            group_lines.extend(cart.lines.iter().enumerate().map(line));
        }
    }
    let parent = parent_of(&cart);
    let reserve = Reserve {
        channel: NameRef::New(asked.channel.clone()),
        channel_name: asked.channel.clone(),
        purpose: asked.purpose,
        customer: cart.customer.as_ref().map(|customer| customer.as_str().into()),
        order: None,
        ttl_seconds: asked.ttl_seconds,
        confirm: false,
        allow_partial: asked.allow_partial,
        supersedes: open_holds(cx, &cart).into_iter().collect(),
        lines,
        group_lines,
        admitted: Few::new(),
        fetched_at: None,
        is_attempt: false,
        bounds: asked.bounds,
        first_line: 0,
        replaces_parts_of: vec![parent.clone()],
    };
    cx.state.bound_groups(&reserve)?;
    let channel = channel_of(cx, &reserve, cause)?;
    let promise = reserve::promise(cx, reserve, channel, cause)?;
    let held = Held {
        cart: cart.id,
        channel: asked.channel,
        promise: promise.into_replaced().expect("the event is a promise"),
        parent,
        location,
        group,
        ttl_seconds: asked.ttl_seconds,
        expires_at: expires_at(cx, cart.customer.is_some(), cart.ttl_seconds),
    };
    log(cx, Event::Held(Box::new(held)), cart.id, cause)
}

/// A cart, as what its promises are a part of.
fn parent_of(cart: &Cart) -> Parent {
    Parent { kind: ParentKind::Cart, seq: cart.id.0, name: cart.name.clone() }
}

/// The units of one SKU together are at most those of one line of a promise.
fn check_sums(lines: &[CartLine]) -> Result<(), Failure> {
    let mut sums: BTreeMap<SkuId, u64> = BTreeMap::new();
    for (at, line) in lines.iter().enumerate() {
        let sum = sums.entry(line.sku).or_insert(0);
        *sum += u64::from(line.quantity);
        if *sum > UNITS_MAX.into() {
            let reason =
                format!("the lines up to this one have {sum} units of one SKU; a hold has at most {UNITS_MAX}");
            return Err(Refusal::invalid(format!("lines[{at}].quantity"), reason).into());
        }
    }
    Ok(())
}

fn close(cx: &mut Decide<'_>, name: &Name, cause: &mut Option<Box<Cause>>) -> Decision {
    let cart = find(cx, name)?;
    match cart.state {
        CartState::Open => {}
        CartState::Closed => return tell_as_is(cx, &cart, cause),
        CartState::Ordered | CartState::Merged | CartState::Expired => return Err(in_state(&cart)),
    }
    let given_back = give_back(cx, &cart)?;
    log(cx, Event::Closed(Box::new(Closed { cart: cart.id, given_back })), cart.id, cause)
}

/// The promises of a cart that are still held.
fn open_holds(cx: &mut Decide<'_>, cart: &Cart) -> Vec<ReservationId> {
    let is_held = |id: &&ReservationId| {
        let held = cx.draft.reservation(**id);
        held.is_some_and(|held| held.state == ReservationState::Held)
    };
    cart.holds().iter().filter(is_held).copied().collect()
}

/// Gives back what a cart holds: changes the cells in the draft; the caller logs it.
fn give_back(cx: &mut Decide<'_>, cart: &Cart) -> Result<Vec<GivenBack>, Failure> {
    let mut given_back = Vec::new();
    for reservation in open_holds(cx, cart) {
        let held = cx.draft.reservation(reservation).map(|held| held.lines.clone()).unwrap_or_default();
        let units = (0..).zip(&held).map(|(number, line)| (number, line.present())).filter(|(_, units)| *units > 0);
        let units: Vec<(u16, u32)> = units.collect();
        let lines = step::change_units(cx, reservation, &units, Gone::Back)?;
        given_back.push(GivenBack { reservation, whole: true, reason: None, lines });
    }
    Ok(given_back)
}

/// Makes room for one more open cart: beyond the limit, the one longest untouched that holds nothing expires.
fn make_room(cx: &mut Decide<'_>) -> Result<(), Failure> {
    let most = cx.settings.carts.open_max;
    let open = cx.draft.own.carts.open(cx.state);
    let mut carts = Vec::new();
    for _ in 0..(open + 1).saturating_sub(most).min(ROOM_PER_CART) {
        let (own, reservations) = (&cx.draft.own.carts, &cx.state.reservations);
        let is_as_durable = |id: CartId| !own.has_changed(id) && !carts.contains(&id);
        let is_held = |id: ReservationId| reservations.get(id).is_some_and(|held| held.state == ReservationState::Held);
        carts.extend(cx.state.own.carts.longest_untouched(is_as_durable, is_held));
    }
    if open >= most && carts.is_empty() {
        let (field, limit) = ("cart".to_owned(), "carts.open_max".to_owned());
        return Err(Refusal::Limited { field, limit, asked: open + 1, most, passes: true, seconds: None }.into());
    }
    if !carts.is_empty() {
        let expired = Expired { carts, made_room: true, given_back: Vec::new() };
        cx.draft.log(None, Event::Expired(Box::new(expired)));
    }
    Ok(())
}

/// Expires carts whose time is over, the first due first: those that hold nothing many to a record, and each of the
/// others in a record that gives back what it holds.
pub(crate) fn expire(cx: &mut Decide<'_>, settle: impl Fn(&mut Decide<'_>)) {
    let now = cx.draft.now;
    if cx.kept.frozen || cx.state.own.carts.next_due().is_none_or(|due| due > now) {
        return;
    }
    let mut without = Vec::new();
    // Bounded by EXPIRIES_PER_BATCH; more are done batch by batch.
    for id in cx.state.own.carts.due(now, EXPIRIES_PER_BATCH) {
        let Some(cart) = cx.draft.own.carts.get(cx.state, id) else { continue };
        let given_back = give_back(cx, &cart).expect("a cart's units are reserved in their cells");
        if given_back.is_empty() {
            without.push(id);
            continue;
        }
        let expired = Expired { carts: vec![id], made_room: false, given_back };
        cx.draft.log(None, Event::Expired(Box::new(expired)));
        settle(cx);
    }
    for carts in without.chunks(EXPIRIES_PER_RECORD) {
        let expired = Expired { carts: carts.to_vec(), made_room: false, given_back: Vec::new() };
        cx.draft.log(None, Event::Expired(Box::new(expired)));
        settle(cx);
    }
}
