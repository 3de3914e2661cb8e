/* The dashboard. Whatever comes from a run is put on the page as text (textContent), never as markup. */
"use strict";

const main = document.getElementById("main");
const sections = document.getElementById("sections");
const connection = document.getElementById("connection");

function make(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") node.className = value;
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

async function get(path) {
  const answer = await fetch(path, { credentials: "same-origin" });
  const told = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error((told && told.problem) || `${path}: ${answer.status}`);
  return told;
}

const number = (value, digits = 2) => (Number.isFinite(value) ? value.toFixed(digits) : "unknown");
const signed = (value, digits = 2) => (Number.isFinite(value) ? (value >= 0 ? "+" : "") + value.toFixed(digits) : "unknown");
const share = (value) => (Number.isFinite(value) ? `${Math.round(100 * value)} %` : "unknown");
const gib = (value) => (Number.isFinite(value) ? `${(value / 2 ** 30).toFixed(1)} GiB` : "unknown");

function duration(seconds) {
  if (!Number.isFinite(seconds)) return "unknown";
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  if (whole < 172800) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} days`;
}

function table(caption, columns, rows) {
  return make("div", { class: "wide", tabindex: 0, role: "region", "aria-label": caption },
    make("table", {}, make("caption", {}, caption),
      make("thead", {}, make("tr", {}, ...columns.map((column) => make("th", { scope: "col" }, column)))),
      make("tbody", {}, ...rows.map((cells) => make("tr", {}, ...cells.map((cell) => make("td", {}, cell)))))));
}

function tiles(pairs) {
  return make("dl", { class: "tiles" },
    ...pairs.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

function section(id, title) {
  const content = make("div", { id: `${id}-content` });
  main.append(make("section", { id, "aria-labelledby": `${id}-title` }, make("h2", { id: `${id}-title` }, title), content));
  sections.append(make("a", { href: `#${id}` }, title));
  return content;
}

/* Fill a section; what fails is said there and stops no other. */
async function fill(content, work) {
  try {
    const nodes = await work();
    if (nodes) content.replaceChildren(...[nodes].flat().filter(Boolean));
  } catch (error) {
    content.replaceChildren(make("p", { class: "note" }, `This cannot be shown: ${error.message}`));
  }
}

const STATE_CLASS = { running: "good", ended: "quiet", stopped: "bad", "not started": "quiet" };

function stateText(run) {
  if (run.problem) return make("span", { class: "state bad" }, run.problem);
  const words = run.why ? `${run.state}: ${run.why}` : run.state;
  return make("span", { class: `state ${STATE_CLASS[run.state] || ""}` }, words);
}

const LEVEL_CLASS = { critical: "bad", warn: "warn", resolved: "good" };

function levelText(level) {
  return make("span", { class: LEVEL_CLASS[level] || "warn" }, String(level));
}

function openAlerts(run) {
  const levels = run.open_alerts || [];
  const counts = ["critical", "warn"].map((level) => [level, levels.filter((found) => found === level).length]).filter(([, count]) => count);
  return counts.length ? make("span", { class: LEVEL_CLASS[counts[0][0]] }, counts.map(([level, count]) => `${count} ${level}`).join(", ")) : "none";
}

/* A record as text, key by key. */
function written(record) {
  return Object.entries(record).filter(([, value]) => value !== "").map(([key, value]) => `${key}=${typeof value === "object" ? JSON.stringify(value) : value}`).join(" ");
}

function progressOf(run) {
  const made = run.progress;
  if (!made) return ["no update yet", null];
  const part = made.total_traces ? made.traces / made.total_traces : null;
  return [made.total_traces ? `${made.traces} of ${made.total_traces} (${share(part)})` : String(made.traces), part];
}

/* ---- the list of runs ---- */

