"use strict";
const content = JSON.parse(document.getElementById("content").textContent);
const section = (id) => document.getElementById(id);
const add = (parent, tag, text) => {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  return parent.appendChild(element);
};
const show = (id) => { section(id).hidden = false; return section(id); };
const short = (v) => typeof v !== "number" ? String(v ?? "–") : v === 0 || Math.abs(v) >= 1e-2 ? v.toFixed(3) : v.toExponential(2);

const lines = content.metrics.filter((line) => line.event === undefined);
const events = content.metrics.filter((line) => line.event !== undefined);
const last = lines.at(-1);

document.title = section("name").textContent = content.name;
section("state").textContent = content.summary
  ? `${content.summary.iterations} iterations, finished`
  : last ? `${last.step} iterations so far` : "no metrics yet";
section("config").textContent = content.config;

if (events.length) {
  const list = show("events").querySelector("ul");
  for (const { step, event } of events) add(list, "li", `from iteration ${step}: ${event}`);
}

if (content.summary) {
  const part = show("figures");
  const sets = content.summary.judged ?? [];
  if (sets.length) {
    const table = add(part, "table");
    const digits = sets.some((s) => s.digits);
    const head = ["", "images", "Fréchet distance, this encoder"];
    if (digits) head.push("Fréchet distance, digit classifier", "taken for digits");
    const row = add(table, "tr");
    for (const text of head) add(row, "th", text);
    for (const s of sets) {
      const row = add(table, "tr");
      const cells = [s.name, s.images, typeof s.encoder_frechet === "number" ? short(s.encoder_frechet) : "–"];
      if (digits) cells.push(short(s.digits?.frechet), s.digits ? `${(100 * s.digits.recognised).toFixed(0)} %` : "–");
      for (const text of cells) add(row, "td", text);
    }
    add(part, "p", "Against the training images. In small networks' features these are no FID.");
  }
  const share = content.summary.nearest_neighbour;
  if (typeof share === "number")
    add(part, "p", `1-nearest-neighbour accuracy of the encoder on held-out images: ${(100 * share).toFixed(1)} %`);
}

if (content.grids.length) {
  const part = show("samples");
  const [slider, image, output] = ["input", "img", "output"].map((tag) => part.querySelector(tag));
  const turn = () => {
    const grid = content.grids[slider.value];
    image.src = grid.url;
    image.alt = `samples, ${grid.name}`;
    output.textContent = Number(grid.name.replace("step-", ""));
  };
  slider.max = content.grids.length - 1;
  slider.value = slider.max;
  slider.addEventListener("input", turn);
  turn();
}

if (content.pictures.length) {
  const row = show("pictures").querySelector(".row");
  for (const { name, url } of content.pictures) {
    const figure = add(row, "figure");
    Object.assign(add(figure, "img"), { src: url, alt: name });
    add(figure, "figcaption", name.replaceAll("-", " "));
  }
}

const GROUPS = [
  ["Energies", ["E(data)", "E(samples)", "E(noise)"]],
  ["Gap E(data) − E(samples)", ["gap"]],
  ["Losses", ["energy_loss", "encoder_loss"]],
  ["Mean |∇E| at the sampler's first and last step", ["gradient_first", "gradient_last"]],
  ["Mean |x_K − x_0|, share of pixels at 0 or 1", ["moved", "saturated"]],
  ["Cosine of direction and latent", ["similarity"]],
  ["Mean age of the chains, in steps", ["mean_age"]],
  ["Learning rates", ["energy_rate", "encoder_rate"]],
];
const COLOURS = ["#1f6feb", "#d1481f", "#2f8f4e", "#8250df"];

/** What a line of metrics has beside the known groups is drawn by itself. */
function groups() {
  const known = new Set(["step", ...GROUPS.flatMap(([, names]) => names)]);
  const others = new Set(lines.flatMap((line) => Object.keys(line)).filter((name) => !known.has(name)));
  return [...GROUPS, ...[...others].map((name) => [name, [name]])]
    .map(([title, names]) => [title, names.filter((name) => lines.some((line) => name in line))])
    .filter(([, names]) => names.length);
}

function curves(logarithmic) {
  const row = section("curves").querySelector(".row");
  row.replaceChildren();
  const steps = lines.map((line) => line.step);
  for (const [title, names] of groups()) {
    const value = (name) => (line) => {
      const v = line[name];
      if (typeof v !== "number") return null;
      return logarithmic ? Math.abs(v) || null : v;
    };
    new uPlot({
      title,
      width: 560,
      height: 260,
      cursor: { sync: { key: "run" } },
      scales: { x: { time: false }, y: { distr: logarithmic ? 3 : 1 } },
      axes: [{ label: "iteration" }, { size: 70, values: (_, ticks) => ticks.map((t) => t === null ? "" : short(t)) }],
      series: [
        { label: "iteration" },
        ...names.map((name, i) => ({ label: name, stroke: COLOURS[i % COLOURS.length], width: 1.5, value: (_, v) => short(v) })),
      ],
      hooks: { draw: [marks] },
    }, [steps, ...names.map((name) => lines.map(value(name)))], row);
  }
}

/** A line where something happened to the run. */
function marks(plot) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = "#a33b00";
  ctx.setLineDash([4, 4]);
  for (const { step } of events) {
    const x = plot.valToPos(step, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

if (lines.length > 1) {
  show("curves");
  section("log").addEventListener("change", (event) => curves(event.target.checked));
  curves(false);
}
