import type { PushStatus } from '../../../../protocol/push-methods.ts'
import type { ArticleResult, PushAnalysis } from '../../../../push/analyse/analysis.ts'
import { confirmed } from '../connection/dialogs.ts'
import { isCode, problem } from '../connection/explained.ts'
import type { Session } from '../connection/session.ts'
import { announce, element } from '../element.ts'
import { plural } from '../format.ts'
import type { Tab } from '../tab.ts'
import { campaignCard } from './campaign-card.ts'
import { totals } from './totals.ts'
import { whyForm } from './why-form.ts'
import { type Campaign, isOpen, stateOf, time } from './words.ts'

/** In ms: how often the server is asked while the tab is in view. */
const interval = 5000
/** Days that are analysed, and campaigns that are shown. */
const [days, mostCampaigns] = [7, 50]
const noCampaign = 'There is no campaign yet: articles are pushed soon after they appear.'

/** Pushes under way and what came of them; absent where the server sends none. */
export function pushTab(session: Session): Tab | undefined {
  if (!session.can('push')) return undefined
  const tab = new PushTab(session)
  return { name: 'push', title: 'Push', section: tab.section, show: () => tab.show(), hide: () => tab.hide() }
}

class PushTab {
  readonly section: HTMLElement
  readonly #session: Session
  readonly #problem = element('div', {})
  readonly #state = element('p', { class: 'state' })
  readonly #pauseAll = element('button', { type: 'button', onclick: () => void this.#changeAll() })
  readonly #totals = element('div', {})
  readonly #campaigns = element('ul', { class: 'campaigns' })
  readonly #content: HTMLElement
  #timer: ReturnType<typeof setTimeout> | undefined
  #status: PushStatus | undefined
  #analysis: PushAnalysis | undefined
  /** By campaign: a card is made anew only where what it shows has changed, so that it can be pressed meanwhile. */
  #cards = new Map<string, { readonly shown: string; readonly card: HTMLElement }>()

  constructor(session: Session) {
    this.#session = session
    this.#content = element(
      'div',
      { hidden: true },
      this.#totals,
      element('h3', { class: 'campaigns-title' }, 'Campaigns'),
      this.#campaigns,
      whyForm(session),
    )
    this.section = element(
      'section',
      { class: 'push', 'aria-label': 'Push' },
      element('div', { class: 'row spread' }, element('h2', {}, 'Push'), this.#pauseAll),
      this.#state,
      this.#problem,
      this.#content,
    )
    this.#pauseAll.hidden = true
  }

  show(): void {
    if (this.#timer === undefined) void this.#poll()
  }

  hide(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  async #poll(): Promise<void> {
    const timer = setTimeout(() => this.#poll(), interval)
    this.#timer = timer
    if (document.hidden) return
    await this.#look(() => this.#timer === timer)
  }

  async #look(isWanted: () => boolean = () => true): Promise<void> {
    try {
      const status = await this.#session.read('push_status', { limit: mostCampaigns })
      if (!isWanted()) return
      this.#status = status
      this.#show()
      this.#problem.replaceChildren()
      // The server keeps it for a while: to ask costs little.
      this.#analysis = await this.#session.read('push_analysis', { days, limit: mostCampaigns })
      if (isWanted()) this.#show()
    } catch (error) {
      // Asking again would be answered the same.
      const isFinal = isCode(error, 'forbidden', 'unauthorized', 'unsupported')
      if (isFinal) this.hide()
      if (isFinal || this.#status === undefined) {
        this.#content.hidden = true
        this.#pauseAll.hidden = true
      }
      this.#problem.replaceChildren(problem(error, ...this.#remedy(error)))
    }
  }

  #remedy(error: unknown): HTMLElement[] {
    if (!isCode(error, 'forbidden', 'unauthorized')) return []
    const onclick = () => void this.#session.enter('admin')
    return [element('button', { type: 'button', onclick }, 'Enter an admin key')]
  }

  #show(): void {
    const [status, analysis] = [this.#status!, this.#analysis]
    const { pausedSince, isDryRun, users, campaigns } = status
    const open = campaigns.filter(campaign => isOpen(campaign, Date.now())).length
    const paused = pausedSince === undefined ? undefined : `All pushes are paused since ${time(pausedSince)}.`
    const dry = isDryRun ? 'This is a dry run: nothing is sent.' : undefined
    const state = `${plural(open, 'campaign')} open, ${plural(users, 'user')} known. Figures are of the last ${days} days.`
    this.#state.textContent = [paused, dry, state].filter(each => each !== undefined).join(' ')
    this.#pauseAll.textContent = pausedSince === undefined ? 'Pause all' : 'Resume all'
    this.#pauseAll.hidden = false
    this.#content.hidden = false
    if (analysis) this.#totals.replaceChildren(totals(analysis))
    const results = new Map(analysis?.articles.map(article => [article.id, article]))
    this.#showCampaigns(campaigns, results)
  }

  #showCampaigns(campaigns: readonly Campaign[], results: ReadonlyMap<string, ArticleResult>): void {
    const focused = document.activeElement?.closest<HTMLElement>('[data-campaign]')?.dataset.campaign
    const cards = new Map<string, { readonly shown: string; readonly card: HTMLElement }>()
    for (const campaign of campaigns) {
      const result = results.get(campaign.id)
      const shown = JSON.stringify([campaign, result, stateOf(campaign, Date.now())])
      const before = this.#cards.get(campaign.id)
      const onPause = (isPaused: boolean) => void this.#change(campaign.id, isPaused)
      const card = before?.shown === shown ? before.card : campaignCard(campaign, result, onPause)
      cards.set(campaign.id, { shown, card })
    }
    this.#cards = cards
    const rows: Element[] = [...cards.values()].map(({ card }) => card)
    if (rows.length === 0) rows.push(element('li', { class: 'state' }, noCampaign))
    const isSame =
      rows.length === this.#campaigns.children.length && rows.every((row, at) => row === this.#campaigns.children[at])
    if (isSame) return
    this.#campaigns.replaceChildren(...rows)
    if (focused !== undefined) cards.get(focused)?.card.querySelector('button')?.focus()
  }

  async #changeAll(): Promise<void> {
    const isPaused = this.#status?.pausedSince === undefined
    const text = 'No push is handed over until they are resumed. What is on its way arrives all the same.'
    if (isPaused && !(await confirmed('Pause all pushes?', text, 'Pause all'))) return
    await this.#change(undefined, isPaused)
  }

  /** Pauses a campaign, all where none is named, or goes on. */
  async #change(article: string | undefined, isPaused: boolean): Promise<void> {
    try {
      await this.#session.change(isPaused ? 'push_pause' : 'push_resume', article === undefined ? {} : { article })
      announce(`${article ?? 'All pushes'}: ${isPaused ? 'paused' : 'resumed'}.`)
      await this.#look()
    } catch (error) {
      this.#problem.replaceChildren(problem(error))
    }
  }
}
