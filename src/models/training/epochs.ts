import type { TrainContext, Trained } from '../algorithm.ts'

/** A training that is made of epochs. */
export interface EpochTraining {
  /** In all, those before this run included. */
  readonly epochs: number
  /** What an epoch goes over: rows, or positions of a text. */
  readonly rows: number
  /** Runs epoch `epoch`, counted from 0; gives its loss. */
  readonly run: (epoch: number) => Promise<number>
  /** Share of the running epoch that is done, 0 to 1. */
  readonly fraction: () => number
  /** As they are between two epochs. */
  readonly tensors: () => Trained['tensors']
}

/**
 * Runs the epochs that are left after those of the model that the training goes on from, and tells how far it has come. Aborting
 * the signal ends it after the running epoch.
 */
export async function trainEpochs(training: EpochTraining, context: TrainContext): Promise<Trained> {
  const { signal, from, onProgress, onCheckpoint } = context
  const loss = [...(from?.manifest.loss ?? [])]
  const before = from?.manifest.epochs ?? 0
  let epoch = before
  const begun = performance.now()
  const report = () => {
    const seconds = (performance.now() - begun) / 1000
    const inThisRun = epoch - before + training.fraction()
    const left = training.epochs - before - inThisRun
    onProgress?.({
      done: training.epochs > 0 ? (before + inThisRun) / training.epochs : 1,
      epochs: { done: epoch, total: training.epochs },
      rowsPerSecond: (inThisRun * training.rows) / Math.max(seconds, 1e-9),
      secondsLeft: inThisRun > 0 ? (seconds / inThisRun) * left : Number.POSITIVE_INFINITY,
      loss: [...loss],
    })
  }
  const trained = (): Trained => ({
    tensors: training.tensors(),
    epochs: epoch,
    complete: epoch >= training.epochs,
    loss: [...loss],
  })
  const ticking = onProgress && setInterval(report, 200)
  try {
    while (epoch < training.epochs && !signal?.aborted) {
      loss.push(await training.run(epoch))
      epoch++
      report()
      if (epoch < training.epochs) await onCheckpoint?.(trained())
    }
  } finally {
    clearInterval(ticking)
  }
  return trained()
}
