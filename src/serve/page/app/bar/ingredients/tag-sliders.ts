import { element } from '../../element.ts'
import { colourOf } from '../map/map-drawing.ts'
import type { Ingredients } from './ingredients.ts'

/** Tags that have a slider of their own from the beginning: those of most songs. */
const shownTags = 10

export interface TagActions {
  /** 0: it is no ingredient any more. */
  readonly onWeight: (tag: string, weight: number) => void
  readonly onAvoid: (tag: string) => void
}

/** A slider for each of the tags that most songs have, and of those that are looked for. */
export class TagSliders {
  readonly element: HTMLElement
  readonly #actions: TagActions
  readonly #rows = element('ul', { class: 'tag-sliders' })
  readonly #more: HTMLElement
  readonly #tags: readonly string[]
  readonly #shown: string[]
  readonly #controls = new Map<
    string,
    {
      readonly row: HTMLLIElement
      readonly range: HTMLInputElement
      readonly output: HTMLOutputElement
      readonly avoid: HTMLButtonElement
    }
  >()

  /** `tags`: those of most songs first. */
  constructor(tags: readonly string[], actions: TagActions) {
    this.#tags = tags
    this.#actions = actions
    this.#shown = tags.slice(0, shownTags)
    this.#more = this.#search()
    this.element = element(
      'fieldset',
      { class: 'plain' },
      element('legend', {}, 'Moods and other tags'),
      this.#rows,
      this.#more,
    )
    this.#rows.append(...this.#shown.map(tag => this.#row(tag)))
  }

  show({ tags, avoidedTags }: Ingredients): void {
    for (const tag of [...tags.keys(), ...avoidedTags]) this.#add(tag)
    for (const [tag, { row, range, output, avoid }] of this.#controls) {
      const weight = tags.get(tag) ?? 0
      const isAvoided = avoidedTags.includes(tag)
      if (range.valueAsNumber !== weight) range.value = String(weight)
      output.value = isAvoided ? 'none' : weight === 0 ? '–' : weight.toFixed(1)
      range.setAttribute(
        'aria-valuetext',
        isAvoided ? 'avoided' : weight === 0 ? 'not an ingredient' : weight.toFixed(1),
      )
      avoid.setAttribute('aria-pressed', String(isAvoided))
      row.classList.toggle('chosen', weight > 0)
      row.classList.toggle('avoided', isAvoided)
    }
  }

  #add(tag: string): void {
    if (this.#controls.has(tag)) return
    this.#rows.append(this.#row(tag))
  }

  #row(tag: string): HTMLLIElement {
    const place = this.#tags.indexOf(tag)
    const id = `tag-${place}`
    const dot = element('span', { class: 'legend-dot' })
    dot.style.background = `var(${colourOf(place)})`
    const range = element('input', {
      type: 'range',
      id,
      min: 0,
      max: 1,
      step: 0.1,
      value: 0,
      oninput: () => this.#actions.onWeight(tag, range.valueAsNumber),
    })
    range.style.accentColor = `var(${colourOf(place)})`
    const output = element('output', { for: id }, '–')
    const label = `Avoid ${tag}`
    const avoid = element(
      'button',
      {
        type: 'button',
        class: 'quiet avoid',
        'aria-label': label,
        title: label,
        onclick: () => this.#actions.onAvoid(tag),
      },
      '⊘',
    )
    const row = element('li', { 'data-tag': tag }, element('label', { for: id }, dot, tag), range, output, avoid)
    this.#controls.set(tag, { row, range, output, avoid })
    return row
  }

  /** A field to find the tags that have no slider yet. */
  #search(): HTMLElement {
    const rest = this.#tags.slice(shownTags)
    const input = element('input', {
      id: 'more-tags',
      list: 'all-tags',
      autocomplete: 'off',
      placeholder: `${rest.length} more`,
      onchange: () => {
        const tag = input.value.trim()
        if (!this.#tags.includes(tag)) return
        input.value = ''
        this.#add(tag)
        this.#actions.onWeight(tag, 1)
        this.#controls.get(tag)?.range.focus()
      },
    })
    const list = element(
      'datalist',
      { id: 'all-tags' },
      ...rest.slice(0, 2000).map(tag => element('option', { value: tag })),
    )
    return element(
      'div',
      { class: 'field', hidden: rest.length === 0 },
      element('label', { for: 'more-tags' }, 'Another tag'),
      input,
      list,
    )
  }
}
