import type { List, RecommendationsOptions } from '../../../../client/index.ts'
import { explanation, problem } from '../connection/explained.ts'
import type { Session } from '../connection/session.ts'
import { announce, element } from '../element.ts'
import { milliseconds, percent } from '../format.ts'
import type { Tab } from '../tab.ts'
import { ListView } from './list-view.ts'
import { type ListedItem, listedItems, sharesOf, withReasons } from './listed-item.ts'
import { type Movement, movementsOf, summary } from './movement.ts'
import { newEventId, newUser } from './new-ids.ts'
import { settingsForm } from './settings.ts'
import { SimilarPanel } from './similar-panel.ts'
import { Titles } from './titles.ts'
import { userForm } from './user-form.ts'
import { Visit, type VisitEvent } from './visit.ts'

/** The list of a user, which moves with each item that the person chooses. */
export function tryTab(session: Session): Tab {
  const tab = new TryTab(session)
  return {
    name: 'try',
    title: 'Try',
    section: tab.section,
    show: user => tab.show(user || session.onlyUser || tab.user || newUser()),
    hide: () => tab.hide(),
  }
}

class TryTab {
  readonly section: HTMLElement
  user = ''
  readonly #session: Session
  readonly #titles: Titles
  readonly #form: ReturnType<typeof userForm>
  readonly #settings: ReturnType<typeof settingsForm>
  readonly #view: ListView
  readonly #visit: Visit
  readonly #similar: SimilarPanel
  readonly #heading = element('h2', {})
  readonly #state = element('p', { class: 'state' })
  readonly #shares = element('div', { class: 'shares' })
  readonly #latency = element('p', { class: 'figure', id: 'latency' }, '–')
  readonly #latencyOf = element('p', { class: 'details' }, '')
  readonly #problem = element('div', {})
  #subscription: AbortController | undefined
  #items: string[] = []
  /** Id of the list that is shown: events name it. */
  #list: string | undefined

