//! The feed against a simple model: the log, added up event by event.

use anaquel_engine::catalogue;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::common::{ManualClock, Numbers, START_MS, Shop, hold, name, rule, some_rule};
use anaquel_engine::Engine;
use anaquel_engine::catalogue::ChannelDetails;
use anaquel_engine::command::{Command, Precondition, Put, PutWhat, SkuFields};
use anaquel_engine::event::{CellAfter, Event, MovementKind, Record};
use anaquel_engine::feed::{Cursor, Exceeded, Item, Message, Mode, Reset, Selection, Start, Subscription, TrackError};
use anaquel_engine::ids::{GroupId, LocationId, Name, Seq, SkuId};
use anaquel_engine::level::Floor;
use anaquel_engine::patch::Patch;
use anaquel_engine::query::CellView;
use anaquel_engine::rules::Effect;
use anaquel_engine::settings::{FeedSettings, Settings};
use anaquel_seeds::seeds;

type CellKey = (SkuId, LocationId);

/// A subscriber that believes what it is told, and checks the chain.
struct Reader {
    subscription: Subscription,
    woken: Arc<AtomicBool>,
    engine: Engine,
    cells: BTreeMap<CellKey, CellView>,
    /// The `seq` of the message before; none before the first.
    chain: Option<Seq>,
    deltas: Vec<(Seq, BTreeMap<CellKey, CellView>)>,
    resets: Vec<Reset>,
    ended: Option<Cursor>,
}

fn selection(skus: &[&str], locations: &[&str], groups: &[&str], channel: Option<&str>) -> Selection {
    let names = |texts: &[&str]| texts.iter().map(|text| name(text)).collect::<Vec<_>>();
    Selection { skus: names(skus), locations: names(locations), groups: names(groups), channel: channel.map(name) }
}

impl Reader {
    fn new(shop: &Shop, selection: Selection, mode: Mode, start: Start) -> Self {
        let woken = Arc::new(AtomicBool::new(true));
        let wake = {
            let woken = Arc::clone(&woken);
            Arc::new(move || woken.store(true, Ordering::SeqCst))
        };
        let subscription = shop.engine.feed().subscribe(selection, mode, start, wake).unwrap();
        let chain = match start {
            Start::Cursor(cursor) => Some(cursor.seq),
            Start::Fresh | Start::Unreadable => None,
        };
        let (cells, deltas, resets) = (BTreeMap::new(), Vec::new(), Vec::new());
        let engine = shop.engine.clone();
        Self { subscription, woken, engine, cells, chain, deltas, resets, ended: None }
    }

    /// Cut off, and back with what it knows.
    fn resumed(self, shop: &Shop, selection: Selection, mode: Mode) -> Self {
        let Some(cursor) = self.subscription.cursor() else {
            return Self::new(shop, selection, mode, Start::Fresh);
        };
        let mut next = Self::new(shop, selection, mode, Start::Cursor(cursor));
        next.cells = self.cells.clone();
        next.deltas = self.deltas.clone();
        next
    }

    fn hear(&mut self, message: Message) {
        match message {
            Message::Snapshot { seq, cells, cursor, more } => {
                assert!(self.chain.is_none_or(|before| before <= seq), "a snapshot at {seq} after {:?}", self.chain);
                assert_eq!(cursor.is_some(), !more, "only a whole snapshot can be gone on from");
                self.cells.extend(cells.iter().map(|cell| ((cell.sku, cell.location), *cell)));
                self.chain = Some(seq);
            }
            Message::Delta { seq, prev_seq, cursor, items, removed } => {
                assert_eq!(self.chain, Some(prev_seq), "a gap before {seq}");
                assert!(prev_seq <= seq && cursor.seq <= seq);
                let lens = self.subscription.lens().clone();
                let items: BTreeMap<CellKey, CellView> = items
                    .iter()
                    .map(|item| match item {
                        Item::Changed(change) => lens.see(&self.engine.state().catalogue, &change.cell),
                        Item::Read(cell) => *cell,
                    })
                    .map(|cell| ((cell.sku, cell.location), cell))
                    .collect();
                self.cells.extend(&items);
                for place in removed {
                    self.cells.remove(&place);
                }
                self.deltas.push((seq, items));
                self.chain = Some(seq);
            }
            Message::Reset { reason } => {
                self.cells.clear();
                self.deltas.clear();
                self.chain = None;
                self.resets.push(reason);
            }
            Message::TooFarBehind { cursor } => self.ended = Some(cursor),
            Message::TooLarge(exceeded) => panic!("{exceeded:?}"),
        }
    }

