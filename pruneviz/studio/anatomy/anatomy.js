// The board: builds the groups once, follows the slider of the page by itself, and tells Python what a hand did.

const BOARDS = new WeakMap()

/** Streamlit runs this again on each change of data or theme: build once, then patch. */
export default function (component) {
  const { parentElement, data, setStateValue } = component
  const root = parentElement.querySelector(".pv-anatomy")
  if (!root || !data) return
  let board = BOARDS.get(root)
  if (!board) {
    board = makeBoard(root)
    BOARDS.set(root, board)
  }
  board.emit = (events) => setStateValue("events", events)
  receive(board, data)
  return () => {
    window.removeEventListener("pruneviz-scrub", board.scrubbed)
    BOARDS.delete(root)
    root.replaceChildren()
  }
}

function makeBoard(root) {
  const board = { root, data: null, groups: [], parts: [], made: "", outbox: [], nonce: 0, pending: new Map(), live: null, percent: 0, emit: () => {} }
  board.count = el("p", { class: "pv-count", "data-pv": "units-left" }, "")
  board.legend = el("p", { class: "pv-legend" })
  board.live_region = el("p", { class: "pv-offscreen", "aria-live": "polite", "data-pv": "announcer" }, "")
  board.list = el("div", { class: "pv-groups" })
  board.card = buildCard(board)
  board.rove = () => rove(board)
  board.tell = (group, unit, gone) => tellUnit(board, group, unit, gone)
  root.replaceChildren(el("div", { class: "pv-head" }, board.count, board.legend), el("div", { class: "pv-body" }, board.list, board.card.box), board.live_region)
  board.scrubbed = (event) => {
    if (!board.data || event.detail.panel !== board.data.panel) return
    board.live = Math.abs(event.detail.percent - board.data.amount) < 1e-6 && event.detail.settled ? null : event.detail.percent
    redraw(board)
  }
  window.addEventListener("pruneviz-scrub", board.scrubbed)
  board.list.onclick = (event) => clicked(board, event)
  board.list.onkeydown = (event) => keyed(board, event)
  board.list.onpointerover = (event) => choose(board, unitAt(board, event.target))
  board.list.onpointerleave = () => choose(board, board.focused || null)
  board.list.onfocusin = (event) => {
    const found = unitAt(board, event.target)
    if (!found) return
    board.focused = found
    choose(board, found)
    rove(board, event.target.closest(".pv-unit"))
  }
  return board
}

/** New data: acknowledged events leave the outbox, and what was measured takes the place of what was foretold. */
function receive(board, data) {
  board.data = data
  board.nonce = Math.max(board.nonce, data.seen)
  board.outbox = board.outbox.filter((event) => event.nonce > data.seen)
  board.pending = new Map(board.outbox.map((event) => [event.unit, event.gone === null ? 0 : event.gone ? 1 : -1]))
  if (board.live !== null && Math.abs(board.live - data.amount) < 1e-6) board.live = null
  const before = new Map(board.parts.map((parts) => [parts.group.name, parts]))
  board.groups = data.groups.map(unpackGroup)
  const finite = board.groups.filter((group) => !group.fixed).flatMap((group) => [...group.scores].filter(Number.isFinite))
  board.low = finite.reduce((least, score) => Math.min(least, score), Infinity)
  board.top = finite.reduce((most, score) => Math.max(most, score), -Infinity)
  const made = data.key
  if (made !== board.made) {
    board.made = made
    board.focused = null
    board.card.chosen = null
    rebuild(board)
  } else {
    for (const group of board.groups) regroup(board, before.get(group.name), group)
  }
  for (const chosen of [board.card.chosen, board.focused])
    if (chosen) chosen.group = board.groups.find((group) => group.name === chosen.group.name)
  showLegend(board)
  redraw(board, true)
  rove(board)
  if (!board.card.chosen) choose(board, lastToGo(board))
}

function rebuild(board) {
  board.folds = board.groups.reduce((sum, group) => sum + group.units, 0) > OPEN
  let room = OPEN
  settleStates(board)
  board.parts = board.groups.map((group) => {
    const open = !board.folds || (!group.fixed && room >= Math.min(PAGE, group.units))
    if (open) room -= Math.min(PAGE, group.units)
    return buildGroup(board, group, open)
  })
  board.list.replaceChildren(...board.parts.map((parts) => parts.section))
}

/** The same group with new numbers: its buttons stay where they are unless the order of importance has changed. */
function regroup(board, parts, group) {
  const same = parts.group.order.every((unit, at) => group.order[at] === unit) && parts.group.scores.every((score, at) => Object.is(score, group.scores[at]))
  group.state = parts.group.state
  group.gone = parts.group.gone
  parts.group = group
  if (!same) fillGroup(board, parts)
}

/** One frame: units, widths and counts at this amount. `all` dresses every unit again, for what only Python knows. */
function redraw(board, all = false) {
  board.percent = board.live ?? board.data.amount
  const changed = new Map(settleStates(board))
  for (const parts of board.parts) {
    const units = all ? parts.tiles.keys() : changed.get(parts.group) || []
    for (const unit of units) {
      const tile = parts.tiles.get(unit)
      if (tile) dressTile(board, parts.group, unit, tile)
    }
    if (all || changed.has(parts.group)) countGroup(board, parts)
  }
  const open = board.groups.filter((group) => !group.fixed)
  const units = open.reduce((sum, group) => sum + group.units, 0)
  const left = units - open.reduce((sum, group) => sum + group.gone, 0)
  say(board.count, `${whole.format(left)} of ${whole.format(units)} ${board.data.noun} stay`)
  showCard(board)
}

