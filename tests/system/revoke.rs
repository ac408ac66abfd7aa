//! Keys over HTTP: what one's own key may do, the list, and revoking a key for good.

use anaquel_loadtest::socket::Socket;
use anaquel_tests::Shop;
use anaquel_tests::house::{House, ask, bearer};
use serde_json::{Value, json};

/// The public part of a key.
fn id_of(key: &str) -> &str {
    key.split('_').nth(1).unwrap()
}

#[test]
fn a_caller_asks_what_its_own_key_may_do() {
    let mut open = Shop::default();
    let told = open.client.get("/v1/key").unwrap().json();
    assert_eq!((&told["name"], &told["channels"]), (&Value::Null, &json!([])));
    assert!(told["scopes"].as_array().unwrap().contains(&json!("admin")), "whoever comes may do everything: {told}");
    assert_eq!(open.client.get("/v1/keys").unwrap().json(), json!({"items": [], "next": null}));
    let answer = open.client.post("/v1/keys/x/revoke", &json!({})).unwrap();
    assert_eq!((answer.status, answer.slug()), (404, "not-found".to_owned()));

    let house = House::default();
    let till = house.key("till-1", &["sell", "stock"], &["--channel", "pos", "--location", "s1"]);
    let server = house.serve(&[]);
    let told = ask(&mut server.client(), &till, "GET", "/v1/key", &Value::Null).json();
    let own = json!({"name": "till-1", "id": id_of(&till), "scopes": ["stock", "sell"], "channels": ["pos"],
        "locations": ["s1"], "expires_at": null});
    assert_eq!(told, own);
    assert_eq!(server.client().get("/v1/key").unwrap().status, 401);
    for path in ["/v1/keys", &format!("/v1/keys/{}/revoke", id_of(&till))] {
        let method = if path.ends_with("revoke") { "POST" } else { "GET" };
        assert_eq!(ask(&mut server.client(), &till, method, path, &Value::Null).slug(), "forbidden", "{path}");
    }
}

/// Before the answer comes, the key is out, and its sockets are closed; it stays out after a kill, and where a tool puts
/// back the file of keys that it had before.
#[test]
fn a_key_that_is_revoked_over_http_never_comes_back() {
    let house = House::default();
    let (admin, till) = (house.key("admin", &["admin"], &[]), house.key("till", &["read"], &[]));
    let file = house.data().join("keys.json");
    let before = std::fs::read(&file).unwrap();
    let server = house.serve(&[]);
    let mut client = server.client();
    let mut socket = Socket::connect_with(server.address, &[("authorization", &bearer(&till))]).unwrap();
    let list = |client: &mut _, path: &str| ask(client, &admin, "GET", path, &Value::Null).json();
    let first = list(&mut client, "/v1/keys?limit=1");
    assert_eq!((&first["items"][0]["name"], first["items"].as_array().unwrap().len()), (&json!("admin"), 1));
    let second = list(&mut client, &format!("/v1/keys?after={}", first["next"].as_str().unwrap()));
    assert_eq!((&second["items"][0]["state"], &second["next"]), (&json!("valid"), &Value::Null));

    let path = format!("/v1/keys/{}/revoke", id_of(&till));
    let told = ask(&mut client, &admin, "POST", &path, &json!({}));
    assert_eq!((told.status, &told.json()["state"]), (200, &json!("revoked")), "{}", told.json());
    assert_eq!(ask(&mut client, &till, "GET", "/v1/key", &Value::Null).status, 401, "at once");
    assert_eq!(socket.closed().unwrap(), (4401, "unauthorized".to_owned()));
    assert_eq!(ask(&mut client, &admin, "POST", &path, &Value::Null).json(), told.json(), "a repeat changes nothing");
    assert_eq!(ask(&mut client, &admin, "POST", &path, &json!({"why": 1})).slug(), "invalid-request");
    assert!(house.keys(&["list"]).contains("revoked"), "the command line knows it, too");

    server.kill().unwrap();
    std::fs::write(&file, &before).unwrap();
    let server = house.serve(&[]);
    let mut client = server.client();
    assert_eq!(ask(&mut client, &till, "GET", "/v1/key", &Value::Null).status, 401, "after a kill and the former file");
    // The file is read again while the server runs: a new key comes in, the revoked one does not.
    let other = house.key("other", &["read"], &[]);
    let began = std::time::Instant::now();
    while ask(&mut client, &other, "GET", "/v1/key", &Value::Null).status != 200 {
        assert!(began.elapsed() < std::time::Duration::from_secs(10), "the file is not read again");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(ask(&mut client, &till, "GET", "/v1/key", &Value::Null).status, 401);
}

/// Two who revoke the same key at once are told the same.
#[test]
fn two_revoke_at_once() {
    let house = House::default();
    let (admin, till) = (house.key("admin", &["admin"], &[]), house.key("till", &["read"], &[]));
    let server = house.serve(&[]);
    let path = format!("/v1/keys/{}/revoke", id_of(&till));
    let told: Vec<Value> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| ask(&mut server.client(), &admin, "POST", &path, &json!({})).json()))
            .collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    assert!(told.iter().all(|one| *one == told[0] && one["state"] == "revoked"), "{told:?}");
}
