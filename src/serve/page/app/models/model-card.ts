import type { ListedModel, ListedTuning } from '../../../../protocol/methods.ts'
import { Chart } from '../chart/chart.ts'
import { definitions, element } from '../element.ts'
import { count, plural, short, timeAndAge } from '../format.ts'

const roles = { served: 'Served now', previous: 'Before it', other: 'Beside it' } as const

/** What the manifest of a model says. `actions`: what can be done with it. */
export function modelCard(model: ListedModel, actions: readonly HTMLElement[]): HTMLElement {
  const { role, algorithm, generation, directory, created, complete, epochs, users, items, pairs, events } = model
  return element(
    'article',
    { class: `card model ${role}` },
    element(
      'div',
      { class: 'row spread' },
      element('h3', {}, `${algorithm} `, element('span', { class: 'badge' }, roles[role])),
      element('div', { class: 'actions' }, ...actions),
    ),
    definitions([
      ['Generation', element('code', {}, generation)],
      ['Trained', timeAndAge(created)],
      ['Directory', element('code', {}, directory)],
      ['Users', count(users)],
      ['Items', count(items)],
      ['Pairs', count(pairs)],
      ['Events', events === undefined ? undefined : count(events)],
      ['Epochs', complete ? count(epochs) : `${count(epochs)}, stopped before its end`],
    ]),
    ...(model.findings ?? []).map(finding => element('p', { class: 'note' }, finding)),
    quality(model),
    curve(model),
    optionsOf(model.options),
  )
}

/** On held-out pairs, where it was measured. */
function quality({ metrics, tuning, partTunings = [], role }: ListedModel): HTMLElement | undefined {
  const measured = Object.entries(metrics ?? {}).map(([name, value]) => [name, value.toFixed(4)] as const)
  const tuned = [
    ...(tuning ? [tuningText(tuning, 'its options')] : []),
    ...partTunings.map(each => tuningText(each, `the options of its ${each.part}`)),
  ]
  if (measured.length === 0 && tuned.length === 0) {
    if (role !== 'served') return undefined
    return element(
      'p',
      { class: 'note' },
      'Its quality is not recorded: ',
      element('code', {}, 'aurochs evaluate --record'),
      ' measures it on held-out pairs and writes it down.',
    )
  }
  return element(
    'div',
    {},
    measured.length > 0 ? element('h4', {}, 'Quality on held-out pairs') : undefined,
    measured.length > 0 ? definitions(measured) : undefined,
    ...tuned.map(text => element('p', { class: 'note' }, text)),
  )
}

function tuningText({ trials, seconds, metric, score, defaultScore }: ListedTuning, whose: string): string {
  const beside = defaultScore === undefined ? '' : `; the defaults ${defaultScore.toFixed(4)}`
  return `By a search of ${plural(trials, 'trial')} in ${short(seconds)} s, ${whose} reach ${metric} ${score.toFixed(4)} on a held-out part${beside}.`
}

/** Loss by epoch. */
function curve({ loss }: ListedModel): HTMLElement | undefined {
  if (loss.length < 2) return undefined
  const chart = new Chart({
    title: 'Training: loss by epoch',
    description: `From ${short(loss[0]!)} after the first epoch to ${short(loss.at(-1)!)} after the last.`,
    isTime: false,
    fromZero: false,
    xLabel: 'Epoch',
    series: [{ label: 'Loss' }],
  })
  chart.set([loss.map((_, at) => at + 1), loss])
  return chart.element
}

export function optionsOf(options: Readonly<Record<string, unknown>>): HTMLElement {
  const rows = Object.entries(options).map(([name, value]) => [name, shown(value)] as const)
  return element('details', {}, element('summary', {}, plural(rows.length, 'option')), definitions(rows))
}

function shown(value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)))
  return typeof value === 'string' ? value : JSON.stringify(value)
}
