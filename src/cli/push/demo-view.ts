/** What the demonstration shows of the loop while it runs. */
import type { PushRecording, RecordedCampaign } from '../../push/simulate/recording/recording.ts'
import { minutesInDay } from '../../push/simulate/visits.ts'
import { addSums, liftOf, noSends } from '../../push/statistics/lift.ts'
import { table } from '../terminal/table.ts'

/** What is shown at a moment. */
export interface DemoMoment {
  readonly recording: PushRecording
  /** Minutes since the world's beginning. */
  readonly now: number
  /** Users who were active in the last seven days, and those at the end of the day in the same world without pushes. */
  readonly weeklyActive: number
  readonly withoutPushes: number
}

export function dayOf(now: number): number {
  return Math.floor(now / minutesInDay) + 1
}

/** The lines of the live view, of at most `rows` campaigns. */
export function liveLines(moment: DemoMoment, rows: number): string[] {
  const { recording, now, weeklyActive, withoutPushes } = moment
  const { price } = recording
  const shown = recording.campaigns
    .map(campaign => ({ campaign, age: now - campaign.createdAt, lift: liftOf(recording.sums(campaign)) }))
    .filter(({ campaign }) => campaign.stopped === undefined || isOfToday(campaign, now))
    .sort((a, b) => stateRank(a.campaign) - stateRank(b.campaign) || sum(b.campaign.sends) - sum(a.campaign.sends))
  const campaigns = shown.slice(0, rows).map(({ campaign, age, lift: { lift, sequence } }) => {
    const [most] = campaign.sends.map((sends, title) => ({ sends, title })).sort((a, b) => b.sends - a.sends)
    return [
      campaign.article,
      String(campaign.topic),
      duration(age),
      campaign.rounds,
      count(sum(campaign.sends)),
      count(sum(campaign.clicks)),
      Number.isNaN(lift) ? '–' : lift.toFixed(2),
      bounds(sequence),
      campaign.stopped ?? 'sending while it pays',
      `${most!.title}, ${Math.round((100 * most!.sends) / sum(campaign.sends))} %`,
    ]
  })
  const heads = [
    'article',
    'topic',
    'age',
    'rounds',
    'sends',
    'clicks',
    'lift',
    'always valid',
    'state',
    'most under title',
  ]
  return [
    `day ${dayOf(now)}, ${clock(now)}   a push must be worth a lift of ${Number.isNaN(price) ? '–' : price.toFixed(2)}: a user has one a week`,
    `weekly     ${count(weeklyActive)} active users; without pushes ${count(withoutPushes)} at the day's end`,
    `today      ${totals(moment, campaign => isOfToday(campaign, now))}`,
    `all days   ${totals(moment, () => true)}`,
    '',
    ...(campaigns.length === 0
      ? ['No article is worth the price today yet.']
      : table([heads, ...campaigns.map(cells => cells.map(rightAligned(heads)))])
          .trimEnd()
          .split('\n')),
    ...(shown.length > rows ? [`and ${shown.length - rows} more`] : []),
  ]
}

function isOfToday({ createdAt }: RecordedCampaign, now: number): boolean {
  return dayOf(createdAt) === dayOf(now)
}

/** What came of some of the campaigns until now. */
function totals({ recording }: DemoMoment, isCounted: (campaign: RecordedCampaign) => boolean): string {
  const campaigns = recording.campaigns.filter(isCounted)
  const sums = campaigns.reduce((sums, campaign) => addSums(sums, recording.sums(campaign)), noSends)
  const { lift, sequence } = liftOf(sums)
  const underWay = campaigns.filter(({ stopped }) => stopped === undefined).length
  const lifted = Number.isNaN(lift) ? '' : `, lift ${lift.toFixed(2)} (${bounds(sequence)})`
  return `${count(sums.sends)} sends, ${count(sums.clicks)} clicks${lifted}; ${count(campaigns.length)} campaigns, ${underWay} under way`
}

/** One line for where there is no terminal: an hour. */
export function hourLine(moment: DemoMoment): string {
  const { recording, now, weeklyActive } = moment
  const price = Number.isNaN(recording.price) ? '–' : recording.price.toFixed(2)
  return `day ${dayOf(now)}, ${clock(now)}: a push must be worth a lift of ${price}, weekly active ${count(weeklyActive)}; today ${totals(moment, campaign => isOfToday(campaign, now))}`
}

/** Figures are shown to the right, as `table` does of numbers. */
function rightAligned(heads: readonly string[]) {
  const columns = new Set(['age', 'rounds', 'sends', 'clicks', 'lift'].map(head => heads.indexOf(head)))
  const widths = [4, 6, 6, 6, 5]
  return (cell: string | number, column: number) => {
    const at = [...columns].indexOf(column)
    return at < 0 ? cell : String(cell).padStart(widths[at]!)
  }
}

function stateRank({ stopped }: RecordedCampaign): number {
  return stopped === undefined ? 0 : 1
}

function sum(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

function count(number: number): string {
  return Math.round(number).toLocaleString('en')
}

function bounds([low, high]: readonly [number, number]): string {
  return Number.isFinite(high) ? `${low.toFixed(1)} to ${high.toFixed(1)}` : '–'
}

function duration(minutes: number): string {
  return `${Math.floor(minutes / 60)}:${String(Math.floor(minutes % 60)).padStart(2, '0')}`
}

function clock(now: number): string {
  return duration(now % minutesInDay).padStart(5, '0')
}
