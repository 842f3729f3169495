import { labelPlaces } from './label-places.ts'
import type { MapPoints } from './map-points.ts'
import type { MapView } from './map-view.ts'

/** What is to be seen on the map beside the songs. Numbers are places of songs in the points. */
export interface MapMarks {
  /** The mixed list, in its order. */
  readonly path: readonly number[]
  readonly ingredients: readonly number[]
  readonly playing: number | undefined
  readonly selected: number | undefined
  /** The tag alone that is shown in colour. */
  readonly onlyTag: number | undefined
}

/** Properties of the styles: how many colours there are for tags. */
const tagColours = 10

/** The colour of a tag by its place, as a property of the styles. */
export function colourOf(tag: number): string {
  return tag < 0 ? '--muted' : `--tag-${(tag % tagColours) + 1}`
}

/** Draws the songs, the list as a path through them, and what is marked. */
export function drawMap(canvas: CanvasRenderingContext2D, view: MapView, points: MapPoints, marks: MapMarks): void {
  const style = getComputedStyle(canvas.canvas)
  const colour = (name: string) => style.getPropertyValue(name).trim()
  const { path, onlyTag } = marks
  canvas.clearRect(0, 0, view.width, view.height)
  const radius = Math.min(7, (points.items.length > 2000 ? 2.2 : 3.6) * view.zoom ** 0.35)
  const isQuiet = path.length > 0
  for (let tag = -1; tag < points.tags.length; tag++) {
    const isFaint = onlyTag !== undefined && onlyTag !== tag
    canvas.globalAlpha = isFaint ? 0.12 : isQuiet ? 0.6 : 0.9
    canvas.fillStyle = colour(isFaint ? '--muted' : colourOf(tag))
    canvas.strokeStyle = canvas.fillStyle
    drawSongs(canvas, view, points, { tag, radius })
  }
  canvas.globalAlpha = 1
  const placeOf = (song: number) => view.place(points.x[song]!, points.y[song]!)
  drawPath(canvas, path.map(placeOf), colour('--text'), colour('--surface'))
  for (const song of path) {
    const [x, y] = placeOf(song)
    circle(canvas, x, y, radius + 3.5)
    canvas.fillStyle = colour(colourOf(points.tag[song]!))
    canvas.fill()
    canvas.lineWidth = 2
    canvas.strokeStyle = colour('--surface')
    canvas.stroke()
  }
  drawNumbers(canvas, view, { places: path.map(placeOf), radius: radius + 3.5 }, colour)
  for (const song of marks.ingredients) ring(canvas, placeOf(song), radius + 6, colour('--accent'))
  if (marks.playing !== undefined) ring(canvas, placeOf(marks.playing), radius + 9, colour('--text'))
  if (marks.selected !== undefined) ring(canvas, placeOf(marks.selected), radius + 5, colour('--text'))
}

function drawSongs(
  canvas: CanvasRenderingContext2D,
  view: MapView,
  points: MapPoints,
  { tag, radius }: { readonly tag: number; readonly radius: number },
): void {
  // Filled in one go, new ones in another: far faster than one by one.
  for (const isNew of [false, true]) {
    canvas.beginPath()
    for (let song = 0; song < points.items.length; song++) {
      if (points.tag[song] !== tag || points.isNew[song] !== isNew) continue
      const [x, y] = view.place(points.x[song]!, points.y[song]!)
      if (x < -radius || y < -radius || x > view.width + radius || y > view.height + radius) continue
      canvas.moveTo(x + radius, y)
      canvas.arc(x, y, radius, 0, 2 * Math.PI)
    }
    canvas.lineWidth = 1.6
    if (isNew) canvas.stroke()
    else canvas.fill()
  }
}

/** Lines from place to place, apart from what is below them. */
function drawPath(
  canvas: CanvasRenderingContext2D,
  places: readonly (readonly [number, number])[],
  colour: string,
  halo: string,
): void {
  const [first] = places
  if (!first) return
  canvas.beginPath()
  canvas.moveTo(first[0], first[1])
  for (const [x, y] of places.slice(1)) canvas.lineTo(x, y)
  canvas.lineJoin = 'round'
  for (const [width, stroke, alpha] of [
    [4, halo, 0.8],
    [1.5, colour, 0.55],
  ] as const) {
    canvas.lineWidth = width
    canvas.strokeStyle = stroke
    canvas.globalAlpha = alpha
    canvas.stroke()
  }
  canvas.globalAlpha = 1
}

function circle(canvas: CanvasRenderingContext2D, x: number, y: number, radius: number): void {
  canvas.beginPath()
  canvas.arc(x, y, radius, 0, 2 * Math.PI)
}

function ring(
  canvas: CanvasRenderingContext2D,
  [x, y]: readonly [number, number],
  radius: number,
  colour: string,
): void {
  circle(canvas, x, y, radius)
  canvas.lineWidth = 2.5
  canvas.strokeStyle = colour
  canvas.stroke()
}

/** In pixels, the height of digits. */
const digits = 11

/** The number of each place of the list beside it, where there is room for it. */
function drawNumbers(
  canvas: CanvasRenderingContext2D,
  { width, height }: MapView,
  { places, radius }: { readonly places: readonly (readonly [number, number])[]; readonly radius: number },
  colour: (name: string) => string,
): void {
  canvas.font = `600 ${digits}px ${getComputedStyle(canvas.canvas).fontFamily}`
  canvas.lineWidth = 3
  canvas.strokeStyle = colour('--surface')
  canvas.fillStyle = colour('--text')
  const texts = places.map((_, at) => String(at + 1))
  const widthOf = (text: string) => canvas.measureText(text).width
  const found = labelPlaces(places, texts, { width, height, radius, size: digits, widthOf })
  for (const [at, place] of found.entries()) {
    if (!place) continue
    canvas.strokeText(texts[at]!, ...place)
    canvas.fillText(texts[at]!, ...place)
  }
}
