// Draws the plots of the page. They have no ground of their own, so that what is in ink turns with the page.
const {arrays, plots} = JSON.parse(document.getElementById("plots").textContent);
const figures = plots.map((_, i) => document.getElementById(`plot-${i}`));
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const ink = () => dark.matches ? "INK_IN_DARK" : "INK_IN_LIGHT";

// an array that several traces share stands once in the page
const whole = trace => Object.fromEntries(
  Object.entries(trace).map(([key, value]) => [key, value?.array === undefined ? value : arrays[value.array]]));

const paint = colour => figures.forEach(figure => {
  const lines = figure.data.flatMap((trace, i) => trace.meta === "INK_IN_LIGHT" ? [i] : []);
  Plotly.update(figure, lines.length ? {"line.color": colour} : {}, {"font.color": colour}, lines);
});

plots.forEach(({data, layout}, i) => {
  const fitting = figures[i].clientWidth >= 600 ? {} : {
    margin: {l: 40, r: 8, t: 30, b: 40},
    font: {size: 11},
    legend: {...layout.legend, font: {size: 10}},
    annotations: (layout.annotations || []).map(one => ({...one, font: {...one.font, size: 10}})),
  };
  // the mode bar would lie over the lines; dragging zooms and a double click goes back without it
  Plotly.newPlot(figures[i], data.map(whole), {...layout, ...fitting}, {displayModeBar: false, responsive: true});
});
paint(ink());
dark.addEventListener("change", () => paint(ink()));

// responsive plots follow the window, and paper is another one: A4 within its margins
window.addEventListener("beforeprint", () => {
  paint("INK_IN_LIGHT");
  figures.forEach(figure => Plotly.relayout(figure, {width: figure.className === "half" ? 336 : 680}));
});
window.addEventListener("afterprint", () => {
  figures.forEach(figure => Plotly.relayout(figure, {width: null, autosize: true}));
  paint(ink());
});
