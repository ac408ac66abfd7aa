//! Names over the wire: channels that nobody declared, rules about what is not there, and how much may be made up.

use anaquel_loadtest::client::Answer;
use anaquel_loadtest::server::Server;
use anaquel_loadtest::socket::Socket;
use anaquel_tests::folder::folder;
use anaquel_tests::house::House;
use anaquel_tests::{Shop, binary};
use serde_json::{Value, json};

fn told(answer: &Answer) -> (u16, Value, String) {
    let body = answer.json();
    (answer.status, body["field"].clone(), body["detail"].as_str().unwrap_or_default().to_owned())
}

/// Refused by name, with the channels that are declared.
fn is_undeclared(answer: &Answer, what: &str) {
    let (status, _, detail) = told(answer);
    assert_eq!(status, 400, "{what}: {detail}");
    assert!(detail.contains("nobody") && detail.contains("app, web"), "{what}: {detail}");
}

#[test]
fn an_undeclared_channel_is_refused_wherever_one_is_named() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 20);
    // While none is declared, every channel is accepted, without a buffer, and reading makes nothing up.
    let before = shop.client.get("/v1/availability?sku=A&channel=nobody").unwrap();
    assert_eq!((before.status, &before.json()["items"][0]["available"]), (200, &json!(20)));
    assert_eq!(shop.client.get("/v1/channels").unwrap().json()["items"], json!([]));
    shop.declare_channels(&["web", "app"]);

    for path in [
        "/v1/availability?sku=A&channel=nobody",
        "/v1/stock?sku=A&channel=nobody",
        "/v1/pickup?sku=A&channel=nobody",
        "/v1/rules/explain?sku=A&location=s1&channel=nobody",
        "/v1/stream/sse?sku=A&channel=nobody",
        "/v1/reservations?channel=nobody",
    ] {
        is_undeclared(&shop.client.get(path).unwrap(), path);
    }
    let line = json!({"sku": "A", "location": "s1", "quantity": 1});
    let order = json!({"channel": "nobody", "lines": [{"sku": "A", "quantity": 1}]});
    for (path, body) in [
        ("/v1/availability/query", json!({"skus": ["A"], "channel": "nobody"})),
        ("/v1/reservations", json!({"channel": "nobody", "lines": [line]})),
        ("/v1/sourcing", order),
    ] {
        is_undeclared(&shop.client.post(path, &body).unwrap(), path);
    }
    let mut socket = Socket::connect(shop.server.address).unwrap();
    for message in [
        json!({"op": "subscribe", "id": "s", "skus": ["A"], "channel": "nobody"}),
        json!({"op": "availability", "id": "a", "skus": ["A"], "channel": "nobody"}),
        json!({"op": "reserve", "id": "r", "channel": "nobody", "lines": [line]}),
    ] {
        socket.send(&message).unwrap();
        let answer = socket.message().unwrap();
        assert_eq!((&answer["type"], &answer["status"]), (&json!("error"), &json!(400)), "{message}: {answer}");
        assert!(answer["problem"]["detail"].as_str().unwrap().contains("app, web"), "{answer}");
    }
    let loaded =
        shop.client.import("/v1/import/prices", b"sku,currency,amount,channel\nA,EUR,5,nobody\nA,EUR,6,web\n").unwrap();
    let loaded = loaded.json();
    assert_eq!((&loaded["accepted"], &loaded["errors"][0]["field"]), (&json!(1), &json!("channel")), "{loaded}");
    assert_eq!(shop.reserve("A", "s1", 1).status, 201, "a declared one is served");
    let channels = shop.client.get("/v1/channels").unwrap().json();
    assert_eq!(channels["items"].as_array().unwrap().len(), 2, "{channels}");
}

