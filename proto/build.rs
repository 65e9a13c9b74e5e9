//! Compiles `giro/v1` to Rust messages and their proto3 JSON, without protoc.

use std::{env, error::Error, path::PathBuf};

use prost::Message as _;

const FILES: [&str; 4] = [
    "giro/v1/account.proto",
    "giro/v1/error.proto",
    "giro/v1/event.proto",
    "giro/v1/payout.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    for file in FILES {
        println!("cargo::rerun-if-changed={file}");
    }
    let descriptors = protox::compile(FILES, ["."])?;
    let encoded = descriptors.encode_to_vec();
    std::fs::write(PathBuf::from(env::var("OUT_DIR")?).join("descriptors.bin"), &encoded)?;
    // Ours has the JSON of proto3; prost's has none.
    prost_build::Config::new()
        .extern_path(".google.protobuf.Timestamp", "crate::Timestamp")
        .compile_fds(descriptors)?;
    pbjson_build::Builder::new()
        .register_descriptors(&encoded)?
        .build(&[".giro.v1"])?;
    Ok(())
}
