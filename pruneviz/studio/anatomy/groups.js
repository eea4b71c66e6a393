// One group: its name, what it is tied to, its width before and after, and its units, a page of them at a time.

const PAGE = 256
// More units than this are shown only where somebody asks for them: a browser has to lay every button out.
const OPEN = 640

function buildGroup(board, group, open) {
  const parts = { group, open, first: 0, tiles: new Map() }
  parts.width = el("span", { class: "pv-width", "data-pv": "width" }, "")
  parts.gone = el("span", { class: "pv-bargone" })
  parts.note = el("p", { class: "pv-note" }, noteOf(group))
  parts.lit = el("p", { class: "pv-lit" }, "")
  parts.lit.hidden = true
  parts.show = el("button", { type: "button", class: "pv-small", "data-pv": "show-units" }, "")
  parts.grid = el("div", { class: "pv-units" })
  parts.pager = el("div", { class: "pv-pager" })
  const head = el("div", { class: "pv-grouphead" }, el("h4", {}, group.label), parts.width,
    el("span", { class: "pv-widthbar", "aria-hidden": "true" }, parts.gone), parts.show)
  parts.section = el("section", { class: `pv-group pv-of-${group.kind}`, "data-group": group.name }, head, parts.note, parts.lit, parts.grid, parts.pager)
  parts.section.classList.toggle("pv-fixed", group.fixed)
  parts.note.hidden = !parts.note.textContent
  parts.show.onclick = () => {
    parts.open = !parts.open
    fillGroup(board, parts)
    board.rove()
  }
  fillGroup(board, parts)
  return parts
}

function noteOf(group) {
  if (group.reason) return `Cannot be pruned: ${group.reason}`
  if (group.coupling) return `Cannot be pruned alone: ${group.coupling}`
  return group.picture ? group.picture.note : ""
}

/** Builds the units of the page that is open; those of a closed group are not there at all. */
function fillGroup(board, parts) {
  const { group } = parts
  const shown = parts.open ? group.order.slice(parts.first, parts.first + PAGE) : []
  parts.tiles = new Map(shown.map((unit) => [unit, buildTile(board, group, unit)]))
  parts.grid.replaceChildren(...parts.tiles.values())
  for (const [unit, tile] of parts.tiles) dressTile(board, group, unit, tile)
  parts.grid.hidden = !parts.open
  parts.grid.setAttribute("role", "group")
  parts.show.hidden = !board.folds
  say(parts.show, parts.open ? "hide" : `show ${whole.format(group.units)} ${nounOf(board, group)}`)
  parts.show.setAttribute("aria-expanded", String(parts.open))
  fillPager(board, parts)
  countGroup(board, parts)
}

const nounOf = (board, group) => (group.units === 1 ? board.data.one : board.data.noun)

function fillPager(board, parts) {
  const { group, first } = parts
  parts.pager.hidden = !parts.open || group.units <= PAGE
  if (parts.pager.hidden) return parts.pager.replaceChildren()
  const last = Math.min(group.units, first + PAGE)
  const turn = (to) => () => {
    parts.first = to
    fillGroup(board, parts)
    board.rove()
    const button = parts.pager.querySelectorAll("button")[to > first ? 1 : 0]
    ;(button.disabled ? parts.pager.querySelector("button:not([disabled])") : button).focus()
  }
  const stronger = el("button", { type: "button", class: "pv-small", disabled: first === 0, onclick: turn(Math.max(0, first - PAGE)) }, "stronger")
  const weaker = el("button", { type: "button", class: "pv-small", disabled: last === group.units, onclick: turn(first + PAGE) }, "weaker")
  const more = group.units - last
  const words = `${whole.format(first + 1)} to ${whole.format(last)} of ${whole.format(group.units)}, strongest first` + (more ? `, and ${whole.format(more)} more` : "")
  parts.pager.replaceChildren(stronger, el("span", {}, words), weaker)
}

/** The width before and after; runs at each frame of a drag, and only writes. */
function countGroup(board, parts) {
  const { group } = parts
  const left = group.units - group.gone
  say(parts.width, group.fixed ? `${whole.format(group.units)} ${group.units === 1 ? "stays" : "stay"}` : `${whole.format(group.units)} → ${whole.format(left)}`)
  parts.gone.style.clipPath = `inset(0 0 0 ${(100 * left) / group.units}%)`
  parts.grid.setAttribute("aria-label", `${group.label}: ${left} of ${group.units} ${nounOf(board, group)} stay`)
  parts.section.classList.toggle("pv-empty", left === 0)
}

/** Lights up what hangs on the selected unit: the groups that read it, and, where their kernels are shown, its very slice. */
function lightUp(board, chosen) {
  const hangs = chosen ? chosen.group.hangs.filter((one) => one.group) : []
  for (const parts of board.parts) {
    const mine = hangs.filter((one) => one.group === parts.group.name && parts.group !== chosen.group)
    parts.section.classList.toggle("pv-reads", mine.length > 0)
    parts.lit.hidden = mine.length === 0
    if (mine.length) say(parts.lit, `reads ${called(board, chosen.group, chosen.unit)} of ${chosen.group.label}: ` + mine.map((one) => hangWords(one, chosen.unit)).join(", "))
    frameSlice(parts, mine.length ? chosen.unit : -1)
  }
}

function hangWords(hang, unit) {
  return `${hang.words.replace("{i}", unit)} (${whole.format(hang.numbers)} ${hang.numbers === 1 ? "number" : "numbers"})`
}

function frameSlice(parts, index) {
  const { picture } = parts.group
  const inside = picture && index >= 0 && picture.slices === picture.inputs && index < picture.inputs
  parts.grid.classList.toggle("pv-framed", Boolean(inside))
  if (!inside) return
  const { rows, columns, high, wide, across, gap } = picture
  const place = (at, size, all) => `${((100 * at * (size + gap)) / all).toFixed(2)}%`
  parts.grid.style.setProperty("--pv-left", place(index % across, wide, columns))
  parts.grid.style.setProperty("--pv-top", place(Math.floor(index / across), high, rows))
  parts.grid.style.setProperty("--pv-wide", `${((100 * wide) / columns).toFixed(2)}%`)
  parts.grid.style.setProperty("--pv-high", `${((100 * high) / rows).toFixed(2)}%`)
}
