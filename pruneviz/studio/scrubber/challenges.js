// Three things to try: find the cliff, lose at most N points, guess first.

function buildChallenges(view) {
  const button = (name, text) => el("button", { type: "button", class: "pv-button", "data-pv": name }, text)
  const parts = { cliff: button("find-cliff", "Find the cliff"), lose: button("lose-at-most", ""), guess: button("guess-first", "Guess first") }
  parts.reveal = button("reveal", "Reveal")
  parts.reveal.classList.add("pv-primary")
  parts.number = el("input", { type: "number", min: 0, max: 100, step: "any", "data-pv": "tolerance", inputmode: "decimal" })
  parts.points = el("label", { class: "pv-points" }, "N =", parts.number)
  parts.told = el("p", { class: "pv-told", "data-pv": "told" }, "")
  const group = el("div", { class: "pv-buttons", role: "group", "aria-label": "things to try" },
    parts.cliff, el("span", { class: "pv-pair" }, parts.lose, parts.points), parts.guess, parts.reveal)
  parts.section = el("div", { class: "pv-challenges" }, group, parts.told)
  parts.cliff.onclick = () => findCliff(view)
  parts.lose.onclick = () => loseAtMost(view)
  parts.guess.onclick = () => startGuess(view)
  parts.reveal.onclick = () => reveal(view)
  parts.number.oninput = () => nameLose(parts)
  return parts
}

function layoutChallenges(view) {
  const { board, challenges: parts } = view
  parts.section.hidden = !board.data.challenges || !view.hero
  if (parts.given !== board.data.tolerance) {
    parts.given = board.data.tolerance
    parts.number.value = parts.given
  }
  // Where the curve still grows the challenge is there at once, and says what is missing; nowhere does it come later.
  const { halves, complete, share } = view.panel
  parts.later = complete ? "" : halves ? " (so far)" : " (still being measured)"
  nameLose(parts)
  parts.lose.parentElement.hidden = !share || (!halves && complete)
  parts.reveal.hidden = !view.guessing
  for (const other of [parts.cliff, parts.guess, parts.lose.parentElement]) other.toggleAttribute("inert", Boolean(view.guessing))
}

function toleranceOf(parts) {
  const value = parts.number.valueAsNumber
  return Number.isFinite(value) ? clamp(value, 0, 100) : parts.given
}

function nameLose(parts) {
  say(parts.lose, `Lose at most ${points(toleranceOf(parts))}, remove the most${parts.later}`)
}

function tell(view, text) {
  say(view.challenges.told, text)
  view.board.announce(text)
}

/** A share of what is right falls; what counts mistakes rises. */
const worsens = (panel) => (panel.share ? "falls" : "rises")

function accuracyAt(panel, value) {
  return panel.curve.accuracy[nearest(panel.curve.percent, value)]
}

function findCliff(view) {
  const { panel } = view
  if (!panel.cliff && !panel.complete) return tell(view, "The curve is still being measured: where it falls is not known yet.")
  if (!panel.cliff) return tell(view, `This curve has no cliff: ${panel.metric} never ${worsens(panel)} steeply between two neighbouring settings.`)
  const { start, end, points: lost, times } = panel.cliff
  view.go(start, `Here is the edge. At ${percent(start)} removed ${panel.metric} is ${metricText(panel, accuracyAt(panel, start))}; at ${percent(end)} ` +
    `it is ${metricText(panel, accuracyAt(panel, end))}: ${times ? `${steep(panel.cliff)} as much` : `${points(lost)} gone`} over the next ${points(end - start)} of ${panel.measure}.`)
}

/** The half that chooses picks the setting; the other half, which had no say, reports what it costs. */
function loseAtMost(view) {
  const { panel, challenges: parts } = view
  if (!panel.halves) return tell(view, `The curve is still being measured, and so far on the first samples only: what keeps within ${points(toleranceOf(parts))} is not known yet.`)
  const { choose, report, choose_n: chooseN, report_n: reportN } = panel.halves
  const most = toleranceOf(parts)
  let at = 0
  for (let i = 0; i < choose.length; i++) if (choose[0] - choose[i] <= most + 1e-9) at = i
  const value = panel.curve.percent[at]
  const cost = (half) => `${signedPoints(half[at] - half[0])} (${accuracyText(half[0])} to ${accuracyText(half[at])})`
  const known = panel.complete ? "" : `Of the ${whole.format(choose.length)} settings measured so far, with more to come: `
  view.go(value, `${known}${percent(value)} can go. On the ${whole.format(chooseN)} samples that chose this: ${cost(choose)}. ` +
    `On the other ${whole.format(reportN)}, which only report: ${cost(report)}.`)
}

function startGuess(view) {
  view.guessing = true
  view.mark = 50
  view.refresh()
  view.curve.input.focus()
  tell(view, "The curve is hidden. Move the slider to where you think it turns bad, then reveal.")
}

function reveal(view) {
  view.guessing = false
  view.guess = view.mark
  view.board.send("guess", view.panel.id, "", view.mark)
  view.refresh()
  view.challenges.guess.focus()
  tell(view, verdict(view.panel, view.mark))
}

function verdict(panel, guess) {
  if (!panel.cliff && !panel.complete) return `You said ${percent(guess)}. The curve is still being measured: look again later.`
  if (!panel.cliff) return `You said ${percent(guess)}. This curve has no cliff: ${panel.metric} ${worsens(panel)} gently.`
  const { start, end } = panel.cliff
  const where = `You said ${percent(guess)}. The cliff lies between ${at_(panel.cliff)}: `
  if (guess < start) return where + `${points(start - guess)} too early. More could go than you thought.`
  if (guess > end) return where + `${points(guess - end)} too late. By then ${panel.metric} is ${metricText(panel, accuracyAt(panel, guess))}.`
  return where + "right on it."
}
