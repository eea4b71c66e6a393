// Offers the tour once. What was answered is kept in this browser alone; where it keeps nothing, the line comes again.
const SEEN = "pruneviz-welcome"

function seen() {
  try {
    return localStorage.getItem(SEEN) !== null
  } catch {
    return false
  }
}

function answer(said) {
  try {
    localStorage.setItem(SEEN, said)
  } catch {
    // A browser that keeps nothing: then nothing is kept.
  }
}

export default function ({ parentElement, setTriggerValue }) {
  const line = parentElement.querySelector(".pv-welcome")
  line.hidden = seen()
  line.querySelector(".pv-tour").onclick = () => {
    answer("tour")
    line.hidden = true
    setTriggerValue("tour", true)
  }
  line.querySelector(".pv-no").onclick = () => {
    answer("no")
    line.hidden = true
  }
}
