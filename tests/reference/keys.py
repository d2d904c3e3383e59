"""Writes KEYS.md: every state-dict key of every preset with its shape, and the parameter counts."""

from pathlib import Path

import encoder
import energy_model


def table(title, network):
    parameters = dict(network.named_parameters())
    count = sum(p.numel() for p in parameters.values())
    lines = [f"## {title}: {count:,} parameters", "", "| key | shape | |", "|---|---|---|"]
    for key, value in network.state_dict().items():
        kind = "parameter" if key in parameters else "state"
        lines.append(f"| `{key}` | {list(value.shape)} | {kind} |")
    return count, "\n".join(lines) + "\n"


def main():
    text = ["# State-dict keys", "", "Written by `keys.py`. Shapes are PyTorch's: convolutions [out, in, kh, kw], linears [out, in].\n"]
    for name, config in energy_model.PRESETS.items():
        count, section = table(f"EBM `{name}`", energy_model.EnergyNetwork(config))
        print(f"EBM {name}: {count:,}")
        text.append(section)
    for name, config in encoder.PRESETS.items():
        count, section = table(f"encoder `{name}`", encoder.build(config))
        print(f"encoder {name}: {count:,}")
        text.append(section)
    (Path(__file__).parent / "KEYS.md").write_text("\n".join(text))


if __name__ == "__main__":
    main()
