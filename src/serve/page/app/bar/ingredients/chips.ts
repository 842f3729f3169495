import { element } from '../../element.ts'

/** One thing that was chosen, to be changed or taken out again. */
export interface Chip {
  readonly name: string
  /** What it is: `song`, `taste`, `artist`. */
  readonly kind: string
  /** With a slider of its weight where it has one. */
  readonly weight?: number
  readonly onWeight?: (weight: number) => void
  readonly onRemove: () => void
}

/** A row for each; made anew only where others are shown, so that a slider can be dragged. */
export class Chips {
  readonly element = element('ul', { class: 'chips' })
  #shown = ''

  show(chips: readonly Chip[]): void {
    const shown = JSON.stringify(chips.map(({ name, kind }) => [name, kind]))
    if (shown !== this.#shown) {
      this.#shown = shown
      this.element.replaceChildren(...chips.map(rowOf))
      this.element.hidden = chips.length === 0
    }
    for (const [at, { weight }] of chips.entries()) {
      const output = this.element.children[at]?.querySelector('output')
      if (output && weight !== undefined) output.value = weight.toFixed(1)
    }
  }
}

function rowOf({ name, kind, weight, onWeight, onRemove }: Chip): HTMLLIElement {
  const slider =
    weight === undefined || !onWeight
      ? []
      : [
          element('input', {
            type: 'range',
            min: 0.1,
            max: 1,
            step: 0.1,
            value: weight,
            'aria-label': `How much ${name} counts`,
            oninput: event => onWeight((event.target as HTMLInputElement).valueAsNumber),
          }),
          element('output', {}, weight.toFixed(1)),
        ]
  const label = `Take out ${kind} ${name}`
  return element(
    'li',
    {},
    element('span', { class: 'chip-name' }, name, element('span', { class: 'details' }, kind)),
    ...slider,
    element('button', { type: 'button', class: 'quiet', 'aria-label': label, title: label, onclick: onRemove }, '✕'),
  )
}
