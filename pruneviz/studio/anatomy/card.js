// The card: one unit in real numbers. Hover and focus choose whose card it is; nothing is asked of the server.

function buildCard(board) {
  const card = { chosen: null }
  card.title = el("h4", {}, "")
  card.state = el("p", { class: "pv-verdict" }, "")
  card.formula = el("p", { class: "pv-formula", "data-pv": "formula" }, "")
  card.rank = el("p", {}, "")
  card.alone = el("p", { "data-pv": "alone" }, "")
  card.hangsTitle = el("h5", {}, "What hangs on it")
  card.hangs = el("ul", { "data-pv": "hangs" })
  card.can = el("p", { "data-pv": "can-go" }, "")
  card.follow = el("button", { type: "button", class: "pv-small", "data-pv": "follow-rank" }, "follow its rank again")
  card.empty = el("p", { class: "pv-soft" }, "Point at a unit, or reach it with Tab and the arrow keys: its numbers stand here. A click removes or restores it.")
  card.body = el("div", {}, card.title, card.state, card.formula, card.rank, card.alone, card.hangsTitle, card.hangs, card.can, card.follow)
  card.box = el("aside", { class: "pv-card", "aria-label": "the selected unit", "data-pv": "card" }, card.empty, card.body)
  card.body.hidden = true
  card.follow.onclick = () => board.tell(card.chosen.group, card.chosen.unit, null)
  return card
}

function showCard(board) {
  const { card } = board
  const { chosen } = card
  card.empty.hidden = Boolean(chosen)
  card.body.hidden = !chosen
  if (!chosen) return
  const { group, unit } = chosen
  const gone = group.state[unit] === GONE
  const forced = forcedOf(board, group, unit)
  say(card.title, `${group.label} · ${called(board, group, unit)}`)
  card.state.dataset.state = group.fixed ? "fixed" : gone ? "gone" : "kept"
  say(card.state, (group.fixed ? "cannot be pruned" : gone ? "removed" : "kept") + (forced ? " by hand" : ""))
  say(card.formula, verdictOf(board, group, unit))
  say(card.rank, `rank ${group.rank[unit] + 1} of ${group.units} by importance` + leaving(group, unit, forced))
  card.formula.hidden = card.rank.hidden = group.fixed
  showAlone(board, group, unit)
  const lines = group.hangs.map((one) => el("li", {}, hangWords(one, unit)))
  card.hangs.replaceChildren(...lines)
  card.hangsTitle.hidden = card.hangs.hidden = lines.length === 0
  say(card.can, canGo(group))
  card.follow.hidden = forced === 0
}

function leaving(group, unit, forced) {
  if (group.fixed || forced) return ""
  const at = 100 * group.leaves[unit]
  return at > 100 + ROUNDING ? "; never goes: the last one stays" : `; goes at ${percent(at)}`
}

/** What was measured when this unit alone was left out, where it was. */
function showAlone(board, group, unit) {
  const line = board.card.alone
  const points = group.alone && !group.fixed ? group.alone.points[unit] : NaN
  line.hidden = !Number.isFinite(points)
  if (line.hidden) return
  const { lost, won } = group.alone
  say(line, `without this one alone: ${signedPoints(points)} (${whole.format(lost[unit])} lost, ${whole.format(won[unit])} won): ${strengthOf(group, unit)}`)
}

function canGo(group) {
  if (group.reason) return `Can go: no. ${group.reason}`
  if (group.coupling) return `Can go alone: no. ${group.coupling}`
  return "Can go alone: yes."
}
