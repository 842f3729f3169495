/** Pushes in a simulated world by a plain loop, as what an analysis takes: some articles a day, in rounds, some users held out. */
import type { AnalysedArticle, AnalysisInput } from '../../src/push/analyse/input.ts'
import { Eligibility, nothing, pushedAfter } from '../../src/push/simulate/baselines.ts'
import { type WorldParameters, worldParameters } from '../../src/push/simulate/parameters.ts'
import { type PushPolicy, type PushView, simulate } from '../../src/push/simulate/run.ts'
import { minutesInDay, minutesInHour } from '../../src/push/simulate/visits.ts'
import type { Observed, World } from '../../src/push/simulate/world.ts'
import { ClickDelay } from '../../src/push/statistics/click-delay.ts'
import { fitUsualCtr, usualCtrs } from '../../src/push/statistics/usual-ctr.ts'
import { SendRounds } from '../../src/push/volume/send-rounds.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import {
  type HeldRow,
  holdOutColumns,
  noon,
  plainSend,
  type SendRow,
  sendColumns,
  type VisitRow,
  visitColumns,
} from './analysis-rows.ts'

const minute = 60_000
const begin = noon - 12 * minutesInHour * minute
const headlines = [
  ['폭우로 전국 곳곳 통제… 출근길 이렇게 가세요', '출근길 비상, 지금 막힌 길은 여기'],
  ['The bridge that took forty years opens tonight', 'Tonight you can cross it for the first time'],
  ['주말에 꼭 가볼 만한 서울 골목 다섯 곳', '걷기 좋은 골목, 이번 주말엔 여기'],
  ['What the new exam rules mean for your child', 'Exam rules change: the five things to know'],
  ['정상회담 합의문 전문 공개', '두 정상, 오늘 무엇에 합의했나'],
] as const
const topics = ['politics', 'city', 'sport', 'food', 'culture', 'science']
const names = ['new', 'weekly', 'monthly', 'lapsed']
/** Users of an article who may get it, and of its first round. One of so many is held out of all. */
const [volume, firstRound, holdOut] = [1500, 250, 12]

interface Campaign {
  readonly article: number
  readonly users: readonly number[]
  readonly rounds: SendRounds
  round: number
  stopped: string | undefined
}

