import { problem } from '../connection/explained.ts'
import type { Session } from '../connection/session.ts'
import { announce, element } from '../element.ts'
import { plural, short } from '../format.ts'
import type { Tab } from '../tab.ts'
import {
  boost,
  type CatalogueItem,
  cataloguedItems,
  pin,
  type Search,
  searchItems,
  setHidden,
} from './catalogue-methods.ts'
import { catalogueRow } from './catalogue-row.ts'
import { boostForm, type PinFields, pinForm, promotions } from './promotion-forms.ts'

/** In ms: how long the person must have typed nothing before it is searched. */
const typingPause = 250
/** Items of one page of results. */
const pageSize = 20

/** Items by words and tags: to look them up, to hide them and to show them again. Absent where there is no catalogue. */
export function catalogueTab(session: Session): Tab | undefined {
  if (!session.has('search_items')) return undefined
  const tab = new CatalogueTab(session)
  return { name: 'catalogue', title: 'Catalogue', section: tab.section, show: () => tab.show(), hide: () => tab.hide() }
}

class CatalogueTab {
  readonly section: HTMLElement
  readonly #session: Session
  readonly #text: HTMLInputElement
  readonly #tags: HTMLInputElement
  readonly #hidden: HTMLSelectElement
  readonly #state = element('p', { class: 'state', role: 'status' })
  readonly #problem = element('div', {})
  readonly #rows = element('ul', { class: 'found' })
  readonly #more = element(
    'button',
    { type: 'button', hidden: true, onclick: () => void this.#search(this.#next) },
    'More',
  )
  #timer: ReturnType<typeof setTimeout> | undefined
  #next: number | undefined
  /** Counts searches: the answer to one that is not the last is not shown. */
  #searches = 0