    /// Hears up to `messages`, as somebody does who is woken.
    fn listen(&mut self, messages: usize) {
        if self.woken.swap(false, Ordering::SeqCst) {
            for _ in 0..messages {
                let Some(message) = self.subscription.poll() else {
                    self.woken.fetch_or(self.subscription.is_busy(), Ordering::SeqCst);
                    return;
                };
                self.hear(message);
            }
            self.woken.store(true, Ordering::SeqCst);
        }
    }

    /// Hears everything up to `seq`, woken by nothing but the feed.
    fn catch_up(&mut self, seq: Seq) {
        for _ in 0..20_000 {
            self.listen(usize::MAX);
            let told = self.subscription.told();
            if (told >= seq && self.chain.is_none_or(|chain| chain <= told)) || self.ended.is_some() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_micros(200));
            // What concerns nobody wakes nobody; a heartbeat asks once more.
            self.woken.store(true, Ordering::SeqCst);
        }
        panic!("told up to {} of {seq}", self.subscription.told());
    }
}

/// What the log says, added up.
#[derive(Default)]
struct Model {
    cells: BTreeMap<CellKey, CellAfter>,
    members: BTreeMap<GroupId, Vec<LocationId>>,
}

impl Model {
    fn of(shop: &Shop, upto: Seq) -> Self {
        let mut model = Self::default();
        for record in shop.engine.events(0, usize::MAX).unwrap().iter().filter(|record| record.seq <= upto) {
            if let Event::Catalogue(catalogue::event::Event::GroupsSet(rows)) = &record.event {
                model.members.extend(rows.iter().map(|(group, set)| (*group, set.locations.clone())));
            }
            record.event.for_each_cell(|cell| {
                model.cells.insert((cell.sku, cell.location), *cell);
            });
        }
        model
    }

    fn selects(&self, shop: &Shop, selection: &Selection, (sku, location): CellKey) -> bool {
        let catalogue = &shop.engine.state().catalogue;
        let named = |names: &[Name], of: &Name| names.contains(of);
        let anywhere = selection.locations.is_empty() && selection.groups.is_empty();
        let in_group = selection.groups.iter().any(|group| {
            let members = catalogue.groups.id(group.as_str()).and_then(|group| self.members.get(&group));
            members.is_some_and(|members| members.contains(&location))
        });
        (selection.skus.is_empty() || named(&selection.skus, catalogue.skus.name(sku)))
            && (anywhere || named(&selection.locations, catalogue.locations.name(location)) || in_group)
    }

    /// What a selection should show: the cells of the model, through the lens of now.
    fn view(&self, shop: &Shop, selection: &Selection) -> BTreeMap<CellKey, CellView> {
        let (state, catalogue) = (shop.engine.state(), &shop.engine.state().catalogue);
        let channel = selection.channel.as_ref().and_then(|name| catalogue.channels.id(name.as_str()));
        let lens = state.lens(channel);
        let selected = self.cells.iter().filter(|(place, _)| self.selects(shop, selection, **place));
        selected.map(|(place, cell)| (*place, lens.see(catalogue, cell))).collect()
    }
}

/// Waits until the feed has put in all that happened, so that it is found at one look.
fn all_is_pending(shop: &Shop) -> Seq {
    let seq = shop.engine.state().view.seq();
    for _ in 0..100_000 {
        if shop.engine.feed().position() >= seq {
            return seq;
        }
        std::thread::sleep(std::time::Duration::from_micros(50));
    }
    panic!("the feed never came to {seq}");
}

fn check(shop: &Shop, reader: &mut Reader, selection: &Selection) {
    // Something may expire meanwhile, and the model knows the names and rules of now. What was let go of is named once
    // the feed is there, which may be later than what is known: a heartbeat asks once more.
    let (seq, expected) = loop {
        let now = all_is_pending(shop);
        reader.woken.store(true, Ordering::SeqCst);
        reader.catch_up(now);
        let seq = reader.subscription.told();
        let expected = Model::of(shop, seq).view(shop, selection);
        if shop.engine.state().view.seq() == now || reader.ended.is_some() {
            break (seq, expected);
        }
    };
    let differ = |place: &&CellKey| reader.cells.get(place) != expected.get(place);
    let differing: BTreeSet<_> = reader.cells.keys().chain(expected.keys()).filter(differ).collect();
    for place in &differing {
        println!("{place:?}: told {:?}, in the log {:?}", reader.cells.get(place), expected.get(place));
    }
    assert!(differing.is_empty(), "at {seq}, {selection:?}");
}

