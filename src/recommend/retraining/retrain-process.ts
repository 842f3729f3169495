/** A process that retrains once: what it needs in memory, and how it may end, is no matter of the server that serves meanwhile. */
import os from 'node:os'
import { type Retrained, type RetrainOptions, retrain } from './retrain.ts'

/** What the process is sent, once. */
export type RetrainTask = Omit<RetrainOptions, 'signal' | 'onProgress'>

/** What it answers, once: the outcome. */
export type RetrainReport = { readonly retrained: Retrained } | { readonly failure: string }

const controller = new AbortController()
process.on('SIGTERM', () => controller.abort(new Error('the server is about to end')))
// By a terminal it is sent to all processes: the server ends this one.
process.on('SIGINT', () => {})
// The server has ended before it could say so.
process.on('disconnect', () => process.exit(1))
process.once('message', async (task: RetrainTask) => {
  os.setPriority(10)
  // Where the server has just ended nobody waits for it.
  const report = (message: RetrainReport) => process.connected && process.send?.(message, () => {})
  try {
    report({ retrained: await retrain({ ...task, signal: controller.signal }) })
  } catch (error) {
    report({ failure: (error as Error).message })
  }
  process.removeAllListeners('disconnect')
  process.disconnect()
})
