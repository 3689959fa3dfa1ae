// Draws the page from the JSON in #data. Text from data is only ever set as textContent.
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const main = document.getElementById("main");
const shownTables = {};
const TITLES = {
  neurons: "Single neurons", sweep: "Probes of k neurons", ablation: "Ablation", regression: "Regression", dense: "Dense probes",
  pruning: "Iterative pruning", baselines: "Baselines", stability: "Stability", significance: "Significance", comparison: "Ways to choose neurons",
  transfer: "Transfer to other text",
};

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function section(id, title, note) {
  return addSection(element("section", { id }), title, note);
}

function addSection(made, title, note) {
  made.prepend(element("h2", { textContent: title }));
  made.setAttribute("aria-label", title);
  if (note) made.querySelector("h2").after(element("p", { className: "note", textContent: note }));
  main.append(made);
  const link = element("a", { href: "#" + made.id, textContent: title });
  const list = document.querySelector("nav ul") || document.querySelector("nav").appendChild(element("ul"));
  list.append(element("li", {}, link));
  return made;
}

function column(values) {
  return Array.isArray(values) ? values : values.places.map((place) => (place < 0 ? null : values.words[place]));
}

function written(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) < 0.001 ? value.toExponential(2) : value.toFixed(3);
}

function asked() {
  const spec = data.provenance.spec || {};
  const parts = data.about ? [data.about] : [];
  if (spec.model) parts.push(`Which neurons of ${spec.model} represent the features of ${(data.provenance.dataset || {}).name || spec.dataset}, and how few suffice?`);
  const settings = ["site", "layers", "aggregate", "selection", "preset", "seed"].filter((name) => spec[name] !== undefined && spec[name] !== null);
  if (settings.length) parts.push(settings.map((name) => `${name}: ${[].concat(spec[name]).join(", ")}`).join(" · "));
  document.getElementById("question").textContent = parts.join(" ");
}

function findings() {
  if (!data.findings.length) return;
  const list = element("ul", { className: "findings" });
  for (const finding of data.findings) {
    const item = element("li");
    for (const part of finding) {
      if (typeof part === "string") { item.append(part); continue; }
      const button = element("button", { className: "cell", type: "button", textContent: part.text, title: `${part.column} in row ${part.row} of the table ${part.table}` });
      button.addEventListener("click", () => goTo(part));
      item.append(button);
    }
    list.append(item);
  }
  section("findings", "Findings", "Scores are on test data that neither chose nor fitted anything. Each number leads to its row in a table below.").append(list);
}

function figures() {
  const drawn = document.getElementById("figures");
  if (drawn) addSection(drawn, "Figures", "Each is drawn from the tables below; the folder figures has them as SVG and PNG.");
}

function goTo(cell) {
  const shown = shownTables[cell.table];
  if (!shown) return;
  shown.details.open = true;
  shown.make();
  const table = shown.table;
  const show = () => {
    table.clearHeaderFilter();
    table.deselectRow();
    table.scrollToRow(cell.row, "center", true).then(() => {
      const row = table.getRow(cell.row);
      row.select();
      row.getElement().focus();
    }).catch(() => {});
    shown.details.scrollIntoView({ block: "start" });
  };
  if (table.initialized) show(); else table.on("tableBuilt", show);
}

function chart(parent, make, label) {
  const figure = element("figure");
  figure.setAttribute("role", "img");
  figure.setAttribute("aria-label", label);
  const draw = () => {
    const svg = make(Math.min(960, Math.max(320, parent.clientWidth || 640)));
    svg.setAttribute("aria-hidden", "true");
    figure.replaceChildren(svg);
  };
  parent.append(figure);
  draw();
  return draw;
}

