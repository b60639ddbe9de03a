//! Graphics adapters from the PCI bus and, where they are not on it, from `/sys/class/drm`.

use super::root::Root;
use super::text;

/// A graphics adapter.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct VideoAdapter {
    /// Its address on its bus, as in `0000:00:02.0`.
    pub bus_address: String,
    /// The maker's PCI number.
    pub vendor_id: Option<u16>,
    /// The maker's name, where a list of them is installed.
    pub vendor: Option<String>,
    /// The adapter's PCI number.
    pub device_id: Option<u16>,
    /// The adapter's name, where a list of them is installed.
    pub device: Option<String>,
    /// Its driver.
    pub driver: Option<String>,
}

const PCI: &str = "sys/bus/pci/devices";

/// Where distributions keep the list of PCI numbers.
const NAME_LISTS: [&str; 3] = [
    "usr/share/hwdata/pci.ids",
    "usr/share/misc/pci.ids",
    "usr/share/pci.ids",
];

/// The adapters in the order of their addresses.
pub(super) fn read(root: &Root) -> Vec<VideoAdapter> {
    let mut adapters: Vec<VideoAdapter> = root
        .names(PCI)
        .into_iter()
        .filter_map(|name| name.into_string().ok())
        .filter(|address| is_display(root, address))
        .map(|address| pci_adapter(root, address))
        .collect();
    if !adapters.is_empty() {
        let names = NAME_LISTS
            .iter()
            .find_map(|list| root.read(list).ok())
            .unwrap_or_default();
        for adapter in &mut adapters {
            (adapter.vendor, adapter.device) = find_names(&names, adapter.vendor_id, adapter.device_id);
        }
    }
    adapters.extend(other_adapters(root, &adapters));
    adapters
}

/// Base class 3 is a display controller (PCI Code and ID Assignment Specification).
fn is_display(root: &Root, address: &str) -> bool {
    let class = root
        .read(format!("{PCI}/{address}/class"))
        .ok()
        .and_then(|class| text::hexadecimal(&class));
    class.is_some_and(|class| class >> 16 == 3)
}

fn pci_adapter(root: &Root, address: String) -> VideoAdapter {
    let number = |file: &str| {
        let number = text::hexadecimal(&root.read(format!("{PCI}/{address}/{file}")).ok()?)?;
        u16::try_from(number).ok()
    };
    VideoAdapter {
        vendor_id: number("vendor"),
        device_id: number("device"),
        driver: root
            .link_name(format!("{PCI}/{address}/driver"))
            .and_then(|driver| driver.into_string().ok()),
        vendor: None,
        device: None,
        bus_address: address,
    }
}

/// Adapters of other buses show themselves as a card alone.
fn other_adapters(root: &Root, known: &[VideoAdapter]) -> Vec<VideoAdapter> {
    let mut adapters: Vec<VideoAdapter> = Vec::new();
    for card in root
        .names("sys/class/drm")
        .into_iter()
        .filter_map(|name| name.into_string().ok())
    {
        let is_card = card
            .strip_prefix("card")
            .is_some_and(|rest| text::number(rest.as_bytes()).is_some());
        let device = root
            .link_name(format!("sys/class/drm/{card}/device"))
            .and_then(|at| at.into_string().ok());
        let Some(bus_address) = device.filter(|_| is_card) else {
            continue;
        };
        // A virtual adapter's card may hang below the PCI device that is known already.
        let below_known =
            std::fs::canonicalize(root.path(format!("sys/class/drm/{card}/device"))).is_ok_and(|path| {
                path.components().any(|step| {
                    known
                        .iter()
                        .any(|adapter| step.as_os_str() == adapter.bus_address.as_str())
                })
            });
        if !below_known && !adapters.iter().any(|adapter| adapter.bus_address == bus_address) {
            let driver = root.link_name(format!("sys/class/drm/{card}/device/driver"));
            adapters.push(VideoAdapter {
                driver: driver.and_then(|driver| driver.into_string().ok()),
                bus_address,
                ..VideoAdapter::default()
            });
        }
    }
    adapters
}

