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
const tick = (v) => v === 0 || Math.abs(v) >= 1e-2 && Math.abs(v) < 1e5 ? String(Number(v.toPrecision(6))) : Number(v.toPrecision(6)).toExponential();

/** Rate and time left of a run that is followed, as far as they can be told. */
let pace = "";
let content = JSON.parse(section("content").textContent);

/** Draws the content, which may be newer than what is drawn; what the reader has turned to or enlarged stays. */
function draw() {
  document.title = section("name").textContent = content.name;
  items("damage", content.damage);
  if (content.runs) several();
  else one();
  curves();
}

function one() {
  section("state").textContent = state();
  section("state").classList.toggle("bad", is_bad(content));
  show("spent", content.spent.length > 0).textContent = content.spent.join(" · ");
  const best = content.best;
  show("best", best !== null).textContent = best && `best checkpoint: iteration ${best.step} (${content.best_by} ${short(best.value)})`;
  show("settings", content.config !== "");
  section("config").textContent = content.config;
  items("events", content.events.map(happened));
  latest();
  figures();
  samples();
  pictures();
}

function several() {
  show("state", content.about !== "").textContent = content.about;
  results();
  runs();
  differences();
  ends();
  items("events", content.runs.flatMap(({ name, events }) => events.map((event) => `${name}: ${happened(event)}`)));
  const row = show("side").querySelector(".row");
  row.replaceChildren();
  for (const { name, grid } of content.runs) {
    const figure = add(row, "figure");
    if (grid) picture(figure, grid, `${name}: iteration ${grid.name}`);
    else add(figure, "figcaption", `${name}: no samples`);
  }
}

function items(id, texts) {
  const list = show(id, texts.length > 0).querySelector("ul");
  list.replaceChildren();
  for (const text of texts) add(list, "li", text);
}

const happened = ({ step, text }) => `from iteration ${step}: ${text}`;
const is_bad = ({ state }) => ["sick", "failed", "damaged"].includes(state);
const done = ({ iterations, planned }) => `${iterations} of ${planned ?? "?"}`;

/** As `clel runs` has it. */
function state() {
  const { iterations, live, device } = content;
  const so_far = `${done(content)} iterations${device ? ` on ${device}` : ""}`;
  return {
    training: live ? [`training now: ${so_far}`, ...(pace ? [pace] : [])].join(" · ") : `${so_far}; it was training when this page was written`,
    finished: `finished: ${so_far}`,
    unfinished: `unfinished: ${so_far}${live ? "; nobody is training" : ""}`,
    sick: `sick at ${iterations}: ended after ${so_far}`,
    failed: `failed at ${iterations}: ended after ${so_far}`,
    damaged: `damaged: ${so_far}`,
  }[content.state];
}

/** How the run stands, in numbers. */
function latest() {
  const list = show("latest").querySelector("dl");
  list.replaceChildren();
  const tile = (label, text, note) => {
    const part = add(list, "div");
    add(part, "dt", label);
    const value = add(part, "dd", text);
    if (note) add(value, "small", ` ${note}`);
  };
  tile("iteration", done(content));
  if (content.time) tile("took", content.time, "with what is drawn and judged");
  tile("state", content.state);
  const newest = Math.max(0, ...content.latest.map(({ step }) => step));
  for (const { label, value, step } of content.latest) tile(label, short(value), step < newest ? `iteration ${step}` : "");
}

/** The same of several runs. */
function runs() {
  const part = show("runs").querySelector("div");
  part.replaceChildren();
  const labels = [...new Set(content.runs.flatMap(({ latest }) => latest.map(({ label }) => label)))];
  const state_of = (run) => (cell) => {
    cell.textContent = run.state;
    cell.classList.toggle("bad", is_bad(run));
  };
  const value = (run, label) => short(run.latest.find((figure) => figure.label === label)?.value);
  table(part, [
    ["run", "state", "iterations", "took", ...labels],
    ...content.runs.map((run) => [(cell) => named(cell, run), state_of(run), done(run), run.time ?? "–", ...labels.map((label) => value(run, label))]),
  ]);
  add(part, "p", "Times are with what is drawn and judged. Figures are the last that each run has. Distances in the features of a run's own encoder compare within that run alone.");
}