async function listPage() {
  document.title = "vtrain: runs";
  main.replaceChildren(make("h1", {}, "Runs"));
  const list = section("runs", "All runs");
  const comparison = section("compare", "Comparison");
  const pick = make("select", { id: "column" });
  const place = make("div", { class: "charts" });
  const judged = make("div", {});
  comparison.append(make("p", {}, make("label", { for: "column" }, "Figure "), pick), place, judged);
  let chart = null;
  let names = {};
  const refresh = async () => {
    const { runs } = await get("/api/runs");
    names = Object.fromEntries(runs.map((run) => [run.id, run.folder]));
    return runs.length ? table("Runs, the newest first",
      ["run", "state", "traces", "stage", "time left", "utility over default", "best check", "open alerts", "newest record"],
      runs.map((run) => {
        const made = run.progress || {};
        return [make("a", { href: `/run/${run.id}` }, run.folder), stateText(run), progressOf(run)[0], made.stage || "none",
          run.state === "running" ? duration(made.seconds_left) : "none", signed(made.utility_gain, 3),
          made.best ? `${signed(made.best.utility, 3)} (update ${made.best.update})` : "no check yet", openAlerts(run),
          Number.isFinite(run.seen) ? `${duration(run.seen)} ago` : "none"];
      })) : make("p", {}, "There is no run yet.");
  };
  const compare = async () => {
    const told = await get(`/api/compare?width=${Math.round(innerWidth / 2)}${pick.value ? `&column=${pick.value}` : ""}`);
    if (!pick.options.length) {
      for (const column of told.columns) pick.append(make("option", { value: column }, column.replaceAll("_", " ")));
      pick.value = told.column;
    }
    const rows = told.runs.flatMap((run) => run.validation.map((figure) => [names[run.id] || run.id, figure.taste,
      `${signed(figure.gain.value)} (${signed(figure.gain.low)} to ${signed(figure.gain.high)})`,
      share(figure.better.value), number(figure.bytes_ratio), number(figure.segments_ratio), String(figure.n ?? "unknown")]));
    judged.replaceChildren(rows.length ? table("Newest validation of each run: the policy against VTracer's default",
      ["run", "taste", "gain (interval)", "looks better", "bytes (ratio)", "segments (ratio)", "images"], rows) : "");
    const known = told.runs.filter((run) => run.points[0].length);
    if (!known.length) return;
    const spec = { id: "compare", title: `${told.column.replaceAll("_", " ")} over traces`, x: "traces",
      lines: known.map((run) => ({ key: told.column, label: names[run.id] || run.id })),
      points: uPlot.join(known.map((run) => run.points)) };
    if (chart) chart.set(spec);
    else chart = new LiveChart(place, spec);
  };
  pick.addEventListener("change", () => compare().catch(lost));
  await fill(list, refresh);
  await compare().catch(lost);
  setInterval(async () => {
    if (document.hidden) return;
    try {
      const nodes = await refresh();
      if (!list.contains(document.activeElement)) list.replaceChildren(nodes);
      await compare();
      found();
    } catch (error) {
      lost();
    }
  }, 5000);
}

function lost() {
  connection.textContent = "No connection: trying again";
  connection.className = "lost";
}

function found() {
  if (connection.textContent !== "Live") connection.textContent = "Live";
  connection.className = "";
}

/* ---- one run ---- */

class RunPage {
  constructor(id) {
    this.id = id;
    this.api = `/api/runs/${id}`;
    this.charts = [];
    this.pending = {};
  }

  async open() {
    main.replaceChildren();
    this.title = make("h1", {}, "Run");
    this.lead = make("div", {});
    main.append(this.title, this.lead);
    this.parts = {
      utility: section("utility", "Utility"),
      validation: section("validation", "Validation"),
      learning: section("learning", "Learning"),
      resources: section("resources", "Resources"),
      choices: section("choices", "Chosen parameters"),
      gallery: section("gallery", "Gallery"),
      checkpoints: section("checkpoints", "Checkpoints"),
      alerts: section("alerts", "Alerts and advice"),
      log: section("log", "Log"),
    };
    await this.load();
    this.showValidation();
    this.showCheckpoints();
    setInterval(() => this.seen !== undefined && !document.hidden && this.refresh(), 5000);
    setInterval(() => this.adviceBox && !document.hidden && this.showAdvice(), 60000);
  }

  /* Everything that the stream goes on from. */
  async load() {
    try {
      const width = Math.max(200, Math.min(700, Math.round(main.clientWidth)));
      const [run, curves] = await Promise.all([get(this.api), get(`${this.api}/curves?width=${width}`)]);
      this.width = width;
      this.fresh = 0;
      this.head(run);
      this.draw(curves);
      this.alerts = run.alerts;
      this.showAlerts();
      this.logged = make("ol", { class: "log", tabindex: 0, "aria-label": "Events, the newest last" });
      this.parts.log.replaceChildren(run.events.length ? "" : make("p", { class: "quiet" }, "No event is recorded."), this.logged);
      this.log(run.events);
      this.follow([curves.metrics, run.place, curves.samples].join("."));
    } catch (error) {
      lost();
      if (!this.seen) this.lead.replaceChildren(make("p", { class: "note" }, `This run cannot be shown: ${error.message}`));
      setTimeout(() => this.load(), 3000);
    }
  }

