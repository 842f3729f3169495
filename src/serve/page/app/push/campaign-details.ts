import type { PushResults } from '../../../../protocol/push-methods.ts'
import { problem } from '../connection/explained.ts'
import type { Session } from '../connection/session.ts'
import { announce, element } from '../element.ts'
import { count, plural } from '../format.ts'
import { decisionRows } from './decisions.ts'
import { ctr } from './totals.ts'

type Report = PushResults['push_report']['campaigns'][number]

/** What became of one campaign: its titles and rounds, what was decided about it, and a form to send it to somebody first. */
export class CampaignDetails {
  readonly element = element('div', { class: 'campaign-more' })
  readonly #session: Session
  readonly #article: string

  constructor(session: Session, article: string) {
    this.#session = session
    this.#article = article
  }

  async load(): Promise<void> {
    const article = this.#article
    try {
      const [{ campaigns }, { decisions }] = await Promise.all([
        this.#session.read('push_report', { article }),
        this.#session.read('push_decisions', { article }),
      ])
      this.element.replaceChildren(
        titlesTable(campaigns[0]!),
        element('h4', {}, 'What was decided'),
        decisions.length === 0 ? element('p', { class: 'state' }, 'Nothing is kept of it.') : decisionRows(decisions),
        this.#testForm(campaigns[0]!),
      )
    } catch (error) {
      this.element.replaceChildren(problem(error))
    }
  }

  #testForm({ titles }: Report): HTMLElement {
    const id = `test-${this.#article}`
    const users = element('input', { id, required: true, autocomplete: 'off', spellcheck: 'false' })
    const title = element('select', { 'aria-label': 'Title' }, ...titles.map((text, at) => option(text, at)))
    const answer = element('p', { class: 'details', role: 'status' })
    const send = async () => {
      const wanted = users.value.split(/[\s,]+/).filter(user => user !== '')
      try {
        const made = await this.#session.change('push_test', {
          article: this.#article,
          users: wanted,
          title: Number(title.value),
        })
        const refused = made.refused.map(({ user, reason }) => `${user}: ${reason}`)
        answer.textContent = [`${plural(made.sends.length, 'test')} on the way.`, ...refused].join(' ')
        announce(answer.textContent)
      } catch (error) {
        answer.replaceChildren(problem(error))
      }
    }
    return element(
      'form',
      {
        class: 'search-form',
        onsubmit: event => {
          event.preventDefault()
          void send()
        },
      },
      element('div', { class: 'search-field' }, element('label', { for: id }, 'Send a test to users'), users),
      titles.length > 1 ? title : undefined,
      element('button', { type: 'submit' }, 'Send a test'),
      answer,
    )
  }
}

function option(text: string, at: number): HTMLOptionElement {
  return element('option', { value: at }, text)
}

interface Sums {
  sends: number
  clicks: number
  usualClicks: number
}

/** Titles down, rounds across: of each the CTR, and how many it was sent to. */
function titlesTable({ titles, sends }: Report): HTMLElement {
  const rounds = [...new Set(sends.map(({ round }) => round))].sort((a, b) => a - b)
  const sum = (some: readonly Sums[]): Sums => {
    const total = { sends: 0, clicks: 0, usualClicks: 0 }
    for (const each of some) {
      total.sends += each.sends
      total.clicks += each.clicks
      total.usualClicks += each.usualClicks
    }
    return total
  }
  const cell = (some: readonly Sums[]) => {
    const { sends, clicks } = sum(some)
    const text = sends === 0 ? '–' : ctr(clicks / sends)
    return element(
      'td',
      {},
      text,
      element('span', { class: 'details' }, sends === 0 ? '' : `${count(clicks)} of ${count(sends)}`),
    )
  }
  const row = (name: string, some: Report['sends']) =>
    element(
      'tr',
      {},
      element('th', { scope: 'row' }, name),
      cell(some),
      ...rounds.map(round => cell(some.filter(each => each.round === round))),
    )
  if (sends.length === 0) return element('p', { class: 'state' }, 'Nothing of it has gone out.')
  const named = titles.map((title, at) =>
    row(
      title,
      sends.filter(each => each.title === at),
    ),
  )
  const all = sum(sends)
  const usual = all.sends > 0 ? `Usually these users click on ${ctr(all.usualClicks / all.sends)}.` : ''
  return element(
    'div',
    { class: 'campaign-table', tabindex: 0, role: 'region', 'aria-label': 'CTR by title and round' },
    element(
      'table',
      {},
      element(
        'thead',
        {},
        element(
          'tr',
          {},
          ...['CTR by title', 'all', ...rounds.map(round => `round ${round + 1}`)].map(name =>
            element('th', { scope: 'col' }, name),
          ),
        ),
      ),
      element('tbody', {}, ...named, ...(titles.length > 1 ? [row('all titles', sends)] : [])),
    ),
    element('p', { class: 'details' }, usual),
  )
}
