/**
 * Asynchronous successive halving (Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning", algorithm 2): many
 * trials get few epochs, and the best of those who had as many get more. What comes next follows from the scores so far, so
 * a search may end at any time, and go on later.
 */

/** Of so many trials with the same epochs one goes on. */
const eta = 3
/** Epochs of the first rung at least: fewer say little. */
const leastEpochs = 3

/** What halving needs to know of a trial: its scores, one for each of the first rungs. */
export interface Scored {
  readonly scores: readonly { readonly score: number }[]
}

/** Epochs of each rung, rising to `epochs`, each about `eta` times those of the one before. */
export function rungsOf(epochs: number): number[] {
  const rungs = [epochs]
  for (let fewer = Math.ceil(epochs / eta); fewer >= leastEpochs && fewer < rungs[0]!; fewer = Math.ceil(fewer / eta)) {
    rungs.unshift(fewer)
  }
  return rungs
}

/** The trial that is to go on, of the highest rung where one may; undefined where a new one is to begin. */
export function nextToGoOn<Trial extends Scored>(trials: readonly Trial[], rungs: number): Trial | undefined {
  for (let rung = rungs - 2; rung >= 0; rung--) {
    const best = bestOf(trials, rung)
    const found = best.slice(0, Math.floor(best.length / eta)).find(({ scores }) => scores.length === rung + 1)
    if (found && found.scores[rung]!.score > Number.NEGATIVE_INFINITY) return found
  }
  return undefined
}

/** Those that may soon go on: the best of each rung, more than do. */
export function likelyToGoOn<Trial extends Scored>(trials: readonly Trial[], rungs: number): Set<Trial> {
  const likely = new Set<Trial>()
  for (let rung = 0; rung < rungs - 1; rung++) {
    const best = bestOf(trials, rung)
    for (const trial of best.slice(0, Math.ceil(best.length / eta) + 1)) {
      if (trial.scores.length === rung + 1) likely.add(trial)
    }
  }
  return likely
}

/** The best `count` of the highest rung that so many have reached; none where none has. */
export function bestSoFar<Trial extends Scored>(trials: readonly Trial[], count: number): Trial[] {
  const sound = trials.filter(({ scores }) => scores.every(({ score }) => score > Number.NEGATIVE_INFINITY))
  for (let rung = Math.max(...sound.map(({ scores }) => scores.length), 0) - 1; rung >= 0; rung--) {
    const best = bestOf(sound, rung)
    if (best.length >= count) return best.slice(0, count)
  }
  return []
}

/** Trials that have reached `rung`, the best first. */
function bestOf<Trial extends Scored>(trials: readonly Trial[], rung: number): Trial[] {
  const reached = trials.filter(({ scores }) => scores.length > rung)
  return reached.sort((a, b) => b.scores[rung]!.score - a.scores[rung]!.score)
}
