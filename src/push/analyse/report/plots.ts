/** Each plot of a report; undefined where there is nothing to show. */
import type { PushAnalysis } from '../analysis.ts'
import { count, date, minutes, percent, plural, ratio, short, shortTime } from './format.ts'
import { html, type Markup } from './markup.ts'
import { bar, dot, frame, level, line, plot, whisker } from './plot.ts'
import { linearScale, logScale, roundTicks, type Scale } from './scale.ts'
import { isSeen } from './summary.ts'

const across = [frame.left, frame.right] as const
const up = [frame.bottom, frame.top] as const
const inner = [frame.left + 14, frame.right - 14] as const

export function depthPlot({ depths, articles }: PushAnalysis): Markup | undefined {
  const known = depths.filter(depth => depth.lift.lift !== null && isSeen(depth))
  if (known.length === 0) return undefined
  const middle = ({ from, to }: { from: number; to: number }) => Math.sqrt(Math.max(from, to / 4) * to)
  const x = logScale([middle(known[0]!) / 1.3, middle(known.at(-1)!) * 1.3], inner)
  const target = commonTarget(articles)
  const tops = known.map(({ lift: { lift, normal } }) => Math.min(normal[1] ?? lift!, 3 * lift! + 1))
  const y = linearScale([0, Math.max(1.2, target ?? 0, ...tops)], up)
  const figures = known.flatMap(depth => {
    const { lift, normal, sequence } = depth.lift
    const at = x(middle(depth))
    const top = (bound: number | null) => (bound === null ? frame.top : y(bound))
    return [
      whisker(at, y(sequence[0]), top(sequence[1]), 'thin'),
      whisker(at, y(normal[0]), top(normal[1]), 'whisker'),
      dot(
        at,
        y(lift!),
        `ranks ${count(depth.from)} to ${count(depth.to - 1)}: ${ratio(lift)}, ${plural(depth.sends, 'send')}`,
      ),
    ]
  })
  const asked = target === undefined ? '' : ` Dashed: ${target}, the lift that is asked for.`
  const note = `From ${ratio(known[0]!.lift.lift)} at the best ranks to ${ratio(known.at(-1)!.lift.lift)} at the last. The best ranks also have the small first rounds of articles that failed.${asked}`
  const text = {
    title: 'Lift by rank',
    note,
    x: { label: 'rank of the user for the article', scale: x, format: short },
    y: { scale: y, format: short },
  }
  return plot(text, target === undefined ? figures : [level(y(target)), ...figures])
}

/** The target of all articles, where it is the same. */
function commonTarget(articles: PushAnalysis['articles']): number | undefined {
  const targets = new Set(articles.map(({ target }) => target))
  return targets.size === 1 ? (articles[0]!.target ?? undefined) : undefined
}

export function calibrationPlot({ calibration, total }: PushAnalysis): Markup | undefined {
  const { deciles, error, ratio: overall } = calibration
  if (deciles.length === 0 || !isSeen(total)) return undefined
  const most = Math.max(...deciles.flatMap(({ expected, seen }) => [expected, seen])) * 1.12
  const [x, y] = [linearScale([0, most], across), linearScale([0, most], up)]
  const figures = [
    line(
      [
        [x(0), y(0)],
        [x(most), y(most)],
      ],
      'second',
    ),
    ...deciles.flatMap(({ expected, seen, interval, sends }) => [
      whisker(x(expected), y(interval[0]), y(interval[1]), 'whisker'),
      dot(x(expected), y(seen), `expected ${percent(expected)}, seen ${percent(seen)}, ${plural(sends, 'send')}`),
    ]),
  ]
  const note = `Clicks ÷ expected: ${ratio(overall)}; mean error ${percent(error)}. On the dashed line what was expected came.`
  const format = (value: number) => `${Number((100 * value).toPrecision(3))} %`
  return plot(
    {
      title: 'Expected against seen CTR',
      note,
      x: { label: 'expected CTR, in tenths of the sends', scale: x, format },
      y: { scale: y, format },
    },
    figures,
  )
}

