// The board: builds each panel once, redraws it alone while a hand is on it, and tells Python once on release.

const BOARDS = new WeakMap()
let boardCount = 0

/** Streamlit runs this again on each change of data or theme: build once, then patch. */
export default function (component) {
  const { parentElement, data, setStateValue } = component
  const root = parentElement.querySelector(".pv-scrubber")
  if (!root || !data) return
  let board = BOARDS.get(root)
  if (!board) {
    board = makeBoard(root)
    BOARDS.set(root, board)
  }
  board.emit = (events) => setStateValue("events", events)
  board.receive(data)
  return () => {
    board.resize.disconnect()
    document.documentElement.removeAttribute("data-pv-guessing")
    BOARDS.delete(root)
    root.replaceChildren()
  }
}

function makeBoard(root) {
  const id = `pv-hatch-${++boardCount}`
  const board = { root, data: null, views: new Map(), outbox: [], nonce: 0, linked: false, hatch: id, emit: () => {} }
  board.live = el("p", { class: "pv-offscreen", "aria-live": "polite", "data-pv": "announcer" }, "")
  board.link = el("input", { type: "checkbox", "data-pv": "linked" })
  board.linkWords = el("span", {}, "")
  board.linkRow = el("label", { class: "pv-linked" }, board.link, board.linkWords)
  board.grid = el("div", { class: "pv-panels" })
  root.replaceChildren(hatchPattern(id), board.linkRow, board.grid, board.live)
  board.link.onchange = () => {
    board.linked = board.link.checked
    board.send("linked", "", "", board.linked ? 1 : 0)
  }
  board.announce = (text) => say(board.live, text)
  board.send = (kind, panel, layer, value) => {
    board.nonce = Math.max(board.nonce + 1, Date.now())
    board.outbox = [...board.outbox, { nonce: board.nonce, kind, panel, layer, percent: value }].slice(-16)
    board.emit(board.outbox)
  }
  board.waiting = (panel, layer) => board.outbox.some((event) => event.panel === panel && event.layer === layer && event.kind !== "guess")
  board.receive = (data) => receive(board, data)
  board.resize = new ResizeObserver(() => {
    for (const view of board.views.values()) if (view.curve.box.clientWidth !== view.width) view.refresh()
  })
  board.resize.observe(root)
  return board
}

/** New data: acknowledged events leave the outbox; a thumb in somebody's hand stays where it is. */
function receive(board, data) {
  board.data = data
  board.nonce = Math.max(board.nonce, data.seen)
  board.outbox = board.outbox.filter((event) => event.nonce > data.seen)
  if (!board.outbox.some((event) => event.kind === "linked")) board.linked = data.linked
  board.link.checked = board.linked
  board.linkRow.hidden = data.panels.length < 2
  say(board.linkWords, ` same ${data.panels[0].measure} for all`)
  const ids = data.panels.map((panel) => panel.id)
  for (const [id, view] of board.views)
    if (!ids.includes(id)) {
      view.card.remove()
      board.views.delete(id)
    }
  data.panels.forEach((panel, index) => {
    let view = board.views.get(panel.id)
    if (!view) {
      view = makeView(board, panel, data.panels.length === 1)
      board.views.set(panel.id, view)
    }
    if (board.grid.children[index] !== view.card) board.grid.insertBefore(view.card, board.grid.children[index] || null)
    patch(view, panel, data)
  })
  board.root.classList.toggle("pv-several", data.panels.length > 1)
}

