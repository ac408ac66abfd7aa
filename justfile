# The verbs of CONTRIBUTING.md. `just` lists them.

[private]
default:
    @just --list

# Build everything.
build:
    cargo build --workspace

# Format, and let clippy speak.
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings

# Every test.
test:
    cargo test --workspace

# One file of tests, or one test of it: just one holds a_guests_cart
one file *name:
    cargo test --workspace --test engine --test system --test server {{file}}::{{name}} -- --nocapture

# The examples in the documentation.
doc:
    cargo test --workspace --doc

# The run of a seed again: just seed 8277 feed
seed seed file:
    ANAQUEL_SEED={{seed}} cargo test --workspace --test engine --test system {{file}}::

# What must pass before anything lands.
ci:
    .ci/run

# A believable retailer on 127.0.0.1:7070.
demo:
    cargo run --release -- serve --demo

# The records of a data directory as JSON lines: just log data 100
log directory="data" after="0":
    cargo run --release -- inspect --data {{directory}} --after {{after}}

# Prove a data directory.
verify directory="data":
    cargo run --release -- verify --data {{directory}}

# An example against the server on 127.0.0.1:7070: just example checkout
example name *arguments:
    cargo run --release -p anaquel-server --example {{name}} -- {{arguments}}

# The golden file of a new format.
golden:
    cargo test --workspace --test engine golden:: -- --ignored

# Instructions and allocations against the baseline.
instructions:
    cargo run --release -p anaquel-bench -- instructions

# The baseline of instructions anew.
baseline:
    cargo run --release -p anaquel-bench -- instructions update

# The criterion benchmarks, or one: just bench availability
bench *name:
    cargo bench -p anaquel-bench {{ if name == "" { "" } else { "--bench " + name } }}

# A load with an audit at its end: just load checkout --rate 1000..20000
load scenario *arguments:
    cargo build --release -p anaquel-server -p anaquel-loadtest
    target/release/anaquel-loadtest run {{scenario}} {{arguments}}