function figures() {
  const sets = content.summary?.judged ?? [];
  const share = content.summary?.nearest_neighbour;
  const part = show("figures", sets.length > 0 || typeof share === "number").querySelector("div");
  part.replaceChildren();
  if (sets.length) {
    const table = add(part, "table");
    const digits = sets.some((s) => s.digits);
    const head = ["", "images", "Fréchet distance, this encoder"];
    if (digits) head.push("Fréchet distance, digit classifier", "taken for digits", "by kind 0 to 9");
    const row = add(table, "tr");
    for (const text of head) add(row, "th", text);
    for (const s of sets) {
      const row = add(table, "tr");
      const cells = [s.name, s.images, typeof s.encoder_frechet === "number" ? short(s.encoder_frechet) : "–"];
      if (digits) cells.push(short(s.digits?.frechet), s.digits ? `${Math.floor(100 * s.digits.recognised + 1e-9)} %` : "–", s.digits?.kinds.join(" ") ?? "–");
      for (const text of cells) add(row, "td", text);
    }
    add(part, "p", `After iteration ${content.summary.iterations}, against the training images. In small networks' features these are no FID.`);
  }
  if (typeof share === "number")
    add(part, "p", `1-nearest-neighbour accuracy of the encoder on held-out images: ${(100 * share).toFixed(1)} %`);
}

/** What a run is called, in the colour of its curves. */
function named(cell, { name, place }) {
  const colour = add(cell, "span");
  colour.className = "colour";
  colour.style.background = COLOURS[place % COLOURS.length];
  cell.append(name);
}

/** A table of rows of cells, each a text or what fills the cell; the first row is that of headings. */
function table(part, [headings, ...rows]) {
  const table = add(part, "table");
  const line = (tag, cells) => {
    const row = add(table, "tr");
    for (const cell of cells) typeof cell === "function" ? cell(add(row, tag)) : add(row, tag, cell);
  };
  line("th", headings);
  for (const row of rows) line("td", row);
  return table;
}

/** What experiments came to. */
function results() {
  const part = show("results", content.results.length > 0).querySelector("div");
  part.replaceChildren();
  for (const { title, tables, notes } of content.results) {
    if (title !== content.name) add(part, "h3", title);
    for (const rows of tables) table(part, rows);
    for (const text of notes) add(part, "p", text);
  }
}

/** The settings that differ, along the longer side of the table whatever there is more of. */
function differences() {
  const part = show("differences").querySelector("div");
  part.replaceChildren();
  const settings = content.differences;
  const runs = content.runs.map((run) => (cell) => named(cell, run));
  if (settings.length === 0) add(part, "p", "none");
  else if (settings.length > runs.length) table(part, [["", ...runs], ...settings.map(([key, values]) => [key, ...values])]);
  else table(part, [["", ...settings.map(([key]) => key)], ...runs.map((run, i) => [run, ...settings.map(([, values]) => values[i])])]);
}

/** The figures of the summaries. */
function ends() {
  const part = show("figures", content.ends.length > 0).querySelector("div");
  part.replaceChildren();
  if (content.ends.length === 0) return;
  const figures = content.ends.flatMap(({ figures }) => figures);
  const runs = content.runs.map((run, i) => [(cell) => named(cell, run), ...figures.map(({ values }) => values[i] ?? "–")]);
  const drawn = table(part, [["", ...figures.map(({ name }) => name)], ...runs]);
  const over = drawn.insertRow(0);
  over.className = "over";
  add(over, "th");
  let column = 1;
  for (const { heading, figures } of content.ends) {
    Object.assign(add(over, "th", heading), { className: "first", colSpan: figures.length });
    for (const row of [...drawn.rows].slice(1)) row.cells[column].className = "first";
    column += figures.length;
  }
}

/** A picture with what it shows; of a damaged one that it is. */
function picture(figure, { url, caption }, text = caption) {
  const damaged = () => figure.replaceChildren(Object.assign(document.createElement("figcaption"), { className: "damaged", textContent: `${text}: the file is damaged` }));
  if (url === null) return damaged();
  const old = figure.querySelector("img");
  if (old?.getAttribute("src") !== url) {
    figure.replaceChildren();
    Object.assign(add(figure, "img"), { src: url, alt: text, onerror: damaged });
    add(figure, "figcaption");
  }
  figure.querySelector("figcaption").textContent = text;
}

/** The grid that the slider stands at; none while it follows the newest. */
let turned = null;

