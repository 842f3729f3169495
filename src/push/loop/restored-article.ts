import type { PushArticle } from '../data/article.ts'
import type { PlannedSend, PushAction } from './actions.ts'
import type { RankedUsers } from './preference.ts'

/** An article that a former process pushed, with what it did and what came of that. */
export class RestoredArticle {
  readonly article: PushArticle
  /** Of the campaign: sends have their places. */
  readonly titles: readonly string[]
  /** Who had read it, and reads of all articles, until it was decided about. */
  readonly readers: readonly number[]
  readonly allReads: number
  readonly rounds: { readonly sends: readonly PlannedSend[]; readonly time: number }[] = []
  readonly deliveries: { readonly user: number; readonly time: number }[] = []
  readonly clicks: { readonly user: number; readonly time: number }[] = []
  nextRound = 0
  stopped: string | undefined

  constructor(article: PushArticle, titles: readonly string[], readers: readonly number[], allReads: number) {
    this.article = article
    this.titles = titles
    this.readers = readers
    this.allReads = allReads
  }

  add(action: PushAction, time: number): void {
    if (action.kind === 'stop') this.stopped = action.reason
    if (action.kind !== 'send') return
    this.rounds.push({ sends: action.sends, time })
    this.nextRound = Math.max(this.nextRound, action.round + 1)
  }

  sends(): PlannedSend[] {
    return this.rounds.flatMap(({ sends }) => sends)
  }
}

/** The ranking, with those who had the article and are not in it at its end. */
export function placeSends({ users, scores }: RankedUsers, sends: readonly PlannedSend[]): RankedUsers {
  const known = new Set(users)
  const missing = sends.filter(({ user }) => !known.has(user))
  if (missing.length === 0) return { users, scores }
  const [allUsers, allScores] = [
    new Uint32Array(users.length + missing.length),
    new Float32Array(users.length + missing.length),
  ]
  allUsers.set(users)
  allScores.set(scores)
  allScores.fill(scores.at(-1) ?? 0, users.length)
  missing.forEach(({ user }, at) => {
    allUsers[users.length + at] = user
  })
  return { users: allUsers, scores: allScores }
}
