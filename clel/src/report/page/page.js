"use strict";
const section = (id) => document.getElementById(id);
const add = (parent, tag, text) => {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  return parent.appendChild(element);
};
const show = (id, yes = true) => { section(id).hidden = !yes; return section(id); };
const short = (v) => {
  if (typeof v !== "number") return String(v ?? "–");
  const size = Math.abs(v);
  if (size === 0) return "0";
  if (size < 1e-2 || size >= 1e5) return v.toExponential(2);
  return v.toFixed(size < 10 ? 4 : size < 100 ? 3 : size < 1000 ? 2 : 0);
};
/** The same on an axis, where the numbers are round. */
const tick = (v) => v === 0 || Math.abs(v) >= 1e-2 && Math.abs(v) < 1e5 ? String(Number(v.toPrecision(6))) : v.toExponential(1);

let content = JSON.parse(section("content").textContent);
let lines, events;

/** Draws the content, which may be newer than what is drawn; what the reader has turned to or enlarged stays. */
function draw() {
  lines = content.metrics.filter((line) => line.event === undefined);
  events = content.metrics.filter((line) => line.event !== undefined);
  document.title = section("name").textContent = content.name;
  section("state").textContent = state();
  section("state").classList.toggle("bad", ["sick", "failed", "damaged"].includes(content.state));
  show("spent", content.spent.length > 0).textContent = content.spent.join(" · ");
  const best = content.best;
  show("best", best !== null).textContent = best && `best checkpoint: iteration ${best.step} (${content.best_by} ${short(best.value)})`;
  section("config").textContent = content.config;
  const list = show("events", events.length > 0).querySelector("ul");
  list.replaceChildren();
  for (const { step, event } of events) add(list, "li", `from iteration ${step}: ${event}`);
  figures();
  samples();
  pictures();
  curves();
}

/** As `clel runs` has it. */
function state() {
  const { iterations, planned, live, damage, device } = content;
  const done = `${iterations} of ${planned ?? "?"} iterations${device ? ` on ${device}` : ""}`;
  return {
    training: live ? `training now: ${done}` : `${done}; it was training when this page was written`,
    finished: `finished: ${done}`,
    unfinished: `unfinished: ${done}${live ? "; nobody is training" : ""}`,
    sick: `sick at ${iterations}: ended after ${done}`,
    failed: `failed at ${iterations}: ended after ${done}`,
    damaged: `damaged: ${damage.join("; ")}`,
  }[content.state];
}

