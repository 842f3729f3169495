import { loopParts } from '../../loop/options.ts'
import { nothing, popularToAll, randomBlast } from '../baselines.ts'
import { fullLoop } from '../full-loop.ts'
import { oracle } from '../oracle.ts'
import type { PushPolicy } from '../run.ts'
import type { World } from '../world.ts'

/** A policy that is compared. */
export interface NamedPolicy {
  readonly name: string
  /** What it does, in a few words. */
  readonly note: string
  /** @param seed of the world: what the policy draws at random is by it, too. */
  policyIn(seed: number): (world: World) => PushPolicy
}

/** What gains are counted from, what they are measured by, and what the others are compared with. */
export const [baselineName, boundName, loopName] = ['nothing', 'oracle', 'full-loop']
/** The loop that pushes an article in one round alone. */
export const oneRoundName = 'without-resending'

const notes = {
  select: 'the loop that thinks all articles alike before they are pushed',
  titles: 'the loop with the first title of each article alone',
  preference: 'the loop that orders the users of an article at random',
  price: 'the loop whose sends need only reach the target',
  resending: 'the loop with one round of each article: personalised, without re-sending',
  learning: 'the loop that learns nothing from what came of articles',
} as const satisfies Readonly<Record<(typeof loopParts)[number], string>>

/** In the order in which they are shown. */
export const policies: readonly NamedPolicy[] = [
  { name: baselineName, note: 'no pushes', policyIn: () => nothing },
  { name: 'random', note: 'every hour, some articles to users at random', policyIn: seed => randomBlast(seed) },
  { name: 'popular', note: 'every evening, the article most read to all', policyIn: () => popularToAll },
  {
    name: 'normal-rule',
    note: 'the loop that grows while the target is within the normal interval of lift',
    policyIn: seed => fullLoop({ seed, rule: 'normal' }),
  },
  ...loopParts.map(part => ({
    name: `without-${part}`,
    note: notes[part],
    policyIn: (seed: number) => fullLoop({ seed, without: part }),
  })),
  { name: loopName, note: 'the whole loop, with the sequential rule', policyIn: seed => fullLoop({ seed }) },
  {
    name: boundName,
    note: 'knows all click rates of what has appeared, but not what comes next',
    // The distribution of click rates is taken from a world that no policy is tried in.
    policyIn: seed => oracle(seed + 1_000_000),
  },
]

/** @throws RangeError when there is none of this name. */
export function policyNamed(name: string): NamedPolicy {
  const policy = policies.find(policy => policy.name === name)
  if (policy) return policy
  throw new RangeError(`policy must be one of ${policies.map(({ name }) => name).join(', ')}, got ${name}`)
}