fn put(shop: &Shop, what: PutWhat) {
    let put = Put { what, precondition: Precondition::default() };
    shop.engine.run(|engine, done| engine.submit(Command::from(put), None, done)).unwrap();
}

fn set_group(shop: &Shop, group: &str, locations: &[String]) {
    let known = |location: &&String| shop.engine.state().catalogue.locations.id(location).is_some();
    let locations = locations.iter().filter(known).map(|location| name(location)).collect();
    put(shop, PutWhat::Group(name(group), Patch::Set(locations)));
}

fn set_buffer(shop: &Shop, channel: &str, buffer: u32) {
    put(shop, PutWhat::Channel(name(channel), ChannelDetails { buffer }.into()));
}

fn change_something(shop: &Shop, numbers: &mut Numbers, structure: bool) {
    let cell = |numbers: &mut Numbers| (format!("A{}", numbers.below(6)), format!("s{}", numbers.below(4)));
    let (sku, location) = cell(numbers);
    let (other_sku, other_location) = cell(numbers);
    match numbers.below(if structure { 13 } else { 10 }) {
        0..=3 => {
            let mut request = hold(&[(&sku, &location, 1), (&other_sku, &other_location, 2)]);
            request.allow_partial = true;
            request.ttl_seconds = 1 + numbers.below(3) as u32;
            let _ = shop.try_reserve(request);
        }
        4 | 5 => shop.receive(&sku, &location, 1 + numbers.below(4) as i64),
        6 => drop(shop.sell(&sku, &location, 1)),
        7 => drop(shop.try_count_with(&sku, &location, 9, None, Some(numbers.below(3) as u32))),
        8 => drop(shop.try_move(vec![
            shop.movement(MovementKind::Receipt, &sku, &location, 3),
            shop.movement(MovementKind::Sale, &other_sku, &other_location, -1),
            shop.movement(MovementKind::Return, &sku, &location, 1),
        ])),
        9 => {
            shop.clock.advance(800);
            shop.engine.wake();
        }
        10 => {
            let members: Vec<String> = (0..4).filter(|_| numbers.below(2) == 0).map(|at| format!("s{at}")).collect();
            set_group(shop, &format!("g{}", numbers.below(2)), &members);
        }
        11 => set_buffer(shop, "web", numbers.below(3) as u32),
        _ => {
            let fields = Some(some_rule(numbers)).filter(|_| numbers.below(4) > 0);
            drop(shop.put_rule(&format!("r{}", numbers.below(4)), fields));
        }
    }
}

/// A cell that joined with its SKU and again with its location was told as it had been the first time; and cursors came
/// between a group's new members and the rules that rest on them.
const ONCE_WRONG: [u64; 3] = [8277, 922, 1002];

#[test]
fn whatever_happens_a_reader_knows_what_the_log_says() {
    for seed in seeds(&ONCE_WRONG, 1) {
        live(seed.value());
    }
}

