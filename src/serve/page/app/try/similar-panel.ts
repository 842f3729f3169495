import { problem } from '../connection/explained.ts'
import type { Session } from '../connection/session.ts'
import { element } from '../element.ts'
import type { Titles } from './titles.ts'

/** The items most similar to one, beside the list. */
export class SimilarPanel {
  readonly element = element('section', { class: 'card similar', 'aria-live': 'polite', hidden: true })
  readonly #session: Session
  readonly #titles: Titles
  readonly #onTake: (item: string) => void

  constructor(session: Session, titles: Titles, onTake: (item: string) => void) {
    this.#session = session
    this.#titles = titles
    this.#onTake = onTake
  }

  async show(item: string): Promise<void> {
    const close = element('button', { type: 'button', class: 'quiet', onclick: () => this.close() }, 'Close')
    const heading = element('h3', {}, 'Similar to ', element('q', {}, this.#titles.name(item)))
    this.element.hidden = false
    this.element.replaceChildren(element('div', { class: 'panel-head' }, heading, close), await this.#list(item))
    // On a phone it is below the list.
    if (this.element.getBoundingClientRect().top > innerHeight - 120) this.element.scrollIntoView({ block: 'center' })
  }

  close(): void {
    this.element.hidden = true
    this.element.replaceChildren()
  }

  async #list(item: string): Promise<HTMLElement> {
    try {
      const { items } = await this.#session.client.call('similar', { item, limit: 6 })
      const ids = items.map(each => String(each.item))
      await this.#titles.load(ids)
      return element('ol', { class: 'similar-items' }, ...ids.map(id => this.#row(id)))
    } catch (error) {
      this.#session.note(error)
      return problem(error)
    }
  }

  #row(item: string): HTMLElement {
    const name = this.#titles.name(item)
    return element(
      'li',
      {},
      element(
        'button',
        { type: 'button', class: 'take', onclick: () => this.#onTake(item) },
        element('span', { class: 'title' }, name),
      ),
      element(
        'button',
        { type: 'button', class: 'quiet', 'aria-label': `Items similar to ${name}`, onclick: () => this.show(item) },
        'Similar',
      ),
    )
  }
}
