/**
 * `npm test` runs every test there is, of Rust and of TypeScript, prints what the runners print, and ends with one
 * line: `N passed, N failed`, and `, N skipped` where some were. Exits 1 if a test failed or a runner did.
 *
 * `npm test -- ARGUMENT…` hands the arguments to vitest, and runs nothing else: `npm test -- test/storage -t maps`.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Count {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

process.chdir(join(import.meta.dirname, '..'))
const args = process.argv.slice(2)
if (args.length > 0) process.exit((await run('npx', ['vitest', 'run', ...args])).status ?? 1)

const counts = [await cargo(), await vitest()]
const sum = (key: keyof Count) => counts.reduce((total, count) => total + count[key], 0)
const skipped = sum('skipped') ? `, ${sum('skipped')} skipped` : ''
console.log(`${sum('passed')} passed, ${sum('failed')} failed${skipped}`)
process.exitCode = sum('failed') ? 1 : 0

/** Each test binary of cargo's ends with `test result: ok. 3 passed; 0 failed; 1 ignored; …`. */
async function cargo(): Promise<Count> {
  const { status, output } = await run('cargo', ['test', '--workspace', '--no-fail-fast'])
  const results = [...output.matchAll(/^test result: .*?(\d+) passed; (\d+) failed; (\d+) ignored/gm)]
  const column = (index: number) => results.reduce((total, result) => total + Number(result[index]), 0)
  return withRunner(status, { passed: column(1), failed: column(2), skipped: column(3) })
}

async function vitest(): Promise<Count> {
  const folder = mkdtempSync(join(tmpdir(), 'aurochs-test-'))
  try {
    const report = join(folder, 'report.json')
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
    const { status } = await run('npx', ['vitest', 'run', ...reporters])
    if (!existsSync(report)) return { passed: 0, failed: 1, skipped: 0 }
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = JSON.parse(readFileSync(report, 'utf8'))
    return withRunner(status, {
      passed: numPassedTests,
      failed: numFailedTests,
      skipped: numPendingTests + numTodoTests,
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** A runner that failed without a failed test (a file that does not compile, a crash) counts as one failure. */
function withRunner(status: number | null, count: Count): Count {
  return status !== 0 && count.failed === 0 ? { ...count, failed: 1 } : count
}

/** Runs `command`, passing its output on as it comes. */
function run(command: string, args: readonly string[]): Promise<{ status: number | null; output: string }> {
  return new Promise(resolve => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', text => {
      output += text
      process.stdout.write(text)
    })
    child.on('error', error => {
      console.error(`${command} cannot be run: ${error.message}`)
      resolve({ status: null, output })
    })
    child.on('close', status => resolve({ status, output }))
  })
}