  constructor(session: Session) {
    this.#session = session
    const later = () => this.#searchSoon()
    this.#text = element('input', { id: 'words', type: 'search', autocomplete: 'off', oninput: later })
    this.#tags = element('input', { id: 'tags', autocomplete: 'off', placeholder: 'one, another', oninput: later })
    this.#hidden = element(
      'select',
      { id: 'hidden', onchange: () => void this.#search() },
      ...['All', 'Shown', 'Hidden'].map(each => element('option', {}, each)),
    )
    const field = (id: string, label: string, control: HTMLElement) =>
      element('div', { class: 'search-field' }, element('label', { for: id }, label), control)
    this.section = element(
      'section',
      { class: 'catalogue', 'aria-label': 'Catalogue' },
      element('h2', {}, 'Catalogue'),
      element(
        'form',
        {
          class: 'card search-form',
          role: 'search',
          onsubmit: event => {
            event.preventDefault()
            void this.#search()
          },
        },
        field('words', 'Words of the title, or the id', this.#text),
        field('tags', 'Any of these tags', this.#tags),
        field('hidden', 'Which', this.#hidden),
      ),
      element('div', { class: 'card' }, this.#state, this.#problem, this.#rows, this.#more),
    )
  }

  show(): void {
    void this.#search()
  }

  hide(): void {
    clearTimeout(this.#timer)
  }

  #searchSoon(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#search(), typingPause)
  }

  get #query(): Search {
    const tags = this.#tags.value
      .split(',')
      .map(tag => tag.trim())
      .filter(Boolean)
    const hidden = { All: undefined, Shown: false, Hidden: true }[this.#hidden.value]
    return { text: this.#text.value.trim(), tags: tags.length > 0 ? tags : undefined, hidden, limit: pageSize }
  }

  /** `after`: of the page before; else the results begin anew. */
  async #search(after?: number): Promise<void> {
    clearTimeout(this.#timer)
    const search = ++this.#searches
    try {
      const { items, next } = await searchItems(this.#session, { ...this.#query, after })
      if (search !== this.#searches) return
      this.#problem.replaceChildren()
      const rows = items.map(item => this.#row(item))
      if (after === undefined) this.#rows.replaceChildren(...rows)
      else this.#rows.append(...rows)
      if (after !== undefined) rows[0]?.querySelector('button')?.focus()
      this.#next = next
      this.#more.hidden = next === undefined
      const count = this.#rows.childElementCount
      this.#state.textContent =
        count === 0
          ? 'No item of the catalogue is like that.'
          : `${plural(count, 'item')}${next === undefined ? '' : ', and more'}`
    } catch (error) {
      if (search !== this.#searches) return
      this.#session.note(error)
      this.#problem.replaceChildren(problem(error))
    }
  }

  #row(item: CatalogueItem): HTMLLIElement {
    const beneath = element('div', { class: 'beneath', hidden: true })
    /** Shows a form below the item; pressed once more, its button takes it away. */
    const show = (kind: string, form: () => HTMLElement) => {
      const isShown = !beneath.hidden && beneath.dataset.kind === kind
      beneath.hidden = isShown
      beneath.dataset.kind = kind
      beneath.replaceChildren(...(isShown ? [] : [form()]))
      if (!isShown) beneath.querySelector<HTMLElement>('input, select')?.focus()
    }
    const canSimilar = this.#session.info.model.capabilities.includes('similar')
    const row = catalogueRow(
      item,
      {
        onHide: hidden => void this.#setHidden(item, hidden, row),
        onBoost: this.#session.has('boost_items')
          ? () => show('boost', () => boostForm(item, factor => void this.#boost(item, factor, row)))
          : undefined,
        onPin: this.#session.has('pin_items')
          ? () =>
              show('pin', () =>
                pinForm(item, {
                  onPin: fields => void this.#pin(item, fields, row),
                  onUnpin: () => void this.#pin(item, undefined, row),
                }),
              )
          : undefined,
        onSimilar: canSimilar ? () => void this.#showSimilar(item, beneath) : undefined,
      },
      beneath,
    )
    return row
  }

  #setHidden(item: CatalogueItem, hidden: boolean, row: HTMLLIElement): Promise<void> {
    const said = hidden ? 'hidden from all lists' : 'shown again'
    return this.#change(() => setHidden(this.#session, item.id, hidden), { ...item, hidden }, said, row)
  }

  #boost(item: CatalogueItem, factor: number, row: HTMLLIElement): Promise<void> {
    const now = { ...item, boost: factor === 1 ? undefined : factor }
    const said = factor === 1 ? 'not boosted any more' : `boosted × ${factor}`
    return this.#change(() => boost(this.#session, item.id, factor), now, said, row)
  }

  #pin(item: CatalogueItem, fields: PinFields | undefined, row: HTMLLIElement): Promise<void> {
    const said = fields ? promotions({ pin: fields }).join() : 'not pinned any more'
    return this.#change(() => pin(this.#session, item.id, fields), { ...item, pin: fields }, said, row)
  }

  /** Shows the item as it is `now`, once that is `done`. */
  async #change(done: () => Promise<void>, now: CatalogueItem, said: string, row: HTMLLIElement): Promise<void> {
    try {
      await done()
      const shown = this.#row(now)
      row.replaceWith(shown)
      shown.querySelector('button')?.focus()
      this.#problem.replaceChildren()
      announce(`${now.title ?? now.id} is ${said}.`)
    } catch (error) {
      this.#problem.replaceChildren(problem(error))
    }
  }

  async #showSimilar({ id }: CatalogueItem, beneath: HTMLElement): Promise<void> {
    const isShown = !beneath.hidden && beneath.dataset.kind === 'similar'
    beneath.hidden = isShown
    beneath.dataset.kind = 'similar'
    if (isShown) return
    beneath.replaceChildren()
    try {
      const { items } = await this.#session.client.call('similar', { item: id, limit: 6 })
      const ids = items.map(({ item }) => String(item))
      const known = ids.length > 0 ? await cataloguedItems(this.#session, ids) : undefined
      const rows = items.map(({ score }, at) =>
        element(
          'li',
          {},
          known?.get(ids[at]!)?.title ?? ids[at],
          element('span', { class: 'details' }, ` ${short(score)}`),
        ),
      )
      beneath.replaceChildren(element('h4', {}, 'Similar'), element('ol', {}, ...rows))
    } catch (error) {
      this.#session.note(error)
      beneath.replaceChildren(problem(error))
    }
  }
}