fn live(seed: u64) {
    let mut numbers = Numbers::new(seed);
    let mut shop = Shop::open();
    // Some names are known only later, or never.
    let selections = [
        selection(&["A0", "A1"], &[], &[], Some("web")),
        selection(&["A2", "A3", "A4"], &["s0", "s1"], &["g0"], None),
        selection(&[], &["s2"], &[], Some("web")),
        selection(&[], &[], &["g0", "g1"], None),
        selection(&["A5", "NEVER"], &[], &["g1"], Some("app")),
    ];
    let mut readers: Vec<(Selection, Mode, Reader)> = Vec::new();
    for selection in &selections {
        for mode in [Mode::Conflated, Mode::Lossless] {
            readers.push((selection.clone(), mode, Reader::new(&shop, selection.clone(), mode, Start::Fresh)));
        }
    }
    for step in 0..1200 {
        change_something(&shop, &mut numbers, true);
        for (selection, mode, reader) in &mut readers {
            match numbers.below(40) {
                0..=9 => reader.listen(1 + numbers.below(3) as usize),
                10 | 11 => check(&shop, reader, selection),
                12 if !selection.skus.is_empty() => {
                    let sku = name(&format!("A{}", numbers.below(6)));
                    reader.subscription.track(std::slice::from_ref(&sku)).unwrap();
                    reader.woken.store(true, Ordering::SeqCst);
                    if !selection.skus.contains(&sku) {
                        selection.skus.push(sku);
                    }
                }
                13 if selection.skus.len() > 1 => {
                    let sku = selection.skus.remove(0);
                    reader.subscription.untrack(&[sku]).unwrap();
                    reader.woken.store(true, Ordering::SeqCst);
                }
                14 => {
                    let fresh = Reader::new(&shop, selection.clone(), *mode, Start::Fresh);
                    let old = std::mem::replace(reader, fresh);
                    *reader = old.resumed(&shop, selection.clone(), *mode);
                }
                _ => {}
            }
        }
        if step % 400 == 399 {
            let cursors: Vec<_> = readers.iter().map(|(_, _, reader)| reader.subscription.cursor()).collect();
            let known: Vec<_> = readers.iter().map(|(_, _, reader)| reader.cells.clone()).collect();
            let kinds: Vec<_> = readers.drain(..).map(|(selection, mode, _)| (selection, mode)).collect();
            shop = shop.restart();
            for ((selection, mode), (cursor, cells)) in kinds.into_iter().zip(cursors.into_iter().zip(known)) {
                let mut reader =
                    Reader::new(&shop, selection.clone(), mode, cursor.map_or(Start::Fresh, Start::Cursor));
                if cursor.is_some() {
                    reader.cells = cells;
                }
                readers.push((selection, mode, reader));
            }
        }
    }
    for (selection, _, mut reader) in readers {
        check(&shop, &mut reader, &selection);
    }
    assert_eq!(shop.engine.feed().subscriptions(), (0, 0), "who is gone leaves nothing behind");
}

/// The cells of each event that a selection without groups hears of.
fn events_of(shop: &Shop, selection: &Selection, after: Seq) -> Vec<(Seq, BTreeMap<CellKey, CellView>)> {
    let model = Model::default();
    let cells = |record: &Record| {
        let mut cells = BTreeMap::new();
        record.event.for_each_cell(|cell| {
            if model.selects(shop, selection, (cell.sku, cell.location)) {
                cells.insert(
                    (cell.sku, cell.location),
                    shop.engine.state().lens(None).see(&shop.engine.state().catalogue, cell),
                );
            }
        });
        (record.seq, cells)
    };
    let records = shop.engine.events(after, usize::MAX).unwrap();
    records.iter().map(cells).filter(|(_, cells)| !cells.is_empty()).collect()
}

#[test]
fn lossless_is_every_event_once_through_cuts_and_restarts() {
    let mut numbers = Numbers(0x5eed);
    let mut shop = Shop::open();
    let wanted = selection(&["A0", "A3"], &["s0", "s1", "s2"], &[], None);
    let mut reader = Reader::new(&shop, wanted.clone(), Mode::Lossless, Start::Fresh);
    reader.catch_up(0);
    for step in 0..900 {
        change_something(&shop, &mut numbers, false);
        match numbers.below(30) {
            0..=4 => reader.listen(2),
            5 => reader = reader.resumed(&shop, wanted.clone(), Mode::Lossless),
            _ => {}
        }
        if step % 300 == 299 {
            let (cursor, deltas) = (reader.subscription.cursor().unwrap(), reader.deltas.clone());
            drop(reader);
            shop = shop.restart();
            reader = Reader::new(&shop, wanted.clone(), Mode::Lossless, Start::Cursor(cursor));
            reader.deltas = deltas;
        }
    }
    let seq = shop.engine.state().view.seq();
    reader.catch_up(seq);
    assert!(reader.resets.is_empty());
    let expected = events_of(&shop, &wanted, 0);
    assert!(expected.len() > 100, "{} events", expected.len());
    assert_eq!(reader.deltas, expected);
}

fn shop_with(feed: FeedSettings) -> Shop {
    let settings = Settings { feed, ..Settings::default() };
    Shop::on(Default::default(), ManualClock::at(START_MS), settings)
}

