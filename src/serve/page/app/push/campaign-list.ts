import type { ParamsInput } from '../../../../protocol/methods.ts'
import type { PushStatus } from '../../../../protocol/push-methods.ts'
import type { ArticleResult } from '../../../../push/analyse/analysis.ts'
import type { Session } from '../connection/session.ts'
import { element } from '../element.ts'
import { count } from '../format.ts'
import { campaignCard } from './campaign-card.ts'
import { CampaignDetails } from './campaign-details.ts'
import { liftDomain } from './lift-drawing.ts'
import { type Campaign, stateOf } from './words.ts'

/** Campaigns of a page; {@link CampaignList} reads as many as the person has asked for. */
const pageSize = 50
/** In ms: how long the person must have typed nothing before it is searched. */
const typingPause = 250
const states = [
  ['', 'all'],
  ['open', 'open'],
  ['paused', 'paused'],
  ['stopped', 'stopped'],
  ['over', 'over'],
  ['dry', 'of a dry run'],
] as const

/** Campaigns by state and text, page by page. */
export class CampaignList {
  readonly element: HTMLElement
  readonly #session: Session
  readonly #onPause: (article: string, isPaused: boolean) => void
  readonly #text: HTMLInputElement
  readonly #state: HTMLSelectElement
  readonly #count = element('p', { class: 'state', role: 'status' })
  readonly #rows = element('ul', { class: 'campaigns' })
  readonly #more: HTMLButtonElement
  #typing: ReturnType<typeof setTimeout> | undefined
  #pages = 1
  /** By campaign: a card is made anew only where what it shows has changed, so that it can be pressed meanwhile. */
  #cards = new Map<string, { readonly shown: string; readonly card: HTMLElement }>()
  /** Of campaigns that are open to look at. */
  readonly #details = new Map<string, CampaignDetails>()

  /** @param onAsk is called when other campaigns are asked for. */
  constructor(session: Session, onAsk: () => void, onPause: (article: string, isPaused: boolean) => void) {
    this.#session = session
    this.#onPause = onPause
    const ask = () => {
      this.#pages = 1
      onAsk()
    }
    this.#text = element('input', {
      id: 'campaigns-text',
      type: 'search',
      autocomplete: 'off',
      oninput: () => {
        clearTimeout(this.#typing)
        this.#typing = setTimeout(ask, typingPause)
      },
    })
    this.#state = element(
      'select',
      { id: 'campaigns-state', onchange: ask },
      ...states.map(([value, name]) => element('option', { value }, name)),
    )
    this.#more = element(
      'button',
      {
        type: 'button',
        hidden: true,
        onclick: () => {
          this.#pages++
          onAsk()
        },
      },
      'Show more',
    )
    this.element = element(
      'div',
      {},
      element('h3', { class: 'campaigns-title' }, 'Campaigns'),
      element(
        'div',
        { class: 'search-form' },
        element(
          'div',
          { class: 'search-field' },
          element('label', { for: this.#text.id }, 'Article or title'),
          this.#text,
        ),
        element('div', { class: 'search-field' }, element('label', { for: this.#state.id }, 'State'), this.#state),
      ),
      this.#count,
      this.#rows,
      this.#more,
    )
  }

  /** The status with the campaigns that are asked for. */
  async read(): Promise<PushStatus> {
    const campaigns: Campaign[] = []
    for (let page = 0; ; page++) {
      const query: ParamsInput<'push_status'> = { limit: pageSize }
      if (this.#text.value.trim() !== '') query.text = this.#text.value.trim()
      if (this.#state.value !== '') query.state = this.#state.value as 'open'
      if (campaigns.length > 0) query.before = campaigns.at(-1)!.id
      const status = await this.#session.read('push_status', query)
      campaigns.push(...status.campaigns)
      if (page + 1 < this.#pages && status.campaigns.length === pageSize) continue
      return Object.assign({}, status, { campaigns })
    }
  }

  show({ campaigns, total }: PushStatus, results: ReadonlyMap<string, ArticleResult>): void {
    const now = Date.now()
    const focused = document.activeElement?.closest<HTMLElement>('[data-campaign]')?.dataset.campaign
    const wasIn = document.activeElement?.getAttribute('data-part')
    const shownResults = campaigns.flatMap(({ id }) => results.get(id) ?? [])
    const domain = liftDomain(shownResults, campaigns)
    const cards = new Map<string, { readonly shown: string; readonly card: HTMLElement }>()
    for (const campaign of campaigns) {
      const { id } = campaign
      const result = results.get(id)
      const details = this.#details.get(id)
      const shown = JSON.stringify([campaign, result, stateOf(campaign, now), domain, details !== undefined])
      const before = this.#cards.get(id)
      const card =
        before?.shown === shown
          ? before.card
          : campaignCard(campaign, result, {
              domain,
              details: details?.element,
              onPause: isPaused => this.#onPause(id, isPaused),
              onOpen: isOpen => this.#open(id, isOpen, () => this.show({ campaigns, total } as PushStatus, results)),
            })
      cards.set(id, { shown, card })
    }
    this.#cards = cards
    this.#count.textContent = `${count(campaigns.length)} of ${count(total)} shown, newest first.`
    this.#count.hidden = total === 0
    this.#more.hidden = campaigns.length >= total
    const rows: Element[] = [...cards.values()].map(({ card }) => card)
    if (rows.length === 0) rows.push(element('li', { class: 'state' }, this.#nothing()))
    const isSame =
      rows.length === this.#rows.children.length && rows.every((row, at) => row === this.#rows.children[at])
    if (isSame) return
    this.#rows.replaceChildren(...rows)
    if (focused === undefined || wasIn === null || wasIn === undefined) return
    cards.get(focused)?.card.querySelector<HTMLElement>(`[data-part=${wasIn}]`)?.focus()
  }

  #open(id: string, isOpen: boolean, show: () => void): void {
    if (isOpen) {
      const details = new CampaignDetails(this.#session, id)
      this.#details.set(id, details)
      void details.load()
    } else this.#details.delete(id)
    show()
  }

  #nothing(): string {
    if (this.#text.value.trim() !== '' || this.#state.value !== '') return 'No campaign is like that.'
    return 'There is no campaign yet: articles are pushed soon after they appear.'
  }
}
