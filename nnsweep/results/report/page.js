"use strict";
// What a page can do beyond being read. Its tables sort by their heads. Where there are several configurations, it
// shows the values of the one under the pointer, filters them by their settings, lets the reader choose the measure,
// and draws the curves of a configuration's runs (curves.js). A configuration is known by its place, 0 being the best:
// data-configuration has it in tables and pictures, and every list of the study's data is in this order.

const MOST_CHOICES = 12; // beyond so many values, a setting has a box to write in
const NEAR = [[0, 0], [0, -4], [0, 4], [-4, 0], [4, 0]]; // pixels: lines are thin, so look around the pointer, too
const IS_TOUCHED = matchMedia("(hover: none)").matches;
const OPENS = IS_TOUCHED ? "tap it again" : "click or press Enter";
const STEPS = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };

function make(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function list(facts) {
  return make("dl", {}, ...facts.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]));
}

// Tables

function sortRows(table, column, isFalling) {
  const head = table.tHead.rows[0].cells[column];
  const isNumber = head.classList.contains("number");
  const key = (row) => {
    const { dataset, textContent } = row.cells[column];
    return isNumber ? ("value" in dataset ? Number(dataset.value) : NaN) : textContent;
  };
  const compare = (one, other) => {
    const a = key(one), b = key(other);
    if (!isNumber) return (isFalling ? -1 : 1) * a.localeCompare(b, "en", { numeric: true });
    if (isNaN(a) || isNaN(b)) return isNaN(a) - isNaN(b);
    return isFalling ? b - a : a - b;
  };
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", isFalling ? "descending" : "ascending");
  table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare));
}

for (const table of document.querySelectorAll("table")) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = make("button", { type: "button" }, ...head.childNodes);
    button.addEventListener("click", () => sortRows(table, column, head.getAttribute("aria-sort") === "ascending"));
    head.append(button);
  });
}

// The values of the configuration under the pointer, or where the keyboard is

const study = JSON.parse(document.getElementById("study")?.textContent ?? "null");
const marks = study?.labels.map(() => []) ?? []; // what shows each configuration: rows, and marks in pictures
const isLeft = marks.map(() => true); // by the filter
const settings = Object.entries(study?.settings ?? {});
const tip = make("div", { id: "tip", role: "tooltip", hidden: "" });
const status = make("p", { class: "unseen", role: "status" });
let measure = study?.measures[0], active = null;

function placeOf(mark) {
  return Number(mark.dataset.configuration);
}

function hide() {
  for (const mark of marks[active] ?? []) mark.classList.remove("active");
  document.body.classList.remove("exploring");
  tip.hidden = true;
  active = null;
}

function show(place, x, y) {
  if (place !== active) {
    hide();
    active = place;
    for (const mark of marks[place]) mark.classList.add("active");
    document.body.classList.add("exploring");
    const measures = [...new Set([measure, study.measures[0]])];
    tip.replaceChildren(
      make("strong", {}, study.labels[place]),
      make("p", {}, settings.map(([name, values]) => `${name} ${values[place]}`).join(", ")),
      list([...measures.map(({ name, texts }) => [name, texts[place]]), ["runs", study.repeats[place]]]),
      make("small", {}, study.curves[place] ? `${OPENS[0].toUpperCase()}${OPENS.slice(1)} for its curves.` : ""),
    );
    tip.hidden = false;
  }
  const { clientWidth, clientHeight } = document.documentElement, { width, height } = tip.getBoundingClientRect();
  const top = y + height + 24 < clientHeight ? y + 16 : Math.max(8, y - height - 16);
  tip.style.left = `${scrollX + Math.max(8, Math.min(x + 12, clientWidth - width - 8))}px`;
  tip.style.top = `${scrollY + top}px`;
}

function showAt(mark) {
  const { left, width, bottom } = mark.getBoundingClientRect();
  show(placeOf(mark), left + Math.min(width / 2, 160), bottom - 8);
}

