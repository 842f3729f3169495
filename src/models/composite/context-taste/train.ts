import type { Dataset } from '../../../storage/dataset.ts'
import { vector } from '../../../storage/safetensors.ts'
import type { TrainContext, Trained, TrainProgress } from '../../algorithm.ts'
import { assertHasTimes } from '../../sequential/sessions/sessions.ts'
import { newestOf } from '../../weighting/event-sums.ts'
import type { Part } from '../parts/parts.ts'
import { trainParts } from '../parts/train.ts'
import { featureNames, isFirstOfSession, sessionGapOf } from './features.ts'
import { fitGate, weigh } from './gate/gate.ts'
import { chooseReliance, type HoldoutEvents, type Reliance } from './gate/reliance.ts'
import { collectSamples, type GateTrainingData } from './gate/samples.ts'
import type { ContextTasteOptions } from './options.ts'
import { encodeCalibration, probabilitiesOf } from './probabilities.ts'

/**
 * Trains the parts twice: on all but the latest events, which the gate learns from, and on all events.
 * `contextTasteTensors` in model.ts describes the tensors.
 *
 * @throws RangeError when the dataset has no times, or for what a part refuses; the signal's reason when it is
 * aborted.
 */
export async function trainContextTaste(
  dataset: Dataset,
  options: ContextTasteOptions,
  parts: readonly Part[],
  { pool, signal, onProgress }: TrainContext,
): Promise<Trained> {
  assertHasTimes(dataset, 'context-taste')
  const begun = performance.now()
  const report = (done: number, rowsPerSecond: number) => {
    const seconds = (performance.now() - begun) / 1000
    onProgress?.({
      done,
      rowsPerSecond,
      secondsLeft: done > 0 ? (seconds / done) * (1 - done) : Number.POSITIVE_INFINITY,
    })
  }
  const { gateShare: share, gateEvents: most, depth } = options
  const collected = await collectSamples(
    dataset,
    parts,
    { share, most, depth, sessionGap: sessionGapOf(parts), weighting: options },
    { pool, signal, onProgress: part => report(part / 2, 0) },
  )
  const { gate, reliance } = learn(collected, parts.length, options.gate)
  const trained = await trainParts(dataset, parts, {
    pool,
    signal,
    onProgress: ({ done, rowsPerSecond }: TrainProgress) => report(0.5 + done / 2, rowsPerSecond),
  })
  const tensors = {
    ...trained.tensors,
    'gate.means': vector(gate.means),
    'gate.scales': vector(gate.scales),
    'gate.coefficients': vector(gate.coefficients),
    'gate.temperatures': vector(Float64Array.from(collected.calibrations, encodeCalibration)),
    'gate.reliance': {
      data: Float64Array.from(
        [reliance?.first ?? unjudged, reliance?.later ?? unjudged].flatMap(each => [
          each.best,
          each.gateWeight,
          each.repeatFactor,
        ]),
      ),
      shape: [2, 3],
    },
    'gate.newest': vector(Float64Array.of(newestOf(dataset.events!.times))),
  }
  return {
    ...trained,
    tensors,
    findings: [...findingsOf(reliance, collected.samples.count, parts), ...(trained.findings ?? [])],
  }
}

/** What is served where the samples do not tell how far to follow the gate: the gate. */
const unjudged: Reliance = { best: 0, gateWeight: 1, repeatFactor: 1 }

/** How far the gate is followed at the first of a session, and later in it. */
interface SessionReliance {
  readonly first: Reliance
  readonly later: Reliance
}

/** What was chosen, in plain words. */
function findingsOf(reliance: SessionReliance | undefined, samples: number, parts: readonly Part[]): string[] {
  if (parts.length === 1) return []
  if (samples === 0) return ['There were no events that a gate could learn from: all parts count alike.']
  if (!reliance) {
    return ['No part has any of the latest events among its first 20: the gate is followed, but was not tested.']
  }
  const followed = ({ best, gateWeight, repeatFactor }: Reliance) => {
    const alone = `${parts[best]!.algorithm.name}, which is the best part alone`
    if (gateWeight === 0) return `the lists are those of ${alone}`
    const gate = gateWeight === 1 ? 'the gate is followed' : `the gate counts ${gateWeight}, the rest ${alone}`
    return repeatFactor === 1 ? gate : `${gate}, and the user's latest items count ${repeatFactor}`
  }
  const [first, later] = [followed(reliance.first), followed(reliance.later)]
  if (first === later) return [`At the first of a session and later ${first}.`]
  return [`At the first of a session ${first}. Later in a session ${later}.`]
}

/** Share of the samples, the first in time, that a gate is fitted on to be judged by the others. */
const fittedShare = 0.7

/**
 * How many samples must judge the gate at the first of a session, or later, for a choice of its own; of fewer, all
 * samples choose. The hit rate of 200 is known to within ±7 % (two standard errors at 50 %): parts often differ by less.
 */
const leastJudged = 200

/** The gate of all samples, and how far to follow one that was fitted on the earlier ones. */
function learn(collected: GateTrainingData, parts: number, by: ContextTasteOptions['gate']) {
  const { samples } = collected
  const sizes = { parts, features: featureNames.length }
  const features = (event: number) => samples.features.subarray(event * sizes.features, (event + 1) * sizes.features)
  // Of features that never differ a gate learns nothing.
  const known = by === 'moment' ? samples : { ...samples, features: new Float64Array(samples.features.length) }
  const fitted = Math.floor(fittedShare * samples.count)
  const earlier = fitGate({ ...known, count: fitted }, sizes)
  const judged = Uint32Array.from({ length: samples.count - fitted }, (_, at) => fitted + at)
  const weights = new Float64Array(parts)
  const relianceOn = (events: Uint32Array) =>
    chooseReliance(holdoutOf(collected, events), parts, at => {
      weigh(earlier, features(events[at]), weights)
      return weights
    })
  const relianceWhere = (isFirst: boolean) => {
    const own = judged.filter(event => isFirstOfSession(features(event)) === isFirst)
    return (own.length >= leastJudged ? relianceOn(own) : undefined) ?? relianceOn(judged)
  }
  const [first, later] =
    by === 'moment'
      ? [relianceWhere(true), relianceWhere(false)]
      : Array<Reliance | undefined>(2).fill(relianceOn(judged))
  const reliance: SessionReliance | undefined = first && later && { first, later }
  return { gate: fitGate(known, sizes), reliance }
}

function holdoutOf(
  { lists, calibrations, recent, targets, isNewToUser, isNewItem }: GateTrainingData,
  events: Uint32Array,
): HoldoutEvents {
  const experts = Array.from(events, event =>
    lists[event].map((list, part) => ({
      items: list.items,
      probabilities: probabilitiesOf(list, calibrations[part]),
    })),
  )
  return {
    count: events.length,
    experts: at => experts[at],
    recent: at => recent[events[at]],
    isNewItem,
    targets: events.map(event => targets[event]),
    views: [at => isNewToUser[events[at]] === 1, at => isNewItem(targets[events[at]])],
  }
}
