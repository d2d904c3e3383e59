//! How many threads compute.

use std::ffi::OsStr;

/// The variable that says how many threads compute on the CPU.
const THREADS: &str = "RAYON_NUM_THREADS";

/// What to say where the variable is no number, which the threads' library passes over in silence.
pub(super) fn warning() -> Option<String> {
    // WebAssembly has one thread, whatever is asked for
    if cfg!(target_family = "wasm") {
        return None;
    }
    told(&std::env::var_os(THREADS)?)
}

/// 0, and nothing at all, mean as many threads as there are cores.
fn told(set: &OsStr) -> Option<String> {
    let number = set.to_str().and_then(|text| text.parse::<usize>().ok());
    let holds = set.is_empty() || number.is_some();
    (!holds).then(|| {
        format!(
            "warning: {THREADS}={} is no number of threads; all cores are used",
            set.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_of_threads_is_told() {
        for set in ["", "0", "1", "64"] {
            assert_eq!(told(OsStr::new(set)), None, "{set}");
        }
        for set in ["abc", "-1", "1.5", " 2"] {
            let warning = format!(
                "warning: RAYON_NUM_THREADS={set} is no number of threads; all cores are used"
            );
            assert_eq!(told(OsStr::new(set)), Some(warning));
        }
    }
}
