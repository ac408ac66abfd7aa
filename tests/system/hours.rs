//! Clocks and places: time zones, hours, dates of their own, cut-offs, deadlines, and what a location takes no orders for;
//! also as machines have it whose clocks stand elsewhere, by faketime.

use std::process::Command;
use std::time::{Duration, Instant};

use anaquel_loadtest::client::{Answer, Client};
use anaquel_loadtest::server::{Server, verify};
use anaquel_tests::calls::{get, put};
use anaquel_tests::folder::folder;
use anaquel_tests::{Shop, binary};
use serde_json::{Value, json};

fn put_keyed(client: &mut Client, path: &str, key: &str, body: &Value) -> Answer {
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
    client.send("PUT", path, &headers, body.to_string().as_bytes()).unwrap()
}

fn import(client: &mut Client, kind: &str, rows: &str) -> Value {
    let answer = client.import(&format!("/v1/import/{kind}"), rows.as_bytes()).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()
}

/// Units of a SKU are there.
fn stock(client: &mut Client, sku: &str, location: &str, units: i64) {
    let movement = json!({"kind": "receipt", "sku": sku, "location": location, "quantity": units});
    let answer = client.post("/v1/stock/movements", &json!({"movements": [movement]})).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
}

fn reserve(client: &mut Client, purpose: &str, line: Value, more: Value) -> Answer {
    let mut body = json!({"channel": "web", "purpose": purpose, "lines": [line]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.post("/v1/reservations", &body).unwrap()
}

/// The first line of a refusal for want of something.
fn short(answer: &Answer) -> Value {
    assert_eq!((answer.status, answer.slug().as_str()), (409, "insufficient-stock"), "{}", answer.json());
    answer.json()["lines"][0].clone()
}

/// When one unit would be ready at a location, for an order that comes at a time.
fn ready_at(client: &mut Client, sku: &str, location: &str, at: &str) -> Value {
    let found = get(client, &format!("/v1/pickup?sku={sku}&at={at}"));
    let place = found["items"].as_array().unwrap().iter().find(|place| place["location"] == location);
    place.unwrap_or_else(|| panic!("{location} is not found: {found}"))["ready_at"].clone()
}

fn always() -> Value {
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    Value::Object(days.iter().map(|day| ((*day).to_owned(), json!("00:00-24:00"))).collect())
}

/// V1: only names of the tz database are time zones; others are refused by name or line, with what to write.
fn zones_are_names_of_the_tz_database(client: &mut Client) {
    let file = "location,timezone,hours\nTYPO,Europe/Madird,mon 10:00-20:00\n\
                RAW,GMT-06:00 America/Chicago,mon 10:00-20:00\nGOOD,America/Argentina/Buenos_Aires,\n\
                OFFSET,GMT+1,\nMARS,Mars/Phobos,\n";
    let told = import(client, "locations", file);
    assert_eq!((&told["accepted"], &told["rejected"]), (&json!(1), &json!(4)), "{told}");
    let expected = [
        (2, "write \"Europe/Madrid\""),
        (3, "write \"America/Chicago\""),
        (5, "is an offset and not a time zone"),
        (6, "is not a time zone of the tz database"),
    ];
    for (error, (line, reason)) in told["errors"].as_array().unwrap().iter().zip(expected) {
        assert_eq!((&error["line"], &error["field"]), (&json!(line), &json!("timezone")), "{told}");
        assert!(error["reason"].as_str().unwrap().contains(reason), "{told}");
    }
    let refused = |answer: Answer, reason: &str| {
        let told = answer.json();
        assert_eq!((answer.status, &told["field"]), (400, &json!("timezone")), "{told}");
        assert!(told["detail"].as_str().unwrap().contains(reason), "{told}");
    };
    for (zone, reason) in [
        ("Europe/Madird", "write \"Europe/Madrid\""),
        ("europe/madrid", "write \"Europe/Madrid\""),
        ("Madrid", "write \"Europe/Madrid\""),
        ("Mars/Phobos", "tz database"),
        ("GMT+1", "is an offset"),
        ("+02:00", "is an offset"),
        ("", "is empty"),
        (" ", "is empty"),
        ("Local", "tz database"),
        ("CEST", "tz database"),
    ] {
        refused(client.put("/v1/locations/ZONE", &json!({"timezone": zone})).unwrap(), reason);
    }
    assert_eq!(client.get("/v1/locations/ZONE").unwrap().status, 404, "nothing was stored");
    assert_eq!(client.get("/v1/locations/TYPO").unwrap().status, 404, "nothing was stored");
    for zone in ["Australia/Lord_Howe", "America/Mexico_City", "Etc/GMT+3", "UTC", "EST5EDT", "America/Coyhaique"] {
        let set = put(client, "/v1/locations/ZONE", &json!({"timezone": zone}));
        assert_eq!(set["timezone"], zone);
    }
}

/// V2: all spans of a day that is named more than once.
fn a_day_may_be_named_more_than_once(client: &mut Client) {
    let told =
        import(client, "locations", "location,timezone,hours\nSPLIT,Europe/Madrid,mon 10:00-14:00;mon 17:00-20:00\n");
    assert_eq!(told["accepted"], 1, "{told}");
    let split = get(client, "/v1/locations/SPLIT");
    assert_eq!(split["hours"]["mon"], "10:00-14:00,17:00-20:00", "{split}");
    assert_eq!(split["hours"]["tue"], "closed", "{split}");
    let bad = "location,hours\nB1,mon 10:00-14:00;mon 13:00-20:00\nB2,mon closed;mon 10:00-14:00\nB3,monday 10:00-14:00\n\
               B4,mon 22:00-02:00\nB5,mon 9:00-14:00\nB6,mon 10:00–14:00\n";
    let told = import(client, "locations", bad);
    assert_eq!((&told["accepted"], &told["rejected"]), (&json!(0), &json!(6)), "{told}");
    assert!(told["errors"].as_array().unwrap().iter().all(|error| error["field"] == "hours"), "{told}");
}

/// V3: hours that are given and hold no span are closed; hours that are left out are unknown.
fn what_is_given_and_empty_is_closed(client: &mut Client) {
    let never = json!({"mon": "", "tue": "", "wed": "", "thu": "", "fri": "", "sat": "", "sun": ""});
    put(client, "/v1/locations/SHUT", &json!({"timezone": "Europe/Madrid", "hours": never}));
    put(client, "/v1/locations/SHUT-TOO", &json!({"timezone": "Europe/Madrid", "hours": {}}));
    put(client, "/v1/locations/UNKNOWN", &json!({"timezone": "Europe/Madrid", "pickup_minutes": 20}));
    let told =
        import(client, "locations", "location,hours\nSHUT-FILE,closed\nSHUT-DAYS,mon closed;tue closed\nBLANK,\n");
    assert_eq!(told["accepted"], 3, "{told}");
    for location in ["SHUT", "SHUT-TOO", "SHUT-FILE", "SHUT-DAYS", "UNKNOWN", "BLANK"] {
        stock(client, "S", location, 5);
    }
    let at = "2027-01-11T03:30:00Z";
    for location in ["SHUT", "SHUT-TOO", "SHUT-FILE", "SHUT-DAYS"] {
        assert_eq!(ready_at(client, "S", location, at), Value::Null, "{location}");
        let read = get(client, &format!("/v1/locations/{location}"));
        assert_eq!((&read["hours"]["mon"], &read["hours"]["sun"]), (&json!("closed"), &json!("closed")), "{read}");
    }
    assert_eq!(ready_at(client, "S", "UNKNOWN", at), "2027-01-11T03:50:00.000Z");
    assert_eq!(ready_at(client, "S", "BLANK", at), "2027-01-11T03:30:00.000Z");
    assert_eq!(get(client, "/v1/locations/UNKNOWN")["hours"], Value::Null);
    // An empty cell keeps what is there.
    import(client, "locations", "location,name,hours\nSHUT-FILE,Shut,\n");
    assert_eq!(get(client, "/v1/locations/SHUT-FILE")["hours"]["mon"], "closed");
}

/// V4: dates have hours of their own, and a cut-off belongs to the opening that it falls into.
fn dates_have_hours_of_their_own(client: &mut Client) {
    let week =
        json!({"mon": "10:00-14:00,17:00-20:00", "tue": "10:00-20:00", "wed": "10:00-20:00", "thu": "10:00-20:00"});
    let special = json!([
        {"date": "2027-01-06", "closed": true},
        {"date": "2027-01-05", "hours": ["10:00-22:00"]},
        {"date": "2027-01-10", "hours": ["12:00-13:00", "16:00-18:00"]},
        {"date": "2027-01-07", "hours": []}
    ]);
    let set = put(
        client,
        "/v1/locations/KINGS",
        &json!({"timezone": "Europe/Madrid", "pickup_minutes": 30, "pickup_cutoff": "13:00", "hours": week, "special_hours": special}),
    );
    let dates = json!([
        {"date": "2027-01-05", "hours": ["10:00-22:00"]},
        {"date": "2027-01-06", "hours": []},
        {"date": "2027-01-07", "hours": []},
        {"date": "2027-01-10", "hours": ["12:00-13:00", "16:00-18:00"]}
    ]);
    assert_eq!(set["special_hours"], dates);
    stock(client, "K", "KINGS", 5);
    for (at, ready) in [
        // Monday, and its evening: the cut-off is the morning's.
        ("2027-01-04T11:59:00Z", "2027-01-04T12:29:00.000Z"),
        ("2027-01-04T12:00:00Z", "2027-01-04T16:30:00.000Z"),
        ("2027-01-04T17:00:00Z", "2027-01-04T17:30:00.000Z"),
        // Tuesday is open for longer, but what comes after its cut-off finds two closed days and a weekend behind it.
        ("2027-01-05T11:30:00Z", "2027-01-05T12:00:00.000Z"),
        ("2027-01-05T12:00:00Z", "2027-01-10T11:30:00.000Z"),
        ("2027-01-06T12:00:00Z", "2027-01-10T11:30:00.000Z"),
        // Of the Sunday's two openings the second has no cut-off.
        ("2027-01-10T15:10:00Z", "2027-01-10T15:40:00.000Z"),
    ] {
        assert_eq!(ready_at(client, "K", "KINGS", at), ready, "{at}");
    }
    let file = "location,timezone,hours,special_hours,pickup_minutes\n\
                KINGS-FILE,Europe/Madrid,mon 10:00-20:00,2027-01-11 closed;2027-01-12 16:00-18:00;2027-01-12 10:00-11:00,60\n";
    assert_eq!(import(client, "locations", file)["accepted"], 1);
    stock(client, "K", "KINGS-FILE", 5);
    assert_eq!(ready_at(client, "K", "KINGS-FILE", "2027-01-11T10:00:00Z"), "2027-01-12T10:00:00.000Z");
    assert_eq!(ready_at(client, "K", "KINGS-FILE", "2027-01-12T09:30:00Z"), "2027-01-12T15:30:00.000Z");
    let row = json!({"location": "KINGS-ROW", "hours": {"mon": "10:00-20:00", "tue": ""}, "special_hours": special});
    let rows = client.send(
        "POST",
        "/v1/import/locations",
        &[("Content-Type", "application/x-ndjson")],
        row.to_string().as_bytes(),
    );
    assert_eq!(rows.unwrap().json()["accepted"], 1);
    let read = get(client, "/v1/locations/KINGS-ROW");
    assert_eq!((&read["hours"]["mon"], &read["special_hours"]), (&json!("10:00-20:00"), &dates), "{read}");
    for (special, detail) in [
        (json!([{"date": "2027-02-30", "hours": []}]), "2027-02-30"),
        (json!([{"date": "6.1.2027", "hours": []}]), "6.1.2027"),
        (json!([{"date": "2027-01-06"}]), "has no hours"),
        (json!([{"date": "2027-01-06", "closed": false}]), "has no hours"),
        (json!([{"date": "2027-01-06", "closed": true, "hours": ["10:00-12:00"]}]), "is closed, and has hours"),
        (json!([{"date": "2027-01-06", "hours": ["10:00-12:00", "11:00-13:00"]}]), "overlap"),
        (json!([{"date": "2027-01-06", "hours": []}, {"date": "2027-01-06", "hours": ["10:00-12:00"]}]), "is closed"),
    ] {
        let refused = client.put("/v1/locations/BAD", &json!({"special_hours": special})).unwrap();
        let told = refused.json();
        assert_eq!((refused.status, &told["field"]), (400, &json!("special_hours")), "{told}");
        assert!(told["detail"].as_str().unwrap().contains(detail), "{told}");
    }
    let unknown = client.put("/v1/locations/BAD", &json!({"special_hours": [{"day": "2027-01-06"}]})).unwrap();
    assert_eq!(unknown.status, 400, "{}", unknown.json());
    let told = import(client, "locations", "location,special_hours\nBAD,2027-01-06\nBAD,closed 2027-01-06\n");
    assert_eq!(told["rejected"], 2, "{told}");
}

/// V5: minutes of work are real minutes, also in the nights when clocks change.
fn minutes_of_work_are_real_minutes(client: &mut Client) {
    for (location, zone, minutes) in [
        ("N24", "Europe/Madrid", 15),
        ("S24", "Europe/Stockholm", 120),
        ("M24", "America/Mexico_City", 60),
        ("C24", "America/Santiago", 60),
        ("A24", "Australia/Sydney", 90),
        ("L24", "Australia/Lord_Howe", 60),
    ] {
        put(
            client,
            &format!("/v1/locations/{location}"),
            &json!({"timezone": zone, "pickup_minutes": minutes, "hours": always()}),
        );
        stock(client, "D", location, 5);
    }
    for (location, at, ready) in [
        ("N24", "2027-10-31T01:30:00Z", "2027-10-31T01:45:00.000Z"),
        ("N24", "2027-10-31T00:50:00Z", "2027-10-31T01:05:00.000Z"),
        ("N24", "2027-03-28T00:50:00Z", "2027-03-28T01:05:00.000Z"),
        ("N24", "2025-10-26T01:30:00Z", "2025-10-26T01:45:00.000Z"),
        ("S24", "2026-03-29T00:30:00Z", "2026-03-29T02:30:00.000Z"),
        ("M24", "2027-04-04T07:30:00Z", "2027-04-04T08:30:00.000Z"),
        ("C24", "2027-04-04T02:30:00Z", "2027-04-04T03:30:00.000Z"),
        ("C24", "2027-09-05T03:30:00Z", "2027-09-05T04:30:00.000Z"),
        ("A24", "2027-04-03T15:30:00Z", "2027-04-03T17:00:00.000Z"),
        ("A24", "2027-10-02T15:30:00Z", "2027-10-02T17:00:00.000Z"),
        ("L24", "2027-04-03T14:45:00Z", "2027-04-03T15:45:00.000Z"),
        ("L24", "2027-10-02T15:15:00Z", "2027-10-02T16:15:00.000Z"),
    ] {
        assert_eq!(ready_at(client, "D", location, at), ready, "{location} {at}");
    }
}

/// V7: what the finder knows every promise knows.
fn a_place_takes_no_orders_that_it_is_not_for(client: &mut Client) {
    let file = "location,pickup,ship,groups\nNOPICK,false,,np\nNOSHIP,,false,ns\n";
    assert_eq!(import(client, "locations", file)["accepted"], 2);
    for location in ["NOPICK", "NOSHIP", "MADE-UP"] {
        stock(client, "F", location, 5);
    }
    put(client, "/v1/groups/mu", &json!({"locations": ["MADE-UP"]}));
    let at = |location: &str| json!({"sku": "F", "location": location, "quantity": 1});
    let of = |group: &str| json!({"sku": "F", "group": group, "quantity": 1});
    for (purpose, location, group) in [
        ("pickup", "NOPICK", "np"),
        ("delivery", "NOSHIP", "ns"),
        ("pickup", "MADE-UP", "mu"),
        ("delivery", "MADE-UP", "mu"),
    ] {
        for more in [json!({}), json!({"confirm": true}), json!({"allow_partial": true}), json!({"ttl_seconds": 60})] {
            for line in [at(location), of(group)] {
                let told = short(&reserve(client, purpose, line, more.clone()));
                assert_eq!((&told["constraint"], &told["available"]), (&json!("access"), &json!(0)), "{told}");
                assert_eq!(told["rule"], Value::Null);
                // What would succeed is no place that takes none either, and no other date.
                let others = told["would_succeed"]["locations"].as_array().unwrap();
                let barred = if purpose == "pickup" { "NOPICK" } else { "NOSHIP" };
                assert!(
                    others.iter().all(|other| other["location"] != barred && other["location"] != "MADE-UP"),
                    "{told}"
                );
                assert_eq!(told["would_succeed"].get("latest"), None, "{told}");
            }
        }
        let mut later = at(location);
        later["latest"] = json!("2108-01-01T00:00:00Z");
        assert_eq!(short(&reserve(client, purpose, later, json!({})))["constraint"], "access");
    }
    // Nor does a cart become what the place does not take.
    let cart = reserve(client, "cart", at("NOPICK"), json!({})).json();
    let over = reserve(client, "pickup", at("NOPICK"), json!({"supersedes": cart["id"]}));
    assert_eq!(short(&over)["constraint"], "access");
    // For what they are, they are open.
    for (purpose, location) in [("delivery", "NOPICK"), ("pickup", "NOSHIP")] {
        let taken = reserve(client, purpose, at(location), json!({}));
        assert_eq!(taken.status, 201, "{}", taken.json());
        let id = taken.json()["id"].as_str().unwrap().to_owned();
        // It does not move to where it is not taken.
        let other = if purpose == "pickup" { "NOPICK" } else { "NOSHIP" };
        let moved = json!({"lines": [{"sku": "F", "location": other}]});
        let moved = client.post(&format!("/v1/reservations/{id}/rebind"), &moved).unwrap();
        assert_eq!(short(&moved)["constraint"], "access");
    }
    // A group chooses those of its places that take it.
    put(client, "/v1/groups/both", &json!({"locations": ["MADE-UP", "NOPICK", "NOSHIP"]}));
    let taken = reserve(client, "pickup", json!({"sku": "F", "group": "both", "quantity": 4}), json!({}));
    assert_eq!(taken.status, 201, "{}", taken.json());
    let id = taken.json()["id"].as_str().unwrap().to_owned();
    let bound = client.post(&format!("/v1/reservations/{id}/bind"), &json!({})).unwrap().json();
    assert_eq!(bound["lines"][0]["location"], "NOSHIP", "{bound}");
    let told = short(&reserve(client, "pickup", json!({"sku": "F", "group": "both", "quantity": 1}), json!({})));
    assert_eq!(told["constraint"], "group", "all that it may have is taken: {told}");
    // The finder names neither; sourcing sends nothing from where nothing is sent, and nothing to where none is fetched.
    let found = get(client, "/v1/pickup?sku=F");
    let places: Vec<_> = found["items"].as_array().unwrap().iter().map(|place| place["location"].clone()).collect();
    assert!(!places.contains(&json!("NOPICK")) && !places.contains(&json!("MADE-UP")), "{found}");
    stock(client, "F", "NOSHIP", 5);
    for order in [
        json!({"purpose": "delivery", "locations": ["NOSHIP", "MADE-UP"]}),
        json!({"purpose": "delivery", "group": "ns"}),
        json!({"purpose": "pickup", "destination": {"location": "NOPICK"}}),
        json!({"purpose": "pickup", "destination": {"location": "MADE-UP"}}),
        json!({"purpose": "pickup", "destination": {"location": "NOSHIP"}, "locations": ["MADE-UP"]}),
    ] {
        for dry_run in [false, true] {
            let mut body = json!({"channel": "web", "lines": [{"sku": "F", "quantity": 1}], "dry_run": dry_run});
            body.as_object_mut().unwrap().extend(order.as_object().unwrap().clone());
            let told = short(&client.post("/v1/sourcing", &body).unwrap());
            assert_eq!(told["constraint"], "access", "{body}: {told}");
        }
    }
    // What is fetched at a store may be brought from where nothing is fetched.
    put(client, "/v1/locations/STORE", &json!({"transfer_group": "np", "transfer_minutes": 60}));
    let order = json!({"channel": "web", "purpose": "pickup", "destination": {"location": "STORE"}, "lines": [{"sku": "F", "quantity": 1}]});
    let brought = client.post("/v1/sourcing", &order).unwrap();
    assert_eq!(
        (brought.status, &brought.json()["shipments"][0]["location"]),
        (201, &json!("NOPICK")),
        "{}",
        brought.json()
    );
    // From where nobody declared, nothing is brought.
    put(client, "/v1/locations/LACKS", &json!({"transfer_group": "mu", "transfer_minutes": 60}));
    assert!(!get(client, "/v1/pickup?sku=F")["items"].to_string().contains("LACKS"));
    // Once somebody declares it, it hands out.
    put(client, "/v1/locations/MADE-UP", &json!({}));
    for purpose in ["pickup", "delivery"] {
        let taken = reserve(client, purpose, at("MADE-UP"), json!({}));
        assert_eq!(taken.status, 201, "{}", taken.json());
    }
    assert!(get(client, "/v1/pickup?sku=F")["items"].to_string().contains("MADE-UP"));
    // And takes none when it is told so.
    put(client, "/v1/locations/MADE-UP", &json!({"pickup": false, "ship": false}));
    for purpose in ["pickup", "delivery"] {
        assert_eq!(short(&reserve(client, purpose, at("MADE-UP"), json!({})))["constraint"], "access");
    }
}

/// V9: the longest SKU that exists wins; where both readings exist, units stand apart.
fn a_sku_with_a_colon_is_read_as_the_sku_that_exists(client: &mut Client) {
    put(client, "/v1/locations/COLON", &json!({}));
    for (sku, units) in [("SIZE", 99), ("SIZE:42", 1), ("SHOE:43", 2), ("HAT", 9)] {
        stock(client, sku, "COLON", units);
    }
    let lines = |client: &mut Client, query: &str| {
        let found = get(client, &format!("/v1/pickup?{query}"));
        let lines = found["items"][0]["lines"].as_array().unwrap_or_else(|| panic!("{query}: {found}")).clone();
        lines.iter().map(|line| (line["sku"].clone(), line["requested"].clone())).collect::<Vec<_>>()
    };
    let refused = client.get("/v1/pickup?sku=SIZE:42").unwrap();
    let told = refused.json();
    assert_eq!((refused.status, &told["field"]), (400, &json!("sku")), "{told}");
    let detail = told["detail"].as_str().unwrap();
    for way in ["sku=SIZE:42&quantity=1", "sku=SIZE&quantity=42"] {
        assert!(detail.contains(way), "{detail}");
    }
    assert_eq!(lines(client, "sku=SIZE:42&quantity=1"), [(json!("SIZE:42"), json!(1))]);
    assert_eq!(lines(client, "sku=SIZE&quantity=42"), [(json!("SIZE"), json!(42))]);
    assert_eq!(lines(client, "sku=SIZE:42:1"), [(json!("SIZE:42"), json!(1))]);
    assert_eq!(lines(client, "sku=SHOE:43"), [(json!("SHOE:43"), json!(1))]);
    assert_eq!(lines(client, "sku=SHOE:43:2"), [(json!("SHOE:43"), json!(2))]);
    assert_eq!(lines(client, "sku=HAT:3"), [(json!("HAT"), json!(3))]);
    assert_eq!(get(client, "/v1/pickup?sku=NOPE:3")["unknown"], json!(["NOPE"]));
    for query in ["sku=HAT&sku=SIZE&quantity=1", "sku=HAT&quantity=x", "sku=HAT&quantity=0"] {
        let refused = client.get(&format!("/v1/pickup?{query}")).unwrap();
        assert_eq!((refused.status, &refused.json()["field"]), (400, &json!("quantity")), "{query}");
    }
}

/// An order's deadline moves, and counts from then on.
fn a_deadline_moves(client: &mut Client) {
    put(client, "/v1/locations/COUNTER", &json!({}));
    stock(client, "P", "COUNTER", 5);
    let line = json!({"sku": "P", "location": "COUNTER", "quantity": 1});
    let held = reserve(client, "pickup", line, json!({})).json();
    let path = format!("/v1/reservations/{}/pickup-by", held["id"].as_str().unwrap());
    let early = client.put(&path, &json!({"pickup_by": "2108-01-01T00:00:00Z"})).unwrap();
    assert_eq!((early.status, &early.json()["state"]), (409, &json!("held")), "{}", early.json());
    let confirm = path.replace("pickup-by", "confirm");
    let confirmed = client.post(&confirm, &json!({"pickup_by": "2108-01-01T00:00:00Z"})).unwrap().json();
    assert_eq!(confirmed["pickup_by"], "2108-01-01T00:00:00.000Z");
    let moved = put(client, &path, &json!({"pickup_by": "2108-02-01T12:30:00+02:00"}));
    assert_eq!(moved["pickup_by"], "2108-02-01T10:30:00.000Z");
    let again = put(client, &path, &json!({"pickup_by": "2108-02-01T10:30:00Z"}));
    assert_eq!(again["seq"], moved["seq"], "it is what it was: nothing is logged");
    let free = put(client, &path, &json!({"pickup_by": null}));
    assert_eq!(free["pickup_by"], Value::Null);
    for (body, field) in [
        (json!({"pickup_by": "2001-01-01T00:00:00Z"}), "pickup_by"),
        (json!({"pickup_by": "tomorrow"}), "pickup_by"),
        (json!({"pickup_by": 7}), "pickup_by"),
        (json!({}), "pickup_by"),
        (json!({"pickup_by": null, "until": 1}), "until"),
    ] {
        let refused = client.put(&path, &body).unwrap();
        assert_eq!(refused.status, 400, "{body}: {}", refused.json());
        assert!(refused.json()["detail"].as_str().unwrap().contains(field), "{body}: {}", refused.json());
    }
    let record = get(client, path.trim_end_matches("/pickup-by"));
    let steps: Vec<_> = record["history"].as_array().unwrap().iter().map(|step| step["kind"].clone()).collect();
    assert_eq!(steps, ["reserved", "confirmed", "pickup_by_set", "pickup_by_set"], "{record}");
    assert_eq!(record["history"][2]["pickup_by_before"], "2108-01-01T00:00:00.000Z", "{record}");
    client.post(&path.replace("pickup-by", "cancel"), &json!({})).unwrap();
    let over = client.put(&path, &json!({"pickup_by": null})).unwrap();
    assert_eq!((over.status, &over.json()["state"]), (409, &json!("cancelled")));
    assert_eq!(client.put("/v1/reservations/r-NOPE/pickup-by", &json!({"pickup_by": null})).unwrap().status, 404);
}

/// What an export tells of places comes in again unchanged, and makes the same places elsewhere.
fn places_come_back_as_they_went(client: &mut Client) {
    let exported = client.get("/v1/export/locations").unwrap().body;
    let count = get(client, "/v1/info")["locations"].clone();
    let again = client.import("/v1/import/locations", &exported).unwrap().json();
    assert_eq!((&again["accepted"], &again["unchanged"]), (&json!(0), &count), "{again}");
    let mut other = Shop::default();
    let moved = other.client.import("/v1/import/locations", &exported).unwrap().json();
    assert_eq!((&moved["accepted"], &moved["rejected"]), (&count, &json!(0)), "{moved}");
    for place in get(client, "/v1/locations?limit=1000")["items"].as_array().unwrap() {
        let there = get(&mut other.client, &format!("/v1/locations/{}", place["location"].as_str().unwrap()));
        for field in ["timezone", "hours", "special_hours", "pickup", "ship", "pickup_minutes", "pickup_cutoff"] {
            assert_eq!(there[field], place[field], "{field} of {place}");
        }
    }
    other.stopped();
}

/// Every case, on a fresh shop.
fn everything(client: &mut Client) {
    zones_are_names_of_the_tz_database(client);
    a_day_may_be_named_more_than_once(client);
    what_is_given_and_empty_is_closed(client);
    dates_have_hours_of_their_own(client);
    minutes_of_work_are_real_minutes(client);
    a_place_takes_no_orders_that_it_is_not_for(client);
    a_sku_with_a_colon_is_read_as_the_sku_that_exists(client);
    a_deadline_moves(client);
    places_come_back_as_they_went(client);
}

#[test]
fn a_zone_that_is_none_is_refused_with_the_one_that_is_meant() {
    zones_are_names_of_the_tz_database(&mut Shop::default().client);
}

#[test]
fn split_days_have_both_spans() {
    a_day_may_be_named_more_than_once(&mut Shop::default().client);
}

#[test]
fn hours_that_hold_no_span_are_closed() {
    what_is_given_and_empty_is_closed(&mut Shop::default().client);
}

#[test]
fn holidays_and_special_openings_hold_in_json_and_files() {
    dates_have_hours_of_their_own(&mut Shop::default().client);
}

#[test]
fn no_minute_is_worked_twice_or_lost_when_clocks_change() {
    minutes_of_work_are_real_minutes(&mut Shop::default().client);
}

#[test]
fn a_place_without_pickup_or_shipping_takes_none_by_any_way() {
    a_place_takes_no_orders_that_it_is_not_for(&mut Shop::default().client);
}

#[test]
fn the_longest_sku_that_exists_is_meant() {
    a_sku_with_a_colon_is_read_as_the_sku_that_exists(&mut Shop::default().client);
}

#[test]
fn hours_dates_and_deadlines_survive_a_kill_and_an_image() {
    let mut shop = Shop::default();
    everything(&mut shop.client);
    let keyed = json!({"timezone": "Europe/Madrid", "hours": {"mon": "09:00-10:00"}, "special_hours": [{"date": "2027-01-06", "hours": []}]});
    let first = put_keyed(&mut shop.client, "/v1/locations/KEYED", "k-1", &keyed);
    let places = |shop: &mut Shop| String::from_utf8(shop.client.get("/v1/export/locations").unwrap().body).unwrap();
    let before = places(&mut shop);
    // From the log alone, then from a checkpoint.
    let mut shop = shop.killed_and_restarted();
    assert_eq!(places(&mut shop), before);
    let mut shop = shop.restarted();
    assert_eq!(places(&mut shop), before);
    let again = put_keyed(&mut shop.client, "/v1/locations/KEYED", "k-1", &keyed);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.json(), first.json());
    let line = json!({"sku": "F", "location": "NOPICK", "quantity": 1});
    assert_eq!(
        short(&reserve(&mut shop.client, "pickup", line, json!({})))["constraint"],
        "access",
        "from the checkpoint"
    );
    let (folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
    drop(folder);
}

#[test]
fn a_deadline_that_moves_survives_a_kill_comes_twice_and_meets_its_expiry() {
    let mut shop = Shop::default();
    shop.receive("P", "COUNTER", 5);
    put(&mut shop.client, "/v1/locations/COUNTER", &json!({}));
    let line = json!({"sku": "P", "location": "COUNTER", "quantity": 1});
    let order = reserve(&mut shop.client, "pickup", line, json!({"confirm": true})).json();
    let path = format!("/v1/reservations/{}/pickup-by", order["id"].as_str().unwrap());
    let body = json!({"pickup_by": "2108-01-01T00:00:00Z"});
    let first = put_keyed(&mut shop.client, &path, "k-1", &body);
    assert_eq!(first.status, 200, "{}", first.json());
    put(&mut shop.client, &path, &json!({"pickup_by": "2108-05-01T00:00:00Z"}));
    let mut shop = shop.killed_and_restarted();
    // A repeat is told its first answer, and changes nothing.
    let again = put_keyed(&mut shop.client, &path, "k-1", &body);
    assert_eq!((again.status, again.json()), (200, first.json()));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let record = get(&mut shop.client, path.trim_end_matches("/pickup-by"));
    assert_eq!(record["pickup_by"], "2108-05-01T00:00:00.000Z");
    // The same key with another body is another request.
    let other = put_keyed(&mut shop.client, &path, "k-1", &json!({"pickup_by": null}));
    assert_eq!(other.status, 422, "{}", other.json());
    // Two at once: each is decided, one after the other, and the later one stands.
    let address = shop.server.address;
    let both: Vec<_> = ["2108-06-01T00:00:00Z", "2108-07-01T00:00:00Z"]
        .into_iter()
        .map(|by| {
            let (path, body) = (path.clone(), json!({"pickup_by": by}));
            std::thread::spawn(move || Client::new(address).put(&path, &body).unwrap().json())
        })
        .collect();
    let answers: Vec<Value> = both.into_iter().map(|call| call.join().unwrap()).collect();
    let last = answers.iter().max_by_key(|answer| answer["seq"].as_u64()).unwrap();
    let record = get(&mut shop.client, path.trim_end_matches("/pickup-by"));
    assert_eq!(record["pickup_by"], last["pickup_by"], "{answers:?}");
    // It expires when it is due now, and not when it was due before.
    let now =
        get(&mut shop.client, "/v1/info")["clock"]["log_time"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let soon = now + jiff::SignedDuration::from_secs(2);
    put(&mut shop.client, &path, &json!({"pickup_by": soon.to_string()}));
    let started = Instant::now();
    loop {
        let record = get(&mut shop.client, path.trim_end_matches("/pickup-by"));
        let kinds = record["history"].to_string();
        if record["state"] == "expired" && kinds.contains("\"expired\"") {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "it never expired: {record}");
        std::thread::sleep(Duration::from_millis(20));
    }
    let late = shop.client.put(&path, &json!({"pickup_by": null})).unwrap();
    assert_eq!((late.status, &late.json()["state"]), (409, &json!("expired")));
    assert_eq!(shop.cell("P", "COUNTER"), (5, 0, 5));
    let (folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
    drop(folder);
}

#[test]
fn orders_of_a_holiday_count_against_the_next_opening() {
    let mut shop = Shop::default();
    let client = &mut shop.client;
    // Open from now on, whatever day it is, but for today; yesterday and tomorrow may be today somewhere.
    let today = get(client, "/v1/info")["clock"]["log_time"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let today = today.to_zoned(jiff::tz::TimeZone::UTC).date();
    let closed: Vec<Value> = (-1..=1)
        .map(|days| json!({"date": (today + jiff::Span::new().days(days)).to_string(), "closed": true}))
        .collect();
    put(client, "/v1/locations/HOLIDAY", &json!({"hours": always(), "special_hours": closed}));
    put(client, "/v1/locations/NEVER", &json!({"hours": {}}));
    for location in ["HOLIDAY", "NEVER"] {
        stock(client, "H", location, 9);
    }
    put(client, "/v1/rules/cap", &json!({"kind": "capacity", "orders_per_day": 2}));
    let at = |location: &str| json!({"sku": "H", "location": location, "quantity": 1});
    for status in [201, 201, 409] {
        assert_eq!(reserve(client, "pickup", at("HOLIDAY"), json!({})).status, status);
    }
    let order = json!({"channel": "web", "locations": ["HOLIDAY"], "lines": [{"sku": "H", "quantity": 1}]});
    let sourced = client.post("/v1/sourcing", &order).unwrap();
    assert_eq!(short(&sourced)["constraint"], "capacity", "sourcing knows the same day");
    // Open after all: today has room of its own.
    put(client, "/v1/locations/HOLIDAY", &json!({"special_hours": null}));
    for status in [201, 201, 409] {
        assert_eq!(reserve(client, "delivery", at("HOLIDAY"), json!({})).status, status);
    }
    // Where nobody ever works, no order is taken on; carts are no orders.
    assert_eq!(short(&reserve(client, "pickup", at("NEVER"), json!({})))["constraint"], "capacity");
    assert_eq!(
        short(
            &client
                .post(
                    "/v1/sourcing",
                    &json!({"channel": "web", "locations": ["NEVER"], "lines": [{"sku": "H", "quantity": 1}]})
                )
                .unwrap()
        )["constraint"],
        "capacity"
    );
    assert_eq!(reserve(client, "cart", at("NEVER"), json!({})).status, 201);
    let shop = shop.killed_and_restarted();
    let (folder, data) = shop.stopped();
    verify(binary(), &data).unwrap();
    drop(folder);
}

#[test]
fn what_if_sells_nothing_where_it_is_not_taken() {
    let mut shop = Shop::default();
    let client = &mut shop.client;
    put(client, "/v1/channels/web", &json!({"buffer": 0}));
    put(client, "/v1/locations/NOPICK", &json!({"pickup": false, "groups": ["g"]}));
    put(client, "/v1/locations/PICK", &json!({"groups": ["g"]}));
    stock(client, "W", "NOPICK", 50);
    stock(client, "W", "PICK", 1);
    let lost = reserve(client, "pickup", json!({"sku": "W", "group": "g", "quantity": 2}), json!({}));
    assert_eq!(short(&lost)["constraint"], "group");
    let barred = reserve(client, "pickup", json!({"sku": "W", "location": "NOPICK", "quantity": 2}), json!({}));
    assert_eq!(short(&barred)["constraint"], "access");
    let before = get(client, "/v1/info")["seq"].as_u64().unwrap();
    let started = Instant::now();
    let noted = loop {
        let events = get(client, &format!("/v1/events?after={before}&wait=10"));
        if let Some(event) = events["items"].as_array().unwrap().first() {
            break event.clone();
        }
        assert!(started.elapsed() < Duration::from_secs(30), "nothing was noted");
    };
    assert_eq!(noted["lost"].as_array().unwrap().len(), 1, "what no place takes is no lost demand: {noted}");
    assert_eq!((&noted["lost"][0]["purpose"], &noted["lost"][0]["units"]), (&json!("pickup"), &json!(2)), "{noted}");
    let same = client.post("/v1/what-if", &json!({})).unwrap().json();
    assert_eq!((&same["what_if"]["accepted"], &same["what_if"]["refused"]), (&json!(0), &json!(1)), "{same}");
    let more = json!({"stock": [{"sku": "W", "location": "PICK", "quantity": 1}]});
    assert_eq!(client.post("/v1/what-if", &more).unwrap().json()["what_if"]["accepted"], 1);
}

/// Every case once more, as machines have it whose clocks stand in the nights when clocks change, in five time zones.
#[test]
fn under_other_clocks_and_zones_everything_is_the_same() {
    // The program of that name stands between a server and whoever stops it; what it preloads does not.
    let preload = Command::new("faketime").args(["-f", "+0", "printenv", "LD_PRELOAD"]).output();
    let preload = preload.ok().filter(|told| told.status.success());
    let Some(preload) = preload.map(|told| String::from_utf8(told.stdout).unwrap().trim().to_owned()) else {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "faketime is absent");
        eprintln!("skipped: faketime is absent");
        return;
    };
    for date in ["@2027-03-28 00:30:00", "@2027-10-31 00:30:00"] {
        for zone in
            ["Europe/Madrid", "America/Mexico_City", "America/Santiago", "Australia/Sydney", "Australia/Lord_Howe"]
        {
            println!("{date} {zone}");
            let folder = folder();
            let data = folder.path().join("data");
            let (zone, preload) = (format!("TZ={zone}"), format!("LD_PRELOAD={preload}"));
            let date = format!("FAKETIME={date}");
            let tool = ["env", &zone, &preload, &date, "FAKETIME_DONT_FAKE_MONOTONIC=1"];
            let server = Server::start_under(&tool, binary(), &data, &[]).unwrap();
            let client = &mut server.client();
            everything(client);
            // It is that night there, and now is as good as any time.
            let now = get(client, "/v1/info")["clock"]["log_time"].as_str().unwrap().to_owned();
            assert!(now.starts_with("2027-03-2") || now.starts_with("2027-10-3"), "{now}");
            server.stop().unwrap();
            verify(binary(), &data).unwrap();
        }
    }
}
