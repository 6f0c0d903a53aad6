// The learning curves of a configuration's runs, drawn as SVG: a chart for each curve, a thin line for each run.

const SVG = "http://www.w3.org/2000/svg";
const CHART = { width: 340, height: 210, left: 46, right: 330, top: 10, bottom: 176 };

function draw(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function drawRuns({ epochs, runs }, names, falling) {
  const isKnown = (name) => runs.some((run) => run.curves[name]?.some((value) => value !== null));
  const charts = Object.keys(names).filter(isKnown)
    .map((name) => drawChart(name, names[name], epochs, runs, falling.includes(name)));
  const buttons = runs.map((run, place) => {
    const button = make("button", { type: "button" }, run.name);
    const on = (type, chosen) => button.addEventListener(type, () => charts.forEach(({ stress }) => stress(chosen)));
    on("pointerenter", place), on("focus", place), on("pointerleave", -1), on("blur", -1);
    return make("li", {}, button);
  });
  const legend = runs.length > 1 ? "Thin: each run. Thick: their mean, as far as all of them go." : "";
  return [
    make("div", { class: "charts" }, ...charts.map(({ figure }) => figure)),
    make("div", {}, make("p", {}, legend), make("ul", { class: "runs" }, ...buttons)),
  ];
}

function drawChart(name, title, epochs, runs, isFalling) {
  const curves = runs.map((run) => run.curves[name] ?? epochs.map(() => null));
  const known = curves.flat().filter((value) => value !== null).sort((a, b) => a - b);
  const isLogarithmic = isFalling && known[0] > 0 && known.at(-1) / known[0] > 20;
  const scaled = isLogarithmic ? Math.log10 : (value) => value;
  // the first epochs of an accuracy would squeeze all others: its lowest tenth may leave the chart
  let low = scaled(known[isFalling ? 0 : Math.floor(known.length / 10)]), high = scaled(known.at(-1));
  if (high - low < 1e-9) [low, high] = [low - 0.01, high + 0.01];
  const first = epochs[0], last = Math.max(epochs.at(-1), first + 1);
  const x = (epoch) => CHART.left + ((epoch - first) / (last - first)) * (CHART.right - CHART.left);
  const y = (value) => CHART.bottom - ((scaled(value) - low) / (high - low)) * (CHART.bottom - CHART.top);
  const trace = (values) => values
    .map((value, place) => value === null ? "" // h0 makes a dot of a point that has no neighbour
      : `${place && values[place - 1] !== null ? "L" : "M"}${x(epochs[place]).toFixed(1)} ${y(value).toFixed(1)}h0`)
    .join("");
  const lines = curves.map((values) => draw("path", { class: "run", d: trace(values) }));
  const counted = curves.filter((_, place) => runs[place].is_finished);
  const means = counted.length > 1 ? [draw("path", { class: "mean", d: trace(average(counted)) })] : [];
  const caption = make("figcaption", {}, title);
  const { left, right, top, bottom, width, height } = CHART;
  const box = { x: left, y: top - 3, width: width - left, height: bottom - top + 3 }; // cuts off what leaves it
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title} by epoch` },
    ...placeTicks(low, high, isLogarithmic).flatMap((value) => [
      draw("path", { class: "grid", d: `M${left} ${y(value)}H${right}` }),
      draw("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, value)]),
    ...placeTicks(first, last, false).filter(Number.isInteger).map((epoch) =>
      draw("text", { x: x(epoch), y: bottom + 16, "text-anchor": "middle" }, epoch)),
    draw("text", { x: (left + right) / 2, y: height - 4, "text-anchor": "middle" }, "epoch"),
    draw("svg", { ...box, viewBox: Object.values(box).join(" ") }, ...lines, ...means));
  const stress = (place) => lines.forEach((line, one) => line.classList.toggle("near", one === place));
  svg.addEventListener("pointerleave", () => (stress(-1), caption.replaceChildren(title)));
  svg.addEventListener("pointermove", (event) => {
    const drawn = svg.getBoundingClientRect(), unit = drawn.width / width;
    const epoch = nearest(epochs.map(x), (event.clientX - drawn.left) / unit);
    const heights = curves.map((one) => one[epoch] === null ? Infinity : y(one[epoch]));
    const run = nearest(heights, (event.clientY - drawn.top) / unit);
    stress(run);
    caption.textContent = `${title}: ${runs[run].name} has ${curves[run][epoch] ?? "none"} at epoch ${epochs[epoch]}`;
  });
  return { figure: make("figure", {}, caption, svg), stress };
}

function average(curves) {
  return curves[0].map((_, place) => {
    const values = curves.map((one) => one[place]);
    return values.includes(null) ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
  });
}

function nearest(places, wanted) {
  const far = places.map((place) => Math.abs(place - wanted));
  return far.indexOf(Math.min(...far));
}

function placeTicks(low, high, isLogarithmic) {
  const span = high - low, power = 10 ** Math.floor(Math.log10(span / 4));
  const step = isLogarithmic ? Math.ceil(span / 5) : power * [1, 2, 5, 10].find((one) => span / (one * power) <= 5);
  const first = Math.ceil(low / step - 1e-9), n = Math.floor(high / step + 1e-9) - first + 1;
  const ticks = Array.from({ length: n }, (_, place) => (first + place) * step);
  return ticks.map((tick) => Number((isLogarithmic ? 10 ** tick : tick).toPrecision(6)));
}
