const [leastZoom, mostZoom] = [1, 40]

/** Which part of the map is in view: its points lie from −1 to 1 both ways, and fill the view at the zoom 1. */
export class MapView {
  width = 1
  height = 1
  /** Pixels that stay free at the edges. */
  readonly #margin = 18
  #zoom = leastZoom
  #centre: readonly [number, number] = [0, 0]

  get zoom(): number {
    return this.#zoom
  }

  /** Where a point is, in pixels from the upper left. */
  place(x: number, y: number): [number, number] {
    const [centreX, centreY] = this.#centre
    const [scaleX, scaleY] = this.#scales
    return [this.width / 2 + (x - centreX) * scaleX, this.height / 2 - (y - centreY) * scaleY]
  }

  /** Moves the map by pixels. */
  pan(byX: number, byY: number): void {
    const [scaleX, scaleY] = this.#scales
    this.#moveTo(this.#centre[0] - byX / scaleX, this.#centre[1] + byY / scaleY)
  }

  /** Makes all larger by `factor`; what is at these pixels stays there. */
  zoomAt(factor: number, pixelX = this.width / 2, pixelY = this.height / 2): void {
    const [beforeX, beforeY] = this.#scales
    const zoom = Math.min(mostZoom, Math.max(leastZoom, this.#zoom * factor))
    const [fromX, fromY] = [pixelX - this.width / 2, pixelY - this.height / 2]
    this.#zoom = zoom
    const [afterX, afterY] = this.#scales
    const [x, y] = this.#centre
    this.#moveTo(x + fromX / beforeX - fromX / afterX, y - fromY / beforeY + fromY / afterY)
  }

  /** Moves the map as little as has the point in view. */
  reveal(x: number, y: number): void {
    const [left, top] = this.place(x, y)
    const outside = (at: number, size: number) =>
      Math.min(0, at - 2 * this.#margin) + Math.max(0, at - size + 2 * this.#margin)
    this.pan(-outside(left, this.width), -outside(top, this.height))
  }

  reset(): void {
    this.#zoom = leastZoom
    this.#centre = [0, 0]
  }

  get #scales(): [number, number] {
    const room = (size: number) => Math.max(1, size / 2 - this.#margin)
    return [room(this.width) * this.#zoom, room(this.height) * this.#zoom]
  }

  /** Never farther out than the points are. */
  #moveTo(x: number, y: number): void {
    const most = 1 - 1 / this.#zoom
    const held = (value: number) => Math.min(most, Math.max(-most, value))
    this.#centre = [held(x), held(y)]
  }
}