function point({ target, clientX, clientY }) {
  const around = target.closest?.("figure svg, tbody tr") ? NEAR : [];
  const found = around
    .map(([right, down]) => document.elementFromPoint(clientX + right, clientY + down)?.closest("[data-configuration]"))
    .find((mark) => mark && isLeft[placeOf(mark)]);
  if (found) show(placeOf(found), clientX, clientY);
  else hide();
}

function followPointer() {
  document.addEventListener("pointermove", (event) => event.pointerType !== "touch" && point(event));
  document.addEventListener("click", (event) => {
    if (event.target.closest("button, a, select, input, summary, #curves")) return;
    const before = active; // a finger cannot point: its first tap shows the values, its second one the curves
    point(event);
    if (active !== null && active === before && (IS_TOUCHED || event.target.closest("svg"))) open(active);
  });
}

// Keys go from row to row in a table, and from the best to the worst in a picture

function rowButtons(table) {
  return [...table.querySelectorAll("tr[data-configuration]:not([hidden]) th button")];
}

function addRowButtons(table) {
  for (const row of table.querySelectorAll("tr[data-configuration]")) {
    const head = row.querySelector("th");
    const button = make("button", { type: "button", "aria-describedby": "tip" }, ...head.childNodes);
    button.addEventListener("click", () => open(placeOf(row)));
    button.addEventListener("blur", hide);
    button.addEventListener("focus", () => {
      for (const other of rowButtons(table)) other.tabIndex = other === button ? 0 : -1; // one stop in a table
      if (button.matches(":focus-visible")) showAt(row);
    });
    head.append(button);
  }
  table.addEventListener("keydown", (event) => {
    const buttons = rowButtons(table), place = buttons.indexOf(event.target);
    if (place < 0 || !STEPS[event.key]) return;
    event.preventDefault();
    buttons[place + STEPS[event.key]]?.focus();
  });
}

function addKeys(picture) {
  const box = picture.parentElement;
  const inside = marks.map((own) => own.find((mark) => picture.contains(mark)));
  box.tabIndex = 0;
  box.addEventListener("blur", hide);
  box.addEventListener("keydown", (event) => {
    const places = [...inside.keys()].filter((place) => inside[place] && isLeft[place]), step = STEPS[event.key];
    if (event.key === "Enter" && active !== null) open(active);
    if (!step || !places.length) return;
    event.preventDefault();
    const next = active === null ? 0 : (places.indexOf(active) + step + places.length) % places.length;
    showAt(inside[places[next]]);
    status.textContent = `${study.labels[active]}: ${measure.name} ${measure.texts[active]}, ${study.repeats[active]}`;
  });
}

// The filter, with a control for each setting, and the choice of the measure

const filters = settings.map(([name, values]) => {
  const choices = [...new Set(values)].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const isShort = choices.length <= MOST_CHOICES;
  const control = isShort
    ? make("select", {}, make("option", { value: "" }, "all"), ...choices.map((value) => make("option", {}, value)))
    : make("input", { type: "search", placeholder: "text, or > 0.1", size: 14 });
  control.addEventListener(isShort ? "change" : "input", filter);
  return { name, values, control, holds: isShort ? (value, wanted) => value === wanted : matches };
});
const clear = make("button", { type: "button" }, "Clear the filter");
const left = make("output", {});

function matches(value, wanted) {
  const [, sign, text] = /^\s*(<=|>=|<|>|=)?\s*(.*?)\s*$/.exec(wanted);
  const a = Number(value), b = Number(text);
  if (!sign || text === "") return value.includes(text);
  return { "<": a < b, ">": a > b, "<=": a <= b, ">=": a >= b, "=": a === b || value === text }[sign];
}

function filter() {
  const used = filters.filter(({ control }) => control.value.trim());
  hide();
  marks.forEach((own, place) => {
    isLeft[place] = used.every(({ control, holds, values }) => holds(values[place], control.value));
    for (const mark of own) {
      if (mark.localName === "tr") mark.hidden = !isLeft[place];
      else mark.classList.toggle("out", !isLeft[place]);
    }
  });
  for (const table of document.querySelectorAll("table")) {
    rowButtons(table).forEach((button, place) => (button.tabIndex = place ? -1 : 0));
  }
  clear.hidden = !used.length;
  left.textContent = `${isLeft.filter(Boolean).length} of ${isLeft.length} configurations`;
}

