//! One decoder under libFuzzer: `ANAQUEL_DECODER` names it.
#![no_main]

mod decoders;

use std::sync::OnceLock;

use decoders::{DECODERS, Decoder};

static CHOSEN: OnceLock<Decoder> = OnceLock::new();

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (_, decode) = CHOSEN.get_or_init(|| {
        let name = std::env::var("ANAQUEL_DECODER").unwrap_or_default();
        let found = DECODERS.into_iter().find(|(known, _)| *known == name);
        found.unwrap_or_else(|| panic!("ANAQUEL_DECODER={name}: one of {:?}", DECODERS.map(|(known, _)| known)))
    });
    decode(bytes);
});
