//! Files that other systems wrote, as they are: loaded with what the guide to imports says, and out and in again.
//!
//! What each needs beyond flags is done here by hand, as the guide tells it.

use std::io::Read;
use std::path::Path;

use anaquel_tests::files::{goes_round, import};
use anaquel_tests::{Shop, shared_data};
use serde_json::{Value, json};

const CSV: &str = "text/csv";
const NDJSON: &str = "application/x-ndjson";

/// The query of an import: pairs of options.
fn query(options: &[(&str, &str)]) -> String {
    let encode = |text: &str| -> String {
        let byte =
            |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
        text.bytes().map(byte).collect()
    };
    options.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
}

/// Loads a file, unknown columns passed over; accepted, unchanged, rejected.
fn load(shop: &mut Shop, kind: &str, media_type: &str, body: &[u8], options: &[(&str, &str)]) -> (u64, u64, u64) {
    let path = format!("/v1/import/{kind}?ignore_unknown=true&{}", query(options));
    let told = import(shop, &path, media_type, body);
    let count = |name: &str| told[name].as_u64().unwrap();
    for error in told["errors"].as_array().unwrap() {
        assert!(error["line"].as_u64().unwrap() > 0 && error["reason"].as_str().unwrap().len() > 10, "{error}");
    }
    (count("accepted"), count("unchanged"), count("rejected"))
}

/// `jq -c '.[]'`: an array of objects as JSON lines.
fn lines_of(items: &[Value]) -> Vec<u8> {
    items.iter().map(|item| format!("{item}\n")).collect::<String>().into_bytes()
}

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn sunrise_files_load_as_they_are() {
    let Some(folder) = shared_data("sunrise-2020") else { return };
    let mut shop = Shop::default();
    let stores = json_of(&folder.join("channels.json"));
    let map = [
        ("map", "location=key"),
        ("map", "name=name.en"),
        ("map", "address=address.streetName"),
        ("map", "longitude=geoLocation.coordinates.0"),
        ("map", "latitude=geoLocation.coordinates.1"),
    ];
    assert_eq!(load(&mut shop, "locations", NDJSON, &lines_of(stores.as_array().unwrap()), &map), (18, 0, 0));
    assert_eq!(load(&mut shop, "locations", CSV, b"location,kind\ncentral,warehouse\n", &[]), (1, 0, 0));
    let boston = shop.client.get("/v1/locations/sunrise-store-boston-2").unwrap().json();
    assert!(boston["address"].as_str().is_some_and(|street| !street.is_empty()), "{boston}");
    let products = std::fs::read(folder.join("products.csv")).unwrap();
    let map =
        [("map", "name=name.en"), ("map", "product=baseId"), ("map", "attr.size=size"), ("map", "attr.colour=color")];
    assert_eq!(load(&mut shop, "skus", CSV, &products, &map), (102, 0, 0));
    let map = [("map", "on_hand=quantityOnStock"), ("map", "location=supplyChannel"), ("set", "location=central")];
    let mut rows = 0;
    for file in ["inventory.csv", "inventory-stores.csv", "inventory-stores-us.csv"] {
        let told = load(&mut shop, "stock", CSV, &std::fs::read(folder.join(file)).unwrap(), &map);
        assert_eq!(told.2, 0, "{file}");
        rows += told.0 + told.1;
    }
    assert_eq!(rows, 1122);
    assert_eq!(shop.cell("M0E20000000F1YP", "sunrise-store-boston-2").0, 556);
    goes_round(&mut shop);
}

/// A fixture of one array of objects of every model: variants and stock are picked out of it, and stock joined by hand.
#[test]
fn a_saleor_fixture_loads_once_it_is_picked_apart() {
    let Some(folder) = shared_data("saleor") else { return };
    let mut shop = Shop::default();
    let fixture = json_of(&folder.join("populatedb_data.json"));
    let of = |model: &str| -> Vec<Value> {
        fixture.as_array().unwrap().iter().filter(|item| item["model"] == model).cloned().collect()
    };
    let mut variants = of("product.productvariant");
    // Where a variant has no SKU of its own, its number is one.
    variants.iter_mut().filter(|item| item["fields"]["sku"].is_null()).for_each(|item| {
        item["fields"]["sku"] = item["pk"].clone();
    });
    let map = [("map", "sku=fields.sku"), ("map", "name=fields.name"), ("map", "product=fields.product")];
    assert_eq!(load(&mut shop, "skus", NDJSON, &lines_of(&variants), &map), (73, 0, 0));
    let warehouses = of("warehouse.warehouse");
    let map = [("map", "location=fields.slug"), ("map", "name=fields.name"), ("set", "kind=warehouse")];
    assert_eq!(load(&mut shop, "locations", NDJSON, &lines_of(&warehouses), &map), (1, 0, 0));
    let sku_of = |pk: &Value| variants.iter().find(|item| item["pk"] == *pk).unwrap()["fields"]["sku"].clone();
    let stock: Vec<Value> = of("warehouse.stock")
        .iter()
        .map(|item| json!({"sku": sku_of(&item["fields"]["product_variant"]), "on_hand": item["fields"]["quantity"]}))
        .collect();
    assert_eq!(load(&mut shop, "stock", NDJSON, &lines_of(&stock), &[("set", "location=global")]), (56, 0, 0));
    assert_eq!(shop.cell("headless-omnichannel-mp3", "global").0, 4560);
    goes_round(&mut shop);
}