  head(run) {
    this.seen = run.seen;
    this.title.textContent = run.folder;
    document.title = `${run.folder}: vtrain`;
    const made = run.progress || {};
    const [words, part] = progressOf(run);
    const sample = run.sample || {};
    const bar = part === null ? null : make("progress", { max: 1, value: part, "aria-label": "Traces done" });
    const about = [run.name && `config name ${run.name}`, run.created && `made ${run.created}`, `seed ${run.seed}`, run.platform].filter(Boolean);
    this.lead.replaceChildren(
      make("p", {}, stateText(run), Number.isFinite(run.seen) ? ` (newest record ${duration(run.seen)} ago)` : ""),
      bar || "",
      tiles([
        ["traces", words], ["update", made.update ?? "none"], ["stage", made.stage || "none"],
        ["time left", run.state === "running" ? duration(made.seconds_left) : "none"],
        ["traces/s", number(made.traces_per_second, 1)],
        ["utility over default", signed(made.utility_gain, 3)],
        ["best check over baseline", made.best ? `${signed(made.best.utility, 3)} (update ${made.best.update})` : "no check yet"],
        ["at or above baseline", share(made.success_share)], ["failed traces", made.failures ?? "none"],
        ["CPU (100 is one core)", number(sample.cpu_percent, 0)], ["memory", gib(sample.rss)], ["disk free", gib(sample.disk_free)], ["open alerts", openAlerts(run)],
      ].map(([name, value]) => [name, value instanceof Node ? value : String(value)])),
      make("p", { class: "quiet" }, about.join(", ")));
  }

  draw(curves) {
    const groups = { utility: ["utility", "default", "success"], learning: ["loss", "entropy", "kl", "explained", "speed"],
      resources: ["cpu", "memory", "disk", "gpu"] };
    for (const [part, ids] of Object.entries(groups)) {
      if (!this.parts[part].querySelector(".charts")) {
        this.parts[part].replaceChildren(make("p", { class: "quiet none" }, "No figure is recorded yet."), make("div", { class: "charts" }));
      }
      const holder = this.parts[part].querySelector(".charts");
      for (const spec of curves.charts.filter((chart) => ids.includes(chart.id))) {
        const known = this.charts.find((chart) => chart.spec.id === spec.id);
        const intervals = spec.id === "utility" ? curves.checks : null;
        if (known) known.set(spec, intervals);
        else {
          const chart = new LiveChart(holder, spec);
          if (intervals) chart.set(spec, intervals);
          this.charts.push(chart);
        }
      }
      this.hint(part);
    }
  }

  hint(part) {
    const none = this.parts[part].querySelector(".none");
    if (none) none.hidden = [...this.parts[part].querySelectorAll(".chart")].some((chart) => !chart.hidden);
  }

  /* News from `place` on. A browser that was cut off says where it was; so do we, when it gives up. */
  follow(place) {
    this.place = place;
    if (this.source) this.source.close();
    const source = new EventSource(`${this.api}/stream?from=${encodeURIComponent(place)}`);
    this.source = source;
    source.onopen = found;
    source.onerror = () => {
      lost();
      if (source.readyState === EventSource.CLOSED && this.source === source) setTimeout(() => this.follow(this.place), 3000);
    };
    for (const file of ["metrics", "events", "samples"]) {
      source.addEventListener(file, (event) => {
        this.place = event.lastEventId;
        this.take(file, event.data.split("\n").map((line) => JSON.parse(line)));
      });
    }
    source.addEventListener("reset", () => {
      source.close();
      this.load();
    });
  }

  take(file, records) {
    if (file === "events") {
      this.log(records);
      this.alerts.push(...records.filter((event) => String(event.kind || "").startsWith("alert")));
      this.showAlerts();
      const kinds = new Set(records.map((event) => event.kind));
      if (kinds.has("checkpoint")) this.showCheckpoints();
      if (kinds.has("validation")) this.showValidation();
    } else {
      for (const chart of this.charts) if ((chart.spec.x === "time") === (file === "samples")) chart.append(records);
      this.hint("utility"); this.hint("learning"); this.hint("resources");
      this.fresh += records.length;
    }
    if (!this.planned) {
      this.planned = true;
      setTimeout(() => { this.planned = false; this.refresh(); }, 2000);
    }
  }

