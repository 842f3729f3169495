/** One import in a process of its own, so that its peak memory is its own too: prints `{"seconds", "cpuSeconds", "peakMiB", "rows"}`. */
import { type ImportOptions, importDataset } from '../../src/ingest/import.ts'

const options: ImportOptions = JSON.parse(process.argv[2]!)
const begun = performance.now()
const { source } = await importDataset(options)
const seconds = (performance.now() - begun) / 1000
const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
const cpuSeconds = (userCPUTime + systemCPUTime) / 1e6
console.log(JSON.stringify({ seconds, cpuSeconds, peakMiB: maxRSS / 1024, rows: source?.rows }))
