/** `npm run bench -- NAME [--json] [--data FILE] …`: each bench is a file beside this one that exports `run`. */
import { runBench } from './support/harness.ts'

process.exitCode = await runBench(import.meta.dirname, process.argv.slice(2))