  async refresh() {
    try {
      this.head(await get(this.api));
      if (this.fresh > this.width) {  // thin out what has come since
        this.fresh = 0;
        await this.load();
      }
    } catch (error) {
      lost();
    }
  }

  log(events) {
    const atEnd = this.logged.scrollHeight - this.logged.scrollTop - this.logged.clientHeight < 40;
    for (const event of events) {
      const { time, kind, ...rest } = event;
      this.logged.append(make("li", {}, `${String(time || "").slice(0, 19).replace("T", " ")} ${kind} ${written(rest)}`));
    }
    while (this.logged.childElementCount > 1000) this.logged.firstElementChild.remove();
    if (atEnd) this.logged.scrollTop = this.logged.scrollHeight;
  }

  showAlerts() {
    const holder = this.alertBox || (this.alertBox = make("div", {}));
    if (!holder.isConnected) {
      this.adviceBox = make("div", {});
      this.parts.alerts.replaceChildren(make("h3", {}, "Alerts"), holder, make("h3", {}, "Advice"), this.adviceBox);
      this.showAdvice();
    }
    const newest = new Map(this.alerts.map((event) => [`${event.name} ${event.subject || ""}`, event]));
    const open = new Set([...newest.values()].filter((event) => event.level !== "resolved"));
    const rows = this.alerts.slice(-50).reverse().map((event) => {
      const { time, kind, level, message, hint, ...rest } = event;
      return [levelText(level || kind), open.has(event) ? "open" : "over", make("span", { class: "words" }, String(message || written(rest))),
        make("span", { class: "words" }, String(hint || "")), String(time || "").slice(0, 19).replace("T", " ")];
    });
    holder.replaceChildren(make("p", {}, open.size ? `Open now: ${open.size}.` : "No alert is open."),
      rows.length ? table("Alerts, the newest first", ["level", "now", "what", "what to do", "time (UTC)"], rows) : "");
  }

  async showAdvice() {
    await fill(this.adviceBox, async () => {
      const told = await get(`${this.api}/advice`);
      if (!told.length) return make("p", { class: "quiet" }, "There is no advice.");
      return make("ul", {}, ...told.map((item) => make("li", {}, `${item.evidence}: `,
        make("code", {}, item.change), `, about ${number(item.gain, 1)} times as fast`)));
    });
  }

  showCheckpoints() {
    return fill(this.parts.checkpoints, async () => {
      const { checkpoints, damaged } = await get(`${this.api}/checkpoints`);
      const rows = checkpoints.reverse().map((item) => [
        item.name, [item.best && "best", item.latest && "latest", item.pinned && "pinned"].filter(Boolean).join(", ") || "",
        item.problems.length ? make("span", { class: "bad" }, item.problems.join(" ")) : make("span", { class: "good" }, "verified"),
        item.utility === null ? "not judged" : signed(item.utility, 3) + (item.interval ? ` (${signed(item.interval[0])} to ${signed(item.interval[1])})` : ""),
        `${(item.bytes / 1e6).toFixed(2)} MB`, item.created]);
      return [
        rows.length ? table("Size and SHA-256 of every file, against the manifest", ["checkpoint", "is", "files", "utility over baseline (95 %)", "size", "written (UTC)"], rows)
          : make("p", { class: "quiet" }, "There is no checkpoint yet."),
        damaged.length ? table("Damaged", ["folder", "reason"], damaged.map((item) => [item.name, make("span", { class: "bad" }, item.reason)])) : null];
    });
  }

  async showValidation() {
    let told = null;
    await fill(this.parts.validation, async () => {
      told = await get(`${this.api}/validation`);
      if (!told) return make("p", { class: "quiet" }, "There is no validation yet.");
      const all = told.figures.filter((figure) => figure.category === "all");
      const bounds = all.flatMap((figure) => [figure.gain.low, figure.gain.high, 0]).filter(Number.isFinite);
      const low = Math.min(...bounds), high = Math.max(...bounds);
      const rows = all.map((figure) => [figure.taste, figure.chooser,
        `${signed(figure.gain.value)} (${signed(figure.gain.low)} to ${signed(figure.gain.high)})`, forest(figure.gain, low, high),
        `${share(figure.better.value)} (${share(figure.better.low)} to ${share(figure.better.high)})`,
        number(figure.bytes_ratio), number(figure.segments_ratio), String(figure.failures)]);
      return [
        make("p", {}, `${told.images} images of ${told.split}, ${told.checkpoint}, ${told.created}, intervals of ${share(told.confidence)}.`),
        ...told.notes.map((note) => make("p", { class: "note" }, String(note))),
        table("Gain in appearance over VTracer's default, all categories",
          ["taste", "chooser", "gain", "interval", "looks better", "bytes (ratio)", "segments (ratio)", "failed"], rows)];
    });
    this.showChoices(told);
    await this.showGallery();
  }

