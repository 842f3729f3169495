import { announce, element } from '../../element.ts'
import { plural } from '../../format.ts'
import { colourOf, drawMap } from './map-drawing.ts'
import { type MapPoints, nearestTowards, placesOf } from './map-points.ts'
import { MapView } from './map-view.ts'

/** Pixels from the pointer within which a song is meant, and up to which a press is no drag. */
const [reach, dragFrom] = [14, 5]

const noPoints: MapPoints = { items: [], x: [], y: [], tag: [], tags: [], titles: [], isNew: [] }

/**
 * The songs as points, near to each other where they go together, in the colours of their tags, with the mixed list as a path.
 * It is moved by dragging, made larger by the buttons, two fingers, or the wheel once it has the focus; arrow keys go from song to song.
 */
export class SongMap {
  readonly element: HTMLElement
  readonly #onChoose: (item: string) => void
  readonly #canvas = element('canvas', { tabindex: 0, role: 'application', 'aria-describedby': 'map-help' })
  readonly #tip = element('div', { class: 'map-tip', hidden: true })
  readonly #legend = element('div', { class: 'legend', role: 'group', 'aria-label': 'Show only one tag' })
  readonly #view = new MapView()
  #points = noPoints
  #places: ReadonlyMap<string, number> = new Map()
  #path: readonly string[] = []
  #ingredients: readonly string[] = []
  #playing: string | undefined
  #selected: number | undefined
  #onlyTag: number | undefined
  readonly #pointers = new Map<number, readonly [number, number]>()
  #moved = 0
  #isAsked = false

