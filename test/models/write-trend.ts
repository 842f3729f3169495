/** A thread that adds to each item of a trend in turn for half a second. */
import { workerData } from 'node:worker_threads'
import { TrendWriter } from '../../src/models/sequential/trending/trend.ts'

const { live, done } = workerData
const writer = new TrendWriter(live, new Float32Array(0), new Uint32Array(0))
const end = performance.now() + 500
for (let step = 0; performance.now() < end; step++) writer.add((step * 37) % live.rows, 1 + (step % 5))
Atomics.store(done, 0, 1)
