// Accuracy against sparsity, with the slider lying on its axis: the thumb rides exactly under the dot.

const THUMB = 24
const LINE_HEIGHT = 16

function buildCurve(view) {
  const parts = {}
  parts.svg = svg("svg", { role: "img", class: "pv-chart" })
  parts.title = svg("title", {}, "")
  parts.still = svg("g")
  parts.guess = svg("g", { class: "pv-guess" })
  parts.others = svg("g", { class: "pv-others", "data-pv": "others" })
  parts.trail = svg("g", { class: "pv-trail" })
  parts.pin = svg("g", { class: "pv-pin" })
  parts.kept = svg("rect", { class: "pv-kept", height: 10, rx: 2 })
  parts.gone = svg("rect", { height: 10, rx: 2, fill: `url(#${view.hatch})` })
  parts.drop = svg("line", { class: "pv-drop" })
  parts.whisker = svg("path", { class: "pv-whisker" })
  parts.dot = svg("circle", { class: "pv-dot", r: 7.5 })
  parts.names = svg("g", { class: "pv-names" })
  parts.live = svg("g", { class: "pv-livedot" }, parts.whisker, parts.dot)
  parts.svg.append(parts.title, parts.still, parts.drop, parts.kept, parts.gone, parts.names, parts.trail, parts.pin, parts.others, parts.guess, parts.live)
  parts.input = el("input", { type: "range", min: 0, max: 100, step: "any", class: "pv-main" })
  parts.box = el("div", { class: "pv-plot", "data-pv": "curve" }, parts.svg, parts.input)
  parts.legend = el("p", { class: "pv-legend" })
  parts.othersWords = el("p", { class: "pv-legend", "data-pv": "others-words" })
  return parts
}

/** Lays the still picture out for the width there is. Nothing here runs during a drag. */
function layoutCurve(view) {
  const { panel, curve: parts } = view
  const width = Math.max(260, Math.round(parts.box.clientWidth))
  const plot = frameOf(width, view.hero, panel)
  view.plot = plot
  dress(parts.svg, { width, height: plot.height, viewBox: `0 0 ${width} ${plot.height}` })
  say(parts.title, curveWords(panel))
  const series = seriesOf(panel, plot)
  const labels = labelsOf(panel, plot, series)
  const lines = series.flatMap((item) => (item.path ? [item.path] : []))
  plot.room = { left: plot.left + 2, right: plot.right + 14, top: plot.top - 6, bottom: plot.bottom - 2 }
  plot.lines = lines
  plot.taken = []
  const placed = placeLabels(labels, lines, plot.room, view.font, LINE_HEIGHT, plot.taken)
  parts.still.replaceChildren(
    ...axesOf(panel, plot, view.hero),
    svg("g", { class: "pv-series" }, ...cliffBand(panel, plot), ...series.flatMap(drawSeries)),
    drawChance(series),
  )
  parts.names.replaceChildren(...drawPlaced(placed, plot, panel))
  showLegend(parts.legend, series, placed.map(([label]) => label))
  dress(parts.kept, { y: plot.bottom, x: plot.left, width: plot.right - plot.left })
  dress(parts.gone, { y: plot.bottom, x: plot.left })
  Object.assign(parts.input.style, {
    left: plot.left - THUMB / 2 + "px",
    width: plot.right - plot.left + THUMB + "px",
    top: plot.bottom + 5 - 16 + "px",
  })
  drawTrail(view)
  drawPin(view)
  drawGuess(view)
}

function frameOf(width, hero, panel) {
  const narrow = width < 520
  const height = hero ? (narrow ? 310 : 350) : 268
  const frame = { left: 42, right: width - 18, top: 34, bottom: height - 58, height, width, narrow }
  frame.x = (value) => frame.left + (value / 100) * (frame.right - frame.left)
  const [low, high] = panel.share ? [0, 100] : spanOf(panel)
  const along = panel.share ? (value) => value / 100 : (value) => Math.log(clamp(value, low, high) / low) / Math.log(high / low)
  frame.y = (value) => frame.bottom - along(value) * (frame.bottom - frame.top)
  frame.levels = panel.share ? [0, 25, 50, 75, 100] : decadesOf(low, high)
  frame.cut = !panel.share && high >= BEYOND * panel.chance ? high : 0
  return frame
}

const BEYOND = 4