function samples() {
  const { grids } = content;
  const slider = show("samples", grids.length > 0).querySelector("input");
  slider.max = Math.max(grids.length - 1, 0);
  const kept = grids.findIndex(({ name }) => name === turned);
  slider.value = kept < 0 ? slider.max : kept;
  section("turning").hidden = grids.length < 2;
  turn();
}

function turn() {
  const part = section("samples");
  const grid = content.grids[part.querySelector("input").value];
  if (!grid) return;
  picture(part.querySelector("figure"), grid);
  part.querySelector("output").textContent = grid.name;
}

function turn_to(place) {
  const slider = section("samples").querySelector("input");
  slider.value = place;
  turned = slider.value === slider.max ? null : content.grids[place].name;
  turn();
}

section("samples").querySelector("input").addEventListener("input", ({ target }) => { pause(); turn_to(Number(target.value)); });

/** The timer that turns to the next grid again and again, while it does. */
let playing = null;

function pause() {
  clearInterval(playing);
  playing = null;
  section("play").textContent = "play";
}

section("play").addEventListener("click", () => {
  if (playing !== null) return pause();
  const last = () => content.grids.length - 1;
  const place = () => Number(section("samples").querySelector("input").value);
  if (place() >= last()) turn_to(0);
  section("play").textContent = "stop";
  playing = setInterval(() => {
    turn_to(Math.min(place() + 1, last()));
    if (place() >= last()) pause();
  }, 250);
});

function pictures() {
  const row = show("pictures", content.pictures.length > 0).querySelector(".row");
  row.replaceChildren();
  for (const one of content.pictures) picture(add(row, "figure"), one);
}

const COLOURS = ["#1f6feb", "#d1481f", "#2f8f4e", "#8250df", "#b8860b", "#0e8a8a", "#c2378a", "#57606a"];
/** Of many curves some have the same colour; then they are dashed. */
const look = ({ place: i }) => ({ stroke: COLOURS[i % COLOURS.length], dash: i < COLOURS.length ? undefined : [2 + 2 * Math.floor(i / COLOURS.length), 4] });

/** The plots by title, with the names of their curves, as long as they are on the page. */
let plots = new Map();

function curves() {
  const row = show("curves", content.plots.length > 0).querySelector(".row");
  const thinned = content.plots.some(({ courses }) => courses.some(({ means }) => means));
  const shared = content.runs?.some(({ place }, i) => content.runs.findIndex((run) => run.place === place) < i);
  section("shared").textContent = shared ? "The runs of a variant have one colour; its name is followed by the values of all of them, in the order of the table of runs." : "";
  section("thinned").textContent = thinned ? "Long curves are cut into 1000 stretches: pale from the lowest to the highest value of each, the line is their mean." : "";
  const marked = !content.runs && content.events.length > 0;
  section("marked").textContent = marked ? "Dashed vertical lines are at what happened on the way." : "";
  const before = plots;
  plots = new Map();
  const ends = content.plots.flatMap(({ courses }) => courses.flatMap(({ steps }) => [steps[0], steps.at(-1)]));
  const span = [Math.min(...ends), Math.max(...ends)];
  content.plots.forEach((drawn, place) => {
    const chosen = scale(drawn);
    const share = Number(section("smooth").value);
    const over = share > 0 || drawn.courses.some(({ means }) => means);
    const data = aligned([...drawn.courses, ...(over ? drawn.courses.map((course) => smoothed(course, share)) : [])], span);
    const key = [drawn.title, over, ...chosen, ...drawn.courses.map(({ label }) => label)].join();
    const old = before.get(key);
    before.delete(key);
    const now = old ?? plot(drawn, over, chosen, data, row);
    plots.set(key, now);
    now.told.replaceChildren();
    for (const text of drawn.told) add(now.told, "p", text).className = "told";
    if (old) renew(old.drawn, data);
    // what has come later stands where it belongs
    if (row.children[place] !== now.root) row.insertBefore(now.root, row.children[place] ?? null);
  });
  for (const gone of before.values()) { gone.root.remove(); gone.drawn.destroy(); }
}

/** The scale of a plot as uPlot has it: 1 linear, 3 logarithmic, 4 logarithmic in both directions from a size on. */
function scale({ scale, positive, middle }) {
  const wanted = section("scale").value;
  const logarithmic = wanted === "logarithmic" || wanted === "fitting" && scale !== "linear";
  if (!logarithmic || middle === null) return [1, 1];
  return positive ? [3, 1] : [4, rounded(middle)];
}

