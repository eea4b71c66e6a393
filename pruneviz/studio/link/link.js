// Copies the address, which holds the whole Recipe. Where the browser keeps the clipboard closed (plain http on another
// host), the address is shown selected instead, so that the visitor's own copy works.
export default function ({ parentElement }) {
  const button = parentElement.querySelector("button")
  const said = parentElement.querySelector("[role=status]")
  let timer
  button.onclick = async () => {
    clearTimeout(timer)
    try {
      await navigator.clipboard.writeText(window.location.href)
      said.textContent = "Link copied."
    } catch {
      said.textContent = window.location.href
      window.getSelection().selectAllChildren(said)
      return
    }
    timer = setTimeout(() => (said.textContent = ""), 4000)
  }
}