/** From where to where a metric goes that is no share, on a logarithmic axis: all that is drawn, but no further than a few
 * times what chance gets; what lies beyond is drawn at the top, and the topmost tick says so. */
function spanOf(panel) {
  const lines = [panel.curve, panel.baseline, panel.tuned, panel.pin && panel.pin.line].filter(Boolean)
  const drawn = lines.flatMap((line) => [...line.accuracy, ...(line.low || []), ...(line.high || [])]).concat(panel.chance)
  const usable = drawn.filter((value) => Number.isFinite(value) && value > 0)
  const [low, high] = [Math.min(...usable), Math.max(...usable)]
  return [low / 1.15, high > BEYOND * panel.chance ? BEYOND * panel.chance : Math.max(high, low * 1.01) * 1.15]
}

/** The ones, twos and fives of each decade that lie in a span; powers of ten alone where there are many. */
function decadesOf(low, high) {
  const found = []
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
    for (const digit of Math.log10(high / low) > 3 ? [1] : [1, 2, 5]) found.push(digit * 10 ** power)
  return found.filter((value) => value >= low && value <= high / 1.4)
}

function curveWords(panel) {
  const { percent: at, accuracy } = panel.curve
  const last = accuracy.length - 1
  const fall = panel.cliff ? `, ${panel.cliff.times ? "rising" : "falling"} ${steep(panel.cliff)} between ${at_(panel.cliff)}` : ""
  const few = panel.curve.n ? panel.curve.n.filter((n) => n < panel.n).length : 0
  const rough = few ? `; ${few} of ${at.length} points are of fewer samples so far` : ""
  return `${panel.title}: ${panel.metric} on ${panel.n} held-out ${panel.samples} against the percent of the ${panel.noun} removed, from ` +
    `${metricText(panel, accuracy[0])} at ${at[0]} percent to ${metricText(panel, accuracy[last])} at ${at[last]} percent${fall}${rough}`
}

/** How steep a cliff is: points of accuracy, or how many times the perplexity before it. */
const steep = (cliff) => (cliff.times ? `${Number(cliff.times.toPrecision(2))} times` : points(cliff.points))

const at_ = (cliff) => `${short(cliff.start)} and ${short(cliff.end)}${GAP}%`

function seriesOf(panel, plot) {
  const trace = (line) => line.percent.map((value, i) => [plot.x(value), plot.y(line.accuracy[i])])
  const series = [{ kind: "pv-oneshot", name: panel.curve.name || "one shot, no fine-tuning", line: panel.curve }]
  if (panel.tuned) series.push({ kind: "pv-tuned", name: panel.tuned.name || "after fine-tuning", line: panel.tuned, nodes: true })
  if (panel.baseline) series.push({ kind: "pv-baseline", name: panel.baseline.name || "random pruning (baseline)", line: panel.baseline })
  if (panel.pin && panel.pin.line) series.push({ kind: "pv-pinned", name: panel.pin.line.name, line: panel.pin.line })
  for (const item of series) item.path = trace(item.line)
  for (const item of series) item.few = item.line.n ? item.line.n.map((n) => n < panel.n) : null
  for (const item of series) item.gaps = item.nodes ? null : gapsOf(item.line)
  for (const item of series) item.ribbon = !["pv-baseline", "pv-pinned"].includes(item.kind) && item.line.low && !item.gaps ? ribbonOf(item.line, plot) : null
  const chance = { kind: "pv-atchance", name: `chance, ${panel.share ? percent(panel.chance) : metricText(panel, panel.chance)}` }
  chance.path = [[plot.left, plot.y(panel.chance)], [plot.right, plot.y(panel.chance)]]
  return [...series, chance]
}

/** Percent between two points beyond which nobody knows what lies between them. */
const FAR = 11

/** Which stretches of a growing curve are too long to be drawn as if they were measured; null where none is. */
function gapsOf(line) {
  const far = line.percent.map((value, i) => i > 0 && value - line.percent[i - 1] > FAR)
  return far.includes(true) ? far : null
}

function ribbonOf(line, plot) {
  const over = line.percent.map((value, i) => [plot.x(value), plot.y(line.high[i])])
  const under = line.percent.map((value, i) => [plot.x(value), plot.y(line.low[i])])
  return pathOf([...over, ...under.reverse()]) + "Z"
}

