/** Where the numbers of points stand on a drawing. */

type Place = readonly [number, number]

export interface LabelledDrawing {
  readonly width: number
  readonly height: number
  /** Of the circles around the points. */
  readonly radius: number
  /** Of the letters. */
  readonly size: number
  /** Of a text, in the unit of places. */
  readonly widthOf: (text: string) => number
}

interface Box {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

/**
 * Where the text of each point begins, on its base line: beside the point, where it covers no point and no other text and is within the drawing.
 * Undefined where there is no such place; earlier points choose first.
 */
export function labelPlaces(
  points: readonly Place[],
  texts: readonly string[],
  { width, height, radius, size, widthOf }: LabelledDrawing,
): (Place | undefined)[] {
  const circles = points.map(([x, y]) => ({ left: x - radius, top: y - radius, right: x + radius, bottom: y + radius }))
  const taken: Box[] = []
  return points.map(([x, y], at) => {
    const wide = widthOf(texts[at]!)
    const [right, left] = [x + radius + 2, x - radius - 2 - wide]
    const places: readonly Place[] = [
      [right, y - 2],
      [left, y - 2],
      [right, y + size],
      [left, y + size],
      [x - wide / 2, y - radius - 3],
      [x - wide / 2, y + radius + 2 + size],
    ]
    const found = places.find(([begin, base]) => {
      const box = { left: begin, top: base - size, right: begin + wide, bottom: base }
      const isWithin = box.left >= 0 && box.top >= 0 && box.right <= width && box.bottom <= height
      return isWithin && ![...circles, ...taken].some(other => overlap(box, other))
    })
    if (found) taken.push({ left: found[0], top: found[1] - size, right: found[0] + wide, bottom: found[1] })
    return found
  })
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
}
