import type { PushUsers } from '../../src/push/data/users.ts'
import type { MadeRound, PlannedSend, PushAction, PushObservation, PushSteps } from '../../src/push/loop/actions.ts'

export interface Script {
  /** Sends of a round. */
  readonly round: number
  readonly rounds: number
  /** Users of these rows are held out. Default: none. */
  readonly heldOut?: readonly number[]
  /** In ms. Default: an hour. */
  readonly life?: number
}

interface Campaign {
  readonly tried: Set<number>
  round: number
  isStopped: boolean
}

/** Pushes each article to the first users who may have it, some a round and one round a step; keeps all that it is told. */
export class ScriptedSteps implements PushSteps {
  readonly users: PushUsers
  readonly observed: PushObservation[] = []
  readonly restored: { readonly action: PushAction; readonly now: number }[] = []
  readonly made: PlannedSend[] = []
  steps = 0
  readonly #script: Script
  readonly #articles = new Map<string, Campaign | undefined>()

  constructor(users: PushUsers, script: Script) {
    this.users = users
    this.#script = script
  }

  observe(observations: readonly PushObservation[]): void {
    this.observed.push(...observations)
    for (const observation of observations) {
      if (observation.kind !== 'article') continue
      const { id } = observation.article
      if (!this.#articles.has(id)) this.#articles.set(id, undefined)
    }
  }

  restore(action: PushAction, now: number): void {
    this.restored.push({ action, now })
    const campaign = this.#articles.get(action.article) ?? { tried: new Set(), round: 0, isStopped: false }
    if (action.kind === 'campaign') this.#articles.set(action.article, campaign)
    if (action.kind === 'send') {
      campaign.round = Math.max(campaign.round, action.round + 1)
      for (const { user } of action.sends) campaign.tried.add(user)
    }
    if (action.kind === 'stop') campaign.isStopped = true
  }

  async step(now: number): Promise<readonly PushAction[]> {
    this.steps++
    const { round: size, rounds, heldOut = [], life = 3_600_000 } = this.#script
    const actions: PushAction[] = []
    for (const [article, known] of this.#articles) {
      if (!known) {
        this.#articles.set(article, { tried: new Set(), round: 0, isStopped: false })
        const decision = { ...likely, firstVolume: size, mostVolume: size * rounds }
        actions.push({ kind: 'decision', article, decision })
        const campaign = { titles: ['One', 'Two'], url: `https://example.org/${article}`, ends: now + life }
        actions.push({ kind: 'campaign', article, ...campaign, budget: 1_000_000, target: 2.4 })
      }
      const campaign = this.#articles.get(article)!
      if (campaign.isStopped) continue
      const sends = this.#choose(campaign, now, size)
      if (campaign.round >= rounds || sends.length === 0) {
        campaign.isStopped = true
        actions.push({ kind: 'stop', article, reason: 'no one left' })
        continue
      }
      const holdOuts = campaign.round > 0 ? [] : heldOut.map((user, rank) => ({ user, rank }))
      actions.push({ kind: 'send', article, round: campaign.round++, sends, holdOuts })
    }
    return actions
  }

  sent(_article: string, { sends }: MadeRound): void {
    this.made.push(...sends)
  }

  #choose(campaign: Campaign, now: number, most: number): PlannedSend[] {
    const { reachable, busyUntil, size } = this.users
    const sends: PlannedSend[] = []
    for (let user = 0; user < size && sends.length < most; user++) {
      if (reachable[user] === 0 || busyUntil[user]! > now || campaign.tried.has(user)) continue
      campaign.tried.add(user)
      sends.push({ user, title: user % 2, rank: sends.length, usualCtr: 0.01, expectedCtr: 0.03 })
    }
    return sends
  }
}

const likely = {
  lift: 3,
  interval: [2, 4],
  isPushed: true,
  contributions: [{ feature: 'reads', value: 5, by: 0.5 }],
  reason: 'likely',
} as const