function hatchPattern(id) {
  return svg("svg", { width: 0, height: 0, class: "pv-defs", "aria-hidden": "true" }, svg("defs", {},
    svg("pattern", { id, width: 7, height: 7, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      svg("rect", { width: 7, height: 7, class: "pv-hatchback" }), svg("rect", { width: 3.4, height: 7, class: "pv-hatchline" }))))
}

function makeView(board, panel, hero) {
  const view = { board, panel, hero, hatch: board.hatch, value: panel.amount, sent: panel.amount, gliding: 0, guessing: false, mark: 50, guess: -1 }
  view.font = `13px ${getComputedStyle(board.root).fontFamily}`
  view.curve = buildCurve(view)
  view.histogram = buildHistogram(view)
  view.layers = buildLayers(view)
  view.challenges = buildChallenges(view)
  view.facts = buildFacts()
  view.table = el("details", { class: "pv-table" })
  view.trailRow = el("p", { class: "pv-trailrow" })
  view.title = el("h3", { class: "pv-title" }, panel.title)
  const hook = panel.id ? `scrubber-${panel.id}` : "scrubber"
  view.heart = el("div", { "data-pv": hook, class: "pv-heart" }, view.facts.box, view.curve.box, view.curve.legend, view.curve.othersWords)
  const main = el("div", { class: "pv-column" }, view.title, view.heart, view.challenges.section,
    view.histogram.section, view.trailRow, view.table)
  view.card = el("section", { class: "pv-panel", "aria-label": panel.title || "the live slider" }, main, view.layers.section)
  view.hand = slide(view.curve.input, {
    started: () => stopGlide(view),
    moved: (value) => (view.guessing ? markGuess(view, value) : scrub(view, value)),
    settled: (value) => (view.guessing ? markGuess(view, value) : settle(view, value)),
  })
  view.go = (value, words = "") => glide(view, value, words)
  view.refresh = () => refresh(view)
  return view
}

function buildFacts() {
  const parts = { accuracy: el("span", { class: "pv-number", "data-pv": "live-accuracy" }, ""), how: el("span", { class: "pv-how" }, "") }
  parts.sparsity = el("span", { class: "pv-number2" }, "")
  parts.left = el("span", { class: "pv-sub" }, "")
  parts.energy = el("span", { class: "pv-number2" }, "")
  parts.energyWords = el("span", { class: "pv-sub" }, "")
  parts.measure = el("span", { class: "pv-sub" }, "")
  parts.fact = el("span", { class: "pv-sub" }, "")
  parts.metric = el("span", { class: "pv-sub" }, "")
  parts.box = el("div", { class: "pv-facts" },
    el("div", {}, parts.metric, el("span", { class: "pv-row" }, parts.accuracy, parts.how)),
    el("div", {}, parts.measure, parts.sparsity, parts.left),
    el("div", {}, parts.fact, parts.energy, parts.energyWords))
  return parts
}

/** Takes new data for one panel without touching a position that is held here. */
function patch(view, panel, data) {
  const { board } = view
  if (view.panel.noun !== panel.noun) view.guessing = false // another question: the old guess answers nothing
  view.panel = panel
  if (view.hero !== (data.panels.length === 1)) view.hero = data.panels.length === 1
  if (!board.outbox.some((event) => event.kind === "guess")) view.guess = data.guess
  const pending = board.outbox.some((event) => event.kind === "amount" && (event.panel === panel.id || board.linked))
  const others = board.linked && [...board.views.values()].some((other) => other.hand.held || other.gliding)
  if (!view.hand.held && !view.gliding && !pending && !others) {
    view.value = panel.amount
    view.sent = panel.amount
  }
  refresh(view)
  tellAnew(view)
}

/** What is removed at each percent is another matter now, by another scope, say: what was said aloud before holds no more. */
function tellAnew(view) {
  const { panel, curve, board } = view
  const question = JSON.stringify([panel.title, panel.noun, panel.weights, panel.removed, panel.energy])
  const another = view.question !== undefined && view.question !== question
  view.question = question
  if (!another || view.guessing) return
  say(view.challenges.told, "")
  board.announce(curve.input.getAttribute("aria-valuetext"))
}

/** Everything that depends on data or on the width; a drag never comes here. */
function refresh(view) {
  const { panel, curve } = view
  view.width = curve.box.clientWidth
  view.card.classList.toggle("pv-hero", view.hero)
  view.card.classList.toggle("pv-guessing", view.guessing)
  // The frame around hides its numbers, too: a guess is none if the answer stands above it.
  document.documentElement.toggleAttribute("data-pv-guessing", [...view.board.views.values()].some((one) => one.guessing))
  view.card.classList.toggle("pv-withlayers", panel.layers.length > 0)
  view.title.hidden = !panel.title
  say(view.title, panel.title)
  layoutLayers(view)
  layoutCurve(view)
  layoutHistogram(view)
  layoutChallenges(view)
  showTrail(view)
  showTable(view)
  curve.input.setAttribute("aria-label", view.guessing ? `your guess: at which ${panel.measure} ${panel.metric} falls off`
    : `${panel.measure}: percent of the ${panel.noun} removed${panel.title ? ", " + panel.title : ""}`)
  if (!view.hand.held) curve.input.value = view.guessing ? view.mark : view.value
  move(view, view.value)
  if (view.guessing) markGuess(view, view.mark)
}

/** One frame: every part of the panel at this percent. Writes only, so the browser lays out once. */
function move(view, value) {
  const { panel, board } = view
  view.value = value
  const node = nearest(panel.curve.percent, value)
  const settled = !view.hand.held && !view.gliding && board.outbox.length === 0
  const filled = settled && panel.exact !== null && Math.abs(panel.exact.percent - value) < 1e-6
  moveCurve(view, value, node, filled)
  moveHistogram(view, value)
  moveLayers(view)
  showFacts(view, value, node, filled)
  tellPage(view, value, settled)
}

/** Other pictures on the page follow this slider by themselves: they hear where it stands, and whether it rests there. */
function tellPage(view, value, settled) {
  if (view.guessing) return
  window.dispatchEvent(new CustomEvent("pruneviz-scrub", { detail: { panel: view.panel.id, percent: value, settled } }))
}

function showFacts(view, value, node, filled) {
  const { panel, facts, curve, guessing } = view
  const removed = Math.round(between(panel.removed, value))
  const accuracy = filled ? panel.exact.accuracy : panel.curve.accuracy[node]
  const at = panel.curve.percent[node]
  const sparsity = panel.weights ? (100 * removed) / panel.weights : value
  const how = filled ? measuredOn(panel) : Math.abs(at - value) > 1e-6 ? `precomputed at ${short(at)}` : "precomputed"
  say(facts.metric, panel.metric)
  say(facts.accuracy, guessing ? "hidden" : metricText(panel, accuracy))
  say(facts.how, guessing ? "until you reveal" : how)
  say(facts.sparsity, `${percent(sparsity)} removed`)
  say(facts.left, `${whole.format(panel.weights - removed)} of ${whole.format(panel.weights)} ${panel.noun} left`)
  say(facts.energy, percent(100 * between(panel.energy, value)))
  say(facts.measure, panel.measure)
  say(facts.fact, panel.fact)
  say(facts.energyWords, panel.macs ? `${panel.fact_words}, ${percent(100 * between(panel.macs, value))} of MACs` : panel.fact_words)
  if (!guessing) curve.input.setAttribute("aria-valuetext",
    `${short(sparsity)} percent of the ${panel.noun} removed, ${aloud(panel, accuracy)}`)
}

/** A value as a screen reader says it: «accuracy 98.6 percent», «perplexity 7.12». */
function aloud(panel, value) {
  return `${panel.metric} ${panel.share ? value.toFixed(1) + " percent" : metricText(panel, value)}`
}

/** What the filled dot rests on: all samples, or those that were run so far. */
function measuredOn(panel) {
  return panel.exact.n === null ? "measured" : `${whole.format(panel.exact.n)} of ${whole.format(panel.n)} so far`
}

/** A hand moves this slider; linked sliders come along, in the same frame. */
function scrub(view, value) {
  for (const each of view.board.linked ? view.board.views.values() : [view]) {
    if (each !== view) each.curve.input.value = value
    move(each, value)
  }
}

/** The hand is off: say it aloud, and tell Python if something changed. `words` explain a move that a button made. */
function settle(view, value, words = "") {
  scrub(view, value)
  if (words) view.board.announce(words)
  if (value === view.sent) return
  say(view.challenges.told, words)
  if (!words) view.board.announce(view.curve.input.getAttribute("aria-valuetext"))
  const linked = view.board.linked ? [...view.board.views.values()] : [view]
  for (const each of linked) each.sent = value
  view.board.send("amount", view.panel.id, "", value)
}

/** While guessing, everything but the accuracy follows the mark; the committed amount is kept for afterwards. */
function markGuess(view, value) {
  const committed = view.value
  view.mark = Math.round(value)
  move(view, view.mark)
  view.value = committed
  drawGuess(view)
  view.curve.input.setAttribute("aria-valuetext", `your guess: ${view.mark} percent removed`)
}

/** Goes to a setting so that one sees where it lies: a quarter of a second, or at once where motion is unwelcome. */
function glide(view, target, words) {
  stopGlide(view)
  say(view.challenges.told, words)
  const from = view.value
  const arrive = () => {
    view.gliding = 0
    view.curve.input.value = target
    settle(view, target, words)
  }
  if (calm() || from === target) return arrive()
  const start = performance.now()
  const step = (now) => {
    const share = clamp((now - start) / 250, 0, 1)
    if (share >= 1) return arrive()
    const value = Math.round(from + (target - from) * (1 - (1 - share) ** 3))
    view.curve.input.value = value
    scrub(view, value)
    view.gliding = requestAnimationFrame(step)
  }
  view.gliding = requestAnimationFrame(step)
}

function stopGlide(view) {
  cancelAnimationFrame(view.gliding)
  view.gliding = 0
}

function showTrail(view) {
  const { panel } = view
  const { trail } = panel
  view.trailRow.hidden = trail.length === 0 || view.guessing
  if (trail.length === 0) return view.trailRow.replaceChildren()
  const buttons = [...view.trailRow.querySelectorAll("button")]
  if (!buttons.length) view.trailRow.append("been at")
  trail.forEach(([value, accuracy], i) => {
    const button = buttons[i] || el("button", { type: "button" })
    if (!buttons[i]) view.trailRow.append(button)
    button.textContent = percent(value)
    button.setAttribute("aria-label", `back to ${short(value)} percent removed, ${aloud(panel, accuracy)}`)
    button.onclick = () => view.go(value)
  })
  for (const extra of buttons.slice(trail.length)) extra.remove()
}

/** The same curve as a table, every ten percent. */
function showTable(view) {
  const { panel, table } = view
  const pinned = panel.pin && panel.pin.line
  const lines = [panel.curve, panel.tuned, panel.baseline, pinned].filter(Boolean)
  const heads = ["one shot, no fine-tuning", panel.tuned && (panel.tuned.name || "after fine-tuning"), panel.baseline && "random pruning (baseline)", pinned && "A"]
  const cell = (line, value) => {
    const i = nearest(line.percent, value)
    if (Math.abs(line.percent[i] - value) > 1e-6) return "–"
    const few = line.n && line.n[i] < panel.n ? `, n = ${whole.format(line.n[i])}` : ""
    const bound = (value) => (panel.share ? value.toFixed(1) : metricText(panel, value))
    return metricText(panel, line.accuracy[i]) + few + (line.low ? ` [${bound(line.low[i])}, ${bound(line.high[i])}]` : "")
  }
  const rows = Array.from({ length: 11 }, (_, k) => el("tr", {}, el("th", { scope: "row" }, percent(10 * k)),
    ...lines.map((line) => el("td", {}, cell(line, 10 * k)))))
  const names = [`${panel.noun} removed`, ...lines.map((line, i) => line.name || heads.filter(Boolean)[i])]
  const grid = el("table", {}, el("caption", {}, `${panel.metric} on ${whole.format(panel.n)} held-out ${panel.samples}, with its 95${GAP}% interval`),
    el("thead", {}, el("tr", {}, ...names.map((name) => el("th", { scope: "col" }, name)))), el("tbody", {}, ...rows))
  const box = el("div", { class: "pv-scroll", tabindex: 0, role: "region", "aria-label": `${panel.metric} against sparsity as a table` }, grid)
  table.hidden = view.guessing
  if (table.firstChild) table.lastChild.replaceWith(box)
  else table.append(el("summary", {}, "view as table"), box)
}
