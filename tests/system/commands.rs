//! The commands of the README and of the guides do what the text says.

use anaquel_tests::Shop;
use serde_json::Value;

fn read(name: &str) -> String {
    std::fs::read_to_string(anaquel_tests::root().join(name)).unwrap()
}

/// The fenced blocks of a document that are of a kind.
fn blocks(text: &str, kind: &str) -> String {
    let blocks = text.split("```").skip(1).step_by(2);
    blocks.filter_map(|block| block.strip_prefix(kind)?.strip_prefix('\n')).collect::<Vec<_>>().join("\n")
}

/// The commands of a shell's text, cut into words: quotes, comments, and lines that go on are understood, nothing else.
fn commands(text: &str) -> Vec<Vec<String>> {
    let (mut all, mut words, mut word, mut is_quoted) = (Vec::new(), Vec::new(), None::<String>, false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => {
                is_quoted = !is_quoted;
                word.get_or_insert_default();
            }
            _ if is_quoted => word.get_or_insert_default().push(letter),
            '\\' if letters.peek() == Some(&'\n') => drop(letters.next()),
            '#' if word.is_none() => while letters.next_if(|letter| *letter != '\n').is_some() {},
            '\n' => {
                words.extend(word.take());
                all.push(std::mem::take(&mut words));
            }
            _ if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    all.push(words);
    all.retain(|words| !words.is_empty());
    all
}

/// Runs what asks the server something: `curl`, and the shorthands `put` and `post`. Tells what was answered.
fn run(shop: &mut Shop, words: &[String], last: &str) -> Option<Value> {
    let mut words = words.iter().map(String::as_str).skip_while(|word| *word == "$");
    let name = words.next()?;
    let (mut method, mut url, mut body, mut headers) = (None, None, None, Vec::new());
    match name {
        "put" | "post" => (method, url, body) = (Some(name.to_uppercase()), words.next(), words.next()),
        "curl" => {
            while let Some(word) = words.next() {
                match word {
                    "-X" => method = words.next().map(str::to_owned),
                    "-H" => headers.extend(words.next().and_then(|header| header.split_once(": "))),
                    "-d" => body = words.next(),
                    _ => url = url.or(Some(word)),
                }
            }
        }
        _ => return None,
    }
    let path = url.unwrap().trim_start_matches("127.0.0.1:7070").replace("/ID/", &format!("/{last}/"));
    headers.push(("Content-Type", "application/json"));
    let method = method.unwrap_or_else(|| if body.is_some() { "POST" } else { "GET" }.to_owned());
    let answer = shop.client.send(&method, &path, &headers, body.unwrap_or_default().as_bytes()).unwrap();
    assert!(answer.status < 300, "{method} {path}: {}", answer.json());
    Some(answer.json())
}

/// Runs all of them, in order, and tells what each was answered.
fn run_all(shop: &mut Shop, text: &str) -> Vec<Value> {
    let (mut answers, mut last) = (Vec::new(), String::new());
    for words in commands(text) {
        let answer = run(shop, &words, &last);
        if let Some(id) = answer.as_ref().and_then(|answer| answer["id"].as_str()) {
            last = id.to_owned();
        }
        answers.extend(answer);
    }
    answers
}

#[test]
fn the_worked_example_of_the_concepts_happens_as_it_is_told() {
    let mut shop = Shop::default();
    let text = read("server/docs/concepts.md");
    let answers = run_all(&mut shop, &blocks(&text, "sh"));
    assert!(answers.len() >= 20, "{}", answers.len());
    let told = text.split("Its kinds tell this page once more:").nth(1).unwrap().split(".\n").next().unwrap();
    let told: Vec<&str> = told.split('`').skip(1).step_by(2).collect();
    let log = answers.last().unwrap()["items"].as_array().unwrap();
    let kinds: Vec<&str> = log.iter().map(|item| item["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, told);
    // The last two lines of the text.
    let cells = shop.client.get("/v1/availability?sku=SHIRT&location=madrid&channel=web").unwrap().json();
    assert_eq!((&cells["items"][0]["on_hand"], &cells["items"][0]["reserved"]), (&40.into(), &7.into()), "{cells}");
}

#[test]
fn the_commands_of_the_readme_and_the_guides_work_on_the_demo() {
    let documents = [
        ("README.md", 1),
        ("server/docs/rules.md", 3),
        ("server/docs/supply.md", 2),
        ("server/docs/transfers.md", 5),
        ("server/docs/carts.md", 6),
        ("server/docs/orders.md", 11),
        ("server/docs/sourcing.md", 1),
        ("server/docs/replenishment.md", 3),
    ];
    for (name, at_least) in documents {
        let mut shop = Shop::with(&["--demo"]);
        let answers = run_all(&mut shop, &blocks(&read(name), "console"));
        assert!(answers.len() >= at_least, "{name}: {}", answers.len());
    }
}
