// Copies the page's address with the whole Recipe in it, and with the hashes of the files behind it. Where the browser keeps
// the clipboard closed (plain http on another host), the address is shown selected instead, so that the visitor's own copy
// works.
export default function ({ parentElement, data }) {
  const button = parentElement.querySelector("button")
  const said = parentElement.querySelector("[role=status]")
  let timer
  button.onclick = async () => {
    clearTimeout(timer)
    const place = window.location
    const address = place.origin + place.pathname + (data.query ? `?${data.query}` : "")
    try {
      await navigator.clipboard.writeText(address)
      said.textContent = "Link copied."
    } catch {
      said.textContent = address
      window.getSelection().selectAllChildren(said)
      return
    }
    timer = setTimeout(() => (said.textContent = ""), 4000)
  }
}