#[test]
fn who_does_not_read_is_bounded_and_told() {
    let shop = shop_with(FeedSettings { dirty_cells_max: 3, lossless_changes_max: 5, ..FeedSettings::default() });
    let wanted = selection(&["A0", "A1", "A2", "A3", "A4"], &[], &[], None);
    let mut conflated = Reader::new(&shop, wanted.clone(), Mode::Conflated, Start::Fresh);
    let mut lossless = Reader::new(&shop, wanted.clone(), Mode::Lossless, Start::Fresh);
    conflated.catch_up(0);
    lossless.catch_up(0);
    for _ in 0..3 {
        shop.receive("A0", "s0", 1);
    }
    check(&shop, &mut conflated, &wanted);
    assert!(conflated.resets.is_empty(), "one cell that changes often is one cell");
    lossless.listen(1);
    for sku in ["A0", "A1", "A2", "A3", "A4"] {
        shop.receive(sku, "s0", 1);
    }
    let seq = all_is_pending(&shop);
    check(&shop, &mut conflated, &wanted);
    assert_eq!(conflated.resets, [Reset::TooFarBehind]);
    lossless.catch_up(seq);
    let cursor = lossless.ended.expect("cut off");
    let mut back = Reader::new(&shop, wanted.clone(), Mode::Lossless, Start::Cursor(cursor));
    back.deltas = lossless.deltas.clone();
    back.catch_up(seq);
    assert_eq!(back.deltas, events_of(&shop, &wanted, 0), "it goes on where it was cut off");
    assert_eq!(shop.engine.feed().counters().overruns.load(Ordering::Relaxed), 2);
}

#[test]
fn a_cursor_that_cannot_be_gone_on_from_is_told_why() {
    let shop = Shop::open();
    shop.receive("A", "s0", 3);
    let wanted = selection(&["A"], &[], &[], None);
    let mut reader = Reader::new(&shop, wanted.clone(), Mode::Conflated, Start::Fresh);
    check(&shop, &mut reader, &wanted);
    let good = reader.subscription.cursor().unwrap();
    let reason = |start: Start| {
        let mut next = Reader::new(&shop, wanted.clone(), Mode::Conflated, start);
        next.cells = reader.cells.clone();
        check(&shop, &mut next, &wanted);
        assert!(next.deltas.is_empty());
        next.resets.first().copied()
    };
    assert_eq!(reason(Start::Cursor(good)), None, "and nothing that was told is told again");
    assert_eq!(reason(Start::Unreadable), Some(Reset::CursorUnknown));
    let epoch = anaquel_engine::ids::Epoch(0xdead);
    assert_eq!(reason(Start::Cursor(Cursor { epoch, ..good })), Some(Reset::EpochChanged));
    assert_eq!(reason(Start::Cursor(Cursor { seq: good.seq + 100, ..good })), Some(Reset::CursorAhead));
    assert_eq!(reason(Start::Cursor(Cursor { selection: 1, ..good })), Some(Reset::SelectionChanged));
}

#[test]
fn limits_are_named() {
    let settings =
        FeedSettings { keys_max: 6, subscription_keys_max: 4, subscription_cells_max: 2, ..FeedSettings::default() };
    let shop = shop_with(settings);
    let ask = |skus: &[&str]| {
        let wanted = selection(skus, &[], &[], None);
        shop.engine.feed().subscribe(wanted, Mode::Conflated, Start::Fresh, Arc::new(|| {}))
    };
    let limit = |refused: Result<Subscription, Exceeded>| refused.err().map(|exceeded| exceeded.limit);
    assert_eq!(limit(ask(&["A", "B", "C", "D", "E"])), Some("stream.subscription_keys"));
    let mut first = ask(&["A", "B", "C", "D"]).unwrap();
    assert_eq!(limit(ask(&["A", "B", "C"])), Some("stream.keys"));
    let too_many = first.track(&[name("A"), name("E")]).unwrap_err();
    assert!(matches!(too_many, TrackError::Exceeded(Exceeded { limit: "stream.subscription_keys", .. })));
    assert_eq!(shop.engine.feed().subscriptions(), (1, 4), "what was refused left nothing");
    for location in ["s0", "s1", "s2"] {
        shop.receive("A", location, 1);
    }
    assert!(matches!(first.poll(), Some(Message::TooLarge(Exceeded { wanted: 3, most: 2, .. }))));
    assert!(first.poll().is_none());
}

