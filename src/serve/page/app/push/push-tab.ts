import type { PushStatus } from '../../../../protocol/push-methods.ts'
import type { PushAnalysis } from '../../../../push/analyse/analysis.ts'
import { reportHtml } from '../../../../push/analyse/report/report.ts'
import { confirmed } from '../connection/dialogs.ts'
import { isCode, problem } from '../connection/explained.ts'
import type { Session } from '../connection/session.ts'
import { announce, element } from '../element.ts'
import { count, plural } from '../format.ts'
import type { Tab } from '../tab.ts'
import { CampaignList } from './campaign-list.ts'
import { decisionsSection } from './decisions.ts'
import { optOutForm } from './opt-out-form.ts'
import { totals } from './totals.ts'
import { whyForm } from './why-form.ts'
import { time } from './words.ts'

/** In ms: how often the server is asked while the tab is in view. */
const interval = 5000
/** Days that are analysed, and those of a report; articles of both. */
const [days, reportDays, mostArticles] = [7, 28, 100]

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
  readonly #dryRun = element('button', { type: 'button', class: 'quiet', onclick: () => void this.#changeDryRun() })
  readonly #campaigns: CampaignList
  readonly #actions = element(
    'div',
    { class: 'actions', hidden: true },
    element('button', { type: 'button', class: 'quiet', onclick: () => void this.#saveReport() }, 'Save a report'),
    this.#dryRun,
    this.#pauseAll,
  )
  readonly #content: HTMLElement
  #timer: ReturnType<typeof setTimeout> | undefined
  #status: PushStatus | undefined
  #analysis: PushAnalysis | undefined

  constructor(session: Session) {
    this.#session = session
    this.#campaigns = new CampaignList(
      session,
      () => void this.#look(),
      (article, isPaused) => void this.#change(article, isPaused),
    )
    this.#content = element(
      'div',
      { hidden: true },
      this.#totals,
      this.#campaigns.element,
      decisionsSection(session),
      whyForm(session),
      optOutForm(session),
    )
    this.section = element(
      'section',
      { class: 'push', 'aria-label': 'Push' },
      element('div', { class: 'row spread' }, element('h2', {}, 'Push'), this.#actions),
      this.#state,
      this.#problem,
      this.#content,
    )
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
      const status = await this.#campaigns.read()
      if (!isWanted()) return
      this.#status = status
      this.#show()
      this.#problem.replaceChildren()
      // The server keeps it for a while: to ask costs little.
      this.#analysis = await this.#session.read('push_analysis', { days, limit: mostArticles })
      if (isWanted()) this.#show()
    } catch (error) {
      // Asking again would be answered the same.
      const isFinal = isCode(error, 'forbidden', 'unauthorized', 'unsupported')
      if (isFinal) this.hide()
      if (isFinal || this.#status === undefined) {
        this.#content.hidden = true
        this.#actions.hidden = true
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
    const { pausedSince, isDryRun, users, open, all } = status
    const paused = pausedSince === undefined ? undefined : `All pushes are paused since ${time(pausedSince)}.`
    const dry = isDryRun ? 'This is a dry run: nothing is sent.' : undefined
    const state = `${count(open)} of ${plural(all, 'campaign')} open, ${plural(users, 'user')} known. Figures are of the last ${days} days.`
    this.#state.textContent = [paused, dry, state].filter(each => each !== undefined).join(' ')
    this.#dryRun.textContent = isDryRun ? 'End the dry run' : 'Dry run'
    this.#pauseAll.textContent = pausedSince === undefined ? 'Pause all' : 'Resume all'
    this.#actions.hidden = false
    this.#content.hidden = false
    if (analysis) this.#totals.replaceChildren(totals(analysis))
    const results = new Map(analysis?.articles.map(article => [article.id, article]))
    this.#campaigns.show(status, results)
  }

  async #changeAll(): Promise<void> {
    const isPaused = this.#status?.pausedSince === undefined
    const text = 'No push is handed over until they are resumed. What is on its way arrives all the same.'
    if (isPaused && !(await confirmed('Pause all pushes?', text, 'Pause all'))) return
    await this.#change(undefined, isPaused)
  }

  async #changeDryRun(): Promise<void> {
    const on = this.#status?.isDryRun !== true
    const text = on
      ? 'Everything is decided and recorded, and nothing is sent. Campaigns that are open reserve no more until it ends.'
      : 'Pushes are sent from now on. Campaigns that began in the dry run stay dry.'
    if (!(await confirmed(on ? 'Begin a dry run?' : 'End the dry run?', text, on ? 'Begin' : 'End'))) return
    try {
      await this.#session.change('push_dry_run', { on })
      announce(on ? 'A dry run has begun.' : 'The dry run has ended.')
      await this.#look()
    } catch (error) {
      this.#problem.replaceChildren(problem(error))
    }
  }

  /** The whole report of the last weeks, as a file. */
  async #saveReport(): Promise<void> {
    try {
      const analysis = await this.#session.read('push_analysis', { days: reportDays, limit: mostArticles })
      const address = URL.createObjectURL(new Blob([reportHtml(analysis)], { type: 'text/html' }))
      element('a', { href: address, download: 'push-report.html' }).click()
      // The browser has taken it by then.
      setTimeout(() => URL.revokeObjectURL(address), 60_000)
    } catch (error) {
      this.#problem.replaceChildren(problem(error))
    }
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
