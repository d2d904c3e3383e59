//! The processor's threads, the place for runs, and what the environment says of drivers.

use std::fs::File;
use std::path::Path;

use clel_nn::files::process_number;
use clel_tensor::cpu;

use super::Finding;

/// Whether the CPU has more than one thread to compute on.
pub fn threads() -> Option<Finding> {
    (cpu::threads() < 2).then(|| {
        Finding::warning(
            "one processor thread: on the CPU, training takes as many times longer as there could be threads",
            match cfg!(target_family = "wasm") {
                true => "run the program that is made for this system: WebAssembly has no threads",
                false => {
                    "give the container or the virtual machine more processors, and leave RAYON_NUM_THREADS unset"
                }
            },
        )
    })
}

/// Variables by which Vulkan's loader leaves out drivers that are installed.
const OF_THE_LOADER: [&str; 4] = [
    "VK_DRIVER_FILES",
    "VK_ICD_FILENAMES",
    "VK_LOADER_DRIVERS_SELECT",
    "VK_LOADER_DRIVERS_DISABLE",
];

/// Those of them that are set, each as `NAME=value`.
pub fn restrictions() -> Vec<String> {
    let set = OF_THE_LOADER.iter().filter_map(|name| {
        let value = std::env::var_os(name).filter(|value| !value.is_empty())?;
        Some(format!("{name}={}", value.to_string_lossy()))
    });
    set.collect()
}

/// Whether `clel train` can make a directory in `runs/` of `folder`; a file is made there and removed again.
pub fn runs_folder(folder: &Path) -> Option<Finding> {
    let runs = folder.join("runs");
    let place = if runs.exists() {
        runs.as_path()
    } else {
        folder
    };
    let trial = place.join(format!(".clel-doctor-{}", process_number()));
    let made = File::create_new(&trial);
    let error = match (made, place.is_dir()) {
        (Ok(_), _) => {
            let _ = std::fs::remove_file(&trial);
            return None;
        }
        (Err(_), false) => "it is a file".to_owned(),
        (Err(error), true) => error.to_string(),
    };
    Some(Finding::problem(
        format!("nothing can be written in {}: {error}", place.display()),
        "start clel in a folder of yours, name a run directory elsewhere with `clel train --out DIR`, or put the folder's \
         permissions right",
    ))
}