function chooseMeasure(chosen) {
  const maps = [...document.querySelectorAll("[data-measure]")];
  const drawn = maps.find((map) => map.dataset.measure === chosen.key) ?? maps[0];
  for (const map of maps) map.hidden = map !== drawn;
  const table = document.querySelector("#configurations table"), head = table.tHead.querySelector("th.number");
  head.querySelector("button").textContent = chosen.name;
  for (const row of table.tBodies[0].rows) {
    const cell = row.cells[head.cellIndex], number = chosen.numbers[placeOf(row)];
    cell.textContent = chosen.texts[placeOf(row)];
    if (number === null) delete cell.dataset.value;
    else cell.dataset.value = number;
  }
  if (head.hasAttribute("aria-sort")) sortRows(table, head.cellIndex, head.getAttribute("aria-sort") === "descending");
  measure = chosen;
  hide();
}

function addControls() {
  const chooser = make("select", {}, ...study.measures.map(({ name }) => make("option", {}, name)));
  chooser.addEventListener("change", () => chooseMeasure(study.measures[chooser.selectedIndex]));
  clear.addEventListener("click", () => {
    for (const { control } of filters) control.value = "";
    filter();
    filters[0].control.focus();
  });
  const n = study.curves.length, best = n < marks.length ? ` (of the best ${n})` : "";
  const way = IS_TOUCHED ? "Tap a configuration" : "Point at a configuration, or go to it with Tab and arrow keys,";
  const help = `${way} for its values${n ? `; ${OPENS} for its curves${best}` : ""}.`;
  const form = make("form", { "aria-label": "Explore" }, make("label", {}, "measure", chooser),
    ...filters.map(({ name, control }) => make("label", {}, name, control)), left, clear, make("p", {}, help));
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("controls").append(form);
}

// The panel of a configuration: its curves and all its values

const panel = document.getElementById("curves");
const heading = make("h2", { id: "curves-heading", tabindex: "-1" });
const body = make("div", {});
let opener = null;

function open(place) {
  const { length } = study.curves, isLeftOut = 0 < length && length <= place;
  const without = isLeftOut ? `The page has the curves of the best ${length} configurations.` : "No curves are known.";
  if (!panel.contains(document.activeElement)) opener = document.activeElement;
  heading.textContent = study.labels[place];
  body.replaceChildren(
    ...(study.curves[place] ? drawRuns(study.curves[place], study.curve_names, study.falling_curves) : [make("p", {}, without)]),
    list([...settings.map(([name, values]) => [name, values[place]]), ["runs", study.repeats[place]],
      ...study.measures.map(({ name, texts }) => [name, texts[place]])]),
  );
  hide();
  panel.hidden = false;
  panel.scrollTop = 0;
  heading.focus({ preventScroll: true });
}

function close() {
  panel.hidden = true;
  opener?.focus({ preventScroll: true });
}

function addPanel() {
  const button = make("button", { type: "button" }, "Close");
  button.addEventListener("click", close);
  panel.setAttribute("aria-labelledby", heading.id);
  panel.append(make("header", {}, heading, button), body);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    if (active !== null) hide();
    else if (!panel.hidden) close();
  });
}

function findMarks() {
  for (const mark of document.querySelectorAll("[data-configuration]")) {
    if (mark.closest("figure")) { // pictures number configurations by what they show
      const drawn = mark.closest("[data-measure]")?.dataset.measure ?? study.metric;
      const place = study.measures.find(({ key }) => key === drawn)?.order[placeOf(mark)];
      if (place === null || place === undefined) delete mark.dataset.configuration;
      else mark.dataset.configuration = place;
    }
    marks[mark.dataset.configuration]?.push(mark);
  }
}

if (study) {
  findMarks();
  document.body.append(tip, status);
  document.querySelectorAll("table").forEach(addRowButtons);
  new Set(marks.flat().map((mark) => mark.closest("svg")).filter(Boolean)).forEach(addKeys);
  followPointer();
  addControls();
  addPanel();
  filter();
}
