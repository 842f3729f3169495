/** One import in a process of its own, so that its peak memory is its own too: prints one line of JSON. */
import { type ImportOptions, importDataset } from '../../src/ingest/import.ts'

const options: ImportOptions = JSON.parse(process.argv[2]!)
const begun = performance.now()
const { source, users, items, pairs, events } = await importDataset(options)
const seconds = (performance.now() - begun) / 1000
const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
const cpuSeconds = (userCPUTime + systemCPUTime) / 1e6
const { rows } = source as { readonly rows: number }
console.log(JSON.stringify({ seconds, cpuSeconds, peakMiB: maxRSS / 1024, rows, users, items, pairs, events }))