/** The unit on which the amount ends: whose card stands there before anybody has pointed at one. */
function lastToGo(board) {
  let found = null
  for (const group of board.groups)
    for (let unit = 0; unit < group.units && !group.fixed; unit++) {
      const at = group.leaves[unit]
      const nearer = !found || (100 * at <= board.percent + ROUNDING ? at > found.at : at < found.at && 100 * found.at > board.percent + ROUNDING)
      if (nearer) found = { group, unit, at }
    }
  return found
}

function showLegend(board) {
  const swatch = (state) => el("span", { class: "pv-swatch", "data-state": state, "aria-hidden": "true" })
  const items = [[swatch("kept"), "kept"], [swatch("gone"), "removed"], [el("span", { class: "pv-pin", "aria-hidden": "true" }), "by hand"]]
  if (board.groups.some((group) => group.fixed)) items.push([swatch("fixed"), "cannot be pruned"])
  if (board.groups.some((group) => group.picture)) items.push([el("span", { class: "pv-ramp", "aria-hidden": "true" }), "weights: purple below 0, green above, each unit on its own scale"])
  if (board.groups.some((group) => group.kind === "matrix")) items.push([el("span", { class: "pv-ramp pv-cividis", "aria-hidden": "true" }), `importance, ${numberOf(board.low)} to ${numberOf(board.top)}`])
  board.legend.replaceChildren(...items.map(([mark, words]) => el("span", {}, mark, words)))
}

function unitAt(board, node) {
  const tile = node.closest(".pv-unit")
  if (!tile) return null
  const name = tile.dataset.unit
  const cut = name.lastIndexOf(":")
  const group = board.groups.find((one) => one.name === name.slice(0, cut))
  return group ? { group, unit: Number(name.slice(cut + 1)) } : null
}

/** Makes a unit the one on the card, and lights up what hangs on it. */
function choose(board, found) {
  const { card } = board
  if (!found || (card.chosen && card.chosen.group === found.group && card.chosen.unit === found.unit)) return
  board.list.querySelector(".pv-chosen")?.classList.remove("pv-chosen")
  tileOf(board, found)?.classList.add("pv-chosen")
  card.chosen = found
  showCard(board)
  lightUp(board, found)
}

function tileOf(board, { group, unit }) {
  return board.parts.find((parts) => parts.group === group)?.tiles.get(unit)
}

function clicked(board, event) {
  const found = unitAt(board, event.target)
  if (!found) return
  choose(board, found)
  const { group, unit } = found
  if (group.fixed) return say(board.live_region, canGo(group))
  const gone = group.state[unit] !== GONE
  tellUnit(board, group, unit, fallsAt(group, unit, board.percent) === gone && forcedOf(board, group, unit) ? null : gone)
}

/** A hand removed (true) or restored (false) a unit, or lets it follow its rank again (null): shown at once, told once. */
function tellUnit(board, group, unit, gone) {
  const name = unitName(group, unit)
  board.nonce = Math.max(board.nonce + 1, Date.now())
  board.outbox = [...board.outbox, { nonce: board.nonce, unit: name, gone }].slice(-32)
  board.pending.set(name, gone === null ? 0 : gone ? 1 : -1)
  redraw(board)
  const parts = board.parts.find((one) => one.group === group)
  const tile = parts.tiles.get(unit)
  if (tile) dressTile(board, group, unit, tile)
  const words = gone === null ? "follows its rank again" : gone ? "removed by hand" : "restored by hand"
  say(board.live_region, `${group.label}, ${called(board, group, unit)} ${words}`)
  board.emit(board.outbox)
}

/** One stop for Tab in the whole picture: the unit that had the focus last, else the first. */
function rove(board, wanted) {
  const tiles = board.list.querySelectorAll(".pv-unit")
  const stop = wanted || (board.focused && tileOf(board, board.focused)) || tiles[0]
  for (const tile of board.list.querySelectorAll('.pv-unit[tabindex="0"]')) if (tile !== stop) tile.tabIndex = -1
  if (stop) stop.tabIndex = 0
}

function keyed(board, event) {
  const tile = event.target.closest(".pv-unit")
  if (!tile || event.altKey || event.metaKey) return
  const next = neighbour(board, tile, event)
  if (next === null) return
  event.preventDefault()
  if (next) next.focus()
}

/** Where a key leads: beside, above or below by what the eye sees, to a group's ends, to the next group. Null: not ours. */
function neighbour(board, tile, event) {
  const tiles = [...board.list.querySelectorAll(".pv-unit")]
  const mine = [...tile.parentElement.querySelectorAll(".pv-unit")]
  const at = tiles.indexOf(tile)
  switch (event.key) {
    case "ArrowRight": return tiles[at + 1]
    case "ArrowLeft": return tiles[at - 1]
    case "ArrowDown": return vertical(tiles, tile, 1)
    case "ArrowUp": return vertical(tiles, tile, -1)
    case "Home": return (event.ctrlKey ? tiles : mine)[0]
    case "End": return (event.ctrlKey ? tiles : mine).at(-1)
    case "PageDown": return tiles[tiles.indexOf(mine.at(-1)) + 1]
    case "PageUp": return tiles[tiles.indexOf(mine[0]) - 1]?.parentElement.querySelector(".pv-unit")
    default: return null
  }
}

function vertical(tiles, tile, way) {
  const from = tile.getBoundingClientRect()
  const middle = from.left + from.width / 2
  let best
  let bestCost = Infinity
  for (const other of tiles) {
    const box = other.getBoundingClientRect()
    const down = way * (box.top - from.top)
    if (down < from.height / 2) continue
    const cost = down * 1000 + Math.abs(box.left + box.width / 2 - middle)
    if (cost < bestCost) [best, bestCost] = [other, cost]
  }
  return best
}