#[test]
fn a_spree_export_loads_as_it_is() {
    let Some(folder) = shared_data("spree") else { return };
    let mut shop = Shop::default();
    assert_eq!(load(&mut shop, "locations", CSV, b"location\nmain\n", &[]), (1, 0, 0));
    let products = std::fs::read(folder.join("products.csv")).unwrap();
    let map = [("map", "product=slug"), ("map", "categories=category1"), ("map", "attr.option1=option1_value")];
    let (accepted, unchanged, rejected) = load(&mut shop, "skus", CSV, &products, &map);
    assert_eq!((accepted + unchanged, rejected), (211, 0), "a SKU stands on one row a currency");
    let info = shop.client.get("/v1/info").unwrap().json();
    assert_eq!(info["skus"], 123);
    // Rows of products and of other currencies say nothing of stock, and are told by line.
    let map = [("map", "on_hand=inventory_count"), ("set", "location=main")];
    assert_eq!(load(&mut shop, "stock", CSV, &products, &map), (87, 0, 124));
    let (accepted, unchanged, rejected) = load(&mut shop, "prices", CSV, &products, &[]);
    assert_eq!((accepted + unchanged, rejected), (211, 0));
    let prices = shop.client.get("/v1/prices?sku=AUTOMATIC-ESPRESSO-MACHINE-MATTE-BLACK").unwrap().json();
    assert!(prices["items"].as_array().unwrap().iter().any(|price| price["amount"] == 87_999), "{prices}");
    goes_round(&mut shop);
}

/// Headers and cells padded with blanks, quotes behind blanks; and files that are broken on purpose.
#[test]
fn vendure_files_load_as_they_are_and_broken_ones_are_told() {
    let Some(folder) = shared_data("vendure") else { return };
    let mut shop = Shop::default();
    assert_eq!(load(&mut shop, "locations", CSV, b"location\nmain\n", &[]), (1, 0, 0));
    let products = std::fs::read(folder.join("products.csv")).unwrap();
    let map = [("map", "product=slug"), ("map", "attr.options=optionValues")];
    let (accepted, unchanged, rejected) = load(&mut shop, "skus", CSV, &products, &map);
    assert_eq!((accepted + unchanged, rejected), (88, 0));
    assert_eq!(shop.client.get("/v1/info").unwrap().json()["skus"], 86, "one SKU stands on three rows");
    let map = [("map", "on_hand=stockOnHand"), ("set", "location=main")];
    let (accepted, unchanged, rejected) = load(&mut shop, "stock", CSV, &products, &map);
    assert_eq!((accepted + unchanged, rejected), (88, 0));
    let (accepted, unchanged, rejected) = load(&mut shop, "prices", CSV, &products, &[("set", "currency=USD")]);
    assert_eq!((accepted + unchanged, rejected), (88, 0));
    assert_eq!(shop.cell("L2201308", "main").0, 100);
    let mut seen = 0;
    for part in ["e2e", "import-parser"] {
        for file in std::fs::read_dir(folder.join(part)).unwrap() {
            let text = std::fs::read(file.unwrap().path()).unwrap();
            let map = [("map", "name="), ("map", "attr.options="), ("map", "product=slug")];
            // Some have no column of SKUs, on purpose; those are refused whole.
            let path = format!("/v1/import/skus?ignore_unknown=true&{}", query(&map));
            let answer = shop.client.send("POST", &path, &[("Content-Type", CSV)], &text).unwrap();
            assert!(answer.status == 200 || answer.json()["field"].is_string(), "{}", answer.json());
            seen += 1;
        }
    }
    assert_eq!(seen, 14);
    let short = std::fs::read(folder.join("import-parser/invalid-row-length.csv")).unwrap();
    assert_eq!(load(&mut shop, "skus", CSV, &short, &[("map", "product=slug")]).2, 1, "a row is cut short");
    goes_round(&mut shop);
}

