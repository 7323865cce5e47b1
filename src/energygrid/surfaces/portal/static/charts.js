"use strict";
// Draws every element with data-figure by Plotly, in the place of the drawing that stands there without scripts.
const style = getComputedStyle(document.documentElement);
const colour = (name) => style.getPropertyValue(name).trim();
const colours = { delivered: colour("--delivered"), received: colour("--received") };
const patterns = { estimated: "/", incomplete: "." };

function trace(given, unit) {
  const shape = patterns[given.state] || "";
  const paint = colours[given.flow] || colour("--other");
  const common = { name: given.name, x: given.x, y: given.y, customdata: given.links, text: given.hover,
    hovertemplate: "%{text}<br>%{y:.3f} " + unit + "<extra>" + given.name + "</extra>" };
  if (given.over) return { ...common, type: "scatter", mode: "markers", marker: { color: paint, size: 4, line: { color: colour("--sheet"), width: 0.5 } } };
  return {
    ...common, type: "bar", width: given.width.map((each) => each * 0.86), textposition: "none", marker: { color: paint, line: { width: 0 },
      pattern: { shape, size: 5, solidity: 0.4, fgcolor: colour("--sheet"), fillmode: "overlay" } },
  };
}

// As many of the ticks as have room side by side.
function fitting(ticks, width) {
  const every = Math.ceil((ticks[0] || []).length / Math.max(1, Math.floor(width / 64)));
  return [0, 1].map((which) => (ticks[which] || []).filter((_, place) => place % every === 0));
}

function layout(figure, width) {
  const [values, texts] = fitting(figure.ticks, width - 64);
  const soft = colour("--soft"), line = colour("--line");
  return {
    barmode: "relative", bargap: 0, showlegend: false, margin: { l: 56, r: 8, t: 10, b: 40 }, height: 320,
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: 13, color: soft },
    xaxis: { tickvals: values, ticktext: texts, tickangle: 0, range: [0, figure.length], fixedrange: true, showgrid: false, zeroline: false },
    yaxis: { title: { text: figure.unit }, fixedrange: true, gridcolor: line, zerolinecolor: colour("--edge") },
    hoverlabel: { bgcolor: colour("--sheet"), bordercolor: line, font: { color: colour("--ink") } },
    shapes: figure.gaps.map(([x0, x1]) => ({ type: "rect", xref: "x", yref: "paper", x0, x1, y0: 0, y1: 1, layer: "below",
      line: { width: 0 }, fillcolor: colour("--line"), opacity: 0.6 })),
  };
}

for (const place of document.querySelectorAll("[data-figure]")) {
  const figure = JSON.parse(place.dataset.figure);
  const target = document.createElement("div");
  place.append(target);
  const traces = figure.traces.map((each) => trace(each, figure.unit));
  window.Plotly.newPlot(target, traces, layout(figure, place.clientWidth), { displayModeBar: false, responsive: true }).then(() => {
    place.querySelector("svg.plain").remove();
    place.dataset.drawn = "yes";
    target.on("plotly_click", (event) => {
      const link = event.points[0] && event.points[0].customdata;
      if (link) window.location.assign(link);
    });
  });
}
