import type { AnalysisInput } from '../../analyse/input.ts'
import type { WorldParameters } from '../parameters.ts'
import { type SimulationResult, simulate } from '../run.ts'
import { minutesInDay } from '../visits.ts'
import { PushRecording } from './recording.ts'

/** Runs the whole loop in the world of a seed, and gives what came of its pushes for an analysis. */
export async function recordLoop(options: {
  readonly seed: number
  readonly parameters: WorldParameters
  /** Of doing nothing in the same world. */
  readonly baseline?: SimulationResult | undefined
  readonly signal?: AbortSignal | undefined
  readonly onDay?: ((day: number) => void) | undefined
}): Promise<AnalysisInput> {
  const { seed, parameters, baseline, signal, onDay } = options
  const recording = new PushRecording()
  const onStep = async (now: number) => {
    if (now % minutesInDay === 0) {
      onDay?.(now / minutesInDay)
      // Signals are heard between tasks alone.
      await new Promise(resolve => setImmediate(resolve))
    }
    signal?.throwIfAborted()
  }
  const result = await simulate(
    seed,
    recording.policyIn({ seed }, world => onStep(world.now)),
    parameters,
  )
  return recording.analysisInput(result, baseline)
}
