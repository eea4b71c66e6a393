// One unit as a button: its kernel, its head or its bar, and its importance below.

// Purple-white-green (ColorBrewer's PRGn) around zero, and cividis for magnitudes: eleven stops each, straight in between.
const SIGNED = ["40004b", "762a83", "9970ab", "c2a5cf", "e7d4e8", "f7f7f7", "d9f0d3", "a6dba0", "5aae61", "1b7837", "00441b"]
const MAGNITUDE = ["00224e", "123570", "3b496c", "575d6d", "707173", "8a8678", "a59c74", "c3b369", "e1cc55", "fee838"]

function colourAt(stops, share) {
  const at = clamp(share, 0, 1) * (stops.length - 1)
  const left = Math.min(stops.length - 2, Math.floor(at))
  const part = (stop, i) => parseInt(stop.slice(2 * i, 2 * i + 2), 16)
  return [0, 1, 2].map((i) => Math.round(part(stops[left], i) + (part(stops[left + 1], i) - part(stops[left], i)) * (at - left)))
}

const SIGNED_TABLE = Array.from({ length: 256 }, (_, value) => colourAt(SIGNED, (value - 1) / 254))

const unitName = (group, unit) => `${group.name}:${unit}`

/** What leaving this unit out alone showed: «fragile», «robust», or nothing where it was not measured. */
function strengthOf(group, unit) {
  if (!group.alone || group.fixed || !Number.isFinite(group.alone.points[unit])) return ""
  return group.alone.fragile[unit] ? "fragile" : "robust"
}

/** The words for one unit alone: «filter 17», or the block that it is. */
function called(board, group, unit) {
  return group.names.length ? group.names[unit] : `${board.data.one} ${unit}`
}

function buildTile(board, group, unit) {
  const face = el("span", { class: "pv-face" })
  const tile = el("button", { type: "button", class: `pv-unit pv-${group.kind}`, "data-unit": unitName(group, unit), tabindex: -1 }, face)
  if (group.cells) face.append(paint(group, unit))
  else if (group.kind === "strip") face.append(el("span", { class: "pv-bar", style: `height:${barOf(group, unit)}%` }))
  else if (group.kind === "matrix") face.style.backgroundColor = `rgb(${colourAt(MAGNITUDE, shareOf(group, unit, board.low, board.top)).join()})`
  if (group.kind === "chips") tile.append(el("span", { class: "pv-chipname" }, called(board, group, unit)))
  if (group.kind !== "strip" && !group.fixed) tile.append(el("span", { class: "pv-score" }, numberOf(group.scores[unit])))
  return tile
}

/** Bars start at zero; a matrix, whose heads are often nearly alike, runs from its weakest to its strongest. */
function shareOf(group, unit, low = 0, top = group.top) {
  const score = group.scores[unit]
  return Number.isFinite(score) && top > low ? clamp((score - low) / (top - low), 0, 1) : 0
}

const barOf = (group, unit) => Math.max(4, 100 * shareOf(group, unit)).toFixed(0)

/** The kernel itself, one pixel per weight, white at zero and as dark as its own largest weight allows. */
function paint(group, unit) {
  const { rows, columns } = group.picture
  const canvas = el("canvas", { width: columns, height: rows, "aria-hidden": "true" })
  const pen = canvas.getContext("2d")
  const image = pen.createImageData(columns, rows)
  const start = unit * rows * columns
  for (let i = 0; i < rows * columns; i++) {
    const value = group.cells[start + i]
    const [red, green, blue] = SIGNED_TABLE[value]
    image.data.set([red, green, blue, value === 0 ? 0 : 255], 4 * i) // 0 is no weight at all: the gap between two slices
  }
  pen.putImageData(image, 0, 0)
  return canvas
}

/** Says how one unit stands, to those who look and to those who listen. */
function dressTile(board, group, unit, tile) {
  const gone = group.state[unit] === GONE
  const forced = forcedOf(board, group, unit)
  tile.dataset.state = group.fixed ? "fixed" : gone ? "gone" : "kept"
  tile.classList.toggle("pv-forced", forced !== 0)
  const strength = strengthOf(group, unit)
  tile.classList.toggle("pv-fragile", strength === "fragile")
  const words = group.fixed ? "cannot be pruned" : (gone ? "removed" : "kept") + (forced ? " by hand" : "")
  const score = !group.fixed && Number.isFinite(group.scores[unit]) ? `importance ${numberOf(group.scores[unit])}, rank ${group.rank[unit] + 1} of ${group.units}, ` : ""
  tile.setAttribute("aria-label", `${group.label}, ${called(board, group, unit)}: ${score}${words}${strength ? `, ${strength}` : ""}`)
  if (group.fixed) tile.setAttribute("aria-disabled", "true")
  else tile.setAttribute("aria-pressed", String(gone))
}
