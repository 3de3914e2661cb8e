/* Charts that grow: uPlot with the page's colours, a text of the newest values, and the keyboard. */
"use strict";

const GIB = 2 ** 30;
const COMPACT = new Intl.NumberFormat("en", { notation: "compact" });
const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3]];

/* How a record of the stream gives a column; the server does the same for what came before. */
const FIGURES = {
  traces_per_second: (record) => (record.wall || {}).traces_per_second,
  rss: (record) => record.rss / GIB,
  memory_left: (record) => record.memory_left / GIB,
  disk_free: (record) => record.disk_free / GIB,
  gpu: (record) => {
    const busy = (record.gpus || []).map((gpu) => gpu.utilisation).filter(Number.isFinite);
    return busy.length ? busy.reduce((a, b) => a + b, 0) / busy.length : null;
  },
};

function figureOf(record, key) {
  const value = key in FIGURES ? FIGURES[key](record) : record[key];
  return Number.isFinite(value) ? value : null;
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function short(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "none";
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e6)) return value.toExponential(2);
  return value.toFixed(size >= 100 ? 1 : size >= 1 ? 2 : 4);
}

class LiveChart {
  /* spec: id, title, x ("update", "traces" or "time"), lines (key, label), points (x, then lines). */
  constructor(parent, spec) {
    this.figure = document.createElement("figure");
    this.figure.className = "chart";
    this.heading = document.createElement("h3");
    this.holder = document.createElement("div");
    this.caption = document.createElement("figcaption");
    this.holder.tabIndex = 0;
    this.holder.setAttribute("role", "img");
    this.spoken = document.createElement("p");
    this.spoken.className = "spoken";
    this.spoken.setAttribute("aria-live", "polite");
    this.figure.append(this.heading, this.holder, this.caption, this.spoken);
    parent.append(this.figure);
    this.holder.addEventListener("keydown", (event) => this.key(event));
    this.planned = false;
    this.seen = true;  // until the observer says otherwise
    this.set(spec);
    new IntersectionObserver((entries) => this.see(entries[entries.length - 1].isIntersecting), { rootMargin: "200px" }).observe(this.figure);
    new ResizeObserver(() => this.resize()).observe(this.holder);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.build());
  }

  set(spec, intervals) {
    this.spec = spec;
    this.data = spec.points;
    if (intervals) this.intervals = intervals;
    this.heading.textContent = spec.title;
    this.holder.setAttribute("aria-label", spec.title);
    const empty = spec.points.slice(1).every((line) => line.every((value) => !Number.isFinite(value)));
    this.figure.hidden = empty;
    this.empty = empty;
    this.build();
  }

  /* Points of records that came since; the picture follows with the next frame. */
  append(records) {
    for (const record of records) {
      const x = figureOf(record, this.spec.x);
      const last = this.data[0][this.data[0].length - 1];
      if (x === null || (last !== undefined && x <= last)) continue;
      this.data[0].push(x);
      this.spec.lines.forEach((line, i) => this.data[i + 1].push(figureOf(record, line.key)));
    }
    if (this.empty) return this.set(this.spec);
    this.stale = true;
    this.plan();
  }

  see(seen) {
    this.seen = seen;
    this.plan();
  }

  /* Draw what is new with the next frame, once it is on the screen: drawing is what costs time. */
  plan() {
    if (!this.stale || !this.seen || this.planned) return;
    this.planned = true;
    requestAnimationFrame(() => {
      this.planned = this.stale = false;
      if (!this.plot) return;
      this.plot.setData(this.data);
      this.tell();
    });
  }

  build() {
    if (this.plot) this.plot.destroy();
    this.plot = null;
    if (this.empty) return;
    const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--grid"), width: 1 },
      ticks: { stroke: colour("--grid"), width: 1 }, font: "12px system-ui, sans-serif" };
    const series = this.spec.lines.map((line, i) => {
      const stroke = colour(`--c${i % 4}`);
      const known = this.data[i + 1].filter(Number.isFinite).length;
      const sparse = known * 4 < this.data[0].length || known < 3;
      return { label: line.label, stroke, width: 1.6, dash: DASHES[i % 4], spanGaps: true,
        points: { show: sparse, size: 6, fill: stroke }, value: (_u, value) => (Number.isFinite(value) ? short(value) : "") };
    });
    const time = this.spec.x === "time";
    const label = { update: "update", traces: "traces", time: "time" }[this.spec.x];
    this.plot = new uPlot({
      width: this.holder.clientWidth || 400,
      height: 210,
      series: [time ? { label } : { label, value: (_u, value) => (Number.isFinite(value) ? String(value) : "") }, ...series],
      scales: { x: { time }, y: { range: (_u, low, high) => this.range(low, high) } },
      axes: [time ? { ...axis, space: 80 } : { ...axis, values: (_u, ticks) => ticks.map((tick) => COMPACT.format(tick)) }, { ...axis, size: 58, values: (_u, ticks) => ticks.map((tick) => trim(tick)) }],
      cursor: { drag: { x: true, y: false } },
      hooks: { draw: [(plot) => this.whiskers(plot)] },
    }, this.data, this.holder);
    this.tell();
  }

  range(low, high) {
    if (low === null || high === null) return [0, 1];
    for (const check of this.intervals || []) {
      low = Math.min(low, check.low);
      high = Math.max(high, check.high);
    }
    const space = (high - low || Math.abs(high) || 1) * 0.06;
    return [low >= 0 && low - space < 0 ? 0 : low - space, high + space];
  }

  /* 95 % intervals of the checks, as vertical lines. */
  whiskers(plot) {
    if (!this.intervals || !this.intervals.length) return;
    const pen = plot.ctx;
    pen.save();
    pen.strokeStyle = colour("--c1");
    pen.lineWidth = 2 * devicePixelRatio;
    for (const check of this.intervals) {
      if (check.update < plot.scales.x.min || check.update > plot.scales.x.max) continue;
      const x = plot.valToPos(check.update, "x", true);
      pen.beginPath();
      pen.moveTo(x, plot.valToPos(check.low, "y", true));
      pen.lineTo(x, plot.valToPos(check.high, "y", true));
      pen.stroke();
    }
    pen.restore();
  }

  tell() {
    const words = this.spec.lines.map((line, i) => {
      const known = this.data[i + 1].filter(Number.isFinite);
      return known.length ? `${line.label}: now ${short(known[known.length - 1])}, `
        + `${short(known.reduce((a, b) => Math.min(a, b)))} to ${short(known.reduce((a, b) => Math.max(a, b)))}` : "";
    }).filter(Boolean);
    this.caption.textContent = words.join("; ");
    this.holder.setAttribute("aria-label", `${this.spec.title}. ${words.join("; ")}. Arrow keys move along the curve.`);
  }

  /* Arrow keys move the cursor; the legend shows the values there, and screen readers say them. */
  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 }[event.key];
    const ends = { Home: 0, End: this.data[0].length - 1 }[event.key];
    if (!this.plot || (step === undefined && ends === undefined)) return;
    event.preventDefault();
    const last = this.data[0].length - 1;
    const at = ends === undefined ? Math.min(last, Math.max(0, (this.plot.cursor.idx ?? last) + step)) : ends;
    this.plot.setCursor({ left: this.plot.valToPos(this.data[0][at], "x"), top: 10 });
    const x = this.data[0][at];
    const words = this.spec.lines.map((line, i) => `${line.label} ${short(this.data[i + 1][at])}`);
    this.spoken.textContent = `${this.spec.x === "time" ? new Date(1000 * x).toLocaleString() : `${this.spec.x} ${x}`}: ${words.join(", ")}`;
  }

  resize() {
    const width = this.holder.clientWidth;
    if (this.plot && width && Math.abs(width - this.plot.width) > 1) this.plot.setSize({ width, height: 210 });
  }
}

function trim(tick) {
  const size = Math.abs(tick);
  return size !== 0 && (size < 0.001 || size >= 1e6) ? tick.toExponential(1) : String(+tick.toPrecision(6));
}
