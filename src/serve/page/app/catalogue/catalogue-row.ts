import { element } from '../element.ts'
import type { CatalogueItem } from './catalogue-methods.ts'
import { promotions } from './promotion-forms.ts'

export interface RowActions {
  readonly onHide: (hidden: boolean) => void
  /** Absent where the server cannot. */
  readonly onBoost: (() => void) | undefined
  readonly onPin: (() => void) | undefined
  /** Absent where the model cannot tell what is similar. */
  readonly onSimilar: (() => void) | undefined
}

/** An item of the catalogue with what is known of it. `beneath`: what is shown below it. */
export function catalogueRow(item: CatalogueItem, actions: RowActions, beneath: HTMLElement): HTMLLIElement {
  const { id, title, tags, categories, text, hidden } = item
  const name = title ?? id
  const state = stateOf(item, Date.now())
  return element(
    'li',
    { 'data-item': id, class: state === undefined ? undefined : 'unseen' },
    element(
      'div',
      { class: 'known' },
      element('span', { class: 'title' }, name),
      state === undefined ? undefined : element('span', { class: 'badge' }, state),
      ...promotions(item).map(each => element('span', { class: 'badge promoted' }, each)),
      title === undefined ? undefined : element('span', { class: 'details' }, ` ${id}`),
      text === undefined ? undefined : element('p', { class: 'details excerpt' }, text),
      labels(tags, categories),
      link(item),
    ),
    element(
      'div',
      { class: 'actions' },
      element(
        'button',
        { type: 'button', 'aria-label': `${hidden ? 'Show' : 'Hide'} ${name}`, onclick: () => actions.onHide(!hidden) },
        hidden ? 'Show' : 'Hide',
      ),
      quietButton('Boost', `Boost ${name}`, actions.onBoost),
      quietButton('Pin', `Pin ${name}`, actions.onPin),
      quietButton('Similar', `Items similar to ${name}`, actions.onSimilar),
    ),
    beneath,
  )
}

function quietButton(text: string, label: string, onclick: (() => void) | undefined): HTMLElement | undefined {
  return onclick && element('button', { type: 'button', class: 'quiet', 'aria-label': label, onclick }, text)
}

/** Why no list has the item now, if so. */
function stateOf({ hidden, availableFrom, availableUntil }: CatalogueItem, now: number): string | undefined {
  if (hidden) return 'hidden'
  if (availableFrom !== undefined && availableFrom > now) return `from ${day(availableFrom)}`
  if (availableUntil !== undefined && availableUntil <= now) return `ended ${day(availableUntil)}`
  return undefined
}

function day(time: number): string {
  return new Date(time).toLocaleDateString('en-GB', { dateStyle: 'medium' })
}

function labels(tags: readonly string[], categories: readonly string[]): HTMLElement | undefined {
  const all = [...categories, ...tags]
  if (all.length === 0) return undefined
  const shown = all.slice(0, 12).map(each => element('li', {}, each))
  const more = all.length > shown.length ? element('li', {}, `${all.length - shown.length} more`) : undefined
  return element('ul', { class: 'labels', 'aria-label': 'Categories and tags' }, ...shown, more)
}

/** Only what leads to a web page: an address may be anything, also a script. */
function link({ url }: CatalogueItem): HTMLElement | undefined {
  if (url === undefined || !/^https?:$/.test(URL.parse(url)?.protocol ?? '')) return undefined
  return element('a', { class: 'details', href: url, target: '_blank', rel: 'noopener noreferrer' }, url)
}