  constructor(session: Session) {
    this.#session = session
    this.#titles = new Titles(session)
    this.#form = userForm(session)
    this.#settings = settingsForm(session, () => this.#subscribe())
    const canSimilar = session.info.model.capabilities.includes('similar')
    this.#similar = new SimilarPanel(session, this.#titles, item => this.#take(item))
    this.#view = new ListView(this.#titles, {
      onTake: item => this.#take(item),
      onSimilar: canSimilar ? item => void this.#similar.show(item) : undefined,
    })
    this.#visit = new Visit(
      item => this.#titles.name(item),
      event => this.#undo(event),
    )
    this.section = element(
      'section',
      { class: 'try', 'aria-label': 'Try' },
      element('div', { class: 'card' }, this.#form.element, this.#settings.element),
      element(
        'div',
        { class: 'columns' },
        element(
          'div',
          { class: 'card list' },
          element(
            'div',
            { class: 'list-head' },
            element('div', {}, this.#heading, this.#state),
            element('div', { class: 'latency' }, this.#latency, this.#latencyOf),
          ),
          this.#shares,
          this.#problem,
          this.#view.element,
        ),
        element(
          'div',
          { class: 'aside' },
          this.#similar.element,
          element('section', { class: 'card' }, element('h3', {}, 'This visit'), this.#visit.element),
        ),
      ),
    )
  }

  show(user: string): void {
    if (user === this.user && this.#subscription) return
    if (user !== this.user) {
      this.#visit.clear()
      this.#similar.close()
      this.#view.clear()
      this.#items = []
      this.#latency.textContent = '–'
    }
    this.user = user
    this.#form.show(user)
    this.#heading.replaceChildren('List of ', element('span', { class: 'id' }, user))
    this.#subscribe()
  }

  hide(): void {
    this.#subscription?.abort(new Error('not in view'))
    this.#subscription = undefined
  }

  #subscribe(): void {
    this.hide()
    this.#state.textContent = 'asking for the list'
    const subscription = new AbortController()
    this.#subscription = subscription
    void this.#follow(subscription.signal)
  }

  /** Shows the user's lists as they come, until it is aborted. */
  async #follow(signal: AbortSignal): Promise<void> {
    const begun = performance.now()
    let isFirst = true
    try {
      // The fields that servers with their features know go with the others.
      const options: RecommendationsOptions = { ...this.#settings.settings, signal }
      for await (const list of this.#session.client.recommendations(this.user, options)) {
        const arrived = performance.now()
        await this.#titles.load(list.items.map(({ item }) => String(item)))
        if (signal.aborted) return
        this.#show(list, arrived, isFirst ? arrived - begun : undefined)
        isFirst = false
      }
    } catch (error) {
      if (signal.aborted) return
      this.#session.note(error)
      this.#state.textContent = ''
      this.#view.clear()
      this.#problem.replaceChildren(problem(error))
    }
  }

  /** `arrived`: of `performance.now()`; `took`: in ms, where the list is the first of its subscription. */
  #show(list: List, arrived: number, took: number | undefined): void {
    const items = listedItems(list)
    const ids = items.map(({ item }) => item)
    const movements = movementsOf(this.#items, ids)
    const since = this.#visit.listed(list.after, arrived)
    this.#items = ids
    this.#list = list.list
    this.#problem.replaceChildren()
    this.#state.textContent = stateOf(list)
    this.#showShares(list)
    this.#view.show(items, movements)
    if (this.#session.has('explain') && items.length > 0) void this.#explain(list.list, items, movements)
    const latency = since ?? took
    if (latency !== undefined) {
      this.#latency.textContent = milliseconds(latency)
      this.#latencyOf.textContent = since === undefined ? 'from asking to list' : 'from choice to list'
    }
    const first = items[0] ? ` First: ${this.#titles.name(items[0].item)}.` : ''
    const moved = movements.size === 0 ? `${items.length} items` : summary(movements)
    announce(`List of ${this.user}: ${moved}.${first}`)
  }

  /** Shows what speaks for the items, unless another list was shown meanwhile; without it the list is as useful. */
  async #explain(list: string, items: readonly ListedItem[], movements: ReadonlyMap<string, Movement>): Promise<void> {
    const ids = items.map(({ item }) => item)
    const explained = await this.#session.client.call('explain', { user: this.user, items: ids }).catch(() => undefined)
    if (!explained) return
    await this.#titles.load(explained.items.flatMap(({ because }) => because.map(({ item }) => String(item))))
    if (this.#list !== list) return
    this.#view.show(withReasons(items, explained), movements)
  }

  #showShares(list: List): void {
    const shares = sharesOf(list)
    this.#shares.replaceChildren(
      ...shares.map(([source, share], at) => {
        const part = element('span', { class: `share share-${at}` }, `${source} ${percent(share)}`)
        part.style.flexGrow = String(share)
        return part
      }),
    )
  }

  #take(item: string): void {
    const id = newEventId()
    const event: VisitEvent = { id, item, sent: performance.now() }
    this.#visit.add(event)
    const list = this.#list === undefined ? {} : { list: this.#list }
    this.#session.client.send({ user: this.user, id, item, ...list }).then(
      ({ known }) => {
        event.durable = performance.now() - event.sent
        event.isUnknown = known === false
        this.#visit.show()
      },
      error => {
        this.#session.note(error)
        event.failure = explanation(error)
        this.#visit.show()
      },
    )
  }

  #undo(event: VisitEvent): void {
    const id = `${event.id}-undo`
    this.#visit.undo(event, id)
    this.#session.client.send({ user: this.user, id, undo: event.id }).catch(error => {
      this.#session.note(error)
      delete event.undo
      event.failure = explanation(error)
      this.#visit.show()
    })
  }
}

function stateOf({ basis, items }: List): string {
  if (items.length === 0) return 'No item is left for this user: the user has all, or filters leave none.'
  if (basis === 'popularity') return 'Nothing is known of this user yet: these are what many take. Choose one.'
  return 'Choose what the user takes next, and the list moves.'
}
