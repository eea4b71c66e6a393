// Small words for building and drawing: elements, SVG paths, numbers as a reader wants them.

const SVG_NS = "http://www.w3.org/2000/svg"
// English sets the percent sign close; a name for it keeps every number on the page alike.
const GAP = ""

/** An HTML element: el("p", {class: "x", onclick: f}, child, "text"). */
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag)
  dress(node, attributes)
  node.append(...children.filter((child) => child !== null && child !== undefined))
  return node
}

function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG_NS, tag)
  dress(node, attributes)
  node.append(...children.filter((child) => child !== null && child !== undefined))
  return node
}

function dress(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) node.removeAttribute(name)
    else if (name.startsWith("on")) node[name] = value
    else node.setAttribute(name, value === true ? "" : value)
  }
}

/** Sets the text of a node without making a new text node on each frame. */
function say(node, text) {
  if (node.firstChild) {
    if (node.firstChild.data !== text) node.firstChild.data = text
  } else node.textContent = text
}

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 })
const clamp = (value, low, high) => Math.min(high, Math.max(low, value))

/** At most `digits` decimals, without trailing zeros: 58, 58.5. */
function short(value, digits = 1) {
  return String(Number(value.toFixed(digits)))
}

function percent(value, digits = 1) {
  return short(value, digits) + GAP + "%"
}

/** Accuracies keep their decimal, so that the number does not change its width while dragging. */
function accuracyText(value) {
  return value.toFixed(1) + GAP + "%"
}

/** What is measured, as its reader knows it: a share in percent, anything else as it is. */
function metricText(panel, value) {
  if (panel.share) return accuracyText(value)
  return value >= 1000 ? whole.format(value) : value.toFixed(2)
}

function points(value) {
  const text = short(Math.abs(value))
  return text + (text === "1" ? " point" : " points")
}

function signedPoints(value) {
  return (Math.abs(value) < 0.05 ? "±" : value > 0 ? "+" : "−") + points(value)
}

/** Three significant digits: thresholds and ticks of weights. */
function small(value) {
  if (value === 0) return "0"
  return Math.abs(value) >= 1e-3 && Math.abs(value) < 1e4 ? String(Number(value.toPrecision(3))) : value.toExponential(1)
}

/** The index of the node of an ascending list that lies nearest to the value. */
function nearest(list, value) {
  let low = 0
  let high = list.length - 1
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (list[middle] <= value) low = middle
    else high = middle
  }
  return Math.abs(list[high] - value) < Math.abs(value - list[low]) ? high : low
}

/** A value of a 101-node sweep at any percent: counts and energies run straight between whole percents. */
function between(list, value) {
  const last = list.length - 1
  const at = clamp((value / 100) * last, 0, last)
  const left = Math.floor(at)
  const right = Math.min(last, left + 1)
  return list[left] + (list[right] - list[left]) * (at - left)
}

function pathOf(points) {
  return points.map(([x, y], i) => (i ? "L" : "M") + x.toFixed(1) + " " + y.toFixed(1)).join("")
}

/** Round steps for an axis: 1, 2 or 5 times a power of ten, at most `most` of them. */
function niceTicks(low, high, most) {
  const rough = (high - low) / Math.max(1, most)
  if (!(rough > 0) || !Number.isFinite(rough)) return [low]
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough) * power
  const ticks = []
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) ticks.push(Number((k * step).toPrecision(12)))
  return ticks
}

/** Base64 of little-endian whole numbers, as Python packed them. */
function unpack({ bits, data }) {
  const text = atob(data)
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  const Kind = { 8: Uint8Array, 16: Uint16Array, 32: Uint32Array }[bits]
  return new Kind(bytes.buffer)
}

function calm() {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches
}

/**
 * Makes a range input a slider that moves at once and commits once.
 * A pointer drags in whole percents and commits on release; keys commit 150 ms after the last one is let go.
 * Values set from elsewhere (assistive technology, scripts) keep their fractions.
 */
function slide(input, { moved, settled, started = () => {} }) {
  const state = { held: false, timer: 0 }
  const settle = () => {
    clearTimeout(state.timer)
    state.timer = 0
    state.held = false
    settled(Number(input.value))
  }
  input.onpointerdown = (event) => {
    if (event.button !== 0) return
    state.held = true
    input.step = "1"
    started()
    const done = () => {
      document.removeEventListener("pointerup", done)
      document.removeEventListener("pointercancel", done)
      input.step = "any"
      settle()
    }
    document.addEventListener("pointerup", done)
    document.addEventListener("pointercancel", done)
  }
  input.oninput = () => moved(Number(input.value))
  input.onchange = () => {
    if (!state.held) settle()
  }
  input.onkeydown = (event) => {
    const next = keyTarget(event, Number(input.value))
    if (next === null) return
    event.preventDefault()
    clearTimeout(state.timer)
    state.held = true
    started()
    input.value = next
    moved(next)
  }
  input.onkeyup = () => {
    if (!state.held) return
    clearTimeout(state.timer)
    state.timer = setTimeout(settle, 150)
  }
  input.onblur = () => {
    if (state.held) settle()
  }
  return state
}

/** Where a key leads: arrows 1 %, with Shift and for pages 10 %, Home and End to the ends; null for other keys. */
function keyTarget(event, value) {
  if (event.ctrlKey || event.metaKey || event.altKey) return null
  const direction = { ArrowRight: 1, ArrowUp: 1, PageUp: 1, ArrowLeft: -1, ArrowDown: -1, PageDown: -1 }[event.key]
  if (event.key === "Home") return 0
  if (event.key === "End") return 100
  if (!direction) return null
  const step = event.shiftKey || event.key.startsWith("Page") ? 10 : 1
  const from = direction > 0 ? Math.floor(value) : Math.ceil(value)
  return clamp(from + direction * step, 0, 100)
}