  constructor(onChoose: (item: string) => void) {
    this.#onChoose = onChoose
    const button = (text: string, label: string, act: () => void) =>
      element('button', { type: 'button', 'aria-label': label, title: label, onclick: () => this.#change(act) }, text)
    const help = 'Arrow keys go from song to song, Enter adds one to the ingredients, + and − zoom, 0 shows all.'
    this.element = element(
      'div',
      { class: 'song-map' },
      element(
        'div',
        { class: 'map-frame' },
        this.#canvas,
        this.#tip,
        element(
          'div',
          { class: 'map-zoom' },
          button('+', 'Zoom in', () => this.#view.zoomAt(1.5)),
          button('−', 'Zoom out', () => this.#view.zoomAt(1 / 1.5)),
          button('⤢', 'Show all', () => this.#view.reset()),
        ),
      ),
      this.#legend,
      element('p', { class: 'hidden', id: 'map-help' }, help),
    )
    this.#listen()
    new ResizeObserver(() => this.#resize()).observe(this.#canvas)
    const scheme = matchMedia('(prefers-color-scheme: dark)')
    const redraw = () => {
      if (this.element.isConnected) this.#redraw()
      else scheme.removeEventListener('change', redraw)
    }
    scheme.addEventListener('change', redraw)
  }

  setPoints(points: MapPoints): void {
    this.#points = points
    this.#places = new Map(points.items.map((item, at) => [item, at]))
    this.#selected = undefined
    this.#canvas.setAttribute('aria-label', `Map of ${plural(points.items.length, 'song')}`)
    this.#showLegend()
    this.#redraw()
  }

  /** The ids of the mixed list, of the songs among its ingredients, and of the one that is played. */
  mark(path: readonly string[], ingredients: readonly string[], playing: string | undefined): void {
    this.#path = path
    this.#ingredients = ingredients
    this.#playing = playing
    this.#redraw()
  }

  #listen(): void {
    const canvas = this.#canvas
    canvas.addEventListener('pointerdown', event => this.#press(event))
    canvas.addEventListener('pointermove', event => this.#move(event))
    canvas.addEventListener('pointerup', event => this.#release(event))
    canvas.addEventListener('pointercancel', ({ pointerId }) => this.#pointers.delete(pointerId))
    canvas.addEventListener('pointerleave', () => this.#select(undefined))
    canvas.addEventListener('blur', () => this.#select(undefined))
    canvas.addEventListener('keydown', event => this.#key(event))
    canvas.addEventListener(
      'wheel',
      event => {
        // Else the page could not be scrolled past it.
        if (document.activeElement !== canvas && !event.ctrlKey) return
        event.preventDefault()
        const { offsetX, offsetY, deltaY } = event
        this.#change(() => this.#view.zoomAt(Math.exp(-deltaY / 300), offsetX, offsetY))
      },
      { passive: false },
    )
  }

  #press(event: PointerEvent): void {
    if (event.button !== 0) return
    this.#canvas.setPointerCapture(event.pointerId)
    this.#pointers.set(event.pointerId, [event.offsetX, event.offsetY])
    this.#moved = 0
  }

  #move({ pointerId, offsetX, offsetY }: PointerEvent): void {
    const before = this.#pointers.get(pointerId)
    if (!before) {
      this.#select(this.#at(offsetX, offsetY))
      return
    }
    const other = [...this.#pointers].find(([id]) => id !== pointerId)?.[1]
    this.#pointers.set(pointerId, [offsetX, offsetY])
    this.#moved += Math.abs(offsetX - before[0]) + Math.abs(offsetY - before[1])
    if (this.#moved < dragFrom) return
    this.#canvas.classList.add('dragged')
    this.#change(() => {
      if (!other) this.#view.pan(offsetX - before[0], offsetY - before[1])
      else {
        const distance = ([x, y]: readonly [number, number]) => Math.hypot(x - other[0], y - other[1])
        const factor = distance([offsetX, offsetY]) / Math.max(1, distance(before))
        this.#view.zoomAt(factor, (offsetX + other[0]) / 2, (offsetY + other[1]) / 2)
      }
    })
  }

  #release({ pointerId, offsetX, offsetY }: PointerEvent): void {
    if (!this.#pointers.delete(pointerId)) return
    this.#canvas.classList.remove('dragged')
    if (this.#moved >= dragFrom) return
    const song = this.#at(offsetX, offsetY)
    if (song !== undefined) this.#onChoose(this.#points.items[song]!)
  }

  #key(event: KeyboardEvent): void {
    const { key } = event
    if (event.altKey || event.ctrlKey || event.metaKey) return
    if (key === '+' || key === '=') this.#change(() => this.#view.zoomAt(1.5))
    else if (key === '-') this.#change(() => this.#view.zoomAt(1 / 1.5))
    else if (key === '0') this.#change(() => this.#view.reset())
    else if (key === 'Enter' || key === ' ') {
      if (this.#selected !== undefined) this.#onChoose(this.#points.items[this.#selected]!)
    } else if (key.startsWith('Arrow')) this.#step(key)
    else return
    event.preventDefault()
  }

  #step(key: string): void {
    const isShown = (song: number) => this.#onlyTag === undefined || this.#points.tag[song] === this.#onlyTag
    const begin = placesOf(this.#places, this.#path)[0] ?? this.#points.items.findIndex((_, song) => isShown(song))
    if (begin < 0) return
    const next = this.#selected === undefined ? begin : nearestTowards(this.#points, this.#selected, key, isShown)
    if (next === undefined) return
    this.#view.reveal(this.#points.x[next]!, this.#points.y[next]!)
    this.#select(next)
    announce(this.#nameOf(next))
  }

  #nameOf(song: number): string {
    const { titles, tags, tag, isNew } = this.#points
    const parts = [titles[song], tags[tag[song]!], isNew[song] ? 'nobody has listened yet' : undefined]
    return parts.filter(part => part !== undefined).join(' · ')
  }

  /** The song nearest to a place in pixels, within reach. */
  #at(pixelX: number, pixelY: number): number | undefined {
    const { x, y } = this.#points
    let [nearest, least] = [undefined as number | undefined, reach]
    for (let song = 0; song < x.length; song++) {
      const [left, top] = this.#view.place(x[song]!, y[song]!)
      const distance = Math.hypot(left - pixelX, top - pixelY)
      if (distance < least) [nearest, least] = [song, distance]
    }
    return nearest
  }

  #select(song: number | undefined): void {
    if (song === this.#selected) return
    this.#selected = song
    this.#redraw()
  }

  #change(act: () => void): void {
    act()
    this.#redraw()
  }

  #showTip(): void {
    const song = this.#selected
    this.#tip.hidden = song === undefined
    this.#canvas.classList.toggle('over', song !== undefined)
    if (song === undefined) return
    this.#tip.textContent = this.#nameOf(song)
    const [x, y] = this.#view.place(this.#points.x[song]!, this.#points.y[song]!)
    const width = this.#tip.offsetWidth
    this.#tip.style.left = `${Math.max(4, Math.min(this.#view.width - width - 4, x - width / 2))}px`
    this.#tip.style.top = `${y > 52 ? y - 44 : y + 16}px`
  }

  #showLegend(): void {
    const { tags, tag, isNew } = this.#points
    const used = tags.map((name, at) => ({ name, at })).filter(({ at }) => tag.includes(at))
    const entry = (at: number, name: string) => {
      const dot = element('span', { class: 'legend-dot' })
      dot.style.background = `var(${colourOf(at)})`
      const onclick = () => {
        this.#onlyTag = this.#onlyTag === at ? undefined : at
        for (const button of this.#legend.querySelectorAll('button')) {
          button.setAttribute('aria-pressed', String(button.dataset.tag === String(this.#onlyTag)))
        }
        this.#redraw()
      }
      return element('button', { type: 'button', 'data-tag': at, 'aria-pressed': 'false', onclick }, dot, name)
    }
    const newOnes = element(
      'span',
      { class: 'legend-note' },
      element('span', { class: 'legend-dot new' }),
      'no listeners yet',
    )
    this.#onlyTag = undefined
    this.#legend.replaceChildren(
      ...used.map(({ name, at }) => entry(at, name)),
      ...(isNew.includes(true) ? [newOnes] : []),
    )
  }

  #resize(): void {
    const { clientWidth, clientHeight } = this.#canvas
    if (clientWidth === 0) return
    this.#view.width = clientWidth
    this.#view.height = clientHeight
    this.#canvas.width = Math.round(clientWidth * devicePixelRatio)
    this.#canvas.height = Math.round(clientHeight * devicePixelRatio)
    // At once: a canvas of another size is empty.
    this.#draw()
  }

  #redraw(): void {
    if (this.#isAsked) return
    this.#isAsked = true
    requestAnimationFrame(() => this.#draw())
  }

  #draw(): void {
    this.#isAsked = false
    const context = this.#canvas.getContext('2d')
    if (!context) return
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0)
    drawMap(context, this.#view, this.#points, {
      path: placesOf(this.#places, this.#path),
      ingredients: placesOf(this.#places, this.#ingredients),
      playing: this.#playing === undefined ? undefined : placesOf(this.#places, [this.#playing])[0],
      selected: this.#selected,
      onlyTag: this.#onlyTag,
    })
    this.#showTip()
  }
}