export function weeklyActivePlot({ weeklyActive, zone }: PushAnalysis): Markup | undefined {
  if (weeklyActive.length < 2) return undefined
  const values = weeklyActive.flatMap(({ users, baseline }) => (baseline === null ? [users] : [users, baseline]))
  const high = Math.max(1, ...values)
  const x = timeScale(weeklyActive.map(({ time }) => time))
  const y = linearScale([0, 1.05 * high], up)
  const without = weeklyActive.filter(({ baseline }) => baseline !== null)
  const last = weeklyActive.at(-1)!
  const gain =
    last.baseline === null ? '' : `, ${percent(last.users / last.baseline - 1, 1)} above that without pushes (dashed)`
  return plot(
    {
      title: 'Weekly active users by day',
      note: `${count(last.users)} at the end${gain}.`,
      x: { label: 'until', scale: x, format: value => date(value, zone) },
      y: { scale: y, format: short },
    },
    [
      line(
        without.map(({ time, baseline }) => [x(time), y(baseline!)] as const),
        'second',
      ),
      line(
        weeklyActive.map(({ time, users }) => [x(time), y(users)] as const),
        '',
      ),
    ],
  )
}

/** With ticks at some of the times. */
function timeScale(times: readonly number[]): Scale {
  const scale = linearScale([times[0]!, times.at(-1)!], inner)
  const places = roundTicks(0, times.length - 1, 4).map(Math.round)
  return Object.assign((value: number) => scale(value), { ticks: [...new Set(places)].map(at => times[at]!) })
}

export function delayPlot({ delays, total }: PushAnalysis): Markup | undefined {
  if (total.clicks === 0) return undefined
  const x = Object.assign(logScale([1, delays.at(-1)!.minutes], across), { ticks: [1, 5, 15, 60, 240, 1440] })
  const y = linearScale([0, 1], up)
  const half = delays.find(({ share }) => share >= 0.5)!
  return plot(
    {
      title: 'How late clicks come',
      note: `Half of the clicks come within ${minutes(half.minutes)} of the push.`,
      x: { label: 'after the push', scale: x, format: minutes },
      y: { scale: y, format: value => percent(value, 0) },
    },
    [
      line(
        delays.map(({ minutes, share }) => [x(minutes), y(share)] as const),
        '',
      ),
    ],
  )
}

export function hoursPlot({ hours, zone, total }: PushAnalysis): Markup | undefined {
  if (total.sends === 0) return undefined
  const x = Object.assign(linearScale([0, 24], across), { ticks: [0, 6, 12, 18, 24] })
  const most = Math.max(...hours.map(({ sends }) => sends))
  const y = linearScale([0, most * 1.05], up)
  const size = (frame.right - frame.left) / 24 - 2
  const busiest = hours.findIndex(({ sends }) => sends === most)
  const figures = hours.map(({ sends, clicks }, hour) => {
    const ctr = sends > 0 ? `, ${percent(clicks / sends)} clicked` : ''
    return bar(
      Math.round((x(hour) + 1) * 100) / 100,
      y(sends),
      Math.round(size * 100) / 100,
      `${hour}:00: ${plural(sends, 'send')}${ctr}`,
    )
  })
  return plot(
    {
      title: 'Sends by hour of the day',
      note: `Most from ${busiest}:00 to ${busiest + 1}:00 (${zone}).`,
      x: { label: 'hour', scale: x, format: value => `${value}:00` },
      y: { scale: y, format: short },
    },
    figures,
  )
}

export function pricePlot({ prices, zone }: PushAnalysis): Markup | undefined {
  if (prices.length < 2) return undefined
  const x = timeScale(prices.map(({ time }) => time))
  const y = linearScale([0, Math.max(...prices.map(({ price }) => price)) * 1.05 || 1], up)
  return plot(
    {
      title: 'The lift that a push must be worth',
      note: 'A user gets one push a week, so one whose expected lift is below this is not sent: a better article may come.',
      x: { label: 'time', scale: x, format: value => shortTime(value, zone).split(',')[0]! },
      y: { scale: y, format: short },
    },
    [
      line(
        prices.map(({ time, price }) => [x(time), y(price)] as const),
        '',
      ),
    ],
  )
}

export function plots(analysis: PushAnalysis): Markup {
  const all = [weeklyActivePlot, depthPlot, calibrationPlot, hoursPlot, delayPlot, pricePlot].map(make =>
    make(analysis),
  )
  const shown = all.filter(each => each !== undefined)
  return shown.length === 0 ? html`` : html`<div class="plots">${shown}</div>`
}
