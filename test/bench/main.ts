import { runBench } from '../../bench/support/harness.ts'

process.exitCode = await runBench(`${import.meta.dirname}/benches`, process.argv.slice(2))