function overK() {
  const source = data.over_k;
  if (!source) return;
  const features = column(source.feature);
  const rows = features.map((feature, i) => ({ feature, layer: source.layer[i], k: source.k[i], f1: source.f1[i], low: source.f1_low[i], high: source.f1_high[i], control: source.control_f1[i] }));
  const names = [...new Set(features)];
  const part = section("over-k", "F1 over the number of neurons, by layer", "A line for each layer: test F1 of a probe on k neurons. Dashed: the same procedure on permuted labels.");
  const choice = element("select");
  choice.append(element("option", { value: "", textContent: `mean of ${names.length} features` }), ...names.map((name) => element("option", { value: name, textContent: name })));
  part.append(element("div", { className: "controls" }, element("label", {}, "Feature ", choice)));
  const lines = () => {
    if (choice.value) return rows.filter((row) => row.feature === choice.value);
    return d3.flatRollup(rows, (group) => ({ f1: d3.mean(group, (d) => d.f1), control: d3.mean(group, (d) => d.control) }), (d) => d.layer, (d) => d.k).map(([layer, k, means]) => ({ layer, k, ...means }));
  };
  const draw = chart(part, (width) => {
    const shown = lines();
    const controls = d3.flatRollup(shown, (group) => d3.mean(group, (d) => d.control), (d) => d.k).map(([k, control]) => ({ k, control }));
    return Plot.plot({
      width, height: 340, style: { fontSize: "13px" }, x: { type: "log", base: 2, label: "number of neurons k", tickFormat: "d" }, y: { label: "F1 on test", domain: [0, 1], grid: true },
      color: { legend: true, scheme: "viridis", label: "layer", type: "linear", tickFormat: "d", ticks: Math.min(8, new Set(source.layer).size - 1), domain: d3.extent(rows, (d) => d.layer) },
      marks: [
        Plot.line(controls, { x: "k", y: "control", stroke: "currentColor", strokeOpacity: 0.6, strokeDasharray: "4 4" }),
        Plot.line(shown, { x: "k", y: "f1", z: "layer", stroke: "layer", strokeWidth: 1.6 }),
        Plot.dot(shown, { x: "k", y: "f1", fill: "layer", r: 2.5, title: (d) => `layer ${d.layer}, k = ${d.k}: F1 ${written(d.f1)}` + (d.low === undefined ? "" : ` (${written(d.low)} to ${written(d.high)})`), tip: true }),
      ], marginRight: 24,
    });
  }, "Lines of test F1 over the number of neurons, one for each layer");
  choice.addEventListener("change", draw);
  const ks = [...new Set(rows.map((row) => row.k))].sort((a, b) => a - b);
  const where = section("map", "Layer by feature", "Test F1 of the probe on k neurons in each layer.");
  const which = element("select");
  which.append(...ks.map((k) => element("option", { value: k, textContent: `k = ${k}` })));
  where.append(element("div", { className: "controls" }, element("label", {}, "Neurons ", which)));
  const drawMap = chart(where, (width) => {
    const shown = rows.filter((row) => row.k === Number(which.value));
    const longest = d3.max(names, (name) => name.length);
    return Plot.plot({
      width, height: 70 + 17 * names.length, marginLeft: Math.min(220, 20 + 7 * longest), style: { fontSize: "12px" },
      x: { label: "layer", type: "band", tickFormat: "d" }, y: { label: null, domain: names }, color: { scheme: "viridis", domain: [0, 1], label: "F1 on test", legend: true },
      marks: [Plot.cell(shown, { x: "layer", y: "feature", fill: "f1", inset: 0.5, title: (d) => `${d.feature}, layer ${d.layer}: ${written(d.f1)} (${written(d.low)} to ${written(d.high)})`, tip: true })],
    });
  }, "Heat map of test F1 by layer and feature");
  which.addEventListener("change", drawMap);
}

function tables() {
  const part = section("tables", "Tables", "Click a column's name to sort, write in the field under it to filter (for numbers also > or <). In the neuron table, Enter or a click opens a neuron's card.");
  const order = ["neurons", "sweep", "ablation"];
  const names = Object.keys(data.tables).sort((a, b) => (order.indexOf(a) + 9) % 9 - (order.indexOf(b) + 9) % 9 || a.localeCompare(b));
  names.forEach((name, number) => part.append(oneTable(name, data.tables[name], number === 0)));
}

