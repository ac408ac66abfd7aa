//! Traces reach a collector: `cargo test --workspace --features anaquel-server/otlp --test server otlp::`

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anaquel_server::config::TelemetryConfig;
use anaquel_server::telemetry::traces::{Traces, write};
use http::{HeaderMap, Method};

/// Takes what is sent, and answers as a collector does: each request's first line, head and body.
fn collector(listener: TcpListener) -> Receiver<(String, String, Vec<u8>)> {
    let (tell, taken) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut lines = Vec::new();
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).unwrap();
                if line.trim().is_empty() {
                    break;
                }
                lines.push(line.trim().to_ascii_lowercase());
            }
            let length = lines.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap();
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
            if tell.send((lines[0].clone(), lines.join("\n"), body)).is_err() {
                return;
            }
        }
    });
    taken
}

fn has(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_request_is_a_span_below_that_of_its_caller_and_the_way_to_the_log_one_below_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let taken = collector(listener);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let config = TelemetryConfig { otlp_endpoint: Some(endpoint), ..TelemetryConfig::default() };
        let traces = Traces::start(&config).unwrap();
        let mut headers = HeaderMap::new();
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        headers.insert("traceparent", parent.parse().unwrap());
        let span = traces.request(&Method::POST, Some("/v1/reservations"), &headers);
        span.around(write(async {})).await;
        span.answered(201);
        let command = traces.command("reserve");
        command.around(write(async {})).await;
        command.answered(409);
        tokio::task::spawn_blocking(move || traces.stop()).await.unwrap();
    });
    let (line, head, body) = taken.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(line, "post /v1/traces http/1.1");
    assert!(head.contains("content-type: application/x-protobuf"), "{head}");
    let texts = ["anaquel", "POST /v1/reservations", "http.response.status_code", "socket reserve", "log"];
    for text in texts {
        assert!(has(&body, text.as_bytes()), "{text}");
    }
    let trace = [0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd, 0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c];
    let parent = [0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31];
    assert!(has(&body, &trace) && has(&body, &parent), "the caller's trace goes on");
    assert_eq!(body.windows(16).filter(|window| *window == trace).count(), 2, "the request, and its way to the log");
}

#[test]
fn a_collector_that_is_not_there_holds_nobody_up() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let config = TelemetryConfig { otlp_endpoint: Some(nobody.to_string()), ..TelemetryConfig::default() };
        let traces = Traces::start(&config).unwrap();
        for _ in 0..10_000 {
            traces.request(&Method::GET, None, &HeaderMap::new()).answered(200);
        }
        tokio::task::spawn_blocking(move || traces.stop()).await.unwrap();
        let config = TelemetryConfig { otlp_endpoint: Some("grpc://x".into()), ..TelemetryConfig::default() };
        let told = Traces::start(&config).map(drop).unwrap_err().to_string();
        assert!(told.contains("telemetry.otlp_endpoint"), "{told}");
    });
}
