// The bar under the slides: three buttons, one line that says where one is, and the keys of a keyboard or of a presenter in
// the hand. It turns at once by itself; Python is told each turn once, and draws the slide.

const DECKS = new WeakMap()
const STEPS = { ArrowRight: 1, PageDown: 1, " ": 1, ArrowLeft: -1, PageUp: -1 }
const TRADE_OFF = 2

/** Streamlit runs this again on each change of data: build once, then patch. */
export default function (component) {
  const { parentElement, data, setStateValue } = component
  const root = parentElement.querySelector(".pv-deck")
  if (!root || !data) return
  let deck = DECKS.get(root)
  if (!deck) {
    deck = makeDeck(root)
    DECKS.set(root, deck)
  }
  deck.emit = (events) => setStateValue("events", events)
  deck.receive(data)
  return () => {
    document.removeEventListener("keydown", deck.pressed)
    DECKS.delete(root)
    root.replaceChildren()
  }
}

function makeDeck(root) {
  const deck = { slide: 1, live: false, topics: [], outbox: [], nonce: 0, emit: () => {} }
  const back = button("←", "Previous slide", () => deck.step(-1))
  const next = button("→", "Next slide", () => deck.step(1))
  const live = button("", "", () => deck.turn(TRADE_OFF, !deck.live))
  const leave = button("", "Leave the slides", () => deck.turn(0, false))
  write(leave, "Leave", " (Esc)")
  const place = document.createElement("span")
  place.className = "pv-place"
  place.setAttribute("role", "status")
  root.replaceChildren(back, place, next, live, leave)

  deck.turn = (slide, isLive) => {
    if (slide === deck.slide && isLive === deck.live) return
    deck.slide = slide
    deck.live = isLive
    deck.nonce = Math.max(deck.nonce + 1, Date.now())
    deck.outbox = [...deck.outbox, { nonce: deck.nonce, slide, live: isLive }].slice(-16)
    draw()
    deck.emit(deck.outbox)
  }
  deck.step = (by) => deck.turn(Math.min(deck.topics.length, Math.max(1, deck.slide + by)), false)
  deck.pressed = (event) => {
    const step = wanted(deck, event)
    if (!step) return
    event.preventDefault()
    step()
  }
  deck.receive = (data) => {
    deck.topics = data.topics
    deck.nonce = Math.max(deck.nonce, data.seen)
    deck.outbox = deck.outbox.filter((event) => event.nonce > data.seen)
    // A hand that is faster than the server is not pulled back.
    if (!deck.outbox.length) Object.assign(deck, { slide: data.slide, live: data.live })
    draw()
  }
  function draw() {
    const last = deck.topics.length
    write(place, deck.slide ? `${deck.slide} of ${last}` : "Leaving …", deck.slide ? ` · ${deck.topics[deck.slide - 1]}` : "")
    back.disabled = deck.slide <= 1
    next.disabled = deck.slide >= last
    write(live, deck.live ? "Close" : "What if?", deck.live ? " the slider (L)" : " (L)")
    live.setAttribute("aria-label", deck.live ? "Close the live slider" : "Open the live slider: what if it were more or less?")
  }
  document.addEventListener("keydown", deck.pressed)
  return deck
}

/** Words, and more words where there is room for them. */
function write(one, words, more) {
  const wide = document.createElement("span")
  wide.className = "pv-wide"
  wide.textContent = more
  one.replaceChildren(words, wide)
}

function button(words, label, act) {
  const one = document.createElement("button")
  one.type = "button"
  one.textContent = words
  if (label) one.setAttribute("aria-label", label)
  one.onclick = act
  return one
}

/** What a key asks for; nothing where it belongs to a field, a slider, or a button that has the focus. */
function wanted(deck, event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return null
  const at = event.composedPath()[0]
  const field = at instanceof Element ? at : document.body
  const slider = field.matches("input[type=range], [role=slider]")
  const typed = !slider && field.matches("input, textarea, select, [contenteditable=true], [role=combobox]")
  if (typed) return null
  if (event.key === "Escape") return () => (deck.live ? deck.turn(deck.slide, false) : deck.turn(0, false))
  if (event.key === "l" || event.key === "L") return () => deck.turn(TRADE_OFF, !deck.live)
  if (slider || (event.key === " " && field.closest("button, a, summary"))) return null
  return event.key in STEPS ? () => deck.step(STEPS[event.key]) : null
}