function oneTable(name, source, open) {
  const columns = source.columns.map((one) => ({ ...one, values: column(one.values) }));
  const n = source.row.length;
  const details = element("details", { open, id: "table-" + name }, element("summary", { textContent: `${TITLES[name] || name}: ${source.rows_in_all.toLocaleString("en")} rows` }));
  const same = Object.entries(source.same).map(([key, value]) => `${key}: ${written(value)}`).join(" · ");
  const cut = n < source.rows_in_all ? `The best ${n.toLocaleString("en")} rows are listed; tables/${name}.parquet has all. ` : "";
  if (cut || same) details.append(element("p", { className: "note", textContent: cut + (same ? `The same in every row: ${same}.` : "") }));
  const save = element("button", { type: "button", className: "save", textContent: "Save as CSV" });
  const holder = element("div");
  details.append(element("div", { className: "controls" }, save), holder);
  const shown = { details, table: null, make };
  shownTables[name] = shown;
  save.addEventListener("click", () => { make(); shown.table.download("csv", `${name}.csv`); });
  details.addEventListener("toggle", () => { if (details.open) make(); });
  function make() {
    if (shown.table) return;
    const rows = source.row.map((id, i) => { const row = { id }; columns.forEach((one) => { row[one.name] = one.values[i]; }); return row; });
    shown.table = new Tabulator(holder, {
      data: rows, index: "id", height: n > 12 ? 460 : undefined, layout: "fitDataFill", selectableRows: 1, selectableRowsRangeMode: "click", placeholder: "no rows",
      columns: columns.map((one) => definition(one)), initialSort: bestFirst(columns), columnDefaults: { headerSortTristate: true }, rowFormatter: focusable,
    });
    shown.table.on("rowClick", (event, row) => openCard(row.getData()));
    holder.setAttribute("aria-label", TITLES[name] || name);
    shown.table.on("tableBuilt", () => holder.querySelector(".tabulator-tableholder").removeAttribute("tabindex"));
    holder.addEventListener("keydown", (event) => {
      const row = event.target.closest(".tabulator-row");
      if (!row || (event.key !== "Enter" && event.key !== " ")) return;
      event.preventDefault();
      openCard(shown.table.getRow(row).getData());
    });
  }
  if (open) queueMicrotask(make);
  return details;
}

function bestFirst(columns) {
  const by = ["log_loss_choosing", "f1_validation", "f1", "r2", "change"].find((name) => columns.some((one) => one.name === name));
  return by ? [{ column: by, dir: by.startsWith("log_loss") ? "asc" : "desc" }] : [];
}

function focusable(row) { row.getElement().tabIndex = 0; }

function definition(one) {
  const numeric = one.values.every((value) => value === null || typeof value === "number");
  return {
    title: one.name.replaceAll("_", " "), field: one.name, headerTooltip: one.meaning || false, sorter: numeric ? numbers : "string", hozAlign: numeric ? "right" : "left", formatter: (cell) => document.createTextNode(written(cell.getValue())),
    headerFilter: "input", headerFilterFunc: numeric ? matchesNumber : "like", headerFilterPlaceholder: numeric ? "> 0.9" : "filter", headerFilterParams: { elementAttributes: { "aria-label": `filter ${one.name}` } }, maxWidth: 420,
  };
}

function numbers(a, b) { return (a === null ? -Infinity : a) - (b === null ? -Infinity : b); }

function matchesNumber(wanted, value) {
  const match = /^\s*(>=|<=|>|<|=)?\s*(-?[\d.]+(?:e-?\d+)?)\s*$/i.exec(wanted);
  if (!match) return value !== null && String(value).includes(wanted.trim());
  if (value === null) return false;
  const bound = Number(match[2]);
  return { ">=": value >= bound, "<=": value <= bound, ">": value > bound, "<": value < bound, "=": value === bound }[match[1] || "="];
}

function openCard(row) {
  if (!row.neuron) return;
  const card = data.cards.find((one) => one.neuron === row.neuron && (!row.feature || one.feature === row.feature)) || data.cards.find((one) => one.neuron === row.neuron) || {};
  const dialog = document.getElementById("card");
  const close = element("button", { type: "button", textContent: "Close" });
  close.addEventListener("click", () => dialog.close());
  const facts = element("dl", { className: "facts" });
  for (const [key, value] of Object.entries(row)) if (key !== "id") facts.append(element("dt", { textContent: key.replaceAll("_", " ") }), element("dd", { textContent: written(value) }));
  dialog.replaceChildren(element("div", { className: "controls" }, element("h2", { id: "card-title", textContent: `Neuron ${row.neuron}` }), close), facts, ...cardParts(card), ...ablationParts(row.neuron));
  dialog.showModal();
  close.focus();
}