/** A power of ten, so that what is between small values and large ones has round numbers. */
const rounded = (size) => 10 ** Math.floor(Math.log10(size));

/** The moving average of a curve over a share of it, of a thinned one of the means of its stretches; over no share these alone. */
function smoothed({ means, ...course }, share) {
  const { steps, values } = means ?? course;
  if (!share) return { steps, values };
  const half = Math.max(1, Math.round(share * steps.length / 2));
  const mean = (_, at) => {
    const near = values.slice(Math.max(at - half, 0), at + half + 1).filter((value) => value !== null);
    return values[at] === null ? null : near.reduce((sum, value) => sum + value, 0) / near.length;
  };
  return { steps, values: values.map(mean) };
}

/** All curves at the steps of all. What a curve does not have is undefined, which is bridged; what is not finite is null, which is not. */
function aligned(courses, span) {
  const steps = [...new Set([...span, ...courses.flatMap(({ steps }) => steps)])].sort((a, b) => a - b);
  const places = new Map(steps.map((step, i) => [step, i]));
  const values = courses.map((course) => {
    const all = new Array(steps.length);
    course.steps.forEach((step, i) => { all[places.get(step)] = course.values[i]; });
    return all;
  });
  return [steps, ...values];
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
  // as the style has it, with what is left of a pixel
  const gap = 20;
  const wide = row.clientWidth;
  return { width: Math.floor(wide >= 860 ? (wide - gap) / 2 : wide), height: 260 };
}

new ResizeObserver(([{ target }]) => {
  const wanted = size(target);
  // what is hidden has no size
  if (wanted.width > 0) for (const { drawn } of plots.values()) if (drawn.width !== wanted.width) drawn.setSize(wanted);
}).observe(section("curves").querySelector(".row"));

/** Room about the values; one value, or the same again and again, is in the middle. A share has none beyond 0 and 1. */
const range = (isShare) => (_, low, high) => {
  if (low === null) return [0, 1];
  const size = Math.abs(low) / 2 || 1;
  const [from, to] = low < high ? uPlot.rangeNum(low, high, 0.1, true) : [low - size, high + size];
  return isShare ? [Math.max(from, Math.min(low, 0)), Math.min(to, Math.max(high, 1))] : [from, to];
};

/** Where a logarithmic axis has ticks: at powers of ten, not too many. */
function ticks(distr, asinh) {
  const between = (low, high) => {
    const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
    return Array.from({ length: Math.max(last - first + 1, 0) }, (_, i) => Number(`1e${first + i}`));
  };
  const few = (all, most) => all.filter((_, i) => i % Math.ceil(all.length / most) === 0);
  const positive = (_, __, low, high) => {
    const powers = between(low, high);
    if (powers.length > 2) return few(powers, 7);
    const finer = between(low / 10, high).flatMap((power) => [1, 2, 5].map((digit) => digit * power));
    return finer.filter((value) => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9));
  };
  const signed = (_, __, low, high) => {
    const place = (value) => Math.asinh(value / asinh);
    const apart = (place(high) - place(low)) / 7;
    const side = (end) => {
      const kept = [];
      for (const value of end > 0 ? between(asinh, end).reverse() : [])
        if (place(value) > apart && !kept.some((other) => place(other) - place(value) < apart)) kept.push(value);
      return kept;
    };
    return [...side(-low).map((value) => -value), 0, ...side(high).reverse()].filter((value) => value >= low && value <= high);
  };
  return distr === 1 ? {} : { splits: distr === 3 ? positive : signed, filter: (_, all) => all };
}

function plot({ title, courses, share: isShare }, over, [distr, asinh], data, row) {
  const root = add(row, "div");
  const y = distr === 1 ? { distr, range: range(isShare) } : { distr, asinh };
  const reading = read(courses);
  const drawn = new uPlot({
    title: title + (distr === 1 ? "" : " · log"),
    ...size(row),
    cursor: { sync: { key: "run" }, dataIdx: nearest },
    scales: { x: { time: false }, y },
    // iterations of six digits stand apart
    axes: [{ label: "iteration", space: 75 }, { size: 70, values: (_, ticks) => ticks.map(tick), ...ticks(distr, asinh) }],
    series: [
      { label: "iteration" },
      ...courses.map((course, i) => ({ label: course.label, ...look(course), width: 1.5, alpha: over ? 0.3 : 1, value: reading, class: leader(courses, i + 1) <= i ? "follower" : undefined })),
      // the legend has each name once, and reads the curves as they are
      ...(over ? courses : []).map((course) => ({ ...look(course), width: 2, points: { show: false }, class: "follower" })),
    ],
    hooks: { draw: [(plot) => marks(plot, courses.length)], setSeries: [(plot, i, { show }) => together(plot, i, show, courses)] },
  }, data, root);
  return { root, drawn, told: add(root, "div") };
}