#[test]
fn what_channels_leave_to_others_counts_in_what_they_are_told() {
    let shop = Shop::open();
    shop.receive("A", "s0", 5);
    set_buffer(&shop, "web", 1);
    let wanted = selection(&["A"], &[], &[], Some("web"));
    let mut reader = Reader::new(&shop, wanted.clone(), Mode::Conflated, Start::Fresh);
    check(&shop, &mut reader, &wanted);
    set_buffer(&shop, "web", 3);
    check(&shop, &mut reader, &wanted);
    let cell = reader.cells.values().next().unwrap();
    let floor = Floor { safety_stock: 0, buffer: 3 };
    assert_eq!(cell.available, cell.level.available(floor));
    assert_eq!((cell.available, reader.deltas.len()), (2, 1), "as a delta like any other");
}

#[test]
fn a_location_that_leaves_its_group_is_removed_by_name() {
    let shop = Shop::open();
    for location in ["s0", "s1", "s2"] {
        shop.receive("A", location, 5);
    }
    set_group(&shop, "g", &["s0".into(), "s1".into()]);
    let wanted = selection(&["A"], &["s1"], &["g"], None);
    let mut readers =
        [Mode::Conflated, Mode::Lossless].map(|mode| Reader::new(&shop, wanted.clone(), mode, Start::Fresh));
    for reader in &mut readers {
        check(&shop, reader, &wanted);
        assert_eq!(reader.cells.len(), 2);
    }
    set_group(&shop, "g", &["s2".into()]);
    for reader in &mut readers {
        check(&shop, reader, &wanted);
        let places: BTreeSet<_> = reader.cells.keys().map(|(_, location)| location.0).collect();
        assert_eq!(places.len(), 2, "s1 stays by its own name, s2 came, s0 went");
        assert!(reader.resets.is_empty());
    }
}

#[test]
fn what_joins_twice_is_told_by_the_last_word() {
    for mode in [Mode::Conflated, Mode::Lossless] {
        let shop = Shop::open();
        shop.receive("A", "s0", 5);
        shop.receive("B", "s0", 5);
        set_group(&shop, "g", &["s0".into()]);
        let mut wanted = selection(&["A"], &[], &["g"], None);
        let mut reader = Reader::new(&shop, wanted.clone(), mode, Start::Fresh);
        check(&shop, &mut reader, &wanted);
        reader.subscription.track(&[name("B")]).unwrap();
        wanted.skus.push(name("B"));
        // Nobody hears of what changes while the location is away.
        set_group(&shop, "g", &[]);
        shop.receive("B", "s0", 1);
        set_group(&shop, "g", &["s0".into()]);
        all_is_pending(&shop);
        reader.woken.store(true, Ordering::SeqCst);
        check(&shop, &mut reader, &wanted);
        // What was tracked and let go of is not brought back by its location.
        reader.subscription.track(&[name("C")]).unwrap();
        reader.subscription.untrack(&[name("B")]).unwrap();
        set_group(&shop, "g", &[]);
        shop.receive("B", "s0", 1);
        shop.receive("A", "s0", 1);
        set_group(&shop, "g", &["s0".into()]);
        all_is_pending(&shop);
        wanted.skus = vec![name("A"), name("C")];
        reader.woken.store(true, Ordering::SeqCst);
        check(&shop, &mut reader, &wanted);
    }
}

#[test]
fn what_is_let_go_of_is_brought_back_by_nothing() {
    for mode in [Mode::Conflated, Mode::Lossless] {
        for polls_between in [false, true] {
            let shop = Shop::open();
            shop.declare(&["s0", "s1"]);
            let count = |tracked| {
                let fields = SkuFields { tracked: Patch::Set(tracked), ..SkuFields::default() };
                put(&shop, PutWhat::Sku(name("A"), fields));
                all_is_pending(&shop);
            };
            shop.receive("A", "s0", 1);
            shop.sell("A", "s0", 1);
            shop.receive("B", "s0", 5);
            let wanted = selection(&["A", "B"], &["s0", "s1"], &[], None);
            let mut reader = Reader::new(&shop, wanted.clone(), mode, Start::Fresh);
            check(&shop, &mut reader, &wanted);
            count(false);
            if polls_between {
                reader.catch_up(shop.engine.state().view.seq());
                assert_eq!(reader.cells.len(), 3, "A at both");
                count(true);
            }
            reader.subscription.untrack(&[name("A")]).unwrap();
            reader.woken.store(true, Ordering::SeqCst);
            check(&shop, &mut reader, &selection(&["B"], &["s0", "s1"], &[], None));
        }
    }
}