/// A channel that a promise made up is told from those that somebody declared, until it is declared or retired.
#[test]
fn channels_that_promises_made_up_are_flagged_and_listed() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 5);
    let line = json!({"sku": "A", "location": "s1", "quantity": 1});
    for channel in ["webb", "wbe"] {
        let held = shop.client.post("/v1/reservations", &json!({"channel": channel, "lines": [line]})).unwrap();
        assert_eq!(held.status, 201, "{}", held.json());
    }
    let declared = shop.client.put("/v1/channels/web", &json!({"buffer": 1})).unwrap();
    assert_eq!((declared.status, &declared.json()["declared"]), (200, &json!(true)), "{}", declared.json());
    let mut shop = shop.killed_and_restarted();
    let names = |shop: &mut Shop, query: &str| -> Vec<(Value, Value)> {
        let page = shop.client.get(&format!("/v1/channels{query}")).unwrap();
        assert_eq!(page.status, 200, "{}", page.json());
        let page = page.json();
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| (item["channel"].clone(), item["declared"].clone()))
            .collect()
    };
    let (webb, wbe, web) = ((json!("webb"), json!(false)), (json!("wbe"), json!(false)), (json!("web"), json!(true)));
    assert_eq!(names(&mut shop, ""), [webb.clone(), wbe.clone(), web.clone()]);
    assert_eq!(names(&mut shop, "?declared=false"), [webb.clone(), wbe.clone()]);
    assert_eq!(names(&mut shop, "?declared=true"), [web]);
    assert_eq!(told(&shop.client.get("/v1/channels?declared=perhaps").unwrap()).1, json!("declared"));
    assert_eq!(shop.client.get("/v1/channels/webb").unwrap().json()["declared"], false);
    assert_eq!(shop.client.put("/v1/channels/webb", &json!({})).unwrap().json()["declared"], true);
    assert_eq!(names(&mut shop, "?declared=false"), [wbe]);
}

#[test]
fn a_setting_accepts_undeclared_channels() {
    let folder = folder();
    let config = folder.path().join("anaquel.toml");
    std::fs::write(&config, "[channels]\nundeclared = \"accept\"\n").unwrap();
    let arguments = ["--config", config.to_str().unwrap()];
    let server = Server::start(binary(), &folder.path().join("data"), &arguments).unwrap();
    let mut client = server.client();
    let movement = json!({"kind": "receipt", "sku": "A", "location": "s1", "quantity": 5});
    client.post("/v1/stock/movements", &json!({"movements": [movement]})).unwrap();
    assert_eq!(client.put("/v1/channels/web", &json!({"buffer": 2})).unwrap().status, 200);
    let line = json!({"sku": "A", "location": "s1", "quantity": 5});
    let made = client.post("/v1/reservations", &json!({"channel": "nobody", "lines": [line]})).unwrap();
    assert_eq!(made.status, 201, "{}", made.json());
    server.stop().unwrap();
}

#[test]
fn a_rule_names_only_what_there_is() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 5);
    let seq = shop.seq();
    for (list, field) in
        [("skus", "skus[0]"), ("locations", "locations[0]"), ("groups", "groups[0]"), ("channels", "channels[0]")]
    {
        let body = json!({"kind": "safety_stock", "units": 1, list: ["nobody"]});
        let (status, told_field, detail) = told(&shop.client.put("/v1/rules/r", &body).unwrap());
        assert_eq!((status, told_field), (400, json!(field)), "{detail}");
        assert!(detail.contains("nobody"), "{detail}");
        let tried = shop.client.post("/v1/what-if", &json!({"rules": {"r": body}})).unwrap();
        assert_eq!(told(&tried).1, json!(format!("rules.r.{field}")), "{}", tried.json());
    }
    let csv = b"rule,kind,units,skus,channels\nbad,safety_stock,1,nobody,\nworse,safety_stock,1,,nobody\ngood,safety_stock,1,A,\n";
    let loaded = shop.client.import("/v1/import/rules", csv).unwrap().json();
    assert_eq!((&loaded["accepted"], &loaded["rejected"]), (&json!(1), &json!(2)), "{loaded}");
    let lines: Vec<_> = loaded["errors"].as_array().unwrap().iter().map(|error| error["line"].clone()).collect();
    assert_eq!(lines, [json!(2), json!(3)]);
    let events = shop.client.get(&format!("/v1/events?after={seq}&limit=1000")).unwrap().json();
    let kinds: Vec<_> = events["items"].as_array().unwrap().iter().map(|event| event["kind"].clone()).collect();
    assert!(!kinds.contains(&json!("defined")), "{events}");
    assert_eq!(shop.client.get("/v1/channels/nobody").unwrap().status, 404);
    assert_eq!(shop.client.get("/v1/groups/nobody").unwrap().status, 404);
}

