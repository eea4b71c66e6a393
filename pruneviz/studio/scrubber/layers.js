// Who pays, layer by layer: one bar each, which can be locked or dragged to an amount of its own.

const NOTE = "Drag a bar to give a layer its own amount; lock it and nothing goes from it."
/** As many layers as the list shows at once; many a browser hides the bar that would tell of the others. */
const IN_SIGHT = 9

function buildLayers(view) {
  const list = el("ul", { class: "pv-layerlist" })
  const note = el("p", { class: "pv-note" }, NOTE)
  const section = el("div", { class: "pv-layers", "data-pv": "layers" }, el("h3", {}, "Who pays, layer by layer"), note, list)
  return { section, note, list, rows: [], names: "" }
}

function layoutLayers(view) {
  const { panel, layers: parts } = view
  parts.section.hidden = panel.layers.length === 0
  const names = JSON.stringify(panel.layers.map((layer) => [layer.name, layer.label]))
  if (names !== parts.names) {
    parts.names = names
    parts.rows = panel.layers.map((layer, i) => buildRow(view, layer, i))
    parts.list.replaceChildren(...parts.rows.map((row) => row.item))
    const more = panel.layers.length > IN_SIGHT ? ` The list scrolls: ${panel.layers.length} layers.` : ""
    say(parts.note, NOTE + more)
  }
  for (const [i, row] of parts.rows.entries()) {
    const layer = panel.layers[i]
    row.layer = layer
    if (!view.board.waiting(panel.id, layer.name) && !row.hand.held) row.local = undefined
    say(row.shape, `${layer.shape} · ${whole.format(layer.weights)}`)
    row.said.title = `${layer.name} · ${row.shape.textContent}`
  }
}

function buildRow(view, layer, index) {
  const row = { layer, local: undefined }
  row.shape = el("span", { class: "pv-shape" }, "")
  row.state = el("span", { class: "pv-keeps" }, "")
  row.gone = el("span", { class: "pv-bargone" })
  row.input = el("input", { type: "range", min: 0, max: 100, step: "any", "aria-label": `${layer.label}: percent removed` })
  row.kept = el("span", { class: "pv-keeps" }, "")
  row.lock = el("button", { type: "button", class: "pv-lock", "aria-label": `lock ${layer.label}: remove nothing from it` }, padlock())
  row.follow = el("button", { type: "button", class: "pv-follow", "aria-label": `let ${layer.label} follow the slider again` }, "follow")
  row.item = el("li", { "data-layer": layer.name },
    el("div", { class: "pv-rowhead" }, row.said = el("div", { class: "pv-said" }, el("span", { class: "pv-name" }, layer.label), row.shape), row.kept),
    el("div", { class: "pv-rowbar" }, row.lock, el("div", { class: "pv-bar" }, row.gone, row.input)),
    (row.foot = el("div", { class: "pv-rowfoot" }, row.state, row.follow)))
  const tell = (kind, value) => {
    row.local = kind === "lock" ? { own: null, locked: value !== null } : { own: value, locked: false }
    view.board.send(kind, view.panel.id, row.layer.name, value)
    moveLayers(view, view.value)
  }
  row.hand = slide(row.input, {
    moved: (value) => {
      row.local = { own: value, locked: false }
      moveRow(row, view)
    },
    settled: (value) => {
      if (row.local && row.local.own !== null && row.local.own !== row.layer.own) tell("layer", value)
    },
  })
  row.lock.onclick = () => tell("lock", stateOf(row).locked ? null : 0)
  row.follow.onclick = () => {
    tell("layer", null)
    row.input.focus()
  }
  return row
}

function padlock() {
  return svg("svg", { width: 16, height: 16, viewBox: "0 0 16 16", "aria-hidden": "true" },
    svg("path", { class: "pv-shackle", d: "M5 7V5a3 3 0 0 1 6 0v2" }), svg("rect", { x: 3, y: 7, width: 10, height: 7, rx: 1.5 }))
}

/** What holds for this layer now: what was just done here, else what Python last said. */
function stateOf(row) {
  return row.local || { own: row.layer.own, locked: row.layer.locked }
}

function goneOf(row, value) {
  const { own, locked } = stateOf(row)
  if (locked) return own ?? 0
  return own ?? 100 - between(row.layer.kept, value)
}

function moveRow(row, view) {
  const gone = goneOf(row, view.value)
  const { own, locked } = stateOf(row)
  row.gone.style.clipPath = `inset(0 ${100 - gone}% 0 0)` // clipping repaints; a width would lay the page out again
  if (!row.hand.held) row.input.value = gone
  const kept = percent(100 - gone, gone > 0 && 100 - gone < 10 ? 1 : 0)
  say(row.kept, gone >= 99.995 ? "nothing left" : `keeps ${kept}`)
  say(row.state, locked ? "locked: nothing goes from here" : "an amount of its own")
  row.foot.hidden = !locked && own === null
  row.input.setAttribute("aria-valuetext", `${short(gone)} percent of ${row.layer.label} removed`)
  const pressed = String(Boolean(locked))
  if (row.lock.getAttribute("aria-pressed") !== pressed) row.lock.setAttribute("aria-pressed", pressed)
  row.follow.hidden = locked || own === null
}

function moveLayers(view) {
  for (const row of view.layers.rows) moveRow(row, view)
}