  showChoices(told) {
    fill(this.parts.choices, async () => {
      if (!told) return make("p", { class: "quiet" }, "There is no validation yet.");
      const tastes = Object.keys(told.parameters[0].counts);
      if (!tastes.length) return make("p", { class: "quiet" }, "The validation has no row of the policy.");
      const pick = make("select", { id: "taste" }, ...tastes.map((taste) => make("option", { value: taste }, taste)));
      pick.value = this.taste && tastes.includes(this.taste) ? this.taste : tastes.includes("balanced") ? "balanced" : tastes[0];
      const bars = make("div", { class: "bars" });
      const show = () => {
        this.taste = pick.value;
        bars.replaceChildren(...told.parameters.map((parameter) => {
          const counts = parameter.counts[pick.value];
          const total = counts.reduce((a, b) => a + b, 0) || 1;
          return make("div", {}, make("h3", {}, `${parameter.name} (${parameter.unit})`),
            make("table", {}, make("tbody", {}, ...counts.map((count, i) => make("tr", {}, make("th", { scope: "row" }, parameter.levels[i]),
              make("td", {}, make("meter", { min: 0, max: total, value: count, "aria-label": share(count / total) })), make("td", {}, String(count)))))));
        }));
      };
      pick.addEventListener("change", show);
      show();
      return [make("p", {}, make("label", { for: "taste" }, "Taste "), pick, " Logos per level, in the newest validation."), bars];
    });
  }

  showGallery() {
    return fill(this.parts.gallery, async () => {
      const told = await get(`${this.api}/gallery`);
      if (!told || !told.logos.length) return make("p", { class: "quiet" }, "There is no validation yet.");
      const titles = { source: "source", drawing: "SVG", difference: "difference" };
      const dark = make("button", { type: "button", "aria-pressed": "false" }, "Dark background");
      const logos = make("div", { class: "logos" }, ...told.logos.map((logo) => make("article", { class: "logo" }, make("h3", {}, logo.name),
        make("div", { class: "pictures" }, ...Object.entries(titles).map(([kind, title]) => {
          const picture = make("img", { src: `${this.api}/pictures/${logo.image}/${kind}?of=${encodeURIComponent(told.folder)}`, alt: `${title} of ${logo.name}`, loading: "lazy" });
          const words = make("figcaption", {}, title);
          picture.addEventListener("error", () => { words.textContent = `${title}: not available`; });
          return make("figure", {}, picture, words);
        })),
        make("p", {}, logo.failure ? make("span", { class: "bad" }, `failed: ${logo.failure}`)
          : `gain ${signed(logo.gain)}, ${logo.bytes} bytes, ${logo.segments} segments`),
        make("p", { class: "quiet" }, logo.settings))));
      dark.addEventListener("click", () => {
        const on = dark.getAttribute("aria-pressed") !== "true";
        dark.setAttribute("aria-pressed", String(on));
        for (const pictures of logos.querySelectorAll(".pictures")) pictures.classList.toggle("dark", on);
      });
      return [make("p", {}, `Least gain first, ${told.taste}; the difference is black where it is largest. `, dark), logos];
    });
  }
}

function forest(gain, low, high) {
  const space = "http://www.w3.org/2000/svg";
  const width = 220, at = (value) => 6 + ((value - low) / (high - low || 1)) * (width - 12);
  const picture = document.createElementNS(space, "svg");
  const draw = (name, attributes) => {
    const node = document.createElementNS(space, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    picture.append(node);
  };
  picture.setAttribute("class", "forest");
  picture.setAttribute("viewBox", `0 0 ${width} 18`);
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", `${signed(gain.value)}, from ${signed(gain.low)} to ${signed(gain.high)}`);
  draw("line", { x1: at(0), x2: at(0), y1: 0, y2: 18, class: "zero" });
  draw("line", { x1: at(gain.low), x2: at(gain.high), y1: 9, y2: 9 });
  draw("circle", { cx: at(gain.value), cy: 9, r: 4 });
  return picture;
}

const opened = location.pathname.match(/^\/run\/([0-9a-f]{16})$/);
if (opened) new RunPage(opened[1]).open();
else listPage();
