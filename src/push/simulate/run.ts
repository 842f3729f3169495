import { fitUsualCtr, usualCtrs } from '../statistics/usual-ctr.ts'
import type { SimulatedArticle } from './articles.ts'
import type { WorldParameters } from './parameters.ts'
import { minutesInDay } from './visits.ts'
import { type Observed, type Past, step, World } from './world.ts'

/** What a policy knows of the world, and what it can do there. */
export interface PushView {
  readonly parameters: Pick<WorldParameters, 'users' | 'days' | 'articles' | 'topics' | 'titles'>
  /** Minutes since the beginning. */
  readonly now: number
  /** Those that have appeared, in order of their times. */
  readonly articles: readonly SimulatedArticle[]
  readonly past: Past
  hasOptedOut(user: number): boolean
  /** Pushes an article under one of its titles; a click tells of it by this number. */
  send(user: number, article: number, title: number): number
}

/** Decides whom to push what: called before each {@link step} with what was seen since the last call. */
export interface PushPolicy {
  act(view: PushView, observed: readonly Observed[]): void | Promise<void>
}

/** Days between two pushes to a user, at least. */
export const daysBetweenPushes = 7

/** What came of a policy. */
export interface SimulationResult {
  /** (days) Users who came within the last seven days, at the end of each. */
  readonly weeklyActive: readonly number[]
  readonly sends: number
  /** That were reported. */
  readonly clicks: number
  /** Clicks on the mean for each that the usual click rates of the same users make expect. */
  readonly lift: number
  readonly optOuts: number
  /** Pushes to users who had one less than seven days before. */
  readonly violations: number
}

/** What a policy sees of a world, or of another view of it, with sends of its own. */
export function viewOf(world: Omit<PushView, 'send'>, send: PushView['send']): PushView {
  return {
    parameters: world.parameters,
    past: world.past,
    get now() {
      return world.now
    },
    get articles() {
      return world.articles
    },
    hasOptedOut: user => world.hasOptedOut(user),
    send,
  }
}

/** Runs a policy in the world of a seed, for all of its days. */
export async function simulate(
  seed: number,
  policyIn: (world: World) => PushPolicy,
  parameters?: WorldParameters,
): Promise<SimulationResult> {
  const world = new World(seed, parameters)
  const policy = policyIn(world)
  const { users } = world.parameters
  const pushed = new Float64Array(users).fill(Number.NEGATIVE_INFINITY)
  const usual = usualCtrsOf(world.past)
  const [sent, weeklyActive]: [Set<number>, number[]] = [new Set(), []]
  let [sends, clicks, expected, violations] = [0, 0, 0, 0]
  const view = viewOf(world, (user, article, title) => {
    violations += Number(world.now - pushed[user] < daysBetweenPushes * minutesInDay)
    pushed[user] = world.now
    expected += usual[user]!
    sends++
    sent.add(user)
    return world.send(user, article, title)
  })
  let observed: readonly Observed[] = []
  while (!world.hasEnded) {
    await policy.act(view, observed)
    observed = world.advance()
    for (const { kind } of observed) clicks += Number(kind === 'click')
    if (world.now % minutesInDay < step) weeklyActive.push(world.weeklyActive)
  }
  const optOuts = [...sent].filter(user => world.hasOptedOut(user)).length
  return { weeklyActive, sends, clicks, lift: expected > 0 ? clicks / expected : 0, optOuts, violations }
}

/** (users) The usual CTRs by the pushes before the beginning. */
function usualCtrsOf({ pushes, clicks }: Past): Float64Array {
  const counts = { segments: new Uint8Array(pushes.length), pushes, clicks }
  return usualCtrs(fitUsualCtr(counts, 1), counts)
}
