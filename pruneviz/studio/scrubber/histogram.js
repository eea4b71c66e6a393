// The weights as a two-tone histogram: blue stays, hatched goes, and the threshold between them.

const LOG_FLOOR = 0.5

function buildHistogram(view) {
  const parts = { title: svg("title", {}, "histogram of the weights"), still: svg("g") }
  parts.kept = svg("path", { class: "pv-kept" })
  parts.gone = svg("path", { fill: `url(#${view.hatch})`, class: "pv-goneedge" })
  parts.fits = svg("g")
  parts.lines = svg("path", { class: "pv-threshold" })
  parts.predicted = svg("path", { class: "pv-threshold pv-predicted" })
  parts.words = svg("text", { class: "pv-label pv-strong" }, "")
  parts.foretold = svg("text", { class: "pv-label" }, "")
  parts.svg = svg("svg", { role: "img", class: "pv-chart" },
    parts.title, parts.still, parts.kept, parts.gone, parts.fits, parts.lines, parts.predicted, parts.words, parts.foretold)
  parts.box = el("div", { class: "pv-plot" }, parts.svg)
  parts.legend = el("p", { class: "pv-legend" })
  parts.section = el("div", { class: "pv-hist", "data-pv": "histogram" }, parts.legend, parts.box)
  return parts
}

function layoutHistogram(view) {
  const { panel, histogram: parts } = view
  parts.section.hidden = !panel.histogram
  if (!panel.histogram) return
  const data = panel.histogram
  if (parts.packed !== data.gone.data) {
    parts.packed = data.gone.data
    parts.gones = unpack(data.gone)
  }
  const width = Math.max(260, Math.round(parts.box.clientWidth))
  const height = width < 520 ? 200 : 232
  const { edges, total } = data
  const box = { left: 42, right: width - 18, top: data.predicted ? 46 : 30, bottom: height - 44, low: edges[0], high: edges[edges.length - 1] }
  box.x = (value) => box.left + ((value - box.low) / (box.high - box.low || 1)) * (box.right - box.left)
  const peak = Math.max(1, ...total, ...data.lines.flatMap((line) => line.share.map((share) => (share || 0) * panel.weights)))
  box.peak = peak * 1.04
  // On a logarithmic axis half a weight is the floor: a bin with one weight still shows, an empty one does not.
  const depth = Math.log(box.peak / LOG_FLOOR)
  const part = (count) => (data.log ? Math.log(Math.max(count, LOG_FLOOR) / LOG_FLOOR) / depth : count / box.peak)
  box.y = (count) => box.bottom - part(count) * (box.bottom - box.top)
  parts.plot = box
  parts.bars = edges.slice(1).map((edge, b) => {
    const gap = (box.x(edge) - box.x(edges[b])) > 4 ? 0.6 : 0
    return [box.x(edges[b]) + gap, Math.max(0.5, box.x(edge) - box.x(edges[b]) - 2 * gap)]
  })
  dress(parts.svg, { width, height, viewBox: `0 0 ${width} ${height}` })
  parts.kept.setAttribute("d", barPath(parts, total))
  parts.still.replaceChildren(...histogramAxes(data, box, width, panel.noun.split(" of ")[0]))
  parts.fits.replaceChildren(...data.lines.map((line) => drawFit(line, box, panel.weights)))
  parts.legend.replaceChildren(...histogramLegend(view, data.lines))
  say(parts.title, `histogram of ${whole.format(panel.weights)} ${panel.noun}: ${data.label} from ${small(box.low)} to ${small(box.high)}, ` +
    `largest bin ${whole.format(Math.max(...total))}; the removed part of each bar is hatched`)
}

function barPath(parts, counts, offset = 0) {
  const { bars, plot } = parts
  let path = ""
  for (let b = 0; b < bars.length; b++) {
    const count = counts[offset + b]
    if (!count) continue
    const [x, width] = bars[b]
    path += `M${x.toFixed(1)} ${plot.bottom}V${plot.y(count).toFixed(1)}h${width.toFixed(1)}V${plot.bottom}Z`
  }
  return path
}

