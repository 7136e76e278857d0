// Plots have no ground of their own, so that what they draw in ink has to turn with the page, and to fit its paper.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const plots = () => document.querySelectorAll(".plotly-graph-div");
const paint = ink => plots().forEach(plot => {
  const lines = plot.data.flatMap((trace, i) => trace.meta === "INK_IN_LIGHT" ? [i] : []);
  Plotly.update(plot, lines.length ? {"line.color": ink} : {}, {"font.color": ink}, lines);
});
const follow = () => paint(dark.matches ? "INK_IN_DARK" : "INK_IN_LIGHT");
window.addEventListener("load", follow);
dark.addEventListener("change", follow);
window.addEventListener("beforeprint", () => {
  paint("INK_IN_LIGHT");
  plots().forEach(plot => Plotly.relayout(plot, {width: 680}));  // A4 within its margins
});
window.addEventListener("afterprint", () => {
  plots().forEach(plot => Plotly.relayout(plot, {width: null, autosize: true}));
  follow();
});
