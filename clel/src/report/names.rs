//! What figures are called where people see them: on the terminal, and on the page. Metrics and settings have names of their own.

/// Figures that are drawn together.
#[derive(Debug)]
pub(super) struct Group {
    /// What they are.
    pub title: &'static str,
    /// The same where there is little room; nothing if the only curve says it.
    #[cfg_attr(
        target_family = "wasm",
        expect(dead_code, reason = "for the dashboard alone")
    )]
    pub short: &'static str,
    pub figures: &'static [Figure],
}

/// One figure.
#[derive(Debug)]
pub(super) struct Figure {
    /// As metrics have it.
    pub name: &'static str,
    /// As people call it.
    pub label: &'static str,
    /// The same beside its group's short title.
    #[cfg_attr(
        target_family = "wasm",
        expect(dead_code, reason = "for the dashboard alone")
    )]
    pub curve: &'static str,
}

const fn figure(name: &'static str, label: &'static str, curve: &'static str) -> Figure {
    Figure { name, label, curve }
}

/// Figures that are parts of a whole, from 0 to 1.
const SHARES: [&str; 2] = ["saturated", "nearest_neighbour"];

impl Group {
    /// Whether its figures lie between 0 and 1.
    pub fn is_of_shares(&self) -> bool {
        self.figures.iter().all(Figure::is_share)
    }
}

impl Figure {
    /// Whether it lies between 0 and 1.
    pub fn is_share(&self) -> bool {
        SHARES.contains(&self.name)
    }
}

/// What people call a figure of the metrics.
pub(super) fn label(name: &'static str) -> &'static str {
    figures()
        .find(|figure| figure.name == name)
        .map_or(name, |figure| figure.label)
}

/// All figures that are known, in their order.
pub(super) fn figures() -> impl Iterator<Item = &'static Figure> {
    GROUPS.iter().flat_map(|group| group.figures)
}

/// All that are known, the most important first; others go by the names that metrics have.
pub(super) const GROUPS: [Group; 12] = [
    Group {
        title: "Energies",
        short: "E(x)",
        figures: &[
            figure("E(data)", "E(data)", "data"),
            figure("E(samples)", "E(samples)", "samples"),
            figure("E(noise)", "E(noise)", "noise"),
        ],
    },
    Group {
        title: "Gap E(data) − E(samples)",
        short: "",
        figures: &[figure("gap", "gap", "gap E(data) − E(samples)")],
    },
    Group {
        title: "Mean |∇E| at the sampler's first and last step",
        short: "mean |∇E| at step",
        figures: &[
            figure("gradient_first", "|∇E| first step", "1"),
            figure("gradient_last", "|∇E| last step", "K"),
        ],
    },
    Group {
        title: "Mean |x_K − x_0|",
        short: "",
        figures: &[figure("moved", "|x_K − x_0|", "mean |x_K − x_0|")],
    },
    Group {
        title: "Share of pixels at 0 or 1",
        short: "",
        figures: &[figure("saturated", "saturated pixels", "pixels at 0 or 1")],
    },
    Group {
        title: "1-nearest-neighbour accuracy of the encoder",
        short: "",
        figures: &[figure(
            "nearest_neighbour",
            "1-NN accuracy",
            "1-NN accuracy",
        )],
    },
    Group {
        title: "Fréchet distance over the data's variance, this encoder",
        short: "Fréchet",
        figures: &[
            figure("relative_frechet", "Fréchet, relative", "newest"),
            figure("best_relative_frechet", "Fréchet, best", "best"),
        ],
    },
    Group {
        title: "Loss of the energy",
        short: "",
        figures: &[figure("energy_loss", "loss, energy", "loss of the energy")],
    },
    Group {
        title: "Loss of the encoder",
        short: "",
        figures: &[figure(
            "encoder_loss",
            "loss, encoder",
            "loss of the encoder",
        )],
    },
    Group {
        title: "Cosine of direction and latent",
        short: "",
        figures: &[figure(
            "similarity",
            "cos(direction, z)",
            "cos(direction, z)",
        )],
    },
    Group {
        title: "Mean age of the chains, in steps",
        short: "",
        figures: &[figure("mean_age", "mean age, steps", "mean age, steps")],
    },
    Group {
        title: "Learning rates",
        short: "rate",
        figures: &[
            figure("energy_rate", "rate, energy", "energy"),
            figure("encoder_rate", "rate, encoder", "encoder"),
        ],
    },
];
