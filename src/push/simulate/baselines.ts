/** What a push engine is compared with: nothing, and simple policies. */
import { randomNumbers } from '../../storage/random.ts'
import { daysBetweenPushes, type PushPolicy, type PushView } from './run.ts'
import { minutesInDay, minutesInHour } from './visits.ts'
import type { Observed, World } from './world.ts'

/** Minutes after it appeared at which an article is pushed: what was read of it by then is known. */
export const pushedAfter = 30

export const nothing = (): PushPolicy => ({ act: () => {} })

/** Who can be pushed to now: no visit in seven days, no push in seven days, and no opt-out. */
export class Eligibility {
  readonly #lastVisits: Float64Array
  readonly #lastPushes: Float64Array

  constructor({ lastVisits }: World['past']) {
    this.#lastVisits = lastVisits.slice()
    this.#lastPushes = new Float64Array(lastVisits.length).fill(Number.NEGATIVE_INFINITY)
  }

  see(observed: readonly Observed[]): void {
    for (const { kind, user, time } of observed) if (kind === 'visit' || kind === 'click') this.#lastVisits[user] = time
  }

  isEligible(user: number, view: PushView): boolean {
    const from = view.now - daysBetweenPushes * minutesInDay
    return this.#lastVisits[user]! < from && this.#lastPushes[user]! <= from && !view.hasOptedOut(user)
  }

  pushed(user: number, now: number): void {
    this.#lastPushes[user] = now
  }

  users(view: PushView): number[] {
    const users: number[] = []
    for (let user = 0; user < this.#lastVisits.length; user++) if (this.isEligible(user, view)) users.push(user)
    return users
  }
}

/** Every hour of the day a part of all eligible users gets an article of the last hour, drawn at random. */
export function randomBlast(seed: number): (world: World) => PushPolicy {
  return world => {
    const random = randomNumbers(seed)
    const eligibility = new Eligibility(world.past)
    return {
      act: (view, observed) => {
        eligibility.see(observed)
        if (view.now % minutesInHour !== 0) return
        const candidates = view.articles.filter(
          ({ createdAt }) => createdAt > view.now - 90 && createdAt <= view.now - pushedAfter,
        )
        if (candidates.length === 0) return
        // A week has so many hours: nobody's turn is lost.
        for (const user of eligibility.users(view)) {
          if (random() * daysBetweenPushes * 24 > 1.5) continue
          const { id } = candidates[Math.floor(random() * candidates.length)]!
          view.send(user, id, 0)
          eligibility.pushed(user, view.now)
        }
      },
    }
  }
}

/** Once a day, in the evening, all eligible users get the article that most have read in its first half hour. */
export function popularToAll(world: World): PushPolicy {
  const eligibility = new Eligibility(world.past)
  const reads = new Map<number, number>()
  return {
    act: (view, observed) => {
      eligibility.see(observed)
      for (const { kind, article } of observed) {
        if (kind === 'read') reads.set(article!, (reads.get(article!) ?? 0) + 1)
      }
      if (view.now % minutesInDay !== 21 * minutesInHour) return
      const recent = view.articles.filter(
        ({ createdAt }) => createdAt > view.now - 4 * minutesInHour && createdAt <= view.now - pushedAfter,
      )
      const [best] = recent.toSorted((a, b) => (reads.get(b.id) ?? 0) - (reads.get(a.id) ?? 0))
      if (!best) return
      for (const user of eligibility.users(view)) {
        view.send(user, best.id, 0)
        eligibility.pushed(user, view.now)
      }
    },
  }
}
