//! Which driver to install, by system.

use super::{Finding, restrictions};

/// There is no WebGPU adapter at all.
pub fn no_adapter() -> Finding {
    of_drivers(
        "no WebGPU adapter: no Vulkan, Metal or DX12 driver answers; the CPU does the work",
        &restrictions(),
    )
}

/// There is none but a software rasteriser.
pub fn software_only() -> Finding {
    of_drivers(
        "the only WebGPU adapter is a software rasteriser: `auto` takes the CPU's native code, which is quicker",
        &restrictions(),
    )
}

/// What the environment keeps from Vulkan's loader may be installed already.
fn of_drivers(what: &str, set: &[String]) -> Finding {
    if set.is_empty() {
        return Finding::warning(what, format!("with a graphics card, {}", driver()));
    }
    let names: Vec<&str> = set.iter().filter_map(|s| s.split('=').next()).collect();
    Finding::warning(
        format!(
            "{what}. {} in the environment decides which drivers are looked for",
            set.join(" and ")
        ),
        format!(
            "unset {}; if it stays, with a graphics card, {}",
            names.join(" and "),
            driver()
        ),
    )
}

/// How this system comes by a driver for its graphics card.
fn driver() -> String {
    match std::env::consts::OS {
        "linux" => linux(&std::fs::read_to_string("/etc/os-release").unwrap_or_default()),
        "macos" => "nothing is to be installed: Metal is part of macOS, but in a virtual machine only \
                    where that passes the graphics on"
            .to_owned(),
        "windows" => "install the driver of its maker (NVIDIA, AMD or Intel): DX12 is part of Windows 10 and newer, \
                      but Windows' own basic display driver has only a software adapter"
            .to_owned(),
        _ if cfg!(target_family = "wasm") => {
            "run the program that is made for this system: WebAssembly does not reach it".to_owned()
        }
        _ => "install its Vulkan driver and the Vulkan loader".to_owned(),
    }
}

/// The same by the text of `/etc/os-release`.
fn linux(release: &str) -> String {
    let value = |key: &str| {
        let line = release.lines().find_map(|line| line.strip_prefix(key));
        line.unwrap_or_default().trim_matches('"').to_owned()
    };
    let family = format!(" {} {} ", value("ID="), value("ID_LIKE="));
    let is = |name: &str| family.contains(&format!(" {name} "));
    let debian = "AMD, Intel: `sudo apt-get install mesa-vulkan-drivers libvulkan1`";
    let nvidia = "NVIDIA: `sudo apt-get install nvidia-driver nvidia-vulkan-icd libvulkan1` of the non-free section";
    let ubuntu = "NVIDIA: `sudo ubuntu-drivers install`, then `sudo apt-get install libvulkan1`";
    let fedora = "AMD, Intel: `sudo dnf install mesa-vulkan-drivers vulkan-loader`; NVIDIA: `sudo dnf install akmod-nvidia \
                  xorg-x11-drv-nvidia-libs vulkan-loader` of RPM Fusion";
    let container = "In a container the devices must be passed on, /dev/dri or for NVIDIA `--gpus all -e \
                     NVIDIA_DRIVER_CAPABILITIES=all`";
    let packages = if is("ubuntu") {
        format!("{debian}; {ubuntu}")
    } else if is("debian") {
        format!("{debian}; {nvidia}")
    } else if is("fedora") || is("rhel") {
        fedora.to_owned()
    } else {
        format!("on Debian, {debian}; {nvidia}; on Ubuntu, {ubuntu}; on Fedora, {fedora}")
    };
    format!("install its Vulkan driver ({packages}). {container}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_a_driver_is_to_be_unset_first() {
        let set = ["VK_DRIVER_FILES=/a=b", "VK_LOADER_DRIVERS_DISABLE=*"].map(str::to_owned);
        let told = of_drivers("no adapter", &set);
        assert!(told.what.contains("VK_DRIVER_FILES=/a=b and "), "{told:?}");
        let fix = "unset VK_DRIVER_FILES and VK_LOADER_DRIVERS_DISABLE; if it stays";
        assert!(told.fix.starts_with(fix), "{told:?}");
        assert!(!of_drivers("no adapter", &[]).fix.contains("unset"));
    }

    #[test]
    fn each_distribution_has_its_own_packages() {
        let debian = linux("PRETTY_NAME=\"Debian\"\nID=debian\n");
        assert!(
            debian.contains("apt-get install mesa-vulkan-drivers"),
            "{debian}"
        );
        assert!(
            !debian.contains("dnf") && !debian.contains("ubuntu"),
            "{debian}"
        );
        let mint = linux("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n");
        assert!(
            mint.contains("ubuntu-drivers") && !mint.contains("dnf"),
            "{mint}"
        );
        let rocky = linux("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n");
        assert!(
            rocky.contains("dnf") && !rocky.contains("apt-get"),
            "{rocky}"
        );
        let unknown = linux("ID=arch\n");
        assert!(
            unknown.contains("dnf") && unknown.contains("apt-get"),
            "{unknown}"
        );
    }
}