/** Of a curve that has nothing at a step, the nearest step at which it has. */
function nearest(plot, series, place) {
  const values = plot.data[series];
  for (let far = 0; far < values.length; far++)
    for (const at of [place - far, place + far]) if (values[at] !== undefined) return at;
  return place;
}

/** The curve in whose line of the legend another stands: the first one of the same name and colour. What is smooth follows what is not. */
function leader(courses, i) {
  const { label, place } = courses[(i - 1) % courses.length];
  return 1 + courses.findIndex((course) => course.label === label && course.place === place);
}

/** Reads a curve at the cursor, and those that stand in the same line. */
function read(courses) {
  // once for a plot, and not at each move of the cursor
  const leaders = courses.map((_, k) => leader(courses, k + 1));
  return (plot, _, i) => {
    const at = plot.cursor.idx ?? null;
    if (at === null) return short(null);
    const value = (k) => {
      const found = plot.data[k][nearest(plot, k, at)];
      return found === null ? "not finite" : short(found);
    };
    const all = courses.map((_, k) => k + 1).filter((k) => leaders[k - 1] === i);
    return all.map(value).join(" · ");
  };
}

/** Hides and shows all that stands in one line of the legend. */
function together(plot, i, show, courses) {
  if (show === undefined || i === null || i === 0) return;
  const first = leader(courses, i);
  const wanted = plot.series[first].show;
  for (let k = 1; k < plot.series.length; k++)
    if (leader(courses, k) === first && plot.series[k].show !== wanted) plot.setSeries(k, { show: wanted });
}

/** A line where something happened to the run, and a cross at the edge where one of the first curves is not finite. */
function marks(plot, count) {
  const { ctx, bbox } = plot;
  const inside = (x) => x >= bbox.left && x <= bbox.left + bbox.width;
  const line = (x, y, to_x, to_y) => { ctx.beginPath(); ctx.moveTo(x, y); ctx.lineTo(to_x, to_y); ctx.stroke(); };
  ctx.save();
  ctx.strokeStyle = "#a33b00";
  ctx.setLineDash([4, 4]);
  for (const { step } of content.runs ? [] : content.events) {
    const x = plot.valToPos(step, "x", true);
    if (inside(x)) line(x, bbox.top, x, bbox.top + bbox.height);
  }
  ctx.setLineDash([]);
  const [steps, ...curves] = plot.data.slice(0, count + 1);
  const half = 4 * devicePixelRatio;
  curves.forEach((values, i) => {
    if (!plot.series[i + 1].show) return;
    ctx.strokeStyle = plot.series[i + 1].stroke();
    const y = bbox.top + half * (2 + 3 * (i % 8));
    values.forEach((value, at) => {
      if (value !== null) return;
      const x = plot.valToPos(steps[at], "x", true);
      if (!inside(x)) return;
      line(x - half, y - half, x + half, y + half);
      line(x - half, y + half, x + half, y - half);
    });
  });
  ctx.restore();
}

for (const id of ["scale", "smooth"]) section(id).addEventListener("change", curves);
draw();

/** Follows the run: `clel watch` answers these three addresses. */
async function follow() {
  let version = null;
  for (;;) {
    // a long run takes its time to be read, which its training needs too
    const asked = Date.now();
    try {
      pace = await (await fetch("pace")).text();
      section("state").textContent = state();
      const found = await (await fetch("version")).text();
      if (found !== version) {
        const answer = await fetch("content");
        if (!answer.ok) throw new Error(await answer.text());
        content = await answer.json();
        draw();
        version = found;
      }
    } catch (error) {
      pace = "";
      section("state").textContent = error instanceof TypeError ? `${state()}; clel watch has ended` : error.message;
    }
    await new Promise((done) => setTimeout(done, Math.max(2000, 10 * (Date.now() - asked))));
  }
}

if (content.live) follow();