export async function simulatedPushes(seed: number, parameters: Partial<WorldParameters> = {}): Promise<AnalysisInput> {
  const all = Object.assign({}, worldParameters, { users: 20_000, days: 14 }, parameters)
  const [sends, held, visits]: [SendRow[], HeldRow[], VisitRow[]] = [[], [], []]
  const articles: AnalysedArticle[] = []
  const stopped = new Map<number, string>()
  const policyIn = (world: World): PushPolicy => {
    const random = randomNumbers(seed + 1000)
    const { past } = world
    const segmentOf = (user: number) => Math.min(3, Math.floor(-past.lastVisits[user]! / minutesInDay / 14))
    const segments = Uint8Array.from(past.lastVisits, (_, user) => segmentOf(user))
    const counts = { segments, pushes: past.pushes, clicks: past.clicks }
    const usual = usualCtrs(fitUsualCtr(counts, names.length), counts)
    const [eligibility, delay] = [new Eligibility(past), new ClickDelay()]
    const reads = new Map<number, number>()
    const bySend = new Map<number, { row: SendRow; campaign: Campaign }>()
    const byUser = new Map<number, SendRow>()
    let open: Campaign[] = []
    const score = (user: number, topic: number) =>
      (past.reads[user * all.topics + topic]! + 0.2) /
      (past.reads.subarray(user * all.topics, (user + 1) * all.topics).reduce((a, b) => a + b, 0) + 0.2 * all.topics)
    const see = (observed: readonly Observed[]) => {
      eligibility.see(observed)
      for (const { kind, user, time, article, send } of observed) {
        if (kind === 'read') reads.set(article!, (reads.get(article!) ?? 0) + 1)
        else if (kind === 'visit') visits.push({ user, time: begin + time * minute })
        else if (kind === 'opt-out') byUser.get(user)!.optedOutAt = begin + time * minute
        else {
          const { row, campaign } = bySend.get(send!)!
          row.clickedAt = begin + time * minute
          visits.push({ user, time: begin + time * minute })
          delay.addClick((row.sentAt - begin) / minute, time)
          campaign.rounds.addClick(row.rank, (row.sentAt - begin) / minute)
        }
      }
    }
    const begins = (view: PushView) => {
      if (view.now % (2 * minutesInHour) !== 0) return
      const recent = view.articles.filter(
        ({ createdAt }) =>
          createdAt <= view.now - pushedAfter && createdAt > view.now - pushedAfter - 2 * minutesInHour,
      )
      const [best] = recent.toSorted((a, b) => (reads.get(b.id) ?? 0) - (reads.get(a.id) ?? 0))
      if (!best) return
      const ranked = eligibility
        .users(view)
        .map(user => ({ user, score: score(user, best.topic) }))
        .sort((a, b) => b.score - a.score)
        .slice(0, volume)
        .map(({ user }) => user)
      const article = articles.length
      const time = begin + view.now * minute
      ranked.forEach((user, rank) => {
        if (user % holdOut === 5) held.push({ user, article, time, segment: segments[user]!, rank })
      })
      const without = new Set(held.filter(row => row.article === article).map(({ user }) => user))
      const titles = headlines[best.id % headlines.length]!
      const early = reads.get(best.id) ?? 0
      const lift = 1 + 0.4 * Math.log1p(early)
      articles.push({
        id: `story-${best.id}`,
        titles: titles.map(title => `${title} (${best.id})`),
        category: topics[best.topic % topics.length]!,
        createdAt: begin + best.createdAt * minute,
        target: 2.4,
        decision: {
          lift,
          interval: [lift / 1.8, lift * 1.8],
          isPushed: true,
          firstVolume: firstRound,
          mostVolume: volume,
          contributions: [{ feature: 'reads', value: early, by: Math.log(lift) }],
          reason: 'expected above the target',
        },
      })
      const users = ranked.filter(user => !without.has(user))
      const rounds = new SendRounds({
        usualCtrs: Float64Array.from(users, user => usual[user]!),
        firstRound,
        end: view.now + 4 * minutesInHour,
        seed: article,
      })
      open.push({ article, users, rounds, round: 0, stopped: undefined })
    }
    const goOn = (view: PushView, campaign: Campaign) => {
      const { article, users, rounds } = campaign
      const step = rounds.step(view.now, 2.4, delay.curve(view.now))
      if (step.action === 'stop') {
        campaign.stopped = step.reason
        stopped.set(article, step.reason)
      }
      if (step.action !== 'send') return
      const free = step.ranks.filter(rank => eligibility.isEligible(users[rank]!, view))
      rounds.add(free, view.now)
      for (const rank of free) {
        const user = users[rank]!
        const title = Math.floor(random() * 2)
        const own = {
          user,
          article,
          segment: segments[user]!,
          title,
          round: campaign.round,
          rank,
          usualCtr: usual[user]!,
        }
        const times = { sentAt: begin + view.now * minute, expectedCtr: usual[user]! * (1 + 2 / (1 + rank / 300)) }
        const row = Object.assign({}, plainSend, own, times)
        sends.push(row)
        byUser.set(user, row)
        bySend.set(view.send(user, Number(articles[article]!.id.slice(6)), title), { row, campaign })
        eligibility.pushed(user, view.now)
      }
      campaign.round++
    }
    return {
      act: (view, observed) => {
        see(observed)
        begins(view)
        for (const campaign of open) goOn(view, campaign)
        open = open.filter(campaign => campaign.stopped === undefined)
      },
    }
  }
  const with_ = await simulate(seed, policyIn, all)
  const without = await simulate(seed, nothing, all)
  const now = begin + all.days * minutesInDay * minute
  return {
    from: begin,
    now,
    zone: 'Asia/Seoul',
    articles: articles.map((article, at) => Object.assign({}, article, { stopped: stopped.get(at) })),
    segments: names,
    sends: [sendColumns(sends)],
    holdOuts: [holdOutColumns(held)],
    visits: [visitColumns(visits)],
    weeklyActive: {
      times: with_.weeklyActive.map((_, day) => begin + (day + 1) * minutesInDay * minute),
      users: with_.weeklyActive,
      baseline: without.weeklyActive,
    },
  }
}