#[test]
fn what_is_read_before_the_feed_is_there_is_exact() {
    let shop = Shop::open();
    for sku in ["A", "B"] {
        shop.receive(sku, "s0", 5);
    }
    let told = selection(&["A", "B"], &[], &["g"], Some("web"));
    let kept = selection(&["B"], &[], &["g"], Some("web"));
    for round in 0..300 {
        let mode = if round % 2 == 0 { Mode::Conflated } else { Mode::Lossless };
        // The snapshot is of what is in the log, of which the feed need not have heard.
        set_group(&shop, "g", &["s0".into()]);
        let mut reader = Reader::new(&shop, told.clone(), mode, Start::Fresh);
        reader.listen(1);
        reader.subscription.untrack(&[name("A")]).unwrap();
        reader.woken.store(true, Ordering::SeqCst);
        check(&shop, &mut reader, &kept);
        shop.put_rule("never", Some(rule(Effect::Access(false)))).unwrap();
        let mut reader = Reader::new(&shop, told.clone(), mode, Start::Fresh);
        reader.listen(1);
        shop.put_rule("never", None).unwrap();
        check(&shop, &mut reader, &told);
        set_group(&shop, "g", &[]);
    }
}

#[test]
fn a_selection_without_skus_is_not_one_from_which_all_were_taken() {
    let shop = Shop::open();
    shop.receive("A", "s0", 5);
    let some = selection(&["A"], &["s0"], &[], None);
    let mut reader = Reader::new(&shop, some, Mode::Conflated, Start::Fresh);
    reader.catch_up(shop.engine.state().view.seq());
    reader.subscription.untrack(&[name("A")]).unwrap();
    shop.receive("A", "s0", 1);
    reader.woken.store(true, Ordering::SeqCst);
    reader.catch_up(shop.engine.state().view.seq());
    assert!(reader.cells.is_empty());
    let cursor = reader.subscription.cursor().unwrap();
    let all = selection(&[], &["s0"], &[], None);
    let mut next = Reader::new(&shop, all.clone(), Mode::Conflated, Start::Cursor(cursor));
    check(&shop, &mut next, &all);
    assert_eq!(next.resets, [Reset::SelectionChanged]);
}

#[test]
fn every_delta_is_exact_however_busy_the_feed_is() {
    const PROMISES: u32 = 30_000;
    let shop = Shop::open();
    let skus = ["A0", "A1", "A2", "A3", "A4", "A5"];
    for sku in skus {
        shop.receive(sku, "s0", 1_000_000);
    }
    let wanted = selection(&skus, &[], &[], None);
    let mut told: Vec<(Seq, BTreeMap<CellKey, CellView>)> = Vec::new();
    let enough = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut numbers = Numbers(11);
            // However slow the reader is today, it hears of changes while more are made.
            for nth in 0..20 * PROMISES {
                if nth >= PROMISES && enough.load(Ordering::Relaxed) {
                    break;
                }
                let mut pick = || skus[numbers.below(6) as usize];
                let (one, other) = (pick(), pick());
                shop.engine.reserve(
                    hold(&[(one, "s0", 1), (other, "s0", 2)]),
                    None,
                    Box::new(|_: anaquel_engine::command::CommandResult| {}),
                );
                while shop.engine.in_flight() > 2000 {
                    std::thread::yield_now();
                }
            }
        });
        let mut reader = Reader::new(&shop, wanted.clone(), Mode::Conflated, Start::Fresh);
        while told.len() < 40 || told.last().is_none_or(|(seq, _)| *seq < Seq::from(PROMISES)) {
            // It looks whenever it can, in the middle of rounds, too.
            if let Some(message) = reader.subscription.poll() {
                reader.hear(message);
                told.push((reader.chain.unwrap(), reader.cells.clone()));
            }
        }
        enough.store(true, Ordering::Relaxed);
        assert!(reader.resets.is_empty());
    });
    let records = shop.engine.events(0, usize::MAX).unwrap();
    let (mut known, mut next) = (BTreeMap::new(), records.iter().peekable());
    for (seq, cells) in told {
        while let Some(record) = next.next_if(|record| record.seq <= seq) {
            record.event.for_each_cell(|cell| {
                known.insert(
                    (cell.sku, cell.location),
                    shop.engine.state().lens(None).see(&shop.engine.state().catalogue, cell),
                );
            });
        }
        assert_eq!(cells, known, "at {seq}");
    }
}