/// Two dialects of one export, with line breaks in descriptions; variants are known by their ids where they have no SKU.
#[test]
fn medusa_exports_load_in_both_dialects() {
    let Some(folder) = shared_data("medusa") else { return };
    let mut shop = Shop::default();
    let map = [
        ("map", "sku=Variant Id"),
        ("map", "name=Variant Title"),
        ("map", "product=Product Handle"),
        ("map", "gtin=Variant Ean"),
        ("map", "attr.size=Variant Option 1 Value"),
    ];
    let comma = std::fs::read(folder.join("exported-products-comma.csv")).unwrap();
    let semicolon = std::fs::read(folder.join("exported-products-semicolon.csv")).unwrap();
    assert_eq!(load(&mut shop, "skus", CSV, &comma, &map), (3, 0, 0));
    assert_eq!(load(&mut shop, "skus", CSV, &semicolon, &map), (0, 3, 0), "the other dialect says the same");
    let template = std::fs::read(folder.join("v1-template.csv")).unwrap();
    let map = [("map", "sku=Variant SKU"), ("map", "name=Variant Title"), ("map", "product=Product Handle")];
    assert_eq!(load(&mut shop, "skus", CSV, &template, &map), (5, 0, 0));
    assert_eq!(load(&mut shop, "locations", CSV, b"location\nmain\n", &[]), (1, 0, 0));
    let map = [("map", "sku=Variant SKU"), ("map", "on_hand=Variant Inventory Quantity"), ("set", "location=main")];
    assert_eq!(load(&mut shop, "stock", CSV, &template, &map), (5, 0, 0));
    let map = [("map", "sku=Variant SKU"), ("map", "price=Price USD"), ("set", "currency=USD")];
    let (accepted, unchanged, rejected) = load(&mut shop, "prices", CSV, &template, &map);
    assert_eq!((accepted + unchanged, rejected), (4, 1), "one has no price in this currency");
    let others = [
        "filtered-products",
        "invalid-column",
        "invalid-prices",
        "prices-with-region",
        "product-with-categories",
        "unrelated-column",
    ];
    for file in others {
        let text = std::fs::read(folder.join(format!("{file}.csv"))).unwrap();
        let map = [("map", "sku=Variant Id"), ("map", "name=Variant Title"), ("map", "product=Product Handle")];
        assert_eq!(load(&mut shop, "skus", CSV, &text, &map).2, 0, "{file}");
    }
    goes_round(&mut shop);
}

/// Stores as an array of objects, with numbers for ids, and hours in a form of their own, which are left out.
#[test]
fn bestbuy_stores_load_but_for_their_hours() {
    let Some(folder) = shared_data("bestbuy") else { return };
    let mut shop = Shop::default();
    let stores = json_of(&folder.join("stores.json"));
    let stores = stores.as_array().unwrap();
    let map = [
        ("map", "location=id"),
        ("map", "latitude=location.lat"),
        ("map", "longitude=location.lon"),
        ("map", "groups=state"),
        ("map", "hours="),
    ];
    assert_eq!(load(&mut shop, "locations", NDJSON, &lines_of(stores), &map), (1565, 0, 0));
    // With the hours as they are, each is told by line, and nothing of it is stored.
    let with_hours = &map[..4];
    let told = load(&mut shop, "locations", NDJSON, &lines_of(&stores[..10]), with_hours);
    assert_eq!((told.0, told.1 + told.2), (0, 10));
    let mall = shop.client.get("/v1/locations/1000").unwrap().json();
    assert_eq!((&mall["name"], &mall["groups"]), (&json!("Mall of America"), &json!(["MN"])));
    goes_round(&mut shop);
}

#[test]
fn ikea_stores_and_answers_load() {
    let Some(folder) = shared_data("ikea") else { return };
    let mut shop = Shop::default();
    let stores = json_of(&folder.join("stores.json"));
    let map = [
        ("map", "location=buCode"),
        ("map", "longitude=coordinates.0"),
        ("map", "latitude=coordinates.1"),
        ("map", "groups=countryCode"),
    ];
    let (accepted, unchanged, rejected) =
        load(&mut shop, "locations", NDJSON, &lines_of(stores.as_array().unwrap()), &map);
    assert_eq!((accepted + unchanged, rejected), (431, 0), "some codes stand twice");
    let answer = json_of(&folder.join("availabilities-us-response.json"));
    let map = [
        ("map", "location=classUnitKey.classUnitCode"),
        ("map", "sku=itemKey.itemNo"),
        ("map", "on_hand=availableStocks.0.quantity"),
        ("map", "counted_at=availableStocks.0.updateDateTime"),
        ("create", "true"),
    ];
    let told = load(&mut shop, "stock", NDJSON, &lines_of(answer["data"].as_array().unwrap()), &map);
    assert_eq!(told, (54, 0, 3), "three say no quantity, and are told by line");
    goes_round(&mut shop);
}

/// Invoice lines of a web shop: articles and last prices; the lines themselves are movements, not a file of stock.
#[test]
fn uci_invoices_give_articles_and_prices() {
    let Some(folder) = shared_data("uci-online-retail") else { return };
    let mut text = String::new();
    let packed = std::fs::File::open(folder.join("online_retail.csv.gz")).unwrap();
    flate2::read::GzDecoder::new(packed).take(4 << 20).read_to_string(&mut text).unwrap();
    let text = &text[..text.rfind('\n').unwrap() + 1];
    let rows = text.lines().count() as u64 - 1;
    let mut shop = Shop::default();
    let map = [("map", "sku=StockCode"), ("map", "name=Description")];
    let (accepted, unchanged, rejected) = load(&mut shop, "skus", CSV, text.as_bytes(), &map);
    assert_eq!((accepted + unchanged, rejected), (rows, 0));
    let map = [("map", "sku=StockCode"), ("map", "price=UnitPrice"), ("set", "currency=GBP")];
    let (accepted, unchanged, rejected) = load(&mut shop, "prices", CSV, text.as_bytes(), &map);
    assert_eq!((accepted + unchanged, rejected), (rows, 0));
    goes_round(&mut shop);
}