/// Looks a maker and a device up in the text of `pci.ids`: a maker's line begins with its number, a
/// device's with a tab and its number.
pub fn find_names(
    pci_ids: &[u8],
    vendor: Option<u16>,
    device: Option<u16>,
) -> (Option<String>, Option<String>) {
    let Some(vendor) = vendor else { return (None, None) };
    let vendor_start = format!("{vendor:04x}  ");
    let mut lines = text::lines(pci_ids);
    let Some(found) = lines.find_map(|line| line.strip_prefix(vendor_start.as_bytes())) else {
        return (None, None);
    };
    let device_start = device.map(|device| format!("\t{device:04x}  "));
    let name = device_start.and_then(|start| {
        lines
            .take_while(|line| line.starts_with(b"\t") || line.starts_with(b"#") || line.is_empty())
            .find_map(|line| text::text(line.strip_prefix(start.as_bytes())?))
    });
    (text::text(found), name)
}

#[cfg(test)]
mod tests {
    use super::super::HostOptions;
    use super::super::testtree::TestTree;
    use super::*;

    const PCI_IDS: &[u8] = b"# comment\n10de  NVIDIA Corporation\n\t1eb8  TU104GL [Tesla T4]\n\t\t10de 12a2  Tesla\n\
        102b  Matrox Electronics Systems Ltd.\n# between\n\t0538  G200eH3\n\t0539  \n1af4  Red Hat, Inc.\n\t1050  Virtio GPU\n\
        C 03  Display controller\n";

    #[test]
    fn adapters_with_and_without_names() {
        let tree = TestTree::new();
        for (address, class, vendor, device) in [
            ("0000:00:02.0", "0x030000", "0x102b", "0x0538"),
            ("0000:00:03.0", "0x020000", "0x102b", "0x0538"),
            ("0000:81:00.0", "0x030200", "0x10de", "0xffff"),
        ] {
            let home = format!("{PCI}/{address}");
            tree.file(&format!("{home}/class"), class)
                .file(&format!("{home}/vendor"), vendor)
                .file(&format!("{home}/device"), device);
        }
        tree.link(&format!("{PCI}/0000:00:02.0/driver"), "../../drivers/mgag200")
            .file("usr/share/misc/pci.ids", PCI_IDS)
            .dir("sys/devices/0000:00:02.0/virtio9")
            .dir("sys/devices/platform/gpu")
            .link("sys/class/drm/card0/device", "../../../devices/0000:00:02.0")
            .link("sys/class/drm/card1/device", "../../../devices/platform/gpu")
            .link(
                "sys/class/drm/card2/device",
                "../../../devices/0000:00:02.0/virtio9",
            )
            .link(
                "sys/class/drm/card1-HDMI-A-1/device",
                "../../../devices/platform/gpu",
            );
        let (host, _) = tree.host(HostOptions::default());
        let brief: Vec<_> = host
            .video_adapters()
            .iter()
            .map(|at| {
                format!(
                    "{} {:?} {:?} {:?}",
                    at.bus_address, at.vendor, at.device, at.driver
                )
            })
            .collect();
        assert_eq!(
            brief,
            [
                r#"0000:00:02.0 Some("Matrox Electronics Systems Ltd.") Some("G200eH3") Some("mgag200")"#,
                r#"0000:81:00.0 Some("NVIDIA Corporation") None None"#,
                "gpu None None None",
            ]
        );
    }

    #[test]
    fn names_of_odd_lists() {
        #[track_caller]
        fn check(list: &[u8], vendor: u16, device: u16, expect: (Option<&str>, Option<&str>)) {
            let (found_vendor, found_device) = find_names(list, Some(vendor), Some(device));
            assert_eq!((found_vendor.as_deref(), found_device.as_deref()), expect);
        }
        check(
            PCI_IDS,
            0x10de,
            0x1eb8,
            (Some("NVIDIA Corporation"), Some("TU104GL [Tesla T4]")),
        );
        check(
            PCI_IDS,
            0x102b,
            0x0539,
            (Some("Matrox Electronics Systems Ltd."), None),
        );
        // A device of the next maker is not taken for one of this.
        check(
            PCI_IDS,
            0x102b,
            0x1050,
            (Some("Matrox Electronics Systems Ltd."), None),
        );
        check(PCI_IDS, 0x1234, 0x1050, (None, None));
        check(b"", 0x10de, 0x1eb8, (None, None));
        check(b"10de  \xff\n", 0x10de, 0x1eb8, (Some("\u{fffd}"), None));
    }
}
