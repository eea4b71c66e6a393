// What holds for each unit at this amount: who is gone, by rank or by hand, and where the threshold lies.

const KEPT = 0
const GONE = 1
// Amounts travel as 32-bit floats: so much is rounding, and a hundredth of what a slider can say.
const ROUNDING = 1e-4

/** The group as the page keeps it: arrays for what a drag looks at, and an order for what is shown. */
function unpackGroup(sent) {
  const group = { ...sent, fixed: sent.reason !== "" }
  group.scores = floats(sent.scores)
  group.leaves = floats(sent.leaves)
  group.natural = sent.natural ? floats(sent.natural) : group.leaves
  group.kept = bytes(sent.kept)
  group.byHand = new Int8Array(bytes(sent.forced).buffer)
  group.alone = sent.alone ? { points: floats(sent.alone.points), lost: floats(sent.alone.lost), won: floats(sent.alone.won), fragile: floats(sent.alone.fragile) } : null
  group.cells = sent.picture ? bytes(sent.picture.cells) : null
  const strongest = [...group.scores.keys()].sort((a, b) => strength(group, b) - strength(group, a) || a - b)
  group.rank = new Int32Array(group.units)
  strongest.forEach((unit, place) => (group.rank[unit] = place))
  group.order = group.kind === "wall" || group.kind === "strip" ? strongest : [...group.scores.keys()]
  group.state = new Int8Array(group.units)
  group.top = group.scores.reduce((most, score) => (Number.isFinite(score) ? Math.max(most, score) : most), 0)
  return group
}

const strength = (group, unit) => (Number.isNaN(group.scores[unit]) ? Infinity : group.scores[unit])

function bytes(data) {
  const text = atob(data)
  const found = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) found[i] = text.charCodeAt(i)
  return found
}

function floats(data) {
  return new Float32Array(bytes(data).buffer)
}

/** What a hand did to this unit here and Python does not know yet: 1 removed, -1 restored, 0 back to its rank. */
function pendingOf(board, group, unit) {
  return board.pending.size ? board.pending.get(`${group.name}:${unit}`) : undefined // no name is spelt out while dragging
}

/** What a hand did to this unit: here and not yet told, else what Python knows. 1 = removed, -1 = restored, 0 = nothing. */
function forcedOf(board, group, unit) {
  return pendingOf(board, group, unit) ?? group.byHand[unit]
}

/** Where the ranks alone would put it at this amount. */
function fallsAt(group, unit, percent, leaves = group.natural) {
  return 100 * leaves[unit] <= percent + ROUNDING
}

/** The state of one unit. At rest it is what was measured; during a drag it is what the ranks foretell. */
function stateOf(board, group, unit) {
  if (group.fixed) return KEPT
  const pending = pendingOf(board, group, unit)
  const forced = pending ?? group.byHand[unit]
  if (forced) return forced > 0 ? GONE : KEPT
  if (pending === 0) return fallsAt(group, unit, board.percent) ? GONE : KEPT
  if (board.live === null) return group.kept[unit] ? KEPT : GONE
  return fallsAt(group, unit, board.percent, group.leaves) ? GONE : KEPT
}

/** Brings every unit to its state at this amount; returns the groups that changed, each with the units that did. */
function settleStates(board) {
  const changed = []
  for (const group of board.groups) {
    const moved = []
    let gone = 0
    for (let unit = 0; unit < group.units; unit++) {
      const state = stateOf(board, group, unit)
      gone += state
      if (state !== group.state[unit]) {
        group.state[unit] = state
        moved.push(unit)
      }
    }
    group.gone = gone
    if (moved.length) changed.push([group, moved])
  }
  return changed
}

/** The importance of the last to go among those that compete with this group's units; null where nobody goes by rank. */
function thresholdOf(board, group) {
  let last = null
  for (const other of board.data.scope === "global" ? board.groups : [group]) {
    if (other.fixed) continue
    for (let unit = 0; unit < other.units; unit++)
      if (other.state[unit] === GONE && !forcedOf(board, other, unit) && (last === null || other.scores[unit] > last)) last = other.scores[unit]
  }
  return last
}

/** Why a unit is where it is, in the numbers that decided it. */
function verdictOf(board, group, unit) {
  const { formula } = board.data
  const score = `${formula} = ${numberOf(group.scores[unit])}`
  const gone = group.state[unit] === GONE
  if (forcedOf(board, group, unit)) return `${score}; ${gone ? "removed" : "restored"} by hand, whatever its importance`
  const threshold = thresholdOf(board, group)
  if (threshold === null) return `${score}; nothing goes by rank here`
  const line = `threshold ${numberOf(threshold)}`
  if (gone) return `${score} ≤ ${line} → removed`
  if (group.scores[unit] > threshold) return `${score} > ${line} → kept`
  const last = group.units - group.gone <= board.data.floor
  return `${score} ≤ ${line}, and kept all the same: ${last ? "one of each group always stays" : "the amount was met before its turn"}`
}

/** Three significant digits and a true minus. */
function numberOf(value) {
  if (!Number.isFinite(value)) return "not finite"
  return small(value).replace("e-", "e−").replace(/^-/, "−")
}