/** Stretches between points of all samples, and those that touch a point of fewer, or have nothing measured within. */
function stretches(item) {
  const [sure, rough] = [[], []]
  const few = (i) => Boolean(item.few && item.few[i])
  for (let i = 1; i < item.path.length; i++)
    (few(i - 1) || few(i) || (item.gaps && item.gaps[i]) ? rough : sure).push(pathOf([item.path[i - 1], item.path[i]]))
  return { sure: sure.join(""), rough: rough.join("") }
}

/** A curve of which some points are of fewer samples so far: those are hollow, and the line to them is broken; so is the
 * line across a stretch in which nothing was measured yet, and its ends are points. */
function drawRough(item) {
  const { sure, rough } = stretches(item)
  const hollow = item.path.filter((_, i) => item.few && item.few[i])
  const ends = item.gaps ? item.path.filter((_, i) => !(item.few && item.few[i]) && (item.gaps[i] || item.gaps[i + 1])) : []
  return [
    item.ribbon && svg("path", { class: "pv-ribbon " + item.kind, d: item.ribbon }),
    rough && svg("path", { class: "pv-line pv-rough " + item.kind, d: rough }),
    sure && svg("path", { class: "pv-line " + item.kind, d: sure }),
    ...hollow.map(([x, y]) => svg("circle", { class: "pv-few " + item.kind, cx: x.toFixed(1), cy: y.toFixed(1), r: hollow.length > 40 ? 2 : 3.5 })),
    ...ends.map(([x, y]) => svg("circle", { class: "pv-known " + item.kind, cx: x.toFixed(1), cy: y.toFixed(1), r: 2.5 })),
  ].filter(Boolean)
}

function drawSeries(item) {
  if (item.kind === "pv-atchance") return []
  if (item.few || item.gaps) return drawRough(item)
  const marks = item.nodes ? item.path.map(([x, y]) => `M${(x - 3).toFixed(1)} ${(y - 3).toFixed(1)}h6v6h-6Z`).join("") : ""
  return [
    item.ribbon && svg("path", { class: "pv-ribbon " + item.kind, d: item.ribbon }),
    svg("path", { class: "pv-line " + item.kind, d: pathOf(item.path) }),
    marks && svg("path", { class: "pv-node", d: marks }),
  ].filter(Boolean)
}

function drawChance(series) {
  const item = series[series.length - 1]
  return svg("path", { class: "pv-line pv-atchance", d: pathOf(item.path) })
}

/** The labels in order of importance: the first ones choose first. */
function labelsOf(panel, plot, series) {
  const labels = []
  if (panel.cliff) {
    const words = [`the cliff: ${panel.cliff.times ? "" : "−"}${steep(panel.cliff)}`, `between ${at_(panel.cliff)}`]
    const [from, to] = [plot.x(panel.cliff.start), plot.x(panel.cliff.end)]
    const middle = (plot.top + plot.bottom) / 2
    labels.push({
      cliff: true, must: true, lines: plot.width < 640 ? words : [words.join(" ")],
      places: () => flanking(from, to, middle, plot.top, plot.bottom),
    })
  }
  const others = (item) => series.filter((other) => other !== item && other.kind !== "pv-atchance").map((other) => other.path)
  for (const item of [...series.slice(1), series[0]])
    labels.push({ item, lines: [item.name], places: (width, height) => beside(item.path, others(item), item.nodes || item.kind === "pv-pinned", width, height) })
  return labels
}

function drawPlaced(placed, plot, panel) {
  return placed.flatMap(([label, x, y, anchor]) => {
    const kind = label.cliff ? "pv-strong" : "pv-of" + label.item.kind.slice(2)
    const text = drawLabel(label, x, y, anchor, LINE_HEIGHT, kind)
    if (!label.cliff) return [text]
    const edge = plot.x(anchor === "end" ? panel.cliff.start : panel.cliff.end)
    const from = anchor === "end" ? x + 3 : x - 3
    return [svg("line", { class: "pv-leader", x1: from, x2: edge, y1: y, y2: y }), text]
  })
}

function cliffBand(panel, plot) {
  if (!panel.cliff) return []
  const [from, to] = [plot.x(panel.cliff.start), plot.x(panel.cliff.end)]
  return [svg("rect", { class: "pv-band", x: from, width: Math.max(1, to - from), y: plot.top, height: plot.bottom - plot.top })]
}

