//! Models of the official PyTorch implementation (<https://github.com/hankook/CLEL>), both ways.
//!
//! Its state dict, saved as safetensors (`tools/ckpt_to_safetensors.py`), holds the two networks, their averages and the replay
//! buffer. [`Import`] makes of it what training would have made, [`export()`] writes one that loads there with `strict=True`; both
//! walk the one table of names in `names.rs`. A file may also hold a single network, under its own names.

mod export;
mod import;
mod model;
mod names;

pub use export::export;
pub use import::{Import, Imported};
pub use model::Model;
pub use names::state_dict;