function figures() {
  const part = show("figures", Boolean(content.summary)).querySelector("div");
  part.replaceChildren();
  if (!content.summary) return;
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

/** The grid that the slider stands at; none while it follows the newest. */
let turned = null;

function samples() {
  const { grids } = content;
  const slider = show("samples", grids.length > 0).querySelector("input");
  slider.max = Math.max(grids.length - 1, 0);
  const kept = grids.findIndex(({ name }) => name === turned);
  slider.value = kept < 0 ? slider.max : kept;
  turn();
}

function turn() {
  const part = section("samples");
  const [slider, image, output] = ["input", "img", "output"].map((tag) => part.querySelector(tag));
  const grid = content.grids[slider.value];
  if (!grid) return;
  if (image.getAttribute("src") !== grid.url) image.src = grid.url;
  image.alt = `samples, ${grid.name}`;
  output.textContent = Number(grid.name.replace("step-", ""));
}

section("samples").querySelector("input").addEventListener("input", ({ target }) => {
  turned = target.value === target.max ? null : content.grids[target.value].name;
  turn();
});

function pictures() {
  const row = show("pictures", content.pictures.length > 0).querySelector(".row");
  row.replaceChildren();
  for (const { name, url } of content.pictures) {
    const figure = add(row, "figure");
    Object.assign(add(figure, "img"), { src: url, alt: name });
    add(figure, "figcaption", name.replaceAll("-", " "));
  }
}

const COLOURS = ["#1f6feb", "#d1481f", "#2f8f4e", "#8250df"];

/** What a line of metrics has beside the known groups is drawn by itself, under its own name. */
function groups() {
  const known = new Set(["step", ...content.groups.flatMap(({ figures }) => figures.map(({ name }) => name))]);
  const others = new Set(lines.flatMap((line) => Object.keys(line)).filter((name) => !known.has(name)));
  return [...content.groups, ...[...others].map((name) => ({ title: name, figures: [{ name, label: name }] }))]
    .map(({ title, figures }) => [title, figures.filter(({ name }) => lines.some((line) => name in line))])
    .filter(([, figures]) => figures.length);
}

/** The plots by title, with the names of their curves, as long as they are on the page. */
let plots = new Map();

function curves() {
  if (lines.length < 2) return show("curves", false);
  const row = show("curves").querySelector(".row");
  const logarithmic = section("log").checked;
  const steps = lines.map((line) => line.step);
  const value = (name) => (line) => {
    const v = line[name];
    if (typeof v !== "number") return null;
    return logarithmic ? Math.abs(v) || null : v;
  };
  const before = plots;
  plots = new Map();
  for (const [title, figures] of groups()) {
    const data = [steps, ...figures.map(({ name }) => lines.map(value(name)))];
    const labels = figures.map(({ label }) => label);
    const key = [title, logarithmic, ...labels].join();
    const old = before.get(key);
    before.delete(key);
    plots.set(key, old ?? plot(title, labels, logarithmic, data, row));
    if (old) renew(old, data);
  }
  for (const gone of before.values()) { gone.root.remove(); gone.destroy(); }
}

/** Gives a plot newer data; a stretch that is enlarged stays as it is. */
function renew(plot, data) {
  const [steps] = plot.data;
  const { min, max } = plot.scales.x;
  const whole = min <= steps[0] && max >= steps.at(-1);
  plot.setData(data, whole);
  if (!whole) plot.redraw();
}

/** How large a plot is: two beside one another where there is room for them. */
function size(row) {
  const gap = 19;
  const wide = row.clientWidth;
  return { width: Math.floor(wide >= 860 ? (wide - gap) / 2 : wide), height: 260 };
}

new ResizeObserver(([{ target }]) => {
  const wanted = size(target);
  // what is hidden has no size
  if (wanted.width > 0) for (const plot of plots.values()) if (plot.width !== wanted.width) plot.setSize(wanted);
}).observe(section("curves").querySelector(".row"));

function plot(title, labels, logarithmic, data, row) {
  return new uPlot({
    title,
    ...size(row),
    cursor: { sync: { key: "run" } },
    scales: { x: { time: false }, y: { distr: logarithmic ? 3 : 1 } },
    axes: [{ label: "iteration" }, { size: 70, values: (_, ticks) => ticks.map((t) => t === null ? "" : tick(t)) }],
    series: [
      { label: "iteration" },
      // some figures are not in each line
      ...labels.map((label, i) => ({ label, stroke: COLOURS[i % COLOURS.length], width: 1.5, spanGaps: true, value: (_, v) => short(v) })),
    ],
    hooks: { draw: [marks] },
  }, data, row);
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

section("log").addEventListener("change", curves);
draw();

/** Follows the run: `clel watch` answers these two addresses. */
async function follow() {
  let version = null;
  for (;;) {
    try {
      const found = await (await fetch("version")).text();
      if (found !== version) {
        const answer = await fetch("content");
        if (!answer.ok) throw new Error(await answer.text());
        content = await answer.json();
        draw();
        version = found;
      }
      section("state").textContent = state();
    } catch (error) {
      section("state").textContent = error instanceof TypeError ? `${state()}; clel watch has ended` : error.message;
    }
    await new Promise((done) => setTimeout(done, 2000));
  }
}

if (content.live) follow();
