// Labels that look for a free place: beside their line, off every other line, off each other.

let pen = null

function textWidth(text, font) {
  pen = pen || document.createElement("canvas").getContext("2d")
  pen.font = font
  return pen.measureText(text).width
}

/** Whether the segment from (ax, ay) to (bx, by) touches the box (Liang and Barsky's clipping). */
function crosses(ax, ay, bx, by, box) {
  let enter = 0
  let leave = 1
  const dx = bx - ax
  const dy = by - ay
  for (const [p, q] of [[-dx, ax - box.left], [dx, box.right - ax], [-dy, ay - box.top], [dy, box.bottom - ay]]) {
    if (p === 0) {
      if (q < 0) return false
    } else if (p < 0) enter = Math.max(enter, q / p)
    else leave = Math.min(leave, q / p)
    if (enter > leave) return false
  }
  return true
}

function collisions(box, lines, taken) {
  let count = 0
  for (const other of taken)
    if (box.left < other.right && box.right > other.left && box.top < other.bottom && box.bottom > other.top) count += 100
  for (const line of lines)
    for (let i = 1; i < line.length; i++)
      if (crosses(line[i - 1][0], line[i - 1][1], line[i][0], line[i][1], box)) count++
  return count
}

function boxAt(x, y, anchor, width, height, gap = 3) {
  const left = anchor === "start" ? x : anchor === "end" ? x - width : x - width / 2
  return { left: left - gap, right: left + width + gap, top: y - height / 2 - gap, bottom: y + height / 2 + gap }
}

/** The height of a polyline at x. */
function heightAt(line, x) {
  if (line.length < 2) return line[0][1]
  let i = 1
  while (i < line.length - 1 && line[i][0] < x) i++
  const [[ax, ay], [bx, by]] = [line[i - 1], line[i]]
  return bx === ax ? ay : ay + ((by - ay) * (x - ax)) / (bx - ax)
}

/**
 * Places beside a line: above or below it, then flanking it where it is steep. Those come first where no other line
 * runs so near that the name could be read as theirs (for `onlyClear` there are no others); then the nearer, the leftmost.
 */
function beside(line, others, onlyClear, width, height) {
  const [clear, crowded] = [[], []]
  const [first, last] = [line[0][0], line[line.length - 1][0]]
  const alone = (x, y) => others.every((other) => x > other[other.length - 1][0] + 4 || Math.abs(heightAt(other, x) - y) > 20)
  for (const away of [5, 13])
    for (let share = 0; share <= 1; share += 0.025) {
      const x = first + share * (last - first)
      const edge = Array.from({ length: 9 }, (_, k) => heightAt(line, x - width / 2 + (k * width) / 8))
      const [top, bottom] = [Math.min(...edge), Math.max(...edge)]
      const list = alone(x, heightAt(line, x)) ? clear : crowded
      if (bottom - top < 40) list.push([x, bottom + away + height / 2, "middle"], [x, top - away - height / 2, "middle"])
      list.push([x + 8 + away, heightAt(line, x), "start"], [x - 8 - away, heightAt(line, x), "end"])
    }
  return onlyClear ? clear : [...clear, ...crowded]
}

/** Places to the left, then to the right of a span of x, going away from the height `y`. */
function flanking(from, to, y, top, bottom) {
  const places = []
  for (let away = 0; away < bottom - top; away += 9)
    for (const [x, anchor] of [[from - 16, "end"], [to + 16, "start"]])
      for (const side of away ? [-1, 1] : [1]) places.push([x, y + side * away, anchor])
  return places
}

/**
 * Gives each label its first free place inside `room`. A label is {lines, places(width, height), must}.
 * Returns [label, x, y, anchor] for those placed; one that must be seen takes the least bad place. `taken` grows.
 */
function placeLabels(labels, lines, room, font, lineHeight, taken = []) {
  const placed = []
  for (const label of labels) {
    const width = Math.max(...label.lines.map((text) => textWidth(text, font)))
    const height = label.lines.length * lineHeight
    let best = null
    for (const [x, y, anchor] of label.places(width, height)) {
      const box = boxAt(x, y, anchor, width, height)
      if (box.left < room.left || box.right > room.right || box.top < room.top || box.bottom > room.bottom) continue
      const cost = collisions(box, lines, taken)
      if (!best || cost < best.cost) best = { cost, x, y, anchor, box }
      if (cost === 0) break
    }
    if (!best || (best.cost > 0 && !label.must)) continue
    taken.push(best.box)
    placed.push([label, best.x, best.y, best.anchor])
  }
  return placed
}

function drawLabel(label, x, y, anchor, lineHeight, kind = "") {
  const text = svg("text", { class: "pv-label " + kind, x: x.toFixed(1), y: y.toFixed(1), "text-anchor": anchor })
  const top = -((label.lines.length - 1) / 2) * lineHeight
  label.lines.forEach((line, i) => {
    text.append(svg("tspan", { x: x.toFixed(1), dy: (i ? lineHeight : top).toFixed(1) }, line))
  })
  return text
}
