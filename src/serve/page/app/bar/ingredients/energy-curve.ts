import { element, svgElement } from '../../element.ts'

const [width, height] = [320, 112]
const [left, top] = [12, 12]
/** Of a point by an arrow key, and by Page Up and Page Down. */
const [step, largeStep] = [0.05, 0.2]

/** Curves of five points, to begin with. */
const shapes: Readonly<Record<string, readonly number[] | undefined>> = {
  any: undefined,
  rising: [0.2, 0.35, 0.5, 0.65, 0.8],
  falling: [0.8, 0.65, 0.5, 0.35, 0.2],
  'up and down': [0.3, 0.6, 0.85, 0.6, 0.3],
  low: [0.2, 0.2, 0.2, 0.2, 0.2],
  high: [0.8, 0.8, 0.8, 0.8, 0.8],
}

/** The energy over the list, drawn by dragging points up and down, or by arrow keys; behind it that of the songs of the list. */
export class EnergyCurve {
  readonly element: HTMLElement
  readonly #onChange: (energy: readonly number[] | undefined) => void
  readonly #shape = element(
    'select',
    { id: 'energy-shape', onchange: () => this.#choose(shapes[this.#shape.value]) },
    ...Object.keys(shapes).map(name => element('option', { value: name }, name)),
    element('option', { value: 'own', hidden: true }, 'drawn by hand'),
  )
  readonly #bars = svgElement('g', { class: 'curve-songs' })
  readonly #line = svgElement('path', { class: 'curve-line' })
  readonly #points: readonly SVGCircleElement[]
  readonly #drawing: SVGSVGElement
  #energy: readonly number[] | undefined

  constructor(onChange: (energy: readonly number[] | undefined) => void) {
    this.#onChange = onChange
    this.#points = [0, 1, 2, 3, 4].map(at => this.#point(at))
    this.#drawing = svgElement(
      'svg',
      { class: 'curve', viewBox: `0 0 ${width} ${height}`, role: 'group', 'aria-label': 'Energy over the list' },
      svgElement('line', { class: 'curve-axis', x1: left, x2: width - left, y1: height - top, y2: height - top }),
      this.#bars,
      this.#line,
      ...this.#points,
    )
    this.element = element(
      'div',
      { class: 'energy' },
      element(
        'div',
        { class: 'field spread' },
        element('label', { for: 'energy-shape' }, 'Energy over the list'),
        this.#shape,
      ),
      element('div', { class: 'curve-frame' }, this.#drawing),
      element(
        'div',
        { class: 'curve-ends details', 'aria-hidden': 'true' },
        element('span', {}, 'first song'),
        element('span', { class: 'curve-key' }, 'bars: songs of the list'),
        element('span', {}, 'last song'),
      ),
    )
    this.#draw()
  }

  /** Shows the curve that is chosen. */
  show(energy: readonly number[] | undefined): void {
    if (energy === this.#energy) return
    this.#energy = energy
    this.#shape.value = Object.keys(shapes).find(name => shapes[name] === energy) ?? 'own'
    this.#draw()
  }

  /** The energies of the songs of the list, in their order; undefined where it is not known. */
  showSongs(energies: readonly (number | undefined)[]): void {
    const room = (width - 2 * left) / Math.max(1, energies.length)
    this.#bars.replaceChildren(
      ...energies.flatMap((energy, at) => {
        if (energy === undefined) return []
        const tall = Math.max(2, energy * (height - 2 * top))
        const gap = room > 4 ? 1.5 : 0
        return svgElement('rect', {
          x: left + at * room + gap / 2,
          y: height - top - tall,
          width: room - gap,
          height: tall,
          rx: 1.5,
        })
      }),
    )
  }

  #point(at: number): SVGCircleElement {
    const point = svgElement('circle', { r: 8, tabindex: 0, role: 'slider', 'aria-valuemin': 0, 'aria-valuemax': 100 })
    point.setAttribute(
      'aria-label',
      ['Energy at the beginning', 'After a quarter', 'In the middle', 'After three quarters', 'At the end'][at]!,
    )
    point.addEventListener('keydown', event => {
      const by = {
        ArrowUp: step,
        ArrowRight: step,
        ArrowDown: -step,
        ArrowLeft: -step,
        PageUp: largeStep,
        PageDown: -largeStep,
      }
      const ends = { Home: 0, End: 1 }
      const now = this.#energy?.[at] ?? 0.5
      const value =
        event.key in ends
          ? ends[event.key as keyof typeof ends]
          : now + (by[event.key as keyof typeof by] ?? Number.NaN)
      if (Number.isNaN(value)) return
      event.preventDefault()
      this.#set(at, value)
      this.#onChange(this.#energy)
    })
    point.addEventListener('pointerdown', event => {
      event.preventDefault()
      point.focus()
      point.setPointerCapture(event.pointerId)
    })
    point.addEventListener('pointermove', event => {
      if (!point.hasPointerCapture(event.pointerId)) return
      const { top: above, height: tall } = this.#drawing.getBoundingClientRect()
      const y = ((event.clientY - above) / tall) * height
      this.#set(at, 1 - (y - top) / (height - 2 * top))
    })
    const end = (event: PointerEvent) => {
      if (!point.hasPointerCapture(event.pointerId)) return
      point.releasePointerCapture(event.pointerId)
      this.#onChange(this.#energy)
    }
    point.addEventListener('pointerup', end)
    point.addEventListener('pointercancel', end)
    return point
  }

  #set(at: number, value: number): void {
    const held = Math.round(100 * Math.min(1, Math.max(0, value))) / 100
    const before = this.#energy ?? this.#points.map(() => 0.5)
    this.#energy = before.map((energy, place) => (place === at ? held : energy))
    this.#shape.value = 'own'
    this.#draw()
  }

  #choose(energy: readonly number[] | undefined): void {
    this.#energy = energy
    this.#draw()
    this.#onChange(energy)
  }

  #draw(): void {
    const shown = this.#energy ?? this.#points.map(() => 0.5)
    this.#drawing.classList.toggle('unset', this.#energy === undefined)
    const places = shown.map((energy, at) => [
      left + (at / (shown.length - 1)) * (width - 2 * left),
      height - top - energy * (height - 2 * top),
    ])
    this.#line.setAttribute('d', `M${places.map(place => place.join(' ')).join('L')}`)
    for (const [at, point] of this.#points.entries()) {
      const [x, y] = places[at]!
      point.setAttribute('cx', String(x))
      point.setAttribute('cy', String(y))
      const percent = Math.round(100 * shown[at]!)
      point.setAttribute('aria-valuenow', String(percent))
      point.setAttribute('aria-valuetext', this.#energy === undefined ? 'any' : `${percent} %`)
    }
  }
}
