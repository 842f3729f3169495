/** What pushes bring in the simulated world, by what the world itself knows. */
import { analyse } from '../../src/push/analyse/analyse.ts'
import type { PushAnalysis } from '../../src/push/analyse/analysis.ts'
import { type WorldParameters, worldParameters } from '../../src/push/simulate/parameters.ts'
import { PushRecording } from '../../src/push/simulate/recording/recording.ts'
import { simulate } from '../../src/push/simulate/run.ts'
import { hazardAt, minutesInDay } from '../../src/push/simulate/visits.ts'

/**
 * The loop in the world of a seed, analysed at its end, with the truth: of each send the probability that its user clicks, and would not have come
 * within the window by itself.
 */
export async function simulatedEffect(
  seed: number,
  given: Partial<WorldParameters>,
): Promise<{ readonly analysis: PushAnalysis; readonly truth: number }> {
  const parameters = Object.assign({}, worldParameters, given)
  const recording = new PushRecording()
  let truth = 0
  const result = await simulate(
    seed,
    world => {
      const lastVisits = world.past.lastVisits.slice()
      const { send } = world
      world.send = (user, article, title) => {
        const days = Math.floor((world.now - lastVisits[user]!) / minutesInDay)
        let staysAway = 1
        for (let day = 1; day <= 7; day++) staysAway *= 1 - hazardAt(parameters.returnHazards, days + day)
        truth += world.clickRate(user, article, title) * staysAway
        return send.call(world, user, article, title)
      }
      const policy = recording.policyIn({ seed })(world)
      return {
        act: (view, observed) => {
          for (const { kind, user, time } of observed) if (kind === 'visit') lastVisits[user] = time
          return policy.act(view, observed)
        },
      }
    },
    parameters,
  )
  return { analysis: await analyse(recording.analysisInput(result)), truth }
}
