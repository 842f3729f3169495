import { announce, element } from '../../element.ts'
import type { MixedSong } from './mixed-song.ts'
import { type SongActions, songRow } from './song-row.ts'

export interface SongListActions extends SongActions {
  /** `to`: its new place, from 0. */
  readonly onMove: (item: string, to: number) => void
}

/** Where the focus is. */
interface RowFocus {
  readonly item: string
  readonly at: number
  readonly action: string
}

/** Of the movement of rows, in ms. */
const duration = 260

/** The songs to come, to be moved by dragging their handles or by the arrow keys on them. A row stays the same element for as long as its song is in. */
export class SongList {
  readonly element = element('ol', { class: 'songs' })
  readonly #actions: SongListActions
  readonly #rows = new Map<string, HTMLLIElement>()
  /** Songs that say why they are in. */
  readonly #open = new Set<string>()
  #songs: readonly MixedSong[] = []
  #showAgain = () => {}
  #dragged: HTMLLIElement | undefined
  /** What came while a row was dragged. */
  #waiting: (() => void) | undefined

  constructor(actions: SongListActions) {
    this.#actions = actions
  }

  /** `first`: the place of the first song, from 1. */
  show(songs: readonly MixedSong[], first: number, playing: string | undefined, kept: ReadonlySet<string>): void {
    if (this.#dragged) {
      this.#waiting = () => this.show(songs, first, playing, kept)
      return
    }
    this.#showAgain = () => this.show(songs, first, playing, kept)
    const before = this.#tops()
    const focus = this.#focus()
    this.#songs = songs
    const rows = songs.map((song, at) => {
      const state = {
        place: first + at,
        isOpen: this.#open.has(song.item),
        isPlaying: song.item === playing,
        isKept: kept.has(song.item),
      }
      const row = this.#rows.get(song.item) ?? element('li', { 'data-item': song.item })
      this.#rows.set(song.item, row)
      row.classList.toggle('playing', state.isPlaying)
      row.replaceChildren(this.#handle(song, at), ...songRow(song, state, this.#actions, () => this.#toggle(song.item)))
      return row
    })
    this.#place(rows)
    this.#restore(focus)
    this.#animate(before)
  }

  #toggle(item: string): void {
    if (!this.#open.delete(item)) this.#open.add(item)
    this.#showAgain()
  }

  /** Puts the rows into their order; an element that is taken out would lose the focus. */
  #place(rows: readonly HTMLLIElement[]): void {
    const wanted = new Set(rows)
    for (const [item, row] of this.#rows) {
      if (wanted.has(row)) continue
      this.#rows.delete(item)
      row.remove()
    }
    for (const [at, row] of rows.entries()) {
      if (this.element.children[at] !== row) this.element.insertBefore(row, this.element.children[at] ?? null)
    }
  }

  #handle({ item, title }: MixedSong, at: number): HTMLElement {
    const handle = element(
      'button',
      {
        type: 'button',
        class: 'handle',
        'data-action': 'move',
        'aria-label': `Move ${title}, place ${at + 1} of ${this.#songs.length}: arrow keys`,
        title: 'Drag, or arrow keys',
      },
      '⠿',
    )
    handle.addEventListener('keydown', event => {
      const to = at + ({ ArrowUp: -1, ArrowDown: 1 }[event.key] ?? Number.NaN)
      if (Number.isNaN(to)) return
      event.preventDefault()
      if (to < 0 || to >= this.#songs.length) return
      this.#actions.onMove(item, to)
      announce(`${title}, place ${to + 1}`)
    })
    handle.addEventListener('pointerdown', event => this.#drag(event, handle, item))
    return handle
  }

  /** Moves the row of `item` with the pointer, until that is let go. */
  #drag(begin: PointerEvent, handle: HTMLElement, item: string): void {
    const row = this.#rows.get(item)
    if (begin.button !== 0 || !row) return
    begin.preventDefault()
    handle.focus()
    handle.setPointerCapture(begin.pointerId)
    this.#dragged = row
    row.classList.add('dragged')
    let grip = begin.clientY - row.getBoundingClientRect().top
    const move = ({ clientY }: PointerEvent) => {
      row.style.transform = ''
      const others = [...this.element.children].filter(each => each !== row)
      const middle = clientY - grip + row.offsetHeight / 2
      const next = others.find(each => middle < each.getBoundingClientRect().top + each.clientHeight / 2) ?? null
      if (row.nextElementSibling !== next) {
        const before = this.#tops()
        this.element.insertBefore(row, next)
        // Capture ends where the element is moved in the document.
        handle.setPointerCapture(begin.pointerId)
        this.#animate(before, row)
      }
      row.style.transform = `translateY(${clientY - grip - row.getBoundingClientRect().top}px)`
      const edge = 60
      if (clientY < edge) scrollBy(0, -12)
      else if (clientY > innerHeight - edge) scrollBy(0, 12)
    }
    const end = () => {
      handle.removeEventListener('pointermove', move)
      handle.removeEventListener('pointerup', end)
      handle.removeEventListener('pointercancel', end)
      row.style.transform = ''
      row.classList.remove('dragged')
      grip = 0
      this.#dragged = undefined
      const to = [...this.element.children].indexOf(row)
      const from = this.#songs.findIndex(song => song.item === item)
      this.#waiting?.()
      this.#waiting = undefined
      if (to !== from && to >= 0) this.#actions.onMove(item, to)
    }
    handle.addEventListener('pointermove', move)
    handle.addEventListener('pointerup', end)
    handle.addEventListener('pointercancel', end)
  }

  #tops(): Map<Element, number> {
    return new Map([...this.element.children].map(row => [row, row.getBoundingClientRect().top]))
  }

  /** Has rows move to where they are now, but for `except`. */
  #animate(before: ReadonlyMap<Element, number>, except?: Element): void {
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) return
    const options = { duration, easing: 'cubic-bezier(0.2, 0, 0, 1)' }
    for (const row of this.element.children) {
      if (row === except) continue
      const from = before.get(row)
      const distance = from === undefined ? undefined : from - row.getBoundingClientRect().top
      if (distance === undefined) row.animate([{ opacity: 0 }, { opacity: 1 }], options)
      else if (distance !== 0) row.animate([{ transform: `translateY(${distance}px)` }, { transform: 'none' }], options)
    }
  }

  #focus(): RowFocus | undefined {
    const active = document.activeElement
    const row = active?.closest('li')
    if (!(active instanceof HTMLElement) || !row || row.parentElement !== this.element) return undefined
    return {
      item: row.dataset.item!,
      at: [...this.element.children].indexOf(row),
      action: active.dataset.action ?? 'move',
    }
  }

  /** Whoever goes by keyboard stays at the song, or at the place of one that has left the list. */
  #restore(focus: RowFocus | undefined): void {
    if (!focus) return
    const row =
      this.#rows.get(focus.item) ?? this.element.children[Math.min(focus.at, this.element.children.length - 1)]
    row?.querySelector<HTMLElement>(`[data-action="${focus.action}"]`)?.focus()
  }
}
