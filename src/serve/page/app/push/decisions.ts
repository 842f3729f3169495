import type { ParamsInput } from '../../../../protocol/methods.ts'
import type { PushResults } from '../../../../protocol/push-methods.ts'
import type { SelectDecision } from '../../../../push/data/decision.ts'
import { problem } from '../connection/explained.ts'
import type { Session } from '../connection/session.ts'
import { element } from '../element.ts'
import { time } from './words.ts'

type Decision = PushResults['push_decisions']['decisions'][number]

const pageSize = 20
/** What moved a decision most. */
const mostContributions = 4

/** Which articles were pushed and which not, and why; read when it is opened. */
export function decisionsSection(session: Session): HTMLElement {
  const article = element('input', { id: 'decisions-article', autocomplete: 'off', spellcheck: 'false' })
  const rows = element('div', {})
  let last: number | undefined
  const read = async (before?: number) => {
    try {
      const id = article.value.trim()
      const query: ParamsInput<'push_decisions'> = { limit: pageSize }
      if (id !== '') query.article = id
      if (before !== undefined) query.before = before
      const { decisions } = await session.read('push_decisions', query)
      if (before === undefined) rows.replaceChildren()
      if (decisions.length > 0) rows.append(decisionRows(decisions, true))
      else if (before === undefined) rows.append(element('p', { class: 'state' }, 'Nothing was decided yet.'))
      last = decisions.at(-1)?.number
      more.hidden = decisions.length < pageSize
    } catch (error) {
      rows.replaceChildren(problem(error))
    }
  }
  const more = element('button', { type: 'button', hidden: true, onclick: () => void read(last) }, 'Show more')
  const section = element(
    'details',
    { class: 'card push-decisions' },
    element('summary', {}, 'Why articles were pushed, or not'),
    element(
      'form',
      {
        class: 'search-form',
        onsubmit: event => {
          event.preventDefault()
          void read()
        },
      },
      element('div', { class: 'search-field' }, element('label', { for: article.id }, 'Article (empty: all)'), article),
      element('button', { type: 'submit' }, 'Show'),
    ),
    rows,
    more,
  )
  section.addEventListener('toggle', () => {
    if (section.open) void read()
  })
  return section
}

export function decisionRows(decisions: readonly Decision[], isNamed = false): HTMLElement {
  return element(
    'ul',
    { class: 'decisions' },
    ...decisions.map(decision =>
      element(
        'li',
        { class: 'decision' },
        element(
          'span',
          { class: 'details' },
          isNamed ? `${time(decision.time)} · ${decision.article}` : time(decision.time),
        ),
        element('p', {}, decisionInWords(decision)),
      ),
    ),
  )
}

function decisionInWords({ kind, decision, reason }: Decision): string {
  if (kind === 'stop') return `No more is sent: ${reason ?? 'nobody said why'}.`
  const { isPushed, lift, interval, firstVolume, reason: why, contributions } = decision as SelectDecision
  const begun = isPushed ? `Pushed, to ${firstVolume} users at first: ${why}.` : `Not pushed: ${why}.`
  const moved = contributions
    .slice(0, mostContributions)
    .map(({ feature, by }) => `${feature} × ${Math.exp(by).toFixed(2)}`)
  const expected = `Expected lift ${lift.toFixed(2)} (${interval[0].toFixed(2)} to ${interval[1].toFixed(2)})`
  return `${begun} ${expected}${moved.length > 0 ? `; what moved it most: ${moved.join(', ')}` : ''}.`
}