function histogramAxes(data, box, width, noun) {
  const nodes = [svg("text", { class: "pv-axis", x: 0, y: 12, "text-anchor": "start" }, data.log ? `${noun} per bin, logarithmic` : `${noun} per bin`)]
  for (const value of data.log ? decades(box.peak) : niceTicks(0, box.peak, 3)) {
    const y = box.y(value)
    nodes.push(svg("line", { class: value ? "pv-grid" : "pv-zero", x1: box.left, x2: box.right, y1: y, y2: y }))
    nodes.push(svg("text", { class: "pv-tick", x: box.left - 8, y, "text-anchor": "end" }, compact(value)))
  }
  for (const value of niceTicks(box.low, box.high, width < 520 ? 4 : 8)) {
    const x = box.x(value)
    nodes.push(svg("line", { class: "pv-mark", x1: x, x2: x, y1: box.bottom, y2: box.bottom + 5 }))
    nodes.push(svg("text", { class: "pv-tick", x, y: box.bottom + 16, "text-anchor": "middle" }, small(value).replace("-", "−")))
  }
  nodes.push(svg("text", { class: "pv-axis pv-strong", x: (box.left + box.right) / 2, y: box.bottom + 36, "text-anchor": "middle" }, data.label))
  return nodes
}

function decades(peak) {
  return Array.from({ length: Math.floor(Math.log10(peak)) + 1 }, (_, power) => 10 ** power)
}

function compact(value) {
  if (value >= 1e6) return short(value / 1e6) + "M"
  return value >= 1e4 ? short(value / 1e3) + "k" : whole.format(value)
}

function drawFit(line, box, weights) {
  const path = line.at.map((at, i) => [at, line.share[i]]).filter(([at, share]) => share !== null && at >= box.low && at <= box.high)
    .map(([at, share]) => [box.x(at), box.y(share * weights)])
  return svg("path", { class: "pv-fit", d: pathOf(path), "stroke-dasharray": dashOf(line.dash) })
}

/** Plotly's names for dashes, so that one word means the same line on every page. */
function dashOf(dash) {
  return { dot: "2 3", dash: "7 4", dashdot: "7 3 2 3", solid: null, "": null }[dash] ?? dash
}

function histogramLegend(view, lines) {
  const swatch = (attributes) => svg("svg", { width: 16, height: 12, "aria-hidden": "true" }, svg("rect", { width: 16, height: 12, rx: 2, ...attributes }))
  const stroke = (dash) => svg("svg", { width: 26, height: 12, "aria-hidden": "true" },
    svg("path", { class: "pv-fit", d: "M0 6H26", "stroke-dasharray": dashOf(dash) }))
  return [
    el("span", {}, swatch({ class: "pv-kept" }), " stays"),
    el("span", {}, swatch({ fill: `url(#${view.hatch})` }), " goes"),
    ...lines.map((line) => el("span", {}, stroke(line.dash), " " + line.name)),
  ]
}

/** One frame of a drag: one path and the threshold. */
function moveHistogram(view, value) {
  const { panel, histogram: parts } = view
  const data = panel.histogram
  if (!data) return
  const bins = data.gone.bins
  const node = clamp(Math.round((value / 100) * (parts.gones.length / bins - 1)), 0, parts.gones.length / bins - 1)
  parts.gone.setAttribute("d", barPath(parts, parts.gones, node * bins))
  const threshold = value > 0 && data.threshold ? data.threshold[node] : null
  rule(parts, { path: parts.lines, words: parts.words, y: parts.plot.top - 6 }, threshold, (t) => (threshold === 0 ? "zeros go" : `${data.compared} < ${t} goes`))
  const predicted = value > 0 && data.predicted ? data.predicted[node] : null
  rule(parts, { path: parts.predicted, words: parts.foretold, y: parts.plot.top - 22 }, predicted, (t) => `${data.predicted_name} ${t}`)
}

/** A line at ±t, below all words, with its own words above beside the right one; nothing where there is no t, or where it
 * lies outside. */
function rule(parts, { path, words, y }, t, text) {
  const { plot } = parts
  if (t === null || t === undefined) {
    path.setAttribute("d", "")
    return say(words, "")
  }
  const stroke = (x) => `M${x.toFixed(1)} ${plot.top + 3}V${plot.bottom}`
  const right = plot.x(Math.min(t, plot.high))
  const left = plot.low < 0 ? stroke(plot.x(Math.max(-t, plot.low))) : ""
  path.setAttribute("d", t <= plot.high ? stroke(right) + left : "")
  const roomy = right + 170 < plot.right
  words.setAttribute("x", roomy ? right + 8 : right - 8)
  words.setAttribute("y", y)
  words.setAttribute("text-anchor", roomy ? "start" : "end")
  say(words, text(t >= 1e-3 ? t.toPrecision(3) : small(t)))
}
