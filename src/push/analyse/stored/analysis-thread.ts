/** The thread of one analysis: it reads and counts for seconds, which nothing else of the process should wait for. */
import { parentPort, workerData } from 'node:worker_threads'
import type { PushAnalysis } from '../analysis.ts'
import { analyseStored, type StoredPushesOptions } from './stored-pushes.ts'

export interface AnalysisThreadData {
  readonly state: string
  readonly options: StoredPushesOptions
}

export type AnalysisAnswer = { readonly analysis: PushAnalysis } | { readonly failure: string }

const { state, options } = workerData as AnalysisThreadData
const answer: AnalysisAnswer = await analyseStored(state, options).then(
  analysis => ({ analysis }),
  (error: Error) => ({ failure: error.message }),
)
parentPort!.postMessage(answer)
