//! Events of the catalogue on the wire.

use anaquel_engine::catalogue::event::Event;
use anaquel_engine::catalogue::{ChannelDetails, GroupDetails};
use anaquel_engine::event::Definitions;
use anaquel_engine::ids::{ChannelId, GroupId, LocationId, SkuId};
use serde_json::{Value, json};

use super::lookup::{Described, Lookup};

pub(super) fn describe(of: Lookup<'_>, event: &Event) -> Described {
    match event {
        Event::Defined(definitions) => ("defined", names(definitions)),
        Event::MadeUp(made_up) => ("defined", marked(names(&made_up.names), "made_up")),
        Event::Released(definitions) => ("released", names(definitions)),
        Event::Retired(definitions) => ("retired", names(definitions)),
        Event::Revived(definitions) => ("defined", marked(names(definitions), "revived")),
        Event::SkusSet(rows) => ("skus_set", json!({"skus": skus(of, rows)})),
        Event::TrackingSet(rows) => {
            let row = |(id, tracked): &(SkuId, bool)| json!({"sku": of.sku(*id), "tracked": tracked});
            ("tracking_set", json!({"skus": rows.iter().map(row).collect::<Vec<_>>()}))
        }
        Event::LocationsSet(rows) => ("locations_set", json!({"locations": locations(of, rows)})),
        Event::ServicesSet(rows) => ("services_set", json!({"locations": locations(of, rows)})),
        Event::HoursSet(rows) => ("hours_set", json!({"locations": locations(of, rows)})),
        Event::TradingSet(rows) => ("trading_set", json!({"locations": locations(of, rows)})),
        Event::GroupsSet(rows) => {
            let group = |(group, details): &(GroupId, GroupDetails)| {
                let members: Vec<_> = details.locations.iter().map(|member| of.location(*member)).collect();
                json!({"group": of.group(*group), "locations": members})
            };
            ("groups_set", json!({"groups": rows.iter().map(group).collect::<Vec<_>>()}))
        }
        Event::ChannelsSet(rows) => {
            let channels = &of.0.state().catalogue.channels;
            let channel = |(channel, details): &(ChannelId, ChannelDetails)| json!({"channel": channels.name(*channel).as_str(), "buffer": details.buffer});
            ("channels_set", json!({"channels": rows.iter().map(channel).collect::<Vec<_>>()}))
        }
        Event::QuarantinesMade(rows) => {
            let row = |(quarantine, place): &(LocationId, LocationId)| json!({"location": of.location(*quarantine), "quarantine_of": of.location(*place)});
            ("quarantines_made", json!({"locations": rows.iter().map(row).collect::<Vec<_>>()}))
        }
    }
}

fn skus<T>(of: Lookup<'_>, rows: &[(SkuId, T)]) -> Vec<String> {
    rows.iter().map(|(id, _)| of.sku(*id)).collect()
}

fn locations<T>(of: Lookup<'_>, rows: &[(LocationId, T)]) -> Vec<String> {
    rows.iter().map(|(id, _)| of.location(*id)).collect()
}

fn names(definitions: &Definitions) -> Value {
    json!({
        "skus": definitions.skus.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(),
        "locations": definitions.locations.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(),
        "groups": definitions.groups.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(),
        "channels": definitions.channels.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(),
    })
}

/// The same, with a flag that is true.
fn marked(mut item: Value, flag: &str) -> Value {
    if let Value::Object(members) = &mut item {
        members.insert(flag.into(), true.into());
    }
    item
}