#[test]
fn what_is_made_up_is_bounded_and_known_things_go_on() {
    let mut shop = Shop::default();
    shop.receive("A", "s1", 1_000_000);
    let line = json!({"sku": "A", "location": "s1", "quantity": 1});
    let mut made = 0;
    let mut refusal = Value::Null;
    for n in 0..1_100 {
        let answer =
            shop.client.post("/v1/reservations", &json!({"channel": format!("c{n}"), "lines": [line]})).unwrap();
        match answer.status {
            201 => made += 1,
            400 => refusal = answer.json(),
            other => panic!("{other}: {}", answer.json()),
        }
    }
    assert_eq!(made, 1_000, "limits.undeclared_channels");
    assert!(refusal["detail"].as_str().unwrap().contains("limits.undeclared_channels"), "{refusal}");
    // 1,000 movements a request, each at a place of its own.
    let mut refused = None;
    for batch in 0..12 {
        let movement =
            |n: i32| json!({"kind": "receipt", "sku": "A", "location": format!("p{batch}-{n}"), "quantity": 1});
        let body = json!({"movements": (0..1_000).map(movement).collect::<Vec<_>>()});
        let answer = shop.client.post("/v1/stock/movements", &body).unwrap();
        if answer.status != 200 {
            refused = Some((batch, answer.json()));
            break;
        }
    }
    let (batch, refusal) = refused.expect("places are bounded");
    assert!(batch >= 9, "{batch}");
    assert!(refusal["detail"].as_str().unwrap().contains("limits.undeclared_locations"), "{refusal}");
    // A till sells what is known where it is known.
    let sale = json!({"kind": "sale", "sku": "A", "location": "p0-0", "quantity": 3});
    let sold = shop.client.post("/v1/stock/movements", &json!({"movements": [sale]})).unwrap();
    assert_eq!((sold.status, &sold.json()["items"][0]["on_hand"]), (200, &json!(-2)));
    // Whoever may declare, declares.
    assert_eq!(shop.client.put("/v1/locations/new", &json!({})).unwrap().status, 200);
    shop.receive("A", "new", 1);
}

#[test]
fn one_key_leaves_names_to_others() {
    let house = House::default();
    let key = |name: &str, scope: &str| house.caller(name, &[scope], &[]);
    let (admin, greedy, honest) = (key("admin", "admin"), key("greedy", "reserve"), key("honest", "reserve"));
    let server = house.serve_with("[limits]\nundeclared_channels = 10\n");
    let mut client = server.client();
    let mut post = |key: &str, path: &str, body: &Value| {
        let headers = [("Authorization", key), ("Content-Type", "application/json")];
        client.send("POST", path, &headers, body.to_string().as_bytes()).unwrap()
    };
    let movement = json!({"kind": "receipt", "sku": "A", "location": "s1", "quantity": 100});
    assert_eq!(post(&admin, "/v1/stock/movements", &json!({"movements": [movement]})).status, 200);
    let mut reserve = |key: &str, channel: String| {
        let line = json!({"sku": "A", "location": "s1", "quantity": 1});
        post(key, "/v1/reservations", &json!({"channel": channel, "lines": [line]})).status
    };
    let made = (0..30).filter(|n| reserve(&greedy, format!("g{n}")) == 201).count();
    assert_eq!(made, 5);
    assert_eq!(reserve(&honest, "web".into()), 201);
    assert_eq!(reserve(&greedy, "g0".into()), 201, "what it has, it goes on with");
    server.stop().unwrap();
}