function axesOf(panel, plot, hero) {
  const nodes = []
  for (const value of plot.levels) {
    const y = plot.y(value)
    if (value) nodes.push(svg("line", { class: "pv-grid", x1: plot.left, x2: plot.right, y1: y, y2: y }))
    nodes.push(svg("text", { class: "pv-tick", x: plot.left - 10, y, "text-anchor": "end" }, panel.share ? String(value) : whole.format(value)))
  }
  if (plot.cut) {
    nodes.push(svg("line", { class: "pv-grid", x1: plot.left, x2: plot.right, y1: plot.top, y2: plot.top }))
    nodes.push(svg("text", { class: "pv-tick", x: plot.left - 10, y: plot.top, "text-anchor": "end" }, `≥${whole.format(plot.cut)}`))
  }
  const step = plot.width < 420 ? 20 : 10
  for (let value = 0; value <= 100; value += step) {
    const x = plot.x(value)
    nodes.push(svg("line", { class: "pv-mark", x1: x, x2: x, y1: plot.bottom + 12, y2: plot.bottom + 18 }))
    nodes.push(svg("text", { class: "pv-tick", x, y: plot.bottom + 30, "text-anchor": "middle" }, String(value)))
  }
  const [wide, narrow] = [`${panel.measure}: % of the ${panel.noun} removed`, `${panel.measure}, % of the ${panel.noun}`]
  const hint = hero && plot.width > 620 ? "  ·  drag, or ← → 1%, with Shift 10%" : ""
  nodes.push(
    svg("text", { class: "pv-axis", x: 0, y: 12, "text-anchor": "start" }, `${panel.metric} on ${whole.format(panel.n)} held-out ${panel.samples}${panel.share ? ", %" : ""}`),
    svg("text", { class: "pv-axis", x: (plot.left + plot.right) / 2, y: plot.bottom + 50, "text-anchor": "middle" },
      svg("tspan", { class: "pv-strong" }, plot.narrow ? narrow : wide), svg("tspan", {}, hint)),
  )
  return nodes
}

/** Lines that found no room for their name are named below the chart instead. */
function showLegend(legend, series, labels) {
  const missing = series.filter((item) => !labels.some((label) => label.item === item))
  const rough = series.find((item) => item.few)
  const gaps = series.some((item) => item.gaps)
  legend.hidden = missing.length === 0 && !rough && !gaps
  legend.replaceChildren(...(rough ? [roughLegend(rough)] : []), ...(gaps ? [gapsLegend()] : []), ...missing.map((item) => {
    const sample = svg("svg", { width: 26, height: 10, "aria-hidden": "true" }, svg("path", { class: "pv-line " + item.kind, d: "M1 5H25" }))
    if (item.nodes) sample.append(svg("path", { class: "pv-node", d: "M10 2h6v6h-6Z" }))
    return el("span", {}, sample, " ", item.name)
  }))
}

/** What a broken line between two points is: nobody has looked in between yet. */
function gapsLegend() {
  const sample = svg("svg", { width: 26, height: 10, "aria-hidden": "true" }, svg("path", { class: "pv-line pv-rough", d: "M1 5H25" }))
  return el("span", { "data-pv": "gaps" }, sample, " dotted: nothing was measured in between yet")
}

/** What hollow points are: of how many samples so far. */
function roughLegend(item) {
  const counts = item.line.n.filter((_, i) => item.few[i])
  const [least, most] = [Math.min(...counts), Math.max(...counts)]
  const sample = svg("svg", { width: 26, height: 10, "aria-hidden": "true" },
    svg("path", { class: "pv-line pv-rough", d: "M1 5H25" }), svg("circle", { class: "pv-few", cx: 13, cy: 5, r: 3.5 }))
  const span = least === most ? whole.format(most) : `${whole.format(least)} to ${whole.format(most)}`
  return el("span", { "data-pv": "few" }, sample, ` hollow: on ${span} samples so far`)
}

/** Earlier settings: faint dots for the mouse, a row of buttons for everybody. */
function drawTrail(view) {
  const { panel, plot, curve: parts } = view
  parts.trail.replaceChildren(...panel.trail.map(([value, accuracy]) =>
    svg("circle", { cx: plot.x(value), cy: plot.y(accuracy), r: 5, onclick: () => view.go(value) },
      svg("title", {}, `back to ${percent(value)} removed, ${panel.metric} ${metricText(panel, accuracy)}`))))
}

