//! Named arrays in safetensors files, and networks in them under PyTorch's names and orders.

mod checksum;
mod length;
mod module;
mod read;
mod regular;
mod write;

pub use length::check_length;
pub use module::{export, import, load_module, save_module};
pub use read::TensorFile;
pub use regular::{open_regular, read_regular};
pub use write::{Content, process_number, write_atomically, write_contents, write_tensors};
