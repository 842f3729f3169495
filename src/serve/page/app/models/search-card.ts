import type { ListedSearch } from '../../../../protocol/methods.ts'
import { Chart } from '../chart/chart.ts'
import { definitions, element } from '../element.ts'
import { plural } from '../format.ts'
import { optionsOf } from './model-card.ts'

/** What a search for options has found so far. */
export function searchCard({ directory, metric, scores, best }: ListedSearch): HTMLElement {
  const failed = scores.filter(score => score === null).length
  return element(
    'article',
    { class: 'card search' },
    element('h3', {}, 'Search for options ', element('span', { class: 'badge' }, plural(scores.length, 'score'))),
    definitions([
      ['Directory', element('code', {}, directory)],
      ['Metric', metric],
      ['Failed', failed > 0 ? String(failed) : undefined],
    ]),
    progress(metric, scores),
    element(
      'ol',
      { class: 'trials' },
      ...best
        .slice(0, 5)
        .map(({ algorithm, score, epochs, options }) =>
          element(
            'li',
            {},
            element('p', {}, `${algorithm}: ${score.toFixed(4)} after ${plural(epochs, 'epoch')}`),
            optionsOf(options),
          ),
        ),
    ),
  )
}

function progress(metric: string, scores: ListedSearch['scores']): HTMLElement | undefined {
  if (scores.length < 2) return undefined
  let best = Number.NEGATIVE_INFINITY
  const bests = scores.map(score => {
    best = Math.max(best, score ?? best)
    return Number.isFinite(best) ? best : null
  })
  const chart = new Chart({
    title: `${metric} by trial`,
    description: `The best of ${plural(scores.length, 'trial')} reached ${best.toFixed(4)}.`,
    isTime: false,
    fromZero: false,
    xLabel: 'Trial',
    series: [{ label: 'Best so far' }, { label: 'Trial' }],
  })
  chart.set([scores.map((_, at) => at + 1), bests, scores])
  return chart.element
}