/** The pinned baseline: a ring with its letter and its interval; a click leads back to it. The strip has a button for all. */
function drawPin(view) {
  const { panel, plot, curve: parts } = view
  const pin = panel.pin
  if (!pin) return parts.pin.replaceChildren()
  const [x, y, low, high] = [plot.x(pin.percent), plot.y(pin.accuracy), plot.y(pin.low), plot.y(pin.high)]
  parts.pin.replaceChildren(
    svg("path", { d: `M${x - 5} ${low}h10M${x - 5} ${high}h10M${x} ${low}V${high}` }),
    svg("circle", { cx: x, cy: y, r: 10, "data-pv": "pin", onclick: () => view.board.send("pin", panel.id, "", 0) },
      svg("title", {}, pin.words)),
    svg("text", { x, y, "text-anchor": "middle" }, pin.letter),
  )
}

function drawGuess(view) {
  const { plot, curve: parts } = view
  const at = view.guessing ? view.mark : view.guess
  drawOthers(view)
  if (!(at >= 0)) return parts.guess.replaceChildren()
  const x = plot.x(at)
  const label = { must: true, lines: [`your guess: ${percent(at)}`], places: () => flanking(x + 6, x - 6, plot.top + 14, plot.top, plot.bottom) }
  const [lines, taken] = view.guessing ? [[], []] : [plot.lines, [...plot.taken]]
  const [[, textX, textY, anchor]] = placeLabels([label], lines, plot.room, view.font, LINE_HEIGHT, taken)
  parts.guess.replaceChildren(
    svg("line", { x1: x, x2: x, y1: plot.top - 4, y2: plot.bottom }),
    svg("path", { d: `M${x} ${plot.top + 4}l-6 -10h12Z` }),
    drawLabel(label, textX, textY, anchor, LINE_HEIGHT, "pv-strong"),
  )
}

/** What others guessed: small rings that hang from the curve at their percent; many at one percent move closer together. */
function drawOthers(view) {
  const { panel, plot, curve: parts } = view
  const shown = view.guessing || !(view.guess >= 0) ? [] : view.board.data.others
  const many = new Map()
  for (const at of shown) many.set(at, (many.get(at) || 0) + 1)
  const rings = [...many].flatMap(([at, count]) => {
    const top = plot.y(accuracyAt(panel, at))
    const step = count > 1 ? Math.min(8, (plot.bottom - 6 - top) / (count - 1)) : 0
    return Array.from({ length: count }, (_, i) => svg("circle", { cx: plot.x(at), cy: top + i * step, r: 3.5 }))
  })
  parts.others.replaceChildren(...rings)
  parts.othersWords.hidden = shown.length === 0
  say(parts.othersWords, shown.length ? othersWords(shown) : "")
}

function othersWords(shown) {
  const middle = shown[Math.floor(shown.length / 2)]
  const span = shown[0] === shown[shown.length - 1] ? "" : `, from ${percent(shown[0])} to ${percent(shown[shown.length - 1])}`
  const who = shown.length === 1 ? "1 other has guessed in this lesson" : `${whole.format(shown.length)} others have guessed in this lesson`
  return `Rings: ${who}, ${shown.length === 1 ? percent(middle) : `in the middle ${percent(middle)}${span}`}.`
}

/** One frame of a drag: a few attributes, no layout read. */
function moveCurve(view, value, node, filled) {
  const { panel, plot, curve: parts } = view
  const thumb = plot.x(value)
  parts.gone.setAttribute("width", Math.max(0, thumb - plot.left))
  const exact = filled ? panel.exact : null
  const x = exact ? thumb : plot.x(panel.curve.percent[node])
  const y = plot.y(exact ? exact.accuracy : panel.curve.accuracy[node])
  parts.drop.setAttribute("x1", thumb)
  parts.drop.setAttribute("x2", thumb)
  parts.drop.setAttribute("y1", y)
  parts.drop.setAttribute("y2", plot.bottom)
  parts.dot.setAttribute("cx", x)
  parts.dot.setAttribute("cy", y)
  parts.dot.classList.toggle("pv-filled", Boolean(exact) && exact.n === null)
  parts.dot.classList.toggle("pv-half", Boolean(exact) && exact.n !== null)
  parts.whisker.setAttribute("d", exact && exact.low !== null && exact.high !== null
    ? `M${x - 6} ${plot.y(exact.low)}h12M${x - 6} ${plot.y(exact.high)}h12M${x} ${plot.y(exact.low)}V${plot.y(exact.high)}` : "")
}