function cardParts(card) {
  const parts = [];
  if (card.histogram) {
    const holder = element("div");
    parts.push(element("h3", { textContent: "Activation by class" }), holder);
    queueMicrotask(() => chart(holder, (width) => Plot.plot({
      width: Math.min(width, 640), height: 220, x: { label: "activation" }, y: { label: "share of examples", grid: true }, color: { legend: true, domain: ["feature", "other"], range: ["#d55e00", "#7d8790"] },
      marks: [Plot.rectY(card.histogram, { x1: "low", x2: "high", y: "share", fill: (d) => (d.label === 1 ? "feature" : "other"), fillOpacity: 0.6, mixBlendMode: "normal" })],
    }), "Histogram of activations by class"));
  }
  for (const [key, title] of [["positive", "Texts with the largest activations"], ["negative", "Texts with the smallest activations"]]) {
    const texts = (card.examples || {})[key] || [];
    if (!texts.length) continue;
    const largest = d3.max(texts, (one) => d3.max(one.values, Math.abs)) || 1;
    parts.push(element("h3", { textContent: title }), ...texts.map((one) => coloured(one, largest)));
  }
  for (const [key, title] of [["promoted", "Tokens whose logits it raises"], ["suppressed", "Tokens whose logits it lowers"]]) {
    const tokens = card[key] || [];
    if (tokens.length) parts.push(element("h3", { textContent: title }), element("p", { className: "text", textContent: tokens.map((one) => `${JSON.stringify(one.text)} ${written(one.effect)}`).join("   ") }));
  }
  return parts;
}

function coloured(example, largest) {
  const line = element("p", { className: "text" });
  example.tokens.forEach((token, i) => {
    const strength = example.values[i] / largest;
    const mark = element("span", { textContent: token, title: written(example.values[i]) });
    if (Math.abs(strength) > 0.03) mark.style.backgroundColor = strength > 0 ? `rgb(213 94 0 / ${Math.min(0.6, strength * 0.6)})` : `rgb(0 114 178 / ${Math.min(0.6, -strength * 0.6)})`;
    line.append(mark);
  });
  return line;
}

function ablationParts(neuron) {
  const source = data.tables.ablation;
  if (!source) return [];
  const columns = Object.fromEntries(source.columns.map((one) => [one.name, column(one.values)]));
  const rows = source.row.map((_, i) => i).filter((i) => columns.neurons && columns.neurons[i] === neuron);
  if (!rows.length) return [];
  const list = element("ul");
  for (const i of rows) {
    const label = (columns.label || [])[i];
    const text = label === null || label === undefined ? "all text" : `${label === 1 ? "text with" : "text without"} ${columns.feature[i]}`;
    list.append(element("li", { textContent: `${text}: ${written(columns.change[i])} nats per token (95 % interval ${written(columns.change_low[i])} to ${written(columns.change_high[i])})` }));
  }
  return [element("h3", { textContent: "Change of loss without it" }), list];
}

function facts(value, prefix = "") {
  if (value === null || typeof value !== "object") return [[prefix, written(value)]];
  if (Array.isArray(value) && value.every((one) => one === null || typeof one !== "object")) return [[prefix, value.map(written).join(", ")]];
  return Object.entries(value).flatMap(([key, inner]) => facts(inner, prefix ? `${prefix} · ${key}` : key));
}

function provenance() {
  const all = facts(data.provenance);
  if (!all.length) return;
  const list = element("dl", { className: "facts" });
  for (const [key, value] of all) list.append(element("dt", { textContent: key.replaceAll("_", " ") }), element("dd", { textContent: value }));
  section("provenance", "Provenance", "Everything that is needed to do this again: settings, splits, seeds, hashes, software and hardware.").append(list);
}

asked();
findings();
figures();
overK();
tables();
provenance();
document.documentElement.dataset.ready = "yes";
