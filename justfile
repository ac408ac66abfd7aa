# The commands of CONTRIBUTING.md. `just` lists them.

[private]
default:
    @just --list

# Build everything.
build:
    cargo build --workspace

# Format the sources and run clippy.
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings

# Run every test.
test:
    cargo test --workspace

# Run one file of tests, or one test of it: just one holds a_guests_cart
one file *name:
    cargo test --workspace --test engine --test system --test server {{file}}::{{name}} -- --nocapture

# Run the examples in the documentation.
doc:
    cargo test --workspace --doc

# Repeat the run of a seed: just seed 8277 feed
seed seed file:
    ANAQUEL_SEED={{seed}} cargo test --workspace --test engine --test system {{file}}::

# Run everything that must pass before a merge.
ci:
    .ci/run

# Serve a demo retailer on 127.0.0.1:7070.
demo:
    cargo run --release -- serve --demo

# Print the records of a data directory as JSON lines: just log data 100
log directory="data" after="0":
    cargo run --release -- inspect --data {{directory}} --after {{after}}

# Verify a data directory.
verify directory="data":
    cargo run --release -- verify --data {{directory}}

# Run an example against the server on 127.0.0.1:7070: just example checkout
example name *arguments:
    cargo run --release -p anaquel-server --example {{name}} -- {{arguments}}

# Write the golden file of a new format.
golden:
    cargo test --workspace --test engine golden:: -- --ignored

# Compare instructions and allocations with the baseline.
instructions:
    cargo run --release -p anaquel-bench -- instructions

# Write a new baseline of instructions.
baseline:
    cargo run --release -p anaquel-bench -- instructions update

# Run the criterion benchmarks, or one: just bench availability
bench *name:
    cargo bench -p anaquel-bench {{ if name == "" { "" } else { "--bench " + name } }}

# Run a load with an audit at its end: just load checkout --rate 1000..20000
load scenario *arguments:
    cargo build --release -p anaquel-server -p anaquel-loadtest
    target/release/anaquel-loadtest run {{scenario}} {{arguments}}
