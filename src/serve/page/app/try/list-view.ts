import { element } from '../element.ts'
import { percent, preference } from '../format.ts'
import type { ListedItem } from './listed-item.ts'
import { type Movement, movementText } from './movement.ts'
import type { Titles } from './titles.ts'

export interface ListActions {
  readonly onTake: (item: string) => void
  /** Absent where the model cannot tell what is similar. */
  readonly onSimilar: ((item: string) => void) | undefined
}

/** Of the movement of rows, in ms. */
const duration = 320

/** The list, whose rows move to their new places. A row is the same element for as long as its item is in the list. */
export class ListView {
  readonly element = element('ol', { class: 'items' })
  readonly #titles: Titles
  readonly #actions: ListActions
  readonly #rows = new Map<string, HTMLLIElement>()

  constructor(titles: Titles, actions: ListActions) {
    this.#titles = titles
    this.#actions = actions
  }

  show(items: readonly ListedItem[], movements: ReadonlyMap<string, Movement>): void {
    const before = new Map([...this.#rows].map(([item, row]) => [item, row.getBoundingClientRect().top]))
    const focus = this.#focus
    const rows = items.map((listed, at) => this.#row(listed, at, movements.get(listed.item)))
    const kept = new Set(rows)
    for (const [item, row] of this.#rows) if (!kept.has(row)) this.#rows.delete(item)
    // Only what is not in its place is moved: an element that is taken out loses the focus.
    for (const child of [...this.element.children]) if (!kept.has(child as HTMLLIElement)) child.remove()
    for (const [at, row] of rows.entries()) {
      if (this.element.children[at] !== row) this.element.insertBefore(row, this.element.children[at] ?? null)
    }
    this.#restore(focus, rows)
    if (!matchMedia('(prefers-reduced-motion: reduce)').matches) this.#animate(rows, before)
  }

  clear(): void {
    this.#rows.clear()
    this.element.replaceChildren()
  }

  #row(listed: ListedItem, at: number, movement: Movement | undefined): HTMLLIElement {
    const { item, score, source, promoted } = listed
    const { title, tags } = this.#titles.of(item)
    const row = this.#rows.get(item) ?? element('li', { 'data-item': item })
    this.#rows.set(item, row)
    const isFocused = row.contains(document.activeElement)
    const focused = isFocused ? (document.activeElement as HTMLElement).dataset.action : undefined
    const isOpen = row.querySelector('details')?.open ?? false
    const details = [title === undefined ? undefined : item, ...tags.slice(0, 3)].filter(Boolean).join(' · ')
    row.replaceChildren(
      element('span', { class: 'place' }, String(at + 1)),
      element(
        'button',
        { type: 'button', class: 'take', 'data-action': 'take', onclick: () => this.#actions.onTake(item) },
        element('span', { class: 'title' }, title ?? item),
        details ? element('span', { class: 'details' }, details) : undefined,
      ),
      this.#facts(movement, source, promoted),
      element('span', { class: 'score', title: 'The preference by the model' }, preference(score)),
      ...[this.#similarButton(item), this.#why(listed, isOpen)].filter(part => part !== undefined),
    )
    if (focused) row.querySelector<HTMLElement>(`[data-action="${focused}"]`)?.focus()
    return row
  }

  #facts(movement: Movement | undefined, source: string | undefined, promoted: string | undefined): HTMLElement {
    const moved = movement && movement.kind !== 'same' ? movementText(movement) : undefined
    return element(
      'span',
      { class: 'facts' },
      moved &&
        element('span', { class: `movement ${movement!.kind}`, 'aria-label': moved.spoken, role: 'img' }, moved.shown),
      source === undefined ? undefined : element('span', { class: 'source' }, source),
      promoted === undefined ? undefined : element('span', { class: 'source promoted' }, promoted),
    )
  }

  #similarButton(item: string): HTMLElement | undefined {
    const { onSimilar } = this.#actions
    if (!onSimilar) return undefined
    const label = `Items similar to ${this.#titles.name(item)}`
    const attributes = { type: 'button', class: 'quiet', 'data-action': 'similar', 'aria-label': label, title: label }
    return element('button', { ...attributes, onclick: () => onSimilar(item) }, 'Similar')
  }

  #why({ reasons }: ListedItem, isOpen: boolean): HTMLElement | undefined {
    if (reasons.length === 0) return undefined
    const named = reasons.map(({ item, weight }) => element('li', {}, this.#titles.name(item), ` (${percent(weight)})`))
    return element(
      'details',
      { class: 'why', open: isOpen },
      element('summary', { 'data-action': 'why' }, 'Why'),
      element('ul', {}, ...named),
    )
  }

  /** Which row has the focus, and which of its controls. */
  get #focus(): { readonly at: number; readonly action: string } | undefined {
    const active = document.activeElement
    const row = active?.closest('li')
    if (!(active instanceof HTMLElement) || !row || row.parentElement !== this.element) return undefined
    return { at: [...this.element.children].indexOf(row), action: active.dataset.action ?? 'take' }
  }

  /** Whoever goes by keyboard stays at the place of an item that has left the list. */
  #restore(focus: { readonly at: number; readonly action: string } | undefined, rows: readonly HTMLElement[]): void {
    if (!focus || rows.length === 0 || rows.some(row => row.contains(document.activeElement))) return
    const row = rows[Math.min(focus.at, rows.length - 1)]!
    row.querySelector<HTMLElement>(`[data-action="${focus.action}"]`)?.focus()
  }

  #animate(rows: readonly HTMLElement[], before: ReadonlyMap<string, number>): void {
    const options = { duration, easing: 'cubic-bezier(0.2, 0, 0, 1)' }
    for (const row of rows) {
      const from = before.get(row.dataset.item ?? '')
      if (from === undefined) {
        row.animate([{ opacity: 0 }, { opacity: 1 }], options)
        continue
      }
      const distance = from - row.getBoundingClientRect().top
      if (distance !== 0) row.animate([{ transform: `translateY(${distance}px)` }, { transform: 'none' }], options)
    }
  }
}
